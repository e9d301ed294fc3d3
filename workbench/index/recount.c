/* Fetching and recounting windows; see recount.h. */
#include "index/recount.h"
#include "base/err.h"
#include "base/mem.h"
#include "index/windows.h"
#include "par/par.h"
#include <stdlib.h>
#include <string.h>

typedef struct {
    int64_t position, index;
} place_t;

static int by_position(const void *a, const void *b) {
    const place_t *x = a, *y = b;
    if (x->position != y->position) return x->position < y->position ? -1 : 1;
    return (x->index > y->index) - (x->index < y->index);
}

/* This rank's share of the places, in order of position so that a frame is decoded once. */
static int read_share(tokens_t *corpus, int64_t length, const place_t *place, int64_t n, int32_t **block,
                      int64_t *count) {
    int64_t first, last;
    par_share(n, &first, &last);
    *count = last - first;
    *block = mem_new(*count * length, sizeof **block, "tokens of windows");
    if (!*block) return -1;
    for (int64_t i = first; i < last; i++)
        TRY(tokens_read(corpus, place[i].position, length, *block + (i - first) * length));
    return 0;
}

int recount_fetch(tokens_t *corpus, int64_t length, const int64_t *position, int64_t n, int32_t **tokens) {
    place_t *place = mem_new(n, sizeof *place, "places of windows");
    int32_t *out = mem_new(n * length, sizeof *out, "tokens of windows"), *block = NULL;
    int64_t count = 0, total;
    void *all = NULL;
    int rc = place && out ? 0 : -1;
    if (rc == 0) {
        for (int64_t i = 0; i < n; i++) place[i] = (place_t){position[i], i};
        qsort(place, (size_t)n, sizeof *place, by_position);
        rc = read_share(corpus, length, place, n, &block, &count);
    }
    rc = par_agree(rc);
    if (rc == 0) rc = par_gather_all(block, count, (size_t)length * sizeof *out, &all, &total);
    for (int64_t i = 0; i < n && rc == 0; i++)
        memcpy(out + place[i].index * length, (int32_t *)all + i * length, (size_t)length * sizeof *out);
    mem_free(place);
    mem_free(block);
    mem_free(all);
    if (rc != 0) {
        mem_free(out);
        return -1;
    }
    *tokens = out;
    return 0;
}

typedef struct {
    int64_t length;
    const hash_t *fingerprint;
    const int32_t *tokens;
    uint64_t mask;
    int64_t *slot; // window index + 1; 0: free
    int64_t *occurrences, *documents, *first;
    int64_t *last;    // (n) position of the last one counted
    int64_t distance; // that two counted ones must have at least
} recount_t;

static int recount_run(void *user, const windows_run_t *run) {
    recount_t *r = user;
    size_t bytes = (size_t)r->length * sizeof *run->token;
    for (int64_t i = 0; i < run->count; i++) {
        hash_t f = run->fingerprint[i];
        for (uint64_t s = f.lo & r->mask; r->slot[s] > 0; s = (s + 1) & r->mask) {
            int64_t w = r->slot[s] - 1;
            if (r->fingerprint[w].lo != f.lo || r->fingerprint[w].hi != f.hi) continue;
            if (memcmp(r->tokens + w * r->length, run->token + i, bytes) != 0) continue;
            if (run->position + i - r->last[w] < r->distance) continue;
            if (r->occurrences[w]++ == 0 && r->first) r->first[w] = run->position + i; // positions ascend
            r->documents[w] += r->last[w] < run->document_first;
            r->last[w] = run->position + i;
        }
    }
    return 0;
}

/* At most a quarter of the slots are used: nearly all windows of a corpus are not asked for and should find none. */
static int enter_windows(recount_t *r, int64_t n) {
    int64_t slots = 64;
    while (slots < 4 * n) slots *= 2;
    r->mask = (uint64_t)slots - 1;
    r->slot = mem_new(slots, sizeof *r->slot, "table of a recount");
    r->last = mem_new(n, sizeof *r->last, "table of a recount");
    if (!r->slot || !r->last) return -1;
    for (int64_t w = 0; w < n; w++) {
        uint64_t s = r->fingerprint[w].lo & r->mask;
        while (r->slot[s] > 0) s = (s + 1) & r->mask;
        r->slot[s] = w + 1;
        r->last[w] = -r->length; // before all documents, overlapping none
    }
    return 0;
}

static int recount(tokens_t *corpus, recount_t *r, int64_t n) {
    for (int64_t w = 0; w < n && r->first; w++) r->first[w] = INT64_MAX;
    memset(r->occurrences, 0, (size_t)n * sizeof *r->occurrences);
    memset(r->documents, 0, (size_t)n * sizeof *r->documents);
    int rc = enter_windows(r, n);
    if (rc == 0) rc = windows_scan(corpus, r->length, recount_run, r);
    mem_free(r->slot);
    mem_free(r->last);
    TRY(par_agree(rc));
    par_sum_i64(r->occurrences, n);
    par_sum_i64(r->documents, n);
    if (r->first) par_min_i64(r->first, n);
    return 0;
}

int recount_windows(tokens_t *corpus, int64_t length, const hash_t *fingerprint, const int32_t *tokens, int64_t n,
                    int64_t *occurrences, int64_t *documents) {
    recount_t r = {length, fingerprint, tokens, 0, NULL, occurrences, documents, NULL, NULL, 1};
    return recount(corpus, &r, n);
}

int recount_located(tokens_t *corpus, int64_t length, const hash_t *fingerprint, const int32_t *tokens, int64_t n,
                    int64_t *occurrences, int64_t *documents, int64_t *first) {
    recount_t r = {length, fingerprint, tokens, 0, NULL, occurrences, documents, first, NULL, 1};
    return recount(corpus, &r, n);
}

int recount_disjoint(tokens_t *corpus, int64_t length, const hash_t *fingerprint, const int32_t *tokens, int64_t n,
                     int64_t *occurrences, int64_t *documents) {
    recount_t r = {length, fingerprint, tokens, 0, NULL, occurrences, documents, NULL, NULL, length};
    return recount(corpus, &r, n);
}
