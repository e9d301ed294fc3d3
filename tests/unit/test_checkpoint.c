/* Checkpoint folders: what was saved is loaded bit for bit, what transformers wrote gives transformers' logits, and
 * what is damaged or is another model than the decoder computes is refused by name. */
#include "base/csv.h"
#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/num.h"
#include "model/safetensors.h"
#include "model_check.h"
#include <math.h>
#include <stdlib.h>

/* An empty folder of this name. */
static const char *fresh(const char *dir) {
    check_ok(dir_remove(scratch(dir)));
    check_ok(dir_make(scratch(dir)));
    return scratch(dir);
}

/* Published sizes, total and without embeddings (Pythia, Biderman et al. 2023, table 1): vocabulary 50304. */
static void test_sizes_of_pythia(void **state) {
    (void)state;
    const struct {
        int64_t layers, width, heads, inner, total;
    } row[] = {
        {6, 512, 8, 18915328, 70426624}, {12, 768, 12, 85056000, 162322944}, {24, 1024, 16, 302311424, 405334016}};
    for (int i = 0; i < 3; i++) {
        model_spec_t spec = check_spec[0];
        spec.vocab = 50304, spec.layers = row[i].layers, spec.width = row[i].width, spec.heads = row[i].heads;
        spec.head_size = 64, spec.ffn = 4 * row[i].width, spec.context = 2048, spec.rotary_dims = 16;
        check_ok(spec_check(&spec));
        assert_int_equal(spec_parameters(&spec, 0), row[i].inner);
        assert_int_equal(spec_parameters(&spec, 1), row[i].total);
        spec.tied_head = 1;
        assert_int_equal(spec_parameters(&spec, 1), row[i].total - spec.vocab * spec.width);
    }
    /* One layer, by hand: 2 (4 w w + 2 w f) + 4 w (c + 1) / 2 per layer and 2 w v for the head. */
    model_spec_t small = check_spec[2];
    assert_true(spec_flop_per_token(&small, 9) == 2.0 * 264 * (4 * 264 + 2 * 300) + 4.0 * 264 * 5 + 2.0 * 264 * 130);
}

/* Published sizes of GPT-2 (124439808), Llama 3.2 1B (1235814400), OLMo 1B (1176764416) and GPT-Neo 125M (125198592
 * with the embeddings of positions); the bytes of a window by hand. */
static void test_sizes_of_families(void **state) {
    (void)state;
    model_spec_t gpt2 = check_spec[3], llama = check_spec[4], olmo = check_spec[6], neo = check_spec[8];
    gpt2.vocab = 50257, gpt2.layers = 12, gpt2.width = 768, gpt2.heads = 12, gpt2.head_size = 64, gpt2.ffn = 3072;
    gpt2.context = 1024;
    assert_int_equal(spec_parameters(&gpt2, 1), 124439808);
    assert_int_equal(spec_parameters(&gpt2, 0), 124439808 - (50257 + 1024) * 768);
    llama.vocab = 128256, llama.layers = 16, llama.width = 2048, llama.heads = 32, llama.kv_heads = 8;
    llama.head_size = 64, llama.ffn = 8192, llama.tied_head = 1;
    assert_int_equal(spec_parameters(&llama, 1), 1235814400);
    olmo.vocab = 50304, olmo.layers = 16, olmo.width = 2048, olmo.heads = olmo.kv_heads = 16, olmo.head_size = 128;
    olmo.ffn = 8192, olmo.tied_head = 1;
    assert_int_equal(spec_parameters(&olmo, 1), 1176764416);
    neo.vocab = 50257, neo.layers = 12, neo.width = 768, neo.heads = 12, neo.head_size = 64, neo.ffn = 3072;
    neo.context = 2048;
    assert_int_equal(spec_parameters(&neo, 1), 125198592);
    /* Windows of 7 in layers 0 and 2: of 9 positions, (1 + ... + 7 + 7 + 7) / 9 are seen, 5 in layer 1. */
    neo = check_spec[8];
    assert_true(fabs(spec_flop_per_token(&neo, 9) -
                     2 * (3 * 40 * (4 * 40 + 2 * 50) + 2 * 40 * (5 + 2 * 42 / 9.0) + 40 * 50)) < 1e-6);
    llama = check_spec[4];
    assert_true(spec_flop_per_token(&llama, 9) == 2.0 * (2 * (44 * (2 * 60 + 2 * 20 + 3 * 70) + 2 * 60 * 5) + 44 * 71));
}

