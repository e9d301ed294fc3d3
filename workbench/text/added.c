/* Finding added tokens: a bitmap of their first two bytes rejects nearly every place; where it does not, the sorted
 * list is narrowed byte by byte, which walks the same path as a trie would. */
#include "text/added.h"
#include "base/err.h"
#include "base/mem.h"
#include "text/unicode.h"
#include "text/utf8.h"
#include <stdlib.h>
#include <string.h>

static void set_pair(uint64_t *set, uint8_t a, uint8_t b) {
    uint32_t pair = (uint32_t)a << 8 | b;
    set[pair / 64] |= (uint64_t)1 << pair % 64;
}

int added_put(added_t *added, const added_token_t *token) {
    const uint8_t *text = token->text;
    size_t bytes = token->bytes;
    TRY(mem_grow(&added->token, &added->capacity, added->n + 1, sizeof *added->token, "added tokens"));
    uint8_t *copy = mem_new((int64_t)bytes, 1, "added token");
    if (!copy) return -1;
    memcpy(copy, text, bytes);
    added->token[added->n] = *token;
    added->token[added->n++].text = copy;
    added->first[text[0]] = 1;
    if (bytes == 1) {
        added->single[text[0]] = 1;
    } else {
        set_pair(added->pair, text[0], text[1]);
    }
    for (size_t i = 1; i < bytes; i++) set_pair(added->inside, text[i - 1], text[i]);
    if (token->rstrip) set_pair(added->inside, text[bytes - 1], ' '); // no other white space begins a piece of text
    return 0;
}

static int by_bytes(const void *a, const void *b) {
    const added_token_t *x = a, *y = b;
    int order = memcmp(x->text, y->text, x->bytes < y->bytes ? x->bytes : y->bytes);
    if (order != 0) return order;
    if (x->bytes != y->bytes) return x->bytes < y->bytes ? -1 : 1;
    return x->id < y->id ? -1 : x->id > y->id;
}

int added_sort(added_t *added) {
    if (added->n > 1) qsort(added->token, (size_t)added->n, sizeof *added->token, by_bytes);
    for (int64_t i = 1; i < added->n; i++) {
        const added_token_t *a = &added->token[i - 1], *b = &added->token[i];
        if (a->bytes == b->bytes && memcmp(a->text, b->text, a->bytes) == 0) {
            return err_set("added tokens %d and %d have the same text", a->id, b->id);
        }
    }
    return 0;
}

void added_free(added_t *added) {
    for (int64_t i = 0; i < added->n; i++) mem_free(added->token[i].text);
    mem_free(added->token);
    *added = (added_t){0};
}

/* The first index in [lo, hi) whose token has, after `depth` equal bytes, a byte of at least `byte` there. A token that
 * ends at `depth` comes before all that go on. */
static int64_t lower(const added_t *added, int64_t lo, int64_t hi, size_t depth, int32_t byte) {
    while (lo < hi) {
        int64_t mid = lo + (hi - lo) / 2;
        const added_token_t *t = &added->token[mid];
        if (t->bytes <= depth || t->text[depth] < byte) {
            lo = mid + 1;
        } else {
            hi = mid;
        }
    }
    return lo;
}

static const added_token_t *longest_at(const added_t *added, const uint8_t *text, size_t bytes) {
    const added_token_t *found = NULL;
    int64_t lo = 0, hi = added->n;
    for (size_t depth = 0; depth < bytes && lo < hi; depth++) {
        lo = lower(added, lo, hi, depth, text[depth]);
        hi = lower(added, lo, hi, depth, text[depth] + 1);
        if (lo < hi && added->token[lo].bytes == depth + 1) found = &added->token[lo];
    }
    return found;
}

static const added_token_t *find(const added_t *added, const uint8_t *text, size_t at, size_t bytes, size_t *start) {
    for (; at < bytes; at++) {
        if (!added->first[text[at]]) continue;
        if (!added->single[text[at]]) {
            if (at + 1 >= bytes) continue;
            uint32_t pair = (uint32_t)text[at] << 8 | text[at + 1];
            if (!(added->pair[pair / 64] >> pair % 64 & 1)) continue;
        }
        const added_token_t *t = longest_at(added, text + at, bytes - at);
        if (!t) continue;
        *start = at;
        return t;
    }
    return NULL;
}

static int is_white(int32_t code) {
    if (code < 0x80) return code == ' ' || (code >= '\t' && code <= '\r');
    return unicode_class(code) == UNICODE_SPACE;
}

/* Start of the white space that ends at `end`, no further back than `least`. */
static size_t white_before(const uint8_t *text, size_t least, size_t end) {
    for (;;) {
        size_t at = end;
        int32_t code;
        while (at > least && end - at < 4) {
            at--;
            if ((text[at] & 0xC0) != 0x80) break;
        }
        if (at == end || at + utf8_next(text, at, end, &code) != end || !is_white(code)) return end;
        end = at;
    }
}

static size_t white_after(const uint8_t *text, size_t at, size_t bytes) {
    int32_t code;
    for (size_t n; at < bytes; at += n) {
        n = utf8_next(text, at, bytes, &code);
        if (!is_white(code)) break;
    }
    return at;
}

int added_next(const added_t *added, const uint8_t *text, size_t bytes, added_walk_t *walk, size_t *before,
               int32_t *id) {
    size_t start;
    if (added->n == 0) return 0;
    const added_token_t *token = find(added, text, walk->search, bytes, &start);
    if (!token) return 0;
    *id = token->id;
    walk->search = start + token->bytes;
    if (start < walk->taken) start = walk->taken;
    *before = token->lstrip ? white_before(text, walk->taken, start) : start;
    walk->taken = token->rstrip ? white_after(text, walk->search, bytes) : walk->search;
    return 1;
}
