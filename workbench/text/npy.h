/* NumPy arrays of tokens (.npy, versions 1, 2 and 3): one or two dimensions of integers. What numpy.save writes of such
 * an array is read; another element type, byte order, Fortran order, more dimensions, a header that is not by the
 * letter, or a file longer or shorter than its shape is refused by name. */
#ifndef MEMPROBE_NPY_H
#define MEMPROBE_NPY_H
#include <stddef.h>
#include <stdint.h>

typedef struct {
    int32_t rank;          // 1 or 2
    int64_t rows, columns; // of rank 1: one row
    int32_t width, is_signed;
    int64_t data; // byte where the elements begin
} npy_head_t;

/* Local. bytes of `head`: the first ones of a file of file_bytes; NPY_HEAD of them suffice. path: for messages. */
enum { NPY_HEAD = 4096 };
int npy_parse(const char *path, const uint8_t *head, size_t bytes, int64_t file_bytes, npy_head_t *array);
int npy_is(const uint8_t *head, size_t bytes); // 1: begins with NumPy's magic

typedef struct npy npy_t;
int npy_open(const char *path, npy_t **array); // local
const npy_head_t *npy_head(const npy_t *array);
/* Elements [first, first + n) of the array in row order, so row r begins at r * columns. An element that is no token,
 * below 0 or above 2147483647, is an error that names its place. */
int npy_read(npy_t *array, int64_t first, int64_t n, int32_t *out);
void npy_close(npy_t *array); // accepts NULL

#endif
