/* The matrix product of bf16 numbers over v16, defined by ref_dot_bf16.c. Where the compiler has the instruction
 * (kernels_avx512bf16.c) a step is VDPBF16PS, elsewhere two multiply-adds of the halves of each pair, with the CPU set
 * to flush denormals as that instruction always does.
 *
 * A is rounded to pairs once, for as many rows as fit on the stack. From there on a pair is moved as if it were a
 * float, and the product goes as that of simd_gemm.h does, two terms a step. */
#ifndef MEMPROBE_SIMD_DOT_BF16_H
#define MEMPROBE_SIMD_DOT_BF16_H
#include "tensor/math.h"
#include "tensor/simd_gemm.h"

#ifdef V16_FLUSHES
enum { DOT_PAIRS = 128 * 1024 }; // of A on the stack

/* k numbers of a row of A as pairs. */
static void dot_round_row(int64_t k, const float *a, int64_t a_col, float *pair) {
    int64_t p = 0;
#ifdef __AVX512BF16__
    for (; a_col == 1 && p + 32 <= k; p += 32)
        _mm512_storeu_si512(pair + p / 2,
                            (__m512i)_mm512_cvtne2ps_pbh(_mm512_loadu_ps(a + p + 16), _mm512_loadu_ps(a + p)));
#endif
    for (; p < k; p += 2) {
        uint32_t even = dot_bf16_round(a[p * a_col]), odd = p + 1 < k ? dot_bf16_round(a[(p + 1) * a_col]) : 0;
        pair[p / 2] = math_from_bits(odd << 16 | even);
    }
}

/* In a function of its own, so that none of its arithmetic is moved out of the flushing. */
__attribute__((noinline)) static void dot_product(int64_t m, int64_t n, int64_t k, const float *a, int64_t a_row,
                                                  int64_t a_col, packed_t b, const float *bias, int accumulate,
                                                  float *c, int64_t ldc) {
    float pair[DOT_PAIRS];
    const int64_t pairs = (k + 1) / 2, stride = (pairs + 31) / 32 * 32 + 16; // odd in cache lines
    int64_t most = DOT_PAIRS / stride;
    if (most > V16_GEMM_ROWS) most -= most % V16_GEMM_ROWS;
    for (int64_t first = 0; first < m; first += most) {
        int64_t rows = m - first < most ? m - first : most;
        for (int64_t i = 0; i < rows; i++) dot_round_row(k, a + (first + i) * a_row, a_col, pair + i * stride);
        gemm_tile_t t = {.k = pairs,
                         .a = pair,
                         .a_row = stride,
                         .a_col = 1,
                         .b = b.data,
                         .panel = pairs * GEMM_PANEL,
                         .bias = bias,
                         .accumulate = accumulate,
                         .c = c + first * ldc,
                         .ldc = ldc};
        gemm_rows((gemm_work_t){.run = gemm_tile_dot_bf16, .bytes = gemm_bytes(PACKED_DOT_BF16), .first = t}, rows, n);
    }
}

static void simd_gemm_dot_bf16(int64_t m, int64_t n, int64_t k, const float *a, int64_t a_row, int64_t a_col,
                               packed_t b, const float *bias, int accumulate, float *c, int64_t ldc) {
    if (k > DOT_PAIRS) { // a row's pairs would not fit
        ref_gemm_dot_bf16(m, n, k, a, a_row, a_col, b, bias, accumulate, c, ldc);
        return;
    }
    unsigned before = vec_flush_begin();
    dot_product(m, n, k, a, a_row, a_col, b, bias, accumulate, c, ldc);
    vec_flush_end(before);
}
#else
/* What this CPU may flush is not what the definition flushes. */
static void simd_gemm_dot_bf16(int64_t m, int64_t n, int64_t k, const float *a, int64_t a_row, int64_t a_col,
                               packed_t b, const float *bias, int accumulate, float *c, int64_t ldc) {
    ref_gemm_dot_bf16(m, n, k, a, a_row, a_col, b, bias, accumulate, c, ldc);
}
#endif

#endif