/* Two layers of 44 (2 60 + 3 70) multiply-adds a row and 44 (2 20) for its keys and values, by hand. */
static void test_flop_of_what_is_read(void **state) {
    (void)state;
    const model_spec_t llama = check_spec[4], *neo = &check_spec[8];
    const double row = 44 * (2 * 60 + 3 * 70), kv = 44 * 2 * 20, seen = 2 * 60;
    assert_true(spec_flop(&llama, 0, 9, 9) == 2 * (2 * 9 * (row + kv) + 2 * 45 * seen));
    assert_true(spec_flop(&llama, 0, 9, 0) == 2 * (9 * (row + kv) + 45 * seen + 9 * kv));
    assert_true(spec_flop(&llama, 0, 9, 2) == spec_flop(&llama, 0, 9, 0) + 2 * (2 * row + (8 + 9) * seen));
    assert_true(spec_flop(&llama, 3, 6, 2) == spec_flop(&llama, 0, 9, 2) - spec_flop(&llama, 0, 3, 0));
    /* The last layer is local: each of the last three rows sees 7. */
    assert_true(spec_flop(neo, 0, 9, 3) == spec_flop(neo, 0, 9, 0) + 2 * 3 * (40 * (2 * 40 + 2 * 50) + 7 * 2 * 40));
    for (int kind = 0; kind < CHECK_KINDS; kind++) { // pieces that are read cost what the whole costs
        const model_spec_t *spec = &check_spec[kind];
        assert_true(spec_flop(spec, 0, 30, 30) == spec_flop(spec, 0, 11, 11) + spec_flop(spec, 11, 19, 19));
    }
}

static void test_spec_check(void **state) {
    (void)state;
    model_spec_t good = check_spec[0], bad;
    check_ok(spec_check(&good));
    bad = good, bad.family = "gpt9", check_fails(spec_check(&bad), "family \"gpt9\"");
    bad = good, bad.layers = 0, check_fails(spec_check(&bad), "layers is 0");
    bad = good, bad.vocab = (int64_t)1 << 40, check_fails(spec_check(&bad), "vocab is 1099511627776");
    bad = good, bad.heads = 5, check_fails(spec_check(&bad), "heads must divide width");
    bad = good, bad.rotary_dims = 3, check_fails(spec_check(&bad), "must be even");
    bad = good, bad.rotary_dims = 18, check_fails(spec_check(&bad), "rotary_dims is 18");
    bad = good, bad.norm_eps = nanf(""), check_fails(spec_check(&bad), "norm_eps");
    bad = good, bad.rotary_base = 0, check_fails(spec_check(&bad), "rotary_base");
    bad = good, bad.ends = (spec_ends_t){2, {0, 97}}, check_fails(spec_check(&bad), "end_token is 97");
    /* What the family does not have. */
    bad = good, bad.norm = NORM_RMS, check_fails(spec_check(&bad), "norm is 2, but the family gpt_neox has 0");
    bad = good, bad.kv_heads = 1, check_fails(spec_check(&bad), "kv_heads is 1, but the family gpt_neox has 3");
    bad = good, bad.window = 9, check_fails(spec_check(&bad), "window is 9");
    bad = good, bad.clip_qkv = 1, check_fails(spec_check(&bad), "clip_qkv is 1");
    bad = good, bad.gated_ffn = 1, check_fails(spec_check(&bad), "gated_ffn is 1");
    bad = good, bad.learned_positions = 1, bad.rotary_dims = 0;
    check_fails(spec_check(&bad), "learned_positions is 1");
    bad = check_spec[4], bad.rotary_scaling.high = 1, check_fails(spec_check(&bad), "rotary scaling of factor 8");
    bad = check_spec[4], bad.kv_heads = 5, check_fails(spec_check(&bad), "must divide the 6 heads");
    bad = check_spec[4], bad.parallel_residual = 1, check_fails(spec_check(&bad), "parallel_residual is 1");
}

/* The names and places of the tensors tile the block, and no tensor lies outside it. */
static void test_layout_tiles_the_block(void **state) {
    (void)state;
    for (int kind = 0; kind < CHECK_KINDS; kind++) {
        model_t *model = check_model(kind, "reference");
        int32_t n;
        int64_t floats, at = 0;
        const model_tensor_t *tensor = model_tensors(model, &n);
        model_parameters(model, &floats);
        for (int32_t i = 0; i < n; i++) {
            assert_int_equal(tensor[i].offset, at);
            at += tensor[i].columns > 0 ? tensor[i].rows * tensor[i].columns : tensor[i].rows;
        }
        assert_int_equal(at, floats);
        assert_int_equal(floats, spec_parameters(model_spec(model), 1));
        if (kind < CHECK_NEOX) assert_int_equal(n, 3 + 12 * model_spec(model)->layers + !model_spec(model)->tied_head);
        model_free(model);
    }
}

