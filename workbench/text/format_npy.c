/* NumPy arrays of tokens. Of two dimensions: each row is a document, continued by the same row of a second array when
 * with=FILE names one (the prefixes and suffixes of lm-extraction-benchmark). Of one: a stream, cut by end=N. */
#include "base/err.h"
#include "base/mem.h"
#include "text/npy.h"
#include "text/token_readers.h"
#include <string.h>

static int sniff(const char *path, const uint8_t *head, size_t bytes) {
    (void)path;
    return npy_is(head, bytes);
}

static int option(input_t *input, const char *text) {
    if (strncmp(text, "with=", 5) != 0) return token_option_end(input, text);
    if (text[5] == '\0') return err_set("with= names no file");
    input->second = text + 5;
    return 1;
}

/* The second array must fit the first row by row. */
static int check_second(const input_t *input, const npy_head_t *first, const npy_head_t *second) {
    if (first->rank != 2 || second->rank != 2)
        return err_set("%s with %s: joined are the rows of two arrays, and %s has one dimension", input->path,
                       input->second, first->rank != 2 ? input->path : input->second);
    if (first->rows != second->rows)
        return err_set("%s with %s: %lld rows and %lld; joined are arrays of as many", input->path, input->second,
                       (long long)first->rows, (long long)second->rows);
    return 0;
}

static int read_heads(const input_t *input, npy_head_t *first, npy_head_t *second) {
    npy_t *array;
    *second = (npy_head_t){0};
    TRY(npy_open(input->path, &array));
    *first = *npy_head(array);
    npy_close(array);
    if (!input->second) return 0;
    TRY(npy_open(input->second, &array));
    *second = *npy_head(array);
    npy_close(array);
    return check_second(input, first, second);
}

static int check(input_t *input) {
    npy_head_t first, second;
    TRY(read_heads(input, &first, &second));
    input->width = first.width;
    input->is_signed = first.is_signed;
    input->data = first.data;
    input->record = first.rank == 2 ? first.columns + second.columns : 0;
    input->size = first.rank == 2 ? first.rows : first.columns;
    input->unit_bytes = first.rank == 2 ? first.columns * first.width + second.columns * second.width : first.width;
    if (input->unit_bytes < 1) input->unit_bytes = 1; // of no rows
    return token_check_end(input);
}

typedef struct {
    npy_t *first, *second;
} rows_t;

static int load_row(void *own, units_t *units, int64_t row) {
    rows_t *r = own;
    int64_t a = npy_head(r->first)->columns, b = r->second ? npy_head(r->second)->columns : 0;
    int32_t *tokens;
    TRY(units_room(units, row, a + b, &tokens));
    TRY(npy_read(r->first, row * a, a, tokens));
    return b > 0 ? npy_read(r->second, row * b, b, tokens + a) : 0;
}

static void release_rows(void *own) {
    rows_t *r = own;
    npy_close(r->first);
    npy_close(r->second);
    mem_free(r);
}

/* The files are looked at again: they may be others than those that were checked. */
static int open_rows(const input_t *input, void **reader) {
    rows_t *r = mem_new(1, sizeof *r, "reader of rows");
    if (!r) return -1;
    if (npy_open(input->path, &r->first) != 0 || (input->second && npy_open(input->second, &r->second) != 0) ||
        (r->second && check_second(input, npy_head(r->first), npy_head(r->second)) != 0)) {
        release_rows(r);
        return -1;
    }
    if (npy_head(r->first)->rank != 2) {
        release_rows(r);
        return err_set("%s: was changed while it was in use", input->path);
    }
    return units_open(input, npy_head(r->first)->rows, load_row, r, release_rows, reader);
}

static int open_reader(const input_t *input, void **reader) {
    return input->record > 0 ? open_rows(input, reader) : marks_open(input, 0, reader);
}

static void explain_array(const char *path, const npy_head_t *array, FILE *out) {
    const char *type = token_type_name(array->width, array->is_signed);
    if (array->rank == 2)
        fprintf(out, "  %s: %lld rows of %lld tokens of type %s\n", path, (long long)array->rows,
                (long long)array->columns, type);
    else
        fprintf(out, "  %s: %lld tokens of type %s, of one dimension\n", path, (long long)array->columns, type);
}

static int explain(const input_t *input, FILE *out) {
    npy_head_t first, second;
    TRY(read_heads(input, &first, &second));
    fprintf(out, "%s of tokens\n", input->second ? "NumPy arrays" : "a NumPy array");
    explain_array(input->path, &first, out);
    if (input->second) explain_array(input->second, &second, out);
    return 0;
}

const format_t format_npy = {
    .name = "npy",
    .unit = "rows",
    .help = "with=FILE, end=N",
    .sniff = sniff,
    .option = option,
    .check = check,
    .open = open_reader,
    .range = token_range,
    .next = token_next,
    .close = token_close,
    .explain = explain,
};
