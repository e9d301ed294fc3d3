/* Reading safetensors: the checks that make the bytes of a stranger's file safe to use, and their conversion. */
#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "model/safetensors.h"
#include "tensor/math.h"
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "safetensors data are used as they stand in the file");

enum { HEADER_LIMIT = 100000000 }; // as the reference reader

struct safetensors {
    char *path;
    file_map_t map; // empty when the bytes belong to the caller
    const uint8_t *data;
    int64_t data_bytes;
    json_t *header; // owns names and dtypes
    safetensors_entry_t *entry;
    int32_t entries;
};

static const struct {
    const char *name;
    int64_t bytes;
} dtypes[] = {{"BOOL", 1}, {"U8", 1},  {"I8", 1},  {"F8_E5M2", 1}, {"F8_E4M3", 1}, {"F8_E8M0", 1},
              {"I16", 2},  {"U16", 2}, {"F16", 2}, {"BF16", 2},    {"I32", 4},     {"U32", 4},
              {"F32", 4},  {"F64", 8}, {"I64", 8}, {"U64", 8},     {"C64", 8}};

static int64_t dtype_bytes(const char *name) {
    for (size_t i = 0; i < sizeof dtypes / sizeof *dtypes; i++)
        if (strcmp(dtypes[i].name, name) == 0) return dtypes[i].bytes;
    return 0;
}

/* One number of the header that is a size: an integer, not negative. */
static int read_size(const json_t *value, int64_t *size) {
    if (!json_is_integer(value) || json_integer_value(value) < 0) return -1;
    *size = (int64_t)json_integer_value(value);
    return 0;
}

static int read_shape(const safetensors_t *file, const json_t *shape, safetensors_entry_t *entry) {
    if (!json_is_array(shape)) return err_set("%s: tensor %s: no shape", file->path, entry->name);
    if (json_array_size(shape) > SAFETENSORS_RANK)
        return err_set("%s: tensor %s has %zu dimensions; at most %d are read", file->path, entry->name,
                       json_array_size(shape), SAFETENSORS_RANK);
    entry->rank = (int32_t)json_array_size(shape);
    entry->elements = 1;
    for (int32_t i = 0; i < entry->rank; i++) {
        if (read_size(json_array_get(shape, (size_t)i), &entry->shape[i]) != 0)
            return err_set("%s: tensor %s: dimension %d of the shape is not a size", file->path, entry->name, i);
        if (__builtin_mul_overflow(entry->elements, entry->shape[i], &entry->elements))
            return err_set("%s: tensor %s: the shape overflows", file->path, entry->name);
    }
    return 0;
}

static int read_entry(const safetensors_t *file, const char *name, const json_t *value, safetensors_entry_t *entry) {
    entry->name = name;
    if (!json_is_object(value)) return err_set("%s: tensor %s: its header entry is not an object", file->path, name);
    entry->dtype = json_string_value(json_object_get(value, "dtype"));
    if (entry->dtype == NULL) return err_set("%s: tensor %s: no dtype", file->path, name);
    int64_t element = dtype_bytes(entry->dtype), bytes;
    if (element == 0) return err_set("%s: tensor %s: unknown dtype \"%s\"", file->path, name, entry->dtype);
    TRY(read_shape(file, json_object_get(value, "shape"), entry));
    const json_t *offsets = json_object_get(value, "data_offsets");
    if (json_array_size(offsets) != 2 || read_size(json_array_get(offsets, 0), &entry->begin) != 0 ||
        read_size(json_array_get(offsets, 1), &entry->end) != 0 || entry->end < entry->begin)
        return err_set("%s: tensor %s: data_offsets are not two rising sizes", file->path, name);
    if (__builtin_mul_overflow(entry->elements, element, &bytes) || bytes != entry->end - entry->begin) {
        char text[SAFETENSORS_SHAPE_TEXT];
        return err_set("%s: tensor %s: %lld bytes of data do not fit %s", file->path, name,
                       (long long)(entry->end - entry->begin),
                       safetensors_print_shape(text, entry->dtype, entry->rank, entry->shape));
    }
    return 0;
}

static int by_name(const void *a, const void *b) {
    return strcmp(((const safetensors_entry_t *)a)->name, ((const safetensors_entry_t *)b)->name);
}

static int by_place(const void *a, const void *b) {
    const safetensors_entry_t *x = *(const safetensors_entry_t *const *)a, *y = *(const safetensors_entry_t *const *)b;
    if (x->begin != y->begin) return x->begin < y->begin ? -1 : 1;
    if (x->end != y->end) return x->end < y->end ? -1 : 1;
    return strcmp(x->name, y->name);
}

/* The tensors must tile the data: each begins where the one before it ends, the last ends with the file. */
static int check_tiling(const safetensors_t *file) {
    const safetensors_entry_t **order = mem_new(file->entries, sizeof *order, "order of tensors");
    if (order == NULL) return -1;
    for (int32_t i = 0; i < file->entries; i++) order[i] = &file->entry[i];
    qsort(order, (size_t)file->entries, sizeof *order, by_place);
    int rc = 0;
    int64_t at = 0;
    for (int32_t i = 0; i < file->entries && rc == 0; i++) {
        if (order[i]->begin != at)
            rc = err_set("%s: tensor %s: its data begin at byte %lld, but the ones before it end at %lld (%s)",
                         file->path, order[i]->name, (long long)order[i]->begin, (long long)at,
                         order[i]->begin > at ? "a gap" : "an overlap");
        at = order[i]->end;
    }
    if (rc == 0 && at != file->data_bytes)
        rc = err_set("%s: the tensors take %lld bytes, the file holds %lld; it is %s", file->path, (long long)at,
                     (long long)file->data_bytes, at > file->data_bytes ? "truncated" : "too long");
    mem_free(order);
    return rc;
}

