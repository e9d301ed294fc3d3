/* A model: its parameter block, the names of what is in it, and the packed copies that the kernels read. */
#include "model/model.h"
#include "base/err.h"
#include "base/mem.h"
#include "model/model_private.h"
#include <math.h>
#include <string.h>

static int name_tensor(void *user, const piece_t *piece) {
    model_t *model = user;
    model_tensor_t *tensor = &model->tensor[model->tensors++];
    *tensor = (model_tensor_t){.rows = piece->rows, .columns = piece->columns, .offset = piece->offset};
    memcpy(tensor->name, piece->name, sizeof tensor->name);
    return 0;
}

static int name_tensors(model_t *model) {
    int64_t most = FAMILY_PIECES * WEIGHT_COUNT * (model->spec.layers + 1);
    model->tensor = mem_new(most, sizeof *model->tensor, "names of tensors");
    if (model->tensor == NULL) return -1;
    return family_visit(model->family, &model->spec, NULL, name_tensor, model);
}

/* What is beside the weights and made of the spec alone, and room for pointers to the weights. */
static int make_tables(model_t *model) {
    const model_spec_t *spec = &model->spec;
    if (!spec->learned_positions) {
        model->rotary = mem_new(spec->context * spec->rotary_dims, sizeof(float), "rotary table");
        if (model->rotary == NULL) return -1;
        rotary_table(spec->context, spec->rotary_dims, spec->rotary_base, spec->rotary_scaling, model->rotary);
    }
    if (spec->norm == NORM_PLAIN) {
        model->plain = mem_new(2 * spec->width, sizeof(float), "gains of a norm without");
        if (model->plain == NULL) return -1;
        for (int64_t i = 0; i < spec->width; i++) model->plain[i] = 1;
    }
    model->weights = mem_new(spec->layers, sizeof *model->weights, "layers");
    model->layer = mem_new(spec->layers, sizeof *model->layer, "packed layers");
    return model->weights != NULL && model->layer != NULL ? 0 : -1;
}

int model_allocate_bare(const model_spec_t *spec, const tensor_ops_t *ops, model_t **out) {
    TRY(spec_check(spec));
    model_t *model = mem_new(1, sizeof *model, "model");
    if (model == NULL) return -1;
    model->spec = *spec;
    model->family = family_find(spec->family);
    model->spec.family = model->family->name; // the caller's text need not live on
    model->ops = ops;
    if (make_tables(model) != 0) {
        model_free(model);
        return -1;
    }
    *out = model;
    return 0;
}

int model_allocate(const model_spec_t *spec, const tensor_ops_t *ops, model_t **out) {
    model_t *model;
    TRY(model_allocate_bare(spec, ops, &model));
    model->parameter_count = spec_parameters(spec, 1);
    model->parameters = mem_new(model->parameter_count, sizeof(float), "model parameters");
    if (model->parameters == NULL || name_tensors(model) != 0) {
        model_free(model);
        return -1;
    }
    model->outer = outer_weights(spec, model->parameters);
    for (int64_t l = 0; l < spec->layers; l++) model->weights[l] = layer_weights(spec, model->parameters, l);
    *out = model;
    return 0;
}

/* The start of training, as Pythia was started: normal numbers of variance 2 / (5 width) ("small init", Nguyen and
 * Salazar 2019), and of deviation 2 / (layers sqrt(width)) for what adds to the residual (Wang and Komatsuzaki 2021).
 */
typedef struct {
    model_t *model;
    uint64_t seed;
} fill_t;

static int fill_weight(void *user, weight_t weight, int64_t layer) {
    const fill_t *fill = user;
    const model_spec_t *spec = &fill->model->spec;
    double inner = sqrt(2.0 / (5.0 * (double)spec->width));
    double outer = 2.0 / ((double)spec->layers * sqrt((double)spec->width));
    double deviation = weight == WEIGHT_OUT || weight == WEIGHT_DOWN ? outer : inner;
    int is_gain = weight == WEIGHT_NORM1_GAIN || weight == WEIGHT_NORM2_GAIN || weight == WEIGHT_NORM_GAIN ||
                  weight == WEIGHT_Q_NORM || weight == WEIGHT_K_NORM;
    int64_t rows, columns, offset = weight_offset(spec, weight, layer);
    weight_shape(spec, weight, &rows, &columns);
    float *x = fill->model->parameters + offset;
    if (columns > 0) tensor_fill_normal(fill->seed, (uint64_t)offset, rows * columns, (float)deviation, x);
    for (int64_t i = 0; is_gain && i < rows; i++) x[i] = 1;
    return 0;
}

