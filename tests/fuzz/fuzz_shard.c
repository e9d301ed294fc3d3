/* Bytes of token shards: the description, the seek table and a frame. In a real file hashes stand before these parsers;
 * here they meet the bytes directly. The first byte says which. */
#include "base/err.h"
#include "base/mem.h"
#include "text/seekable.h"
#include "text/shard.h"
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static void parse_meta(const uint8_t *data, size_t bytes) {
    shard_meta_t meta;
    if (shard_meta_parse("fuzz.json", (const char *)data, bytes, &meta) == 0) {
        char *again = NULL;
        if (shard_meta_render(&meta, &again) != 0 || strlen(again) != bytes || memcmp(again, data, bytes) != 0) abort();
        mem_free(again);
    }
}

/* A table that parses lies inside its file, and renders to the bytes it was read from. */
static void parse_table(const uint8_t *data, size_t bytes) {
    seek_table_t table;
    if (seek_table_parse("fuzz.tok.zst", data, bytes, &table) == 0) {
        uint8_t *tail = NULL;
        size_t tail_bytes = 0;
        if (seek_table_render(&table, &tail, &tail_bytes) != 0) abort();
        if ((size_t)table.packed + tail_bytes != bytes || memcmp(tail, data + table.packed, tail_bytes) != 0) abort();
        mem_free(tail);
        ZSTD_DCtx *decoder = ZSTD_createDCtx();
        for (int64_t i = 0; decoder && i < table.frames && table.frame[i].content <= 1 << 20; i++) {
            uint8_t *content = malloc(table.frame[i].content + 1u);
            seek_frame_decode("fuzz.tok.zst", data, &table, i, decoder, content);
            free(content);
        }
        ZSTD_freeDCtx(decoder);
    }
    seek_table_free(&table);
}

/* Any bytes as a frame whose fingerprint is right: the decoder sees them. */
static void decode_frame(const uint8_t *data, size_t bytes) {
    static const char content[5000];
    seek_table_t table = {0};
    if (seek_table_add(&table, content, sizeof content, data, bytes) != 0) abort();
    ZSTD_DCtx *decoder = ZSTD_createDCtx();
    uint8_t *out = malloc(sizeof content);
    if (decoder && out && seek_frame_decode("fuzz.tok.zst", data, &table, 0, decoder, out) == 0 &&
        memcmp(out, content, sizeof content) != 0) {
        abort();
    }
    free(out);
    ZSTD_freeDCtx(decoder);
    seek_table_free(&table);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes) {
    static void (*const parse[])(const uint8_t *, size_t) = {parse_meta, parse_table, decode_frame};
    if (bytes < 1) return 0;
    parse[data[0] % 3](data + 1, bytes - 1);
    return 0;
}
