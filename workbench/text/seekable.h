/* The zstd seekable format (zstd, contrib/seekable_format/zstd_seekable_compression_format.md, version 0.1.0): frames
 * that decode independently, then a seek table in a skippable frame. Any zstd decoder reads the file as a whole; we
 * decode single frames. Private to text/.
 *
 *     frame 0 .. frame n-1    each with its content size and checksum
 *     skippable 0x184D2A5D    n x (u64 place of the frame in the file, u64 XXH3-64 of its packed bytes); in the table
 * as an entry without content skippable 0x184D2A5E    n+1 x (u32 packed size, u32 content size, u32 low half of XXH64
 * of the content), then u32 entries, u8 0x80 (checksums present), u32 0x8F92EAB1
 *
 * All little-endian. The first skippable frame is ours. Places, so that a reader finds any frame in the mapped file and
 * builds no table of its own. Hashes of packed bytes, because a bit may change in a frame without changing what it
 * decodes to (an unused bit of its header), and a file that differs from what was written is not to be trusted. */
#ifndef MEMPROBE_SEEKABLE_H
#define MEMPROBE_SEEKABLE_H
#include <stddef.h>
#include <stdint.h>
#include <zstd.h>

typedef struct {
    int64_t offset;       // of its first packed byte in the file
    uint32_t packed;      // bytes in the file
    uint32_t content;     // bytes when decoded
    uint32_t checksum;    // low half of XXH64 of the content; also the last bytes of the frame
    uint64_t fingerprint; // XXH3-64 of the packed bytes
} seek_frame_t;

enum { SEEK_FRAMES_MAX = 0x8000000 }; // of the format

/* Writing: starts zeroed. */
typedef struct {
    int64_t frames, capacity;
    seek_frame_t *frame;
    int64_t packed; // bytes of all frames
} seek_out_t;
/* Adds a frame, as zstd made it with ZSTD_c_checksumFlag, of content_bytes bytes. */
int seek_out_add(seek_out_t *out, const uint8_t *packed, size_t packed_bytes, size_t content_bytes);
/* Both skippable frames, *bytes long; mem_free. */
int seek_out_render(const seek_out_t *out, uint8_t **tail, size_t *bytes);
void seek_out_free(seek_out_t *out);

/* Reading: the table where it lies in the file, which must outlive it. */
typedef struct {
    int64_t frames;
    int64_t packed;       // bytes of all frames
    const uint8_t *entry; // (frames, 12)
    const uint8_t *place; // (frames, 16)
} seek_table_t;
/* Finds the table at the end of a file of `bytes` bytes and looks through it; path is for messages. Frames are inside
 * the file afterwards, whatever it holds. */
int seek_table_parse(const char *path, const uint8_t *file, size_t bytes, seek_table_t *table);
seek_frame_t seek_table_frame(const seek_table_t *table, int64_t i);

/* Decodes one frame of a file whose table was parsed into content, which has room for what seek_table_frame says. The
 * packed bytes must have their fingerprint, be one frame, and carry the checksum of the table, which zstd compares with
 * the content: one hash of each byte. */
int seek_frame_decode(const char *path, const uint8_t *file, const seek_table_t *table, int64_t i, ZSTD_DCtx *decoder,
                      void *content);

#endif
