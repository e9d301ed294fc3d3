/* Suffixes that a model can continue without having memorized anything: one block over and over, or counting. */
#include "base/err.h"
#include "base/mem.h"
#include "index/audit_private.h"
#include <string.h>

enum { LONGEST = 64 }; // of what comes back in counting: ids, or numbers

/* The smallest period of a text is its length less that of its longest border (Knuth, Morris and Pratt 1977). */
int64_t audit_period(const int32_t *token, int64_t n, int64_t *border) {
    border[0] = 0;
    for (int64_t i = 1, b = 0; i < n; i++) {
        while (b > 0 && token[i] != token[b]) b = border[b - 1];
        b += token[i] == token[b];
        border[i] = b;
    }
    int64_t period = n - border[n - 1];
    return period * AUDIT_REPEATS <= n ? period : 0;
}

/* 1 when every q-th value rises (or falls) by a constant of its own; *step: the first that is not 0. */
static int progresses(const int64_t *value, int64_t n, int64_t q, int64_t *step) {
    *step = 0;
    if (n < AUDIT_REPEATS * q) return 0;
    for (int64_t i = 0; i + q < n; i++) {
        int64_t rise = value[i + q] - value[i];
        if (i >= q && rise != value[i] - value[i - q]) return 0;
        if (*step == 0) *step = rise;
    }
    return *step != 0;
}

int64_t audit_counts_ids(const int32_t *token, int64_t n, int64_t *value) {
    enum { LEAST = 4 }; // three ids in a row with equal distances may be chance
    int64_t step;
    if (n < LEAST) return 0;
    for (int64_t i = 0; i < n; i++) value[i] = token[i];
    for (int64_t q = 1; q <= LONGEST && q * AUDIT_REPEATS <= n; q++)
        if (progresses(value, n, q, &step)) return step;
    return 0;
}

/* --- numbers in a text -------------------------------------------------------------------------------------------- */

typedef struct {
    const char *text;
    size_t bytes;
} piece_t;

/* between[0] number[0] between[1] number[1] ... between[n] */
typedef struct {
    int64_t n;
    int64_t *number;
    piece_t *between;
} numbers_t;

static int is_digit(char c) {
    return c >= '0' && c <= '9';
}

/* Returns 1 when the text has numbers and none is too long to be one. */
static int cut_text(const char *text, size_t bytes, numbers_t *out) {
    enum { DIGITS = 18 };
    size_t from = 0, at = 0;
    out->n = 0;
    while (at < bytes) {
        if (!is_digit(text[at])) {
            at++;
            continue;
        }
        out->between[out->n] = (piece_t){text + from, at - from};
        int64_t value = 0;
        for (from = at; at < bytes && is_digit(text[at]); at++) {
            if (at - from == DIGITS) return 0;
            value = 10 * value + (text[at] - '0');
        }
        out->number[out->n++] = value;
        from = at;
    }
    out->between[out->n] = (piece_t){text + from, bytes - from};
    return out->n > 0;
}

/* One may be cut off where the suffix begins, or where it ends. */
static int ends_alike(piece_t a, piece_t b) {
    size_t n = a.bytes < b.bytes ? a.bytes : b.bytes;
    return a.bytes <= b.bytes && memcmp(a.text, b.text + (b.bytes - n), n) == 0;
}

static int begins_alike(piece_t a, piece_t b) {
    return a.bytes <= b.bytes && memcmp(a.text, b.text, a.bytes) == 0;
}

static int same_text(piece_t a, piece_t b) {
    return a.bytes == b.bytes && memcmp(a.text, b.text, a.bytes) == 0;
}

/* What stands between the numbers comes back after every q. */
static int repeats_between(const numbers_t *x, int64_t q) {
    for (int64_t i = 1; i + q < x->n; i++)
        if (!same_text(x->between[i], x->between[i + q])) return 0;
    return ends_alike(x->between[0], x->between[q]) && begins_alike(x->between[x->n], x->between[x->n - q]);
}

int64_t audit_counts_text(const char *text, size_t bytes, int64_t *step) {
    numbers_t x = {0};
    int64_t room = (int64_t)bytes / 2 + 2, found = 0;
    x.number = mem_new(room, sizeof *x.number, "numbers of a suffix");
    x.between = mem_new(room + 1, sizeof *x.between, "numbers of a suffix");
    if (!x.number || !x.between) found = -1;
    if (found == 0 && cut_text(text, bytes, &x)) {
        int64_t first = x.between[0].bytes == 0, whole = x.n - first - (x.between[x.n].bytes == 0);
        for (int64_t q = 1; q <= LONGEST && q * AUDIT_REPEATS <= whole && found == 0; q++)
            if (repeats_between(&x, q) && progresses(x.number + first, whole, q, step)) found = whole;
    }
    mem_free(x.number);
    mem_free(x.between);
    return found;
}
