/* Lines in from plain, zstd or gzip files, zstd files out. One buffer holds the text between the line last returned and
 * what has been read; it grows only when a single line is longer than it, and to no more than the limit of a line. */
#include "base/zio.h"
#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>

enum { RAW_BYTES = 1 << 17, TEXT_BYTES = 1 << 18 };

struct zin {
    char *path;
    int fd;
    int32_t packing;
    ZSTD_DStream *zstd;
    z_stream gzip;
    uint8_t *raw; // as read from a packed file, or the first bytes of a plain one
    size_t raw_used, raw_size;
    int raw_end;             // the file has no more
    int frame_open, pending; // inside a frame or member; the unpacker may hold output that found no room
    int frames;              // there was one: what follows it must be another
    char *text;              // text[start, end) has been read and not been returned
    size_t capacity;
    size_t start, end;
    int64_t base;       // where text[0] stands in the unpacked file
    int64_t intact;     // before this place lines were given away: callers write on them
    int text_end;       // no more text will come
    int failed;         // an error was met: zstd must not go on from there, nor does anything else
    int64_t limit;      // most bytes of a line
    const char *remedy; // what to do when one is longer
    int64_t last;       // lines that start from here on are not wanted
    int64_t line_start; // of the line last returned
    int64_t clear;      // no line starts in [clear, base + start)
    int64_t lines;      // returned since the last seek
    int64_t seek;       // where that led to; the lines before it are counted when an error asks for them
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

int32_t zin_packing_of(const uint8_t *head, size_t bytes) {
    uint32_t word = 0;
    for (size_t i = 0; i < 4 && i < bytes; i++) word |= (uint32_t)head[i] << (8 * i);
    if (bytes >= 2 && (word & 0xFFFF) == 0x8B1F) return PACKED_GZIP;
    if (bytes < 4) return PACKED_NOT;
    int zstd = word == ZSTD_MAGICNUMBER || (word & ZSTD_MAGIC_SKIPPABLE_MASK) == ZSTD_MAGIC_SKIPPABLE_START;
    return zstd ? PACKED_ZSTD : PACKED_NOT;
}

static int unpack_start(zin_t *in) {
    in->packing = zin_packing_of(in->raw, in->raw_size);
    if (in->packing == PACKED_ZSTD) in->zstd = ZSTD_createDStream();
    int ok = in->packing != PACKED_ZSTD || in->zstd != NULL;
    if (in->packing == PACKED_GZIP) ok = inflateInit2(&in->gzip, 15 + 16) == Z_OK; // 32 KiB window, gzip alone
    if (ok) return 0;
    in->packing = PACKED_NOT;
    return err_set("%s: no memory for decompression", in->path);
}

static void unpack_end(zin_t *in) {
    if (in->packing == PACKED_ZSTD) ZSTD_freeDStream(in->zstd);
    if (in->packing == PACKED_GZIP) inflateEnd(&in->gzip);
    in->zstd = NULL;
    in->packing = PACKED_NOT;
}

int zin_open(const char *path, zin_t **result) {
    *result = NULL;
    zin_t *in = mem_new(1, sizeof *in, "an input file");
    if (in == NULL) return -1;
    in->fd = -1;
    in->limit = in->last = INT64_MAX - TEXT_BYTES;
    in->remedy = "";
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
    if (rc == 0) rc = unpack_start(in);
    if (rc != 0)
        zin_close(in);
    else
        *result = in;
    return rc;
}

void zin_limit(zin_t *in, int64_t bytes, const char *remedy) {
    assert(bytes >= 0);
    in->limit = bytes < INT64_MAX - TEXT_BYTES ? bytes : INT64_MAX - TEXT_BYTES;
    in->remedy = remedy;
}

int32_t zin_packing(const zin_t *in) {
    return in->packing;
}

static const char *const packing_names[] = {"", "zstd", "gzip"};

/* The place where a packed stream goes wrong: bytes unpacked so far. */
static int damaged(const zin_t *in, const char *what) {
    long long at = (long long)(in->base + (int64_t)in->end);
    if (in->frames > 0 && !in->frame_open)
        return err_set("%s: what follows the end of the %s stream (byte %lld, unpacked) is not %s: %s; fetch or "
                       "compress the file again",
                       in->path, packing_names[in->packing], at, packing_names[in->packing], what);
    return err_set("%s: the %s stream is damaged after byte %lld (unpacked): %s; fetch or compress the file again",
                   in->path, packing_names[in->packing], at, what);
}

static int unpack_zstd(zin_t *in, char *to, size_t room, size_t *got) {
    ZSTD_inBuffer source = {in->raw, in->raw_size, in->raw_used};
    ZSTD_outBuffer sink = {to, room, 0};
    size_t status = ZSTD_decompressStream(in->zstd, &sink, &source);
    if (ZSTD_isError(status)) return damaged(in, ZSTD_getErrorName(status));
    in->raw_used = source.pos;
    in->frame_open = status != 0;
    in->frames += status == 0;
    in->pending = status != 0 && sink.pos == sink.size;
    *got = sink.pos;
    return 0;
}

static int unpack_gzip(zin_t *in, char *to, size_t room, size_t *got) {
    z_stream *z = &in->gzip;
    if (in->frames > 0 && !in->frame_open && in->raw[in->raw_used] != 0x1F) return damaged(in, "incorrect header");
    uInt size = room < 1 << 30 ? (uInt)room : 1 << 30;
    z->next_in = in->raw + in->raw_used;
    z->avail_in = (uInt)(in->raw_size - in->raw_used);
    z->next_out = (Bytef *)to;
    z->avail_out = size;
    int status = inflate(z, Z_NO_FLUSH);
    if (status == Z_NEED_DICT) return damaged(in, "it needs a dictionary");
    if (status == Z_MEM_ERROR) return err_set("%s: no memory for decompression", in->path);
    if (status != Z_OK && status != Z_STREAM_END && status != Z_BUF_ERROR)
        return damaged(in, z->msg != NULL ? z->msg : "data error");
    in->raw_used = in->raw_size - z->avail_in;
    in->frame_open = status != Z_STREAM_END;
    in->pending = in->frame_open && z->avail_out == 0;
    *got = size - z->avail_out;
    if (status != Z_STREAM_END) return 0;
    in->frames++;
    return inflateReset(z) == Z_OK ? 0 : damaged(in, "data error");
}

/* Unpacks into to[0, room); *got may be 0 while the stream still reads a header. */
static int unpack(zin_t *in, char *to, size_t room, size_t *got) {
    TRY(raw_fill(in));
    if (in->raw_used < in->raw_size || in->pending)
        return in->packing == PACKED_ZSTD ? unpack_zstd(in, to, room, got) : unpack_gzip(in, to, room, got);
    in->text_end = in->raw_end && !in->frame_open;
    if (!in->raw_end || !in->frame_open) return 0;
    return err_set("%s: the %s stream is truncated after byte %lld (unpacked): fetch or compress the file again",
                   in->path, packing_names[in->packing], (long long)(in->base + (int64_t)in->end));
}

/* The first bytes of a plain file are in raw, where its kind was told; all others come straight from the file. */
static int read_plain(zin_t *in, char *to, size_t room, size_t *got) {
    *got = in->raw_size - in->raw_used;
    if (*got > 0) {
        if (*got > room) *got = room;
        memcpy(to, in->raw + in->raw_used, *got);
        in->raw_used += *got;
        return 0;
    }
    ssize_t bytes = 0;
    if (!in->raw_end) {
        do bytes = read(in->fd, to, room < TEXT_BYTES ? room : TEXT_BYTES);
        while (bytes < 0 && errno == EINTR);
    }
    if (bytes < 0) return err_set("%s: cannot read: %s", in->path, strerror(errno));
    in->raw_end = in->text_end = bytes == 0;
    *got = (size_t)bytes;
    return 0;
}

static int too_long(zin_t *in) {
    in->line_start = in->base + (int64_t)in->start;
    in->lines++;
    char where[32] = "";
    int64_t line = zin_line_number(in);
    if (line > 0) snprintf(where, sizeof where, ":%lld", (long long)line);
    return err_set("%s%s: longer than %lld bytes%s", in->path, where, (long long)in->limit, in->remedy);
}

/* Room for more of a long line. realloc moves pages where the system can, so the old text is not there twice, and the
 * last step goes to the limit, not beyond. */
static int text_grow(zin_t *in) {
    size_t most = (size_t)in->limit + TEXT_BYTES;
    size_t larger = in->capacity < most / 2 ? 2 * in->capacity : most;
    char *text = realloc(in->text, larger);
    if (text == NULL)
        return err_set("%s: no memory for a line of more than %zu bytes; use fewer ranks a node", in->path,
                       in->end - in->start);
    in->text = text;
    in->capacity = larger;
    return 0;
}

static int text_append(zin_t *in) {
    if (in->start > 0) {
        memmove(in->text, in->text + in->start, in->end - in->start);
        in->base += (int64_t)in->start;
        in->end -= in->start;
        in->start = 0;
    }
    if ((int64_t)in->end > in->limit) return too_long(in);
    if (in->end + 1 >= in->capacity) TRY(text_grow(in));
    size_t room = in->capacity - in->end - 1, got = 0;
    TRY(in->packing != PACKED_NOT ? unpack(in, in->text + in->end, room, &got)
                                  : read_plain(in, in->text + in->end, room, &got));
    in->end += got;
    return 0;
}

/* Appends some text, or sets text_end. One byte stays free for the end of the last line. */
static int text_fill(zin_t *in) {
    if (in->failed) return err_set("%s: cannot be read on behind an error", in->path);
    int rc = text_append(in);
    in->failed = rc != 0;
    return rc;
}

/* Gives text[start, start + bytes) to the caller and steps over it and what ends it. */
static int give(zin_t *in, size_t bytes, size_t end_bytes, char **text) {
    *text = in->text + in->start;
    (*text)[bytes] = '\0';
    in->line_start = in->base + (int64_t)in->start;
    in->clear = in->line_start + 1;
    in->start += bytes + end_bytes;
    in->intact = in->base + (int64_t)in->start;
    in->lines++;
    return 1;
}

int zin_line(zin_t *in, char **line, size_t *bytes) {
    if (in->base + (int64_t)in->start >= in->last) return 0;
    size_t searched = 0; // bytes after start known to hold no newline
    char *newline;
    while ((newline = memchr(in->text + in->start + searched, '\n', in->end - in->start - searched)) == NULL) {
        searched = in->end - in->start;
        if (in->text_end) break;
        TRY(text_fill(in));
    }
    if (newline == NULL && searched == 0) return 0;
    *bytes = newline != NULL ? (size_t)(newline - in->text) - in->start : searched;
    if ((int64_t)*bytes > in->limit) return too_long(in);
    return give(in, *bytes, newline != NULL, line);
}

int zin_rest(zin_t *in, char **text, size_t *bytes) {
    while (!in->text_end) TRY(text_fill(in));
    *bytes = in->end - in->start;
    if ((int64_t)*bytes > in->limit) return too_long(in);
    return give(in, *bytes, 0, text) == 1 ? 0 : -1;
}

int zin_peek(zin_t *in, void *to, size_t most, size_t *bytes) {
    while (in->end - in->start < most && !in->text_end) TRY(text_fill(in));
    *bytes = in->end - in->start < most ? in->end - in->start : most;
    memcpy(to, in->text + in->start, *bytes);
    return 0;
}

int64_t zin_line_start(const zin_t *in) {
    return in->line_start;
}

int64_t zin_position(const zin_t *in) {
    return in->base + (int64_t)in->start;
}

/* --- seeking ----------------------------------------------------------------------------------------------------- */

/* Drops the text at hand and reads on behind it. */
static int next_piece(zin_t *in) {
    in->start = in->end;
    return text_fill(in);
}

static int rewind_to_start(zin_t *in) {
    if (lseek(in->fd, 0, SEEK_SET) < 0) return err_set("%s: cannot seek: %s", in->path, strerror(errno));
    unpack_end(in);
    in->raw_used = in->raw_size = in->start = in->end = 0;
    in->raw_end = in->text_end = in->failed = in->frame_open = in->pending = in->frames = 0;
    in->base = in->intact = 0;
    TRY(raw_fill(in));
    return unpack_start(in);
}

/* To a byte of the unpacked text, or to its end when that comes before. */
static int seek(zin_t *in, int64_t offset) {
    if (offset < in->base || offset < in->intact || in->failed) TRY(rewind_to_start(in));
    if (in->packing == PACKED_NOT && offset > in->base + (int64_t)in->end) {
        if (lseek(in->fd, (off_t)offset, SEEK_SET) < 0)
            return err_set("%s: cannot seek: %s", in->path, strerror(errno));
        in->raw_used = in->raw_size = in->start = in->end = 0;
        in->raw_end = in->text_end = 0;
        in->base = offset;
        return 0;
    }
    while (offset > in->base + (int64_t)in->end && !in->text_end) TRY(next_piece(in));
    in->start = offset < in->base + (int64_t)in->end ? (size_t)(offset - in->base) : in->end;
    return 0;
}

/* Behind the next newline, or to the end; a line that is passed over may be longer than memory. 0 when it reaches
 * `last`, from where on nothing is wanted, 1 at the start of a line, -1 on error. */
static int skip_line(zin_t *in, int64_t last) {
    char *newline;
    while ((newline = memchr(in->text + in->start, '\n', in->end - in->start)) == NULL) {
        in->start = in->end;
        if (in->text_end) return 1;
        if (zin_position(in) >= last) return 0;
        TRY(next_piece(in));
    }
    in->start = (size_t)(newline - in->text) + 1;
    return 1;
}

int zin_range(zin_t *in, int64_t first, int64_t last) {
    in->last = last;
    if (in->clear <= first && first <= zin_position(in) && !in->failed)
        return 0; // behind the line that crosses the border
    TRY(seek(in, first > 0 ? first - 1 : 0));
    int at_line = first > 0 ? skip_line(in, last) : 1;
    if (at_line < 0) return -1;
    in->clear = at_line ? first : INT64_MAX;
    in->seek = zin_position(in);
    in->lines = 0;
    return 0;
}

/* --- numbers that only messages and measures need ------------------------------------------------------------------
 */

/* Newlines before a place, or with a negative one bytes of the whole. */
static int count_ahead(const char *path, int64_t before, int64_t *lines, int64_t *bytes) {
    zin_t *in;
    TRY(zin_open(path, &in));
    int rc = 0;
    *lines = *bytes = 0;
    while (rc == 0 && !in->text_end && (before < 0 || *bytes < before)) {
        rc = next_piece(in);
        size_t n = in->end;
        if (before >= 0 && *bytes + (int64_t)n > before) n = (size_t)(before - *bytes);
        for (size_t i = 0; before >= 0 && i < n; i++) *lines += in->text[i] == '\n';
        *bytes += (int64_t)n;
    }
    zin_close(in);
    return rc;
}

int64_t zin_line_number(const zin_t *in) {
    int64_t before = 0, bytes;
    if (in->seek > 0 && count_ahead(in->path, in->seek, &before, &bytes) != 0) return 0;
    return before + in->lines;
}

int zin_measure(const char *path, int64_t *bytes) {
    int64_t lines;
    return count_ahead(path, -1, &lines, bytes);
}

void zin_close(zin_t *in) {
    if (in == NULL) return;
    if (in->fd >= 0) close(in->fd);
    unpack_end(in);
    mem_free(in->path);
    mem_free(in->raw);
    mem_free(in->text);
    mem_free(in);
}

/* --- output ------------------------------------------------------------------------------------------------------- */

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
static int feed(zout_t *out, const void *data, size_t bytes, ZSTD_EndDirective how) {
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
    return bytes > 0 ? feed(out, data, bytes, ZSTD_e_continue) : 0;
}

int zout_commit(zout_t *out) {
    int rc = feed(out, NULL, 0, ZSTD_e_end);
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
