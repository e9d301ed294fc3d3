/* Finding added tokens: a bitmap of their first two bytes rejects nearly every place; where it does not, the sorted
 * list is narrowed byte by byte, which walks the same path as a trie would. */
#include "text/added.h"
#include "base/err.h"
#include "base/mem.h"
#include <stdlib.h>
#include <string.h>

int added_put(added_t *added, const uint8_t *text, size_t bytes, int32_t id) {
    TRY(mem_grow(&added->token, &added->capacity, added->n + 1, sizeof *added->token, "added tokens"));
    uint8_t *copy = mem_new((int64_t)bytes, 1, "added token");
    if (!copy) return -1;
    memcpy(copy, text, bytes);
    added->token[added->n++] = (added_token_t){copy, bytes, id};
    added->first[text[0]] = 1;
    if (bytes == 1) {
        added->single[text[0]] = 1;
    } else {
        uint32_t pair = (uint32_t)text[0] << 8 | text[1];
        added->pair[pair / 64] |= (uint64_t)1 << pair % 64;
    }
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

int added_find(const added_t *added, const uint8_t *text, size_t at, size_t bytes, size_t *start, size_t *end,
               int32_t *id) {
    if (added->n == 0) return 0;
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
        *end = at + t->bytes;
        *id = t->id;
        return 1;
    }
    return 0;
}
