/* The kernels for AVX2 with FMA. Compiled with -mavx2 -mfma where the target is x86-64. */
#include "tensor/kernels.h"
#if defined(__AVX2__) && defined(__FMA__)
#include "tensor/vec_avx2.h"

#include "tensor/simd_table.h"
const tensor_ops_t *const kernels_avx2 = &simd_table;
tensor_gemm_t *const dot_bf16_avx2 = simd_gemm_dot_bf16;
#else
const tensor_ops_t *const kernels_avx2 = NULL;
tensor_gemm_t *const dot_bf16_avx2 = NULL;
#endif
