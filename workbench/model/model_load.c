/* The weights of a checkpoint folder as a model: a copy of one's own, which can be trained and saved, or one copy for
 * all ranks of a node, which holds every weight once, in the form in which the kernels read it. */
#include "base/err.h"
#include "base/mem.h"
#include "model/model_private.h"
#include <string.h>

typedef struct {
    const checkpoint_t *checkpoint;
    model_t *model;
} load_t;

static int load_weight(void *user, weight_t weight, int64_t layer) {
    const load_t *load = user;
    const model_spec_t *spec = &load->model->spec;
    int64_t rows, columns;
    weight_shape(spec, weight, &rows, &columns);
    return checkpoint_rows(load->checkpoint, weight, layer, 0, rows,
                           load->model->parameters + weight_offset(spec, weight, layer));
}

static int load_from(const checkpoint_t *checkpoint, precision_t precision, const tensor_ops_t *ops, model_t **out) {
    model_t *model;
    TRY(model_allocate(checkpoint_spec(checkpoint), ops, &model));
    load_t load = {checkpoint, model};
    model->precision = precision;
    if (weight_visit(&model->spec, load_weight, &load) != 0 || checkpoint_tied_head(checkpoint) != 0 ||
        model_pack(model) != 0) {
        model_free(model);
        return -1;
    }
    *out = model;
    return 0;
}

int model_load_as(precision_t precision, const char *dir, const tensor_ops_t *ops, model_t **out) {
    checkpoint_t *checkpoint;
    TRY(checkpoint_open(dir, &checkpoint));
    int rc = load_from(checkpoint, precision, ops, out);
    checkpoint_close(checkpoint);
    return rc;
}

int model_load(const char *dir, const tensor_ops_t *ops, model_t **out) {
    return model_load_as(PRECISION_FP32, dir, ops, out);
}

/* --- one copy a node --------------------------------------------------------------------------------------------- */

/* A weight's place in the block that the ranks share. */
typedef struct {
    weight_t weight; // as the files have it
    int64_t layer, rows, columns;
    int is_packed; // else floats, row by row
    packed_type_t type;
    size_t at;
} slot_t;

typedef struct {
    const checkpoint_t *checkpoint;
    model_t *model;
    slot_t *slot;
    int64_t slots;
    size_t bytes; // of the block
} share_t;

static size_t slot_bytes(const slot_t *s) {
    if (s->is_packed) return (size_t)packed_bytes(s->type, s->rows, s->columns);
    return (size_t)(s->rows * (s->columns > 0 ? s->columns : 1)) * sizeof(float);
}

/* Slots begin at cache lines. */
static void add_slot(share_t *share, weight_t weight, int64_t layer, int is_packed, packed_type_t type) {
    slot_t *s = &share->slot[share->slots++];
    *s = (slot_t){.weight = weight, .layer = layer, .is_packed = is_packed, .type = type, .at = share->bytes};
    weight_shape(&share->model->spec, weight, &s->rows, &s->columns);
    share->bytes += (slot_bytes(s) + 63) / 64 * 64;
}

static packed_type_t linear_type(const share_t *share, weight_t weight, int64_t layer) {
    if (share->model->precision == PRECISION_BF16) return PACKED_DOT_BF16;
    return checkpoint_type(share->checkpoint, weight, layer);
}

static int plan_weight(void *user, weight_t weight, int64_t layer) {
    share_t *share = user;
    if (weight == WEIGHT_EMBED)
        add_slot(share, weight, layer, 1, checkpoint_type(share->checkpoint, weight, layer));
    else if (model_packed(share->model, weight, layer) != NULL)
        add_slot(share, weight, layer, 1, linear_type(share, weight, layer));
    else
        add_slot(share, weight, layer, 0, PACKED_F32);
    return 0;
}

/* The slots of all weights. A tied head is the embedding's slot, unless it has an arithmetic of its own. */
static int plan_slots(share_t *share) {
    const model_spec_t *spec = &share->model->spec;
    share->slot = mem_new(WEIGHT_COUNT * (spec->layers + 1), sizeof *share->slot, "places of weights");
    if (share->slot == NULL) return -1;
    TRY(weight_visit(spec, plan_weight, share));
    if (spec->tied_head && share->model->precision == PRECISION_BF16)
        add_slot(share, WEIGHT_EMBED, 0, 1, PACKED_DOT_BF16);
    return 0;
}