static void check_equal_specs(const model_spec_t *a, const model_spec_t *b) {
    assert_string_equal(a->family, b->family);
    enum { WHOLE = 21 };
    int64_t whole[2][WHOLE];
    for (int i = 0; i < 2; i++) {
        const model_spec_t *s = i == 0 ? a : b;
        const int64_t all[WHOLE] = {s->vocab,          s->layers,        s->width,
                                    s->heads,          s->head_size,     s->ffn,
                                    s->context,        s->rotary_dims,   s->parallel_residual,
                                    s->tied_head,      spec_kv_heads(s), s->window,
                                    s->norm,           s->norm_place,    s->act,
                                    s->attention_bias, s->ffn_bias,      s->learned_positions,
                                    s->gated_ffn,      s->qk_norm,       s->unscaled_attention};
        memcpy(whole[i], all, sizeof all);
    }
    assert_memory_equal(whole[0], whole[1], sizeof whole[0]);
    assert_memory_equal(&a->ends, &b->ends, sizeof a->ends);
    assert_memory_equal(a->local, b->local, sizeof a->local);
    assert_true(a->norm_eps == b->norm_eps && a->clip_qkv == b->clip_qkv);
    assert_true(a->learned_positions || a->rotary_base == b->rotary_base);
    const rotary_scaling_t *x = &a->rotary_scaling, *y = &b->rotary_scaling;
    assert_true(x->factor == y->factor && x->low == y->low && x->high == y->high && x->original == y->original);
}

static void test_round_trip(void **state) {
    (void)state;
    for (int kind = 0; kind < CHECK_KINDS; kind++) {
        model_t *model = check_model(kind, "auto"), *back;
        int64_t n, m;
        const char *one = fresh("one"), *two = fresh("two");
        check_ok(file_write(scratch("one/source.json"), "{}", 2));
        check_ok(model_save(model, one, scratch("one/source.json")));
        check_ok(model_load(one, model_ops(model), &back));
        check_equal_specs(model_spec(back), model_spec(model));
        const float *a = model_parameters(model, &n), *b = model_parameters(back, &m);
        assert_int_equal(n, m);
        check_same("parameters", a, b, (size_t)n * sizeof *a);
        assert_true(file_exists(scratch("one/tokenizer.json")));

        check_ok(model_save(back, two, NULL));
        const char *names[] = {"config.json", "model.safetensors"};
        for (int i = 0; i < 2; i++) {
            file_map_t x, y;
            check_ok(file_map(scratch_in("one", names[i]), &x));
            check_ok(file_map(scratch_in("two", names[i]), &y));
            assert_int_equal(x.size, y.size);
            check_same(names[i], x.data, y.data, x.size);
            file_unmap(&x);
            file_unmap(&y);
        }
        model_free(model);
        model_free(back);
    }
}

/* The layout of GPT-NeoX, worked out by hand: with 4 heads of 8, row (head, part, j) of the file is (0,1,0) 8,
 * (0,2,7) 23, (1,0,0) 24, (3,2,7) 95; in our layout row part * 32 + head * 8 + j. */
static void test_file_rows_of_qkv(void **state) {
    (void)state;
    const int64_t file_row[] = {8, 23, 24, 95}, our_row[] = {32 + 0 + 0, 64 + 0 + 7, 0 + 8 + 0, 64 + 24 + 7};
    model_spec_t spec = check_spec[0];
    spec.width = 32, spec.heads = 4, spec.head_size = 8;
    model_t *model;
    int32_t n;
    int64_t floats;
    check_ok(model_create(&spec, tensor_kernels("reference"), 1, &model));
    const model_tensor_t *tensor = model_tensors(model, &n);
    float *p = model_parameters(model, &floats);
    for (int32_t t = 0; t < n; t++)
        for (int64_t i = 0; strstr(tensor[t].name, "query_key_value") && i < tensor[t].rows; i++)
            p[tensor[t].offset + i * (tensor[t].columns ? tensor[t].columns : 1)] = (float)i;
    check_ok(model_save(model, fresh("rows"), NULL));
    safetensors_t *file;
    check_ok(safetensors_open(scratch("rows/model.safetensors"), &file));
    const safetensors_entry_t *weight = safetensors_find(file, "gpt_neox.layers.1.attention.query_key_value.weight");
    const safetensors_entry_t *bias = safetensors_find(file, "gpt_neox.layers.0.attention.query_key_value.bias");
    for (int i = 0; i < 4; i++) {
        float value;
        check_ok(safetensors_read(file, weight, file_row[i] * 32, 1, &value));
        assert_true(value == (float)our_row[i]);
        check_ok(safetensors_read(file, bias, file_row[i], 1, &value));
        assert_true(value == (float)our_row[i]);
    }
    safetensors_close(file);
    model_free(model);
}

/* Keeps the logits of all rows. */
typedef struct {
    int64_t vocab;
    float *logits;
} keep_t;
static int keep_logits(void *user, int64_t n, const int64_t *select, const row_t *rows, float *logits) {
    keep_t *keep = user;
    (void)rows;
    for (int64_t i = 0; i < n; i++)
        memcpy(keep->logits + select[i] * keep->vocab, logits + i * keep->vocab, (size_t)keep->vocab * sizeof *logits);
    return 0;
}

