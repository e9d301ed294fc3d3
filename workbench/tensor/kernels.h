/* Private to tensor/: the tables of kernels and the functions of the reference, one group a file. */
#ifndef MEMPROBE_KERNELS_H
#define MEMPROBE_KERNELS_H
#include "tensor/tensor.h"

typedef void tensor_gemm_t(int64_t m, int64_t n, int64_t k, const float *a, int64_t a_row, int64_t a_col, packed_t b,
                           const float *bias, int accumulate, float *c, int64_t ldc);

/* NULL where the build has no such instructions. */
extern const tensor_ops_t *const kernels_avx2;
extern const tensor_ops_t *const kernels_avx512;
extern const tensor_ops_t *const kernels_neon;

/* openblas.c: the table `own` with another gemm. */
const tensor_ops_t *openblas_kernels(const tensor_ops_t *own);

/* ref_gemm.c */
void ref_gemm(int64_t m, int64_t n, int64_t k, const float *a, int64_t a_row, int64_t a_col, packed_t b,
              const float *bias, int accumulate, float *c, int64_t ldc);
float ref_dot(int64_t k, const float *a, int64_t a_col, packed_t b, int64_t j); // an element of the product

/* ref_dot_bf16.c */
uint16_t dot_bf16_round(float x);
float ref_dot_bf16(int64_t k, const float *a, int64_t a_col, packed_t b, int64_t j);
void ref_gemm_dot_bf16(int64_t m, int64_t n, int64_t k, const float *a, int64_t a_row, int64_t a_col, packed_t b,
                       const float *bias, int accumulate, float *c, int64_t ldc);
/* Whether gemm, which the CPU must be able to run, has the reference's bits on numbers made to show a difference. */
int dot_bf16_holds(tensor_gemm_t *gemm);

/* Products of PACKED_DOT_BF16 by multiply-adds, and by the instruction; NULL where the build has none. */
extern tensor_gemm_t *const dot_bf16_avx2, *const dot_bf16_avx512, *const dot_bf16_native;
/* kernels.c: dot_bf16_native where this CPU has the instruction and it holds, else NULL. */
tensor_gemm_t *dot_bf16_chosen(void);

/* ref_map.c: element-wise functions */
void ref_exp(int64_t n, const float *x, float *y);
void ref_gelu(int64_t n, const float *x, float *y);
void ref_gelu_grad(int64_t n, const float *x, const float *dy, float *dx);
void ref_gelu_tanh(int64_t n, const float *x, float *y);
void ref_silu(int64_t n, const float *x, float *y);
void ref_multiply(int64_t n, const float *x, float *y);
void ref_clip(int64_t n, float limit, float *x);
void ref_add(int64_t n, const float *x, float *y);
void ref_scale(int64_t n, float s, float *x);
int64_t ref_find_above(int64_t n, const float *x, float shift, const float *limit, int32_t *at);
int64_t ref_fma_loop(int64_t rounds, float *sink);

/* ref_norm.c */
void ref_layernorm(int64_t rows, int64_t d, const float *x, const float *gain, const float *bias, float eps, float *y,
                   float *stat);
void ref_rmsnorm(int64_t rows, int64_t d, const float *x, int64_t ldx, const float *gain, float eps, float *y,
                 int64_t ldy);
void ref_layernorm_grad(int64_t rows, int64_t d, const float *x, const float *gain, const float *stat, const float *dy,
                        float *dx, float *dgain, float *dbias);
void ref_rotary(int64_t rows, int64_t heads, int64_t head_size, int64_t dims, const int32_t *position,
                const float *table, float sign, float *x, int64_t ld);

/* ref_attention.c */
enum {
    ATTENTION_TILE = 24,     // queries of a product with the keys; the bits do not depend on it
    ATTENTION_GRAD_TILE = 48 // queries of one term of dk and dv: part of the definition
};
/* Floats of a row of n scores, padded so that vectors may run over the end. */
static inline int64_t attention_row(int64_t n) {
    return (n + 31) / 32 * 32;
}
/* How many of the first n positions the query at their end does not see. */
static inline int64_t attention_hidden(const tensor_kv_t *kv, int64_t n) {
    return kv->window > 0 && n > kv->window ? n - kv->window : 0;
}
void ref_attention(int64_t n, int64_t heads, const tensor_kv_t *kv, float scale, const float *q, int64_t ldq,
                   float *out, int64_t ldo, float *scratch);
void ref_attention_grad(int64_t n, int64_t heads, int64_t head_size, float scale, const float *q, const float *k,
                        const float *v, const float *out, const float *dout, int64_t ld_qkv, int64_t ld_out, float *dq,
                        float *dk, float *dv, int64_t ld_dqkv, float *scratch);

/* ref_head.c */
enum {
    HEAD_BLOCK = 512, // tokens of a partial log-sum-exp: part of the definition
    HEAD_ROWS = 96    // rows of a product with a block; the bits do not depend on it
};
/* A row's statistic holds the running state between these. */
void ref_head_begin(float logit_target, head_stat_t *stat);
void ref_head_join(float block_max, float block_sum, head_stat_t *stat); // the sum; before the block's max is taken in
void ref_head_end(int32_t target, head_stat_t *stat);
void ref_head(int64_t m, int64_t d, int64_t vocab, const float *h, int64_t ldh, packed_t w, const int32_t *target,
              head_stat_t *stat, float *scratch);
void ref_head_row(int64_t vocab, const float *logits, int32_t target, head_stat_t *stat);
void ref_xent_grad(int64_t m, int64_t vocab, float *logits, const int32_t *target, float scale, float *loss);

/* ref_train.c */
void ref_adamw(int64_t n, float *w, const float *grad, float *m, float *v, float clip, float lr, float beta1,
               float beta2, float eps, float decay, float c1, float c2);
double ref_sum_squares(int64_t n, const float *x);
void ref_distance(int64_t n, int64_t d, const float *q, const float *keys, int64_t ldk, float *d2);

/* The fold of every reduction, 16-8-4-2-1. */
static inline float ref_fold(float lane[TENSOR_LANES]) {
    for (int half = TENSOR_LANES / 2; half; half /= 2)
        for (int i = 0; i < half; i++) lane[i] += lane[i + half];
    return lane[0];
}

#endif
