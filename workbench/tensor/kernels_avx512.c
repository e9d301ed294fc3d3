/* The kernels for AVX-512 (F, DQ, BW, VL). Compiled with those instructions where the target is x86-64. */
#include "tensor/kernels.h"
#if defined(__AVX512F__) && defined(__AVX512DQ__) && defined(__AVX512BW__) && defined(__AVX512VL__)
#include "tensor/vec_avx512.h"

#include "tensor/simd_table.h"
const tensor_ops_t *const kernels_avx512 = &simd_table;
tensor_gemm_t *const dot_bf16_avx512 = simd_gemm_dot_bf16;
#else
const tensor_ops_t *const kernels_avx512 = NULL;
tensor_gemm_t *const dot_bf16_avx512 = NULL;
#endif
