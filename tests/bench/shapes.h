/* The decoders whose shapes the benches measure, as their checkpoints have them. */
#ifndef MEMPROBE_BENCH_SHAPES_H
#define MEMPROBE_BENCH_SHAPES_H
#include "model/spec.h"

static inline model_spec_t shape_gpt2_124m(void) {
    return (model_spec_t){.family = "gpt2",
                          .vocab = 50257,
                          .layers = 12,
                          .width = 768,
                          .heads = 12,
                          .head_size = 64,
                          .ffn = 3072,
                          .context = 1024,
                          .norm_eps = 1e-5f,
                          .act = ACT_GELU_TANH,
                          .learned_positions = 1,
                          .tied_head = 1,
                          .ends = {1, {50256}}};
}

/* A GPT-NeoX as the Pythia suite has it, of any size. */
static inline model_spec_t shape_neox(int64_t vocab, int64_t layers, int64_t width, int64_t heads, int64_t context) {
    return (model_spec_t){.family = "gpt_neox",
                          .vocab = vocab,
                          .layers = layers,
                          .width = width,
                          .heads = heads,
                          .head_size = width / heads,
                          .ffn = 4 * width,
                          .context = context,
                          .rotary_dims = width / heads / 4,
                          .rotary_base = 10000,
                          .norm_eps = 1e-5f,
                          .parallel_residual = 1};
}

static inline model_spec_t shape_pythia_160m(void) {
    return shape_neox(50304, 12, 768, 12, 2048);
}

/* A llama of that size, with grouped queries. */
static inline model_spec_t shape_llama_135m(void) {
    return (model_spec_t){.family = "llama",
                          .vocab = 49152,
                          .layers = 30,
                          .width = 576,
                          .heads = 9,
                          .kv_heads = 3,
                          .head_size = 64,
                          .ffn = 1536,
                          .context = 2048,
                          .rotary_dims = 64,
                          .rotary_base = 10000,
                          .norm_eps = 1e-5f,
                          .norm = NORM_RMS,
                          .gated_ffn = 1,
                          .act = ACT_SILU,
                          .attention_bias = BIAS_NONE,
                          .ffn_bias = BIAS_NONE,
                          .tied_head = 1};
}

#endif
