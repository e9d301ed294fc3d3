/* Classes of characters, from tables frozen in this source: which characters are letters must not depend on the Unicode
 * version of an installed library, or the same text would be other tokens on another cluster. */
#ifndef MEMPROBE_UNICODE_H
#define MEMPROBE_UNICODE_H
#include <stdint.h>

enum { UNICODE_LETTER = 'L', UNICODE_NUMBER = 'N', UNICODE_SPACE = 's', UNICODE_OTHER = '.' };

/* Unicode by blocks of 256 characters: the number of a row of bits, two a character for classes, one for what NFC may
 * change. Blocks of the same content share a row: what a script needs stays close to the processor. */
enum { UNICODE_BLOCKS = 804 };
extern const uint8_t unicode_class_block[UNICODE_BLOCKS], unicode_change_block[UNICODE_BLOCKS];
extern const uint64_t unicode_class_bits[], unicode_change_bits[];

/* Class of a character >= U+0080: general category L*, general category N*, White_Space, or none of them. */
static inline char unicode_class(int32_t code) {
    static const char class[] = {UNICODE_OTHER, UNICODE_LETTER, UNICODE_NUMBER, UNICODE_SPACE};
    uint32_t c = (uint32_t)code, block = c / 256;
    if (block >= UNICODE_BLOCKS) return UNICODE_OTHER;
    return class[unicode_class_bits[8 * unicode_class_block[block] + c % 256 / 32] >> c % 32 * 2 & 3];
}

/* 1 when normalization form C leaves the character as it is whatever stands before it: it is no mark, has no other form
 * and joins nothing before it. What stands behind may join it, as an accent does, but nothing joins across it. As of
 * Unicode 9.0, which the library `tokenizers` has here. */
static inline int unicode_is_inert(int32_t code) {
    uint32_t c = (uint32_t)code, block = c / 256;
    if (block >= UNICODE_BLOCKS) return 1;
    return !(unicode_change_bits[4 * unicode_change_block[block] + c % 256 / 64] >> c % 64 & 1);
}

#endif
