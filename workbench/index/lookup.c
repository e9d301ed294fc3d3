/* Each rank asks its blocks; sums, maxima and sorted lists bring the answers together. */
#include "index/lookup.h"
#include "base/err.h"
#include "base/mem.h"
#include "par/par.h"
#include <stdlib.h>

static int by_value(const void *a, const void *b) {
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* A rank's blocks: every size-th. */
static int32_t next_block(int32_t block) {
    return block < 0 ? par_rank() : block + par_size();
}

/* --- counting ----------------------------------------------------------------------------------------------------- */

/* In how many documents the suffixes of a range stand. room: (capacity) positions, grown. */
static int count_documents(suffix_t *index, tokens_t *corpus, int32_t block, suffix_range_t range, int64_t **room,
                           int64_t *capacity, int64_t *documents) {
    int64_t n = range.high - range.low, seen_to = -1;
    TRY(mem_grow(room, capacity, n, sizeof **room, "places of a query"));
    int64_t *position = *room;
    TRY(suffix_positions(index, block, range.low, n, position));
    qsort(position, (size_t)n, sizeof *position, by_value);
    for (int64_t i = 0; i < n; i++) {
        if (position[i] < seen_to) continue;
        token_document_t d = tokens_document(corpus, tokens_document_at(corpus, position[i]));
        seen_to = d.first + d.length;
        ++*documents;
    }
    return 0;
}

static int count_block(suffix_t *index, tokens_t *corpus, int32_t block, const suffix_query_t *query, int64_t n,
                       suffix_range_t *range, int64_t *occurrences, int64_t *documents) {
    int64_t *room = NULL, capacity = 0;
    TRY(suffix_find(index, block, query, n, range));
    int rc = 0;
    for (int64_t i = 0; i < n && rc == 0; i++) {
        occurrences[i] += range[i].high - range[i].low;
        if (documents) rc = count_documents(index, corpus, block, range[i], &room, &capacity, &documents[i]);
    }
    mem_free(room);
    return rc;
}

int lookup_count(suffix_t *index, tokens_t *corpus, const suffix_query_t *query, int64_t n, int64_t *occurrences,
                 int64_t *documents) {
    suffix_range_t *range = mem_new(n, sizeof *range, "ranges of queries");
    int rc = range ? 0 : -1;
    for (int64_t i = 0; i < n; i++) occurrences[i] = 0;
    for (int64_t i = 0; i < n && documents; i++) documents[i] = 0;
    for (int32_t b = next_block(-1); b < suffix_blocks(index) && rc == 0; b = next_block(b))
        rc = count_block(index, corpus, b, query, n, range, occurrences, documents);
    mem_free(range);
    TRY(par_agree(rc));
    par_sum_i64(occurrences, n);
    if (documents) par_sum_i64(documents, n);
    return 0;
}

/* --- places ------------------------------------------------------------------------------------------------------- */

static int by_query(const void *a, const void *b) {
    const lookup_place_t *x = a, *y = b;
    if (x->query != y->query) return x->query < y->query ? -1 : 1;
    return (x->position > y->position) - (x->position < y->position);
}

/* Keeps the first `limit` places of each query of a sorted list. */
static int64_t cut_places(lookup_place_t *place, int64_t n, int64_t limit) {
    int64_t kept = 0, of_query = 0;
    for (int64_t i = 0; i < n; i++) {
        of_query = i > 0 && place[i].query == place[i - 1].query ? of_query + 1 : 1;
        if (of_query <= limit) place[kept++] = place[i];
    }
    return kept;
}

typedef struct {
    lookup_place_t *place;
    int64_t n, capacity;
} places_t;

/* Positions ascend from block to block, so what a rank has found earlier stays in front. */
static int places_of_block(suffix_t *index, int32_t block, const suffix_query_t *query, int64_t n, int64_t limit,
                           suffix_range_t *range, places_t *found) {
    int64_t *position = NULL, capacity = 0;
    TRY(suffix_find(index, block, query, n, range));
    int rc = 0;
    for (int64_t i = 0; i < n && rc == 0; i++) {
        int64_t m = range[i].high - range[i].low;
        rc = mem_grow(&position, &capacity, m, sizeof *position, "places of a query");
        if (rc == 0) rc = suffix_positions(index, block, range[i].low, m, position);
        if (rc != 0) break;
        qsort(position, (size_t)m, sizeof *position, by_value);
        if (m > limit) m = limit;
        rc = mem_grow(&found->place, &found->capacity, found->n + m, sizeof *found->place, "places of queries");
        for (int64_t k = 0; k < m && rc == 0; k++) found->place[found->n++] = (lookup_place_t){i, position[k]};
    }
    mem_free(position);
    return rc;
}

int lookup_places(suffix_t *index, const suffix_query_t *query, int64_t n, int64_t limit, lookup_place_t **place,
                  int64_t *places) {
    places_t found = {0};
    suffix_range_t *range = mem_new(n, sizeof *range, "ranges of queries");
    int rc = range ? 0 : -1;
    for (int32_t b = next_block(-1); b < suffix_blocks(index) && rc == 0; b = next_block(b))
        rc = places_of_block(index, b, query, n, limit, range, &found);
    mem_free(range);
    rc = par_agree(rc);
    if (rc == 0) rc = par_gather_all(found.place, found.n, sizeof *found.place, (void **)place, places);
    mem_free(found.place);
    if (rc != 0) return -1;
    qsort(*place, (size_t)*places, sizeof **place, by_query);
    *places = cut_places(*place, *places, limit);
    return 0;
}

/* --- longest matches ---------------------------------------------------------------------------------------------- */

int lookup_longest(suffix_t *index, const int32_t *text, int64_t n, int64_t *longest) {
    int64_t *here = mem_new(n, sizeof *here, "longest matches"), *at = mem_new(n, sizeof *at, "longest matches");
    int rc = here && at ? 0 : -1;
    for (int64_t i = 0; i < n; i++) longest[i] = 0;
    for (int32_t b = next_block(-1); b < suffix_blocks(index) && rc == 0; b = next_block(b)) {
        rc = suffix_longest(index, b, text, n, here, at);
        for (int64_t i = 0; i < n && rc == 0; i++)
            if (-here[i] < longest[i]) longest[i] = -here[i]; // negative: ranks know the least of all, not the most
    }
    mem_free(here);
    mem_free(at);
    TRY(par_agree(rc));
    par_min_i64(longest, n);
    for (int64_t i = 0; i < n; i++) longest[i] = -longest[i];
    return 0;
}
