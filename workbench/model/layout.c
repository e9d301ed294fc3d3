/* The canonical layout: where each weight stands in the parameter block, and how many there are. All families are
 * read into this one layout, so the decoder, the training and the optimizer know no other. */
#include "base/err.h"
#include "model/model_private.h"
#include <assert.h>

typedef enum { DIM_NONE, DIM_VOCAB, DIM_CONTEXT, DIM_WIDTH, DIM_QKV, DIM_Q, DIM_KV, DIM_FFN } dim_t;

static const struct {
    dim_t rows, columns;
} shape[WEIGHT_COUNT] = {
    [WEIGHT_EMBED] = {DIM_VOCAB, DIM_WIDTH},     [WEIGHT_POSITION] = {DIM_CONTEXT, DIM_WIDTH},
    [WEIGHT_NORM1_GAIN] = {DIM_WIDTH, DIM_NONE}, [WEIGHT_NORM1_BIAS] = {DIM_WIDTH, DIM_NONE},
    [WEIGHT_QKV] = {DIM_QKV, DIM_WIDTH},         [WEIGHT_QKV_BIAS] = {DIM_QKV, DIM_NONE},
    [WEIGHT_Q_NORM] = {DIM_Q, DIM_NONE},         [WEIGHT_K_NORM] = {DIM_KV, DIM_NONE},
    [WEIGHT_OUT] = {DIM_WIDTH, DIM_Q},           [WEIGHT_OUT_BIAS] = {DIM_WIDTH, DIM_NONE},
    [WEIGHT_NORM2_GAIN] = {DIM_WIDTH, DIM_NONE}, [WEIGHT_NORM2_BIAS] = {DIM_WIDTH, DIM_NONE},
    [WEIGHT_GATE] = {DIM_FFN, DIM_WIDTH},        [WEIGHT_GATE_BIAS] = {DIM_FFN, DIM_NONE},
    [WEIGHT_UP] = {DIM_FFN, DIM_WIDTH},          [WEIGHT_UP_BIAS] = {DIM_FFN, DIM_NONE},
    [WEIGHT_DOWN] = {DIM_WIDTH, DIM_FFN},        [WEIGHT_DOWN_BIAS] = {DIM_WIDTH, DIM_NONE},
    [WEIGHT_NORM_GAIN] = {DIM_WIDTH, DIM_NONE},  [WEIGHT_NORM_BIAS] = {DIM_WIDTH, DIM_NONE},
    [WEIGHT_HEAD] = {DIM_VOCAB, DIM_WIDTH},
};

static int64_t dim_size(const model_spec_t *spec, dim_t dim) {
    const int64_t q = spec_q_width(spec), kv = spec_kv_width(spec);
    const int64_t size[] = {0, spec->vocab, spec->context, spec->width, q + 2 * kv, q, kv, spec->ffn};
    return size[dim];
}

int weight_is_there(const model_spec_t *spec, weight_t weight) {
    const int gain = spec->norm != NORM_PLAIN, bias = spec->norm == NORM_LAYER;
    const int inner = spec->ffn_bias == BIAS_ALL, outer = spec->ffn_bias != BIAS_NONE;
    const int there[WEIGHT_COUNT] = {
        [WEIGHT_EMBED] = 1,
        [WEIGHT_POSITION] = spec->learned_positions,
        [WEIGHT_NORM1_GAIN] = gain,
        [WEIGHT_NORM1_BIAS] = bias,
        [WEIGHT_QKV] = 1,
        [WEIGHT_QKV_BIAS] = spec->attention_bias == BIAS_ALL,
        [WEIGHT_Q_NORM] = spec->qk_norm,
        [WEIGHT_K_NORM] = spec->qk_norm,
        [WEIGHT_OUT] = 1,
        [WEIGHT_OUT_BIAS] = spec->attention_bias != BIAS_NONE,
        [WEIGHT_NORM2_GAIN] = gain,
        [WEIGHT_NORM2_BIAS] = bias,
        [WEIGHT_GATE] = spec->gated_ffn,
        [WEIGHT_GATE_BIAS] = spec->gated_ffn && inner,
        [WEIGHT_UP] = 1,
        [WEIGHT_UP_BIAS] = inner,
        [WEIGHT_DOWN] = 1,
        [WEIGHT_DOWN_BIAS] = outer,
        [WEIGHT_NORM_GAIN] = gain,
        [WEIGHT_NORM_BIAS] = bias,
        [WEIGHT_HEAD] = !spec->tied_head,
    };
    return there[weight];
}

