/* The zstd seekable format: writing and reading of its table, checked decoding of one frame. See seekable.h. */
#include "text/seekable.h"
#include "base/err.h"
#include "base/hash.h"
#include "base/mem.h"
#include "text/bytes.h"
#include <xxhash.h>

enum {
    SKIPPABLE_HEAD = 8, // magic and size of a skippable frame
    ENTRY = 12,
    FOOTER = 9,
    FINGERPRINT = 8,
    CHECKSUMS_PRESENT = 0x80,
};
static const uint32_t FINGERPRINT_MAGIC = 0x184D2A5Du;
static const uint32_t TABLE_MAGIC = 0x184D2A5Eu;
static const uint32_t SEEKABLE_MAGIC = 0x8F92EAB1u;

static uint32_t content_checksum(const void *content, size_t bytes) {
    return (uint32_t)XXH64(content, bytes, 0);
}

static uint64_t packed_fingerprint(const void *packed, size_t bytes) {
    return XXH3_64bits(packed, bytes);
}

int seek_table_add(seek_table_t *table, const void *content, size_t content_bytes, const void *packed,
                   size_t packed_bytes) {
    if (table->frames >= SEEK_FRAMES_MAX - 1 || content_bytes > UINT32_MAX || packed_bytes > UINT32_MAX) {
        return err_set("a seekable file has at most %d frames of 4 GiB: split the input file", SEEK_FRAMES_MAX - 1);
    }
    TRY(mem_grow(&table->frame, &table->capacity, table->frames + 1, sizeof *table->frame, "seek table"));
    table->frame[table->frames++] = (seek_frame_t){
        .offset = table->packed,
        .packed = (uint32_t)packed_bytes,
        .content = (uint32_t)content_bytes,
        .checksum = content_checksum(content, content_bytes),
        .fingerprint = packed_fingerprint(packed, packed_bytes),
    };
    table->packed += (int64_t)packed_bytes;
    return 0;
}

static uint8_t *put_entry(uint8_t *p, uint32_t packed, uint32_t content, uint32_t checksum) {
    return bytes_put_u32(bytes_put_u32(bytes_put_u32(p, packed), content), checksum);
}

int seek_table_render(const seek_table_t *table, uint8_t **tail, size_t *bytes) {
    int64_t n = table->frames;
    int64_t fingerprints = SKIPPABLE_HEAD + FINGERPRINT * n;
    int64_t entries = SKIPPABLE_HEAD + ENTRY * (n + 1) + FOOTER;
    *bytes = (size_t)(fingerprints + entries);
    *tail = mem_new(fingerprints + entries, 1, "seek table");
    if (*tail == NULL) return -1;

    uint8_t *p = bytes_put_u32(bytes_put_u32(*tail, FINGERPRINT_MAGIC), (uint32_t)(FINGERPRINT * n));
    for (int64_t i = 0; i < n; i++) p = bytes_put_u64(p, table->frame[i].fingerprint);

    p = bytes_put_u32(bytes_put_u32(p, TABLE_MAGIC), (uint32_t)(entries - SKIPPABLE_HEAD));
    for (int64_t i = 0; i < n; i++) {
        p = put_entry(p, table->frame[i].packed, table->frame[i].content, table->frame[i].checksum);
    }
    p = put_entry(p, (uint32_t)fingerprints, 0, content_checksum(NULL, 0));
    p = bytes_put_u32(p, (uint32_t)(n + 1));
    *p++ = CHECKSUMS_PRESENT;
    bytes_put_u32(p, SEEKABLE_MAGIC);
    return 0;
}

static int damaged(const char *path, const char *what) {
    return err_set("%s: %s: the file is damaged or cut short; make it again", path, what);
}

