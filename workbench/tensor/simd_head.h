/* The output head over v16: a product with HEAD_BLOCK columns of the vocabulary matrix for HEAD_ROWS rows, read at once
 * while it is in the cache. Defined by ref_head.c. */
#ifndef MEMPROBE_SIMD_HEAD_H
#define MEMPROBE_SIMD_HEAD_H
#include "tensor/kernels.h"
#include "tensor/simd_gemm.h"
#include "tensor/simd_map.h"
#include <math.h>
#include <string.h>

/* Largest and second largest of 16 lanes, and the token of the largest. */
typedef struct {
    v16 first, second;
    v16i id;
} top2_t;

static void top2_add(top2_t *top, v16 x, v16i id) {
    v16m above = v16_greater(x, top->first);
    top->second = v16_max(v16_min(x, top->first), top->second);
    top->first = v16_blend(above, x, top->first);
    top->id = v16i_blend(above, id, top->id);
}

/* The lanes join the running state of the row. Within a lane the token kept is the smallest with its logit; across
 * lanes we have to see to it. */
static void top2_join(const top2_t *top, head_stat_t *stat) {
    float first[16], second = v16_fold_max(top->second);
    int32_t id[16];
    v16_store(first, top->first);
    v16i_store(id, top->id);
    int best = 0;
    for (int i = 1; i < 16; i++)
        if (first[i] > first[best] || (first[i] == first[best] && id[i] < id[best])) best = i;
    for (int i = 0; i < 16; i++)
        if (i != best && first[i] > second) second = first[i];
    if (first[best] > stat->logit_max) {
        if (stat->logit_max > second) second = stat->logit_max;
        stat->argmax = id[best], stat->logit_max = first[best];
    } else if (first[best] > second) {
        second = first[best];
    }
    if (second > stat->margin) stat->margin = second;
}

/* Tokens before the target among n whose first is `first`: larger logits, and equal ones of smaller id. */
static int32_t head_rank(int64_t n, const float *x, int64_t first, int32_t target, float logit_target) {
    int64_t before = target - first; // tokens of this block with a smaller id
    before = before < 0 ? 0 : before > n ? n : before;
    v16 t = v16_set1(logit_target);
    int32_t rank = 0;
    for (int64_t i = 0; i < n; i += 16) {
        v16 xi = n - i < 16 ? v16_load_part(x + i, n - i) : v16_load(x + i);
        uint32_t here = n - i < 16 ? (1u << (n - i)) - 1u : 0xffffu;
        uint32_t smaller = before - i >= 16 ? 0xffffu : before > i ? (1u << (before - i)) - 1u : 0;
        uint32_t ahead = v16m_bits(v16_greater(xi, t)) | (v16m_bits(v16_equal(xi, t)) & smaller);
        rank += __builtin_popcount(ahead & here);
    }
    return rank;
}

/* sum exp(x - shift). Lanes beyond the end are at -inf, where exp is 0. */
static float head_sum(int64_t n, const float *x, float shift) {
    v16 s = v16_set1(shift), sum = v16_zero();
    int64_t whole = n / 16 * 16;
    for (int64_t i = 0; i < whole; i += 16) sum = v16_add(sum, v16_exp(v16_sub(v16_load(x + i), s)));
    if (whole < n) {
        float last[16];
        v16_store(last, v16_set1(-INFINITY));
        memcpy(last, x + whole, (size_t)(n - whole) * sizeof *last);
        sum = v16_add(sum, v16_exp(v16_sub(v16_load(last), s)));
    }
    return v16_fold_add(sum);
}

/* The block of tokens first .. first + n - 1 joins the row's state. */
static void head_block(int64_t n, const float *x, int64_t first, int32_t target, head_stat_t *stat) {
    top2_t top = {v16_set1(-INFINITY), v16_set1(-INFINITY), v16i_set1(0)};
    v16i id = v16i_add(v16i_set1((int32_t)first), v16i_index()), step = v16i_set1(16);
    int64_t whole = n / 16 * 16;
    for (int64_t i = 0; i < whole; i += 16, id = v16i_add(id, step)) top2_add(&top, v16_load(x + i), id);
    if (whole < n) {
        float last[16];
        v16_store(last, v16_set1(-INFINITY));
        memcpy(last, x + whole, (size_t)(n - whole) * sizeof *last);
        top2_add(&top, v16_load(last), id);
    }
    float max = v16_fold_max(top.first);
    ref_head_join(max, head_sum(n, x, max == -INFINITY ? 0.0f : max), stat);
    top2_join(&top, stat);
    if (target >= 0) stat->rank += head_rank(n, x, first, target, stat->logit_target);
}

