/* A Hugging Face folder as a model, and back. All shapes are checked against the config before the first float is
 * allocated, so that a forged config cannot ask for more memory than its files fill; a tensor that is missing, too
 * many, of another shape or type, or not finite, is refused by name. */
#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "model/model_private.h"
#include "model/safetensors.h"
#include <jansson.h>
#include <stdio.h>
#include <string.h>

/* The files that together hold one checkpoint. */
typedef struct {
    safetensors_t **file;
    int64_t files, capacity;
} shards_t;

static void shards_close(shards_t *shards) {
    for (int64_t i = 0; i < shards->files; i++) safetensors_close(shards->file[i]);
    mem_free(shards->file);
}

static int shards_add(shards_t *shards, const char *dir, const char *name) {
    /* The name comes from a file: it must not lead out of the folder. */
    if (strchr(name, '/') != NULL || name[0] == '.') return err_set("%s: bad file name \"%.100s\"", dir, name);
    char *path = mem_printf("%s/%s", dir, name);
    if (path == NULL) return -1;
    int rc = 0;
    for (int64_t i = 0; i < shards->files; i++)
        if (strcmp(safetensors_path(shards->file[i]), path) == 0) goto done;
    rc = mem_grow(&shards->file, &shards->capacity, shards->files + 1, sizeof *shards->file, "checkpoint files");
    if (rc == 0) rc = safetensors_open(path, &shards->file[shards->files]);
    if (rc == 0) shards->files++;
done:
    mem_free(path);
    return rc;
}

/* The tensor of that name in any of the files; *file is set with it. */
static const safetensors_entry_t *shards_find(const shards_t *shards, const char *name, const safetensors_t **file) {
    for (int64_t i = 0; i < shards->files; i++) {
        const safetensors_entry_t *entry = safetensors_find(shards->file[i], name);
        *file = shards->file[i];
        if (entry != NULL) return entry;
    }
    return NULL;
}

/* Opens the files that model.safetensors.index.json names, each of which must hold what the index says. */
static int open_index(shards_t *shards, const char *dir, const char *path) {
    json_error_t error;
    const char *tensor;
    json_t *value, *index = json_load_file(path, JSON_REJECT_DUPLICATES, &error);
    int rc = 0;
    if (index == NULL) return err_set("%s:%d: %s", path, error.line, error.text);
    json_t *map = json_object_get(index, "weight_map");
    if (json_object_size(map) == 0) rc = err_set("%s: no weight_map", path);
    json_object_foreach(map, tensor, value) {
        const char *name = json_string_value(value);
        if (rc == 0 && name == NULL) rc = err_set("%s: %s is in no file", path, tensor);
        if (rc == 0) rc = shards_add(shards, dir, name);
    }
    json_object_foreach(map, tensor, value) {
        const safetensors_t *file = NULL;
        if (rc == 0 && shards_find(shards, tensor, &file) == NULL)
            rc = err_set("%s: tensor %s is in none of the files", path, tensor);
    }
    json_decref(index);
    return rc;
}

static int check_duplicates(const shards_t *shards) {
    for (int64_t i = 0; i < shards->files; i++)
        for (int32_t j = 0; j < safetensors_count(shards->file[i]); j++) {
            const safetensors_t *first = NULL;
            const char *name = safetensors_at(shards->file[i], j)->name;
            shards_find(shards, name, &first);
            if (first != shards->file[i])
                return err_set("tensor %s is in %s and in %s", name, safetensors_path(first),
                               safetensors_path(shards->file[i]));
        }
    return 0;
}

static int shards_open(shards_t *shards, const char *dir) {
    char *whole = mem_printf("%s/model.safetensors", dir), *index = mem_printf("%s/model.safetensors.index.json", dir);
    int rc = -1;
    if (whole != NULL && index != NULL) {
        if (file_exists(whole))
            rc = shards_add(shards, dir, "model.safetensors");
        else if (file_exists(index))
            rc = open_index(shards, dir, index);
        else
            rc = err_set("%s: holds neither model.safetensors nor model.safetensors.index.json", dir);
    }
    mem_free(whole);
    mem_free(index);
    return rc == 0 ? check_duplicates(shards) : rc;
}

typedef struct {
    const char *dir;
    const shards_t *shards;
    const model_spec_t *spec;
    const family_t *family;
    const char *prefix; // of the tensors' names in these files
    int64_t claimed;    // tensors of the files that hold a weight
    model_t *model;     // while reading
} load_t;

static int is_float(const char *dtype) {
    return strcmp(dtype, "F32") == 0 || strcmp(dtype, "F16") == 0 || strcmp(dtype, "BF16") == 0;
}

/* The shape that a tensor has in the file; returns its rank. */
static int32_t file_shape(const piece_t *piece, int64_t shape[2]) {
    const int swap = piece->order == ROWS_TRANSPOSED;
    shape[0] = swap ? piece->columns : piece->rows;
    shape[1] = swap ? piece->rows : piece->columns;
    return piece->columns > 0 ? 2 : 1;
}

