/* The GPT-2 split by hand: a table for ASCII, frozen Unicode tables for the rest. */
#include "text/pretoken.h"
#include "text/unicode.h"
#include "text/utf8.h"

enum { SPACE = UNICODE_SPACE, OTHER = UNICODE_OTHER };

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

static inline char class_at(const uint8_t *text, size_t at, size_t bytes, size_t *next) {
    if (text[at] < 0x80) {
        *next = at + 1;
        return ascii_class[text[at]];
    }
    int32_t code;
    *next = at + utf8_next(text, at, bytes, &code);
    return code < 0 ? OTHER : unicode_class(code);
}

/* End of the run of characters of one class that goes on at `at`. */
static inline size_t run_end(const uint8_t *text, size_t at, size_t bytes, char class) {
    size_t next;
    while (at < bytes && class_at(text, at, bytes, &next) == class) at = next;
    return at;
}

/* Length of 's 't 're 've 'm 'll 'd at an apostrophe, 0 if there is none. */
static size_t contraction(const uint8_t *text, size_t bytes) {
    if (bytes < 2) return 0;
    uint8_t a = text[1], b = bytes > 2 ? text[2] : 0;
    if (a == 's' || a == 't' || a == 'm' || a == 'd') return 2;
    if ((a == 'r' && b == 'e') || (a == 'v' && b == 'e') || (a == 'l' && b == 'l')) return 3;
    return 0;
}

size_t pretoken_end(const uint8_t *text, size_t at, size_t bytes) {
    size_t next, end, last = at;
    if (text[at] == '\'') {
        size_t n = contraction(text + at, bytes - at);
        if (n > 0) return at + n;
    }
    char class = class_at(text, at, bytes, &end);
    if (class != SPACE) return run_end(text, end, bytes, class);
    if (text[at] == ' ' && end < bytes) {
        class = class_at(text, end, bytes, &next);
        if (class != SPACE) return run_end(text, next, bytes, class);
    }
    // \s+(?!\S): a run before something else leaves its last character to what follows, unless it is the only one.
    while (end < bytes && class_at(text, end, bytes, &next) == SPACE) {
        last = end;
        end = next;
    }
    return end == bytes || last == at ? end : last;
}
