/* Families of checkpoints as data: how each writes the weights and the shape of the one decoder. A new family that
 * this decoder can compute is a new table here and nothing else. Names and layouts: transformers,
 * models/{gpt_neox,gpt2,gpt_neo,llama,olmo,olmo2}/modeling_*.py and configuration_*.py. */
#include "base/err.h"
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
    {{"eos_token_id"}, FIELD_TOKEN, SPEC(ends), 0},
    {{"hidden_act"}, FIELD_ACT, SPEC(act), ACT_GELU},
};

#define QUANTISED                                                                                                      \
    { {"quantization_config"}, "null", 0, "quantised weights are not read; convert to float32, float16 or bfloat16" }

static const family_constant_t gpt_neox_constant[] = {
    {{"attention_bias"}, "true", 1, "only attention with biases is implemented"},
    {{"rope_scaling"}, "null", 0, "scaled rotary embeddings are not supported"},
    {{"rope_parameters.rope_type"}, "\"default\"", 0, "scaled rotary embeddings are not supported"},
    QUANTISED,
};

static const char *const gpt_neox_ignored[] = {".attention.bias", ".attention.masked_bias",
                                               ".attention.rotary_emb.inv_freq", NULL};

static const family_field_t gpt2_field[] = {
    {{"vocab_size"}, FIELD_INT, SPEC(vocab), NAN},
    {{"n_layer", "num_hidden_layers"}, FIELD_INT, SPEC(layers), NAN},
    {{"n_embd", "hidden_size"}, FIELD_INT, SPEC(width), NAN},
    {{"n_head", "num_attention_heads"}, FIELD_INT, SPEC(heads), NAN},
    {{"n_inner"}, FIELD_INT, SPEC(ffn), 0},
    {{"n_positions", "max_position_embeddings"}, FIELD_INT, SPEC(context), 1024},
    {{"layer_norm_epsilon"}, FIELD_FLOAT, SPEC(norm_eps), 1e-5},
    {{"tie_word_embeddings"}, FIELD_BOOL, SPEC(tied_head), 1},
    {{"eos_token_id"}, FIELD_TOKEN, SPEC(ends), -1},
    {{"activation_function"}, FIELD_ACT, SPEC(act), ACT_GELU_TANH},
};

static const family_constant_t gpt2_constant[] = {
    {{"scale_attn_weights"}, "true", 1, "only scaled attention is implemented for gpt2"},
    {{"scale_attn_by_inverse_layer_idx"}, "false", 1, "a scale that depends on the layer is not implemented"},
    {{"add_cross_attention"}, "false", 0, "only decoders are read"},
    QUANTISED,
};

static const char *const gpt2_ignored[] = {".attn.bias", ".attn.masked_bias", NULL};

static const family_field_t gpt_neo_field[] = {
    {{"vocab_size"}, FIELD_INT, SPEC(vocab), NAN},
    {{"num_layers", "num_hidden_layers"}, FIELD_INT, SPEC(layers), NAN},
    {{"hidden_size"}, FIELD_INT, SPEC(width), NAN},
    {{"num_heads", "num_attention_heads"}, FIELD_INT, SPEC(heads), NAN},
    {{"intermediate_size"}, FIELD_INT, SPEC(ffn), 0},
    {{"max_position_embeddings"}, FIELD_INT, SPEC(context), 2048},
    {{"window_size"}, FIELD_INT, SPEC(window), 256},
    {{"attention_types", "attention_layers"}, FIELD_LOCAL, SPEC(local), NAN},
    {{"layer_norm_epsilon"}, FIELD_FLOAT, SPEC(norm_eps), 1e-5},
    {{"tie_word_embeddings"}, FIELD_BOOL, SPEC(tied_head), 1},
    {{"eos_token_id"}, FIELD_TOKEN, SPEC(ends), -1},
    {{"activation_function"}, FIELD_ACT, SPEC(act), ACT_GELU_TANH},
};

static const family_constant_t gpt_neo_constant[] = {QUANTISED};

static const char *const gpt_neo_ignored[] = {".attn.attention.bias", ".attn.attention.masked_bias", NULL};

