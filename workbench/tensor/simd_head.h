/* The output head over v16: a product with HEAD_BLOCK columns of the vocabulary matrix for HEAD_ROWS rows, read at once
 * while it is in the cache. Defined by ref_head.c. */
#ifndef MEMPROBE_SIMD_HEAD_H
#define MEMPROBE_SIMD_HEAD_H
#include "tensor/kernels.h"
#include "tensor/simd_gemm.h"
#include "tensor/simd_map.h"
#include <math.h>
#include <string.h>

/* Logits i .. i + 15 of n; lanes beyond the end are at -infinity. */
static inline v16 head_load(int64_t n, const float *x, int64_t i) {
    float last[16];
    if (n - i >= 16) return v16_load(x + i);
    v16_store(last, v16_set1(-INFINITY));
    memcpy(last, x + i, (size_t)(n - i) * sizeof *last);
    return v16_load(last);
}

static float head_max(int64_t n, const float *x) {
    v16 lowest = v16_set1(-INFINITY), max[4] = {lowest, lowest, lowest, lowest};
    int64_t i = 0;
    for (; i + 64 <= n; i += 64)
        for (int64_t j = 0; j < 4; j++) max[j] = v16_max(v16_load(x + i + 16 * j), max[j]);
    for (; i < n; i += 16) max[0] = v16_max(head_load(n, x, i), max[0]);
    return v16_fold_max(v16_max(v16_max(max[0], max[1]), v16_max(max[2], max[3])));
}

/* The two largest of a block, whose largest is max, join the running state of the row. Blocks that hold none of the
 * row's two largest so far are many, and for them the caller has no more to do than to know their max. */
static void head_join_largest(int64_t n, const float *x, int64_t first, float max, head_stat_t *stat) {
    v16 lowest = v16_set1(-INFINITY), top = v16_set1(max), others = lowest;
    int64_t best = -1, equals = 0;
    for (int64_t i = 0; i < n; i += 16) {
        v16 xi = head_load(n, x, i);
        v16m is_max = v16_equal(xi, top);
        uint32_t lanes = v16m_bits(is_max);
        if (lanes && best < 0) best = i + __builtin_ctz(lanes);
        equals += __builtin_popcount(lanes);
        others = v16_max(v16_blend(is_max, lowest, xi), others);
    }
    float second = equals > 1 ? max : v16_fold_max(others);
    if (max > stat->logit_max) {
        if (stat->logit_max > second) second = stat->logit_max;
        stat->argmax = (int32_t)(first + best), stat->logit_max = x[best]; // not max: of two zeros it may be the other
    } else {
        second = max;
    }
    if (second > stat->margin) stat->margin = second;
}

/* Tokens before the target among n, of which the first `smaller` have a smaller id: larger logits, and among those
 * equal ones. */
static int32_t head_rank(int64_t n, const float *x, int64_t smaller, float logit_target) {
    v16 t = v16_set1(logit_target);
    int64_t i = 0, ahead = 0, border = smaller / 16 * 16;
    for (; i < border; i += 16) ahead += __builtin_popcount(v16m_bits(v16_at_least(v16_load(x + i), t)));
    for (; i < n; i += 16) {
        v16 xi = head_load(n, x, i);
        ahead += __builtin_popcount(v16m_bits(v16_greater(xi, t)));
        if (i == border) ahead += __builtin_popcount(v16m_bits(v16_equal(xi, t)) & ((1u << (smaller - border)) - 1u));
    }
    return (int32_t)ahead;
}

/* sum exp(x - shift); exp(-infinity) is 0. */
static float head_sum(int64_t n, const float *x, float shift) {
    v16 s = v16_set1(shift), sum = v16_zero();
    int64_t i = 0;
    for (; i + 16 <= n; i += 16) sum = v16_add(sum, v16_exp(v16_sub(v16_load(x + i), s)));
    if (i < n) sum = v16_add(sum, v16_exp(v16_sub(head_load(n, x, i), s)));
    return v16_fold_add(sum);
}