/* tests/peers/families.py made the checkpoints and, with transformers in double precision, their logits. */
static void check_golden(const char *group, const char *name, double tolerance, const tensor_ops_t *ops) {
    char dir[1000], path[1100];
    model_t *model;
    session_t *s;
    csv_t golden;
    snprintf(dir, sizeof dir, "%s/%s/%s", source_path("tests/golden"), group, name);
    snprintf(path, sizeof path, "%s/logits.csv", dir);
    check_ok(model_load(dir, ops, &model));
    check_ok(csv_read(path, &golden));
    int64_t rows = golden.rows, vocab = model_spec(model)->vocab;
    assert_int_equal(golden.columns, vocab + 1);
    int32_t *tokens = mem_new(rows, sizeof *tokens, "tokens"), sequence = 0;
    int64_t *select = mem_new(rows, sizeof *select, "rows"), value;
    head_stat_t *stat = mem_new(rows, sizeof *stat, "statistics");
    keep_t keep = {vocab, mem_new(rows * vocab, sizeof(float), "logits")};
    const attachment_t attach = {.user = &keep, .logits = keep_logits};
    for (int64_t i = 0; i < rows; i++) {
        check_ok(num_parse_i64(csv_at(&golden, i, 0), &value));
        tokens[i] = (int32_t)value, select[i] = i;
    }
    check_ok(session_create(model, 1, rows, rows, &s));
    check_ok(session_forward(s, 1, &sequence, &rows, tokens, NULL));
    check_ok(session_head(s, rows, select, NULL, &attach, stat));
    double largest = 0, difference = 0;
    for (int64_t i = 0; i < rows * vocab; i++) {
        double want;
        check_ok(num_parse_f64(csv_at(&golden, i / vocab, 1 + (int32_t)(i % vocab)), &want));
        largest = fmax(largest, fabs(want));
        difference = fmax(difference, fabs(want - (double)keep.logits[i]));
    }
    if (difference > tolerance * largest) print_error("%s: %g of %g\n", name, difference, largest);
    assert_true(difference <= tolerance * largest);
    session_free(s);
    mem_free(tokens), mem_free(select), mem_free(stat), mem_free(keep.logits);
    csv_free(&golden);
    model_free(model);
}

static void test_logits_of_transformers(void **state) {
    (void)state;
    const char *kernels[] = {"reference", "auto", "openblas"};
    for (int i = 0; i < 3; i++) {
        const tensor_ops_t *ops = tensor_kernels(kernels[i]);
        check_golden("neox", "parallel-bf16", 2e-6, ops);
        check_golden("neox", "serial-f16", 2e-6, ops);
        check_golden("families", "gpt2", 2e-6, ops);
        check_golden("families", "gpt_neo", 2e-6, ops);
        /* Of these transformers computes norms and rotary angles in float, whatever the model is in. */
        const char *const others[] = {"llama", "olmo", "olmo2"};
        for (int k = 0; k < 3; k++) check_golden("families", others[k], 1e-5, ops);
    }
}

/* A checkpoint of a kind of model, whose config.json has `from` replaced by `to`, is refused with the message. */
static void refuse_config_of(int kind, const char *from, const char *to, const char *message) {
    model_t *model = check_model(kind, "reference"), *back;
    char text[4000];
    file_map_t map;
    check_ok(model_save(model, fresh("config"), NULL));
    check_ok(file_map(scratch("config/config.json"), &map));
    const char *config = (const char *)map.data, *at = memmem(config, map.size, from, strlen(from));
    if (at == NULL) print_error("no %s in config.json\n", from);
    assert_non_null(at);
    const char *rest = at + strlen(from);
    int n = snprintf(text, sizeof text, "%.*s%s%.*s", (int)(at - config), config, to, (int)(config + map.size - rest),
                     rest);
    file_unmap(&map);
    check_ok(file_write(scratch("config/config.json"), text, (size_t)n));
    check_fails(model_load(scratch("config"), model_ops(model), &back), message);
    model_free(model);
}

static void refuse_config(const char *from, const char *to, const char *message) {
    refuse_config_of(0, from, to, message);
}

