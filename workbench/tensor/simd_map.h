/* Element-wise kernels and the vector forms of tensor/math.h, operation for operation. */
#ifndef MEMPROBE_SIMD_MAP_H
#define MEMPROBE_SIMD_MAP_H
#include "tensor/math.h"

static inline v16 v16_exp(v16 x) {
    v16 round = v16_set1(MATH_ROUND), one = v16_set1(1.0f);
    x = v16_min(v16_set1(89.0f), x); // in this order a NaN stays
    x = v16_max(v16_set1(-104.0f), x);
    v16 t = v16_fma(x, v16_set1(0x1.715476p+0f), round);
    v16 n = v16_sub(t, round);
    v16 r = v16_fma(n, v16_set1(-0x1.62e4p-1f), x);
    r = v16_fma(n, v16_set1(-0x1.7f7d1cp-20f), r);
    v16 p = v16_set1(0x1.6a2468p-10f);
    p = v16_fma(p, r, v16_set1(0x1.1239e2p-7f));
    p = v16_fma(p, r, v16_set1(0x1.5558f2p-5f));
    p = v16_fma(p, r, v16_set1(0x1.555492p-3f));
    p = v16_fma(p, r, v16_set1(0x1.fffffcp-2f));
    p = v16_fma(p, r, one);
    return v16_scale2(v16_fma(p, r, one), n);
}

/* math_normal: Phi(x) and exp(-x^2 / 2). */
static inline v16 v16_normal(v16 x, v16 *density) {
    static const float c[9] = {0x1.6e493cp-13f, 0x1.9b25fap-10f, -0x1.cc1722p-9f, -0x1.ed17d4p-8f, 0x1.eed34cp-5f,
                               -0x1.7e001ep-3f, 0x1.8c6d9ep-2f,  -0x1.373e38p-1f, 0x1.82b4bcp-1f};
    v16 end = v16_set1(15.0f), minus_half = v16_set1(-0.5f), four = v16_set1(4.0f), one = v16_set1(1.0f);
    v16 t = v16_abs(x);
    t = v16_blend(v16_greater(t, end), end, t);
    v16 square = v16_mul(t, t);
    v16 rest = v16_fma(t, t, v16_sub(v16_zero(), square));
    v16 e = v16_exp(v16_mul(minus_half, square));
    e = v16_fma(v16_mul(e, minus_half), rest, e);
    v16 inverse = v16_div(one, v16_add(t, four));
    v16 u = v16_mul(v16_sub(t, four), inverse);
    v16 p = v16_set1(-0x1.196dd6p-13f);
    for (int i = 0; i < 9; i++) p = v16_fma(p, u, v16_set1(c[i]));
    *density = e;
    v16 tail = v16_mul(e, v16_mul(p, inverse));
    return v16_blend(v16_greater(x, v16_zero()), v16_sub(one, tail), tail);
}

static inline v16 v16_gelu(v16 x) {
    v16 density, low = v16_set1(-15.0f);
    v16 phi = v16_normal(x, &density);
    return v16_mul(v16_blend(v16_less(x, low), low, x), phi);
}

static inline v16 v16_gelu_grad(v16 x) {
    v16 density, low = v16_set1(-15.0f), high = v16_set1(15.0f);
    v16 phi = v16_normal(x, &density);
    x = v16_blend(v16_less(x, low), low, x);
    x = v16_blend(v16_greater(x, high), high, x);
    return v16_fma(v16_mul(x, v16_set1(0x1.988454p-2f)), density, phi);
}

static inline v16 v16_logistic(v16 z) {
    v16 one = v16_set1(1.0f), e = v16_exp(v16_sub(v16_zero(), v16_abs(z)));
    return v16_div(v16_blend(v16_less(z, v16_zero()), e, one), v16_add(one, e));
}

static inline v16 v16_silu(v16 x) {
    v16 low = v16_set1(-110.0f);
    x = v16_blend(v16_less(x, low), low, x);
    return v16_mul(x, v16_logistic(x));
}

static inline v16 v16_gelu_tanh(v16 x) {
    v16 low = v16_set1(-15.0f);
    x = v16_blend(v16_less(x, low), low, x);
    v16 z = v16_mul(x, v16_fma(v16_set1(0x1.2444f2p-4f), v16_mul(x, x), v16_set1(0x1.988454p+0f)));
    return v16_mul(x, v16_logistic(z));
}

