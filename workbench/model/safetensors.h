/* The safetensors format, read and written. A file is: u64 little-endian N, N bytes of JSON that say name, dtype, shape
 * and byte range of every tensor, then the data. Every byte is taken as hostile: a file is accepted only when the
 * tensors tile the data without gap or overlap and end where the file ends. Nothing here knows what a model is. */
#ifndef MEMPROBE_SAFETENSORS_H
#define MEMPROBE_SAFETENSORS_H
#include <stddef.h>
#include <stdint.h>

enum { SAFETENSORS_RANK = 8, SAFETENSORS_SHAPE_TEXT = 200 };

typedef struct {
    const char *name;
    const char *dtype; // "F32", "BF16", ...
    int32_t rank;      // 0: a scalar
    int64_t shape[SAFETENSORS_RANK];
    int64_t elements;
    int64_t begin, end; // bytes, from the start of the data
} safetensors_entry_t;

typedef struct safetensors safetensors_t;

int safetensors_open(const char *path, safetensors_t **file); // maps the file and checks it
/* The same for bytes in memory, which must outlive the result; `name` is for messages. */
int safetensors_parse(const uint8_t *bytes, size_t size, const char *name, safetensors_t **file);
void safetensors_close(safetensors_t *file); // accepts NULL

const char *safetensors_path(const safetensors_t *file);
int32_t safetensors_count(const safetensors_t *file);
const safetensors_entry_t *safetensors_at(const safetensors_t *file, int32_t index);      // in byte order of the names
const safetensors_entry_t *safetensors_find(const safetensors_t *file, const char *name); // NULL when absent
/* "F32 [3072, 1024]", for messages. */
char *safetensors_print_shape(char text[SAFETENSORS_SHAPE_TEXT], const char *dtype, int32_t rank, const int64_t *shape);

/* n elements from element `first` on, as floats. F32, F16 and BF16 (all of whose values a float holds exactly). */
int safetensors_read(const safetensors_t *file, const safetensors_entry_t *entry, int64_t first, int64_t n, float *out);

/* Gives the pages of a mapped file back; reading brings them in again. */
void safetensors_forget(const safetensors_t *file);

/* Writing F32 tensors: name, rank and shape of all are given first (the rest of the entry is filled in), then the
 * data of all in that order. The same input gives the same bytes. format: "pt" goes to the metadata, NULL for none. */
typedef struct safetensors_out safetensors_out_t;
int safetensors_create(const char *path, const char *format, int32_t n, safetensors_entry_t *entries,
                       safetensors_out_t **out);
int safetensors_write(safetensors_out_t *out, const float *data, int64_t n);
int safetensors_commit(safetensors_out_t *out); // releases out; an error when data are missing
void safetensors_abort(safetensors_out_t *out); // accepts NULL

#endif
