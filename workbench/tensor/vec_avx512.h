/* v16, the vector type of all kernels, on AVX-512: sixteen floats in one register. The kernels (tensor/simd_*.h) are
 * written once over the operations of this file, which vec_avx2.h offers too. Each operation does to every lane what
 * one plain C operation does, correctly rounded, so a kernel that performs the reference's operations in the
 * reference's order has the reference's bits. */
#ifndef MEMPROBE_VEC_AVX512_H
#define MEMPROBE_VEC_AVX512_H
#include "tensor/vec_x86.h"
#include <stdint.h>

#define V16_NAME "avx512"
/* The GEMM's largest tile: rows, and those of one that is alone; accumulators, and those of one of more than two
 * vectors of columns; and how many accumulators it takes to keep the multiply-adders busy. */
enum { V16_GEMM_ROWS = 12, V16_GEMM_ROWS_ALONE = 14, V16_GEMM_SUMS = 28, V16_GEMM_SUMS_WIDE = 24 };
enum { V16_GEMM_LEAST = 8, V16_REGISTERS = 32 };

typedef __m512 v16;     // 16 floats
typedef __m512i v16i;   // 16 int32
typedef __mmask16 v16m; // 16 truths
typedef struct {
    __m512d lo, hi;
} v16d; // 16 doubles

static inline v16 v16_load(const float *x) {
    return _mm512_loadu_ps(x);
}
/* Halves, widened exactly. */
static inline v16 v16_load_bf16(const uint16_t *x) {
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)x)), 16));
}
static inline v16 v16_load_f16(const uint16_t *x) {
    return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)x));
}
static inline void v16_store(float *x, v16 a) {
    _mm512_storeu_ps(x, a);
}

/* The first n < 16 lanes; the others are 0 (load) or left alone (store). Memory beyond them is not touched. */
static inline v16 v16_load_part(const float *x, int64_t n) {
    return _mm512_maskz_loadu_ps((__mmask16)((1u << n) - 1u), x);
}
static inline void v16_store_part(float *x, v16 a, int64_t n) {
    _mm512_mask_storeu_ps(x, (__mmask16)((1u << n) - 1u), a);
}

/* Has the compiler hold *a in registers, where it may rather load it again for every operation. */
static inline void v16_keep(v16 *a) {
    __asm__("" : "+v"(*a));
}
static inline v16 v16_zero(void) {
    return _mm512_setzero_ps();
}
static inline v16 v16_set1(float x) {
    return _mm512_set1_ps(x);
}

static inline v16 v16_add(v16 a, v16 b) {
    return _mm512_add_ps(a, b);
}
static inline v16 v16_sub(v16 a, v16 b) {
    return _mm512_sub_ps(a, b);
}
static inline v16 v16_mul(v16 a, v16 b) {
    return _mm512_mul_ps(a, b);
}
static inline v16 v16_div(v16 a, v16 b) {
    return _mm512_div_ps(a, b);
}
static inline v16 v16_sqrt(v16 a) {
    return _mm512_sqrt_ps(a);
}
/* fmaf(a, b, c) */
static inline v16 v16_fma(v16 a, v16 b, v16 c) {
    return _mm512_fmadd_ps(a, b, c);
}
/* fmaf(-a, b, c) */
static inline v16 v16_fnma(v16 a, v16 b, v16 c) {
    return _mm512_fnmadd_ps(a, b, c);
}
/* Of lanes that hold pairs of bf16: the first, which is the lower half, and the second. */
static inline v16 v16_pair_even(v16 a) {
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_castps_si512(a), 16));
}
static inline v16 v16_pair_odd(v16 a) {
    return _mm512_castsi512_ps(_mm512_and_si512(_mm512_castps_si512(a), _mm512_set1_epi32((int32_t)0xffff0000)));
}
/* a > b ? a : b, so b when one is NaN. */
static inline v16 v16_max(v16 a, v16 b) {
    return _mm512_max_ps(a, b);
}
/* a < b ? a : b, so b when one is NaN. */
static inline v16 v16_min(v16 a, v16 b) {
    return _mm512_min_ps(a, b);
}
static inline v16 v16_abs(v16 a) {
    return _mm512_abs_ps(a);
}

static inline v16m v16_less(v16 a, v16 b) {
    return _mm512_cmp_ps_mask(a, b, _CMP_LT_OQ);
}
static inline v16m v16_greater(v16 a, v16 b) {
    return _mm512_cmp_ps_mask(a, b, _CMP_GT_OQ);
}
static inline v16m v16_at_least(v16 a, v16 b) {
    return _mm512_cmp_ps_mask(a, b, _CMP_GE_OQ);
}
static inline v16m v16_equal(v16 a, v16 b) {
    return _mm512_cmp_ps_mask(a, b, _CMP_EQ_OQ);
}
/* Bit i is lane i. */
static inline uint32_t v16m_bits(v16m m) {
    return m;
}
/* m ? yes : no, lane by lane. */
static inline v16 v16_blend(v16m m, v16 yes, v16 no) {
    return _mm512_mask_blend_ps(m, no, yes);
}
static inline v16i v16i_blend(v16m m, v16i yes, v16i no) {
    return _mm512_mask_blend_epi32(m, no, yes);
}

static inline v16i v16i_load(const int32_t *x) {
    return _mm512_loadu_si512(x);
}
static inline void v16i_store(int32_t *x, v16i a) {
    _mm512_storeu_si512(x, a);
}
static inline v16i v16i_set1(int32_t x) {
    return _mm512_set1_epi32(x);
}
/* 0, 1, ..., 15 */
static inline v16i v16i_index(void) {
    return _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
}
static inline v16i v16i_add(v16i a, v16i b) {
    return _mm512_add_epi32(a, b);
}
/* a 2^n for whole n in -254..254, rounded once. */
static inline v16 v16_scale2(v16 a, v16 n) {
    return _mm512_scalef_ps(a, n);
}

/* Lane i takes lane i + 8, then i + 4, i + 2, i + 1: the fold of every reduction. */
static inline float v16_fold_add(v16 a) {
    return vec_fold8_add(_mm256_add_ps(_mm512_castps512_ps256(a), _mm512_extractf32x8_ps(a, 1)));
}
static inline float v16_fold_max(v16 a) {
    return vec_fold8_max(_mm256_max_ps(_mm512_castps512_ps256(a), _mm512_extractf32x8_ps(a, 1)));
}

static inline v16d v16d_zero(void) {
    return (v16d){_mm512_setzero_pd(), _mm512_setzero_pd()};
}
static inline v16d v16d_from(v16 a) {
    return (v16d){_mm512_cvtps_pd(_mm512_castps512_ps256(a)), _mm512_cvtps_pd(_mm512_extractf32x8_ps(a, 1))};
}
/* fma(a, b, c) */
static inline v16d v16d_fma(v16d a, v16d b, v16d c) {
    return (v16d){_mm512_fmadd_pd(a.lo, b.lo, c.lo), _mm512_fmadd_pd(a.hi, b.hi, c.hi)};
}
static inline v16d v16d_add(v16d a, v16d b) {
    return (v16d){_mm512_add_pd(a.lo, b.lo), _mm512_add_pd(a.hi, b.hi)};
}
static inline double v16d_fold_add(v16d a) {
    __m512d s = _mm512_add_pd(a.lo, a.hi);
    return vec_fold4_add_d(_mm256_add_pd(_mm512_castpd512_pd256(s), _mm512_extractf64x4_pd(s, 1)));
}

#endif
