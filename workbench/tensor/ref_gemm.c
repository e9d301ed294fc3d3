/* The matrix product as it is defined, and the packing that all kernels share. */
#include "tensor/kernels.h"
#include "tensor/math.h"

int64_t gemm_packed_floats(int64_t n, int64_t k) {
    return (n + GEMM_PANEL - 1) / GEMM_PANEL * GEMM_PANEL * k;
}

void gemm_pack(int64_t n, int64_t k, const float *b, int64_t b_row, int64_t b_col, float *packed) {
    for (int64_t first = 0; first < n; first += GEMM_PANEL) {
        int64_t columns = n - first < GEMM_PANEL ? n - first : GEMM_PANEL;
        float *panel = packed + first * k;
        for (int64_t p = 0; p < k; p++)
            for (int64_t j = 0; j < GEMM_PANEL; j++)
                panel[p * GEMM_PANEL + j] = j < columns ? b[p * b_row + (first + j) * b_col] : 0.0f;
    }
}

/* One dot product: chains of GEMM_BLOCK terms, their sums added in order. b has stride GEMM_PANEL. */
static float gemm_dot(int64_t k, const float *a, int64_t a_col, const float *b) {
    float total = 0.0f;
    for (int64_t first = 0; first < k; first += GEMM_BLOCK) {
        int64_t last = k - first < GEMM_BLOCK ? k : first + GEMM_BLOCK;
        float chain = 0.0f;
        for (int64_t p = first; p < last; p++) chain = fmaf(a[p * a_col], b[p * GEMM_PANEL], chain);
        total = first ? total + chain : chain;
    }
    return total;
}

void ref_gemm(int64_t m, int64_t n, int64_t k, const float *a, int64_t a_row, int64_t a_col, const float *packed,
              const float *bias, int accumulate, float *c, int64_t ldc) {
    for (int64_t i = 0; i < m; i++)
        for (int64_t j = 0; j < n; j++) {
            const float *b = packed + j / GEMM_PANEL * GEMM_PANEL * k + j % GEMM_PANEL;
            float sum = gemm_dot(k, a + i * a_row, a_col, b);
            if (bias) sum = sum + bias[j];
            c[i * ldc + j] = accumulate ? c[i * ldc + j] + sum : sum;
        }
}
