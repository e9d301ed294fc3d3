/* Open addressing over XXH3 hashes; the texts lie one after the other in one block. */
#include "text/words.h"
#include "base/err.h"
#include "base/mem.h"
#include <stdlib.h>
#include <string.h>

static int words_rehash(words_t *w) {
    int64_t slots = w->slots ? 2 * w->slots : 1024;
    if (slots > UINT32_MAX) return err_set("more than %lld different words in one place", (long long)w->n);
    uint32_t *slot = mem_new(slots, sizeof *slot, "table of words");
    if (!slot) return -1;
    for (int64_t i = 0; i < w->n; i++) {
        uint64_t at = w->word[i].hash & (uint64_t)(slots - 1);
        while (slot[at]) at = (at + 1) & (uint64_t)(slots - 1);
        slot[at] = (uint32_t)(i + 1);
    }
    mem_free(w->slot);
    w->slot = slot;
    w->slots = slots;
    return 0;
}

int64_t words_find(const words_t *w, uint64_t hash, const uint8_t *text, size_t bytes) {
    if (w->slots == 0) return -1;
    uint64_t mask = (uint64_t)(w->slots - 1);
    for (uint64_t at = hash & mask; w->slot[at]; at = (at + 1) & mask) {
        const word_t *old = &w->word[w->slot[at] - 1];
        if (old->hash == hash && old->bytes == (int64_t)bytes &&
            (bytes == 0 || memcmp(w->text + old->offset, text, bytes) == 0))
            return w->slot[at] - 1;
    }
    return -1;
}

int words_put(words_t *w, uint64_t hash, const uint8_t *text, size_t bytes, int64_t count) {
    if (2 * (w->n + 1) > w->slots) TRY(words_rehash(w));
    TRY(mem_grow(&w->word, &w->capacity, w->n + 1, sizeof *w->word, "words"));
    TRY(mem_grow(&w->text, &w->text_capacity, w->text_bytes + (int64_t)bytes, 1, "texts of words"));
    if (bytes > 0) memcpy(w->text + w->text_bytes, text, bytes);
    w->word[w->n++] = (word_t){hash, w->text_bytes, (int64_t)bytes, count};
    w->text_bytes += (int64_t)bytes;
    uint64_t mask = (uint64_t)(w->slots - 1), at = hash & mask;
    while (w->slot[at]) at = (at + 1) & mask;
    w->slot[at] = (uint32_t)w->n;
    return 0;
}

int words_add(words_t *w, const uint8_t *text, size_t bytes, int64_t count, int64_t *number) {
    uint64_t hash = words_hash(text, bytes);
    *number = words_find(w, hash, text, bytes);
    if (*number < 0) {
        TRY(words_put(w, hash, text, bytes, count));
        *number = w->n - 1;
    } else {
        w->word[*number].count += count;
    }
    return 0;
}

/* As mem_grow doubles. */
static int64_t grown(int64_t capacity, int64_t need) {
    if (capacity < 16) capacity = 16;
    while (capacity < need) capacity *= 2;
    return capacity;
}

int64_t words_need(const words_t *w, size_t bytes) {
    int64_t need = w->slots * (int64_t)sizeof *w->slot + w->text_capacity;
    int64_t capacity = grown(w->capacity, w->n + 1), text = grown(w->text_capacity, w->text_bytes + (int64_t)bytes);
    if (2 * (w->n + 1) > w->slots) need += (w->slots ? 2 * w->slots : 1024) * (int64_t)sizeof *w->slot;
    if (text > w->text_capacity) need += text;
    return need + 2 * capacity * (int64_t)sizeof *w->word; // the library's sort takes a copy
}

/* By hash, then length, then bytes. */
static int by_hash(const void *first, const void *second, void *text) {
    const word_t *a = first, *b = second;
    const uint8_t *bytes = text;
    if (a->hash != b->hash) return a->hash < b->hash ? -1 : 1;
    if (a->bytes != b->bytes) return a->bytes < b->bytes ? -1 : 1;
    return a->bytes == 0 ? 0 : memcmp(bytes + a->offset, bytes + b->offset, (size_t)a->bytes);
}

void words_sort(words_t *w) {
    if (w->n > 1) qsort_r(w->word, (size_t)w->n, sizeof *w->word, by_hash, w->text);
}

void words_clear(words_t *w) {
    if (w->slots > 0) memset(w->slot, 0, (size_t)w->slots * sizeof *w->slot);
    w->n = w->text_bytes = 0;
}

void words_free(words_t *w) {
    mem_free(w->word);
    mem_free(w->text);
    mem_free(w->slot);
    *w = (words_t){0};
}
