/* A corpus for benches, made up: documents of 1000 tokens of skewed frequency, a quarter of them copies of earlier
 * ones. */
#ifndef MEMPROBE_BENCH_MADE_CORPUS_H
#define MEMPROBE_BENCH_MADE_CORPUS_H
#include "base/file.h"
#include "base/rng.h"
#include "par/par.h"
#include "text/tokens.h"
#include <stdint.h>
#include <stdio.h>

enum { MADE_LENGTH = 1000, MADE_VOCAB = 32768 };

static inline void must(int rc) {
    if (rc != 0) par_fail();
}

/* Token i of a text: small ids are frequent. */
static inline int32_t made_token(uint64_t text, uint64_t i) {
    uint64_t draw = rng_u64(1, RNG_TEST, text * MADE_LENGTH + i);
    return (int32_t)((draw & (MADE_VOCAB - 2)) >> (draw >> 61)); // never the end token
}

/* The text of a document: its own, or that of an earlier number. */
static inline uint64_t made_text(uint64_t document) {
    return document % 4 == 3 ? (uint64_t)rng_below(2, RNG_TEST, document, (int64_t)document) : document;
}

static inline void made_corpus(const char *dir, uint64_t documents) {
    int32_t ids[MADE_LENGTH];
    shard_out_t *out;
    must(dir_make(dir));
    must(shard_out_open(dir, "0", MADE_VOCAB, MADE_VOCAB - 1, &out));
    for (uint64_t d = 0; d < documents; d++) {
        char name[32];
        snprintf(name, sizeof name, "%d", (int)d);
        for (uint64_t i = 0; i < MADE_LENGTH; i++) ids[i] = made_token(made_text(d), i);
        must(shard_out_add(out, name, "", name, ids, MADE_LENGTH));
    }
    must(shard_out_commit(out));
    must(tokens_seal(dir));
}

#endif
