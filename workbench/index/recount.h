/* Exact counts of a few windows: one pass over a corpus that compares tokens wherever fingerprints agree. */
#ifndef MEMPROBE_RECOUNT_H
#define MEMPROBE_RECOUNT_H
#include "base/hash.h"
#include "text/tokens.h"
#include <stdint.h>

/* Collective: tokens of n windows at given positions of a corpus, (n, length), on every rank; mem_free. */
int recount_fetch(tokens_t *corpus, int64_t length, const int64_t *position, int64_t n, int32_t **tokens);

/* Collective: how often each of n windows with these fingerprints and tokens occurs, and in how many documents, over
 * all ranks; n is the same everywhere. */
int recount_windows(tokens_t *corpus, int64_t length, const hash_t *fingerprint, const int32_t *tokens, int64_t n,
                    int64_t *occurrences, int64_t *documents);
/* The same, and where it stands first; INT64_MAX where nowhere. */
int recount_located(tokens_t *corpus, int64_t length, const hash_t *fingerprint, const int32_t *tokens, int64_t n,
                    int64_t *occurrences, int64_t *documents, int64_t *first);
/* The same for occurrences that do not overlap: from left to right within a document, one that overlaps the one counted
 * before does not count. */
int recount_disjoint(tokens_t *corpus, int64_t length, const hash_t *fingerprint, const int32_t *tokens, int64_t n,
                     int64_t *occurrences, int64_t *documents);

#endif
