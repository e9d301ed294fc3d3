/* Bytes of token shards: the description, a frame, the document table. In a real file hashes stand before these
 * parsers; here they meet the bytes directly. The first byte says which. The seek table has a fuzzer of its own,
 * fuzz_seek_table. */
#include "base/err.h"
#include "base/mem.h"
#include "text/bytes.h"
#include "text/doctable.h"
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

/* Bytes that are a frame with a checksum, under a table that says so: the decoder sees them. What decodes has the
 * content that its own checksum names. */
static void decode_frame(const uint8_t *data, size_t bytes) {
    static uint8_t content[5000], again[5000];
    if (bytes < 9 || bytes_get_u32(data) != ZSTD_MAGICNUMBER || (data[4] & 4) == 0 ||
        ZSTD_findFrameCompressedSize(data, bytes) != bytes) {
        return;
    }
    seek_out_t out = {0};
    seek_table_t table;
    uint8_t *tail = NULL;
    size_t tail_bytes = 0;
    unsigned long long size = ZSTD_getFrameContentSize(data, bytes);
    if (size > sizeof content) size = sizeof content;
    if (seek_out_add(&out, data, bytes, size) != 0 || seek_out_render(&out, &tail, &tail_bytes) != 0) abort();
    uint8_t *file = malloc(bytes + tail_bytes);
    if (file == NULL) abort();
    memcpy(file, data, bytes);
    memcpy(file + bytes, tail, tail_bytes);
    if (seek_table_parse("fuzz.tok.zst", file, bytes + tail_bytes, &table) != 0 || table.frames != 1) abort();
    ZSTD_DCtx *decoder = ZSTD_createDCtx();
    if (decoder != NULL && seek_frame_decode("fuzz.tok.zst", file, &table, 0, decoder, content) == 0) {
        if (ZSTD_decompress(again, sizeof again, data, bytes) != size || memcmp(content, again, size) != 0) abort();
    }
    ZSTD_freeDCtx(decoder);
    free(file);
    mem_free(tail);
    seek_out_free(&out);
}

/* In a table that parses every text ends, every token has its document, and documents follow each other. */
static void parse_documents(const uint8_t *data, size_t bytes) {
    doctable_t table;
    if (doctable_parse("fuzz.docs", data, bytes, &table) != 0) return;
    size_t texts = 0;
    for (int64_t i = 0; i < table.documents; i++) {
        int64_t first = doctable_first(&table, i), next = doctable_first(&table, i + 1);
        if (first >= next || doctable_find(&table, first) != i || doctable_find(&table, next - 1) != i) abort();
        texts +=
            strlen(doctable_id(&table, i)) + strlen(doctable_source(&table, i)) + strlen(doctable_family(&table, i));
    }
    if (texts > 3 * bytes * (size_t)(table.documents + 1)) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes) {
    static void (*const parse[])(const uint8_t *, size_t) = {parse_meta, decode_frame, parse_documents};
    if (bytes < 1) return 0;
    uint8_t *exact = malloc(bytes > 1 ? bytes - 1 : 1); // so that a byte read behind the end is seen
    if (exact == NULL) abort();
    memcpy(exact, data + 1, bytes - 1);
    parse[data[0] % 3](exact, bytes - 1);
    free(exact);
    return 0;
}
