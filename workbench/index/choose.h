/* A sample of distinct windows by class, in a seeded hash order: the same for any number of ranks, and growing as a
 * superset.
 *
 * Every window has a key, a hash of its fingerprint and the seed; a class is sampled in order of (key, fingerprint).
 * While a census visits windows, each rank keeps only the `keep` least of each class. Gathered, they are the true
 * beginning of the order up to the first place where some rank had to drop one; what lies behind is cut off. A caller
 * that needs more than is left asks again with a larger `keep`. */
#ifndef MEMPROBE_CHOOSE_H
#define MEMPROBE_CHOOSE_H
#include "index/census.h"
#include <stdint.h>

typedef struct {
    int64_t class;
    uint64_t key;
    census_window_t window;
} candidate_t;

typedef struct candidates candidates_t;
/* keep: how many of each class shall be known over all ranks, about. */
int candidates_create(int64_t classes, int64_t keep, uint64_t seed, candidates_t **candidates);
void candidates_free(candidates_t *candidates);
int candidates_add(candidates_t *candidates, int64_t class, const census_window_t *window); // local
/* The same for a place: its key is a hash of where it stands first, so equal windows in two places are two. */
int candidates_add_place(candidates_t *candidates, int64_t class, const census_window_t *window); // local

typedef struct {
    int64_t classes;
    candidate_t *candidate; // by class, then in order
    int64_t *first;         // (classes + 1) class c is candidate[first[c] .. first[c + 1] - 1]
    uint8_t *complete;      // (classes) 1: nothing was cut off
} choice_t;
/* Collective: the same on every rank. */
int candidates_gather(candidates_t *candidates, choice_t *choice);
void choice_free(choice_t *choice);

/* Takes up to `want` windows of a class in order; one that overlaps a taken one, or whose barred[i] is set (barred may
 * be NULL; i indexes choice->candidate), is passed over. taken[0 .. *n - 1]: their indices. Returns 0, -1 on error, or
 * 1 when the class ran dry though more may exist behind the cut. */
int choice_take(const choice_t *choice, int64_t class, int64_t length, int64_t want, const uint8_t *barred,
                int64_t *taken, int64_t *n);

#endif