/* LLaMA and both OLMo: the same keys but for norms, biases and bounds. */
#define LLAMA_FIELDS                                                                                                   \
    {{"vocab_size"}, FIELD_INT, SPEC(vocab), NAN}, {{"num_hidden_layers"}, FIELD_INT, SPEC(layers), NAN},              \
        {{"hidden_size"}, FIELD_INT, SPEC(width), NAN}, {{"num_attention_heads"}, FIELD_INT, SPEC(heads), NAN},        \
        {{"num_key_value_heads"}, FIELD_INT, SPEC(kv_heads), 0}, {{"head_dim"}, FIELD_INT, SPEC(head_size), 0},        \
        {{"intermediate_size"}, FIELD_INT, SPEC(ffn), NAN},                                                            \
        {{"max_position_embeddings"}, FIELD_INT, SPEC(context), 2048},                                                 \
        {{"rope_theta", "rope_parameters.rope_theta"}, FIELD_REAL, SPEC(rotary_base), 10000},                          \
        {{"rope_scaling.rope_type", "rope_scaling.type", "rope_parameters.rope_type", "rope_parameters.type"},         \
         FIELD_SCALING,                                                                                                \
         offsetof(family_config_t, scaling),                                                                           \
         0},                                                                                                           \
        {{"rope_scaling.factor", "rope_parameters.factor"}, FIELD_REAL, SPEC(rotary_scaling.factor), 0},               \
        {{"rope_scaling.low_freq_factor", "rope_parameters.low_freq_factor"},                                          \
         FIELD_REAL,                                                                                                   \
         SPEC(rotary_scaling.low),                                                                                     \
         0},                                                                                                           \
        {{"rope_scaling.high_freq_factor", "rope_parameters.high_freq_factor"},                                        \
         FIELD_REAL,                                                                                                   \
         SPEC(rotary_scaling.high),                                                                                    \
         0},                                                                                                           \
        {{"rope_scaling.original_max_position_embeddings", "rope_parameters.original_max_position_embeddings"},        \
         FIELD_REAL,                                                                                                   \
         SPEC(rotary_scaling.original),                                                                                \
         0},                                                                                                           \
        {{"attention_bias"}, FIELD_BIAS, SPEC(attention_bias), 0},                                                     \
        {{"tie_word_embeddings"}, FIELD_BOOL, SPEC(tied_head), 0}, {{"eos_token_id"}, FIELD_TOKEN, SPEC(ends), -1}, {  \
        {"hidden_act"}, FIELD_ACT, SPEC(act), ACT_SILU                                                                 \
    }

static const family_field_t llama_field[] = {
    LLAMA_FIELDS,
    {{"rms_norm_eps"}, FIELD_FLOAT, SPEC(norm_eps), 1e-6},
    {{"mlp_bias"}, FIELD_BIAS, SPEC(ffn_bias), 0},
};
static const family_field_t olmo_field[] = {
    LLAMA_FIELDS,
    {{"clip_qkv"}, FIELD_BOUND, SPEC(clip_qkv), 0},
};
static const family_field_t olmo2_field[] = {
    LLAMA_FIELDS,
    {{"rms_norm_eps"}, FIELD_FLOAT, SPEC(norm_eps), 1e-5},
};

static const family_constant_t llama_constant[] = {
    {{"partial_rotary_factor", "rope_parameters.partial_rotary_factor"},
     "1",
     0,
     "only rotary embeddings of whole heads are implemented for this family"},
    {{"sliding_window"}, "null", 0, "sliding windows are not implemented for this family"},
    QUANTISED,
};

static const char *const llama_ignored[] = {".self_attn.rotary_emb.inv_freq", NULL};

#define FIELDS(name)    .field = name##_field, .fields = sizeof name##_field / sizeof *name##_field
#define CONSTANTS(name) .constant = name##_constant, .constants = sizeof name##_constant / sizeof *name##_constant