/* What other families may say that the decoder does not compute. Kinds as in model_check.h. */
static void test_refused_families(void **state) {
    (void)state;
    enum { GPT2 = 3, LLAMA, LLAMA_BIASED, OLMO, OLMO2, GPT_NEO };
    refuse_config_of(GPT2, "\"gelu_new\"", "\"mish\"", "activation_function is mish; implemented: gelu, gelu_new");
    refuse_config_of(GPT2, "\"gelu_new\"", "7", "activation_function is no text");
    refuse_config_of(GPT2, "\"scale_attn_weights\": true", "\"scale_attn_weights\": false",
                     "scale_attn_weights is false");
    refuse_config_of(GPT2, "layer_idx\": false", "layer_idx\": true", "scale_attn_by_inverse_layer_idx is true");
    refuse_config_of(GPT2, "\"n_layer\"", "\"add_cross_attention\": true, \"n_layer\"", "only decoders");
    refuse_config_of(GPT2, "\"n_inner\": 100", "\"n_inner\": null",
                     "mlp.c_fc.weight has the shape [48, 100]; config.json calls for [48, 192]");
    refuse_config_of(GPT2, "\"n_positions\": 50", "\"n_positions\": 51",
                     "transformer.wpe.weight has the shape [50, 48]");
    refuse_config_of(GPT2, "\"n_layer\": 2", "\"n_layer\": 1", "is not part of a gpt2 model of 1 layers");
    refuse_config_of(GPT2, "\"tie_word_embeddings\": true", "\"tie_word_embeddings\": false",
                     "tensor lm_head.weight is missing");
    refuse_config_of(LLAMA, "\"llama3\"", "\"yarn\"", "rope_scaling.rope_type is yarn; implemented: default, llama3");
    refuse_config_of(LLAMA, "\"factor\": 8, ", "", "its factor is missing");
    refuse_config_of(LLAMA, "\"factor\": 8", "\"factor\": 0.5", "rotary scaling of factor 0.5");
    refuse_config_of(LLAMA, "\"high_freq_factor\": 4", "\"high_freq_factor\": 1", "frequencies 1 to 1");
    refuse_config_of(LLAMA, "\"original_max_position_embeddings\": 20", "\"a\": 1", "for a context of 0");
    refuse_config_of(LLAMA, "\"rms_norm_eps\"", "\"sliding_window\": 16, \"rms_norm_eps\"", "sliding_window is 16");
    refuse_config_of(LLAMA, "\"rms_norm_eps\"", "\"partial_rotary_factor\": 0.5, \"rms_norm_eps\"",
                     "only rotary embeddings of whole heads");
    refuse_config_of(LLAMA, "\"rms_norm_eps\"", "\"rope_parameters\": {\"rope_type\": \"default\"}, \"rms_norm_eps\"",
                     "rope_scaling.rope_type and rope_parameters.rope_type disagree");
    refuse_config_of(LLAMA_BIASED, "\"rms_norm_eps\"", "\"rope_scaling\": 2.0, \"rms_norm_eps\"",
                     "rope_scaling is not an object, or null");
    refuse_config_of(LLAMA_BIASED, "\"rms_norm_eps\"", "\"rope_parameters\": [1], \"rms_norm_eps\"",
                     "rope_parameters is not an object, or null");
    refuse_config_of(LLAMA_BIASED, "\"rms_norm_eps\"",
                     "\"rope_parameters\": {\"full_attention\": {\"rope_theta\": 5}}, \"rms_norm_eps\"",
                     "rope_parameters.full_attention is an object");
    refuse_config_of(LLAMA_BIASED, "\"rms_norm_eps\"", "\"rope_scaling\": {\"factor\": 2}, \"rms_norm_eps\"",
                     "a factor of 2, but its type is default or missing");
    refuse_config_of(LLAMA_BIASED, "\"rms_norm_eps\"",
                     "\"rope_scaling\": {\"type\": \"default\"}, \"rope_parameters\": {}, \"rms_norm_eps\"",
                     "rope_scaling and rope_parameters are both there; keep one");
    refuse_config_of(LLAMA, "\"rms_norm_eps\"", "\"quantization_config\": {\"bits\": 4}, \"rms_norm_eps\"",
                     "quantised");
    refuse_config_of(LLAMA, "\"num_key_value_heads\": 2", "\"num_key_value_heads\": 4",
                     "kv_heads is 4, must divide the 6");
    refuse_config_of(LLAMA, "\"num_key_value_heads\": 2", "\"num_key_value_heads\": null",
                     "self_attn.k_proj.weight has the shape [20, 44]; config.json calls for [60, 44]");
    refuse_config_of(LLAMA, "\"head_dim\": 10,", "", "heads do not divide width 44");
    refuse_config_of(LLAMA, "\"attention_bias\": false", "\"attention_bias\": true",
                     "self_attn.q_proj.bias is missing");
    refuse_config_of(LLAMA, "\"mlp_bias\": false", "\"mlp_bias\": 0", "mlp_bias is not true or false");
    refuse_config_of(LLAMA_BIASED, "\"mlp_bias\": true", "\"mlp_bias\": false",
                     "mlp.down_proj.bias, F32 [80], is not part of");
    refuse_config_of(OLMO, "\"clip_qkv\": 0.4", "\"clip_qkv\": 0", "clip_qkv is not a number above 0, or null");
    refuse_config_of(OLMO, "\"olmo\"", "\"olmo2\"", "post_attention_layernorm.weight is missing");
    refuse_config_of(OLMO2, "\"olmo2\"", "\"olmo\"", "is not part of a olmo model");
    refuse_config_of(OLMO2, "\"silu\"", "\"relu\"", "hidden_act is relu");
    refuse_config_of(GPT_NEO, "\"local\", \"global\"", "\"local\", \"sparse\"", "the attention of layer 1 is sparse");
    refuse_config_of(GPT_NEO, "\"local\", \"global\"", "\"global\"", "attention_types is for 2 layers of 3");
    refuse_config_of(GPT_NEO, "\"attention_types\"", "\"a\"", "attention_types is missing");
    refuse_config_of(GPT_NEO, "\"attention_types\": [[[", "\"attention_types\": [[3], [[",
                     "a list of [[kinds], times]");
    refuse_config_of(GPT_NEO, "\"window_size\"",
                     "\"attention_layers\": [\"global\", \"global\", \"local\"], \"window_size\"",
                     "attention_types and attention_layers disagree");
    refuse_config_of(GPT_NEO, "\"window_size\": 7", "\"window_size\": 0", "layer 0 is local, but window is 0");
}

