/* NumPy arrays of tokens; see npy.h. The layout: the magic, a version of two bytes, the length of the header in 2 (v1)
 * or 4 bytes, a Python dictionary as text, then the elements.
 * https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html */
#include "text/npy.h"
#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "text/bytes.h"
#include "text/token_readers.h"
#include <string.h>

struct npy {
    npy_head_t head;
    token_file_t file;
};

/* --- the dictionary ----------------------------------------------------------------------------------------------- */

typedef struct {
    const char *at, *end;
    char descr[16];
    int64_t shape[2];
    int32_t rank; // more than 2: not kept in shape
    int have_descr, have_order, have_shape, fortran;
} dict_t;

static void skip_blanks(dict_t *d) {
    while (d->at < d->end && (*d->at == ' ' || *d->at == '\t' || *d->at == '\n' || *d->at == '\r')) d->at++;
}

static int take(dict_t *d, char c) {
    skip_blanks(d);
    if (d->at == d->end || *d->at != c) return 0;
    d->at++;
    return 1;
}

/* A text in quotes, without escapes: none of the keys and types that we know has any. */
static int take_text(dict_t *d, char *text, size_t room) {
    skip_blanks(d);
    char quote = d->at < d->end ? *d->at : '\0';
    if (quote != '\'' && quote != '"') return 0;
    const char *from = ++d->at;
    while (d->at < d->end && *d->at != quote && *d->at != '\\') d->at++;
    size_t length = (size_t)(d->at - from);
    if (d->at == d->end || *d->at != quote || length >= room) return 0;
    memcpy(text, from, length);
    text[length] = '\0';
    d->at++;
    return 1;
}

static int take_word(dict_t *d, const char *word) {
    size_t length = strlen(word);
    skip_blanks(d);
    if ((size_t)(d->end - d->at) < length || memcmp(d->at, word, length) != 0) return 0;
    d->at += length;
    return 1;
}

static int take_number(dict_t *d, int64_t *value) {
    skip_blanks(d);
    const char *from = d->at;
    for (*value = 0; d->at < d->end && *d->at >= '0' && *d->at <= '9'; d->at++)
        if (__builtin_mul_overflow(*value, 10, value) || __builtin_add_overflow(*value, *d->at - '0', value)) return 0;
    if (d->at == from) return 0;
    if (d->at < d->end && *d->at == 'L') d->at++; // Python 2 wrote long integers so
    return 1;
}

/* (), (3,), (3, 4): Python wants the comma of a single one. */
static int take_shape(dict_t *d) {
    int comma = 0;
    d->rank = 0;
    if (!take(d, '(')) return 0;
    while (!take(d, ')')) {
        int64_t n;
        if ((d->rank > 0 && !comma) || !take_number(d, &n)) return 0;
        if (d->rank < 2) d->shape[d->rank] = n;
        d->rank++;
        comma = take(d, ',');
    }
    return d->rank != 1 || comma;
}

static int parse_entry(dict_t *d, const char *path) {
    char key[32];
    if (!take_text(d, key, sizeof key) || !take(d, ':')) return err_set("%s: NumPy header: no key and colon", path);
    int *have = strcmp(key, "descr") == 0           ? &d->have_descr
                : strcmp(key, "fortran_order") == 0 ? &d->have_order
                : strcmp(key, "shape") == 0         ? &d->have_shape
                                                    : NULL;
    if (!have) return err_set("%s: NumPy header: unknown key \"%s\"", path, key);
    if (*have) return err_set("%s: NumPy header: \"%s\" is given twice", path, key);
    *have = 1;
    if (have == &d->have_descr) {
        if (take(d, '[')) return err_set("%s: a structured NumPy array; an array of plain integers is wanted", path);
        if (!take_text(d, d->descr, sizeof d->descr)) return err_set("%s: NumPy header: descr is no short text", path);
    } else if (have == &d->have_order) {
        d->fortran = take_word(d, "True");
        if (!d->fortran && !take_word(d, "False"))
            return err_set("%s: NumPy header: fortran_order is neither True nor False", path);
    } else if (!take_shape(d)) {
        return err_set("%s: NumPy header: shape is no tuple of numbers", path);
    }
    return 0;
}

static int parse_dict(dict_t *d, const char *path) {
    if (!take(d, '{')) return err_set("%s: NumPy header: no dictionary", path);
    int comma = 1;
    while (!take(d, '}')) {
        if (!comma) return err_set("%s: NumPy header: no comma behind a value", path);
        TRY(parse_entry(d, path));
        comma = take(d, ',');
    }
    skip_blanks(d);
    if (d->at != d->end) return err_set("%s: NumPy header: more behind the dictionary", path);
    const char *missing = !d->have_descr ? "descr" : !d->have_order ? "fortran_order" : !d->have_shape ? "shape" : NULL;
    return missing ? err_set("%s: NumPy header: no \"%s\"", path, missing) : 0;
}

