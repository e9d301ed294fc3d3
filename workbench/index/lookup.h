/* Questions to the suffix index of a whole corpus: how often, in how many documents, where, and how much of a text
 * stands there. Blocks are dealt to ranks; all calls are collective, with the same questions on every rank, and every
 * rank gets the same answers, which depend neither on the ranks nor on the blocks. */
#ifndef MEMPROBE_LOOKUP_H
#define MEMPROBE_LOOKUP_H
#include "index/suffix.h"
#include "text/tokens.h"
#include <stdint.h>

/* occurrences (n): overlapping ones count. documents (n), may be NULL: each document counts once; costs time in
 * proportion to the occurrences of all different queries. */
int lookup_count(suffix_t *index, const tokens_t *corpus, const suffix_query_t *query, int64_t n, int64_t *occurrences,
                 int64_t *documents);

typedef struct {
    int64_t query, position;
} lookup_place_t;
/* Where the queries stand, by query, then position; of each at most `limit`, the first ones of the corpus. mem_free.
 * Memory grows with limit x queries x ranks, or with the occurrences where these are fewer. */
int lookup_places(suffix_t *index, const suffix_query_t *query, int64_t n, int64_t limit, lookup_place_t **place,
                  int64_t *places);

/* For each start i of text (n): how many tokens from there on stand somewhere in the corpus. */
int lookup_longest(suffix_t *index, const int32_t *text, int64_t n, int64_t *longest);

#endif
