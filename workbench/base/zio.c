/* Lines in from plain or zstd files, zstd files out. One buffer holds the text between the line last returned and what
 * has been read; it grows only when a single line is longer than it. */
#include "base/zio.h"
#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#include <zstd.h>
#include <zstd_errors.h>

enum { RAW_BYTES = 1 << 17, TEXT_BYTES = 1 << 18 };

struct zin {
    char *path;
    int fd;
    ZSTD_DStream *stream; // NULL: a plain file
    uint8_t *raw;         // as read from the file
    size_t raw_used, raw_size;
    int raw_end;             // the file has no more
    int frame_open, pending; // inside a zstd frame; the stream may hold output that found no room
    char *text;              // text[start, end) has been read and not been returned
    int64_t capacity;
    size_t start, end;
    int text_end; // no more text will come
    int64_t line;
};

/* Refills raw when all of it is used. */
static int raw_fill(zin_t *in) {
    if (in->raw_used < in->raw_size || in->raw_end) return 0;
    ssize_t got;
    do got = read(in->fd, in->raw, RAW_BYTES);
    while (got < 0 && errno == EINTR);
    if (got < 0) return err_set("%s: cannot read: %s", in->path, strerror(errno));
    in->raw_used = 0;
    in->raw_size = (size_t)got;
    in->raw_end = got == 0;
    return 0;
}

static uint32_t first_word(const zin_t *in) {
    uint32_t word = 0;
    for (size_t i = 0; i < 4 && i < in->raw_size; i++) word |= (uint32_t)in->raw[i] << (8 * i);
    return word;
}

/* Looks at the first bytes: zstd (a frame or a skippable frame), a compression we do not read, or plain text. */
static int detect(zin_t *in) {
    uint32_t word = first_word(in);
    if ((word & 0xFFFF) == 0x8B1F)
        return err_set("%s: is gzip, which is not read; recompress: zcat FILE | zstd > FILE.zst", in->path);
    if (word != ZSTD_MAGICNUMBER && (word & ZSTD_MAGIC_SKIPPABLE_MASK) != ZSTD_MAGIC_SKIPPABLE_START) return 0;
    in->stream = ZSTD_createDStream();
    return in->stream != NULL ? 0 : err_set("%s: no memory for decompression", in->path);
}

int zin_open(const char *path, zin_t **result) {
    *result = NULL;
    zin_t *in = mem_new(1, sizeof *in, "an input file");
    if (in == NULL) return -1;
    in->fd = -1;
    in->path = mem_strdup(path);
    in->raw = mem_new(RAW_BYTES, 1, "an input buffer");
    in->text = mem_new(TEXT_BYTES, 1, "an input buffer");
    in->capacity = TEXT_BYTES;
    int rc = in->path == NULL || in->raw == NULL || in->text == NULL ? -1 : 0;
    if (rc == 0) {
        in->fd = open(path, O_RDONLY | O_CLOEXEC);
        if (in->fd < 0) rc = err_set("%s: cannot open: %s", path, strerror(errno));
    }
    if (rc == 0) rc = raw_fill(in);
    if (rc == 0) rc = detect(in);
    if (rc != 0)
        zin_close(in);
    else
        *result = in;
    return rc;
}

/* Decompresses into to[0, room); *got may be 0 while the stream still reads a header. */
static int decompress(zin_t *in, char *to, size_t room, size_t *got) {
    if (in->raw_used == in->raw_size && !in->pending) {
        in->text_end = in->raw_end;
        if (in->raw_end && in->frame_open)
            return err_set("%s: the zstd stream is truncated after line %lld: fetch or compress the file again",
                           in->path, (long long)in->line);
        return 0;
    }
    ZSTD_inBuffer source = {in->raw, in->raw_size, in->raw_used};
    ZSTD_outBuffer sink = {to, room, 0};
    size_t status = ZSTD_decompressStream(in->stream, &sink, &source);
    if (ZSTD_isError(status))
        return err_set("%s: the zstd stream is damaged after line %lld: %s", in->path, (long long)in->line,
                       ZSTD_getErrorName(status));
    in->raw_used = source.pos;
    in->frame_open = status != 0;
    in->pending = status != 0 && sink.pos == sink.size;
    *got = sink.pos;
    return 0;
}