static const family_t families[] =
    {
        {
            .name = "gpt_neox",
            .architecture = "GPTNeoXForCausalLM",
            .prefix = "gpt_neox.",
            .layers = "layers.",
            .weight =
                {
                    [WEIGHT_EMBED] = {{"embed_in.weight"}, ROWS_AS_OURS},
                    [WEIGHT_NORM1_GAIN] = {{"input_layernorm.weight"}, ROWS_AS_OURS},
                    [WEIGHT_NORM1_BIAS] = {{"input_layernorm.bias"}, ROWS_AS_OURS},
                    [WEIGHT_QKV] = {{"attention.query_key_value.weight"}, ROWS_QKV_BY_HEAD},
                    [WEIGHT_QKV_BIAS] = {{"attention.query_key_value.bias"}, ROWS_QKV_BY_HEAD},
                    [WEIGHT_OUT] = {{"attention.dense.weight"}, ROWS_AS_OURS},
                    [WEIGHT_OUT_BIAS] = {{"attention.dense.bias"}, ROWS_AS_OURS},
                    [WEIGHT_NORM2_GAIN] = {{"post_attention_layernorm.weight"}, ROWS_AS_OURS},
                    [WEIGHT_NORM2_BIAS] = {{"post_attention_layernorm.bias"}, ROWS_AS_OURS},
                    [WEIGHT_UP] = {{"mlp.dense_h_to_4h.weight"}, ROWS_AS_OURS},
                    [WEIGHT_UP_BIAS] = {{"mlp.dense_h_to_4h.bias"}, ROWS_AS_OURS},
                    [WEIGHT_DOWN] = {{"mlp.dense_4h_to_h.weight"}, ROWS_AS_OURS},
                    [WEIGHT_DOWN_BIAS] = {{"mlp.dense_4h_to_h.bias"}, ROWS_AS_OURS},
                    [WEIGHT_NORM_GAIN] = {{"final_layer_norm.weight"}, ROWS_AS_OURS},
                    [WEIGHT_NORM_BIAS] = {{"final_layer_norm.bias"}, ROWS_AS_OURS},
                    [WEIGHT_HEAD] = {{"embed_out.weight"}, ROWS_AS_OURS},
                },
            .ignored = gpt_neox_ignored,
            FIELDS(gpt_neox),
            CONSTANTS(gpt_neox),
        },
        {
            .name = "gpt2",
            .architecture = "GPT2LMHeadModel",
            .prefix = "transformer.",
            .layers = "h.",
            .traits = {.learned_positions = 1},
            .weight =
                {
                    [WEIGHT_EMBED] = {{"wte.weight"}, ROWS_AS_OURS},
                    [WEIGHT_POSITION] = {{"wpe.weight"}, ROWS_AS_OURS},
                    [WEIGHT_NORM1_GAIN] = {{"ln_1.weight"}, ROWS_AS_OURS},
                    [WEIGHT_NORM1_BIAS] = {{"ln_1.bias"}, ROWS_AS_OURS},
                    [WEIGHT_QKV] = {{"attn.c_attn.weight"}, ROWS_TRANSPOSED},
                    [WEIGHT_QKV_BIAS] = {{"attn.c_attn.bias"}, ROWS_AS_OURS},
                    [WEIGHT_OUT] = {{"attn.c_proj.weight"}, ROWS_TRANSPOSED},
                    [WEIGHT_OUT_BIAS] = {{"attn.c_proj.bias"}, ROWS_AS_OURS},
                    [WEIGHT_NORM2_GAIN] = {{"ln_2.weight"}, ROWS_AS_OURS},
                    [WEIGHT_NORM2_BIAS] = {{"ln_2.bias"}, ROWS_AS_OURS},
                    [WEIGHT_UP] = {{"mlp.c_fc.weight"}, ROWS_TRANSPOSED},
                    [WEIGHT_UP_BIAS] = {{"mlp.c_fc.bias"}, ROWS_AS_OURS},
                    [WEIGHT_DOWN] = {{"mlp.c_proj.weight"}, ROWS_TRANSPOSED},
                    [WEIGHT_DOWN_BIAS] = {{"mlp.c_proj.bias"}, ROWS_AS_OURS},
                    [WEIGHT_NORM_GAIN] = {{"ln_f.weight"}, ROWS_AS_OURS},
                    [WEIGHT_NORM_BIAS] = {{"ln_f.bias"}, ROWS_AS_OURS},
                    [WEIGHT_HEAD] = {{"lm_head.weight"}, ROWS_AS_OURS},
                },
            .ignored = gpt2_ignored,
            FIELDS(gpt2),
            CONSTANTS(gpt2),
        },
        {
            .name = "llama",
            .architecture = "LlamaForCausalLM",
            .prefix = "model.",
            .layers = "layers.",
            .traits = {.norm = NORM_RMS, .gated_ffn = 1},
            .weight =
                {
                    [WEIGHT_EMBED] = {{"embed_tokens.weight"}, ROWS_AS_OURS},
                    [WEIGHT_NORM1_GAIN] = {{"input_layernorm.weight"}, ROWS_AS_OURS},
                    [WEIGHT_QKV] = {{"self_attn.q_proj.weight", "self_attn.k_proj.weight", "self_attn.v_proj.weight"},
                                    ROWS_AS_OURS},
                    [WEIGHT_QKV_BIAS] = {{"self_attn.q_proj.bias", "self_attn.k_proj.bias", "self_attn.v_proj.bias"},
                                         ROWS_AS_OURS},
                    [WEIGHT_OUT] = {{"self_attn.o_proj.weight"}, ROWS_AS_OURS},
                    [WEIGHT_OUT_BIAS] = {{"self_attn.o_proj.bias"}, ROWS_AS_OURS},
                    [WEIGHT_NORM2_GAIN] = {{"post_attention_layernorm.weight"}, ROWS_AS_OURS},
                    [WEIGHT_GATE] = {{"mlp.gate_proj.weight"}, ROWS_AS_OURS},
                    [WEIGHT_GATE_BIAS] = {{"mlp.gate_proj.bias"}, ROWS_AS_OURS},
                    [WEIGHT_UP] = {{"mlp.up_proj.weight"}, ROWS_AS_OURS},
                    [WEIGHT_UP_BIAS] = {{"mlp.up_proj.bias"}, ROWS_AS_OURS},
                    [WEIGHT_DOWN] = {{"mlp.down_proj.weight"}, ROWS_AS_OURS},
                    [WEIGHT_DOWN_BIAS] = {{"mlp.down_proj.bias"}, ROWS_AS_OURS},
                    [WEIGHT_NORM_GAIN] = {{"norm.weight"}, ROWS_AS_OURS},
                    [WEIGHT_HEAD] = {{"lm_head.weight"}, ROWS_AS_OURS},
                },
            .ignored = llama_ignored,
            FIELDS(llama),
            CONSTANTS(llama),
        },
        {
            .name = "olmo",
            .architecture = "OlmoForCausalLM",
            .prefix = "model.",
            .layers = "layers.",
            .traits = {.norm = NORM_PLAIN, .norm_eps = 1e-5f, .gated_ffn = 1, .ffn_bias = BIAS_NONE},
            .weight =
                {
                    [WEIGHT_EMBED] = {{"embed_tokens.weight"}, ROWS_AS_OURS},
                    [WEIGHT_QKV] = {{"self_attn.q_proj.weight", "self_attn.k_proj.weight", "self_attn.v_proj.weight"},
                                    ROWS_AS_OURS},
                    [WEIGHT_QKV_BIAS] = {{"self_attn.q_proj.bias", "self_attn.k_proj.bias", "self_attn.v_proj.bias"},
                                         ROWS_AS_OURS},
                    [WEIGHT_OUT] = {{"self_attn.o_proj.weight"}, ROWS_AS_OURS},
                    [WEIGHT_OUT_BIAS] = {{"self_attn.o_proj.bias"}, ROWS_AS_OURS},
                    [WEIGHT_GATE] = {{"mlp.gate_proj.weight"}, ROWS_AS_OURS},
                    [WEIGHT_UP] = {{"mlp.up_proj.weight"}, ROWS_AS_OURS},
                    [WEIGHT_DOWN] = {{"mlp.down_proj.weight"}, ROWS_AS_OURS},
                    [WEIGHT_HEAD] = {{"lm_head.weight"}, ROWS_AS_OURS},
                },
            .ignored = llama_ignored,
            FIELDS(olmo),
            CONSTANTS(llama),
        },
        {
            .name = "olmo2",
            .architecture = "Olmo2ForCausalLM",
            .prefix = "model.",
            .layers = "layers.",
            .traits = {.norm = NORM_RMS, .norm_place = NORM_AFTER, .gated_ffn = 1, .qk_norm = 1, .ffn_bias = BIAS_NONE},
            .weight =
                {
                    [WEIGHT_EMBED] = {{"embed_tokens.weight"}, ROWS_AS_OURS},
                    [WEIGHT_NORM1_GAIN] = {{"post_attention_layernorm.weight"}, ROWS_AS_OURS},
                    [WEIGHT_QKV] = {{"self_attn.q_proj.weight", "self_attn.k_proj.weight", "self_attn.v_proj.weight"},
                                    ROWS_AS_OURS},
                    [WEIGHT_QKV_BIAS] = {{"self_attn.q_proj.bias", "self_attn.k_proj.bias", "self_attn.v_proj.bias"},
                                         ROWS_AS_OURS},
                    [WEIGHT_Q_NORM] = {{"self_attn.q_norm.weight"}, ROWS_AS_OURS},
                    [WEIGHT_K_NORM] = {{"self_attn.k_norm.weight"}, ROWS_AS_OURS},
                    [WEIGHT_OUT] = {{"self_attn.o_proj.weight"}, ROWS_AS_OURS},
                    [WEIGHT_OUT_BIAS] = {{"self_attn.o_proj.bias"}, ROWS_AS_OURS},
                    [WEIGHT_NORM2_GAIN] = {{"post_feedforward_layernorm.weight"}, ROWS_AS_OURS},
                    [WEIGHT_GATE] = {{"mlp.gate_proj.weight"}, ROWS_AS_OURS},
                    [WEIGHT_UP] = {{"mlp.up_proj.weight"}, ROWS_AS_OURS},
                    [WEIGHT_DOWN] = {{"mlp.down_proj.weight"}, ROWS_AS_OURS},
                    [WEIGHT_NORM_GAIN] = {{"norm.weight"}, ROWS_AS_OURS},
                    [WEIGHT_HEAD] = {{"lm_head.weight"}, ROWS_AS_OURS},
                },
            .ignored = llama_ignored,
            FIELDS(olmo2),
            CONSTANTS(llama),
        },
        {
            .name = "gpt_neo",
            .architecture = "GPTNeoForCausalLM",
            .prefix = "transformer.",
            .layers = "h.",
            .traits = {.learned_positions = 1, .unscaled_attention = 1, .attention_bias = BIAS_OUT},
            .weight =
                {
                    [WEIGHT_EMBED] = {{"wte.weight"}, ROWS_AS_OURS},
                    [WEIGHT_POSITION] = {{"wpe.weight"}, ROWS_AS_OURS},
                    [WEIGHT_NORM1_GAIN] = {{"ln_1.weight"}, ROWS_AS_OURS},
                    [WEIGHT_NORM1_BIAS] = {{"ln_1.bias"}, ROWS_AS_OURS},
                    [WEIGHT_QKV] = {{"attn.attention.q_proj.weight", "attn.attention.k_proj.weight",
                                     "attn.attention.v_proj.weight"},
                                    ROWS_AS_OURS},
                    [WEIGHT_OUT] = {{"attn.attention.out_proj.weight"}, ROWS_AS_OURS},
                    [WEIGHT_OUT_BIAS] = {{"attn.attention.out_proj.bias"}, ROWS_AS_OURS},
                    [WEIGHT_NORM2_GAIN] = {{"ln_2.weight"}, ROWS_AS_OURS},
                    [WEIGHT_NORM2_BIAS] = {{"ln_2.bias"}, ROWS_AS_OURS},
                    [WEIGHT_UP] = {{"mlp.c_fc.weight"}, ROWS_AS_OURS},
                    [WEIGHT_UP_BIAS] = {{"mlp.c_fc.bias"}, ROWS_AS_OURS},
                    [WEIGHT_DOWN] = {{"mlp.c_proj.weight"}, ROWS_AS_OURS},
                    [WEIGHT_DOWN_BIAS] = {{"mlp.c_proj.bias"}, ROWS_AS_OURS},
                    [WEIGHT_NORM_GAIN] = {{"ln_f.weight"}, ROWS_AS_OURS},
                    [WEIGHT_NORM_BIAS] = {{"ln_f.bias"}, ROWS_AS_OURS},
                    [WEIGHT_HEAD] = {{"lm_head.weight"}, ROWS_AS_OURS},
                },
            .ignored = gpt_neo_ignored,
            FIELDS(gpt_neo),
            CONSTANTS(gpt_neo),
        },
};
enum { FAMILIES = sizeof families / sizeof *families };