/* The block of tokens first .. first + n - 1 joins the row's state. */
static void head_block(int64_t n, const float *x, int64_t first, int32_t target, head_stat_t *stat) {
    float max = head_max(n, x);
    ref_head_join(max, head_sum(n, x, max == -INFINITY ? 0.0f : max), stat);
    if (max > stat->margin) head_join_largest(n, x, first, max, stat);
    if (target < 0) return;
    int64_t smaller = target - first;
    stat->rank += head_rank(n, x, smaller < 0 ? 0 : smaller > n ? n : smaller, stat->logit_target);
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

/* For m rows, before the first block. */
static void head_begin(int64_t m, int64_t d, const float *h, int64_t ldh, packed_t w, const int32_t *target,
                       head_stat_t *stat) {
    for (int64_t r = 0; r < m; r += HEAD_CHAINS) {
        float logit[HEAD_CHAINS];
        int64_t rows = m - r < HEAD_CHAINS ? m - r : HEAD_CHAINS;
        if (w.type == PACKED_F32) head_targets(rows, d, h + r * ldh, ldh, w.data, target + r, logit);
        for (int64_t i = 0; i < rows; i++) {
            if (w.type != PACKED_F32 && target[r + i] >= 0)
                logit[i] = ref_dot(d, h + (r + i) * ldh, 1, w, target[r + i]);
            ref_head_begin(target[r + i] >= 0 ? logit[i] : 0.0f, &stat[r + i]);
        }
    }
}

static void simd_head(int64_t m, int64_t d, int64_t vocab, const float *h, int64_t ldh, packed_t w,
                      const int32_t *target, head_stat_t *stat, float *scratch) {
    head_begin(m, d, h, ldh, w, target, stat);
    for (int64_t first = 0; first < vocab; first += HEAD_BLOCK) {
        int64_t n = vocab - first < HEAD_BLOCK ? vocab - first : HEAD_BLOCK;
        packed_t block = packed_from(w, d, first);
        for (int64_t r = 0; r < m; r += HEAD_ROWS) {
            int64_t rows = m - r < HEAD_ROWS ? m - r : HEAD_ROWS;
            simd_gemm(rows, n, d, h + r * ldh, ldh, 1, block, NULL, 0, scratch, HEAD_BLOCK);
            for (int64_t i = 0; i < rows; i++)
                head_block(n, scratch + i * HEAD_BLOCK, first, target[r + i], &stat[r + i]);
        }
    }
    for (int64_t r = 0; r < m; r++) ref_head_end(target[r], &stat[r]);
}

/* The lse of simd_head_row, without rank and margin, which take longer than it. */
static float head_lse(int64_t vocab, const float *logits) {
    head_stat_t stat;
    ref_head_begin(0.0f, &stat);
    for (int64_t first = 0; first < vocab; first += HEAD_BLOCK) {
        int64_t n = vocab - first < HEAD_BLOCK ? vocab - first : HEAD_BLOCK;
        const float *x = logits + first;
        float max = head_max(n, x);
        ref_head_join(max, head_sum(n, x, max == -INFINITY ? 0.0f : max), &stat);
        if (max > stat.logit_max) stat.logit_max = max;
    }
    return stat.logit_max + math_log(stat.lse);
}

static void simd_xent_grad(int64_t m, int64_t vocab, float *logits, const int32_t *target, float scale, float *loss) {
    int64_t whole = vocab / 16 * 16, rest = vocab - whole;
    for (int64_t r = 0; r < m; r++, logits += vocab) {
        loss[r] = 0;
        if (target[r] < 0) {
            memset(logits, 0, (size_t)vocab * sizeof *logits);
            continue;
        }
        float log_sum = head_lse(vocab, logits), logit_target = logits[target[r]];
        loss[r] = log_sum - logit_target;
        v16 lse = v16_set1(log_sum), s = v16_set1(scale);
        float at_target = scale * (math_exp(logit_target - log_sum) - 1.0f);
        for (int64_t i = 0; i < whole; i += 16)
            v16_store(logits + i, v16_mul(s, v16_exp(v16_sub(v16_load(logits + i), lse))));
        if (rest)
            v16_store_part(logits + whole, v16_mul(s, v16_exp(v16_sub(v16_load_part(logits + whole, rest), lse))),
                           rest);
        logits[target[r]] = at_target;
    }
}

#endif