/* --- what it means ------------------------------------------------------------------------------------------------ */

static int set_type(const char *path, const char *descr, npy_head_t *array) {
    static const struct {
        const char *descr;
        int32_t width, is_signed;
    } types[] = {{"|u1", 1, 0}, {"|i1", 1, 1}, {"<u2", 2, 0}, {"<i2", 2, 1}, {"<u4", 4, 0},
                 {"<i4", 4, 1}, {"<u8", 8, 0}, {"<i8", 8, 1}, {"<u1", 1, 0}, {"<i1", 1, 1}};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        if (strcmp(types[i].descr, descr) != 0) continue;
        array->width = types[i].width;
        array->is_signed = types[i].is_signed;
        return 0;
    }
    if (descr[0] == '>')
        return err_set("%s: its elements are big-endian (%s); write it anew: numpy.save(f, a.astype('<%s'))", path,
                       descr, descr + 1);
    return err_set("%s: its elements are %s; tokens are integers: u1 i1 u2 i2 u4 i4 u8 i8, little-endian", path, descr);
}

static int set_shape(const char *path, const dict_t *d, int64_t file_bytes, npy_head_t *array) {
    if (d->fortran && d->rank > 1)
        return err_set("%s: columns stand one after the other (Fortran order); write it anew: "
                       "numpy.save(f, numpy.ascontiguousarray(a))",
                       path);
    if (d->rank < 1 || d->rank > 2)
        return err_set("%s: %d dimensions; tokens have one, or two (rows, tokens)", path, d->rank);
    array->rank = d->rank;
    array->rows = d->rank == 2 ? d->shape[0] : 1;
    array->columns = d->shape[d->rank - 1];
    if (array->rows > 0 && array->columns == 0 && array->rank == 2)
        return err_set("%s: %lld rows of no tokens", path, (long long)array->rows);
    int64_t elements, bytes;
    if (__builtin_mul_overflow(array->rows, array->columns, &elements) ||
        __builtin_mul_overflow(elements, (int64_t)array->width, &bytes) || bytes != file_bytes - array->data)
        return err_set("%s: %lld x %lld elements of %d bytes are not the %lld bytes behind its header: the file is cut "
                       "off or damaged",
                       path, (long long)array->rows, (long long)array->columns, array->width,
                       (long long)(file_bytes - array->data));
    return 0;
}

int npy_is(const uint8_t *head, size_t bytes) {
    return bytes >= 6 && memcmp(head, "\x93NUMPY", 6) == 0;
}

int npy_parse(const char *path, const uint8_t *head, size_t bytes, int64_t file_bytes, npy_head_t *array) {
    dict_t dict = {0};
    *array = (npy_head_t){0};
    if (!npy_is(head, bytes)) return err_set("%s: does not begin as a NumPy array does", path);
    if (bytes < 12) return err_set("%s: cut off inside the header of a NumPy array", path);
    if (head[6] < 1 || head[6] > 3 || head[7] != 0)
        return err_set("%s: version %d.%d of NumPy's format; known are 1.0, 2.0 and 3.0", path, head[6], head[7]);
    int64_t start = head[6] == 1 ? 10 : 12;
    array->data = start + (head[6] == 1 ? (int64_t)bytes_get_u16(head + 8) : (int64_t)bytes_get_u32(head + 8));
    if (array->data > file_bytes) return err_set("%s: cut off inside the header of a NumPy array", path);
    if (array->data > (int64_t)bytes)
        return err_set("%s: a NumPy header of %lld bytes; that of an array of integers has about 100", path,
                       (long long)array->data);
    dict.at = (const char *)head + start;
    dict.end = (const char *)head + array->data;
    TRY(parse_dict(&dict, path));
    TRY(set_type(path, dict.descr, array));
    return set_shape(path, &dict, file_bytes, array);
}

int npy_open(const char *path, npy_t **array) {
    uint8_t head[NPY_HEAD];
    int64_t bytes, file_bytes;
    npy_t *a = mem_new(1, sizeof *a, "NumPy array");
    if (!a) return -1;
    a->file.fd = -1;
    if (file_size(path, &file_bytes) != 0 || token_head(path, head, sizeof head, &bytes) != 0 ||
        npy_parse(path, head, (size_t)bytes, file_bytes, &a->head) != 0 ||
        token_file_open(path, a->head.data, a->head.width, a->head.is_signed, &a->file) != 0) {
        npy_close(a);
        return -1;
    }
    *array = a;
    return 0;
}

const npy_head_t *npy_head(const npy_t *array) {
    return &array->head;
}

int npy_read(npy_t *array, int64_t first, int64_t n, int32_t *out) {
    return token_file_read(&array->file, first, n, out);
}

void npy_close(npy_t *array) {
    if (!array) return;
    token_file_close(&array->file);
    mem_free(array);
}
