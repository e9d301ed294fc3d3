/* Lists of picked windows: what both halves of the sampler do with them. See sampler.h. */
#include "base/err.h"
#include "base/mem.h"
#include "index/match.h"
#include "index/recount.h"
#include "index/sampler.h"
#include "par/par.h"
#include <stdlib.h>

void picks_free(picks_t *picks) {
    mem_free(picks->pick);
    mem_free(picks->tokens);
    *picks = (picks_t){0};
}

static int by_bucket(const void *a, const void *b) {
    const pick_t *x = a, *y = b;
    if (x->bucket != y->bucket) return x->bucket < y->bucket ? -1 : 1;
    if (x->candidate.key != y->candidate.key) return x->candidate.key < y->candidate.key ? -1 : 1;
    return hash_compare(x->candidate.window.fingerprint, y->candidate.window.fingerprint);
}

void picks_sort(picks_t *picks) {
    if (picks->n > 0) qsort(picks->pick, (size_t)picks->n, sizeof *picks->pick, by_bucket);
}

int picks_fetch(tokens_t *corpus, int64_t length, picks_t *picks) {
    mem_free(picks->tokens);
    picks->tokens = NULL;
    int64_t *position = mem_new(picks->n, sizeof *position, "sample of windows");
    int rc = par_agree(position ? 0 : -1);
    for (int64_t i = 0; i < picks->n && rc == 0; i++) position[i] = picks->pick[i].candidate.window.first;
    if (rc == 0) rc = recount_fetch(corpus, length, position, picks->n, &picks->tokens);
    mem_free(position);
    return rc;
}

int picks_count(tokens_t *corpus, int64_t length, picks_t *picks, int *moved) {
    int64_t n = picks->n;
    hash_t *fingerprint = mem_new(n, sizeof *fingerprint, "counts of a sample");
    int64_t *counts = mem_new(2 * n, sizeof *counts, "counts of a sample");
    int rc = par_agree(fingerprint && counts ? 0 : -1);
    if (rc == 0) {
        for (int64_t i = 0; i < n; i++) fingerprint[i] = picks->pick[i].candidate.window.fingerprint;
        rc = recount_windows(corpus, length, fingerprint, picks->tokens, n, counts, counts + n);
    }
    for (int64_t i = 0; i < n && rc == 0; i++) {
        if (counts[i] == 0) // the same on all ranks
            rc = err_set("a window that the census counted is not found again: the corpus changed while it was read");
        if (rc != 0) break;
        picks->pick[i].duplicates = counts[i];
        picks->pick[i].documents = counts[n + i];
        int32_t bucket = census_bucket(counts[i]);
        *moved |= bucket != picks->pick[i].bucket;
        picks->pick[i].bucket = bucket;
    }
    mem_free(fingerprint);
    mem_free(counts);
    return rc;
}

void picks_measure(const int32_t *price, int64_t length, picks_t *picks) {
    for (int64_t i = 0; i < picks->n; i++)
        picks->pick[i].bits = match_length(price, picks->tokens + i * length, length);
}
