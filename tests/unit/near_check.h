/* Near-duplicates in the plainest way: all pairs of items, their sets of shingles compared token by token, clusters by
 * painting. Writes near.csv as text, to compare with the file. */
#ifndef MEMPROBE_TEST_NEAR_CHECK_H
#define MEMPROBE_TEST_NEAR_CHECK_H
#include "base/err.h"
#include "base/num.h"
#include "corpus_check.h"
#include "index/near.h"
#include <stdarg.h>

enum { NEAR_ITEMS = 1024, NEAR_TEXT = 1 << 18 };

/* Texts of 20 to 180 tokens, each with some copies of which 0 to 7 tokens are others, and some that stand alone. */
static inline void near_corpus(corpus_t *c, uint64_t seed) {
    static int32_t ids[256], copy[256];
    uint64_t draw = 0;
    char id[CORPUS_NAME];
    memset(c, 0, sizeof *c);
    c->vocab = 300;
    for (int text = 0; text < 20; text++) {
        int64_t n = 20 + rng_below(seed, RNG_TEST, draw++, 160);
        for (int64_t i = 0; i < n; i++) ids[i] = 1 + (int32_t)rng_below(seed, RNG_TEST, draw++, 200);
        for (int64_t k = 0, copies = 1 + rng_below(seed, RNG_TEST, draw++, 8); k < copies; k++) {
            memcpy(copy, ids, sizeof copy);
            for (int64_t change = rng_below(seed, RNG_TEST, draw++, 8); k > 0 && change > 0; change--) {
                int64_t at = rng_below(seed, RNG_TEST, draw++, n);
                copy[at] = 1 + (int32_t)rng_below(seed, RNG_TEST, draw++, 200);
            }
            snprintf(id, sizeof id, "t%d.%d", text, (int)k);
            corpus_add(c, id, "near", id, copy, n);
        }
    }
    corpus_add(c, "empty", "near", "empty", NULL, 0);
    corpus_add(c, "short", "near", "short", ids, 2);
}

typedef struct {
    int64_t n, position[NEAR_ITEMS], tokens[NEAR_ITEMS], document[NEAR_ITEMS];
    int64_t color[NEAR_ITEMS]; // of its cluster: its first item
    int64_t pairs;             // that are alike
} near_items_t;

static inline void near_items(const corpus_t *c, int64_t window, int64_t shingle, near_items_t *items) {
    items->n = 0;
    for (int64_t d = 0; d < c->documents; d++)
        for (int64_t from = 0; from + (window ? window : shingle) <= c->length[d]; from += window) {
            if (items->n == NEAR_ITEMS) abort();
            items->position[items->n] = c->first[d] + from;
            items->document[items->n] = d;
            items->tokens[items->n++] = window ? window : c->length[d];
            if (window == 0) break;
        }
}

static inline int near_has(const corpus_t *c, int64_t from, int64_t shingles, int64_t shingle, int64_t at) {
    for (int64_t i = 0; i < shingles; i++)
        if (memcmp(c->token + from + i, c->token + at, (size_t)shingle * sizeof *c->token) == 0) return 1;
    return 0;
}

static inline double near_similarity(const corpus_t *c, const near_items_t *it, int64_t a, int64_t b, int64_t shingle) {
    int64_t na = it->tokens[a] - shingle + 1, nb = it->tokens[b] - shingle + 1, common = 0, only[2] = {0, 0};
    for (int64_t i = 0; i < na; i++) {
        if (near_has(c, it->position[a], i, shingle, it->position[a] + i)) continue; // each once
        if (near_has(c, it->position[b], nb, shingle, it->position[a] + i))
            common++;
        else
            only[0]++;
    }
    for (int64_t i = 0; i < nb; i++)
        if (!near_has(c, it->position[b], i, shingle, it->position[b] + i))
            only[1] += !near_has(c, it->position[a], na, shingle, it->position[b] + i);
    return (double)common / (double)(common + only[0] + only[1]);
}

