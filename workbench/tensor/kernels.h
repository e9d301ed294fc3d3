/* Private to tensor/: the tables of kernels and the functions of the reference, one group a file. */
#ifndef MEMPROBE_KERNELS_H
#define MEMPROBE_KERNELS_H
#include "tensor/tensor.h"

/* NULL where the build has no such instructions. */
extern const tensor_ops_t *const kernels_avx2;
extern const tensor_ops_t *const kernels_avx512;

/* openblas.c: the table `own` with another gemm. */
const tensor_ops_t *openblas_kernels(const tensor_ops_t *own);

/* ref_gemm.c */
void ref_gemm(int64_t m, int64_t n, int64_t k, const float *a, int64_t a_row, int64_t a_col, const float *packed,
              const float *bias, int accumulate, float *c, int64_t ldc);

/* ref_map.c: element-wise functions */
void ref_exp(int64_t n, const float *x, float *y);
void ref_gelu(int64_t n, const float *x, float *y);
void ref_gelu_grad(int64_t n, const float *x, const float *dy, float *dx);
void ref_add(int64_t n, const float *x, float *y);
void ref_scale(int64_t n, float s, float *x);
int64_t ref_fma_loop(int64_t rounds, float *sink);

#endif
