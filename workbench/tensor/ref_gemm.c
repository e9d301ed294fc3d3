/* The matrix product as it is defined. */
#include "tensor/kernels.h"
#include "tensor/math.h"

/* Number p of column j of B. */
static float gemm_number(packed_t b, int64_t k, int64_t p, int64_t j) {
    int64_t at = j / GEMM_PANEL * GEMM_PANEL * k + p * GEMM_PANEL + j % GEMM_PANEL;
    if (b.type == PACKED_F32) return ((const float *)b.data)[at];
    uint16_t half = ((const uint16_t *)b.data)[at];
    return b.type == PACKED_BF16 ? math_from_bf16(half) : math_from_f16(half);
}

/* One dot product with column j of B: chains of GEMM_BLOCK terms, their sums added in order. */
float ref_dot(int64_t k, const float *a, int64_t a_col, packed_t b, int64_t j) {
    if (b.type == PACKED_DOT_BF16) return ref_dot_bf16(k, a, a_col, b, j);
    float total = 0.0f;
    for (int64_t first = 0; first < k; first += GEMM_BLOCK) {
        int64_t last = k - first < GEMM_BLOCK ? k : first + GEMM_BLOCK;
        float chain = 0.0f;
        for (int64_t p = first; p < last; p++) chain = fmaf(a[p * a_col], gemm_number(b, k, p, j), chain);
        total = first ? total + chain : chain;
    }
    return total;
}

void ref_gemm(int64_t m, int64_t n, int64_t k, const float *a, int64_t a_row, int64_t a_col, packed_t b,
              const float *bias, int accumulate, float *c, int64_t ldc) {
    if (b.type == PACKED_DOT_BF16) {
        ref_gemm_dot_bf16(m, n, k, a, a_row, a_col, b, bias, accumulate, c, ldc);
        return;
    }
    for (int64_t i = 0; i < m; i++)
        for (int64_t j = 0; j < n; j++) {
            float sum = ref_dot(k, a + i * a_row, a_col, b, j);
            if (bias) sum = sum + bias[j];
            c[i * ldc + j] = accumulate ? c[i * ldc + j] + sum : sum;
        }
}