static int read_header(safetensors_t *file, const uint8_t *bytes, size_t size) {
    uint64_t n;
    json_error_t error;
    if (size < sizeof n) return err_set("%s: %zu bytes are no safetensors file", file->path, size);
    memcpy(&n, bytes, sizeof n);
    if (n > HEADER_LIMIT || n > size - sizeof n)
        return err_set(
            "%s: a header of %llu bytes does not fit (file of %zu bytes, limit %d): truncated, or no safetensors file",
            file->path, (unsigned long long)n, size, HEADER_LIMIT);
    if (n == 0 || bytes[sizeof n] != '{') return err_set("%s: the header does not begin with {", file->path);
    file->data = bytes + sizeof n + n;
    file->data_bytes = (int64_t)(size - sizeof n - n);
    file->header = json_loadb((const char *)bytes + sizeof n, (size_t)n, JSON_REJECT_DUPLICATES, &error);
    if (file->header == NULL) return err_set("%s: header, byte %d: %s", file->path, error.position, error.text);
    return 0;
}

static int read_entries(safetensors_t *file) {
    const char *name;
    json_t *value;
    file->entry = mem_new((int64_t)json_object_size(file->header), sizeof *file->entry, "tensors of a file");
    if (file->entry == NULL) return -1;
    json_object_foreach(file->header, name, value) {
        if (strcmp(name, "__metadata__") == 0) {
            if (!json_is_object(value)) return err_set("%s: __metadata__ is not an object", file->path);
            continue;
        }
        TRY(read_entry(file, name, value, &file->entry[file->entries]));
        file->entries++;
    }
    qsort(file->entry, (size_t)file->entries, sizeof *file->entry, by_name);
    return check_tiling(file);
}

int safetensors_parse(const uint8_t *bytes, size_t size, const char *name, safetensors_t **out) {
    safetensors_t *file = mem_new(1, sizeof *file, "safetensors file");
    if (file == NULL) return -1;
    file->path = mem_strdup(name);
    if (file->path == NULL || read_header(file, bytes, size) != 0 || read_entries(file) != 0) {
        safetensors_close(file);
        return -1;
    }
    *out = file;
    return 0;
}

int safetensors_open(const char *path, safetensors_t **out) {
    file_map_t map;
    TRY(file_map(path, &map));
    if (safetensors_parse(map.data, map.size, path, out) != 0) {
        file_unmap(&map);
        return -1;
    }
    (*out)->map = map;
    return 0;
}

void safetensors_close(safetensors_t *file) {
    if (file == NULL) return;
    file_unmap(&file->map);
    json_decref(file->header);
    mem_free(file->entry);
    mem_free(file->path);
    mem_free(file);
}

void safetensors_forget(const safetensors_t *file) {
    file_forget(&file->map);
}

const char *safetensors_path(const safetensors_t *file) {
    return file->path;
}

int32_t safetensors_count(const safetensors_t *file) {
    return file->entries;
}

const safetensors_entry_t *safetensors_at(const safetensors_t *file, int32_t index) {
    return &file->entry[index];
}

const safetensors_entry_t *safetensors_find(const safetensors_t *file, const char *name) {
    const safetensors_entry_t key = {.name = name};
    return bsearch(&key, file->entry, (size_t)file->entries, sizeof key, by_name);
}

char *safetensors_print_shape(char text[SAFETENSORS_SHAPE_TEXT], const char *dtype, int32_t rank,
                              const int64_t *shape) {
    int used = snprintf(text, SAFETENSORS_SHAPE_TEXT, "%s [", dtype);
    for (int32_t i = 0; i < rank && used < SAFETENSORS_SHAPE_TEXT; i++)
        used +=
            snprintf(text + used, (size_t)(SAFETENSORS_SHAPE_TEXT - used), i ? ", %lld" : "%lld", (long long)shape[i]);
    if (used < SAFETENSORS_SHAPE_TEXT) snprintf(text + used, (size_t)(SAFETENSORS_SHAPE_TEXT - used), "]");
    return text;
}

static uint16_t half_at(const uint8_t *from, int64_t i) {
    uint16_t half;
    memcpy(&half, from + 2 * i, sizeof half);
    return half;
}

int safetensors_read(const safetensors_t *file, const safetensors_entry_t *entry, int64_t first, int64_t n,
                     float *out) {
    if (first < 0 || n < 0 || first > entry->elements - n)
        return err_set("%s: tensor %s: elements %lld to %lld of %lld", file->path, entry->name, (long long)first,
                       (long long)(first + n), (long long)entry->elements);
    /* The data need not be aligned to their type: they are copied, never cast. */
    const uint8_t *from = file->data + entry->begin;
    if (strcmp(entry->dtype, "F32") == 0) {
        if (n > 0) memcpy(out, from + 4 * first, (size_t)n * sizeof *out);
        return 0;
    }
    if (strcmp(entry->dtype, "BF16") == 0) {
        for (int64_t i = 0; i < n; i++) out[i] = math_from_bf16(half_at(from, first + i));
        return 0;
    }
    if (strcmp(entry->dtype, "F16") == 0) {
        for (int64_t i = 0; i < n; i++) out[i] = math_from_f16(half_at(from, first + i));
        return 0;
    }
    return err_set("%s: tensor %s has dtype %s; float32, float16 and bfloat16 are read", file->path, entry->name,
                   entry->dtype);
}
