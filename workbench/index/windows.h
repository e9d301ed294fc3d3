/* All windows of a corpus, with their fingerprints: the pass over tokens that census, sampler and recount share.
 *
 * The fingerprint of tokens t_0 .. t_{L-1} is a pair of polynomials sum (t_i + 1) B^{L-1-i} modulo the prime 2^61 - 1,
 * at two independent random points B (Karp & Rabin 1987), each scrambled by a bijection so that all bits can be used
 * for dealing. Two different windows agree at one point with probability below L / 2^61, so at both below L^2 / 2^122;
 * any two of N distinct windows collide with probability below N^2 L^2 / 2^123: 2^-25 for 2^40 windows of 512 tokens.
 * What is reported about a probe is counted again by comparing tokens (recount.h). */
#ifndef MEMPROBE_WINDOWS_H
#define MEMPROBE_WINDOWS_H
#include "base/hash.h"
#include "text/tokens.h"
#include <stdint.h>

/* Consecutive windows of one document. */
typedef struct {
    int64_t document, position; // index of the document; position of the first window
    int64_t document_first;     // position of the document's first token
    int64_t count;
    const hash_t *fingerprint; // (count)
    const int32_t *token;      // (count + length - 1): window i is token[i .. i + length - 1]
} windows_run_t;
enum { WINDOWS_RUN = 16384 }; // the most windows of a run

/* The documents of a rank are those that start in its share of the positions: *first .. *last - 1. Local. */
void windows_share(tokens_t *corpus, int64_t *first, int64_t *last);

hash_t windows_fingerprint(int64_t length, const int32_t *token); // of one window

/* Local: how many windows the documents of this rank hold. */
int64_t windows_count(tokens_t *corpus, int64_t length);

/* Local: calls visit for the windows of this rank's documents, in order of position. */
typedef int (*windows_visit_t)(void *user, const windows_run_t *run);
int windows_scan(tokens_t *corpus, int64_t length, windows_visit_t visit, void *user);

/* The same for a part of a document, for those who do not want all: windows from, from + 1, ... from + count - 1, where
 * window 0 starts with the document's first token. All of them must lie in the document. */
typedef struct windows_scanner windows_scanner_t;
int windows_scanner_create(int64_t length, windows_scanner_t **scanner);
void windows_scanner_free(windows_scanner_t *scanner); // accepts NULL
int windows_scan_part(windows_scanner_t *scanner, tokens_t *corpus, int64_t document, int64_t from, int64_t count,
                      windows_visit_t visit, void *user);

__extension__ typedef unsigned __int128 windows_wide_t;
/* The part, of `parts` equal parts of the 64-bit range, that holds x. */
static inline uint64_t windows_part(uint64_t x, uint64_t parts) {
    return (uint64_t)((windows_wide_t)x * parts >> 64);
}

#endif
