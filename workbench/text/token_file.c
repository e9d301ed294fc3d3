/* Tokens in a foreign file; see token_file.h. */
#include "text/token_file.h"
#include "base/err.h"
#include "base/mem.h"
#include "text/bytes.h"
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { RAW_BYTES = 1 << 20 }; // of one read; a multiple of every width

static const token_type_t types[] = {{"u8", 1, 0},  {"i8", 1, 1},  {"u16", 2, 0}, {"i16", 2, 1},
                                     {"u32", 4, 0}, {"i32", 4, 1}, {"u64", 8, 0}, {"i64", 8, 1}};

const token_type_t *token_type_named(const char *name) {
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (strcmp(types[i].name, name) == 0) return &types[i];
    return NULL;
}

const char *token_type_name(int32_t width, int32_t is_signed) {
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (types[i].width == width && types[i].is_signed == is_signed) return types[i].name;
    return "?";
}

static int measure(token_file_t *file) {
    struct stat st;
    const char *type = token_type_name(file->width, file->is_signed);
    if (fstat(file->fd, &st) != 0) return err_set("%s: cannot stat: %s", file->path, strerror(errno));
    if (!S_ISREG(st.st_mode)) return err_set("%s: not a regular file", file->path);
    if (st.st_size < file->data)
        return err_set("%s: %lld bytes, but its tokens begin at byte %lld: the file is cut off", file->path,
                       (long long)st.st_size, (long long)file->data);
    if ((st.st_size - file->data) % file->width != 0)
        return err_set("%s: %lld bytes of tokens are no whole number of %s tokens: the file is cut off, or its tokens "
                       "are not %s",
                       file->path, (long long)(st.st_size - file->data), type, type);
    file->n = (st.st_size - file->data) / file->width;
    return 0;
}

int token_file_open(const char *path, int64_t data, int32_t width, int32_t is_signed, token_file_t *file) {
    *file = (token_file_t){.path = path, .fd = -1, .width = width, .is_signed = is_signed, .data = data};
    file->fd = open(path, O_RDONLY | O_CLOEXEC);
    if (file->fd < 0) return err_set("%s: cannot open: %s", path, strerror(errno));
    if (measure(file) == 0) {
        int64_t most = RAW_BYTES / width;
        file->raw = mem_new(file->n < most ? file->n : most, (size_t)width, "tokens as in the file");
        if (file->raw != NULL) return 0;
    }
    token_file_close(file);
    return -1;
}

void token_file_close(token_file_t *file) {
    if (file->fd >= 0) close(file->fd);
    mem_free(file->raw);
    *file = (token_file_t){.fd = -1};
}

int token_file_bytes(int fd, const char *path, int64_t at, void *out, int64_t bytes) {
    uint8_t *to = out;
    while (bytes > 0) {
        ssize_t got = pread(fd, to, (size_t)bytes, (off_t)at);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return err_set("%s: cannot read at byte %lld: %s", path, (long long)at, strerror(errno));
        if (got == 0) return err_set("%s: ends at byte %lld, while it was read: it was cut off", path, (long long)at);
        to += got;
        at += got;
        bytes -= got;
    }
    return 0;
}

/* Each gives all tokens, and the union of the bits that no token has: nonzero means that some value is none. */
static uint64_t from_u8(const uint8_t *raw, int64_t n, int32_t *out) {
    for (int64_t i = 0; i < n; i++) out[i] = raw[i];
    return 0;
}

static uint64_t from_i8(const uint8_t *raw, int64_t n, int32_t *out) {
    uint8_t bad = 0;
    for (int64_t i = 0; i < n; i++) {
        out[i] = raw[i];
        bad |= raw[i] & 0x80;
    }
    return bad;
}

static uint64_t from_u16(const uint8_t *raw, int64_t n, int32_t *out) {
    for (int64_t i = 0; i < n; i++) out[i] = bytes_get_u16(raw + 2 * i);
    return 0;
}

static uint64_t from_i16(const uint8_t *raw, int64_t n, int32_t *out) {
    uint16_t bad = 0;
    for (int64_t i = 0; i < n; i++) {
        uint16_t v = bytes_get_u16(raw + 2 * i);
        out[i] = v;
        bad |= v & 0x8000;
    }
    return bad;
}

