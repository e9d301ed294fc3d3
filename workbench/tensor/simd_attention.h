/* Causal attention and its gradient over v16: tiles of queries, whose scores (tile, keys) stay in the cache between the
 * products that make and use them. Defined by ref_attention.c. */
#ifndef MEMPROBE_SIMD_ATTENTION_H
#define MEMPROBE_SIMD_ATTENTION_H
#include "tensor/kernels.h"
#include "tensor/simd_gemm.h"
#include "tensor/simd_map.h"
#include <math.h>

/* Lanes below n. */
static v16m attention_below(int64_t n) {
    static const float lane[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    return v16_less(v16_load(lane), v16_set1((float)n));
}

/* The first `seen` of a row's dot products become exp(scale s - max), the others up to `keys` 0. Returns the sum. The
 * row is padded to a multiple of 16, the padding may hold anything. */
static float attention_softmax(int64_t seen, int64_t keys, float scale, float *s) {
    int64_t whole = seen / 16 * 16;
    v16m end = attention_below(seen - whole);
    v16 factor = v16_set1(scale), lowest = v16_set1(-INFINITY), max = lowest, sum = v16_zero();
    for (int64_t j = 0; j < whole; j += 16) max = v16_max(v16_mul(factor, v16_load(s + j)), max);
    if (whole < seen) max = v16_max(v16_blend(end, v16_mul(factor, v16_load(s + whole)), lowest), max);
    v16 top = v16_set1(v16_fold_max(max));
    for (int64_t j = 0; j < whole; j += 16) {
        v16 e = v16_exp(v16_sub(v16_mul(factor, v16_load(s + j)), top));
        sum = v16_add(sum, e);
        v16_store(s + j, e);
    }
    if (whole < seen) {
        v16 e = v16_exp(v16_sub(v16_mul(factor, v16_load(s + whole)), top));
        e = v16_blend(end, e, v16_zero());
        sum = v16_add(sum, e);
        v16_store(s + whole, e);
        whole += 16;
    }
    for (int64_t j = whole; j < keys; j += 16) v16_store(s + j, v16_zero());
    return v16_fold_add(sum);
}

/* x = x / z + 0 */
static void attention_divide(int64_t n, float z, float *x) {
    int64_t whole = n / 16 * 16;
    v16 by = v16_set1(z);
    for (int64_t i = 0; i < whole; i += 16) v16_store(x + i, v16_add(v16_div(v16_load(x + i), by), v16_zero()));
    if (whole < n) {
        v16 last = v16_div(v16_load_part(x + whole, n - whole), by);
        v16_store_part(x + whole, v16_add(last, v16_zero()), n - whole);
    }
}

/* C (m, n) = A (m, k) B with B in panels `panel` floats apart, which may have room for more than k. While it reads B
 * it fetches what is `ahead` floats further; 0: as the product chooses. */
static void attention_product(int64_t m, int64_t n, int64_t k, const float *a, int64_t lda, const float *b,
                              int64_t panel, int64_t ahead, float *c, int64_t ldc) {
    gemm_tile_t t = {.k = k, .a = a, .a_row = lda, .a_col = 1, .b = b, .panel = panel, .c = c, .ldc = ldc};
    gemm_rows(
        (gemm_work_t){.run = gemm_tile_f32, .bytes = sizeof *b, .least = V16_GEMM_LEAST, .first = t, .ahead = ahead}, m,
        n);
}

/* Keys before every window of a tile are left out in whole blocks: their terms are zeros, and a block of zeros changes
 * no sum but the sign of a zero (ref_attention.c). `seen` positions are seen or hidden by the tile's first query. */
static int64_t attention_first_key(const tensor_kv_t *kv, int64_t seen) {
    return attention_hidden(kv, seen) / GEMM_BLOCK * GEMM_BLOCK;
}

/* Scores of hidden keys become 0 in the softmax. */
static void attention_hide(int64_t n, float *s) {
    for (int64_t j = 0; j < n; j++) s[j] = -INFINITY;
}

/* With few queries the time is that of reading the cache, a short piece for each head, which no prefetcher of the
 * hardware foresees: while a head's keys and values are read, those of the next are fetched, if the caches of the CPU
 * have room for both. */
enum { ATTENTION_FEW = 4, ATTENTION_NEAR = 64 * 1024 }; // queries; floats of a head's keys
static int64_t attention_ahead(int64_t n, const tensor_kv_t *kv, int64_t head) {
    return n <= ATTENTION_FEW && kv->length * kv->head_size <= ATTENTION_NEAR ? head : 0;
}

static void simd_attention(int64_t n, int64_t heads, const tensor_kv_t *kv, float scale, const float *q, int64_t ldq,
                           float *out, int64_t ldo, float *scratch) {
    int64_t size = kv->head_size, panels = (size + GEMM_PANEL - 1) / GEMM_PANEL, stride = kv->capacity * GEMM_PANEL;
    int64_t past = kv->length - n, ld = attention_row(kv->length), group = heads / kv->heads;
    int64_t next_k = attention_ahead(n, kv, size * kv->capacity), next_v = attention_ahead(n, kv, panels * stride);
    for (int64_t h = 0; h < heads; h++) {
        const float *k = kv->k + h / group * size * kv->capacity, *v = kv->v + h / group * panels * stride;
        for (int64_t first = 0; first < n; first += ATTENTION_TILE) {
            int64_t rows = n - first < ATTENTION_TILE ? n - first : ATTENTION_TILE, seen = past + first + 1;
            int64_t from = attention_first_key(kv, seen), keys = seen - 1 + rows - from;
            float z[ATTENTION_TILE], *to = out + first * ldo + h * size;
            attention_product(rows, keys, size, q + first * ldq + h * size, ldq, k + from * size, size * GEMM_PANEL,
                              next_k, scratch, ld);
            for (int64_t i = 0; i < rows; i++) {
                attention_hide(attention_hidden(kv, seen + i) - from, scratch + i * ld);
                z[i] = attention_softmax(seen + i - from, keys, scale, scratch + i * ld);
            }
            attention_product(rows, size, keys, scratch, ld, v + from * GEMM_PANEL, stride, next_v, to, ldo);
            for (int64_t i = 0; i < rows; i++) attention_divide(size, z[i], to + i * ldo);
        }
    }
}

static float attention_dot(int64_t n, const float *a, const float *b) {
    int64_t whole = n / 16 * 16;
    v16 sum = v16_zero();
    for (int64_t i = 0; i < whole; i += 16) sum = v16_fma(v16_load(a + i), v16_load(b + i), sum);
    if (whole < n) sum = v16_fma(v16_load_part(a + whole, n - whole), v16_load_part(b + whole, n - whole), sum);
    return v16_fold_add(sum);
}

/* Row of a tile: p = e r and ds = scale p (ds - d) for the keys that are seen, 0 for the others. */
static void attention_grad_row(int64_t seen, int64_t keys, float r, float d, float scale, float *p, float *ds) {
    v16 by = v16_set1(r), minus = v16_set1(d), factor = v16_set1(scale);
    for (int64_t j = 0; j < seen; j += 16) {
        v16 pj = v16_mul(v16_load(p + j), by);
        v16 dj = v16_mul(factor, v16_mul(pj, v16_sub(v16_load(ds + j), minus)));
        if (seen - j < 16) { // p too: of a sum that is no number, 0 times r is none
            v16m end = attention_below(seen - j);
            pj = v16_blend(end, pj, v16_zero()), dj = v16_blend(end, dj, v16_zero());
        }
        v16_store(p + j, pj);
        v16_store(ds + j, dj);
    }
    for (int64_t j = (seen + 15) / 16 * 16; j < keys; j += 16) v16_store(ds + j, v16_zero());
}

/* One head: its columns of the matrices, and the scratch. */
typedef struct {
    int64_t n, size, ld_qkv, ld_out, ld_dqkv, ld_s;
    const float *q, *k, *v, *out, *dout;
    float *dq, *dk, *dv;
    float *p, *ds;           // (ATTENTION_GRAD_TILE, ld_s)
    float *keys, *values;    // k and v transposed (size, n), packed: the scores and their gradient are over keys
    float *key_rows;         // k (n, size), packed
    float *q_tile, *do_tile; // q and dout of a tile (rows, size), packed
} attention_head_t;

static void attention_grad_tile(const attention_head_t *h, float scale, int64_t first, int64_t rows) {
    int64_t keys = first + rows, size = h->size, ld = h->ld_s;
    const float *q = h->q + first * h->ld_qkv, *out = h->out + first * h->ld_out, *dout = h->dout + first * h->ld_out;
    simd_gemm_f32(rows, keys, size, q, h->ld_qkv, 1, h->keys, NULL, 0, h->p, ld);
    simd_gemm_f32(rows, keys, size, dout, h->ld_out, 1, h->values, NULL, 0, h->ds, ld);
    for (int64_t i = 0; i < rows; i++) {
        float r = 1.0f / attention_softmax(first + i + 1, keys, scale, h->p + i * ld);
        float d = attention_dot(size, dout + i * h->ld_out, out + i * h->ld_out);
        attention_grad_row(first + i + 1, keys, r, d, scale, h->p + i * ld, h->ds + i * ld);
    }
    attention_product(rows, size, keys, h->ds, ld, h->key_rows, h->n * GEMM_PANEL, 0, h->dq + first * h->ld_dqkv,
                      h->ld_dqkv);
    gemm_pack(size, rows, q, h->ld_qkv, 1, h->q_tile);
    gemm_pack(size, rows, dout, h->ld_out, 1, h->do_tile);
    /* Keys of earlier tiles have sums to add to; those of this tile begin theirs. */
    float *dk = h->dk + first * h->ld_dqkv, *dv = h->dv + first * h->ld_dqkv;
    simd_gemm_f32(first, size, rows, h->ds, 1, ld, h->q_tile, NULL, 1, h->dk, h->ld_dqkv);
    simd_gemm_f32(first, size, rows, h->p, 1, ld, h->do_tile, NULL, 1, h->dv, h->ld_dqkv);
    simd_gemm_f32(rows, size, rows, h->ds + first, 1, ld, h->q_tile, NULL, 0, dk, h->ld_dqkv);
    simd_gemm_f32(rows, size, rows, h->p + first, 1, ld, h->do_tile, NULL, 0, dv, h->ld_dqkv);
}

static void simd_attention_grad(int64_t n, int64_t heads, int64_t head_size, float scale, const float *q,
                                const float *k, const float *v, const float *out, const float *dout, int64_t ld_qkv,
                                int64_t ld_out, float *dq, float *dk, float *dv, int64_t ld_dqkv, float *scratch) {
    int64_t packed = gemm_packed_floats(n, head_size), ld_s = attention_row(n);
    for (int64_t head = 0, at = 0; head < heads; head++, at += head_size) {
        attention_head_t h = {.n = n, .size = head_size, .ld_qkv = ld_qkv, .ld_out = ld_out, .ld_dqkv = ld_dqkv};
        h.q = q + at, h.k = k + at, h.v = v + at, h.out = out + at, h.dout = dout + at;
        h.dq = dq + at, h.dk = dk + at, h.dv = dv + at;
        h.ld_s = ld_s;
        h.p = scratch;
        h.ds = h.p + ATTENTION_GRAD_TILE * ld_s;
        h.keys = h.ds + ATTENTION_GRAD_TILE * ld_s;
        h.values = h.keys + packed;
        h.key_rows = h.values + packed;
        h.q_tile = h.key_rows + gemm_packed_floats(head_size, n);
        h.do_tile = h.q_tile + gemm_packed_floats(head_size, ATTENTION_GRAD_TILE);
        gemm_pack(n, head_size, h.k, 1, ld_qkv, h.keys);
        gemm_pack(n, head_size, h.v, 1, ld_qkv, h.values);
        gemm_pack(head_size, n, h.k, ld_qkv, 1, h.key_rows);
        for (int64_t first = 0; first < n; first += ATTENTION_GRAD_TILE)
            attention_grad_tile(&h, scale, first, n - first < ATTENTION_GRAD_TILE ? n - first : ATTENTION_GRAD_TILE);
    }
}

#endif
