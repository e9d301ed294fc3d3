/* What the tests of model/ share: small models whose every weight matters, and checks that print what failed. */
#ifndef MEMPROBE_TESTS_MODEL_CHECK_H
#define MEMPROBE_TESTS_MODEL_CHECK_H
#include "model/model.h"
#include "scratch.h"

enum { CHECK_NEOX = 3, CHECK_KINDS = 9, CHECK_KERNELS = 4 };
static const char *const check_kernels[CHECK_KERNELS] = {"reference", "avx2", "avx512", "neon"};

/* Sizes are no multiples of panels or lanes; the last GPT-NeoX is longer than a chain of a dot product in every gemm.
 * The first CHECK_NEOX kinds are GPT-NeoX, the others the other families, each with all that sets it apart. */
static const model_spec_t check_spec[CHECK_KINDS] = {
    {.family = "gpt_neox",
     .vocab = 97,
     .layers = 2,
     .width = 48,
     .heads = 3,
     .head_size = 16,
     .ffn = 100,
     .context = 48,
     .rotary_dims = 4,
     .rotary_base = 10000,
     .norm_eps = 1e-5f,
     .parallel_residual = 1,
     .ends = {1, {0}}},
    {.family = "gpt_neox",
     .vocab = 64,
     .layers = 3,
     .width = 40,
     .heads = 2,
     .head_size = 20,
     .ffn = 36,
     .context = 64,
     .rotary_dims = 20,
     .rotary_base = 500,
     .norm_eps = 1e-3f,
     .tied_head = 1},
    {.family = "gpt_neox",
     .vocab = 130,
     .layers = 1,
     .width = 264,
     .heads = 4,
     .head_size = 66,
     .ffn = 300,
     .context = 40,
     .rotary_dims = 16,
     .rotary_base = 10000,
     .norm_eps = 1e-5f,
     .parallel_residual = 1,
     .ends = {1, {7}}},
    {.family = "gpt2",
     .vocab = 67,
     .layers = 2,
     .width = 48,
     .heads = 6,
     .head_size = 8,
     .ffn = 100,
     .context = 50,
     .norm_eps = 0.01f,
     .act = ACT_GELU_TANH,
     .learned_positions = 1,
     .tied_head = 1,
     .ends = {2, {3, 5}}},
    {.family = "llama",
     .vocab = 71,
     .layers = 2,
     .width = 44,
     .heads = 6,
     .kv_heads = 2,
     .head_size = 10,
     .ffn = 70,
     .context = 48,
     .rotary_dims = 10,
     .rotary_base = 700,
     .rotary_scaling = {.factor = 8, .low = 1, .high = 4, .original = 20},
     .norm_eps = 1e-3f,
     .norm = NORM_RMS,
     .act = ACT_SILU,
     .attention_bias = BIAS_NONE,
     .ffn_bias = BIAS_NONE,
     .gated_ffn = 1},
    {.family = "llama", // with all biases
     .vocab = 71,
     .layers = 1,
     .width = 80,
     .heads = 1,
     .head_size = 80,
     .ffn = 33,
     .context = 48,
     .rotary_dims = 80,
     .rotary_base = 500000,
     .norm_eps = 1e-6f,
     .norm = NORM_RMS,
     .act = ACT_SILU,
     .gated_ffn = 1,
     .tied_head = 1,
     .ends = {1, {2}}},
    {.family = "olmo",
     .vocab = 50,
     .layers = 2,
     .width = 36,
     .heads = 3,
     .kv_heads = 3,
     .head_size = 12,
     .ffn = 50,
     .context = 40,
     .rotary_dims = 12,
     .rotary_base = 10000,
     .norm_eps = 1e-5f,
     .clip_qkv = 0.4f,
     .norm = NORM_PLAIN,
     .act = ACT_SILU,
     .attention_bias = BIAS_NONE,
     .ffn_bias = BIAS_NONE,
     .gated_ffn = 1,
     .ends = {1, {0}}},
    {.family = "olmo2",
     .vocab = 50,
     .layers = 2,
     .width = 48,
     .heads = 4,
     .kv_heads = 1,
     .head_size = 12,
     .ffn = 50,
     .context = 40,
     .rotary_dims = 12,
     .rotary_base = 10000,
     .norm_eps = 1e-2f,
     .norm = NORM_RMS,
     .norm_place = NORM_AFTER,
     .act = ACT_SILU,
     .attention_bias = BIAS_NONE,
     .ffn_bias = BIAS_NONE,
     .gated_ffn = 1,
     .qk_norm = 1,
     .ends = {1, {0}}},
    {.family = "gpt_neo",
     .vocab = 50,
     .layers = 3,
     .width = 40,
     .heads = 5,
     .head_size = 8,
     .ffn = 50,
     .context = 64,
     .norm_eps = 1e-5f,
     .window = 7,
     .local = {5}, // layers 0 and 2
     .act = ACT_GELU_TANH,
     .attention_bias = BIAS_OUT,
     .learned_positions = 1,
     .unscaled_attention = 1,
     .tied_head = 1,
     .ends = {1, {0}}},
};

static inline void check_same(const char *what, const void *a, const void *b, size_t bytes) {
    if (memcmp(a, b, bytes) != 0) print_error("%s: not the same bits\n", what);
    assert_true(memcmp(a, b, bytes) == 0);
}

/* Random weights, biases and gains included; noise_sd: standard deviation of what is added to a new model's. */
static inline model_t *check_model_of(const model_spec_t *spec, float noise_sd, const char *kernels) {
    model_t *model;
    int64_t n;
    const tensor_ops_t *ops = tensor_kernels(kernels);
    assert_non_null(ops);
    check_ok(model_create(spec, ops, 17, &model));
    float *p = model_parameters(model, &n), *noise = test_malloc((size_t)n * sizeof *noise);
    tensor_fill_normal(99, 0, n, noise_sd, noise);
    for (int64_t i = 0; i < n; i++) p[i] += noise[i];
    test_free(noise);
    check_ok(model_pack(model));
    return model;
}

static inline model_t *check_model(int kind, const char *kernels) {
    return check_model_of(&check_spec[kind], 0.1f, kernels);
}

#endif
