/* Pre-tokens: the pieces of a text that BPE never merges across. The split is that of GPT-2 (Radford et al. 2019),
 * which the library `tokenizers` calls ByteLevel:
 *
 *     's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
 *
 * written by hand as one pass over the bytes. \p{L} and \p{N} are the general categories L* and N* of Unicode, \s its
 * property White_Space (with U+0085, U+00A0, U+2028 ...). A byte that is not valid UTF-8 counts as a character of its
 * own that is neither letter, number nor space. */
#ifndef MEMPROBE_PRETOKEN_H
#define MEMPROBE_PRETOKEN_H
#include <stddef.h>
#include <stdint.h>

/* End of the pre-token that starts at `at` (at < bytes). Every byte belongs to exactly one pre-token. */
size_t pretoken_end(const uint8_t *text, size_t at, size_t bytes);

#endif
