/* The weights of a checkpoint folder as a model of one's own, with all its floats, which can be trained and saved. */
#include "base/err.h"
#include "model/model_private.h"

typedef struct {
    const checkpoint_t *checkpoint;
    model_t *model;
} load_t;

static int load_weight(void *user, weight_t weight, int64_t layer) {
    const load_t *load = user;
    const model_spec_t *spec = &load->model->spec;
    int64_t rows, columns;
    float *to = load->model->parameters + weight_offset(spec, weight, layer);
    weight_shape(spec, weight, &rows, &columns);
    TRY(checkpoint_rows(load->checkpoint, weight, layer, 0, rows, to));
    return weight == WEIGHT_EMBED ? checkpoint_check_head(load->checkpoint, 0, rows, to) : 0;
}

static int load_from(const checkpoint_t *checkpoint, const tensor_ops_t *ops, model_t **out) {
    model_t *model;
    TRY(model_allocate(checkpoint_spec(checkpoint), ops, &model));
    load_t load = {checkpoint, model};
    if (weight_visit(&model->spec, load_weight, &load) != 0 || model_pack(model) != 0) {
        model_free(model);
        return -1;
    }
    *out = model;
    return 0;
}

int model_load(const char *dir, const tensor_ops_t *ops, model_t **out) {
    checkpoint_t *checkpoint;
    TRY(checkpoint_open(dir, &checkpoint));
    int rc = load_from(checkpoint, ops, out);
    checkpoint_close(checkpoint);
    return rc;
}
