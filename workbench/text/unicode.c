/* Look-up by bisection in the tables of ranges, for the basic plane within those of a block of 256 characters. */
#include "text/unicode.h"
#include "text/unicode_table.h"

enum {
    CLASS_RANGES = sizeof class_range / sizeof class_range[0],
    CHANGE_RANGES = sizeof change_range / sizeof change_range[0],
};

/* The value of the range that holds code, 0 if none does. The place of its block narrows the search. */
static inline char range_value(const unicode_range_t *range, int32_t n, const int16_t *start, int32_t code) {
    int32_t block = code >> 8 < 256 ? code >> 8 : 256, lo = start[block];
    n = block < 256 ? start[block + 1] - lo + 1 : n - lo;
    while (n > 1) { // range[lo .. lo + n) holds the last range that starts at or before code
        int32_t half = n / 2;
        if (range[lo + half].first <= code) lo += half;
        n -= half;
    }
    return code >= range[lo].first && code <= range[lo].last ? range[lo].value : 0;
}

char unicode_class(int32_t code) {
    char class = range_value(class_range, CLASS_RANGES, class_start, code);
    return class ? class : UNICODE_OTHER;
}

int unicode_is_inert(int32_t code) {
    return code < 0x300 || range_value(change_range, CHANGE_RANGES, change_start, code) == 0;
}
