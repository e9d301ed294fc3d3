/* Writing safetensors, F32 only. The header is made here letter by letter, so that its bytes depend on nothing but the
 * tensors: names, shapes and data in the order given, padded with spaces to a multiple of 8 bytes as the reference
 * writer does, which keeps the data aligned for those who map the file. */
#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "model/safetensors.h"
#include <stdio.h>
#include <string.h>

struct safetensors_out {
    char *path;
    file_out_t *file;
    int64_t floats, written;
};

/* Text that grows. */
typedef struct {
    char *data;
    int64_t length, capacity;
} text_t;

static int text_add(text_t *text, const char *more) {
    int64_t n = (int64_t)strlen(more);
    TRY(mem_grow(&text->data, &text->capacity, text->length + n + 1, 1, "safetensors header"));
    memcpy(text->data + text->length, more, (size_t)n + 1);
    text->length += n;
    return 0;
}

/* Sizes and offsets of the tensors, and the JSON that says so. */
static int make_header(const char *path, const char *format, int32_t n, safetensors_entry_t *entries, text_t *header) {
    char piece[128];
    int64_t at = 0;
    TRY(text_add(header, "{"));
    if (format != NULL) {
        snprintf(piece, sizeof piece, "\"__metadata__\":{\"format\":\"%s\"}", format);
        TRY(text_add(header, piece));
    }
    for (int32_t i = 0; i < n; i++) {
        safetensors_entry_t *e = &entries[i];
        if (strpbrk(e->name, "\"\\") != NULL) return err_set("%s: the tensor name %s needs quoting", path, e->name);
        e->dtype = "F32";
        e->elements = 1;
        TRY(text_add(header, i > 0 || format != NULL ? ",\"" : "\""));
        TRY(text_add(header, e->name));
        TRY(text_add(header, "\":{\"dtype\":\"F32\",\"shape\":["));
        for (int32_t d = 0; d < e->rank; d++) {
            e->elements *= e->shape[d];
            snprintf(piece, sizeof piece, d ? ",%lld" : "%lld", (long long)e->shape[d]);
            TRY(text_add(header, piece));
        }
        e->begin = at;
        at = e->end = at + e->elements * (int64_t)sizeof(float);
        snprintf(piece, sizeof piece, "],\"data_offsets\":[%lld,%lld]}", (long long)e->begin, (long long)e->end);
        TRY(text_add(header, piece));
    }
    TRY(text_add(header, "}"));
    while (header->length % 8 != 0) TRY(text_add(header, " "));
    return 0;
}

int safetensors_create(const char *path, const char *format, int32_t n, safetensors_entry_t *entries,
                       safetensors_out_t **result) {
    int rc = 0;
    text_t header = {0};
    safetensors_out_t *out = mem_new(1, sizeof *out, "safetensors writer");
    if (out == NULL) return -1;
    if ((out->path = mem_strdup(path)) == NULL) rc = -1;
    if (rc == 0) rc = make_header(path, format, n, entries, &header);
    if (rc == 0) rc = file_out_open(path, &out->file);
    uint64_t bytes = (uint64_t)header.length;
    if (rc == 0) rc = file_out_write(out->file, &bytes, sizeof bytes);
    if (rc == 0) rc = file_out_write(out->file, header.data, (size_t)bytes);
    for (int32_t i = 0; i < n && rc == 0; i++) out->floats += entries[i].elements;
    mem_free(header.data);
    if (rc != 0)
        safetensors_abort(out);
    else
        *result = out;
    return rc;
}

int safetensors_write(safetensors_out_t *out, const float *data, int64_t n) {
    if (n < 0 || n > out->floats - out->written) return err_set("%s: more data than the header says", out->path);
    out->written += n;
    return file_out_write(out->file, data, (size_t)n * sizeof *data);
}

int safetensors_commit(safetensors_out_t *out) {
    int rc = 0;
    if (out->written != out->floats) {
        rc = err_set("%s: %lld numbers written, the header says %lld", out->path, (long long)out->written,
                     (long long)out->floats);
        file_out_abort(out->file);
    } else {
        rc = file_out_commit(out->file);
    }
    mem_free(out->path);
    mem_free(out);
    return rc;
}

void safetensors_abort(safetensors_out_t *out) {
    if (out == NULL) return;
    file_out_abort(out->file);
    mem_free(out->path);
    mem_free(out);
}