const family_t *family_find(const char *name) {
    for (size_t i = 0; i < FAMILIES; i++)
        if (strcmp(families[i].name, name) == 0) return &families[i];
    return NULL;
}

const char *family_names(void) {
    static char text[100];
    text[0] = '\0';
    for (size_t i = 0, used = 0; i < FAMILIES; i++, used = strlen(text))
        snprintf(text + used, sizeof text - used, "%s%s", i > 0 ? ", " : "", families[i].name);
    return text;
}

int family_has_field(const family_t *family, size_t offset) {
    for (int32_t i = 0; i < family->fields; i++)
        if (family->field[i].offset == offset) return 1;
    return 0;
}

int family_check(const family_t *family, const model_spec_t *spec) {
    const model_spec_t *t = &family->traits;
    const struct {
        const char *name;
        size_t offset;
        int64_t have, want;
    } flag[] = {
        {"norm", SPEC(norm), spec->norm, t->norm},
        {"norm_place", SPEC(norm_place), spec->norm_place, t->norm_place},
        {"attention_bias", SPEC(attention_bias), spec->attention_bias, t->attention_bias},
        {"ffn_bias", SPEC(ffn_bias), spec->ffn_bias, t->ffn_bias},
        {"parallel_residual", SPEC(parallel_residual), spec->parallel_residual, t->parallel_residual},
        {"learned_positions", SPEC(learned_positions), spec->learned_positions, t->learned_positions},
        {"gated_ffn", SPEC(gated_ffn), spec->gated_ffn, t->gated_ffn},
        {"qk_norm", SPEC(qk_norm), spec->qk_norm, t->qk_norm},
        {"unscaled_attention", SPEC(unscaled_attention), spec->unscaled_attention, t->unscaled_attention},
        {"clip_qkv", SPEC(clip_qkv), spec->clip_qkv != 0, 0},
        {"rotary_scaling", SPEC(rotary_scaling.factor), spec->rotary_scaling.factor != 0, 0},
        {"window", SPEC(window), spec->window, 0},
        {"kv_heads", SPEC(kv_heads), spec_kv_heads(spec), spec->heads},
    };
    for (size_t i = 0; i < sizeof flag / sizeof *flag; i++)
        if (flag[i].have != flag[i].want && !family_has_field(family, flag[i].offset))
            return err_set("model: %s is %lld, but the family %s has %lld", flag[i].name, (long long)flag[i].have,
                           family->name, (long long)flag[i].want);
    return 0;
}