static void simd_head_row(int64_t vocab, const float *logits, int32_t target, head_stat_t *stat) {
    ref_head_begin(target >= 0 ? logits[target] : 0.0f, stat);
    for (int64_t first = 0; first < vocab; first += HEAD_BLOCK)
        head_block(vocab - first < HEAD_BLOCK ? vocab - first : HEAD_BLOCK, logits + first, first, target, stat);
    ref_head_end(target, stat);
}

/* The logits of the targets of eight rows, before the scan that needs them for the rank: eight chains side by side. */
enum { HEAD_CHAINS = 8 };
static void head_targets(int64_t m, int64_t d, const float *h, int64_t ldh, const float *packed, const int32_t *target,
                         float *logit) {
    const float *a[HEAD_CHAINS], *w[HEAD_CHAINS];
    for (int64_t r = 0; r < HEAD_CHAINS; r++) {
        int64_t row = r < m ? r : 0, token = target[row] >= 0 ? target[row] : 0;
        a[r] = h + row * ldh;
        w[r] = packed + token / GEMM_PANEL * GEMM_PANEL * d + token % GEMM_PANEL;
        logit[r] = 0;
    }
    for (int64_t first = 0; first < d; first += GEMM_BLOCK) {
        int64_t last = first + GEMM_BLOCK < d ? first + GEMM_BLOCK : d;
        float chain[HEAD_CHAINS] = {0};
        for (int64_t p = first; p < last; p++)
            for (int64_t r = 0; r < HEAD_CHAINS; r++) chain[r] = fmaf(a[r][p], w[r][p * GEMM_PANEL], chain[r]);
        for (int64_t r = 0; r < HEAD_CHAINS; r++) logit[r] = first ? logit[r] + chain[r] : chain[r];
    }
}

static void simd_head(int64_t m, int64_t d, int64_t vocab, const float *h, int64_t ldh, const float *packed,
                      const int32_t *target, head_stat_t *stat, float *scratch) {
    for (int64_t r = 0; r < m; r += HEAD_CHAINS) {
        float logit[HEAD_CHAINS];
        int64_t rows = m - r < HEAD_CHAINS ? m - r : HEAD_CHAINS;
        head_targets(rows, d, h + r * ldh, ldh, packed, target + r, logit);
        for (int64_t i = 0; i < rows; i++) ref_head_begin(target[r + i] >= 0 ? logit[i] : 0.0f, &stat[r + i]);
    }
    for (int64_t first = 0; first < vocab; first += HEAD_BLOCK) {
        int64_t n = vocab - first < HEAD_BLOCK ? vocab - first : HEAD_BLOCK;
        for (int64_t r = 0; r < m; r += HEAD_ROWS) {
            int64_t rows = m - r < HEAD_ROWS ? m - r : HEAD_ROWS;
            simd_gemm(rows, n, d, h + r * ldh, ldh, 1, packed + first * d, NULL, 0, scratch, HEAD_BLOCK);
            for (int64_t i = 0; i < rows; i++)
                head_block(n, scratch + i * HEAD_BLOCK, first, target[r + i], &stat[r + i]);
        }
    }
    for (int64_t r = 0; r < m; r++) ref_head_end(target[r], &stat[r]);
}

static void simd_xent_grad(int64_t m, int64_t vocab, float *logits, const int32_t *target, float scale, float *loss) {
    int64_t whole = vocab / 16 * 16, rest = vocab - whole;
    for (int64_t r = 0; r < m; r++, logits += vocab) {
        loss[r] = 0;
        if (target[r] < 0) {
            memset(logits, 0, (size_t)vocab * sizeof *logits);
            continue;
        }
        head_stat_t stat;
        simd_head_row(vocab, logits, target[r], &stat);
        loss[r] = stat.lse - stat.logit_target;
        v16 lse = v16_set1(stat.lse), s = v16_set1(scale);
        float at_target = scale * (math_exp(stat.logit_target - stat.lse) - 1.0f);
        for (int64_t i = 0; i < whole; i += 16)
            v16_store(logits + i, v16_mul(s, v16_exp(v16_sub(v16_load(logits + i), lse))));
        if (rest)
            v16_store_part(logits + whole, v16_mul(s, v16_exp(v16_sub(v16_load_part(logits + whole, rest), lse))),
                           rest);
        logits[target[r]] = at_target;
    }
}

#endif
