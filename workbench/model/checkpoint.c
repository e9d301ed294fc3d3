/* A Hugging Face folder of a decoder. All shapes are checked against the config when it is opened, so that a forged
 * config cannot ask for more memory than its files fill; a tensor that is missing, too many, of another shape or type,
 * or not finite, is refused by name. Weights are read in the canonical layout, a few rows or all of them. */
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

static int ends_with(const char *text, const char *end) {
    size_t n = strlen(text), m = strlen(end);
    return n >= m && strcmp(text + n - m, end) == 0;
}

static int shards_add(shards_t *shards, const char *dir, const char *name) {
    /* The name comes from a file: it must not lead out of the folder, nor to a file that is not hashed as weights. */
    if (strchr(name, '/') != NULL || name[0] == '.' || !ends_with(name, ".safetensors"))
        return err_set("%s: bad file name \"%.100s\"", dir, name);
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

/* A piece of a weight, and where it is in the files. */
typedef struct {
    piece_t piece;
    const safetensors_t *file;
    const safetensors_entry_t *entry;
} found_t;

struct checkpoint {
    char *dir;
    shards_t shards;
    model_spec_t spec;
    const family_t *family;
    const char *prefix; // of the tensors' names in these files
    found_t *found;     // (claimed) in the order of the canonical layout
    int64_t claimed;    // tensors of the files that hold a weight
    int64_t capacity;
};

static int is_float(const char *dtype) {
    return strcmp(dtype, "F32") == 0 || strcmp(dtype, "F16") == 0 || strcmp(dtype, "BF16") == 0;
}

int32_t piece_shape(const piece_t *piece, int64_t shape[2]) {
    const int swap = piece->order == ROWS_TRANSPOSED;
    shape[0] = swap ? piece->columns : piece->rows;
    shape[1] = swap ? piece->rows : piece->columns;
    return piece->columns > 0 ? 2 : 1;
}

/* Finds the tensor of a piece and checks it. */
static int find_piece(void *user, const piece_t *piece) {
    checkpoint_t *c = user;
    const char *name = piece->name;
    char want[SAFETENSORS_SHAPE_TEXT], have[SAFETENSORS_SHAPE_TEXT];
    int64_t shape[2];
    const safetensors_t *file = NULL;
    int32_t rank = piece_shape(piece, shape);
    const safetensors_entry_t *entry = shards_find(&c->shards, name, &file);
    safetensors_print_shape(want, "", rank, shape);
    if (entry == NULL)
        return err_set("%s: tensor %s is missing; config.json calls for the shape%s", c->dir, name, want);
    if (entry->rank != rank || memcmp(entry->shape, shape, (size_t)rank * sizeof *shape) != 0)
        return err_set("%s: tensor %s has the shape%s; config.json calls for%s", safetensors_path(file), name,
                       safetensors_print_shape(have, "", entry->rank, entry->shape), want);
    if (!is_float(entry->dtype))
        return err_set("%s: tensor %s has dtype %s; float32, float16 and bfloat16 are read", safetensors_path(file),
                       name, entry->dtype);
    TRY(mem_grow(&c->found, &c->capacity, c->claimed + 1, sizeof *c->found, "tensors of a checkpoint"));
    c->found[c->claimed++] = (found_t){*piece, file, entry};
    return 0;
}

/* 1 when the family's files may hold a tensor of that name besides the weights. */
static int is_ignored(const checkpoint_t *c, const char *name) {
    for (int i = 0; c->family->ignored[i] != NULL; i++)
        if (ends_with(name, c->family->ignored[i])) return 1;
    return c->spec.tied_head && strcmp(name, c->family->weight[WEIGHT_HEAD].name[0]) == 0;
}

static int compare_name(void *user, const piece_t *piece) {
    return strcmp(piece->name, *(const char **)user) == 0 ? -1 : 0; // -1 stops the walk: found
}

static int is_weight(const checkpoint_t *c, const char *name) {
    return family_visit(c->family, &c->spec, c->prefix, compare_name, &name) != 0;
}

static int check_spare(checkpoint_t *c) {
    int64_t others = 0, total = 0;
    for (int64_t i = 0; i < c->shards.files; i++) {
        const safetensors_t *file = c->shards.file[i];
        total += safetensors_count(file);
        for (int32_t j = 0; j < safetensors_count(file); j++) others += is_ignored(c, safetensors_at(file, j)->name);
    }
    if (c->claimed + others == total) return 0;
    /* Something is spare: only now is it worth the time to find out which. */
    for (int64_t i = 0; i < c->shards.files; i++) {
        const safetensors_t *file = c->shards.file[i];
        for (int32_t j = 0; j < safetensors_count(file); j++) {
            const safetensors_entry_t *entry = safetensors_at(file, j);
            char text[SAFETENSORS_SHAPE_TEXT];
            if (is_ignored(c, entry->name) || is_weight(c, entry->name)) continue;
            return err_set("%s: tensor %s, %s, is not part of a %s model of %lld layers; is config.json of this model?",
                           safetensors_path(file), entry->name,
                           safetensors_print_shape(text, entry->dtype, entry->rank, entry->shape), c->family->name,
                           (long long)c->spec.layers);
        }
    }
    return 0;
}

/* Columns of a transposed tensor that are turned at a time: a cache line of ours. */
enum { TURN = 16 };

/* The file has (columns, rows). */
static int read_transposed(const found_t *f, int64_t first, int64_t n, float *out) {
    const int64_t rows = f->piece.rows, columns = f->piece.columns;
    int rc = 0;
    float *block = mem_new(TURN * n, sizeof *block, "rows of a transposed tensor");
    if (block == NULL) return -1;
    for (int64_t at = 0; at < columns && rc == 0; at += TURN) {
        int64_t there = columns - at < TURN ? columns - at : TURN;
        for (int64_t c = 0; c < there && rc == 0; c++)
            rc = safetensors_read(f->file, f->entry, (at + c) * rows + first, n, block + c * n);
        for (int64_t r = 0; r < n; r++)
            for (int64_t c = 0; c < there; c++) out[r * columns + at + c] = block[c * n + r];
    }
    mem_free(block);
    return rc;
}

/* Row p * width + h * head_size + j is row (h * 3 + p) * head_size + j of the file. */
static int read_by_head(const model_spec_t *spec, const found_t *f, int64_t first, int64_t n, float *out) {
    const int64_t columns = f->piece.columns > 0 ? f->piece.columns : 1, size = spec->head_size;
    for (int64_t r = first, end = first + n, run; r < end; r += run, out += run * columns) {
        int64_t part = r / spec->width, head = r % spec->width / size, j = r % size;
        run = end - r < size - j ? end - r : size - j;
        TRY(safetensors_read(f->file, f->entry, ((head * 3 + part) * size + j) * columns, run * columns, out));
    }
    return 0;
}

static int read_rows(const model_spec_t *spec, const found_t *f, int64_t first, int64_t n, float *out) {
    const int64_t columns = f->piece.columns > 0 ? f->piece.columns : 1;
    if (f->piece.order == ROWS_TRANSPOSED && f->piece.columns > 0)
        TRY(read_transposed(f, first, n, out));
    else if (f->piece.order == ROWS_QKV_BY_HEAD)
        TRY(read_by_head(spec, f, first, n, out));
    else
        TRY(safetensors_read(f->file, f->entry, first * columns, n * columns, out));
    if (tensor_is_finite(n * columns, out)) return 0;
    return err_set("%s: tensor %s holds a NaN or an infinity; the checkpoint is damaged", safetensors_path(f->file),
                   f->piece.name);
}

/* The first piece of a weight; its other pieces follow. */
static const found_t *first_piece(const checkpoint_t *c, weight_t weight, int64_t layer) {
    const int64_t offset = weight_offset(&c->spec, weight, layer);
    int64_t low = 0, high = c->claimed;
    while (high - low > 1) {
        int64_t middle = (low + high) / 2;
        if (c->found[middle].piece.offset <= offset)
            low = middle;
        else
            high = middle;
    }
    return &c->found[low];
}

static const found_t *end_of_pieces(const checkpoint_t *c) {
    return c->found + c->claimed;
}

packed_type_t checkpoint_type(const checkpoint_t *c, weight_t weight, int64_t layer) {
    const found_t *first = first_piece(c, weight, layer);
    for (const found_t *f = first; f < end_of_pieces(c) && f->piece.weight == first->piece.weight; f++)
        if (strcmp(f->entry->dtype, first->entry->dtype) != 0) return PACKED_F32;
    if (strcmp(first->entry->dtype, "BF16") == 0) return PACKED_BF16;
    return strcmp(first->entry->dtype, "F16") == 0 ? PACKED_F16 : PACKED_F32;
}

int checkpoint_rows(const checkpoint_t *c, weight_t weight, int64_t layer, int64_t first, int64_t n, float *out) {
    for (const found_t *f = first_piece(c, weight, layer); n > 0; first -= f->piece.rows, f++) {
        const int64_t columns = f->piece.columns > 0 ? f->piece.columns : 1;
        if (first >= f->piece.rows) continue;
        int64_t there = f->piece.rows - first < n ? f->piece.rows - first : n;
        TRY(read_rows(&c->spec, f, first, there, out));
        out += there * columns;
        n -= there;
        first += there;
    }
    return 0;
}

const model_spec_t *checkpoint_spec(const checkpoint_t *c) {
    return &c->spec;
}

int checkpoint_check_head(const checkpoint_t *c, int64_t first, int64_t n, const float *embed) {
    const model_spec_t *spec = &c->spec;
    const safetensors_t *file = NULL;
    const char *name = c->family->weight[WEIGHT_HEAD].name[0];
    const safetensors_entry_t *entry = spec->tied_head ? shards_find(&c->shards, name, &file) : NULL;
    if (entry == NULL) return 0;
    int same = entry->elements == spec->vocab * spec->width && is_float(entry->dtype);
    float *row = mem_new(spec->width, sizeof *row, "row of a head");
    if (row == NULL) return -1;
    for (int64_t i = 0; i < n && same; i++)
        same = safetensors_read(file, entry, (first + i) * spec->width, spec->width, row) == 0 &&
               memcmp(row, embed + i * spec->width, (size_t)spec->width * sizeof *row) == 0;
    mem_free(row);
    if (same) return 0;
    return err_set("%s: config.json ties the head to the embedding, but tensor %s differs from it",
                   safetensors_path(file), name);
}

void checkpoint_forget(const checkpoint_t *c) {
    for (int64_t i = 0; i < c->shards.files; i++) safetensors_forget(c->shards.file[i]);
}

/* Files of a bare decoder, such as those of GPT-2 on the hub, have the same names without the prefix. */
static const char *find_prefix(const checkpoint_t *c) {
    const char *embed = c->family->weight[WEIGHT_EMBED].name[0];
    const safetensors_t *file;
    return shards_find(&c->shards, embed, &file) != NULL ? "" : c->family->prefix;
}

static int open_folder(checkpoint_t *c) {
    char *config = mem_printf("%s/config.json", c->dir);
    if (config == NULL) return -1;
    int rc = spec_read(config, &c->spec);
    mem_free(config);
    TRY(rc);
    TRY(shards_open(&c->shards, c->dir));
    c->family = family_find(c->spec.family);
    c->prefix = find_prefix(c);
    TRY(family_visit(c->family, &c->spec, c->prefix, find_piece, c));
    return check_spare(c);
}

int checkpoint_open(const char *dir, checkpoint_t **out) {
    checkpoint_t *c = mem_new(1, sizeof *c, "checkpoint");
    if (c == NULL) return -1;
    c->dir = mem_strdup(dir);
    if (c->dir == NULL || open_folder(c) != 0) {
        checkpoint_close(c);
        return -1;
    }
    *out = c;
    return 0;
}

void checkpoint_close(checkpoint_t *c) {
    if (c == NULL) return;
    shards_close(&c->shards);
    mem_free(c->found);
    mem_free(c->dir);
    mem_free(c);
}

/* Adds a name to a list "a, b" unless it is there. */
static void add_name(char *list, size_t size, const char *name) {
    size_t used = strlen(list);
    if (strstr(list, name) == NULL) snprintf(list + used, size - used, used > 0 ? ", %s" : "%s", name);
}

int model_inspect(const char *dir, model_folder_t *folder) {
    checkpoint_t *c;
    *folder = (model_folder_t){0};
    TRY(checkpoint_open(dir, &c));
    folder->spec = c->spec;
    folder->files = c->shards.files;
    int rc = model_plan(c, PRECISION_FP32, &folder->held[PRECISION_FP32]);
    if (rc == 0) rc = model_plan(c, PRECISION_BF16, &folder->held[PRECISION_BF16]);
    for (int64_t i = 0; i < c->shards.files; i++)
        for (int32_t j = 0; j < safetensors_count(c->shards.file[i]); j++) {
            const safetensors_entry_t *entry = safetensors_at(c->shards.file[i], j);
            folder->tensors++;
            folder->bytes += entry->end - entry->begin;
            if (!is_ignored(c, entry->name)) add_name(folder->dtypes, sizeof folder->dtypes, entry->dtype);
        }
    checkpoint_close(c);
    return rc;
}
