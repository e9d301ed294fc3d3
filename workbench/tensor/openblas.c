/* OpenBLAS as a backend of the matrix product. Its results depend on the number of rows, on the CPU and on the version,
 * so a study that must be repeatable does not use it: it is the oracle of our own kernels and the bar they are measured
 * against. Every other function of its table is that of the best own kernels. */
#include "tensor/kernels.h"
#include <cblas.h>
#include <string.h>

static const tensor_ops_t *own; // kernels of other types of packed matrices

/* Each packed panel is a row-major (k, 32) matrix. */
static void openblas_gemm(int64_t m, int64_t n, int64_t k, const float *a, int64_t a_row, int64_t a_col, packed_t b,
                          const float *bias, int accumulate, float *c, int64_t ldc) {
    if (b.type != PACKED_F32) { // OpenBLAS has no product of mixed types
        own->gemm(m, n, k, a, a_row, a_col, b, bias, accumulate, c, ldc);
        return;
    }
    const float *packed = b.data;
    int transposed = a_col != 1;
    for (int64_t first = 0; first < n; first += GEMM_PANEL) {
        int64_t columns = n - first < GEMM_PANEL ? n - first : GEMM_PANEL;
        cblas_sgemm(CblasRowMajor, transposed ? CblasTrans : CblasNoTrans, CblasNoTrans, (blasint)m, (blasint)columns,
                    (blasint)k, 1.0f, a, (blasint)(transposed ? a_col : a_row), packed + first * k, GEMM_PANEL,
                    accumulate ? 1.0f : 0.0f, c + first, (blasint)ldc);
        for (int64_t i = 0; bias && i < m; i++)
            for (int64_t j = 0; j < columns; j++) c[i * ldc + first + j] += bias[first + j];
    }
}

const tensor_ops_t *openblas_kernels(const tensor_ops_t *best) {
    static tensor_ops_t table;
    tensor_ops_t filled = *best;
    own = best;
    filled.name = "openblas";
    filled.gemm = openblas_gemm;
    memcpy(&table, &filled, sizeof table); // every call writes the same
    return &table;
}