/* The same bits are foul in u32 and i32. */
static uint64_t from_32(const uint8_t *raw, int64_t n, int32_t *out) {
    uint32_t bad = 0;
    for (int64_t i = 0; i < n; i++) {
        uint32_t v = bytes_get_u32(raw + 4 * i);
        out[i] = (int32_t)(v & INT32_MAX);
        bad |= v & ~(uint32_t)INT32_MAX;
    }
    return bad;
}

static uint64_t from_64(const uint8_t *raw, int64_t n, int32_t *out) {
    uint64_t bad = 0;
    for (int64_t i = 0; i < n; i++) {
        uint64_t v = bytes_get_u64(raw + 8 * i);
        out[i] = (int32_t)(v & INT32_MAX);
        bad |= v & ~(uint64_t)INT32_MAX;
    }
    return bad;
}

static uint64_t convert(const token_file_t *file, const uint8_t *raw, int64_t n, int32_t *out) {
    switch (file->width) {
    case 1:
        return (file->is_signed ? from_i8 : from_u8)(raw, n, out);
    case 2:
        return (file->is_signed ? from_i16 : from_u16)(raw, n, out);
    case 4:
        return from_32(raw, n, out);
    default:
        return from_64(raw, n, out);
    }
}

/* The message for the first of n values that is no token; there is one. */
static int refuse(const token_file_t *file, const uint8_t *raw, int64_t first, int64_t n) {
    int64_t i = 0;
    int32_t token;
    while (i < n - 1 && convert(file, raw + i * file->width, 1, &token) == 0) i++;
    uint64_t value = 0;
    int bits = 8 * file->width;
    for (int k = 0; k < file->width; k++) value |= (uint64_t)raw[i * file->width + k] << (8 * k);
    if (file->is_signed && bits < 64 && value >> (bits - 1) != 0) value |= ~UINT64_C(0) << bits;
    char text[32];
    if (file->is_signed)
        snprintf(text, sizeof text, "%lld", (long long)value);
    else
        snprintf(text, sizeof text, "%llu", (unsigned long long)value);
    return err_set("%s: token %lld (byte %lld) is %s, read as %s: a token is 0 .. 2147483647; is the type right?",
                   file->path, (long long)(first + i), (long long)(file->data + (first + i) * file->width), text,
                   token_type_name(file->width, file->is_signed));
}

/* Tokens [first, first + n), at most RAW_BYTES of them, as in the file: from what is held, else read. */
static int fetch(token_file_t *file, int64_t first, int64_t n, const uint8_t **raw) {
    if (first < file->held || first + n > file->held + file->holds) {
        int64_t most = RAW_BYTES / file->width, left = file->n - first;
        int64_t want = first != file->next ? n : left < most ? left : most;
        file->holds = 0;
        TRY(token_file_bytes(file->fd, file->path, file->data + first * file->width, file->raw, want * file->width));
        file->held = first;
        file->holds = want;
    }
    *raw = file->raw + (first - file->held) * file->width;
    file->next = first + n;
    return 0;
}

int token_file_read(token_file_t *file, int64_t first, int64_t n, int32_t *out) {
    if (first < 0 || n < 0 || first > file->n || n > file->n - first)
        return err_set("%s: tokens from %lld on, %lld of them, are not within its %lld", file->path, (long long)first,
                       (long long)n, (long long)file->n);
    while (n > 0) {
        const uint8_t *raw;
        int64_t piece = RAW_BYTES / file->width;
        if (piece > n) piece = n;
        TRY(fetch(file, first, piece, &raw));
        if (convert(file, raw, piece, out) != 0) return refuse(file, raw, first, piece);
        first += piece;
        out += piece;
        n -= piece;
    }
    return 0;
}

int64_t token_find(const int32_t *tokens, int64_t n, int64_t mark) {
    enum { BLOCK = 32 };
    if (mark < 0 || mark > INT32_MAX) return n;
    int32_t wanted = (int32_t)mark;
    int64_t i = 0;
    for (; i + BLOCK <= n; i += BLOCK) {
        int32_t hit = 0; // no way out inside the block: so it becomes vector instructions
        for (int64_t k = 0; k < BLOCK; k++) hit |= tokens[i + k] == wanted;
        if (hit) break;
    }
    while (i < n && tokens[i] != wanted) i++;
    return i;
}
