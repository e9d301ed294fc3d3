/* Models whose weights are stored as halves, as model_share stores those of a checkpoint, but made in memory; and one
 * model with other kernels, since making it anew costs more than to feed it. */
#ifndef MEMPROBE_TESTS_MODEL_STORED_H
#define MEMPROBE_TESTS_MODEL_STORED_H
#include "model/model_private.h"
#include "model_check.h"
#include "tensor/math.h"

/* 0 when this CPU has no such kernels. */
static inline int check_use_kernels(model_t *model, const char *name) {
    const tensor_ops_t *ops = tensor_kernels(name);
    if (ops != NULL) model->ops = ops;
    return ops != NULL;
}

typedef struct {
    model_t *model;
    packed_type_t type;
    char *block;   // the packed weights; NULL: only their bytes are counted
    int64_t bytes; // so far
} check_store_t;

static inline float check_half(packed_type_t type, float x) {
    return type == PACKED_BF16 ? math_from_bf16(math_to_bf16(x)) : math_from_f16(math_to_f16(x));
}

static inline int check_round_weight(void *user, weight_t weight, int64_t layer) {
    const check_store_t *store = user;
    model_t *model = store->model;
    int64_t rows, columns;
    weight_shape(&model->spec, weight, &rows, &columns);
    float *w = model->parameters + weight_offset(&model->spec, weight, layer);
    for (int64_t i = 0; i < rows * columns; i++) w[i] = check_half(store->type, w[i]);
    return 0;
}

/* Rounds the matrices to numbers that halves can hold, stored as floats all the same. */
static inline void check_round(model_t *model, packed_type_t type) {
    check_store_t store = {.model = model, .type = type};
    weight_visit(&model->spec, check_round_weight, &store);
    model->outer = outer_weights(&model->spec, model->parameters);
    check_ok(model_set_precision(model, PRECISION_FP32)); // packs anew, whatever was packed before
}

static inline int check_store_weight(void *user, weight_t weight, int64_t layer) {
    check_store_t *store = user;
    model_t *model = store->model;
    int64_t rows, columns;
    packed_t *packed = weight == WEIGHT_EMBED ? &model->embed : model_packed(model, weight, layer);
    if (packed == NULL) return 0;
    weight_shape(&model->spec, weight, &rows, &columns);
    if (store->block != NULL) {
        const float *w = model->parameters + weight_offset(&model->spec, weight, layer);
        packed_fill(store->type, rows, columns, w, 1, columns, store->block + store->bytes);
        *packed = (packed_t){store->block + store->bytes, store->type};
    }
    store->bytes += packed_bytes(store->type, rows, columns);
    return 0;
}

/* Keeps the rounded matrices, the embedding among them, as halves and nowhere else. */
static inline void check_store(model_t *model, packed_type_t type) {
    check_store_t store = {.model = model, .type = type};
    check_round(model, type);
    weight_visit(&model->spec, check_store_weight, &store);
    store.block = mem_new(store.bytes, 1, "packed halves"), store.bytes = 0;
    assert_non_null(store.block);
    weight_visit(&model->spec, check_store_weight, &store);
    if (model->spec.tied_head) model->head = model->embed;
    mem_free(model->packed);
    model->packed = store.block; // the model's from now on
    model->outer.embed = NULL;
}

#endif
