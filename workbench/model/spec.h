/* The shape of a decoder. A family (GPT-NeoX, ...) is a table of tensor names, shapes and flags over this one struct,
 * never a code path through the decoder. */
#ifndef MEMPROBE_SPEC_H
#define MEMPROBE_SPEC_H
#include <stdint.h>

typedef struct {
    const char *family; // model_type of config.json: "gpt_neox"
    int64_t vocab, layers, width, heads, head_size, ffn, context;
    int64_t rotary_dims; // of each head
    double rotary_base;
    float norm_eps;
    int32_t parallel_residual; // x + attn(ln1 x) + mlp(ln2 x)
    int32_t tied_head;
    int32_t end_token; // -1 unknown
} model_spec_t;

int spec_check(const model_spec_t *spec); // every field in range, heads divide width, ...
int64_t spec_parameters(const model_spec_t *spec, int with_embeddings);
/* Forward, head included: 2 x multiply-adds, mean over the positions of a window of `context` tokens. */
double spec_flop_per_token(const model_spec_t *spec, int64_t context);

int spec_read(const char *config_json, model_spec_t *spec);
int spec_write(const model_spec_t *spec, const char *config_json);

#endif