/* Appends some text, or sets text_end. One byte stays free for the end of the last line. */
static int text_fill(zin_t *in) {
    if (in->start > 0) {
        memmove(in->text, in->text + in->start, in->end - in->start);
        in->end -= in->start;
        in->start = 0;
    }
    if (in->end + 1 >= (size_t)in->capacity)
        if (mem_grow(&in->text, &in->capacity, 2 * in->capacity, 1, "a long line") != 0)
            return err_context("%s: line %lld", in->path, (long long)in->line + 1);
    TRY(raw_fill(in));
    size_t room = (size_t)in->capacity - in->end - 1, got = 0;
    if (in->stream != NULL) {
        TRY(decompress(in, in->text + in->end, room, &got));
    } else {
        got = in->raw_size - in->raw_used;
        if (got > room) got = room;
        memcpy(in->text + in->end, in->raw + in->raw_used, got);
        in->raw_used += got;
        in->text_end = in->raw_end;
    }
    in->end += got;
    return 0;
}

int zin_line(zin_t *in, char **line, size_t *bytes) {
    size_t searched = 0; // bytes after start known to hold no newline
    char *newline;
    while ((newline = memchr(in->text + in->start + searched, '\n', in->end - in->start - searched)) == NULL) {
        searched = in->end - in->start;
        if (in->text_end) break;
        TRY(text_fill(in));
    }
    if (newline == NULL && searched == 0) return 0;
    *line = in->text + in->start;
    *bytes = newline != NULL ? (size_t)(newline - *line) : searched;
    (*line)[*bytes] = '\0';
    in->start += *bytes + (newline != NULL);
    in->line++;
    return 1;
}

int64_t zin_line_number(const zin_t *in) {
    return in->line;
}

void zin_close(zin_t *in) {
    if (in == NULL) return;
    if (in->fd >= 0) close(in->fd);
    ZSTD_freeDStream(in->stream);
    mem_free(in->path);
    mem_free(in->raw);
    mem_free(in->text);
    mem_free(in);
}

/* Output. */
struct zout {
    file_out_t *file;
    ZSTD_CCtx *stream;
    char *path;
    uint8_t *buffer;
    size_t buffer_bytes;
};

static void zout_release(zout_t *out) {
    ZSTD_freeCCtx(out->stream);
    mem_free(out->path);
    mem_free(out->buffer);
    mem_free(out);
}

static int zout_prepare(zout_t *out, const char *path, int level) {
    out->path = mem_strdup(path);
    out->buffer_bytes = ZSTD_CStreamOutSize();
    out->buffer = mem_new((int64_t)out->buffer_bytes, 1, "a compression buffer");
    if (out->path == NULL || out->buffer == NULL) return -1;
    out->stream = ZSTD_createCCtx();
    if (out->stream == NULL) return err_set("%s: no memory for compression", path);
    size_t status = ZSTD_CCtx_setParameter(out->stream, ZSTD_c_compressionLevel, level);
    if (!ZSTD_isError(status)) status = ZSTD_CCtx_setParameter(out->stream, ZSTD_c_checksumFlag, 1);
    if (ZSTD_isError(status)) return err_set("%s: zstd: %s", path, ZSTD_getErrorName(status));
    return file_out_open(path, &out->file);
}

int zout_open(const char *path, int level, zout_t **result) {
    *result = NULL;
    zout_t *out = mem_new(1, sizeof *out, "an output file");
    if (out == NULL) return -1;
    if (zout_prepare(out, path, level) != 0) {
        zout_release(out);
        return -1;
    }
    *result = out;
    return 0;
}

/* Feeds the compressor; with ZSTD_e_end until the frame is complete. */
static int compress(zout_t *out, const void *data, size_t bytes, ZSTD_EndDirective how) {
    ZSTD_inBuffer source = {data, bytes, 0};
    for (;;) {
        ZSTD_outBuffer sink = {out->buffer, out->buffer_bytes, 0};
        size_t left = ZSTD_compressStream2(out->stream, &sink, &source, how);
        if (ZSTD_isError(left)) return err_set("%s: zstd: %s", out->path, ZSTD_getErrorName(left));
        TRY(file_out_write(out->file, out->buffer, sink.pos));
        if (how == ZSTD_e_end ? left == 0 : source.pos == source.size) return 0;
    }
}

int zout_write(zout_t *out, const void *data, size_t bytes) {
    return bytes > 0 ? compress(out, data, bytes, ZSTD_e_continue) : 0;
}

int zout_commit(zout_t *out) {
    int rc = compress(out, NULL, 0, ZSTD_e_end);
    if (rc == 0)
        rc = file_out_commit(out->file);
    else
        file_out_abort(out->file);
    zout_release(out);
    return rc;
}

void zout_abort(zout_t *out) {
    if (out == NULL) return;
    file_out_abort(out->file);
    zout_release(out);
}
