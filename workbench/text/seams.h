/* Where a word of bytes can be cut before it is merged. Merges join neighbours, so where no merge can have two
 * characters side by side, the last of its left half and the first of its right, nothing crosses the seam between them,
 * and the parts merge for themselves to the same tokens. Vocabularies know few of the pairs of characters that scripts
 * beyond ASCII have: long words of theirs, and whole sentences of those that write no spaces, fall into parts of a
 * character or two, which are few, so that they come out of a cache. */
#ifndef MEMPROBE_SEAMS_H
#define MEMPROBE_SEAMS_H
#include <stddef.h>
#include <stdint.h>

/* Pairs are told apart by a hash: where it takes one for another, a seam is missed, which changes no token. */
typedef struct {
    uint64_t *joined;   // 2^(64 - shift) bits, set for the pairs that some merge joins; NULL: no seam is known
    int32_t shift;      //
    uint64_t torn[256]; // [last byte of a character], bit of the first byte of the next: some merge joins parts of them
} seams_t;              // zero it before the first use

/* Reads the merges pair[i] (pair_key of two tokens) to merged[i]. byte_id: the token of each byte, -1: none. Where two
 * texts have one token there are no seams. */
int seams_find(seams_t *seams, const int32_t byte_id[256], const uint64_t *pair, const int32_t *merged, int64_t merges);
void seams_free(seams_t *seams); // accepts a zeroed one

/* The parts of a word from `at` on (at < bytes; the start of a part), at most that many: returns how many, and where
 * each one ends. Bytes that are not UTF-8 have no seams. */
int32_t seams_cut(const seams_t *seams, const uint8_t *word, size_t at, size_t bytes, size_t *end, int32_t most);

#endif
