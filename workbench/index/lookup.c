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

/* --- the documents of a block ------------------------------------------------------------------------------------- */

enum { PIECE = 1 << 14 }; // positions looked at together: what a query of many occurrences costs in memory

typedef struct {
    int64_t first, tokens, documents;
    int shift;        // 2^shift positions a slot, about one document
    int64_t *slot;    // the document, from 0 in the block, that holds the first position of each slot
    int64_t *start;   // (documents + 1) positions, from 0 in the block
    int64_t *counted; // (documents) the last query that counted it
} documents_t;

static void documents_free(documents_t *d) {
    mem_free(d->slot);
    mem_free(d->start);
    mem_free(d->counted);
}

/* Also when it fails, release with documents_free. */
static int documents_open(const suffix_t *index, const tokens_t *corpus, int32_t block, documents_t *d) {
    *d = (documents_t){0};
    suffix_span(index, block, &d->first, &d->tokens);
    int64_t document = tokens_document_at(corpus, d->first);
    d->documents = tokens_document_at(corpus, d->first + d->tokens - 1) - document + 1;
    while (d->tokens >> d->shift > d->documents) d->shift++;
    int64_t slots = (d->tokens >> d->shift) + 2;
    d->slot = mem_new(slots, sizeof *d->slot, "documents of a block");
    d->start = mem_new(d->documents + 1, sizeof *d->start, "documents of a block");
    d->counted = mem_new(d->documents, sizeof *d->counted, "documents of a block");
    if (!d->slot || !d->start || !d->counted) return -1;
    for (int64_t i = 0; i < d->documents; i++) d->start[i] = tokens_document(corpus, document + i).first - d->first;
    d->start[d->documents] = d->tokens;
    for (int64_t i = 0, k = 0; k < slots; k++) {
        while (i + 1 < d->documents && d->start[i + 1] <= k << d->shift) i++;
        d->slot[k] = i;
    }
    return 0;
}

static int64_t document_of(const documents_t *d, int64_t position) {
    int64_t at = position - d->first, low = d->slot[at >> d->shift], high = d->slot[(at >> d->shift) + 1];
    while (low < high) {
        int64_t mid = low + (high - low + 1) / 2;
        if (d->start[mid] <= at)
            low = mid;
        else
            high = mid - 1;
    }
    return low;
}

/* --- counting ----------------------------------------------------------------------------------------------------- */

/* In how many documents the suffixes of a range stand; query: a number from 1, another one each time. */
static int count_range(suffix_t *index, int32_t block, documents_t *d, suffix_range_t range, int64_t query,
                       int64_t *documents) {
    int64_t position[PIECE];
    *documents = 0;
    for (int64_t i = range.low; i < range.high; i += PIECE) {
        int64_t n = range.high - i < PIECE ? range.high - i : PIECE;
        TRY(suffix_positions(index, block, i, n, position));
        for (int64_t k = 0; k < n; k++) {
            int64_t *counted = &d->counted[document_of(d, position[k])];
            *documents += *counted != query;
            *counted = query;
        }
    }
    return 0;
}

typedef struct {
    suffix_range_t range;
    int64_t query;
} asked_t;

static int by_range(const void *a, const void *b) {
    const asked_t *x = a, *y = b;
    if (x->range.low != y->range.low) return x->range.low < y->range.low ? -1 : 1;
    return (x->range.high > y->range.high) - (x->range.high < y->range.high);
}

/* Equal ranges are counted once. So the work is at most the tokens of the block for each length of query, however many
 * queries there are. */
static int count_ranges(suffix_t *index, int32_t block, documents_t *d, asked_t *asked, int64_t n, int64_t *documents) {
    qsort(asked, (size_t)n, sizeof *asked, by_range);
    for (int64_t i = 0, count = 0; i < n; i++) {
        if (i == 0 || by_range(&asked[i], &asked[i - 1]) != 0)
            TRY(count_range(index, block, d, asked[i].range, i + 1, &count));
        documents[asked[i].query] += count;
    }
    return 0;
}

