/* The rules by hand: a table for ASCII, frozen Unicode tables for the rest. */
#include "text/pretoken.h"
#include "text/bytes.h"
#include "text/unicode.h"
#include "text/utf8.h"
#include <string.h>

enum { SPACE = UNICODE_SPACE, LETTER = UNICODE_LETTER, NUMBER = UNICODE_NUMBER, OTHER = UNICODE_OTHER };

/* The values of unicode_class. */
static const char ascii_class[128 + 1] = "........."
                                         "sssss" // tab, newline, vertical tab, form feed, return
                                         ".................."
                                         "s" // space
                                         "..............."
                                         "NNNNNNNNNN"
                                         "......."
                                         "LLLLLLLLLLLLLLLLLLLLLLLLLL"
                                         "......"
                                         "LLLLLLLLLLLLLLLLLLLLLLLLLL"
                                         ".....";

#define LLAMA3_HEAD "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|"
#define LLAMA3_TAIL "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"
static const struct {
    const char *regex;
    pretoken_rule_t rule;
} known[] = {
    {"'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+", PRETOKEN_GPT2},
    {"'(?:[sdmt]|ll|ve|re)| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+", PRETOKEN_GPT2},
    {LLAMA3_HEAD "\\p{N}{1,3}" LLAMA3_TAIL, PRETOKEN_LLAMA3},
    {LLAMA3_HEAD "\\p{N}" LLAMA3_TAIL, PRETOKEN_QWEN2},
};

int pretoken_find_rule(const char *regex, pretoken_rule_t *rule) {
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (strcmp(regex, known[i].regex) != 0) continue;
        *rule = known[i].rule;
        return 0;
    }
    return -1;
}

static inline char class_of(int32_t code) {
    return code < 0 ? OTHER : code < 0x80 ? ascii_class[code] : unicode_class(code);
}

static inline char class_at(const uint8_t *text, size_t at, size_t bytes, size_t *next) {
    if (text[at] < 0x80) {
        *next = at + 1;
        return ascii_class[text[at]];
    }
    int32_t code;
    *next = at + utf8_next(text, at, bytes, &code);
    return class_of(code);
}

/* End of the run of characters of one class that goes on at `at`. */
static inline size_t run_end(const uint8_t *text, size_t at, size_t bytes, char class) {
    size_t next;
    while (at < bytes && class_at(text, at, bytes, &next) == class) at = next;
    return at;
}

/* How many letters of ASCII eight bytes, lowest first, begin with. */
static inline size_t leading_letters(uint64_t word) {
    const uint64_t each = 0x0101010101010101u, high = each << 7;
    uint64_t low = (word | each * 0x20) & ~high;                                     // in lower case
    uint64_t from_a = low + each * (0x80 - 'a'), past_z = low + each * (0x7F - 'z'); // carries into bit 7 of each
    uint64_t other = (~from_a | past_z | word) & high;
    return other ? (size_t)__builtin_ctzll(other) / 8 : 8;
}

/* run_end for letters: most words end within eight bytes, and where is not to be guessed. */
static size_t letters_end(const uint8_t *text, size_t at, size_t bytes) {
    size_t n = 8;
    while (n == 8 && bytes - at >= 8) {
        n = leading_letters(bytes_get_u64(text + at));
        at += n;
    }
    if (n < 8 && text[at] < 0x80) return at;
    return run_end(text, at, bytes, LETTER);
}

/* \s+(?!\S)|\s+ from the first character of a run on, which ends at `end`: before something else the run leaves its
 * last character to what follows, unless it is the only one. */
static inline size_t white_end(const uint8_t *text, size_t end, size_t bytes, size_t at) {
    size_t next, last = at;
    while (end < bytes && class_at(text, end, bytes, &next) == SPACE) {
        last = end;
        end = next;
    }
    return end == bytes || last == at ? end : last;
}

/* --- GPT-2 ------------------------------------------------------------------------------------------------------- */

/* Length of 's 't 're 've 'm 'll 'd at an apostrophe, 0 if there is none. */
static size_t contraction(const uint8_t *text, size_t bytes) {
    if (bytes < 2) return 0;
    uint8_t a = text[1], b = bytes > 2 ? text[2] : 0;
    if (a == 's' || a == 't' || a == 'm' || a == 'd') return 2;
    if ((a == 'r' && b == 'e') || (a == 'v' && b == 'e') || (a == 'l' && b == 'l')) return 3;
    return 0;
}

