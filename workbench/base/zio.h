/* Packed streams. In: lines of a plain, zstd or gzip file, in bounded memory. Out: a .zst file written aside and
 * renamed. */
#ifndef MEMPROBE_ZIO_H
#define MEMPROBE_ZIO_H
#include <stddef.h>
#include <stdint.h>

enum { PACKED_NOT, PACKED_ZSTD, PACKED_GZIP };
int32_t zin_packing_of(const uint8_t *head, size_t bytes); // by the first four bytes, not by the name

/* Lines of a text file. Several zstd frames (skippable ones too) or gzip members are one text. A truncated or damaged
 * stream, and anything behind its end, is an error that names the file. Offsets are bytes of the unpacked text. */
typedef struct zin zin_t;
int zin_open(const char *path, zin_t **in);
int32_t zin_packing(const zin_t *in);
/* Most bytes of a line, without its newline; memory is that and a constant. remedy ends the message about a longer one,
 * as "; raise [section] key", and must live as long as in. Without a call there is no limit. */
void zin_limit(zin_t *in, int64_t bytes, const char *remedy);
/* Only lines that start in [first, last) from now on; without a call, all. Moving forward passes over what lies
 * between (in a plain file by a seek); moving backward in a packed file unpacks it from its start. */
int zin_range(zin_t *in, int64_t first, int64_t last);
/* Next line without its newline, NUL-terminated, the caller's to write on, valid until the next call. Returns 1, 0 at
 * the end, -1 on error. A text that ends in a newline has no line behind it; one that does not, ends all the same. */
int zin_line(zin_t *in, char **line, size_t *bytes);
int zin_rest(zin_t *in, char **text, size_t *bytes);           // all that is left as one line, with the newlines in it
int zin_peek(zin_t *in, void *to, size_t most, size_t *bytes); // a copy of what comes next
int64_t zin_line_start(const zin_t *in);                       // offset of the line last returned
int64_t zin_position(const zin_t *in);                         // offset behind the line last returned and its newline
int64_t zin_line_number(const zin_t *in); // of the line last returned, from 1; after zin_range, which does not count
                                          // lines, this reads the file from its start; 0 when that fails
void zin_close(zin_t *in);                // accepts NULL
int zin_measure(const char *path, int64_t *bytes); // of the unpacked text, by unpacking all of it

typedef struct zout zout_t;
int zout_open(const char *path, int level, zout_t **out);
int zout_write(zout_t *out, const void *data, size_t bytes);
int zout_commit(zout_t *out); // ends the frame (with checksum), then as file_out_commit
void zout_abort(zout_t *out); // accepts NULL

#endif
