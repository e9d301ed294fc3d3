/* v16, the vector type of all kernels, on AVX2: sixteen floats in two registers. The same operations as
 * vec_avx512.h, where they are described. */
#ifndef MEMPROBE_VEC_AVX2_H
#define MEMPROBE_VEC_AVX2_H
#include "tensor/vec_x86.h"
#include <stdint.h>

#define V16_NAME "avx2"
#ifdef __clang__ // which finds no registers for the tile of 3 rows that 5 leads to
enum { V16_GEMM_LEAST = 4 };
#else
enum { V16_GEMM_LEAST = 5 };
#endif
enum { V16_GEMM_ROWS = 6, V16_GEMM_ROWS_ALONE = 6, V16_GEMM_SUMS = 6, V16_GEMM_SUMS_WIDE = 6, V16_REGISTERS = 8 };

typedef struct {
    __m256 lo, hi;
} v16;
typedef struct {
    __m256i lo, hi;
} v16i;
typedef struct {
    __m256 lo, hi; // all bits of a lane set: true
} v16m;
typedef struct {
    __m256d q[4]; // lanes 0-3, 4-7, 8-11, 12-15
} v16d;

static inline v16 v16_load(const float *x) {
    return (v16){_mm256_loadu_ps(x), _mm256_loadu_ps(x + 8)};
}
static inline __m256 v8_load_bf16(const uint16_t *x) {
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)x)), 16));
}
static inline v16 v16_load_bf16(const uint16_t *x) {
    return (v16){v8_load_bf16(x), v8_load_bf16(x + 8)};
}
static inline v16 v16_load_f16(const uint16_t *x) {
    return (v16){_mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)x)),
                 _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(x + 8)))};
}
static inline void v16_store(float *x, v16 a) {
    _mm256_storeu_ps(x, a.lo);
    _mm256_storeu_ps(x + 8, a.hi);
}

/* All bits set in the lanes below n, for lanes first .. first + 7. */
static inline __m256i v16_part(int64_t n, int32_t first) {
    __m256i lane = _mm256_add_epi32(_mm256_set1_epi32(first), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
    return _mm256_cmpgt_epi32(_mm256_set1_epi32((int32_t)n), lane);
}
static inline v16 v16_load_part(const float *x, int64_t n) {
    return (v16){_mm256_maskload_ps(x, v16_part(n, 0)), _mm256_maskload_ps(x + 8, v16_part(n, 8))};
}
static inline void v16_store_part(float *x, v16 a, int64_t n) {
    _mm256_maskstore_ps(x, v16_part(n, 0), a.lo);
    _mm256_maskstore_ps(x + 8, v16_part(n, 8), a.hi);
}

static inline void v16_keep(v16 *a) {
    __asm__("" : "+x"(a->lo), "+x"(a->hi));
}
static inline v16 v16_zero(void) {
    return (v16){_mm256_setzero_ps(), _mm256_setzero_ps()};
}
static inline v16 v16_set1(float x) {
    return (v16){_mm256_set1_ps(x), _mm256_set1_ps(x)};
}

static inline v16 v16_add(v16 a, v16 b) {
    return (v16){_mm256_add_ps(a.lo, b.lo), _mm256_add_ps(a.hi, b.hi)};
}
static inline v16 v16_sub(v16 a, v16 b) {
    return (v16){_mm256_sub_ps(a.lo, b.lo), _mm256_sub_ps(a.hi, b.hi)};
}
static inline v16 v16_mul(v16 a, v16 b) {
    return (v16){_mm256_mul_ps(a.lo, b.lo), _mm256_mul_ps(a.hi, b.hi)};
}
static inline v16 v16_div(v16 a, v16 b) {
    return (v16){_mm256_div_ps(a.lo, b.lo), _mm256_div_ps(a.hi, b.hi)};
}
static inline v16 v16_sqrt(v16 a) {
    return (v16){_mm256_sqrt_ps(a.lo), _mm256_sqrt_ps(a.hi)};
}
static inline v16 v16_fma(v16 a, v16 b, v16 c) {
    return (v16){_mm256_fmadd_ps(a.lo, b.lo, c.lo), _mm256_fmadd_ps(a.hi, b.hi, c.hi)};
}
static inline v16 v16_fnma(v16 a, v16 b, v16 c) {
    return (v16){_mm256_fnmadd_ps(a.lo, b.lo, c.lo), _mm256_fnmadd_ps(a.hi, b.hi, c.hi)};
}
static inline __m256 vec_pair_even(__m256 a) {
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_castps_si256(a), 16));
}
static inline __m256 vec_pair_odd(__m256 a) {
    return _mm256_and_ps(a, _mm256_castsi256_ps(_mm256_set1_epi32((int32_t)0xffff0000)));
}
static inline v16 v16_pair_even(v16 a) {
    return (v16){vec_pair_even(a.lo), vec_pair_even(a.hi)};
}
static inline v16 v16_pair_odd(v16 a) {
    return (v16){vec_pair_odd(a.lo), vec_pair_odd(a.hi)};
}
static inline v16 v16_max(v16 a, v16 b) {
    return (v16){_mm256_max_ps(a.lo, b.lo), _mm256_max_ps(a.hi, b.hi)};
}
static inline v16 v16_min(v16 a, v16 b) {
    return (v16){_mm256_min_ps(a.lo, b.lo), _mm256_min_ps(a.hi, b.hi)};
}
static inline v16 v16_abs(v16 a) {
    __m256 sign = _mm256_set1_ps(-0.0f);
    return (v16){_mm256_andnot_ps(sign, a.lo), _mm256_andnot_ps(sign, a.hi)};
}

