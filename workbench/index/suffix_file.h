/* The file of a block of the suffix index. Private to index/suffix*.c. Little-endian; sections start at multiples of
 * 64:
 *
 *     head      the fields of suffix_head_t
 *     starts    (vocab + 1) u32: the suffixes that begin with token t are starts[t] .. starts[t+1]-1 of the order
 *     text      (tokens) u16 or u32; what stands behind each document is `vocab`, larger than any token
 *     order     (suffixes) u32: where in the text the i-th smallest suffix starts; none starts at the end of a document
 *     checks    u64: XXH3 of each 64 KiB of all the above, the last piece shorter
 *     seal      u64: XXH3 of the checks */
#ifndef MEMPROBE_SUFFIX_FILE_H
#define MEMPROBE_SUFFIX_FILE_H
#include "base/file.h"
#include "index/suffix.h"
#include <stdint.h>

enum { SUFFIX_VERSION = 1, SUFFIX_PIECE = 1 << 16, SUFFIX_ALIGN = 64 };

typedef struct {
    char magic[8]; // "MPSUFFIX"
    uint32_t version, width;
    uint64_t corpus; // hash of the shards.csv of the corpus
    int64_t block, vocab;
    int64_t first;    // position of the block's first token in the corpus
    int64_t tokens;   // with the ends of documents
    int64_t suffixes; // without them
} suffix_head_t;
_Static_assert(sizeof(suffix_head_t) == SUFFIX_ALIGN, "the head is as it stands in the file");

/* Where sections begin, in bytes. */
typedef struct {
    int64_t starts, text, order, checks, pieces, seal, bytes;
} suffix_layout_t;
suffix_layout_t suffix_layout(const suffix_head_t *head);

/* One block, mapped. */
typedef struct {
    char *path;
    file_map_t file;
    suffix_head_t head;
    suffix_layout_t at;
    const uint32_t *starts, *order;
    const uint16_t *text16; // one of these two
    const uint32_t *text32;
    const uint64_t *check;
    uint8_t *seen; // (pieces) 1: compared with its check
} suffix_block_t;

struct suffix {
    int32_t blocks;
    suffix_block_t *block;
};

/* Fills a block of which path and file are set, and checks what all else rests on. Release seen with mem_free. */
int suffix_block_parse(suffix_block_t *b);

char *suffix_path(const char *dir, int64_t block); // mem_free
int suffix_corpus_hash(const char *corpus_dir, uint64_t *hash);
int suffix_verify(suffix_block_t *b, int64_t piece); // compares a piece; message when it differs

/* Before bytes [byte, byte + n) are used, n at most a piece. */
static inline int suffix_touch(suffix_block_t *b, int64_t byte, int64_t n) {
    int64_t from = byte / SUFFIX_PIECE, to = (byte + n - 1) / SUFFIX_PIECE;
    if (!b->seen[from] && suffix_verify(b, from) != 0) return -1;
    return b->seen[to] ? 0 : suffix_verify(b, to);
}

static inline uint32_t suffix_token(const suffix_block_t *b, int64_t i) {
    return b->text16 ? b->text16[i] : b->text32[i];
}

#endif
