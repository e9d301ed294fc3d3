/* Opening and checking the blocks of a suffix index. See suffix_file.h. */
#include "index/suffix_file.h"
#include "base/err.h"
#include "base/hash.h"
#include "base/mem.h"
#include <string.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "blocks are mapped as they are, little-endian");

static int64_t aligned(int64_t bytes) {
    return (bytes + SUFFIX_ALIGN - 1) / SUFFIX_ALIGN * SUFFIX_ALIGN;
}

suffix_layout_t suffix_layout(const suffix_head_t *head) {
    suffix_layout_t at;
    at.starts = SUFFIX_ALIGN;
    at.text = at.starts + aligned(4 * (head->vocab + 1));
    at.order = at.text + aligned(head->width * head->tokens);
    at.checks = at.order + aligned(4 * head->suffixes);
    at.pieces = (at.checks + SUFFIX_PIECE - 1) / SUFFIX_PIECE;
    at.seal = at.checks + 8 * at.pieces;
    at.bytes = at.seal + 8;
    return at;
}

char *suffix_path(const char *dir, int64_t block) {
    return mem_printf("%s/%05lld.sfx", dir, (long long)block);
}

int suffix_corpus_hash(const char *corpus_dir, uint64_t *hash) {
    char *path = mem_printf("%s/shards.csv", corpus_dir);
    hash_t whole;
    int rc = path ? hash_file(path, &whole) : -1;
    *hash = whole.lo;
    mem_free(path);
    return rc;
}

static int damaged(const suffix_block_t *b, const char *what) {
    return err_set("%s: %s: the file is damaged or cut short; remove it and run memprobe index again", b->path, what);
}

int suffix_verify(suffix_block_t *b, int64_t piece) {
    int64_t from = piece * SUFFIX_PIECE, to = from + SUFFIX_PIECE < b->at.checks ? from + SUFFIX_PIECE : b->at.checks;
    if (hash_bytes(b->file.data + from, (size_t)(to - from), 0).lo != b->check[piece])
        return damaged(b, "a part of it differs from what was written");
    b->seen[piece] = 1;
    return 0;
}

/* Sizes are bounded before anything is computed from them. */
static int head_check(const suffix_block_t *b) {
    const suffix_head_t *h = &b->head;
    if (memcmp(h->magic, "MPSUFFIX", 8) != 0) return err_set("%s: not a block of a suffix index", b->path);
    if (h->version != SUFFIX_VERSION)
        return err_set("%s: version %u of the suffix index, not %d; remove the folder and run memprobe index again",
                       b->path, h->version, SUFFIX_VERSION);
    int sizes_fit = (h->width == 2 || h->width == 4) && h->vocab > 0 && h->vocab < INT32_MAX && h->tokens > 0 &&
                    h->tokens <= SUFFIX_BLOCK_MOST && h->suffixes >= 0 && h->suffixes <= h->tokens && h->first >= 0 &&
                    h->first < INT64_MAX / 2 && (h->width == 4 || h->vocab <= UINT16_MAX);
    if (!sizes_fit || suffix_layout(h).bytes != (int64_t)b->file.size) return damaged(b, "its head does not fit it");
    return 0;
}

/* The table of first tokens must be one: everything else is found through it. */
static int starts_check(suffix_block_t *b) {
    for (int64_t piece = 0; piece <= (b->at.text - 1) / SUFFIX_PIECE; piece++) TRY(suffix_verify(b, piece));
    uint32_t before = 0;
    for (int64_t t = 0; t <= b->head.vocab; t++) {
        if (b->starts[t] < before) return damaged(b, "its table of first tokens does not rise");
        before = b->starts[t];
    }
    if (b->starts[0] == 0 && before == b->head.suffixes) return 0;
    return damaged(b, "its table of first tokens does not cover its suffixes");
}

