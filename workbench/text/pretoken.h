/* Pre-tokens: the pieces of a text that BPE never merges across. tokenizer.json says by regular expressions how a text
 * is cut; those in use are few, so each is written by hand here, as one pass over the bytes, and known by its very
 * text.
 *
 * \p{L} and \p{N} are the general categories L* and N* of Unicode, \s its property White_Space (with U+0085, U+00A0,
 * U+2028 ...). A byte that is not valid UTF-8 counts as a character of its own that is neither letter, number nor
 * space. */
#ifndef MEMPROBE_PRETOKEN_H
#define MEMPROBE_PRETOKEN_H
#include <stddef.h>
#include <stdint.h>

typedef enum {
    /* GPT-2 (Radford et al. 2019), GPT-NeoX, OLMo; what the library `tokenizers` calls ByteLevel:
     *     's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+ */
    PRETOKEN_GPT2,
    /* tiktoken's cl100k, Llama-3, OLMo-2; contractions also of ſ (U+017F), which folds to s:
     *     (?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+
     *     |\s+(?!\S)|\s+ */
    PRETOKEN_LLAMA3,
    /* The same with each number alone: \p{N} for \p{N}{1,3}. */
    PRETOKEN_QWEN2,
    /* The library's Digits: each number alone, or runs of numbers; what is between them stays whole. */
    PRETOKEN_EACH_NUMBER,
    PRETOKEN_NUMBERS,
} pretoken_rule_t;

/* The rule that a regular expression of tokenizer.json stands for: 0, or -1 for an unknown one. */
int pretoken_find_rule(const char *regex, pretoken_rule_t *rule);

/* End of the piece that starts at `at` (at < bytes). Every byte belongs to exactly one piece. */
size_t pretoken_rule_end(pretoken_rule_t rule, const uint8_t *text, size_t at, size_t bytes);
size_t pretoken_end(const uint8_t *text, size_t at, size_t bytes); // the same by PRETOKEN_GPT2

/* 1 when the border between two neighbouring characters ends a piece by every rule, whatever stands around them: before
 * a blank that follows something other than white space, and between a letter or number and something that is neither,
 * nor white space. Codes of invalid bytes are -1. */
int pretoken_is_border(int32_t before, int32_t after);

#endif
