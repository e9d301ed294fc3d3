/* What the two x86 vector types share. */
#ifndef MEMPROBE_VEC_X86_H
#define MEMPROBE_VEC_X86_H
#include <immintrin.h>

/* Before a loop of constant length over registers: an array of accumulators is in registers only when every loop over
 * it is unrolled in full. */
#ifdef __clang__
#define V16_UNROLL _Pragma("clang loop unroll(full)")
#else
#define V16_UNROLL _Pragma("GCC unroll 32")
#endif

/* Between these the CPU takes denormal operands as zeros and leaves denormal results as zeros. */
#define V16_FLUSHES
static inline unsigned vec_flush_begin(void) {
    unsigned before = _mm_getcsr();
    _mm_setcsr(before | 0x8040u); // flush to zero, denormals are zeros
    return before;
}
static inline void vec_flush_end(unsigned before) {
    _mm_setcsr(before);
}

/* Lane i takes lane i + 4, then i + 2, then i + 1. */
static inline float vec_fold8_add(__m256 x) {
    __m128 s = _mm_add_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
    s = _mm_add_ps(s, _mm_movehl_ps(s, s));
    s = _mm_add_ss(s, _mm_movehdup_ps(s));
    return _mm_cvtss_f32(s);
}

/* The same fold of max(a, b) = a > b ? a : b. */
static inline float vec_fold8_max(__m256 x) {
    __m128 s = _mm_max_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
    s = _mm_max_ps(s, _mm_movehl_ps(s, s));
    s = _mm_max_ss(s, _mm_movehdup_ps(s));
    return _mm_cvtss_f32(s);
}

/* Four lanes of double: 4-2-1. */
static inline double vec_fold4_add_d(__m256d x) {
    __m128d s = _mm_add_pd(_mm256_castpd256_pd128(x), _mm256_extractf128_pd(x, 1));
    s = _mm_add_sd(s, _mm_unpackhi_pd(s, s));
    return _mm_cvtsd_f64(s);
}

#endif