static int count_documents(suffix_t *index, const tokens_t *corpus, int32_t block, const suffix_range_t *range,
                           int64_t n, int64_t *documents) {
    int64_t found = 0, kept = 0;
    for (int64_t i = 0; i < n; i++) found += range[i].low < range[i].high;
    if (found == 0) return 0;
    documents_t d = {0};
    asked_t *asked = mem_new(found, sizeof *asked, "ranges of queries");
    int rc = asked ? documents_open(index, corpus, block, &d) : -1;
    for (int64_t i = 0; i < n && rc == 0; i++)
        if (range[i].low < range[i].high) asked[kept++] = (asked_t){range[i], i};
    if (rc == 0) rc = count_ranges(index, block, &d, asked, found, documents);
    documents_free(&d);
    mem_free(asked);
    return rc;
}

int lookup_count(suffix_t *index, const tokens_t *corpus, const suffix_query_t *query, int64_t n, int64_t *occurrences,
                 int64_t *documents) {
    suffix_range_t *range = mem_new(n, sizeof *range, "ranges of queries");
    int rc = range ? 0 : -1;
    for (int64_t i = 0; i < n; i++) occurrences[i] = 0;
    for (int64_t i = 0; i < n && documents; i++) documents[i] = 0;
    for (int32_t b = next_block(-1); b < suffix_blocks(index) && rc == 0; b = next_block(b)) {
        rc = suffix_find(index, b, query, n, range);
        for (int64_t i = 0; i < n && rc == 0; i++) occurrences[i] += range[i].high - range[i].low;
        if (rc == 0 && documents) rc = count_documents(index, corpus, b, range, n, documents);
    }
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

/* The smallest positions of those that came by. */
typedef struct {
    int64_t *position;
    int64_t n, capacity, limit, most; // most: larger ones cannot be among them
} least_t;

static void least_cut(least_t *l) {
    qsort(l->position, (size_t)l->n, sizeof *l->position, by_value);
    if (l->n < l->limit) return;
    l->n = l->limit;
    l->most = l->position[l->n - 1];
}

/* Holds little more than twice the limit. */
static int least_of_range(suffix_t *index, int32_t block, suffix_range_t range, int64_t limit, least_t *l) {
    int64_t piece[PIECE];
    l->n = 0;
    l->limit = limit;
    l->most = INT64_MAX;
    for (int64_t i = range.low; i < range.high; i += PIECE) {
        int64_t n = range.high - i < PIECE ? range.high - i : PIECE;
        TRY(suffix_positions(index, block, i, n, piece));
        TRY(mem_grow(&l->position, &l->capacity, l->n + n, sizeof *l->position, "places of a query"));
        for (int64_t k = 0; k < n; k++)
            if (piece[k] < l->most) l->position[l->n++] = piece[k];
        if (l->n - limit > limit) least_cut(l);
    }
    least_cut(l);
    return 0;
}

typedef struct {
    lookup_place_t *place;
    int64_t n, capacity;
    int64_t *left; // (queries) how many places each may still have
    least_t least;
} places_t;

/* Positions ascend from block to block, so what a rank has found earlier stays in front. */
static int places_of_block(suffix_t *index, int32_t block, const suffix_query_t *query, int64_t n,
                           suffix_range_t *range, places_t *found) {
    TRY(suffix_find(index, block, query, n, range));
    for (int64_t i = 0; i < n; i++) {
        least_t *l = &found->least;
        if (found->left[i] == 0 || range[i].low == range[i].high) continue;
        TRY(least_of_range(index, block, range[i], found->left[i], l));
        TRY(mem_grow(&found->place, &found->capacity, found->n + l->n, sizeof *found->place, "places of queries"));
        for (int64_t k = 0; k < l->n; k++) found->place[found->n++] = (lookup_place_t){i, l->position[k]};
        found->left[i] -= l->n;
    }
    return 0;
}

int lookup_places(suffix_t *index, const suffix_query_t *query, int64_t n, int64_t limit, lookup_place_t **place,
                  int64_t *places) {
    places_t found = {.left = mem_new(n, sizeof *found.left, "places of queries")};
    suffix_range_t *range = mem_new(n, sizeof *range, "ranges of queries");
    int rc = range && found.left ? 0 : -1;
    for (int64_t i = 0; i < n && rc == 0; i++) found.left[i] = limit;
    for (int32_t b = next_block(-1); b < suffix_blocks(index) && rc == 0; b = next_block(b))
        rc = places_of_block(index, b, query, n, range, &found);
    mem_free(range);
    mem_free(found.left);
    mem_free(found.least.position);
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
