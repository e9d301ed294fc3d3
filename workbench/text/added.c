/* Finding added tokens. Tokens are many but start in few ways (<| and two spaces are all that GPT-NeoX has), so places
 * where one may start are looked for in eight bytes at a time; where the ways are more, with a bitmap of the first two
 * bytes. Only there the sorted list is searched. */
#include "text/added.h"
#include "base/err.h"
#include "base/mem.h"
#include "text/bytes.h"
#include "text/unicode.h"
#include "text/utf8.h"
#include <stdlib.h>
#include <string.h>

static void set_pair(uint64_t *set, uint8_t a, uint8_t b) {
    uint32_t pair = (uint32_t)a << 8 | b;
    set[pair / 64] |= (uint64_t)1 << pair % 64;
}

static const uint64_t each_byte = 0x0101010101010101u;

static void add_start(added_t *added, const uint8_t *text, size_t bytes) {
    added_start_t new = {.a = each_byte * text[0]};
    if (bytes > 1)
        new.b = each_byte *text[1];
    else
        new.any = UINT64_MAX;
    for (int32_t i = 0; i < added->starts && i < ADDED_STARTS; i++) {
        const added_start_t *s = &added->start[i];
        if (s->a == new.a && s->b == new.b && s->any == new.any) return;
    }
    if (added->starts < ADDED_STARTS) added->start[added->starts] = new;
    if (added->starts <= ADDED_STARTS) added->starts++;
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
    add_start(added, text, bytes);
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

/* Negative, zero or positive as the token sorts before a text, is it, or sorts behind it. */
static int compare(const added_token_t *token, const uint8_t *text, size_t bytes) {
    int order = memcmp(token->text, text, token->bytes < bytes ? token->bytes : bytes);
    return order != 0 ? order : (token->bytes > bytes) - (token->bytes < bytes);
}

/* The tokens that the text starts with sort before it, and whatever sorts between the longest of them and the text
 * starts with it too. So it is the last one before the text, or starts what the two have in common. */
static const added_token_t *longest_at(const added_t *added, const uint8_t *text, size_t bytes) {
    while (bytes > 0) {
        int64_t lo = 0, hi = added->n;
        while (lo < hi) {
            int64_t mid = lo + (hi - lo) / 2;
            if (compare(&added->token[mid], text, bytes) <= 0) {
                lo = mid + 1;
            } else {
                hi = mid;
            }
        }
        if (lo == 0) break;
        const added_token_t *last = &added->token[lo - 1];
        size_t common = 0;
        while (common < last->bytes && common < bytes && last->text[common] == text[common]) common++;
        if (common == last->bytes) return last;
        bytes = common;
    }
    return NULL;
}

/* Bit 7 of each byte that is zero; of those above the lowest one, some that are not. */
static inline uint64_t zero_bytes(uint64_t word) {
    return (word - each_byte) & ~word & each_byte << 7;
}

/* The first place from `at` on where a token may start, eight places at a time; or one from which on fewer are left. */
static size_t skip_words(const added_t *added, const uint8_t *text, size_t at, size_t bytes) {
    for (; at + 9 <= bytes; at += 8) {
        uint64_t here = bytes_get_u64(text + at), next = bytes_get_u64(text + at + 1), found = 0;
        for (int32_t i = 0; i < added->starts; i++) {
            const added_start_t *s = &added->start[i];
            found |= zero_bytes((here ^ s->a) | ((next ^ s->b) & ~s->any));
        }
        if (found) return at + (size_t)__builtin_ctzll(found) / 8;
    }
    return at;
}

static int may_start(const added_t *added, const uint8_t *text, size_t at, size_t bytes) {
    if (!added->first[text[at]]) return 0;
    if (added->single[text[at]]) return 1;
    if (at + 1 >= bytes) return 0;
    uint32_t pair = (uint32_t)text[at] << 8 | text[at + 1];
    return (int)(added->pair[pair / 64] >> pair % 64 & 1);
}

static const added_token_t *find(const added_t *added, const uint8_t *text, size_t at, size_t bytes, size_t *start) {
    for (; at < bytes; at++) {
        if (added->starts <= ADDED_STARTS) at = skip_words(added, text, at, bytes);
        while (at < bytes && !may_start(added, text, at, bytes)) at++;
        const added_token_t *t = at < bytes ? longest_at(added, text + at, bytes - at) : NULL;
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
    const added_token_t *token;
    size_t start;
    while (added->n > 0 && (token = find(added, text, walk->search, bytes, &start))) {
        size_t taken = walk->taken, end = walk->search = start + token->bytes;
        if (token->rstrip) end = end < taken ? taken : white_after(text, end, bytes); // taken: where white space ends
        if (token->lstrip && end <= taken) continue;
        if (start < taken) start = taken;
        *id = token->id;
        *before = token->lstrip ? white_before(text, taken, start) : start;
        walk->taken = end;
        return 1;
    }
    return 0;
}
