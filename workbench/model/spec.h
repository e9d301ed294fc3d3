/* The shape of a decoder. A family (GPT-NeoX, LLaMA, ...) is a table of tensor names, shapes and flags over this one
 * struct, never a code path through the decoder. The zero of every flag is what GPT-NeoX does, the one family that is
 * trained here. */
#ifndef MEMPROBE_SPEC_H
#define MEMPROBE_SPEC_H
#include "tensor/tensor.h"
#include <stdint.h>

typedef enum {
    NORM_LAYER, // mean and variance, gain and bias
    NORM_PLAIN, // mean and variance only
    NORM_RMS    // mean square, gain
} spec_norm_t;
typedef enum {
    NORM_BEFORE, // x + f(norm(x))
    NORM_AFTER   // x + norm(f(x))
} spec_place_t;
typedef enum { ACT_GELU, ACT_GELU_TANH, ACT_SILU, ACT_COUNT } spec_act_t;
typedef enum {
    BIAS_ALL,
    BIAS_OUT, // of what adds to the residual only
    BIAS_NONE
} spec_bias_t;

enum { SPEC_LAYERS = 1024, SPEC_ENDS = 8 };
typedef struct {
    int32_t n, token[SPEC_ENDS];
} spec_ends_t;

typedef struct {
    const char *family; // model_type of config.json: "gpt_neox"
    int64_t vocab, layers, width, heads, head_size, ffn, context;
    int64_t kv_heads;    // heads of keys and values; 0: as many as heads
    int64_t rotary_dims; // of each head; 0 with learned positions
    double rotary_base;
    rotary_scaling_t rotary_scaling;
    float norm_eps;
    float clip_qkv;                   // bound of queries, keys and values; 0: none
    int64_t window;                   // positions that a local layer sees; 0: no layer is local
    uint64_t local[SPEC_LAYERS / 64]; // bit l % 64 of element l / 64: layer l is local
    spec_norm_t norm;
    spec_place_t norm_place;
    spec_act_t act;
    spec_bias_t attention_bias, ffn_bias;
    int32_t parallel_residual;  // x + attn(ln1 x) + mlp(ln2 x)
    int32_t tied_head;          // the head is the embedding
    int32_t learned_positions;  // added to the embedding; else rotary
    int32_t gated_ffn;          // act(gate x) * up x
    int32_t qk_norm;            // RMS norm over all heads' queries, and over all heads' keys
    int32_t unscaled_attention; // softmax of q . k, not of q . k / sqrt(head_size)
    spec_ends_t ends;           // tokens that end a text; the first one ends documents
} model_spec_t;

static inline int64_t spec_kv_heads(const model_spec_t *spec) {
    return spec->kv_heads > 0 ? spec->kv_heads : spec->heads;
}
static inline int64_t spec_q_width(const model_spec_t *spec) {
    return spec->heads * spec->head_size;
}
static inline int64_t spec_kv_width(const model_spec_t *spec) { // of the keys, and of the values
    return spec_kv_heads(spec) * spec->head_size;
}
static inline int spec_is_local(const model_spec_t *spec, int64_t layer) {
    return (int)(spec->local[layer / 64] >> (layer % 64) & 1);
}

int spec_is_end(const spec_ends_t *ends, int32_t token);
int spec_check(const model_spec_t *spec); // every field in range, heads divide width, ...
int64_t spec_parameters(const model_spec_t *spec, int with_embeddings);
/* FLOP, 2 x multiply-adds, of matrices and attention as session_feed makes them for n tokens after `past` others when
 * the last `read` rows are read; those of one layer's ffn and of the head for one row; and of a window of `context`
 * tokens that are all read, head included, the mean of a token. */
double spec_flop(const model_spec_t *spec, int64_t past, int64_t n, int64_t read);
double spec_flop_ffn(const model_spec_t *spec);
double spec_flop_head(const model_spec_t *spec);
double spec_flop_per_token(const model_spec_t *spec, int64_t context);

int spec_read(const char *config_json, model_spec_t *spec);
int spec_write(const model_spec_t *spec, const char *config_json);

#endif
