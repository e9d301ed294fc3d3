/* Classes of characters, from tables frozen in this source: which characters are letters must not depend on the Unicode
 * version of an installed library, or the same text would be other tokens on another cluster. */
#ifndef MEMPROBE_UNICODE_H
#define MEMPROBE_UNICODE_H
#include <stdint.h>

enum { UNICODE_LETTER = 'L', UNICODE_NUMBER = 'N', UNICODE_SPACE = 's', UNICODE_OTHER = '.' };

/* Class of a character >= U+0080: general category L*, general category N*, White_Space, or none of them. */
char unicode_class(int32_t code);

/* 1 when normalization form C leaves the character alone whatever stands beside it: it has no decomposition, is no
 * mark, and joins nothing before it. As of Unicode 9.0, which the library `tokenizers` has here; Hangul syllables count
 * as inert, though a consonant may join them. */
int unicode_is_inert(int32_t code);

#endif
