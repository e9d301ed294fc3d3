/* The zstd seekable format (zstd, contrib/seekable_format/zstd_seekable_compression_format.md, version 0.1.0): frames
 * that decode independently, then a seek table in a skippable frame. Any zstd decoder reads the file as a whole; we
 * decode single frames. Private to text/.
 *
 *     frame 0 .. frame n-1    each with its content size and checksum
 *     skippable 0x184D2A5D    n x u64: XXH3-64 of each frame's packed bytes; in the table as an entry without content
 *     skippable 0x184D2A5E    n+1 x (u32 packed size, u32 content size, u32 low half of XXH64 of the content),
 *                             then u32 entries, u8 0x80 (checksums present), u32 0x8F92EAB1
 *
 * All little-endian. The hashes of packed bytes are ours: a bit may change in a frame without changing what it decodes
 * to (an unused bit of its header), and a file that differs from what was written is not to be trusted. */
#ifndef MEMPROBE_SEEKABLE_H
#define MEMPROBE_SEEKABLE_H
#include <stddef.h>
#include <stdint.h>
#include <zstd.h>

typedef struct {
    int64_t offset;       // of its first packed byte in the file
    uint32_t packed;      // bytes in the file
    uint32_t content;     // bytes when decoded
    uint32_t checksum;    // low half of XXH64 of the content
    uint64_t fingerprint; // XXH3-64 of the packed bytes
} seek_frame_t;

typedef struct {
    int64_t frames, capacity;
    seek_frame_t *frame;
    int64_t packed; // bytes of all frames
} seek_table_t;

enum { SEEK_FRAMES_MAX = 0x8000000 }; // of the format

/* Adds the frame that packs `content` into `packed`. */
int seek_table_add(seek_table_t *table, const void *content, size_t content_bytes, const void *packed,
                   size_t packed_bytes);
/* Both skippable frames, *bytes long; mem_free. */
int seek_table_render(const seek_table_t *table, uint8_t **tail, size_t *bytes);
/* Reads the table at the end of a file of `bytes` bytes; path is for messages. Entries are inside the file, whatever it
 * holds. Release with seek_table_free, after an error too. */
int seek_table_parse(const char *path, const uint8_t *file, size_t bytes, seek_table_t *table);
void seek_table_free(seek_table_t *table);

/* Decodes one frame of a file whose table was parsed into content (table->frame[i].content bytes), checking its
 * fingerprint, its own checksum and the checksum of the table. */
int seek_frame_decode(const char *path, const uint8_t *file, const seek_table_t *table, int64_t i, ZSTD_DCtx *decoder,
                      void *content);

#endif
