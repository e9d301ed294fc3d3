/* The zstd seekable format: writing and reading of its table, checked decoding of one frame. See seekable.h. */
#include "text/seekable.h"
#include "base/err.h"
#include "base/mem.h"
#include "text/bytes.h"
#include <assert.h>
#include <xxhash.h>

enum {
    SKIPPABLE_HEAD = 8, // magic and size of a skippable frame
    PLACE = 16,
    ENTRY = 12,
    FOOTER = 9,
    CHECKSUMS_PRESENT = 0x80,
    /* of a zstd frame (RFC 8878, 3.1.1) */
    FRAME_DESCRIPTOR = 4, // its place, behind the magic
    FRAME_CHECKSUM_FLAG = 4,
    FRAME_CHECKSUM = 4, // bytes at its end
    FRAME_LEAST = 9,    // bytes
};
static const uint32_t PLACES_MAGIC = 0x184D2A5Du;
static const uint32_t TABLE_MAGIC = 0x184D2A5Eu;
static const uint32_t SEEKABLE_MAGIC = 0x8F92EAB1u;
static const uint32_t CHECKSUM_OF_NOTHING = 0x51D8E999u; // low half of XXH64

/* A frame with a checksum; *checksum is the one it carries. */
static int frame_checksum(const uint8_t *packed, size_t bytes, uint32_t *checksum) {
    if (bytes < FRAME_LEAST || bytes_get_u32(packed) != ZSTD_MAGICNUMBER ||
        (packed[FRAME_DESCRIPTOR] & FRAME_CHECKSUM_FLAG) == 0 || ZSTD_findFrameCompressedSize(packed, bytes) != bytes) {
        return 0;
    }
    *checksum = bytes_get_u32(packed + bytes - FRAME_CHECKSUM);
    return 1;
}

/* --- writing ------------------------------------------------------------------------------------------------------ */

int seek_out_add(seek_out_t *out, const uint8_t *packed, size_t packed_bytes, size_t content_bytes) {
    if (out->frames >= SEEK_FRAMES_MAX - 1 || content_bytes > UINT32_MAX || packed_bytes > UINT32_MAX) {
        return err_set("a seekable file has at most %d frames of 4 GiB: split the input file", SEEK_FRAMES_MAX - 1);
    }
    TRY(mem_grow(&out->frame, &out->capacity, out->frames + 1, sizeof *out->frame, "seek table"));
    seek_frame_t *f = &out->frame[out->frames];
    *f = (seek_frame_t){.offset = out->packed,
                        .packed = (uint32_t)packed_bytes,
                        .content = (uint32_t)content_bytes,
                        .fingerprint = XXH3_64bits(packed, packed_bytes)};
    int has_checksum = frame_checksum(packed, packed_bytes, &f->checksum);
    assert(has_checksum);
    (void)has_checksum;
    out->frames++;
    out->packed += (int64_t)packed_bytes;
    return 0;
}

static uint8_t *put_entry(uint8_t *p, uint32_t packed, uint32_t content, uint32_t checksum) {
    return bytes_put_u32(bytes_put_u32(bytes_put_u32(p, packed), content), checksum);
}

int seek_out_render(const seek_out_t *out, uint8_t **tail, size_t *bytes) {
    int64_t n = out->frames;
    int64_t places = SKIPPABLE_HEAD + PLACE * n;
    int64_t entries = SKIPPABLE_HEAD + ENTRY * (n + 1) + FOOTER;
    *bytes = (size_t)(places + entries);
    *tail = mem_new(places + entries, 1, "seek table");
    if (*tail == NULL) return -1;

    uint8_t *p = bytes_put_u32(bytes_put_u32(*tail, PLACES_MAGIC), (uint32_t)(PLACE * n));
    for (int64_t i = 0; i < n; i++) {
        p = bytes_put_u64(bytes_put_u64(p, (uint64_t)out->frame[i].offset), out->frame[i].fingerprint);
    }

    p = bytes_put_u32(bytes_put_u32(p, TABLE_MAGIC), (uint32_t)(entries - SKIPPABLE_HEAD));
    for (int64_t i = 0; i < n; i++) {
        p = put_entry(p, out->frame[i].packed, out->frame[i].content, out->frame[i].checksum);
    }
    p = put_entry(p, (uint32_t)places, 0, CHECKSUM_OF_NOTHING);
    p = bytes_put_u32(p, (uint32_t)(n + 1));
    *p++ = CHECKSUMS_PRESENT;
    bytes_put_u32(p, SEEKABLE_MAGIC);
    return 0;
}

