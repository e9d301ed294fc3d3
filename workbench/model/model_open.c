/* The weights of a checkpoint folder for inference only: one block that holds every weight once, in the form in which
 * the kernels read it. It is filled from the mapped files a few rows at a time, so that nothing else of the size of the
 * weights is ever in memory. The block is of one process, or of all ranks of a node, which fill it together. */
#include "base/err.h"
#include "base/mem.h"
#include "model/model_private.h"
#include <stdio.h>
#include <string.h>

/* A weight's place in the block. */
typedef struct {
    weight_t weight; // as the files have it
    int64_t layer, rows, columns;
    int is_packed; // else floats, row by row
    packed_type_t type;
    int is_head; // the embedding once more, as the head that it is tied to
    size_t at;
} slot_t;

typedef struct {
    const checkpoint_t *checkpoint;
    precision_t precision;
    slot_t *slot;
    int64_t slots;
    size_t bytes; // of the block
} places_t;

static int64_t slot_columns(const slot_t *s) {
    return s->columns > 0 ? s->columns : 1;
}

static size_t slot_bytes(const slot_t *s) {
    if (s->is_packed) return (size_t)packed_bytes(s->type, s->rows, s->columns);
    return (size_t)(s->rows * slot_columns(s)) * sizeof(float);
}

/* Slots begin at cache lines. */
static void add_slot(places_t *p, slot_t slot) {
    slot.at = p->bytes;
    weight_shape(checkpoint_spec(p->checkpoint), slot.weight, &slot.rows, &slot.columns);
    p->slot[p->slots++] = slot;
    p->bytes += (slot_bytes(&slot) + 63) / 64 * 64;
}

static int place_weight(void *user, weight_t weight, int64_t layer) {
    places_t *p = user;
    slot_t slot = {.weight = weight, .layer = layer, .type = PACKED_F32};
    slot.is_packed = weight == WEIGHT_EMBED || weight_is_linear(weight);
    if (slot.is_packed) slot.type = checkpoint_type(p->checkpoint, weight, layer);
    if (weight_is_linear(weight) && p->precision == PRECISION_BF16) slot.type = PACKED_DOT_BF16;
    add_slot(p, slot);
    return 0;
}

/* The places of all weights. A tied head is the embedding's, unless it has an arithmetic of its own. */
static int places_make(const checkpoint_t *checkpoint, precision_t precision, places_t *p) {
    const model_spec_t *spec = checkpoint_spec(checkpoint);
    *p = (places_t){.checkpoint = checkpoint, .precision = precision};
    p->slot = mem_new(WEIGHT_COUNT * (spec->layers + 1), sizeof *p->slot, "places of weights");
    if (p->slot == NULL) return -1;
    weight_visit(spec, place_weight, p);
    if (spec->tied_head && precision == PRECISION_BF16)
        add_slot(p, (slot_t){.weight = WEIGHT_EMBED, .is_packed = 1, .type = PACKED_DOT_BF16, .is_head = 1});
    return 0;
}

static const char *type_name(packed_type_t type) {
    if (type == PACKED_F32) return "F32";
    return type == PACKED_F16 ? "F16" : "BF16";
}

/* The types of the matrices, that of the most bytes first. */
static void name_types(const places_t *p, char types[MODEL_TYPES]) {
    static const char *const name[] = {"F32", "BF16", "F16"};
    size_t bytes[3] = {0};
    types[0] = '\0';
    for (int64_t i = 0; i < p->slots; i++)
        for (int t = 0; t < 3; t++)
            if (p->slot[i].columns > 0 && strcmp(type_name(p->slot[i].type), name[t]) == 0)
                bytes[t] += slot_bytes(&p->slot[i]);
    for (;;) {
        int most = 0;
        for (int t = 1; t < 3; t++) most = bytes[t] > bytes[most] ? t : most;
        if (bytes[most] == 0) return;
        bytes[most] = 0;
        size_t used = strlen(types);
        snprintf(types + used, MODEL_TYPES - used, "%s%s", used > 0 ? " and " : "", name[most]);
    }
}

int model_plan(const checkpoint_t *checkpoint, precision_t precision, model_held_t *held) {
    places_t places;
    TRY(places_make(checkpoint, precision, &places));
    *held = (model_held_t){.bytes = places.bytes};
    name_types(&places, held->types);
    mem_free(places.slot);
    return 0;
}

/* --- the block --------------------------------------------------------------------------------------------------- */

static int64_t slot_panels(const slot_t *s) {
    return (s->rows + GEMM_PANEL - 1) / GEMM_PANEL;
}