static void simd_exp(int64_t n, const float *x, float *y) {
    int64_t i = 0;
    for (; i + 16 <= n; i += 16) v16_store(y + i, v16_exp(v16_load(x + i)));
    if (i < n) v16_store_part(y + i, v16_exp(v16_load_part(x + i, n - i)), n - i);
}

static void simd_gelu(int64_t n, const float *x, float *y) {
    int64_t i = 0;
    for (; i + 16 <= n; i += 16) v16_store(y + i, v16_gelu(v16_load(x + i)));
    if (i < n) v16_store_part(y + i, v16_gelu(v16_load_part(x + i, n - i)), n - i);
}

static void simd_gelu_grad(int64_t n, const float *x, const float *dy, float *dx) {
    int64_t i = 0;
    for (; i + 16 <= n; i += 16) v16_store(dx + i, v16_mul(v16_load(dy + i), v16_gelu_grad(v16_load(x + i))));
    if (i == n) return;
    v16 grad = v16_gelu_grad(v16_load_part(x + i, n - i));
    v16_store_part(dx + i, v16_mul(v16_load_part(dy + i, n - i), grad), n - i);
}

static void simd_gelu_tanh(int64_t n, const float *x, float *y) {
    int64_t i = 0;
    for (; i + 16 <= n; i += 16) v16_store(y + i, v16_gelu_tanh(v16_load(x + i)));
    if (i < n) v16_store_part(y + i, v16_gelu_tanh(v16_load_part(x + i, n - i)), n - i);
}

static void simd_silu(int64_t n, const float *x, float *y) {
    int64_t i = 0;
    for (; i + 16 <= n; i += 16) v16_store(y + i, v16_silu(v16_load(x + i)));
    if (i < n) v16_store_part(y + i, v16_silu(v16_load_part(x + i, n - i)), n - i);
}

static void simd_multiply(int64_t n, const float *x, float *y) {
    int64_t i = 0;
    for (; i + 16 <= n; i += 16) v16_store(y + i, v16_mul(v16_load(y + i), v16_load(x + i)));
    if (i < n) v16_store_part(y + i, v16_mul(v16_load_part(y + i, n - i), v16_load_part(x + i, n - i)), n - i);
}

/* In this order of the operands a NaN stays. */
static inline v16 v16_clip(v16 least, v16 most, v16 x) {
    return v16_max(least, v16_min(most, x));
}

static void simd_clip(int64_t n, float limit, float *x) {
    v16 least = v16_set1(-limit), most = v16_set1(limit);
    int64_t i = 0;
    for (; i + 16 <= n; i += 16) v16_store(x + i, v16_clip(least, most, v16_load(x + i)));
    if (i < n) v16_store_part(x + i, v16_clip(least, most, v16_load_part(x + i, n - i)), n - i);
}

static void simd_add(int64_t n, const float *x, float *y) {
    int64_t i = 0;
    for (; i + 16 <= n; i += 16) v16_store(y + i, v16_add(v16_load(y + i), v16_load(x + i)));
    if (i < n) v16_store_part(y + i, v16_add(v16_load_part(y + i, n - i), v16_load_part(x + i, n - i)), n - i);
}

static void simd_scale(int64_t n, float s, float *x) {
    v16 factor = v16_set1(s);
    int64_t i = 0;
    for (; i + 16 <= n; i += 16) v16_store(x + i, v16_mul(v16_load(x + i), factor));
    if (i < n) v16_store_part(x + i, v16_mul(v16_load_part(x + i, n - i), factor), n - i);
}

/* Hits are rare: sixteen elements cost one comparison and one branch. */
static int64_t simd_find_above(int64_t n, const float *x, float shift, const float *limit, int32_t *at) {
    v16 add = v16_set1(shift);
    int64_t found = 0, i = 0;
    for (; i < n; i += 16) {
        uint32_t valid = n - i < 16 ? (1u << (n - i)) - 1u : 0xffffu;
        v16 a = valid == 0xffffu ? v16_load(x + i) : v16_load_part(x + i, n - i);
        v16 b = valid == 0xffffu ? v16_load(limit + i) : v16_load_part(limit + i, n - i);
        uint32_t hits = ~v16m_bits(v16_less(v16_add(a, add), b)) & valid;
        for (; hits; hits &= hits - 1) at[found++] = (int32_t)i + __builtin_ctz(hits);
    }
    return found;
}

#endif