static int64_t slot_panels(const slot_t *s) {
    return (s->rows + GEMM_PANEL - 1) / GEMM_PANEL;
}

/* GEMM_PANEL rows of a weight. */
static int fill_panel(const share_t *share, const slot_t *s, int64_t panel, float *rows) {
    char *block = (char *)par_shared_block(share->model->shared) + s->at;
    int64_t first = panel * GEMM_PANEL, n = s->rows - first < GEMM_PANEL ? s->rows - first : GEMM_PANEL;
    if (!s->is_packed) {
        float *to = (float *)(void *)block + first * (s->columns > 0 ? s->columns : 1);
        return checkpoint_rows(share->checkpoint, s->weight, s->layer, first, n, to);
    }
    TRY(checkpoint_rows(share->checkpoint, s->weight, s->layer, first, n, rows));
    packed_fill(s->type, n, s->columns, rows, 1, s->columns, block + packed_bytes(s->type, first, s->columns));
    return 0;
}

/* This rank's share of all panels. */
static int fill_block(const share_t *share) {
    int64_t panels = 0, first, last, most = 0;
    for (int64_t i = 0; i < share->slots; i++) {
        panels += slot_panels(&share->slot[i]);
        most = share->slot[i].columns > most ? share->slot[i].columns : most;
    }
    float *rows = mem_new(GEMM_PANEL * most, sizeof *rows, "rows of a weight");
    if (rows == NULL) return -1;
    par_shared_share(share->model->shared, panels, &first, &last);
    int rc = 0;
    for (int64_t i = 0, at = 0; i < share->slots && rc == 0; at += slot_panels(&share->slot[i]), i++)
        for (int64_t p = 0; p < slot_panels(&share->slot[i]) && rc == 0; p++)
            if (at + p >= first && at + p < last) rc = fill_panel(share, &share->slot[i], p, rows);
    mem_free(rows);
    return rc;
}

/* Lets the model's pointers point into the block. */
static void point(const share_t *share) {
    model_t *model = share->model;
    char *block = par_shared_block(model->shared);
    for (int64_t i = 0; i < share->slots; i++) {
        const slot_t *s = &share->slot[i];
        const int is_embed = s->weight == WEIGHT_EMBED;
        packed_t packed = {block + s->at, s->type};
        if (is_embed && s->type != PACKED_DOT_BF16) model->embed = packed;
        if (is_embed && model->spec.tied_head) model->head = packed; // a slot of its own comes last
        if (!is_embed && s->is_packed) *model_packed(model, s->weight, s->layer) = packed;
        if (!s->is_packed)
            *weight_pointer(s->weight, &model->weights[s->layer], &model->outer) = (float *)(void *)(block + s->at);
    }
}

static int share_from(const checkpoint_t *checkpoint, precision_t precision, const tensor_ops_t *ops, const char *spill,
                      model_t **out) {
    share_t share = {.checkpoint = checkpoint};
    int rc = checkpoint_tied_head(checkpoint);
    if (rc == 0) rc = model_allocate_bare(checkpoint_spec(checkpoint), ops, &share.model);
    if (rc == 0) share.model->precision = precision;
    if (rc == 0) rc = plan_slots(&share);
    rc = par_agree(rc);
    if (rc == 0) rc = par_shared_create(share.bytes, spill, &share.model->shared);
    if (rc == 0) rc = par_shared_seal(share.model->shared, fill_block(&share));
    if (rc == 0) point(&share);
    mem_free(share.slot);
    if (rc != 0)
        model_free(share.model);
    else
        *out = share.model;
    return rc;
}

int model_share(precision_t precision, const char *dir, const tensor_ops_t *ops, const char *spill, model_t **out) {
    checkpoint_t *checkpoint = NULL;
    int rc = par_agree(checkpoint_open(dir, &checkpoint));
    if (rc == 0) rc = share_from(checkpoint, precision, ops, spill, out);
    checkpoint_close(checkpoint);
    return rc;
}

size_t model_shared_bytes(const model_t *model, int *ranks, const char **place) {
    *ranks = model->shared ? par_shared_ranks(model->shared) : 1;
    *place = model->shared ? par_shared_place(model->shared) : "memory";
    return model->shared ? par_shared_bytes(model->shared) : 0;
}
