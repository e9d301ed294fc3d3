/* A model: its parameter block, the names of what is in it, and the packed copies that the kernels read. */
#include "model/model.h"
#include "base/err.h"
#include "base/mem.h"
#include "model/internal.h"
#include <assert.h>
#include <math.h>

static int name_tensors(model_t *model) {
    const model_spec_t *spec = &model->spec;
    int64_t count = 3 + (spec->tied_head ? 0 : 1) + spec->layers * (WEIGHT_DOWN_BIAS - WEIGHT_NORM1_GAIN + 1);
    model->tensor = mem_new(count, sizeof *model->tensor, "names of tensors");
    if (model->tensor == NULL) return -1;
    model_tensor_t *next = model->tensor;
    for (weight_t w = WEIGHT_EMBED; w < WEIGHT_COUNT; w++) {
        if (w == WEIGHT_HEAD && spec->tied_head) continue;
        if (weight_is_of_layer(w)) continue;
        /* The layers stand between the embedding and the last norm. */
        for (int64_t l = 0; w == WEIGHT_NORM_GAIN && l < spec->layers; l++)
            for (weight_t v = WEIGHT_NORM1_GAIN; v <= WEIGHT_DOWN_BIAS; v++, next++) {
                family_tensor_name(model->family, v, l, sizeof next->name, next->name);
                weight_shape(spec, v, &next->rows, &next->columns);
                next->offset = weight_offset(spec, v, l);
            }
        family_tensor_name(model->family, w, 0, sizeof next->name, next->name);
        weight_shape(spec, w, &next->rows, &next->columns);
        next->offset = weight_offset(spec, w, 0);
        next++;
    }
    assert(next == model->tensor + count);
    model->tensors = (int32_t)count;
    return 0;
}

int model_allocate(const model_spec_t *spec, const tensor_ops_t *ops, model_t **out) {
    TRY(spec_check(spec));
    model_t *model = mem_new(1, sizeof *model, "model");
    if (model == NULL) return -1;
    model->spec = *spec;
    model->family = family_find(spec->family);
    model->spec.family = model->family->name; // the caller's text need not live on
    model->ops = ops;
    model->parameter_count = spec_parameters(spec, 1);
    model->parameters = mem_new(model->parameter_count, sizeof(float), "model parameters");
    model->rotary = mem_new(spec->context * spec->rotary_dims, sizeof(float), "rotary table");
    if (model->parameters == NULL || model->rotary == NULL || name_tensors(model) != 0) {
        model_free(model);
        return -1;
    }
    rotary_table(spec->context, spec->rotary_dims, spec->rotary_base, model->rotary);
    *out = model;
    return 0;
}

/* The start of training, as Pythia was started: normal numbers of variance 2 / (5 width) ("small init", Nguyen and
 * Salazar 2019), and of deviation 2 / (layers sqrt(width)) for what adds to the residual (Wang and Komatsuzaki 2021).
 */
static void fill_random(model_t *model, uint64_t seed) {
    const model_spec_t *spec = &model->spec;
    double inner = sqrt(2.0 / (5.0 * (double)spec->width));
    double outer = 2.0 / ((double)spec->layers * sqrt((double)spec->width));
    for (weight_t w = WEIGHT_EMBED; w < WEIGHT_COUNT; w++) {
        int64_t rows, columns, layers = weight_is_of_layer(w) ? spec->layers : 1;
        if (w == WEIGHT_HEAD && spec->tied_head) continue;
        weight_shape(spec, w, &rows, &columns);
        double deviation = w == WEIGHT_OUT || w == WEIGHT_DOWN ? outer : inner;
        int is_gain = w == WEIGHT_NORM1_GAIN || w == WEIGHT_NORM2_GAIN || w == WEIGHT_NORM_GAIN;
        for (int64_t l = 0; l < layers; l++) {
            int64_t offset = weight_offset(spec, w, l);
            float *x = model->parameters + offset;
            if (columns > 0) tensor_fill_normal(seed, (uint64_t)offset, rows * columns, (float)deviation, x);
            for (int64_t i = 0; is_gain && i < rows; i++) x[i] = 1;
        }
    }
}

int model_create(const model_spec_t *spec, const tensor_ops_t *ops, uint64_t seed, model_t **out) {
    model_t *model;
    TRY(model_allocate(spec, ops, &model));
    fill_random(model, seed);
    if (model_pack(model) != 0) {
        model_free(model);
        return -1;
    }
    *out = model;
    return 0;
}

void model_free(model_t *model) {
    if (model == NULL) return;
    mem_free(model->parameters);
    mem_free(model->tensor);
    mem_free(model->rotary);
    mem_free(model->packed);
    mem_free(model->layer);
    mem_free(model);
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

/* Packs one linear weight (out, in) at *next, which moves on. */
static const float *pack_linear(int64_t out, int64_t in, const float *weight, float **next) {
    float *packed = *next;
    gemm_pack(out, in, weight, 1, in, packed);
    *next += gemm_packed_floats(out, in);
    return packed;
}

int model_pack(model_t *model) {
    const model_spec_t *spec = &model->spec;
    int64_t width = spec->width, ffn = spec->ffn;
    if (model->packed == NULL) {
        int64_t layer = gemm_packed_floats(3 * width, width) + gemm_packed_floats(width, width) +
                        gemm_packed_floats(ffn, width) + gemm_packed_floats(width, ffn);
        int64_t floats = spec->layers * layer + gemm_packed_floats(spec->vocab, width);
        model->packed = mem_new(floats, sizeof(float), "packed weights");
        model->layer = mem_new(spec->layers, sizeof *model->layer, "packed layers");
        if (model->packed == NULL || model->layer == NULL) return -1;
    }
    float *next = model->packed;
    for (int64_t l = 0; l < spec->layers; l++) {
        layer_weights_t w = layer_weights(spec, model->parameters, l);
        model->layer[l].qkv = pack_linear(3 * width, width, w.qkv, &next);
        model->layer[l].out = pack_linear(width, width, w.out, &next);
        model->layer[l].up = pack_linear(ffn, width, w.up, &next);
        model->layer[l].down = pack_linear(width, ffn, w.down, &next);
    }
    model->head = pack_linear(spec->vocab, width, outer_weights(spec, model->parameters).head, &next);
    return 0;
}
