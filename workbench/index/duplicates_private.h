/* The parts of the census of several lengths; for duplicates*.c, dup_*.c and near*.c only. */
#ifndef MEMPROBE_DUPLICATES_PRIVATE_H
#define MEMPROBE_DUPLICATES_PRIVATE_H
#include "index/census.h"
#include "index/duplicates.h"
#include "text/tokens.h"
#include <stdint.h>

/* --- levels: a byte for each position of the corpus, in a file -----------------------------------------------------
 * 0: the window that begins here stands nowhere else, or none begins here; else 1 + bucket of its count. Each rank
 * touches the positions of its own documents only. What is written is true whenever it is written, so a file half
 * written by an interrupted round does no harm. */
typedef struct {
    int fd;
    char *path;
} levels_t;
/* Collective. make: a file that is not there yet is made, of zeros; else it must be there. */
int levels_open(const char *path, int64_t positions, int make, levels_t *levels);
int levels_open_read(const char *path, int64_t positions, levels_t *levels); // local
void levels_close(levels_t *levels);                                         // local
int levels_read(const levels_t *levels, int64_t position, int64_t n, uint8_t *out);
int levels_write(const levels_t *levels, int64_t position, int64_t n, const uint8_t *from);
int levels_sync(const levels_t *levels);

/* --- the most frequent windows ------------------------------------------------------------------------------------ */
typedef struct {
    int64_t count, first, occurrences, documents; // count: by the rule of the census
} top_window_t;
typedef struct {
    int64_t keep, n;
    top_window_t *window; // (2 keep): when it is full, only the first keep in order stay
} top_t;
int top_create(int64_t keep, top_t *top);
void top_free(top_t *top);
void top_add(top_t *top, const top_window_t *window);
void top_sort(top_t *top);  // by falling count, then by first; keeps `keep`
int top_reduce(top_t *top); // collective: rank 0 gets the first `keep` of all ranks, sorted; the others none

/* --- one length ----------------------------------------------------------------------------------------------------
 */
typedef struct {
    int64_t distinct[CENSUS_BUCKETS], windows[CENSUS_BUCKETS], tokens[CENSUS_BUCKETS];
} histogram_t;

/* A length being counted. */
typedef struct {
    const duplicates_t *spec;
    tokens_t *corpus;
    const char *dir;
    int64_t length;
    int64_t shorter;        // the length counted before; 0: none
    const levels_t *filter; // its levels; NULL: none
    const levels_t *levels; // of this length
    histogram_t histogram;  // what is known so far: on rank 0 of all ranks, else nothing
    top_t top;              // the same
    int64_t levels_check;   // on rank 0: what dup_tokens read, hashed
} length_t;
/* Collective: counts all windows of the length: levels, and on rank 0 histogram and top. Leaves a file a round. */
int dup_count(length_t *length);
/* Collective: sets histogram.tokens and levels_check, on rank 0, from the levels. */
int dup_tokens(length_t *length);

/* Local: candidates of this rank are windows that may stand at more than one position. visit (document, from, count):
 * windows from .. from + count - 1 of a document. */
typedef int (*dup_candidates_t)(void *user, int64_t document, int64_t from, int64_t count);
int dup_each_candidate(const length_t *length, dup_candidates_t visit, void *user);

/* --- files of rounds and lengths, by rank 0 ------------------------------------------------------------------------
 */
char *dup_path(const length_t *length, const char *what); // dir/length-50.WHAT; mem_free
int dup_is_finished(const length_t *length);              // its file is there
int dup_finished_write(const length_t *length);
int dup_finished_read(length_t *length); // into histogram, top and levels_check; an error when it is damaged
/* Rounds 0 .. *done - 1 of *rounds are in files; 0 of 0: none. Adds them to histogram and top. */
int dup_rounds_read(length_t *length, int64_t *done, int64_t *rounds);
int dup_round_write(const length_t *length, const histogram_t *histogram, const top_t *top, int64_t round,
                    int64_t rounds);
int dup_rounds_remove(const length_t *length);

/* --- the tables, by rank 0, from the files of the lengths -----------------------------------------------------------
 */
int dup_tables_write(const duplicates_t *spec, tokens_t *corpus, const char *tokenizer_path, const char *dir);

#endif
