/* The canonical layout: where each weight stands in the parameter block, and how many there are. All families are
 * read into this one layout, so the decoder, the training and the optimizer know no other. */
#include "base/err.h"
#include "model/model_private.h"
#include <assert.h>

typedef enum { DIM_NONE, DIM_VOCAB, DIM_WIDTH, DIM_WIDTH3, DIM_FFN } dim_t;

static const struct {
    dim_t rows, columns;
} shape[WEIGHT_COUNT] = {
    [WEIGHT_EMBED] = {DIM_VOCAB, DIM_WIDTH},     [WEIGHT_NORM1_GAIN] = {DIM_WIDTH, DIM_NONE},
    [WEIGHT_NORM1_BIAS] = {DIM_WIDTH, DIM_NONE}, [WEIGHT_QKV] = {DIM_WIDTH3, DIM_WIDTH},
    [WEIGHT_QKV_BIAS] = {DIM_WIDTH3, DIM_NONE},  [WEIGHT_OUT] = {DIM_WIDTH, DIM_WIDTH},
    [WEIGHT_OUT_BIAS] = {DIM_WIDTH, DIM_NONE},   [WEIGHT_NORM2_GAIN] = {DIM_WIDTH, DIM_NONE},
    [WEIGHT_NORM2_BIAS] = {DIM_WIDTH, DIM_NONE}, [WEIGHT_UP] = {DIM_FFN, DIM_WIDTH},
    [WEIGHT_UP_BIAS] = {DIM_FFN, DIM_NONE},      [WEIGHT_DOWN] = {DIM_WIDTH, DIM_FFN},
    [WEIGHT_DOWN_BIAS] = {DIM_WIDTH, DIM_NONE},  [WEIGHT_NORM_GAIN] = {DIM_WIDTH, DIM_NONE},
    [WEIGHT_NORM_BIAS] = {DIM_WIDTH, DIM_NONE},  [WEIGHT_HEAD] = {DIM_VOCAB, DIM_WIDTH},
};

static int64_t dim_size(const model_spec_t *spec, dim_t dim) {
    const int64_t size[] = {0, spec->vocab, spec->width, 3 * spec->width, spec->ffn};
    return size[dim];
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
    if (weight == WEIGHT_EMBED || (weight == WEIGHT_HEAD && spec->tied_head)) return 0;
    int64_t per_layer = size_of(spec, WEIGHT_NORM1_GAIN, WEIGHT_DOWN_BIAS);
    int64_t layers_at = weight_size(spec, WEIGHT_EMBED);
    if (!weight_is_of_layer(weight))
        return layers_at + spec->layers * per_layer + size_of(spec, WEIGHT_NORM_GAIN, weight) -
               weight_size(spec, weight);
    assert(layer >= 0 && layer < spec->layers);
    return layers_at + layer * per_layer + size_of(spec, WEIGHT_NORM1_GAIN, weight) - weight_size(spec, weight);
}

int weight_visit(const model_spec_t *spec, weight_visit_t *visit, void *user) {
    TRY(visit(user, WEIGHT_EMBED, 0));
    for (int64_t l = 0; l < spec->layers; l++)
        for (weight_t w = WEIGHT_NORM1_GAIN; w <= WEIGHT_DOWN_BIAS; w++) TRY(visit(user, w, l));
    TRY(visit(user, WEIGHT_NORM_GAIN, 0));
    TRY(visit(user, WEIGHT_NORM_BIAS, 0));
    return spec->tied_head ? 0 : visit(user, WEIGHT_HEAD, 0);
}

layer_weights_t layer_weights(const model_spec_t *spec, float *block, int64_t layer) {
    return (layer_weights_t){
        .norm1_gain = block + weight_offset(spec, WEIGHT_NORM1_GAIN, layer),
        .norm1_bias = block + weight_offset(spec, WEIGHT_NORM1_BIAS, layer),
        .qkv = block + weight_offset(spec, WEIGHT_QKV, layer),
        .qkv_bias = block + weight_offset(spec, WEIGHT_QKV_BIAS, layer),
        .out = block + weight_offset(spec, WEIGHT_OUT, layer),
        .out_bias = block + weight_offset(spec, WEIGHT_OUT_BIAS, layer),
        .norm2_gain = block + weight_offset(spec, WEIGHT_NORM2_GAIN, layer),
        .norm2_bias = block + weight_offset(spec, WEIGHT_NORM2_BIAS, layer),
        .up = block + weight_offset(spec, WEIGHT_UP, layer),
        .up_bias = block + weight_offset(spec, WEIGHT_UP_BIAS, layer),
        .down = block + weight_offset(spec, WEIGHT_DOWN, layer),
        .down_bias = block + weight_offset(spec, WEIGHT_DOWN_BIAS, layer),
    };
}