int suffix_block_parse(suffix_block_t *b) {
    if (b->file.size < sizeof b->head) return damaged(b, "it has no head");
    memcpy(&b->head, b->file.data, sizeof b->head);
    TRY(head_check(b));
    b->at = suffix_layout(&b->head);
    b->starts = (const uint32_t *)(const void *)(b->file.data + b->at.starts);
    b->order = (const uint32_t *)(const void *)(b->file.data + b->at.order);
    b->check = (const uint64_t *)(const void *)(b->file.data + b->at.checks);
    if (b->head.width == 2)
        b->text16 = (const uint16_t *)(const void *)(b->file.data + b->at.text);
    else
        b->text32 = (const uint32_t *)(const void *)(b->file.data + b->at.text);
    uint64_t seal;
    memcpy(&seal, b->file.data + b->at.seal, sizeof seal);
    if (hash_bytes(b->check, (size_t)(8 * b->at.pieces), 0).lo != seal) return damaged(b, "its checks differ");
    b->seen = mem_new(b->at.pieces, 1, "checks of a suffix index");
    return b->seen ? starts_check(b) : -1;
}

static int open_block(const char *dir, int64_t number, uint64_t corpus, suffix_block_t *b) {
    b->path = suffix_path(dir, number);
    if (!b->path) return -1;
    TRY(file_map(b->path, &b->file));
    TRY(suffix_block_parse(b));
    if (b->head.corpus == corpus && b->head.block == number) return 0;
    return err_set("%s: made from another corpus, or another block; remove the folder and run memprobe index again",
                   b->path);
}

static int exists(const char *dir, int64_t block) {
    char *path = suffix_path(dir, block);
    int found = path && file_exists(path);
    mem_free(path);
    return found;
}

static int open_blocks(const char *corpus_dir, const char *dir, suffix_t *index) {
    uint64_t corpus;
    int64_t blocks = 0, position = 0;
    if (!artifact_is_done(dir))
        return err_set("%s: there is no finished suffix index; make it: memprobe index %s", dir, corpus_dir);
    TRY(suffix_corpus_hash(corpus_dir, &corpus));
    while (blocks < INT32_MAX && exists(dir, blocks)) blocks++;
    index->block = mem_new(blocks, sizeof *index->block, "blocks of a suffix index");
    if (!index->block) return -1;
    for (; index->blocks < blocks; index->blocks++) {
        suffix_block_t *b = &index->block[index->blocks];
        if (open_block(dir, index->blocks, corpus, b) != 0) {
            index->blocks++; // to be closed
            return -1;
        }
        if (b->head.first != position)
            return err_set(
                "%s: does not begin where the block before it ends; remove the folder and run memprobe index "
                "again",
                b->path);
        position += b->head.tokens;
    }
    tokens_t *tokens;
    TRY(tokens_open(corpus_dir, &tokens));
    int64_t all = tokens_count(tokens);
    tokens_close(tokens);
    if (position == all) return 0;
    return err_set("%s: its blocks cover %lld of %lld tokens: a block is missing; run memprobe index again", dir,
                   (long long)position, (long long)all);
}

int suffix_open(const char *corpus_dir, const char *dir, suffix_t **index) {
    suffix_t *x = mem_new(1, sizeof *x, "suffix index");
    if (!x) return -1;
    if (open_blocks(corpus_dir, dir, x) != 0) {
        suffix_close(x);
        return -1;
    }
    *index = x;
    return 0;
}

void suffix_close(suffix_t *x) {
    if (!x) return;
    for (int32_t i = 0; i < x->blocks; i++) {
        file_unmap(&x->block[i].file);
        mem_free(x->block[i].path);
        mem_free(x->block[i].seen);
    }
    mem_free(x->block);
    mem_free(x);
}

int32_t suffix_blocks(const suffix_t *index) {
    return index->blocks;
}

int32_t suffix_vocab(const suffix_t *index) {
    return index->blocks > 0 ? (int32_t)index->block[0].head.vocab : 0;
}

void suffix_span(const suffix_t *index, int32_t block, int64_t *first, int64_t *tokens) {
    *first = index->block[block].head.first;
    *tokens = index->block[block].head.tokens;
}