static inline v16m v16_less(v16 a, v16 b) {
    return (v16m){_mm256_cmp_ps(a.lo, b.lo, _CMP_LT_OQ), _mm256_cmp_ps(a.hi, b.hi, _CMP_LT_OQ)};
}
static inline v16m v16_greater(v16 a, v16 b) {
    return (v16m){_mm256_cmp_ps(a.lo, b.lo, _CMP_GT_OQ), _mm256_cmp_ps(a.hi, b.hi, _CMP_GT_OQ)};
}
static inline v16m v16_at_least(v16 a, v16 b) {
    return (v16m){_mm256_cmp_ps(a.lo, b.lo, _CMP_GE_OQ), _mm256_cmp_ps(a.hi, b.hi, _CMP_GE_OQ)};
}
static inline v16m v16_equal(v16 a, v16 b) {
    return (v16m){_mm256_cmp_ps(a.lo, b.lo, _CMP_EQ_OQ), _mm256_cmp_ps(a.hi, b.hi, _CMP_EQ_OQ)};
}
static inline uint32_t v16m_bits(v16m m) {
    return (uint32_t)_mm256_movemask_ps(m.lo) | (uint32_t)_mm256_movemask_ps(m.hi) << 8;
}
static inline v16 v16_blend(v16m m, v16 yes, v16 no) {
    return (v16){_mm256_blendv_ps(no.lo, yes.lo, m.lo), _mm256_blendv_ps(no.hi, yes.hi, m.hi)};
}

static inline v16i v16i_blend(v16m m, v16i yes, v16i no) {
    return (v16i){_mm256_castps_si256(_mm256_blendv_ps(_mm256_castsi256_ps(no.lo), _mm256_castsi256_ps(yes.lo), m.lo)),
                  _mm256_castps_si256(_mm256_blendv_ps(_mm256_castsi256_ps(no.hi), _mm256_castsi256_ps(yes.hi), m.hi))};
}
static inline v16i v16i_load(const int32_t *x) {
    return (v16i){_mm256_loadu_si256((const __m256i *)x), _mm256_loadu_si256((const __m256i *)(x + 8))};
}
static inline void v16i_store(int32_t *x, v16i a) {
    _mm256_storeu_si256((__m256i *)x, a.lo);
    _mm256_storeu_si256((__m256i *)(x + 8), a.hi);
}
static inline v16i v16i_set1(int32_t x) {
    return (v16i){_mm256_set1_epi32(x), _mm256_set1_epi32(x)};
}
static inline v16i v16i_index(void) {
    return (v16i){_mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7), _mm256_setr_epi32(8, 9, 10, 11, 12, 13, 14, 15)};
}
static inline v16i v16i_add(v16i a, v16i b) {
    return (v16i){_mm256_add_epi32(a.lo, b.lo), _mm256_add_epi32(a.hi, b.hi)};
}
/* a 2^n for whole n in -254..254 by two factors. Of these only the second can round when |a| is near 1, as it is in the
 * reference. */
static inline __m256 v8_scale2(__m256 a, __m256 n) {
    __m256i e = _mm256_cvtps_epi32(n), half = _mm256_srai_epi32(e, 1), rest = _mm256_sub_epi32(e, half);
    __m256i bias = _mm256_set1_epi32(127);
    a = _mm256_mul_ps(a, _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(half, bias), 23)));
    return _mm256_mul_ps(a, _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(rest, bias), 23)));
}
static inline v16 v16_scale2(v16 a, v16 n) {
    return (v16){v8_scale2(a.lo, n.lo), v8_scale2(a.hi, n.hi)};
}

static inline float v16_fold_add(v16 a) {
    return vec_fold8_add(_mm256_add_ps(a.lo, a.hi));
}
static inline float v16_fold_max(v16 a) {
    return vec_fold8_max(_mm256_max_ps(a.lo, a.hi));
}

static inline v16d v16d_zero(void) {
    return (v16d){{_mm256_setzero_pd(), _mm256_setzero_pd(), _mm256_setzero_pd(), _mm256_setzero_pd()}};
}
static inline v16d v16d_from(v16 a) {
    return (v16d){{_mm256_cvtps_pd(_mm256_castps256_ps128(a.lo)), _mm256_cvtps_pd(_mm256_extractf128_ps(a.lo, 1)),
                   _mm256_cvtps_pd(_mm256_castps256_ps128(a.hi)), _mm256_cvtps_pd(_mm256_extractf128_ps(a.hi, 1))}};
}
static inline v16d v16d_fma(v16d a, v16d b, v16d c) {
    return (v16d){{_mm256_fmadd_pd(a.q[0], b.q[0], c.q[0]), _mm256_fmadd_pd(a.q[1], b.q[1], c.q[1]),
                   _mm256_fmadd_pd(a.q[2], b.q[2], c.q[2]), _mm256_fmadd_pd(a.q[3], b.q[3], c.q[3])}};
}
static inline v16d v16d_add(v16d a, v16d b) {
    return (v16d){{_mm256_add_pd(a.q[0], b.q[0]), _mm256_add_pd(a.q[1], b.q[1]), _mm256_add_pd(a.q[2], b.q[2]),
                   _mm256_add_pd(a.q[3], b.q[3])}};
}
static inline double v16d_fold_add(v16d a) {
    __m256d s = _mm256_add_pd(_mm256_add_pd(a.q[0], a.q[2]), _mm256_add_pd(a.q[1], a.q[3]));
    return vec_fold4_add_d(s);
}

#endif
