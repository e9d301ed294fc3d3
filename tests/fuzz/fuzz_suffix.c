/* A block of the suffix index whose checksums are right and whose content is anything: opening it and every kind of
 * search stay within it and come to an end. The input is the head, then the sections as they stand in the file; what is
 * too short is filled with zeros, so that sizes in the head need not match by luck. */
#include "base/err.h"
#include "base/hash.h"
#include "base/mem.h"
#include "index/suffix_file.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

enum { MOST = 1 << 18, QUERIES = 40, TOKENS = 6 };

/* The file that the input asks for; NULL when it would be large or is none. */
static uint8_t *make_file(const uint8_t *data, size_t bytes, size_t *size) {
    suffix_head_t head;
    if (bytes < sizeof head) return NULL;
    memcpy(&head, data, sizeof head);
    memcpy(head.magic, "MPSUFFIX", 8);
    head.version = SUFFIX_VERSION;
    if (head.vocab < 0 || head.vocab > MOST || head.tokens < 0 || head.tokens > MOST || head.suffixes < 0 ||
        head.suffixes > MOST || head.width > 4)
        return NULL;
    suffix_layout_t at = suffix_layout(&head);
    if (at.bytes > MOST) return NULL;
    uint8_t *file = aligned_alloc(SUFFIX_ALIGN, (size_t)at.bytes / SUFFIX_ALIGN * SUFFIX_ALIGN + SUFFIX_ALIGN);
    if (!file) abort();
    size_t given = bytes < (size_t)at.checks ? bytes : (size_t)at.checks;
    memset(file, 0, (size_t)at.bytes);
    memcpy(file, data, given);
    memcpy(file, &head, sizeof head);
    for (int64_t piece = 0; piece < at.pieces; piece++) {
        int64_t from = piece * SUFFIX_PIECE, n = at.checks - from < SUFFIX_PIECE ? at.checks - from : SUFFIX_PIECE;
        uint64_t check = hash_bytes(file + from, (size_t)n, 0).lo;
        memcpy(file + at.checks + 8 * piece, &check, sizeof check);
    }
    uint64_t seal = hash_bytes(file + at.checks, (size_t)(8 * at.pieces), 0).lo;
    memcpy(file + at.seal, &seal, sizeof seal);
    *size = (size_t)at.bytes;
    return file;
}

static void search(suffix_t *index) {
    int32_t text[QUERIES + TOKENS], vocab = suffix_vocab(index);
    const suffix_block_t *b = &index->block[0];
    suffix_query_t query[QUERIES];
    suffix_range_t range[QUERIES];
    int64_t longest[QUERIES], at[QUERIES], position[64];
    for (int i = 0; i < QUERIES + TOKENS; i++)
        text[i] = i % 8 == 7 ? i % 3 - 1 + vocab * (i % 2) : (int32_t)suffix_token(b, i * 5 % b->head.tokens);
    for (int i = 0; i < QUERIES; i++) query[i] = (suffix_query_t){text + i, 1 + i % TOKENS};
    if (suffix_find(index, 0, query, QUERIES, range) == 0) {
        for (int i = 0; i < QUERIES; i++) {
            int64_t n = range[i].high - range[i].low;
            if (range[i].low < 0 || n < 0 || range[i].high > b->head.suffixes) abort();
            if (suffix_positions(index, 0, range[i].low, n < 64 ? n : 64, position) != 0) continue;
            for (int64_t k = 0; k < n && k < 64; k++)
                if (position[k] < b->head.first || position[k] >= b->head.first + b->head.tokens) abort();
        }
    }
    if (suffix_longest(index, 0, text, QUERIES, longest, at) == 0) {
        for (int i = 0; i < QUERIES; i++)
            if (longest[i] < 0 || longest[i] > QUERIES - i) abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes) {
    size_t size;
    uint8_t *file = make_file(data, bytes, &size);
    if (!file) return 0;
    char path[] = "fuzz.sfx";
    suffix_block_t block = {.path = path, .file = {file, size}};
    suffix_t index = {1, &block};
    if (suffix_block_parse(&block) == 0) search(&index);
    mem_free(block.seen);
    free(file);
    return 0;
}