int weight_is_linear(weight_t weight) {
    return weight == WEIGHT_QKV || weight == WEIGHT_OUT || weight == WEIGHT_GATE || weight == WEIGHT_UP ||
           weight == WEIGHT_DOWN || weight == WEIGHT_HEAD;
}

int weight_is_of_layer(weight_t weight) {
    return weight >= WEIGHT_NORM1_GAIN && weight <= WEIGHT_DOWN_BIAS;
}

void weight_shape(const model_spec_t *spec, weight_t weight, int64_t *rows, int64_t *columns) {
    *rows = dim_size(spec, shape[weight].rows);
    *columns = dim_size(spec, shape[weight].columns);
}

static int64_t weight_size(const model_spec_t *spec, weight_t weight) {
    int64_t rows, columns;
    if (!weight_is_there(spec, weight)) return 0;
    weight_shape(spec, weight, &rows, &columns);
    return columns > 0 ? rows * columns : rows;
}

/* Floats of the weights first .. last. */
static int64_t size_of(const model_spec_t *spec, weight_t first, weight_t last) {
    int64_t sum = 0;
    for (weight_t w = first; w <= last; w++) sum += weight_size(spec, w);
    return sum;
}

int64_t weight_offset(const model_spec_t *spec, weight_t weight, int64_t layer) {
    if (weight == WEIGHT_HEAD && spec->tied_head) return 0;
    int64_t layers_at = size_of(spec, WEIGHT_EMBED, WEIGHT_POSITION);
    if (weight <= WEIGHT_POSITION) return size_of(spec, WEIGHT_EMBED, weight) - weight_size(spec, weight);
    int64_t per_layer = size_of(spec, WEIGHT_NORM1_GAIN, WEIGHT_DOWN_BIAS);
    if (!weight_is_of_layer(weight))
        return layers_at + spec->layers * per_layer + size_of(spec, WEIGHT_NORM_GAIN, weight) -
               weight_size(spec, weight);
    assert(layer >= 0 && layer < spec->layers);
    return layers_at + layer * per_layer + size_of(spec, WEIGHT_NORM1_GAIN, weight) - weight_size(spec, weight);
}

/* The weights first .. last that are there. */
static int visit_range(const model_spec_t *spec, weight_t first, weight_t last, int64_t layer, weight_visit_t *visit,
                       void *user) {
    for (weight_t w = first; w <= last; w++)
        if (weight_is_there(spec, w)) TRY(visit(user, w, layer));
    return 0;
}

int weight_visit(const model_spec_t *spec, weight_visit_t *visit, void *user) {
    TRY(visit_range(spec, WEIGHT_EMBED, WEIGHT_POSITION, 0, visit, user));
    for (int64_t l = 0; l < spec->layers; l++)
        TRY(visit_range(spec, WEIGHT_NORM1_GAIN, WEIGHT_DOWN_BIAS, l, visit, user));
    return visit_range(spec, WEIGHT_NORM_GAIN, WEIGHT_HEAD, 0, visit, user);
}

