/* The byte-level alphabet. 188 bytes stand for themselves; the remaining 68 lie in four runs, whose places in U+0100
 * ... follow from the lengths of the runs before. */
#include "text/bytelevel.h"
#include "text/utf8.h"
#include <string.h>

static const struct {
    int32_t first, last; // bytes
    int32_t code;        // of the first
} run[] = {{0x00, 0x20, 0x100}, {0x21, 0x7E, 0x21},  {0x7F, 0xA0, 0x121},
           {0xA1, 0xAC, 0xA1},  {0xAD, 0xAD, 0x143}, {0xAE, 0xFF, 0xAE}};
enum { RUNS = sizeof run / sizeof run[0] };

int32_t bytelevel_code(uint8_t byte) {
    int32_t i = 0;
    while (byte > run[i].last) i++;
    return run[i].code + byte - run[i].first;
}

int bytelevel_byte(int32_t code) {
    for (int32_t i = 0; i < RUNS; i++) {
        int32_t byte = code - run[i].code + run[i].first;
        if (byte >= run[i].first && byte <= run[i].last) return byte;
    }
    return -1;
}

void bytelevel_order(uint8_t order[256]) {
    int32_t n = 0;
    for (int32_t code = 0; n < 256; code++) {
        int byte = bytelevel_byte(code);
        if (byte >= 0) order[n++] = (uint8_t)byte;
    }
}

size_t bytelevel_decode(const char *token, size_t bytes, uint8_t *out) {
    const uint8_t *text = (const uint8_t *)token;
    size_t n = 0;
    for (size_t at = 0; at < bytes;) {
        int32_t code;
        at += utf8_next(text, at, bytes, &code);
        int byte = bytelevel_byte(code);
        if (byte < 0) {
            memcpy(out, token, bytes);
            return bytes;
        }
        out[n++] = (uint8_t)byte;
    }
    return n;
}

size_t bytelevel_encode(const uint8_t *data, size_t bytes, char *out) {
    size_t n = 0;
    for (size_t i = 0; i < bytes; i++) {
        uint8_t code[4];
        size_t k = utf8_write(bytelevel_code(data[i]), code);
        memcpy(out + n, code, k);
        n += k;
    }
    return n;
}
