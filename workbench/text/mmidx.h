/* The index of a Megatron / GPT-NeoX data set, PREFIX.idx, beside the tokens in PREFIX.bin. Private to text/.
 *
 *     0   9 bytes   "MMIDIDX" 0 0
 *     9   u64       version, 1
 *     17  u8        type of the tokens: 1 u8, 2 i8, 3 i16, 4 i32, 5 i64, 8 u16
 *     18  u64       n, sequences
 *     26  u64       d, documents + 1
 *     34  i32 x n   tokens of each sequence
 *         i64 x n   byte of PREFIX.bin where it begins
 *         i64 x d   sequence with which each document begins; the last one is n
 *
 * All little-endian. A data set with pictures adds a byte a sequence. */
#ifndef MEMPROBE_MMIDX_H
#define MEMPROBE_MMIDX_H
#include <stddef.h>
#include <stdint.h>

typedef struct {
    int64_t sequences, documents;
    int32_t width, is_signed;
    int64_t bin_bytes;
    const uint8_t *lengths, *pointers, *starts; // in the bytes that were parsed
} mmidx_t;

/* The head, the sizes and the ends of the three lists, in time that does not depend on their length. path: of the
 * index, for messages; bin_bytes: of PREFIX.bin. */
int mmidx_parse(const char *path, const uint8_t *data, size_t bytes, int64_t bin_bytes, mmidx_t *index);
/* Where document k begins, in tokens, and how many it has; everything that the index says of it is checked. most: more
 * tokens than that are not counted further. */
int mmidx_document(const mmidx_t *index, const char *path, int64_t k, int64_t most, int64_t *first, int64_t *n);

#endif