/* Where layer_weights_t or outer_weights_t points to a weight. */
static const size_t pointer[WEIGHT_COUNT] = {
    [WEIGHT_EMBED] = offsetof(outer_weights_t, embed),
    [WEIGHT_POSITION] = offsetof(outer_weights_t, position),
    [WEIGHT_NORM1_GAIN] = offsetof(layer_weights_t, norm1_gain),
    [WEIGHT_NORM1_BIAS] = offsetof(layer_weights_t, norm1_bias),
    [WEIGHT_QKV] = offsetof(layer_weights_t, qkv),
    [WEIGHT_QKV_BIAS] = offsetof(layer_weights_t, qkv_bias),
    [WEIGHT_Q_NORM] = offsetof(layer_weights_t, q_norm),
    [WEIGHT_K_NORM] = offsetof(layer_weights_t, k_norm),
    [WEIGHT_OUT] = offsetof(layer_weights_t, out),
    [WEIGHT_OUT_BIAS] = offsetof(layer_weights_t, out_bias),
    [WEIGHT_NORM2_GAIN] = offsetof(layer_weights_t, norm2_gain),
    [WEIGHT_NORM2_BIAS] = offsetof(layer_weights_t, norm2_bias),
    [WEIGHT_GATE] = offsetof(layer_weights_t, gate),
    [WEIGHT_GATE_BIAS] = offsetof(layer_weights_t, gate_bias),
    [WEIGHT_UP] = offsetof(layer_weights_t, up),
    [WEIGHT_UP_BIAS] = offsetof(layer_weights_t, up_bias),
    [WEIGHT_DOWN] = offsetof(layer_weights_t, down),
    [WEIGHT_DOWN_BIAS] = offsetof(layer_weights_t, down_bias),
    [WEIGHT_NORM_GAIN] = offsetof(outer_weights_t, norm_gain),
    [WEIGHT_NORM_BIAS] = offsetof(outer_weights_t, norm_bias),
    [WEIGHT_HEAD] = offsetof(outer_weights_t, head),
};

float **weight_pointer(weight_t weight, layer_weights_t *layer, outer_weights_t *outer) {
    char *weights = weight_is_of_layer(weight) ? (char *)layer : (char *)outer;
    return (float **)(void *)(weights + pointer[weight]);
}

layer_weights_t layer_weights(const model_spec_t *spec, float *block, int64_t layer) {
    layer_weights_t weights = {0};
    for (weight_t w = WEIGHT_NORM1_GAIN; w <= WEIGHT_DOWN_BIAS; w++)
        if (weight_is_there(spec, w)) *weight_pointer(w, &weights, NULL) = block + weight_offset(spec, w, layer);
    return weights;
}

outer_weights_t outer_weights(const model_spec_t *spec, float *block) {
    outer_weights_t weights = {.head = block + weight_offset(spec, WEIGHT_HEAD, 0)}; // of a tied one too
    for (weight_t w = WEIGHT_EMBED; w < WEIGHT_COUNT; w++)
        if (!weight_is_of_layer(w) && weight_is_there(spec, w))
            *weight_pointer(w, NULL, &weights) = block + weight_offset(spec, w, 0);
    return weights;
}

int64_t spec_parameters(const model_spec_t *spec, int with_embeddings) {
    int64_t inner = spec->layers * size_of(spec, WEIGHT_NORM1_GAIN, WEIGHT_DOWN_BIAS) +
                    size_of(spec, WEIGHT_NORM_GAIN, WEIGHT_NORM_BIAS);
    if (!with_embeddings) return inner;
    return inner + size_of(spec, WEIGHT_EMBED, WEIGHT_POSITION) + weight_size(spec, WEIGHT_HEAD);
}

/* Positions that the queries of the first n positions see, all together: 1 + ... + n, no term above `window`. */
static double seen_by_first(double n, double window) {
    if (window == 0 || n <= window) return n * (n + 1) / 2;
    return window * (window + 1) / 2 + (n - window) * window;
}

double spec_flop_ffn(const model_spec_t *spec) {
    return 2 * (spec->gated_ffn ? 3 : 2) * (double)spec->width * (double)spec->ffn;
}

double spec_flop(const model_spec_t *spec, int64_t past, int64_t n, int64_t read) {
    const double width = (double)spec->width, q = (double)spec_q_width(spec), kv = (double)spec_kv_width(spec);
    const double end = (double)(past + n);
    double sum = 0;
    for (int64_t l = 0; l < spec->layers; l++) {
        const double rows = l + 1 < spec->layers ? (double)n : (double)read;
        const double window = spec_is_local(spec, l) ? (double)spec->window : 0;
        sum += 4 * width * (rows * q + (double)n * kv) + rows * spec_flop_ffn(spec);
        sum += 4 * q * (seen_by_first(end, window) - seen_by_first(end - rows, window)); // scores and values
    }
    return sum;
}

int spec_is_end(const spec_ends_t *ends, int32_t token) {
    int32_t i = 0;
    while (i < ends->n && ends->token[i] != token) i++;
    return i < ends->n;
}

