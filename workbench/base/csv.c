/* Writing CSV. The first failure is kept with its message, so that a writer of many fields checks once, at commit. */
#include "base/csv.h"
#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/zio.h"
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { ZSTD_LEVEL = 9 };

struct csv_out {
    char *path;
    file_out_t *file; // one of the three is set
    zout_t *zfile;
    FILE *stream;
    int64_t columns, fields, rows; // fields of the current row
    char *failure;                 // message of the first error, NULL: none yet
    int failed;
};

static int ends_with(const char *text, const char *end) {
    size_t n = strlen(text), m = strlen(end);
    return n >= m && strcmp(text + n - m, end) == 0;
}

static void note(csv_out_t *out, int rc) {
    if (rc == 0 || out->failed) return;
    out->failed = 1;
    out->failure = mem_strdup(err_text());
}

static int stream_error(const csv_out_t *out) {
    return err_set("%s: cannot write: %s", out->path, strerror(errno));
}

static void put(csv_out_t *out, const char *data, size_t bytes) {
    if (out->failed) return;
    if (out->stream != NULL)
        note(out, fwrite(data, 1, bytes, out->stream) == bytes ? 0 : stream_error(out));
    else
        note(out, out->file != NULL ? file_out_write(out->file, data, bytes) : zout_write(out->zfile, data, bytes));
}

static void csv_release(csv_out_t *out) {
    mem_free(out->path);
    mem_free(out->failure);
    mem_free(out);
}

static void put_header(csv_out_t *out, const char *header) {
    out->columns = 1;
    for (const char *at = header; *at != '\0'; at++) out->columns += *at == ',';
    put(out, header, strlen(header));
    put(out, "\n", 1);
}

int csv_open(const char *path, const char *header, csv_out_t **result) {
    *result = NULL;
    csv_out_t *out = mem_new(1, sizeof *out, "a table");
    if (out == NULL) return -1;
    out->path = mem_strdup(path);
    int rc = out->path == NULL         ? -1
             : ends_with(path, ".zst") ? zout_open(path, ZSTD_LEVEL, &out->zfile)
                                       : file_out_open(path, &out->file);
    if (rc != 0) {
        csv_release(out);
        return -1;
    }
    put_header(out, header);
    *result = out;
    return 0;
}

int csv_open_stream(FILE *stream, const char *name, const char *header, csv_out_t **result) {
    *result = NULL;
    csv_out_t *out = mem_new(1, sizeof *out, "a table");
    if (out == NULL) return -1;
    out->stream = stream;
    out->path = mem_strdup(name);
    if (out->path == NULL) {
        csv_release(out);
        return -1;
    }
    put_header(out, header);
    *result = out;
    return 0;
}

static void put_field(csv_out_t *out, const char *text) {
    if (out->fields++ > 0) put(out, ",", 1);
    put(out, text, strlen(text));
}

void csv_text(csv_out_t *out, const char *value) {
    if (strpbrk(value, ",\"\r\n") == NULL) {
        put_field(out, value);
        return;
    }
    put_field(out, "\"");
    for (const char *quote; (quote = strchr(value, '"')) != NULL; value = quote + 1) {
        put(out, value, (size_t)(quote - value));
        put(out, "\"\"", 2);
    }
    put(out, value, strlen(value));
    put(out, "\"", 1);
}

void csv_i64(csv_out_t *out, int64_t value) {
    char text[NUM_TEXT];
    snprintf(text, sizeof text, "%" PRId64, value);
    put_field(out, text);
}

void csv_f64(csv_out_t *out, double value) {
    char text[NUM_TEXT];
    put_field(out, value != value ? "" : num_print_f64(text, value));
}

void csv_f32(csv_out_t *out, float value) {
    char text[NUM_TEXT];
    put_field(out, value != value ? "" : num_print_f32(text, value));
}

void csv_stat(csv_out_t *out, double value) {
    csv_f64(out, num_round(value, NUM_STAT_DIGITS));
}

void csv_end(csv_out_t *out) {
    out->rows++;
    if (out->fields != out->columns)
        note(out, err_set("%s: row %" PRId64 " was given %" PRId64 " fields, the header has %" PRId64, out->path,
                          out->rows, out->fields, out->columns));
    out->fields = 0;
    put(out, "\n", 1);
}

int csv_commit(csv_out_t *out) {
    if (out->fields != 0) note(out, err_set("%s: the last row was not ended", out->path));
    int rc = 0;
    if (out->failed) {
        file_out_abort(out->file);
        zout_abort(out->zfile);
        rc = err_set("%s", out->failure != NULL ? out->failure : "no memory for a message");
    } else {
        rc = out->stream != NULL ? (fflush(out->stream) == 0 ? 0 : stream_error(out))
             : out->file != NULL ? file_out_commit(out->file)
                                 : zout_commit(out->zfile);
    }
    csv_release(out);
    return rc;
}

void csv_abort(csv_out_t *out) {
    if (out == NULL) return;
    file_out_abort(out->file);
    zout_abort(out->zfile);
    csv_release(out);
}