static inline void near_paint(const corpus_t *c, near_items_t *it, int64_t shingle, double threshold) {
    it->pairs = 0;
    for (int64_t i = 0; i < it->n; i++) it->color[i] = i;
    for (int64_t b = 0; b < it->n; b++)
        for (int64_t a = 0; a < b; a++) {
            if (near_similarity(c, it, a, b, shingle) < threshold) continue;
            it->pairs++;
            int64_t from = it->color[a] > it->color[b] ? it->color[a] : it->color[b];
            int64_t to = it->color[a] > it->color[b] ? it->color[b] : it->color[a];
            for (int64_t i = 0; i < it->n; i++)
                if (it->color[i] == from) it->color[i] = to;
        }
}

static inline void near_append(char *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
static inline void near_append(char *text, const char *format, ...) {
    size_t n = strlen(text);
    va_list args;
    va_start(args, format);
    if (vsnprintf(text + n, NEAR_TEXT - n, format, args) >= (int)(NEAR_TEXT - n)) abort();
    va_end(args);
}

/* How often an item stands in the corpus: a window anywhere, a document as a whole. */
static inline int64_t near_copies(const corpus_t *c, const near_items_t *it, int64_t i, int64_t window) {
    int64_t copies = 0, documents, n = it->tokens[i];
    if (window > 0) return plain_count(c, c->token + it->position[i], n, &documents);
    for (int64_t k = 0; k < it->n; k++)
        copies += it->tokens[k] == n &&
                  memcmp(c->token + it->position[k], c->token + it->position[i], (size_t)n * sizeof *c->token) == 0;
    return copies;
}

typedef struct {
    char rows[NEAR_TEXT], sizes[NEAR_TEXT];
    int64_t pairs;
} near_text_t;

static inline void near_unit(const corpus_t *c, const near_t *spec, int64_t window, near_text_t *out) {
    static near_items_t it;
    int64_t clusters[256] = {0}, items[256] = {0}, once[256] = {0}, number = 0, low, high;
    const char *unit = window ? "window" : "document";
    near_items(c, window, spec->shingle, &it);
    near_paint(c, &it, spec->shingle, spec->threshold);
    out->pairs += it.pairs;
    for (int64_t first = 0; first < it.n; first++) {
        int64_t size = 0;
        for (int64_t i = 0; i < it.n; i++) size += it.color[i] == first;
        if (size == 0) continue;
        int32_t of_size = census_bucket(size);
        clusters[of_size]++;
        for (int64_t i = 0; i < it.n; i++) {
            if (it.color[i] != first) continue;
            int32_t bucket = census_bucket(near_copies(c, &it, i, window));
            char similarity[NUM_TEXT];
            items[of_size]++;
            once[of_size] += bucket == 0;
            if (size == 1) continue;
            num_print_f64(similarity, num_round(near_similarity(c, &it, first, i, spec->shingle), NUM_STAT_DIGITS));
            near_append(out->rows, "%s,%lld,%lld,%s,near,%lld,%lld,%d,%s\n", unit, (long long)number, (long long)size,
                        c->name[it.document[i]][0], (long long)(it.position[i] - c->first[it.document[i]]),
                        (long long)it.tokens[i], bucket, similarity);
        }
        number += size > 1;
    }
    for (int32_t b = 0; b < 256; b++) {
        if (items[b] == 0) continue;
        census_bucket_range(b, &low, &high);
        near_append(out->sizes, "%s,%d,%lld,%lld,%lld,%lld,%lld\n", unit, b, (long long)low, (long long)high,
                    (long long)clusters[b], (long long)items[b], (long long)once[b]);
    }
}

static inline void near_plain(const corpus_t *c, const near_t *spec, near_text_t *out) {
    strcpy(out->rows, "unit,cluster,size,doc_id,source,offset,tokens,bucket,similarity\n");
    strcpy(out->sizes, "unit,bucket,size_lo,size_hi,clusters,items,once\n");
    out->pairs = 0;
    near_unit(c, spec, 0, out);
    near_unit(c, spec, spec->window, out);
}

#endif