outer_weights_t outer_weights(const model_spec_t *spec, float *block) {
    return (outer_weights_t){
        .embed = block + weight_offset(spec, WEIGHT_EMBED, 0),
        .norm_gain = block + weight_offset(spec, WEIGHT_NORM_GAIN, 0),
        .norm_bias = block + weight_offset(spec, WEIGHT_NORM_BIAS, 0),
        .head = block + weight_offset(spec, WEIGHT_HEAD, 0),
    };
}

int64_t spec_parameters(const model_spec_t *spec, int with_embeddings) {
    int64_t inner = spec->layers * size_of(spec, WEIGHT_NORM1_GAIN, WEIGHT_DOWN_BIAS) +
                    size_of(spec, WEIGHT_NORM_GAIN, WEIGHT_NORM_BIAS);
    if (!with_embeddings) return inner;
    return inner + weight_size(spec, WEIGHT_EMBED) + (spec->tied_head ? 0 : weight_size(spec, WEIGHT_HEAD));
}

double spec_flop_per_token(const model_spec_t *spec, int64_t context) {
    double width = (double)spec->width;
    double linear = width * (4 * width + 2 * (double)spec->ffn); // multiply-adds of a layer's four matrices
    double attention = 2 * width * ((double)context + 1) / 2;    // scores and values, over (context + 1) / 2 positions
    return 2 * ((double)spec->layers * (linear + attention) + width * (double)spec->vocab);
}

/* A field that is out of range. */
static int refuse(const char *field, int64_t value, int64_t low, int64_t high) {
    return err_set("model: %s is %lld, must be %lld to %lld", field, (long long)value, (long long)low, (long long)high);
}

int spec_check(const model_spec_t *spec) {
    /* The limits are above every published decoder and keep all products below far from overflow. */
    const struct {
        const char *name;
        int64_t value, low, high;
    } range[] = {
        {"vocab", spec->vocab, 2, 1 << 24},
        {"layers", spec->layers, 1, 1024},
        {"width", spec->width, 1, 1 << 17},
        {"heads", spec->heads, 1, 1 << 12},
        {"head_size", spec->head_size, 1, 4096},
        {"ffn", spec->ffn, 1, 1 << 20},
        {"context", spec->context, 1, 1 << 24},
        {"rotary_dims", spec->rotary_dims, 2, spec->head_size},
        {"end_token", spec->end_token, -1, spec->vocab - 1},
    };
    if (spec->family == NULL || family_find(spec->family) == NULL)
        return err_set("model: family \"%s\" is not known; known: %s", spec->family ? spec->family : "",
                       family_names());
    for (size_t i = 0; i < sizeof range / sizeof *range; i++)
        if (range[i].value < range[i].low || range[i].value > range[i].high)
            return refuse(range[i].name, range[i].value, range[i].low, range[i].high);
    if (spec->heads * spec->head_size != spec->width)
        return err_set("model: %lld heads of size %lld do not make width %lld; heads must divide width",
                       (long long)spec->heads, (long long)spec->head_size, (long long)spec->width);
    if (spec->rotary_dims % 2 != 0)
        return err_set("model: rotary_dims is %lld, must be even", (long long)spec->rotary_dims);
    if (!(spec->rotary_base > 1 && spec->rotary_base < 1e12))
        return err_set("model: rotary_base is %g, must be more than 1", spec->rotary_base);
    if (!(spec->norm_eps > 0 && spec->norm_eps < 1))
        return err_set("model: norm_eps is %g, must be between 0 and 1", (double)spec->norm_eps);
    return 0;
}
