/* Lines of an input of text, plain or packed: what the readers of JSON lines and of text share. Private to text/. */
#ifndef MEMPROBE_LINES_H
#define MEMPROBE_LINES_H
#include "base/zio.h"
#include "text/input.h"
#include <stddef.h>
#include <stdint.h>

typedef struct {
    const input_t *input;
    zin_t *in;
    char *id; // NAME@OFFSET of the document last returned
    int64_t id_capacity;
    size_t id_number;   // where the number stands in it
    int64_t size, last; // bytes that must be there, -1: not known; end of the range
} lines_t;

/* 1 when path ends in one of the endings (NULL at the end), or in one and .gz or .zst. */
int lines_named(const char *path, const char *const *endings);
/* How the input is packed, its size in bytes of text. */
int lines_check(input_t *input);

int lines_open(const input_t *input, lines_t *lines);
int lines_range(lines_t *lines, int64_t first, int64_t last);
/* As zin_line; without a byte order mark at the start of the file and without the CR of a CRLF. */
int lines_next(lines_t *lines, char **line, size_t *bytes);
int lines_rest(lines_t *lines, char **text, size_t *bytes); // all of it, CRs too
int lines_id(lines_t *lines, const char **id);              // of the line last returned: NAME@OFFSET
void lines_close(lines_t *lines);                           // accepts a zeroed one

#endif
