/* A model as a Hugging Face folder: config.json, model.safetensors in F32, the tokenizer beside it. */
#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "model/model_private.h"
#include "model/safetensors.h"
#include <string.h>

typedef struct {
    const model_t *model;
    safetensors_entry_t *entry; // (entries)
    int32_t entries;
    safetensors_out_t *out;
} save_t;

static int list_piece(void *user, const piece_t *piece) {
    save_t *save = user;
    safetensors_entry_t *entry = &save->entry[save->entries];
    entry->name = save->model->tensor[save->entries++].name; // the same walk has named them
    entry->rank = piece_shape(piece, entry->shape);
    return 0;
}

static int write_transposed(safetensors_out_t *out, const piece_t *piece, const float *from) {
    int rc = 0;
    float *row = mem_new(piece->rows, sizeof *row, "row of a transposed tensor");
    if (row == NULL) return -1;
    for (int64_t c = 0; c < piece->columns && rc == 0; c++) {
        for (int64_t r = 0; r < piece->rows; r++) row[r] = from[r * piece->columns + c];
        rc = safetensors_write(out, row, piece->rows);
    }
    mem_free(row);
    return rc;
}

static int write_piece(void *user, const piece_t *piece) {
    save_t *save = user;
    const model_spec_t *spec = &save->model->spec;
    const float *from = save->model->parameters + piece->offset;
    int64_t columns = piece->columns > 0 ? piece->columns : 1;
    if (piece->order == ROWS_TRANSPOSED) return write_transposed(save->out, piece, from);
    if (piece->order != ROWS_QKV_BY_HEAD) return safetensors_write(save->out, from, piece->rows * columns);
    for (int64_t head = 0; head < spec->heads; head++) // of each head: q, k, v
        for (int64_t part = 0; part < 3; part++)
            TRY(safetensors_write(save->out, from + (part * spec->width + head * spec->head_size) * columns,
                                  spec->head_size * columns));
    return 0;
}

static int save_weights(const model_t *model, const char *path) {
    save_t save = {.model = model};
    save.entry = mem_new(model->tensors, sizeof *save.entry, "tensors of a checkpoint");
    if (save.entry == NULL) return -1;
    int rc = family_visit(model->family, &model->spec, NULL, list_piece, &save);
    if (rc == 0) rc = safetensors_create(path, "pt", model->tensors, save.entry, &save.out);
    if (rc == 0) {
        rc = family_visit(model->family, &model->spec, NULL, write_piece, &save);
        if (rc == 0)
            rc = safetensors_commit(save.out);
        else
            safetensors_abort(save.out);
    }
    mem_free(save.entry);
    return rc;
}

int model_save(const model_t *model, const char *dir, const char *tokenizer_path) {
    TRY(model_check_own(model, "it cannot be saved"));
    char *config = mem_printf("%s/config.json", dir), *weights = mem_printf("%s/model.safetensors", dir);
    char *tokenizer = mem_printf("%s/tokenizer.json", dir);
    int rc = config != NULL && weights != NULL && tokenizer != NULL ? 0 : -1;
    if (rc == 0) rc = save_weights(model, weights);
    if (rc == 0 && tokenizer_path != NULL) rc = file_copy(tokenizer_path, tokenizer);
    if (rc == 0) rc = spec_write(&model->spec, config);
    mem_free(config);
    mem_free(weights);
    mem_free(tokenizer);
    return rc;
}
