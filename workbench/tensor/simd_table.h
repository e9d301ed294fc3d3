/* The table of the vector kernels, over whichever v16 was included before. Private to kernels_avx2.c and
 * kernels_avx512.c. */
#ifndef MEMPROBE_SIMD_TABLE_H
#define MEMPROBE_SIMD_TABLE_H
#include "tensor/simd_gemm.h"
#include "tensor/simd_map.h"

static const tensor_ops_t simd_table = {
    .name = V16_NAME,
    .gemm = simd_gemm,
    .exp = simd_exp,
    .gelu = simd_gelu,
    .gelu_grad = simd_gelu_grad,
    .add = simd_add,
    .scale = simd_scale,
    .fma_loop = simd_fma_loop,
};

#endif