static void test_refused_configs(void **state) {
    (void)state;
    refuse_config("\"gelu\"", "\"relu\"", "hidden_act is relu");
    refuse_config("\"gpt_neox\"", "\"rwkv\"", "model_type is rwkv; known families: gpt_neox");
    refuse_config("\"model_type\": \"gpt_neox\",", "", "model_type is missing");
    refuse_config("\"vocab_size\": 97,", "", "vocab_size is missing");
    refuse_config("\"vocab_size\": 97", "\"vocab_size\": \"97\"", "vocab_size is not an integer");
    refuse_config("\"vocab_size\": 97", "\"vocab_size\": 1e99", "vocab_size is not an integer");
    refuse_config("\"attention_bias\": true", "\"attention_bias\": false", "attention_bias is false");
    refuse_config("\"attention_bias\"", "\"quantization_config\": {\"bits\": 4}, \"attention_bias\"", "quantised");
    refuse_config("\"attention_bias\"", "\"rope_scaling\": {\"type\": \"linear\"}, \"attention_bias\"", "rope_scaling");
    refuse_config("\"attention_bias\"", "\"rope_parameters\": {\"rope_type\": \"yarn\"}, \"attention_bias\"", "yarn");
    refuse_config("\"attention_bias\"", "\"rope_parameters\": {\"rope_theta\": 5}, \"attention_bias\"",
                  "rotary_emb_base and rope_parameters.rope_theta disagree");
    refuse_config("\"num_attention_heads\": 3", "\"num_attention_heads\": 0", "0 heads do not divide width");
    refuse_config("\"num_attention_heads\": 3", "\"num_attention_heads\": 5", "5 heads do not divide width 48");
    refuse_config("\"rotary_pct\": 0.25", "\"rotary_pct\": -1", "rotary_dims");
    refuse_config("\"layer_norm_eps\": 1e-05", "\"layer_norm_eps\": 1e300", "layer_norm_eps is not a number");
    refuse_config("\"use_parallel_residual\": true", "\"use_parallel_residual\": 1", "is not true or false");
    refuse_config("\"eos_token_id\": 0", "\"eos_token_id\": 97", "end_token is 97");
    refuse_config("\"eos_token_id\": 0", "\"eos_token_id\": [0, 97]", "end_token is 97");
    refuse_config("\"eos_token_id\": 0", "\"eos_token_id\": [0, \"1\"]", "a token id");
    refuse_config("\"eos_token_id\": 0", "\"eos_token_id\": [0, 1, 2, 3, 4, 5, 6, 7, 8]", "has 9 tokens, at most 8");
    refuse_config("{", "", "config.json:");
    /* What the weights belie. */
    refuse_config("\"num_hidden_layers\": 2", "\"num_hidden_layers\": 3",
                  "gpt_neox.layers.2.input_layernorm.weight is missing; config.json calls for the shape [48]");
    refuse_config("\"num_hidden_layers\": 2", "\"num_hidden_layers\": 1",
                  "tensor gpt_neox.layers.1.attention.dense.bias");
    refuse_config("\"intermediate_size\": 100", "\"intermediate_size\": 101",
                  "dense_h_to_4h.weight has the shape [100, 48]; config.json calls for [101, 48]");
    refuse_config("\"vocab_size\": 97", "\"vocab_size\": 16000000", "embed_in.weight has the shape [97, 48]");
    refuse_config("\"tie_word_embeddings\": false", "\"tie_word_embeddings\": true", "embed_out.weight differs");
}