static int check_piece(void *user, const piece_t *piece) {
    load_t *load = user;
    const char *name = piece->name;
    char want[SAFETENSORS_SHAPE_TEXT], have[SAFETENSORS_SHAPE_TEXT];
    int64_t shape[2];
    const safetensors_t *file = NULL;
    int32_t rank = file_shape(piece, shape);
    const safetensors_entry_t *entry = shards_find(load->shards, name, &file);
    safetensors_print_shape(want, "", rank, shape);
    if (entry == NULL)
        return err_set("%s: tensor %s is missing; config.json calls for the shape%s", load->dir, name, want);
    if (entry->rank != rank || memcmp(entry->shape, shape, (size_t)rank * sizeof *shape) != 0)
        return err_set("%s: tensor %s has the shape%s; config.json calls for%s", safetensors_path(file), name,
                       safetensors_print_shape(have, "", entry->rank, entry->shape), want);
    if (!is_float(entry->dtype))
        return err_set("%s: tensor %s has dtype %s; float32, float16 and bfloat16 are read", safetensors_path(file),
                       name, entry->dtype);
    load->claimed++;
    return 0;
}

static int ends_with(const char *text, const char *end) {
    size_t n = strlen(text), m = strlen(end);
    return n >= m && strcmp(text + n - m, end) == 0;
}

/* 1 when the family's files may hold a tensor of that name besides the weights. */
static int is_ignored(const load_t *load, const char *name) {
    for (int i = 0; load->family->ignored[i] != NULL; i++)
        if (ends_with(name, load->family->ignored[i])) return 1;
    return load->spec->tied_head && strcmp(name, load->family->weight[WEIGHT_HEAD].name[0]) == 0;
}

static int compare_name(void *user, const piece_t *piece) {
    return strcmp(piece->name, *(const char **)user) == 0 ? -1 : 0; // -1 stops the walk: found
}

static int is_weight(const load_t *load, const char *name) {
    return family_visit(load->family, load->spec, load->prefix, compare_name, &name) != 0;
}

static int visit_pieces(load_t *load, piece_visit_t *visit) {
    return family_visit(load->family, load->spec, load->prefix, visit, load);
}

static int check_spare(load_t *load) {
    int64_t others = 0, total = 0;
    for (int64_t i = 0; i < load->shards->files; i++) {
        const safetensors_t *file = load->shards->file[i];
        total += safetensors_count(file);
        for (int32_t j = 0; j < safetensors_count(file); j++) others += is_ignored(load, safetensors_at(file, j)->name);
    }
    if (load->claimed + others == total) return 0;
    /* Something is spare: only now is it worth the time to find out which. */
    for (int64_t i = 0; i < load->shards->files; i++) {
        const safetensors_t *file = load->shards->file[i];
        for (int32_t j = 0; j < safetensors_count(file); j++) {
            const safetensors_entry_t *entry = safetensors_at(file, j);
            char text[SAFETENSORS_SHAPE_TEXT];
            if (is_ignored(load, entry->name) || is_weight(load, entry->name)) continue;
            return err_set("%s: tensor %s, %s, is not part of a %s model of %lld layers; is config.json of this model?",
                           safetensors_path(file), entry->name,
                           safetensors_print_shape(text, entry->dtype, entry->rank, entry->shape), load->family->name,
                           (long long)load->spec->layers);
        }
    }
    return 0;
}

/* A tensor's rows in runs that are contiguous in both layouts: run i of the file is row run_row(i) on of ours. */
typedef struct {
    int64_t runs, rows;
} runs_t;

static runs_t piece_runs(const model_spec_t *spec, const piece_t *piece) {
    if (piece->order == ROWS_QKV_BY_HEAD) return (runs_t){3 * spec->heads, spec->head_size};
    return (runs_t){1, piece->rows};
}

static int64_t run_row(const model_spec_t *spec, const piece_t *piece, int64_t run) {
    if (piece->order != ROWS_QKV_BY_HEAD) return 0;
    int64_t head = run / 3, part = run % 3;
    return part * spec->width + head * spec->head_size;
}

/* Rows of a transposed file that are turned at a time: a cache line of ours. */
enum { TURN = 16 };

static int read_transposed(const safetensors_t *file, const safetensors_entry_t *entry, const piece_t *piece,
                           float *out) {
    int rc = 0;
    float *block = mem_new(TURN * piece->rows, sizeof *block, "rows of a transposed tensor");
    if (block == NULL) return -1;
    for (int64_t first = 0; first < piece->columns && rc == 0; first += TURN) {
        int64_t n = piece->columns - first < TURN ? piece->columns - first : TURN;
        rc = safetensors_read(file, entry, first * piece->rows, n * piece->rows, block);
        for (int64_t r = 0; r < piece->rows && rc == 0; r++)
            for (int64_t c = 0; c < n; c++) out[r * piece->columns + first + c] = block[c * piece->rows + r];
    }
    mem_free(block);
    return rc;
}