/* The entries, from `entry` on, of a table whose place and size were checked. */
static int parse_entries(const char *path, const uint8_t *file, size_t table_at, const uint8_t *entry,
                         seek_table_t *table) {
    int64_t n = table->frames;
    for (int64_t i = 0; i < n; i++, entry += ENTRY) {
        table->frame[i] = (seek_frame_t){
            .offset = table->packed,
            .packed = bytes_get_u32(entry),
            .content = bytes_get_u32(entry + 4),
            .checksum = bytes_get_u32(entry + 8),
        };
        table->packed += table->frame[i].packed;
    }
    int64_t fingerprints = SKIPPABLE_HEAD + FINGERPRINT * n;
    if (table->packed + fingerprints != (int64_t)table_at) {
        return damaged(path, "the frames of its seek table do not fill the file");
    }
    if (bytes_get_u32(entry) != fingerprints || bytes_get_u32(entry + 4) != 0 ||
        bytes_get_u32(entry + 8) != content_checksum(NULL, 0)) {
        return damaged(path, "the last entry of its seek table is not the list of fingerprints");
    }
    const uint8_t *list = file + table->packed;
    if (bytes_get_u32(list) != FINGERPRINT_MAGIC || bytes_get_u32(list + 4) != FINGERPRINT * n) {
        return damaged(path, "no list of fingerprints where its seek table says");
    }
    for (int64_t i = 0; i < n; i++) {
        table->frame[i].fingerprint = bytes_get_u64(list + SKIPPABLE_HEAD + FINGERPRINT * i);
    }
    return 0;
}

int seek_table_parse(const char *path, const uint8_t *file, size_t bytes, seek_table_t *table) {
    *table = (seek_table_t){0};
    if (bytes < SKIPPABLE_HEAD + ENTRY + FOOTER || bytes_get_u32(file + bytes - 4) != SEEKABLE_MAGIC) {
        return damaged(path, "no seek table at its end");
    }
    const uint8_t *footer = file + bytes - FOOTER;
    uint32_t entries = bytes_get_u32(footer);
    if (footer[4] != CHECKSUMS_PRESENT || entries == 0 || entries > SEEK_FRAMES_MAX) {
        return damaged(path, "the footer of its seek table is not one of ours");
    }
    size_t size = SKIPPABLE_HEAD + (size_t)ENTRY * entries + FOOTER;
    if (size > bytes) return damaged(path, "its seek table is larger than the file");
    const uint8_t *head = file + bytes - size;
    if (bytes_get_u32(head) != TABLE_MAGIC || bytes_get_u32(head + 4) != size - SKIPPABLE_HEAD) {
        return damaged(path, "no seek table where its footer says");
    }
    table->frames = table->capacity = (int64_t)entries - 1;
    table->frame = mem_new(table->frames, sizeof *table->frame, "seek table");
    if (table->frame == NULL) return -1;
    return parse_entries(path, file, bytes - size, head + SKIPPABLE_HEAD, table);
}

void seek_table_free(seek_table_t *table) {
    mem_free(table->frame);
    *table = (seek_table_t){0};
}

int seek_frame_decode(const char *path, const uint8_t *file, const seek_table_t *table, int64_t i, ZSTD_DCtx *decoder,
                      void *content) {
    const seek_frame_t *f = &table->frame[i];
    const uint8_t *packed = file + f->offset;
    if (packed_fingerprint(packed, f->packed) != f->fingerprint) {
        return err_set("%s: frame %lld (at byte %lld) is damaged; make the file again", path, (long long)i,
                       (long long)f->offset);
    }
    size_t got = ZSTD_decompressDCtx(decoder, content, f->content, packed, f->packed);
    if (ZSTD_isError(got)) {
        return err_set("%s: frame %lld (at byte %lld) does not decode (zstd: %s); make the file again", path,
                       (long long)i, (long long)f->offset, ZSTD_getErrorName(got));
    }
    if (got != f->content || content_checksum(content, got) != f->checksum) {
        return err_set("%s: frame %lld (at byte %lld) decodes to something else than was written; make the file again",
                       path, (long long)i, (long long)f->offset);
    }
    return 0;
}