/* The spellings of transformers 5 (tests/golden has both), a list of end tokens, none. */
static void test_spellings(void **state) {
    (void)state;
    model_spec_t spec;
    const char *base = "{\"model_type\":\"gpt_neox\",\"vocab_size\":10,\"num_hidden_layers\":1,\"hidden_size\":32,"
                       "\"num_attention_heads\":2,\"intermediate_size\":8";
    const struct {
        const char *more;
        int64_t rotary_dims, end;
        double theta;
    } row[] = {
        {"", 4, 0, 10000},
        {",\"eos_token_id\":null,\"rotary_pct\":1,\"rotary_emb_base\":500", 16, -1, 500},
        {",\"eos_token_id\":[3,4],\"rope_parameters\":{\"partial_rotary_factor\":0.5,\"rope_theta\":7.5}", 8, 3, 7.5},
        {",\"rope_theta\":20,\"rotary_emb_base\":20.0,\"rope_scaling\":null", 4, 0, 20}};
    fresh("spelling");
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        char text[1000];
        int n = snprintf(text, sizeof text, "%s%s}", base, row[i].more);
        check_ok(file_write(scratch("spelling/config.json"), text, (size_t)n));
        check_ok(spec_read(scratch("spelling/config.json"), &spec));
        assert_int_equal(spec.rotary_dims, row[i].rotary_dims);
        assert_int_equal(spec.ends.n > 0 ? spec.ends.token[0] : -1, row[i].end);
        assert_int_equal(spec.ends.n == 2 ? spec.ends.token[1] : -1, row[i].end == 3 ? 4 : -1);
        assert_true(spec.rotary_base == row[i].theta);
        assert_int_equal(spec.parallel_residual, 1);
        assert_int_equal(spec.context, 2048);
    }
}

/* What config.json does not say is as transformers has it (5.24, AutoConfig.for_model), but for the end token: where
 * none is named there is none, and GPT-NeoX has Pythia's. */
static void test_defaults(void **state) {
    (void)state;
    static const char sizes[] =
        "\"vocab_size\":10,\"num_hidden_layers\":1,\"hidden_size\":32,\"num_attention_heads\":2";
    const struct {
        const char *family, *more;
        float eps;
        spec_act_t act;
        int64_t context, ffn, end;
        int tied, parallel, without_biases;
    } row[] = {
        {"gpt_neox", ",\"intermediate_size\":8", 1e-5f, ACT_GELU, 2048, 8, 0, 0, 1, 0},
        {"gpt2", "", 1e-5f, ACT_GELU_TANH, 1024, 128, -1, 1, 0, 0},
        {"gpt_neo", ",\"attention_types\":[[[\"local\"],1]]", 1e-5f, ACT_GELU_TANH, 2048, 128, -1, 1, 0, 0},
        {"llama", ",\"intermediate_size\":8", 1e-6f, ACT_SILU, 2048, 8, -1, 0, 0, 1},
        {"olmo", ",\"intermediate_size\":8", 1e-5f, ACT_SILU, 2048, 8, -1, 0, 0, 1},
        {"olmo2", ",\"intermediate_size\":8", 1e-5f, ACT_SILU, 2048, 8, -1, 0, 0, 1},
    };
    fresh("defaults");
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        char text[1000];
        model_spec_t spec;
        int n = snprintf(text, sizeof text, "{\"model_type\":\"%s\",%s%s}", row[i].family, sizes, row[i].more);
        check_ok(file_write(scratch("defaults/config.json"), text, (size_t)n));
        check_ok(spec_read(scratch("defaults/config.json"), &spec));
        assert_true(spec.norm_eps == row[i].eps);
        assert_int_equal(spec.act, row[i].act);
        assert_int_equal(spec.context, row[i].context);
        assert_int_equal(spec.ffn, row[i].ffn);
        assert_int_equal(spec.ends.n > 0 ? spec.ends.token[0] : -1, row[i].end);
        assert_int_equal(spec.tied_head, row[i].tied);
        assert_int_equal(spec.parallel_residual, row[i].parallel);
        assert_int_equal(spec_kv_heads(&spec), 2);
        assert_int_equal(spec.head_size, 16);
        assert_true(spec.learned_positions || spec.rotary_base == 10000);
        if (row[i].without_biases) assert_true(spec.attention_bias == BIAS_NONE && spec.ffn_bias == BIAS_NONE);
        if (strcmp(row[i].family, "gpt_neo") == 0) assert_int_equal(spec.window, 256);
    }
}

/* Every share of a head that a model can have reads back as it was written. */
static void test_rotary_share_round_trip(void **state) {
    (void)state;
    fresh("share");
    for (int64_t head = 2; head < 132; head += 37)
        for (int64_t dims = 2; dims <= head; dims += 2) {
            model_spec_t spec = check_spec[0], back;
            spec.heads = 1, spec.width = spec.head_size = head, spec.rotary_dims = dims;
            check_ok(spec_write(&spec, scratch("share/config.json")));
            check_ok(spec_read(scratch("share/config.json"), &back));
            assert_int_equal(back.rotary_dims, dims);
        }
}

