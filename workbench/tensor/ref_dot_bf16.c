/* The matrix product of bf16 numbers as it is defined, PACKED_DOT_BF16: what the instruction VDPBF16PS does, in plain
 * C.
 *
 *   rounding   a float becomes a bf16: a denormal a zero of its sign, else to the nearest, ties to even
 *   step       chain = fma(a[2p + 1], b[2p + 1], chain), then chain = fma(a[2p], b[2p], chain): the odd term first,
 * each rounded to fp32; a zero follows the last of an odd number of terms product    chains of GEMM_BLOCK terms, their
 * sums added in order, + bias, + C
 *
 * Throughout, a denormal operand counts as a zero of its sign, and a result that is denormal after it was rounded to 24
 * bits with an unbounded exponent is replaced by a zero of its sign. That is how Intel describes the instruction ("FP32
 * FMA with DAZ in, FTZ out, RNE rounding", the odd element first) and what AMD's does as well; whether the one at hand
 * does, dot_bf16_holds finds out before it is used. */
#include "base/rng.h"
#include "tensor/kernels.h"
#include "tensor/math.h"
#include <float.h>
#include <math.h>

uint16_t dot_bf16_round(float x) {
    uint32_t u = math_bits(x);
    return (u & 0x7f800000u) == 0 ? (uint16_t)(u >> 16 & 0x8000u) : math_to_bf16(x);
}

static float flush(float x) {
    return fabsf(x) < FLT_MIN ? copysignf(0.0f, x) : x;
}

/* x has no denormals, being a bf16 that dot_bf16_round made or the last result of this function. */
static float fma_flushed(float a, float b, float c) {
    float sum = fmaf(a, b, c);
    const uint32_t size = math_bits(sum) & 0x7fffffffu, smallest = 0x00800000u; // FLT_MIN
    if (size == 0 || size > smallest) return sum;
    /* FLT_MIN itself may have come from below, where the spacing is that of denormals: look with more exponent. */
    float scaled = fmaf(a * 0x1p64f, b, c * 0x1p64f);
    return fabsf(scaled) < FLT_MIN * 0x1p64f ? copysignf(0.0f, sum) : sum;
}

static float add_flushed(float a, float b) {
    return flush(flush(a) + flush(b)); // a denormal sum of floats is exact
}

float ref_dot_bf16(int64_t k, const float *a, int64_t a_col, packed_t b, int64_t j) {
    const uint16_t *column = (const uint16_t *)b.data + j / GEMM_PANEL * GEMM_PANEL * (k + k % 2) + j % GEMM_PANEL * 2;
    float total = 0.0f;
    for (int64_t first = 0; first < k; first += GEMM_BLOCK) {
        int64_t last = k - first < GEMM_BLOCK ? k : first + GEMM_BLOCK;
        float chain = 0.0f;
        for (int64_t p = first; p < last; p += 2) {
            const uint16_t *pair = column + p * GEMM_PANEL;
            float even = math_from_bf16(dot_bf16_round(a[p * a_col]));
            float odd = p + 1 < k ? math_from_bf16(dot_bf16_round(a[(p + 1) * a_col])) : 0.0f;
            chain = fma_flushed(odd, math_from_bf16(pair[1]), chain);
            chain = fma_flushed(even, math_from_bf16(pair[0]), chain);
        }
        total = first ? add_flushed(total, chain) : chain;
    }
    return total;
}

void ref_gemm_dot_bf16(int64_t m, int64_t n, int64_t k, const float *a, int64_t a_row, int64_t a_col, packed_t b,
                       const float *bias, int accumulate, float *c, int64_t ldc) {
    for (int64_t i = 0; i < m; i++)
        for (int64_t j = 0; j < n; j++) {
            float sum = ref_dot_bf16(k, a + i * a_row, a_col, b, j);
            if (bias) sum = add_flushed(sum, bias[j]);
            c[i * ldc + j] = accumulate ? add_flushed(c[i * ldc + j], sum) : sum;
        }
}

/* Numbers that tell one arithmetic from another: exponents around where products of two vanish, around 1 and around
 * where they overflow, and zeros, denormals and the extremes. */
static float tell_tale(uint64_t draw, int kind) {
    static const uint32_t middle[] = {63, 127, 190, 20}, spread[] = {4, 3, 4, 30};
    static const float odd[] = {0.0f, -0.0f, 0x1p-149f, -0x1p-127f, FLT_MIN, -FLT_MIN, FLT_MAX, -FLT_MAX, 1.0f, -1.0f};
    uint32_t u = (uint32_t)draw;
    if (kind == 4) return odd[u % (sizeof odd / sizeof *odd)];
    uint32_t exponent = middle[kind] - spread[kind] + (u >> 23 & 255u) % (2 * spread[kind] + 1);
    return math_from_bits((u & 0x807fffffu) | exponent << 23);
}

static int same(float x, float y) {
    return math_bits(x) == math_bits(y) || (x != x && y != y);
}

/* 2^-126 less 1.5 and less 1 of 2^-151: a denormal and, after a tie, 2^-126, when rounded to 24 bits; both are 2^-126
 * when rounded where denormals stand. */
static int holds_at_the_edge(tensor_gemm_t *gemm) {
    static const float a[] = {-0x1.8p-75f, 0x1p-63f, -0x1p-75f, 0x1p-63f}, b[] = {0x1p-76f, 0x1p-63f};
    uint16_t packed[2 * GEMM_PANEL];
    float c[2], expected[2];
    packed_fill(PACKED_DOT_BF16, 1, 2, b, 1, 1, packed);
    packed_t factor = {packed, PACKED_DOT_BF16};
    gemm(2, 1, 2, a, 2, 1, factor, NULL, 0, c, 1);
    ref_gemm_dot_bf16(2, 1, 2, a, 2, 1, factor, NULL, 0, expected, 1);
    return same(c[0], expected[0]) && same(c[1], expected[1]);
}

int dot_bf16_holds(tensor_gemm_t *gemm) {
    enum { ROUNDS = 25, M = 5, N = 16, K = 7 };
    for (uint64_t round = 0; round < ROUNDS; round++) {
        float a[M * K], b[N * K], bias[N], c[M * N], expected[M * N];
        uint16_t packed[GEMM_PANEL * (K + 1)];
        uint64_t next = round << 16;
        int kind = (int)(round % 5);
        for (int i = 0; i < M * K; i++) a[i] = tell_tale(rng_u64(0, RNG_TEST, next++), kind);
        for (int i = 0; i < N * K; i++) b[i] = tell_tale(rng_u64(0, RNG_TEST, next++), kind);
        for (int i = 0; i < N; i++) bias[i] = tell_tale(rng_u64(0, RNG_TEST, next++), 3);
        for (int i = 0; i < M * N; i++) c[i] = expected[i] = tell_tale(rng_u64(0, RNG_TEST, next++), 3);
        packed_fill(PACKED_DOT_BF16, N, K, b, N, 1, packed);
        packed_t factor = {packed, PACKED_DOT_BF16};
        int64_t terms = round % 2 ? K : 1 + (int64_t)(round / 2 % 3);
        if (terms != K) packed_fill(PACKED_DOT_BF16, N, terms, b, N, 1, packed);
        gemm(M, N, terms, a, K, 1, factor, round % 3 ? bias : NULL, round % 4 == 3, c, N);
        ref_gemm_dot_bf16(M, N, terms, a, K, 1, factor, round % 3 ? bias : NULL, round % 4 == 3, expected, N);
        for (int i = 0; i < M * N; i++)
            if (!same(c[i], expected[i])) return 0;
    }
    return holds_at_the_edge(gemm);
}