size_t pretoken_end(const uint8_t *text, size_t at, size_t bytes) {
    size_t next, end;
    if (text[at] == '\'') {
        size_t n = contraction(text + at, bytes - at);
        if (n > 0) return at + n;
    }
    char class = class_at(text, at, bytes, &end);
    if (class == LETTER) return letters_end(text, end, bytes);
    if (class != SPACE) return run_end(text, end, bytes, class);
    if (text[at] == ' ' && end < bytes) {
        class = class_at(text, end, bytes, &next);
        if (class == LETTER) return letters_end(text, next, bytes);
        if (class != SPACE) return run_end(text, next, bytes, class);
    }
    return white_end(text, end, bytes, at);
}

/* --- Llama-3, Qwen2 ---------------------------------------------------------------------------------------------- */

/* As contraction, in either case. ſ is the one character outside ASCII that folds to a letter asked for here. */
static size_t contraction_any_case(const uint8_t *text, size_t bytes) {
    if (bytes < 2) return 0;
    if (bytes > 2 && text[1] == 0xC5 && text[2] == 0xBF) return 3;
    uint8_t lower[3] = {'\'', text[1] | 0x20, bytes > 2 ? text[2] | 0x20 : 0};
    return text[1] < 0x80 ? contraction(lower, bytes < 3 ? bytes : 3) : 0;
}

static inline int is_newline(uint8_t byte) {
    return byte == '\r' || byte == '\n';
}

/* \s*[\r\n]+|\s+(?!\S)|\s+ : up to the last newline of the run, if it has one. */
static size_t white_end_at_newline(const uint8_t *text, size_t at, size_t end, size_t bytes) {
    size_t next, newline = is_newline(text[at]) ? end : 0;
    for (size_t i = end; i < bytes && class_at(text, i, bytes, &next) == SPACE; i = next) {
        if (is_newline(text[i])) newline = next;
    }
    return newline ? newline : white_end(text, end, bytes, at);
}

static size_t other_end(const uint8_t *text, size_t at, size_t bytes) {
    at = run_end(text, at, bytes, OTHER);
    while (at < bytes && is_newline(text[at])) at++;
    return at;
}

static size_t llama3_end(const uint8_t *text, size_t at, size_t bytes, int most_numbers) {
    size_t end, next = 0;
    if (text[at] == '\'') {
        size_t n = contraction_any_case(text + at, bytes - at);
        if (n > 0) return at + n;
    }
    char class = class_at(text, at, bytes, &end);
    if (class == LETTER) return letters_end(text, end, bytes);
    if (class == NUMBER) {
        for (int n = 1; n < most_numbers && end < bytes && class_at(text, end, bytes, &next) == NUMBER; n++) end = next;
        return end;
    }
    char after = end < bytes ? class_at(text, end, bytes, &next) : SPACE;
    if (after == LETTER && !is_newline(text[at])) return letters_end(text, next, bytes);
    if (class == OTHER) return other_end(text, end, bytes);
    if (text[at] == ' ' && after == OTHER) return other_end(text, next, bytes);
    return white_end_at_newline(text, at, end, bytes);
}

/* --- numbers ----------------------------------------------------------------------------------------------------- */

/* The library's Digits knows Unicode 17, whose thirteen new numbers its regular expressions (16) do not. */
static int number_at(const uint8_t *text, size_t at, size_t bytes, size_t *next) {
    int32_t code;
    *next = at + utf8_next(text, at, bytes, &code);
    return class_of(code) == NUMBER || (code >= 0x11DE0 && code <= 0x11DE9) || (code >= 0x16FF4 && code <= 0x16FF6);
}

static size_t numbers_end(const uint8_t *text, size_t at, size_t bytes, int each) {
    size_t end, next;
    int is_number = number_at(text, at, bytes, &end);
    if (is_number && each) return end;
    while (end < bytes && number_at(text, end, bytes, &next) == is_number) end = next;
    return end;
}

size_t pretoken_rule_end(pretoken_rule_t rule, const uint8_t *text, size_t at, size_t bytes) {
    switch (rule) {
    case PRETOKEN_LLAMA3:
        return llama3_end(text, at, bytes, 3);
    case PRETOKEN_QWEN2:
        return llama3_end(text, at, bytes, 1);
    case PRETOKEN_EACH_NUMBER:
        return numbers_end(text, at, bytes, 1);
    case PRETOKEN_NUMBERS:
        return numbers_end(text, at, bytes, 0);
    case PRETOKEN_GPT2:
        break;
    }
    return pretoken_end(text, at, bytes);
}

int pretoken_is_border(int32_t before, int32_t after) {
    char class = class_of(before);
    if (after == ' ') return class != SPACE;
    return (class == LETTER || class == NUMBER) && class_of(after) == OTHER;
}
