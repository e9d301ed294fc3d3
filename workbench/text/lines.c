/* Lines of an input of text. See lines.h. */
#include "text/lines.h"
#include "base/err.h"
#include "base/mem.h"
#include "text/documents.h"
#include "text/utf8.h"
#include <string.h>

static int has_ending(const char *path, size_t bytes, const char *ending) {
    size_t n = strlen(ending);
    return bytes > n && memcmp(path + bytes - n, ending, n) == 0;
}

int lines_named(const char *path, const char *const *endings) {
    size_t bytes = strlen(path);
    if (has_ending(path, bytes, ".gz"))
        bytes -= 3;
    else if (has_ending(path, bytes, ".zst"))
        bytes -= 4;
    for (; *endings != NULL; endings++) {
        if (has_ending(path, bytes, *endings)) return 1;
    }
    return 0;
}

/* What is left of a packed file that was fetched in vain would pass for an empty text, or a short one. */
static int check_name(const input_t *input) {
    static const char *const kinds[][2] = {{".zst", "zstd"}, {".gz", "gzip"}};
    static const int32_t packings[] = {PACKED_ZSTD, PACKED_GZIP};
    for (int i = 0; i < 2; i++) {
        if (!has_ending(input->path, strlen(input->path), kinds[i][0]) || input->packing == packings[i]) continue;
        return err_set("%s: does not begin as %s does: it is empty, cut off, or not compressed; fetch it again, or "
                       "give it a name without %s",
                       input->path, kinds[i][1], kinds[i][0]);
    }
    return 0;
}

int lines_check(input_t *input) {
    zin_t *in;
    TRY(zin_open(input->path, &in));
    input->packing = zin_packing(in);
    zin_close(in);
    TRY(check_name(input));
    input->unit_bytes = 1;
    input->size = input->packing == PACKED_NOT ? input->bytes : -1;
    return 0;
}

int lines_open(const input_t *input, lines_t *lines) {
    *lines = (lines_t){.input = input, .last = INT64_MAX};
    lines->size = input->packing == PACKED_NOT ? input->bytes : input->unit_bytes == 1 ? input->size : -1;
    TRY(zin_open(input->path, &lines->in));
    zin_limit(lines->in, input->rules->document_limit, "; raise [run] memory");
    return 0;
}

int lines_range(lines_t *lines, int64_t first, int64_t last) {
    lines->last = last;
    return zin_range(lines->in, first, last);
}

/* At the end of a range there must be as much as the range was cut from. */
static int check_size(const lines_t *lines) {
    int64_t least = lines->last < lines->size ? lines->last : lines->size, at = zin_position(lines->in);
    if (at >= least) return 0;
    return err_set("%s: ends after %lld bytes of text where there were %lld: do not change files that are being read",
                   lines->input->path, (long long)at, (long long)lines->size);
}

static void drop_mark(const lines_t *lines, char **text, size_t *bytes) {
    size_t mark = zin_line_start(lines->in) == 0 ? utf8_mark(*text, *bytes) : 0;
    *text += mark;
    *bytes -= mark;
}

int lines_next(lines_t *lines, char **line, size_t *bytes) {
    int rc = zin_line(lines->in, line, bytes);
    if (rc == 0) return check_size(lines);
    if (rc < 0) return -1;
    int ended = zin_position(lines->in) - zin_line_start(lines->in) > (int64_t)*bytes;
    if (ended && *bytes > 0 && (*line)[*bytes - 1] == '\r') (*line)[--*bytes] = '\0';
    drop_mark(lines, line, bytes);
    return 1;
}

int lines_rest(lines_t *lines, char **text, size_t *bytes) {
    TRY(zin_rest(lines->in, text, bytes));
    TRY(check_size(lines));
    drop_mark(lines, text, bytes);
    return 0;
}

/* Made for every line, of which there are billions: the name is written once, and the number by hand. */
int lines_id(lines_t *lines, const char **id) {
    if (lines->id == NULL) {
        const char *name = lines->input->name;
        size_t bytes = strlen(name);
        TRY(mem_grow(&lines->id, &lines->id_capacity, (int64_t)bytes + 24, 1, "the id of a document"));
        memcpy(lines->id, name, bytes);
        lines->id[bytes] = '@';
        lines->id_number = bytes + 1;
    }
    char digits[20], *end = digits + sizeof digits, *first = end, *to = lines->id + lines->id_number;
    uint64_t left = (uint64_t)zin_line_start(lines->in);
    do *--first = (char)('0' + left % 10);
    while ((left /= 10) > 0);
    memcpy(to, first, (size_t)(end - first));
    to[end - first] = '\0';
    *id = lines->id;
    return 0;
}

void lines_close(lines_t *lines) {
    zin_close(lines->in);
    mem_free(lines->id);
    *lines = (lines_t){0};
}
