/* The product of bf16 numbers by the instruction made for it. Compiled with AVX-512 and AVX512_BF16 where the target is
 * x86-64. */
#include "tensor/kernels.h"
#if defined(__AVX512F__) && defined(__AVX512BF16__)
#pragma GCC diagnostic ignored "-Wunused-function" // of simd_gemm.h only the parts of a tile are used here
#include "tensor/vec_avx512.h"

#include "tensor/simd_dot_bf16.h"
tensor_gemm_t *const dot_bf16_native = simd_gemm_dot_bf16;
#else
tensor_gemm_t *const dot_bf16_native = NULL;
#endif