/* --- the tensors of a model -------------------------------------------------------------------------------------- */

typedef struct {
    const family_t *family;
    const model_spec_t *spec;
    const char *prefix;
    piece_visit_t *visit;
    void *user;
} pieces_t;

static void name_piece(const pieces_t *p, weight_t weight, int64_t layer, const char *own, piece_t *piece) {
    const char *prefix = weight == WEIGHT_HEAD ? "" : p->prefix;
    if (weight_is_of_layer(weight))
        snprintf(piece->name, sizeof piece->name, "%s%s%lld.%s", prefix, p->family->layers, (long long)layer, own);
    else
        snprintf(piece->name, sizeof piece->name, "%s%s", prefix, own);
}

static int visit_weight(void *user, weight_t weight, int64_t layer) {
    const pieces_t *p = user;
    const family_weight_t *how = &p->family->weight[weight];
    piece_t piece = {
        .weight = weight, .order = how->order, .offset = weight_offset(p->spec, weight, layer), .name = ""};
    weight_shape(p->spec, weight, &piece.rows, &piece.columns);
    const int64_t all = piece.rows, q = spec_q_width(p->spec), kv = spec_kv_width(p->spec);
    const int64_t part[FAMILY_PIECES] = {how->name[1] != NULL ? q : all, kv, kv};
    for (int i = 0; i < FAMILY_PIECES && how->name[i] != NULL; i++) {
        piece.rows = part[i];
        name_piece(p, weight, layer, how->name[i], &piece);
        TRY(p->visit(p->user, &piece));
        piece.offset += piece.rows * (piece.columns > 0 ? piece.columns : 1);
    }
    return 0;
}

int family_visit(const family_t *family, const model_spec_t *spec, const char *prefix, piece_visit_t *visit,
                 void *user) {
    pieces_t pieces = {family, spec, prefix != NULL ? prefix : family->prefix, visit, user};
    return weight_visit(spec, visit_weight, &pieces);
}
