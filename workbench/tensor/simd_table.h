/* The table of the vector kernels, over whichever v16 was included before. Private to kernels_avx2.c,
 * kernels_avx512.c and kernels_neon.c. */
#ifndef MEMPROBE_SIMD_TABLE_H
#define MEMPROBE_SIMD_TABLE_H
#include "tensor/simd_attention.h"
#include "tensor/simd_dot_bf16.h"
#include "tensor/simd_gemm.h"
#include "tensor/simd_head.h"
#include "tensor/simd_map.h"
#include "tensor/simd_norm.h"
#include "tensor/simd_train.h"

static const tensor_ops_t simd_table = {
    .name = V16_NAME,
    .gemm = simd_gemm,
    .exp = simd_exp,
    .gelu = simd_gelu,
    .gelu_grad = simd_gelu_grad,
    .gelu_tanh = simd_gelu_tanh,
    .silu = simd_silu,
    .multiply = simd_multiply,
    .clip = simd_clip,
    .add = simd_add,
    .scale = simd_scale,
    .layernorm = simd_layernorm,
    .rmsnorm = simd_rmsnorm,
    .layernorm_grad = simd_layernorm_grad,
    .rotary = simd_rotary,
    .attention = simd_attention,
    .attention_grad = simd_attention_grad,
    .head = simd_head,
    .head_row = simd_head_row,
    .xent_grad = simd_xent_grad,
    .adamw = simd_adamw,
    .sum_squares = simd_sum_squares,
    .distance = simd_distance,
    .find_above = simd_find_above,
    .fma_loop = simd_fma_loop,
};

#endif
