/* Most text is normalized already, so only the spans that need not be are decomposed and composed again (with
 * utf8proc). A span goes from a character that may be a base to the next character that cannot change and cannot join
 * what stands before it. The canonical order of marks is made here and not by utf8proc, whose exchange sort is
 * quadratic on a hostile run of marks. */
#include "text/nfc.h"
#include "base/err.h"
#include "base/mem.h"
#include "text/bytes.h"
#include "text/unicode.h"
#include "text/utf8.h"
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

enum { LONGEST_DECOMPOSITION = 18 }; // characters; UAX #15 has at most 4 for canonical ones

/* Of the marks that NFC may move; younger ones, which stay where they are, count as bases. */
static int combining_class(int32_t code) {
    return unicode_is_inert(code) ? 0 : utf8proc_get_property(code)->combining_class;
}

typedef struct {
    int32_t class, code;
    int64_t at;
} mark_t;

static int mark_order(const void *a, const void *b) {
    const mark_t *x = a, *y = b;
    if (x->class != y->class) return x->class < y->class ? -1 : 1;
    return x->at < y->at ? -1 : x->at > y->at;
}

/* Sorts one run of marks by class, keeping the order of equals. */
static int order_run(int32_t *code, int64_t n) {
    int sorted = 1;
    for (int64_t i = 1; i < n && sorted; i++) sorted = combining_class(code[i - 1]) <= combining_class(code[i]);
    if (sorted) return 0;
    mark_t *mark = mem_new(n, sizeof *mark, "combining marks");
    if (!mark) return -1;
    for (int64_t i = 0; i < n; i++) mark[i] = (mark_t){combining_class(code[i]), code[i], i};
    qsort(mark, (size_t)n, sizeof *mark, mark_order);
    for (int64_t i = 0; i < n; i++) code[i] = mark[i].code;
    mem_free(mark);
    return 0;
}

static int order_marks(int32_t *code, int64_t n) {
    for (int64_t i = 0, end; i < n; i = end + 1) {
        for (end = i; end < n && combining_class(code[end]) != 0;) end++;
        TRY(order_run(code + i, end - i));
    }
    return 0;
}

static int append_bytes(nfc_t *nfc, const uint8_t *text, size_t bytes) {
    if (bytes == 0) return 0;
    TRY(mem_grow(&nfc->text, &nfc->capacity, nfc->bytes + (int64_t)bytes, 1, "normalized text"));
    memcpy(nfc->text + nfc->bytes, text, bytes);
    nfc->bytes += (int64_t)bytes;
    return 0;
}

/* Appends the normal form of a span of valid UTF-8. */
static int append_span(nfc_t *nfc, const uint8_t *text, size_t bytes) {
    nfc->codes = 0;
    for (size_t at = 0; at < bytes;) {
        int32_t code;
        int boundary = 0;
        at += utf8_next(text, at, bytes, &code);
        TRY(mem_grow(&nfc->code, &nfc->codes_capacity, nfc->codes + LONGEST_DECOMPOSITION, sizeof *nfc->code,
                     "decomposed text"));
        utf8proc_ssize_t n =
            utf8proc_decompose_char(code, nfc->code + nfc->codes, LONGEST_DECOMPOSITION, UTF8PROC_DECOMPOSE, &boundary);
        if (n < 0 || n > LONGEST_DECOMPOSITION) return err_set("utf8proc cannot decompose U+%04X", (unsigned)code);
        nfc->codes += n;
    }
    TRY(order_marks(nfc->code, nfc->codes));
    utf8proc_ssize_t n = utf8proc_normalize_utf32(nfc->code, nfc->codes, UTF8PROC_STABLE | UTF8PROC_COMPOSE);
    if (n < 0) return err_set("utf8proc cannot compose: %s", utf8proc_errmsg(n));
    for (int64_t i = 0; i < n; i++) {
        uint8_t utf8[4];
        TRY(append_bytes(nfc, utf8, utf8_write(nfc->code[i], utf8)));
    }
    return 0;
}

/* Behind the run of ASCII that goes on at `at`. */
static size_t ascii_end(const uint8_t *text, size_t at, size_t bytes) {
    while (bytes - at >= 8 && (bytes_get_u64(text + at) & 0x8080808080808080u) == 0) at += 8;
    while (at < bytes && text[at] < 0x80) at++;
    return at;
}

int nfc_normalize(nfc_t *nfc, const uint8_t *text, size_t bytes, const uint8_t **out, size_t *out_bytes) {
    size_t copied = 0, base = 0, at = 0; // copied: input already dealt with; base: start of the last inert character
    nfc->bytes = 0;
    while (at < bytes) {
        int32_t code;
        if (text[at] < 0x80) {
            at = ascii_end(text, at, bytes);
            base = at - 1;
            continue;
        }
        size_t n = utf8_next(text, at, bytes, &code);
        if (code < 0) {
            at += n;
            base = at; // nothing composes with an invalid byte
            continue;
        }
        if (unicode_is_inert(code)) {
            base = at;
            at += n;
            continue;
        }
        size_t end = at;
        while (end < bytes) {
            n = utf8_next(text, end, bytes, &code);
            if (code < 0 || unicode_is_inert(code)) break;
            end += n;
        }
        TRY(append_bytes(nfc, text + copied, base - copied));
        TRY(append_span(nfc, text + base, end - base));
        copied = base = at = end;
    }
    if (copied > 0) TRY(append_bytes(nfc, text + copied, bytes - copied));
    *out = copied > 0 ? nfc->text : text;
    *out_bytes = copied > 0 ? (size_t)nfc->bytes : bytes;
    return 0;
}

void nfc_free(nfc_t *nfc) {
    mem_free(nfc->text);
    mem_free(nfc->code);
    *nfc = (nfc_t){0};
}
