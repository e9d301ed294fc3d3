/* Packed files for tests, written by the libraries themselves. */
#ifndef MEMPROBE_TEST_PACKED_H
#define MEMPROBE_TEST_PACKED_H
#include "scratch.h"
#include <stdio.h>
#include <zlib.h>
#include <zstd.h>

static inline void put_bytes(const char *path, const char *mode, const void *data, size_t bytes) {
    FILE *out = fopen(path, mode);
    assert_non_null(out);
    assert_int_equal(fwrite(data, 1, bytes, out), bytes);
    assert_int_equal(fclose(out), 0);
}

/* Without waiting for the disk, as file_write would. */
static inline void write_bytes(const char *path, const void *data, size_t bytes) {
    put_bytes(path, "wb", data, bytes);
}

static inline void append_bytes(const char *path, const void *data, size_t bytes) {
    put_bytes(path, "ab", data, bytes);
}

/* One gzip member or zstd frame behind what the file holds. */

static inline void append_gzip(const char *path, const char *text, size_t bytes) {
    gzFile out = gzopen(path, "ab6");
    assert_non_null(out);
    if (bytes > 0) assert_int_equal(gzwrite(out, text, (unsigned)bytes), bytes);
    assert_int_equal(gzclose(out), Z_OK);
}

static inline void append_zstd(const char *path, const char *text, size_t bytes) {
    size_t most = ZSTD_compressBound(bytes);
    void *packed = mem_new((int64_t)most, 1, "test");
    size_t n = ZSTD_compress(packed, most, text, bytes, 1);
    assert_false(ZSTD_isError(n));
    append_bytes(path, packed, n);
    mem_free(packed);
}

/* The same text in three files; the packed ones in several frames or members. */
static inline void write_packings(const char *const path[3], const char *text, size_t bytes) {
    write_bytes(path[0], text, bytes);
    for (int packing = 1; packing < 3; packing++) {
        write_bytes(path[packing], "", 0);
        for (int piece = 0; piece < 3; piece++) {
            size_t first = bytes * (size_t)piece / 3, last = bytes * (size_t)(piece + 1) / 3;
            (packing == 1 ? append_zstd : append_gzip)(path[packing], text + first, last - first);
        }
    }
}

#endif