/* Damage to the weights themselves. */
static void test_refused_weights(void **state) {
    (void)state;
    model_t *model = check_model(0, "reference"), *back;
    const tensor_ops_t *ops = model_ops(model);
    int64_t n;
    float *p = model_parameters(model, &n);
    check_fails(model_load(fresh("weights"), ops, &back), "config.json");
    check_ok(spec_write(model_spec(model), scratch("weights/config.json")));
    check_fails(model_load(scratch("weights"), ops, &back), "neither model.safetensors nor");
    p[n - 1] = nanf("");
    check_ok(model_save(model, scratch("weights"), NULL));
    check_fails(model_load(scratch("weights"), ops, &back), "embed_out.weight holds a NaN");
    p[n - 1] = 0;
    check_ok(model_save(model, scratch("weights"), NULL));
    file_map_t map;
    check_ok(file_map(scratch("weights/model.safetensors"), &map));
    uint8_t *bytes = test_malloc(map.size);
    size_t size = map.size;
    memcpy(bytes, map.data, size);
    file_unmap(&map);
    check_ok(file_write(scratch("weights/model.safetensors"), bytes, size - 1));
    check_fails(model_load(scratch("weights"), ops, &back), "truncated");
    uint8_t *dtype = memmem(bytes, size, "F32", 3);
    memcpy(dtype, "I32", 3);
    check_ok(file_write(scratch("weights/model.safetensors"), bytes, size));
    check_fails(model_load(scratch("weights"), ops, &back), "gpt_neox.embed_in.weight has dtype I32");
    test_free(bytes);
    model_free(model);
}

static void write_index(const char *text) {
    check_ok(file_write(scratch("index/model.safetensors.index.json"), text, strlen(text)));
}

static void test_refused_indexes(void **state) {
    (void)state;
    model_t *back, *model = check_model(0, "reference");
    const tensor_ops_t *ops = model_ops(model);
    char dir[1200];
    snprintf(dir, sizeof dir, "%s", fresh("index"));
    check_ok(model_save(model, dir, NULL));
    check_ok(file_copy(scratch("index/model.safetensors"), scratch("index/a.safetensors")));
    check_ok(file_copy(scratch("index/model.safetensors"), scratch("index/b.safetensors")));
    remove(scratch("index/model.safetensors"));
    write_index("{");
    check_fails(model_load(dir, ops, &back), "index.json:1:");
    write_index("{\"weight_map\":{}}");
    check_fails(model_load(dir, ops, &back), "no weight_map");
    write_index("{\"weight_map\":{\"embed_out.weight\":\"../a.safetensors\"}}");
    check_fails(model_load(dir, ops, &back), "bad file name \"../a.safetensors\"");
    write_index("{\"weight_map\":{\"embed_out.weight\":\"/etc/a.safetensors\"}}");
    check_fails(model_load(dir, ops, &back), "bad file name \"/etc/a.safetensors\"");
    write_index("{\"weight_map\":{\"embed_out.weight\":\"a.bin\"}}");
    check_fails(model_load(dir, ops, &back), "bad file name \"a.bin\"");
    write_index("{\"weight_map\":{\"embed_out.weight\":7}}");
    check_fails(model_load(dir, ops, &back), "embed_out.weight is in no file");
    write_index("{\"weight_map\":{\"nonsense\":\"a.safetensors\"}}");
    check_fails(model_load(dir, ops, &back), "nonsense is in none of the files");
    write_index(
        "{\"weight_map\":{\"embed_out.weight\":\"a.safetensors\",\"gpt_neox.embed_in.weight\":\"b.safetensors\"}}");
    check_fails(model_load(dir, ops, &back), "b.safetensors");
    write_index("{\"weight_map\":{\"embed_out.weight\":\"a.safetensors\"}}");
    check_ok(model_load(dir, ops, &back));
    model_free(back);
    model_free(model);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sizes_of_pythia),
        cmocka_unit_test(test_spec_check),
        cmocka_unit_test(test_layout_tiles_the_block),
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_file_rows_of_qkv),
        cmocka_unit_test(test_logits_of_transformers),
        cmocka_unit_test(test_refused_configs),
        cmocka_unit_test(test_spellings),
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_rotary_share_round_trip),
        cmocka_unit_test(test_refused_weights),
        cmocka_unit_test(test_refused_indexes),
        cmocka_unit_test(test_refused_families),
        cmocka_unit_test(test_sizes_of_families),
        cmocka_unit_test(test_flop_of_what_is_read),
    };
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