void seek_out_free(seek_out_t *out) {
    mem_free(out->frame);
    *out = (seek_out_t){0};
}

/* --- reading ------------------------------------------------------------------------------------------------------ */

static int damaged(const char *path, const char *what) {
    return err_set("%s: %s: the file is damaged or cut short; make it again", path, what);
}

/* The two skippable frames of a file whose table is known to lie inside it, from byte table_at on. */
static int check_entries(const char *path, const uint8_t *file, size_t table_at, seek_table_t *table) {
    int64_t n = table->frames, places = SKIPPABLE_HEAD + PLACE * n;
    const uint8_t *last = table->entry + ENTRY * n;
    if (places > (int64_t)table_at || bytes_get_u32(last) != places || bytes_get_u32(last + 4) != 0 ||
        bytes_get_u32(last + 8) != CHECKSUM_OF_NOTHING) {
        return damaged(path, "the last entry of its seek table is not the list of places");
    }
    table->packed = (int64_t)table_at - places;
    const uint8_t *list = file + table->packed;
    if (bytes_get_u32(list) != PLACES_MAGIC || bytes_get_u32(list + 4) != PLACE * n) {
        return damaged(path, "no list of places where its seek table says");
    }
    table->place = list + SKIPPABLE_HEAD;
    uint64_t at = 0, wrong = 0;
    for (int64_t i = 0; i < n; i++) {
        wrong |= bytes_get_u64(table->place + PLACE * i) ^ at;
        at += bytes_get_u32(table->entry + ENTRY * i);
    }
    if (wrong != 0 || at != (uint64_t)table->packed) {
        return damaged(path, "the frames of its seek table do not fill the file");
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
    table->frames = (int64_t)entries - 1;
    table->entry = head + SKIPPABLE_HEAD;
    return check_entries(path, file, bytes - size, table);
}

seek_frame_t seek_table_frame(const seek_table_t *table, int64_t i) {
    assert(i >= 0 && i < table->frames);
    const uint8_t *entry = table->entry + ENTRY * i, *place = table->place + PLACE * i;
    return (seek_frame_t){.offset = (int64_t)bytes_get_u64(place),
                          .packed = bytes_get_u32(entry),
                          .content = bytes_get_u32(entry + 4),
                          .checksum = bytes_get_u32(entry + 8),
                          .fingerprint = bytes_get_u64(place + 8)};
}

int seek_frame_decode(const char *path, const uint8_t *file, const seek_table_t *table, int64_t i, ZSTD_DCtx *decoder,
                      void *content) {
    const seek_frame_t f = seek_table_frame(table, i);
    const uint8_t *packed = file + f.offset;
    uint32_t checksum = 0;
    if (XXH3_64bits(packed, f.packed) != f.fingerprint) {
        return err_set("%s: frame %lld (at byte %lld) is damaged; remove its folder ingest-* and run again", path,
                       (long long)i, (long long)f.offset);
    }
    if (!frame_checksum(packed, f.packed, &checksum) || checksum != f.checksum) {
        return err_set("%s: frame %lld (at byte %lld) does not carry the checksum of the seek table; "
                       "remove its folder ingest-* and run again",
                       path, (long long)i, (long long)f.offset);
    }
    size_t got = ZSTD_decompressDCtx(decoder, content, f.content, packed, f.packed);
    if (ZSTD_isError(got)) {
        return err_set(
            "%s: frame %lld (at byte %lld) does not decode (zstd: %s); remove its folder ingest-* and run again", path,
            (long long)i, (long long)f.offset, ZSTD_getErrorName(got));
    }
    if (got == f.content) return 0;
    return err_set("%s: frame %lld (at byte %lld) decodes to another size than was written; remove its folder ingest-* "
                   "and run again",
                   path, (long long)i, (long long)f.offset);
}
