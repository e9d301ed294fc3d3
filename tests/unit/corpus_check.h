/* Small token corpora for tests, and their windows counted in the plainest way: all of them sorted by their tokens. */
#ifndef MEMPROBE_TEST_CORPUS_CHECK_H
#define MEMPROBE_TEST_CORPUS_CHECK_H
#include "base/file.h"
#include "base/mem.h"
#include "base/rng.h"
#include "index/census.h"
#include "text/tokens.h"
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CORPUS_DOCUMENTS = 512, CORPUS_TOKENS = 1 << 18, CORPUS_NAME = 64 };

typedef struct {
    int32_t vocab, end;
    int64_t documents, count; // count: tokens, end tokens included
    int64_t first[CORPUS_DOCUMENTS], length[CORPUS_DOCUMENTS];
    char name[CORPUS_DOCUMENTS][3][CORPUS_NAME]; // id, source, family
    int32_t token[CORPUS_TOKENS];
} corpus_t;

static inline void corpus_add(corpus_t *c, const char *id, const char *source, const char *family, const int32_t *ids,
                              int64_t n) {
    if (c->documents == CORPUS_DOCUMENTS || c->count + n + 1 > CORPUS_TOKENS) abort();
    snprintf(c->name[c->documents][0], CORPUS_NAME, "%s", id);
    snprintf(c->name[c->documents][1], CORPUS_NAME, "%s", source);
    snprintf(c->name[c->documents][2], CORPUS_NAME, "%s", family);
    c->first[c->documents] = c->count;
    c->length[c->documents++] = n;
    if (n > 0) memcpy(c->token + c->count, ids, (size_t)n * sizeof *ids);
    c->token[c->count + n] = c->end;
    c->count += n + 1;
}

/* Documents of 0 .. longest tokens below `alphabet`; some end with a copy of the beginning of an earlier document. */
static inline void corpus_add_random(corpus_t *c, uint64_t seed, int64_t documents, int64_t longest, int32_t alphabet,
                                     const char *prefix) {
    uint64_t draw = 0;
    int32_t *ids = mem_new(2 * longest + 1, sizeof *ids, "test");
    if (!ids) abort();
    for (int64_t d = 0; d < documents; d++) {
        int64_t n = rng_below(seed, RNG_TEST, draw++, longest + 1), from;
        for (int64_t i = 0; i < n; i++) ids[i] = (int32_t)rng_below(seed, RNG_TEST, draw++, alphabet);
        if (c->documents > 0 && rng_below(seed, RNG_TEST, draw++, 2) == 0) {
            from = rng_below(seed, RNG_TEST, draw++, c->documents);
            int64_t copied = c->length[from] < longest ? c->length[from] : longest;
            memcpy(ids + n, c->token + c->first[from], (size_t)copied * sizeof *ids);
            n += copied;
        }
        char id[CORPUS_NAME], source[CORPUS_NAME];
        snprintf(id, sizeof id, "%s%lld", prefix, (long long)d);
        snprintf(source, sizeof source, "source%lld", (long long)(d % 3));
        corpus_add(c, id, source, id, ids, n);
    }
    mem_free(ids);
}

static inline int corpus_write(const corpus_t *c, const char *dir, int shards) {
    if (dir_make(dir) != 0) return -1;
    for (int s = 0; s < shards; s++) {
        char name[16];
        snprintf(name, sizeof name, "%02d", s);
        shard_out_t *out;
        if (shard_out_open(dir, name, c->vocab, c->end, &out) != 0) return -1;
        for (int64_t d = c->documents * s / shards; d < c->documents * (s + 1) / shards; d++)
            if (shard_out_add(out, c->name[d][0], c->name[d][1], c->name[d][2], c->token + c->first[d], c->length[d]) !=
                0)
                return -1;
        if (shard_out_commit(out) != 0) return -1;
    }
    return tokens_seal(dir);
}

static const corpus_t *plain_corpus; // of the comparison at hand
static int64_t plain_length;

static inline int plain_compare_tokens(int64_t a, int64_t b) {
    for (int64_t i = 0; i < plain_length; i++) {
        int32_t x = plain_corpus->token[a + i], y = plain_corpus->token[b + i];
        if (x != y) return x < y ? -1 : 1;
    }
    return 0;
}

static inline int plain_compare(const void *a, const void *b) {
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    int order = plain_compare_tokens(x, y);
    return order != 0 ? order : (x > y) - (x < y);
}

static inline int plain_by_first(const void *a, const void *b) {
    const census_window_t *x = a, *y = b;
    return (x->first > y->first) - (x->first < y->first);
}

static inline int64_t corpus_document_at(const corpus_t *c, int64_t position) {
    int64_t d = 0;
    while (d + 1 < c->documents && c->first[d + 1] <= position) d++;
    return d;
}

/* Distinct windows by first position (fingerprints are left 0); mem_free. */
static inline int64_t plain_census(const corpus_t *c, int64_t length, census_window_t **result) {
    int64_t *at = mem_new(c->count, sizeof *at, "test"), n = 0, distinct = 0;
    census_window_t *out = mem_new(c->count, sizeof *out, "test");
    if (!at || !out) abort();
    for (int64_t d = 0; d < c->documents; d++)
        for (int64_t i = 0; i + length <= c->length[d]; i++) at[n++] = c->first[d] + i;
    plain_corpus = c;
    plain_length = length;
    qsort(at, (size_t)n, sizeof *at, plain_compare);
    for (int64_t i = 0; i < n; i++) {
        int same = i > 0 && plain_compare_tokens(at[i - 1], at[i]) == 0;
        if (!same) out[distinct++].first = at[i];
        out[distinct - 1].occurrences++;
        out[distinct - 1].documents += !same || corpus_document_at(c, at[i - 1]) != corpus_document_at(c, at[i]);
    }
    qsort(out, (size_t)distinct, sizeof *out, plain_by_first);
    mem_free(at);
    *result = out;
    return distinct;
}

/* How often n tokens occur in c, and in how many documents. */
static inline int64_t plain_count(const corpus_t *c, const int32_t *token, int64_t length, int64_t *documents) {
    int64_t count = 0;
    *documents = 0;
    for (int64_t d = 0; d < c->documents; d++) {
        int64_t here = 0;
        for (int64_t i = 0; i + length <= c->length[d]; i++)
            here += memcmp(c->token + c->first[d] + i, token, (size_t)length * sizeof *token) == 0;
        count += here;
        *documents += here > 0;
    }
    return count;
}

#endif