double spec_flop_head(const model_spec_t *spec) {
    return 2 * (double)spec->width * (double)spec->vocab;
}

double spec_flop_per_token(const model_spec_t *spec, int64_t context) {
    return spec_flop(spec, 0, context, context) / (double)context + spec_flop_head(spec);
}

/* A field that is out of range. */
static int refuse(const char *field, int64_t value, int64_t low, int64_t high) {
    return err_set("model: %s is %lld, must be %lld to %lld", field, (long long)value, (long long)low, (long long)high);
}

/* What ranges cannot say. */
static int check_numbers(const model_spec_t *spec) {
    const family_t *family = family_find(spec->family);
    const rotary_scaling_t *to = &spec->rotary_scaling;
    if (spec_q_width(spec) != spec->width && !family_has_field(family, offsetof(family_config_t, spec.head_size)))
        return err_set("model: %lld heads of size %lld do not make width %lld; heads must divide width",
                       (long long)spec->heads, (long long)spec->head_size, (long long)spec->width);
    if (spec->heads % spec_kv_heads(spec) != 0)
        return err_set("model: kv_heads is %lld, must divide the %lld heads", (long long)spec_kv_heads(spec),
                       (long long)spec->heads);
    if (spec->rotary_dims % 2 != 0)
        return err_set("model: rotary_dims is %lld, must be even", (long long)spec->rotary_dims);
    if (!spec->learned_positions && !(spec->rotary_base > 1 && spec->rotary_base < 1e12))
        return err_set("model: rotary_base is %g, must be more than 1", spec->rotary_base);
    if (to->factor != 0 && !(to->factor >= 1 && to->factor < 1e6 && to->low > 0 && to->high > to->low &&
                             to->high < 1e6 && to->original >= 1 && to->original < 1e12))
        return err_set("model: rotary scaling of factor %g, frequencies %g to %g, for a context of %g: the factor must "
                       "be 1 or more, the frequencies rising, the context positive",
                       to->factor, to->low, to->high, to->original);
    if (!(spec->norm_eps > 0 && spec->norm_eps < 1))
        return err_set("model: norm_eps is %g, must be between 0 and 1", (double)spec->norm_eps);
    if (!(spec->clip_qkv >= 0 && spec->clip_qkv < 1e30f))
        return err_set("model: clip_qkv is %g, must be 0 or more", (double)spec->clip_qkv);
    for (int64_t l = 0; l < spec->layers; l++)
        if (spec_is_local(spec, l) && spec->window < 1)
            return err_set("model: layer %lld is local, but window is %lld", (long long)l, (long long)spec->window);
    return family_check(family, spec);
}

int spec_check(const model_spec_t *spec) {
    /* The limits are above every published decoder and keep all products below far from overflow. */
    const struct {
        const char *name;
        int64_t value, low, high;
    } range[] = {
        {"vocab", spec->vocab, 2, 1 << 24},
        {"layers", spec->layers, 1, SPEC_LAYERS},
        {"width", spec->width, 1, 1 << 17},
        {"heads", spec->heads, 1, 1 << 12},
        {"kv_heads", spec->kv_heads, 0, spec->heads},
        {"head_size", spec->head_size, 1, 4096},
        {"ffn", spec->ffn, 1, 1 << 20},
        {"context", spec->context, 1, 1 << 24},
        {"rotary_dims", spec->rotary_dims, spec->learned_positions ? 0 : 2,
         spec->learned_positions ? 0 : spec->head_size},
        {"window", spec->window, 0, 1 << 24},
        {"ends", spec->ends.n, 0, SPEC_ENDS},
    };
    if (spec->family == NULL || family_find(spec->family) == NULL)
        return err_set("model: family \"%s\" is not known; known: %s", spec->family ? spec->family : "",
                       family_names());
    for (size_t i = 0; i < sizeof range / sizeof *range; i++)
        if (range[i].value < range[i].low || range[i].value > range[i].high)
            return refuse(range[i].name, range[i].value, range[i].low, range[i].high);
    for (int32_t i = 0; i < spec->ends.n; i++)
        if (spec->ends.token[i] < 0 || spec->ends.token[i] >= spec->vocab)
            return refuse("end_token", spec->ends.token[i], 0, spec->vocab - 1);
    return check_numbers(spec);
}
