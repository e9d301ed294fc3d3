/* Tokens in a foreign file: integers of 1, 2, 4 or 8 bytes, little-endian, one after the other from some byte on. They
 * are read by position, in pieces, as int32_t; one that is no token (below 0 or above 2147483647) is an error that says
 * where it stands. Read with pread, not mapped: a file that shrinks or a disk that fails must give a message, and on a
 * parallel file system large reads are the fast ones. */
#ifndef MEMPROBE_TOKEN_FILE_H
#define MEMPROBE_TOKEN_FILE_H
#include <stdint.h>

typedef struct {
    const char *name; // "u16"
    int32_t width, is_signed;
} token_type_t;
const token_type_t *token_type_named(const char *name); // NULL: there is none
const char *token_type_name(int32_t width, int32_t is_signed);

typedef struct {
    const char *path; // the caller's; must live as long
    int fd;           // -1: not open
    int32_t width, is_signed;
    int64_t data; // byte of the first token
    int64_t n;    // tokens
    uint8_t *raw; // tokens [held, held + holds) as in the file
    int64_t held, holds;
    int64_t next; // behind the last read: one that goes on there reads ahead
} token_file_t;

/* Local. What stands behind `data` must be a whole number of tokens. A failed open leaves nothing to close. */
int token_file_open(const char *path, int64_t data, int32_t width, int32_t is_signed, token_file_t *file);
void token_file_close(token_file_t *file); // accepts one whose open failed, or {.fd = -1}
/* Tokens [first, first + n) into out. */
int token_file_read(token_file_t *file, int64_t first, int64_t n, int32_t *out);

/* Bytes [at, at + bytes) of an open file; fewer are there: an error. */
int token_file_bytes(int fd, const char *path, int64_t at, void *out, int64_t bytes);

/* The place of the first `mark` in tokens[0 .. n), n when there is none; -1 is no token and never found. */
int64_t token_find(const int32_t *tokens, int64_t n, int64_t mark);

#endif
