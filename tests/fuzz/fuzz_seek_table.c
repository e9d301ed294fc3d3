/* The end of a seekable file: any bytes as a file whose table is looked for. A table that parses lies inside its file,
 * renders to the bytes it was read from, and every frame of it may be asked for. */
#include "base/err.h"
#include "base/mem.h"
#include "text/seekable.h"
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static void check_table(const uint8_t *file, size_t bytes, const seek_table_t *table) {
    seek_out_t again = {.frames = table->frames, .packed = table->packed};
    again.frame = mem_new(table->frames, sizeof *again.frame, "fuzz");
    if (again.frame == NULL) abort();
    for (int64_t i = 0; i < table->frames; i++) {
        const seek_frame_t f = seek_table_frame(table, i);
        if (f.offset < 0 || f.offset + f.packed > table->packed || table->packed > (int64_t)bytes) abort();
        again.frame[i] = f;
    }
    uint8_t *tail = NULL;
    size_t tail_bytes = 0;
    if (seek_out_render(&again, &tail, &tail_bytes) != 0) abort();
    if ((size_t)table->packed + tail_bytes != bytes || memcmp(tail, file + table->packed, tail_bytes) != 0) abort();
    mem_free(tail);
    seek_out_free(&again);
}

static void decode_frames(const uint8_t *file, const seek_table_t *table) {
    ZSTD_DCtx *decoder = ZSTD_createDCtx();
    for (int64_t i = 0; decoder != NULL && i < table->frames; i++) {
        uint32_t content = seek_table_frame(table, i).content;
        if (content > 1 << 20) continue; // tokens.c wants a frame's size to be what the shard says, before it decodes
        uint8_t *out = malloc(content + 1u);
        if (out != NULL) seek_frame_decode("fuzz.tok.zst", file, table, i, decoder, out);
        free(out);
    }
    ZSTD_freeDCtx(decoder);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes) {
    uint8_t *file = malloc(bytes + 1); // aligned otherwise than the fuzzer's buffer
    if (file == NULL) abort();
    if (bytes > 0) memcpy(file + 1, data, bytes);
    seek_table_t table;
    if (seek_table_parse("fuzz.tok.zst", file + 1, bytes, &table) == 0) {
        check_table(file + 1, bytes, &table);
        decode_frames(file + 1, &table);
    }
    free(file);
    return 0;
}