static int read_piece(void *user, const piece_t *piece) {
    load_t *load = user;
    int64_t columns = piece->columns > 0 ? piece->columns : 1;
    const safetensors_t *file = NULL;
    const safetensors_entry_t *entry = shards_find(load->shards, piece->name, &file);
    float *out = load->model->parameters + piece->offset;
    runs_t runs = piece_runs(load->spec, piece);
    if (piece->order == ROWS_TRANSPOSED)
        TRY(read_transposed(file, entry, piece, out));
    else
        for (int64_t i = 0; i < runs.runs; i++)
            TRY(safetensors_read(file, entry, i * runs.rows * columns, runs.rows * columns,
                                 out + run_row(load->spec, piece, i) * columns));
    if (!tensor_is_finite(piece->rows * columns, out))
        return err_set("%s: tensor %s holds a NaN or an infinity; the checkpoint is damaged", safetensors_path(file),
                       piece->name);
    return 0;
}

/* A tied head that is in the file all the same must be the embedding, else the file means another model. */
static int check_tied_head(const load_t *load) {
    const model_spec_t *spec = load->spec;
    const safetensors_t *file = NULL;
    const char *name = load->family->weight[WEIGHT_HEAD].name[0];
    const safetensors_entry_t *entry = spec->tied_head ? shards_find(load->shards, name, &file) : NULL;
    if (entry == NULL) return 0;
    int same = entry->elements == spec->vocab * spec->width && is_float(entry->dtype);
    float *row = mem_new(spec->width, sizeof *row, "row of the head");
    if (row == NULL) return -1;
    for (int64_t i = 0; i < spec->vocab && same; i++)
        same = safetensors_read(file, entry, i * spec->width, spec->width, row) == 0 &&
               memcmp(row, load->model->parameters + i * spec->width, (size_t)spec->width * sizeof *row) == 0;
    mem_free(row);
    if (same) return 0;
    return err_set("%s: config.json ties the head to the embedding, but tensor %s differs from it",
                   safetensors_path(file), name);
}

static int load_from(load_t *load, precision_t precision, const tensor_ops_t *ops, model_t **out) {
    TRY(visit_pieces(load, check_piece));
    TRY(check_spare(load));
    TRY(model_allocate(load->spec, ops, &load->model));
    load->model->precision = precision;
    if (visit_pieces(load, read_piece) != 0 || check_tied_head(load) != 0 || model_pack(load->model) != 0) {
        model_free(load->model);
        return -1;
    }
    *out = load->model;
    return 0;
}

/* Files of a bare decoder, such as those of GPT-2 on the hub, have the same names without the prefix. */
static const char *find_prefix(const load_t *load) {
    const char *embed = load->family->weight[WEIGHT_EMBED].name[0];
    const safetensors_t *file;
    return shards_find(load->shards, embed, &file) != NULL ? "" : load->family->prefix;
}

/* Reads config.json and opens the files of a folder, for load.shards and load.spec. */
static int open_folder(const char *dir, shards_t *shards, model_spec_t *spec, load_t *load) {
    char *config = mem_printf("%s/config.json", dir);
    if (config == NULL) return -1;
    int rc = spec_read(config, spec);
    mem_free(config);
    if (rc == 0) rc = shards_open(shards, dir);
    if (rc != 0) return -1;
    *load = (load_t){.dir = dir, .shards = shards, .spec = spec, .family = family_find(spec->family)};
    load->prefix = find_prefix(load);
    return 0;
}

int model_load_as(precision_t precision, const char *dir, const tensor_ops_t *ops, model_t **out) {
    model_spec_t spec;
    shards_t shards = {0};
    load_t load;
    int rc = open_folder(dir, &shards, &spec, &load);
    if (rc == 0) rc = load_from(&load, precision, ops, out);
    shards_close(&shards);
    return rc;
}

int model_load(const char *dir, const tensor_ops_t *ops, model_t **out) {
    return model_load_as(PRECISION_FP32, dir, ops, out);
}

/* Adds a name to a list "a, b" unless it is there. */
static void add_name(char *list, size_t size, const char *name) {
    size_t used = strlen(list);
    if (strstr(list, name) == NULL) snprintf(list + used, size - used, used > 0 ? ", %s" : "%s", name);
}

int model_inspect(const char *dir, model_folder_t *folder) {
    shards_t shards = {0};
    load_t load;
    *folder = (model_folder_t){0};
    int rc = open_folder(dir, &shards, &folder->spec, &load);
    if (rc == 0) rc = visit_pieces(&load, check_piece);
    if (rc == 0) rc = check_spare(&load);
    folder->files = shards.files;
    for (int64_t i = 0; i < shards.files && rc == 0; i++)
        for (int32_t j = 0; j < safetensors_count(shards.file[i]); j++) {
            const safetensors_entry_t *entry = safetensors_at(shards.file[i], j);
            folder->tensors++;
            folder->bytes += entry->end - entry->begin;
            if (!is_ignored(&load, entry->name)) add_name(folder->dtypes, sizeof folder->dtypes, entry->dtype);
        }
    shards_close(&shards);
    return rc;
}

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
    entry->rank = file_shape(piece, entry->shape);
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
    runs_t runs = piece_runs(spec, piece);
    for (int64_t i = 0; i < runs.runs; i++)
        TRY(safetensors_write(save->out, from + run_row(spec, piece, i) * columns, runs.rows * columns));
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
