/* UTF-8, one code point at a time. Bytes that are not valid UTF-8 (stray continuation bytes, overlong forms,
 * surrogates, values above U+10FFFF, cut sequences) are reported one by one, so that any bytes can be walked through.
 */
#ifndef MEMPROBE_UTF8_H
#define MEMPROBE_UTF8_H
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Bytes (3 or 0) of the byte order mark at the start of a file, which says that it is UTF-8 and is no text of it. */
static inline size_t utf8_mark(const char *text, size_t bytes) {
    return bytes >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;
}

static inline int utf8_goes_on(uint8_t byte) { // inside a code point
    return (byte & 0xC0) == 0x80;
}

/* Bytes of the code point at text[at] (at < bytes) and its value in *code; 1 and -1 for an invalid byte. */
static inline size_t utf8_next(const uint8_t *text, size_t at, size_t bytes, int32_t *code) {
    const uint8_t *t = text + at;
    size_t left = bytes - at;
    int32_t value;
    *code = t[0] < 0x80 ? t[0] : -1;
    if (t[0] < 0xC2 || t[0] > 0xF4) return 1;
    if (t[0] < 0xE0) {
        if (left < 2 || !utf8_goes_on(t[1])) return 1;
        *code = (t[0] & 0x1F) << 6 | (t[1] & 0x3F);
        return 2;
    }
    if (t[0] < 0xF0) {
        if (left < 3 || !utf8_goes_on(t[1]) || !utf8_goes_on(t[2])) return 1;
        value = (t[0] & 0x0F) << 12 | (t[1] & 0x3F) << 6 | (t[2] & 0x3F);
        if (value < 0x800 || (value >= 0xD800 && value <= 0xDFFF)) return 1;
        *code = value;
        return 3;
    }
    if (left < 4 || !utf8_goes_on(t[1]) || !utf8_goes_on(t[2]) || !utf8_goes_on(t[3])) return 1;
    value = (t[0] & 0x07) << 18 | (t[1] & 0x3F) << 12 | (t[2] & 0x3F) << 6 | (t[3] & 0x3F);
    if (value < 0x10000 || value > 0x10FFFF) return 1;
    *code = value;
    return 4;
}

/* Bytes at the end of a text (0 to 3) that begin a code point of which more has to come: what a terminal must not yet
 * be shown when the text arrives in pieces. */
static inline size_t utf8_open(const uint8_t *text, size_t bytes) {
    for (size_t back = 1; back <= 3 && back <= bytes; back++) {
        uint8_t b = text[bytes - back];
        if (utf8_goes_on(b)) continue;
        size_t n = b >= 0xF0 ? 4 : b >= 0xE0 ? 3 : 2;
        return b >= 0xC2 && b <= 0xF4 && n > back ? back : 0;
    }
    return 0;
}

/* Writes a code point, returns its bytes (1 to 4). */
static inline size_t utf8_write(int32_t code, uint8_t out[4]) {
    if (code < 0x80) {
        out[0] = (uint8_t)code;
        return 1;
    }
    size_t n = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    for (size_t i = n - 1; i > 0; i--) {
        out[i] = (uint8_t)(0x80 | (code & 0x3F));
        code >>= 6;
    }
    out[0] = (uint8_t)((0xF00 >> n & 0xFF) | code);
    return n;
}

#endif