int model_create(const model_spec_t *spec, const tensor_ops_t *ops, uint64_t seed, model_t **out) {
    model_t *model;
    TRY(model_allocate(spec, ops, &model));
    fill_t fill = {model, seed};
    if (weight_visit(spec, fill_weight, &fill) != 0 || model_pack(model) != 0) {
        model_free(model);
        return -1;
    }
    *out = model;
    return 0;
}

void model_free(const model_t *model) {
    if (model == NULL) return;
    par_shared_free(model->block);
    mem_free(model->parameters);
    mem_free(model->tensor);
    mem_free(model->rotary);
    mem_free(model->plain);
    mem_free(model->weights);
    mem_free(model->packed);
    mem_free(model->layer);
    mem_free((void *)(uintptr_t)model); // const says that nobody may change it, not that it lives for ever
}

const model_spec_t *model_spec(const model_t *model) {
    return &model->spec;
}

const tensor_ops_t *model_ops(const model_t *model) {
    return model->ops;
}

float *model_parameters(model_t *model, int64_t *n) {
    *n = model->parameter_count;
    return model->parameters;
}

const model_tensor_t *model_tensors(const model_t *model, int32_t *n) {
    *n = model->tensors;
    return model->tensor;
}

int precision_find(const char *name, precision_t *precision) {
    int is_fp32 = strcmp(name, "fp32") == 0;
    if (!is_fp32 && strcmp(name, "bf16") != 0) return err_set("precision %s: known: fp32, bf16", name);
    *precision = is_fp32 ? PRECISION_FP32 : PRECISION_BF16;
    return 0;
}

precision_t model_precision(const model_t *model) {
    return model->precision;
}

int model_check_own(const model_t *model, const char *what) {
    if (model->block == NULL) return 0;
    return err_set("a model was opened for inference only, %s: load it with model_load", what);
}

int model_set_precision(model_t *model, precision_t precision) {
    TRY(model_check_own(model, "its precision cannot be set"));
    mem_free(model->packed);
    model->packed = NULL;
    model->precision = precision;
    return model_pack(model);
}

static packed_type_t packed_type(const model_t *model) {
    return model->precision == PRECISION_BF16 ? PACKED_DOT_BF16 : PACKED_F32;
}

packed_t *model_packed(model_t *model, weight_t weight, int64_t layer) {
    layer_packed_t *packed = weight_is_of_layer(weight) ? &model->layer[layer] : NULL;
    switch (weight) {
    case WEIGHT_QKV:
        return &packed->qkv;
    case WEIGHT_OUT:
        return &packed->out;
    case WEIGHT_GATE:
        return &packed->gate;
    case WEIGHT_UP:
        return &packed->up;
    case WEIGHT_DOWN:
        return &packed->down;
    case WEIGHT_HEAD:
        return &model->head;
    default:
        return NULL;
    }
}

/* The linear weights that are there, the head last: adds up their packed bytes, or packs them when there is room. */
typedef struct {
    model_t *model;
    int64_t bytes; // so far
} pack_t;

static void pack_linear(pack_t *pack, weight_t weight, int64_t layer, const float *from) {
    model_t *model = pack->model;
    int64_t rows, columns;
    packed_type_t type = packed_type(model);
    weight_shape(&model->spec, weight, &rows, &columns);
    if (model->packed != NULL) {
        void *to = (char *)model->packed + pack->bytes;
        packed_fill(type, rows, columns, from, 1, columns, to);
        *model_packed(model, weight, layer) = (packed_t){to, type};
    }
    pack->bytes += packed_bytes(type, rows, columns);
}

static int pack_weight(void *user, weight_t weight, int64_t layer) {
    pack_t *pack = user;
    model_t *model = pack->model;
    if (weight == WEIGHT_HEAD || !weight_is_linear(weight)) return 0;
    pack_linear(pack, weight, layer, model->parameters + weight_offset(&model->spec, weight, layer));
    return 0;
}

static int64_t pack_all(model_t *model) {
    pack_t pack = {model, 0};
    weight_visit(&model->spec, pack_weight, &pack);
    pack_linear(&pack, WEIGHT_HEAD, 0, model->outer.head); // a tied one too
    return pack.bytes;
}

int model_pack(model_t *model) {
    TRY(model_check_own(model, "it cannot be packed again"));
    if (model->packed == NULL) {
        model->packed = mem_new(pack_all(model), 1, "packed weights");
        if (model->packed == NULL) return -1;
    }
    pack_all(model);
    return 0;
}