/* GEMM_PANEL rows of a weight. */
static int fill_panel(const places_t *p, const slot_t *s, int64_t panel, float *rows, char *block) {
    int64_t first = panel * GEMM_PANEL, n = s->rows - first < GEMM_PANEL ? s->rows - first : GEMM_PANEL;
    if (!s->is_packed) {
        float *to = (float *)(void *)(block + s->at) + first * slot_columns(s);
        return checkpoint_rows(p->checkpoint, s->weight, s->layer, first, n, to);
    }
    TRY(checkpoint_rows(p->checkpoint, s->weight, s->layer, first, n, rows));
    if (s->weight == WEIGHT_EMBED && !s->is_head) TRY(checkpoint_check_head(p->checkpoint, first, n, rows));
    packed_fill(s->type, n, s->columns, rows, 1, s->columns, block + s->at + packed_bytes(s->type, first, s->columns));
    return 0;
}

/* Bytes of rows after which the pages of the files are given back. */
enum { FORGET_BYTES = 16 << 20 };

/* This rank's share of all panels: those that begin in its share of all columns of panels, which is one of the work. */
static int fill_block(const places_t *p, par_shared_t *block) {
    int64_t columns = 0, first, last, most = 0;
    for (int64_t i = 0; i < p->slots; i++) {
        columns += slot_panels(&p->slot[i]) * slot_columns(&p->slot[i]);
        most = p->slot[i].columns > most ? p->slot[i].columns : most;
    }
    float *rows = mem_new(GEMM_PANEL * most, sizeof *rows, "rows of a weight");
    if (rows == NULL) return -1;
    par_shared_share(block, columns, &first, &last);
    int rc = 0;
    int64_t at = 0, bytes = 0; // bytes: read since pages were given back
    for (const slot_t *s = p->slot; s < p->slot + p->slots && rc == 0; s++)
        for (int64_t i = 0; i < slot_panels(s) && rc == 0; i++, at += slot_columns(s)) {
            if (at < first || at >= last) continue;
            rc = par_go_on(); // large weights take minutes
            if (rc == 0) rc = fill_panel(p, s, i, rows, par_shared_block(block));
            bytes += GEMM_PANEL * slot_columns(s) * (int64_t)sizeof *rows;
            if (bytes >= FORGET_BYTES) checkpoint_forget(p->checkpoint), bytes = 0;
        }
    mem_free(rows);
    return rc;
}

/* Lets the model's pointers point into the block. */
static void point(const places_t *p, model_t *model) {
    char *block = par_shared_block(model->block);
    for (const slot_t *s = p->slot; s < p->slot + p->slots; s++) {
        const packed_t packed = {block + s->at, s->type};
        const int is_embed = s->weight == WEIGHT_EMBED;
        if (is_embed && !s->is_head) model->embed = packed;
        if (is_embed && model->spec.tied_head) model->head = packed; // a place of its own comes last
        if (!is_embed && s->is_packed) *model_packed(model, s->weight, s->layer) = packed;
        if (!s->is_packed)
            *weight_pointer(s->weight, &model->weights[s->layer], &model->outer) = (float *)(void *)(block + s->at);
    }
}

/* Local: a model without a block, and the places in it. */
static int prepare(const char *dir, precision_t precision, const tensor_ops_t *ops, checkpoint_t **checkpoint,
                   places_t *places, model_t **model) {
    TRY(checkpoint_open(dir, checkpoint));
    TRY(places_make(*checkpoint, precision, places));
    TRY(model_allocate_bare(checkpoint_spec(*checkpoint), ops, model));
    (*model)->precision = precision;
    name_types(places, (*model)->types);
    return 0;
}

/* model_open, and model_share when ranks share: then collective. */
static int open_folder(precision_t precision, const char *dir, const tensor_ops_t *ops, int shares, const char *spill,
                       const model_t **out) {
    checkpoint_t *checkpoint = NULL;
    places_t places = {.slot = NULL};
    model_t *model = NULL;
    int rc = prepare(dir, precision, ops, &checkpoint, &places, &model);
    if (shares) rc = par_agree(rc);
    if (rc == 0) {
        rc = shares ? par_shared_create(places.bytes, spill, &model->block)
                    : par_shared_create_own(places.bytes, &model->block);
        if (rc != 0) rc = err_context("the weights of %s", dir);
    }
    if (rc == 0) rc = par_shared_seal(model->block, fill_block(&places, model->block));
    if (rc == 0) point(&places, model);
    mem_free(places.slot);
    checkpoint_close(checkpoint);
    if (rc != 0)
        model_free(model);
    else
        *out = model;
    return rc;
}

int model_open(precision_t precision, const char *dir, const tensor_ops_t *ops, const model_t **model) {
    return open_folder(precision, dir, ops, 0, NULL, model);
}

int model_share(precision_t precision, const char *dir, const tensor_ops_t *ops, const char *spill,
                const model_t **model) {
    return open_folder(precision, dir, ops, 1, spill, model);
}

model_held_t model_held(const model_t *model) {
    model_held_t held = {.ranks = 1, .place = "memory"};
    if (model->block == NULL) return held;
    memcpy(held.types, model->types, sizeof held.types);
    held.bytes = par_shared_bytes(model->block);
    held.ranks = par_shared_ranks(model->block);
    held.place = par_shared_place(model->block);
    return held;
}
