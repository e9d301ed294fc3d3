/* Families of checkpoints as data: how each writes the weights and the shape of the one decoder. A new family that
 * this decoder can compute is a new table here and nothing else. Names and layouts: transformers,
 * models/gpt_neox/modeling_gpt_neox.py. */
#include "model/model_private.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

#define SPEC(field) offsetof(family_config_t, spec.field)

static const family_field_t gpt_neox_field[] = {
    {{"vocab_size"}, FIELD_INT, SPEC(vocab), NAN},
    {{"num_hidden_layers"}, FIELD_INT, SPEC(layers), NAN},
    {{"hidden_size"}, FIELD_INT, SPEC(width), NAN},
    {{"num_attention_heads"}, FIELD_INT, SPEC(heads), NAN},
    {{"intermediate_size"}, FIELD_INT, SPEC(ffn), NAN},
    {{"max_position_embeddings"}, FIELD_INT, SPEC(context), 2048},
    {{"rotary_pct", "partial_rotary_factor", "rope_parameters.partial_rotary_factor"},
     FIELD_REAL,
     offsetof(family_config_t, rotary_share),
     0.25},
    {{"rotary_emb_base", "rope_theta", "rope_parameters.rope_theta"}, FIELD_REAL, SPEC(rotary_base), 10000},
    {{"layer_norm_eps"}, FIELD_FLOAT, SPEC(norm_eps), 1e-5},
    {{"use_parallel_residual"}, FIELD_BOOL, SPEC(parallel_residual), 1},
    {{"tie_word_embeddings"}, FIELD_BOOL, SPEC(tied_head), 0},
    {{"eos_token_id"}, FIELD_TOKEN, SPEC(end_token), 0},
};

static const family_constant_t gpt_neox_constant[] = {
    {{"hidden_act"}, "\"gelu\"", 1, "only the exact (erf) gelu is implemented"},
    {{"attention_bias"}, "true", 1, "only attention with biases is implemented"},
    {{"rope_scaling"}, "null", 0, "scaled rotary embeddings are not supported"},
    {{"rope_parameters.rope_type"}, "\"default\"", 0, "scaled rotary embeddings are not supported"},
    {{"quantization_config"}, "null", 0, "quantised weights are not read; convert to float32, float16 or bfloat16"},
};

static const char *const gpt_neox_ignored[] = {".attention.bias", ".attention.masked_bias",
                                               ".attention.rotary_emb.inv_freq", NULL};

static const family_t families[] = {
    {
        .name = "gpt_neox",
        .architecture = "GPTNeoXForCausalLM",
        .layer_prefix = "gpt_neox.layers.",
        .weight =
            {
                [WEIGHT_EMBED] = {"gpt_neox.embed_in.weight", ROWS_AS_OURS},
                [WEIGHT_NORM1_GAIN] = {"input_layernorm.weight", ROWS_AS_OURS},
                [WEIGHT_NORM1_BIAS] = {"input_layernorm.bias", ROWS_AS_OURS},
                [WEIGHT_QKV] = {"attention.query_key_value.weight", ROWS_QKV_BY_HEAD},
                [WEIGHT_QKV_BIAS] = {"attention.query_key_value.bias", ROWS_QKV_BY_HEAD},
                [WEIGHT_OUT] = {"attention.dense.weight", ROWS_AS_OURS},
                [WEIGHT_OUT_BIAS] = {"attention.dense.bias", ROWS_AS_OURS},
                [WEIGHT_NORM2_GAIN] = {"post_attention_layernorm.weight", ROWS_AS_OURS},
                [WEIGHT_NORM2_BIAS] = {"post_attention_layernorm.bias", ROWS_AS_OURS},
                [WEIGHT_UP] = {"mlp.dense_h_to_4h.weight", ROWS_AS_OURS},
                [WEIGHT_UP_BIAS] = {"mlp.dense_h_to_4h.bias", ROWS_AS_OURS},
                [WEIGHT_DOWN] = {"mlp.dense_4h_to_h.weight", ROWS_AS_OURS},
                [WEIGHT_DOWN_BIAS] = {"mlp.dense_4h_to_h.bias", ROWS_AS_OURS},
                [WEIGHT_NORM_GAIN] = {"gpt_neox.final_layer_norm.weight", ROWS_AS_OURS},
                [WEIGHT_NORM_BIAS] = {"gpt_neox.final_layer_norm.bias", ROWS_AS_OURS},
                [WEIGHT_HEAD] = {"embed_out.weight", ROWS_AS_OURS},
            },
        .ignored = gpt_neox_ignored,
        .field = gpt_neox_field,
        .fields = sizeof gpt_neox_field / sizeof *gpt_neox_field,
        .constant = gpt_neox_constant,
        .constants = sizeof gpt_neox_constant / sizeof *gpt_neox_constant,
    },
};

const family_t *family_find(const char *name) {
    for (size_t i = 0; i < sizeof families / sizeof *families; i++)
        if (strcmp(families[i].name, name) == 0) return &families[i];
    return NULL;
}

const char *family_names(void) {
    return "gpt_neox";
}

void family_tensor_name(const family_t *family, weight_t weight, int64_t layer, size_t size, char *name) {
    const char *own = family->weight[weight].name;
    if (weight_is_of_layer(weight))
        snprintf(name, size, "%s%lld.%s", family->layer_prefix, (long long)layer, own);
    else
        snprintf(name, size, "%s", own);
}
