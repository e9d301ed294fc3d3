/* zstd streams. In: lines of a plain or .zst file, in bounded memory. Out: a .zst file written aside and renamed. */
#ifndef MEMPROBE_ZIO_H
#define MEMPROBE_ZIO_H
#include <stddef.h>
#include <stdint.h>

/* Lines of a text file; the compression is known by the first four bytes, not by the name. A truncated or damaged
 * stream is an error that names the file. */
typedef struct zin zin_t;
int zin_open(const char *path, zin_t **in);
/* Next line without its newline, NUL-terminated, valid until the next call. Returns 1, 0 at the end, -1 on error. */
int zin_line(zin_t *in, char **line, size_t *bytes);
int64_t zin_line_number(const zin_t *in); // of the line last returned, from 1
void zin_close(zin_t *in);                // accepts NULL

typedef struct zout zout_t;
int zout_open(const char *path, int level, zout_t **out);
int zout_write(zout_t *out, const void *data, size_t bytes);
int zout_commit(zout_t *out); // ends the frame (with checksum), then as file_out_commit
void zout_abort(zout_t *out); // accepts NULL

#endif
