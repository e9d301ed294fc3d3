/* Open addressing over XXH3 hashes; the texts lie one after the other in one block. */
#include "text/words.h"
#include "base/err.h"
#include "base/hash.h"
#include "base/mem.h"
#include <string.h>

static int words_rehash(words_t *w) {
    int64_t slots = w->slots ? 2 * w->slots : 1024;
    int64_t *slot = mem_new(slots, sizeof *slot, "table of words");
    if (!slot) return -1;
    for (int64_t i = 0; i < w->n; i++) {
        uint64_t at = w->word[i].hash & (uint64_t)(slots - 1);
        while (slot[at]) at = (at + 1) & (uint64_t)(slots - 1);
        slot[at] = i + 1;
    }
    mem_free(w->slot);
    w->slot = slot;
    w->slots = slots;
    return 0;
}

int words_add(words_t *w, const uint8_t *text, size_t bytes, int64_t count, int64_t *number) {
    if (2 * (w->n + 1) > w->slots) TRY(words_rehash(w));
    uint64_t hash = hash_bytes(text, bytes, 0).lo, at = hash & (uint64_t)(w->slots - 1);
    for (; w->slot[at]; at = (at + 1) & (uint64_t)(w->slots - 1)) {
        word_t *old = &w->word[w->slot[at] - 1];
        if (old->hash == hash && old->bytes == (int64_t)bytes &&
            (bytes == 0 || memcmp(w->text + old->offset, text, bytes) == 0)) {
            old->count += count;
            *number = w->slot[at] - 1;
            return 0;
        }
    }
    TRY(mem_grow(&w->word, &w->capacity, w->n + 1, sizeof *w->word, "words"));
    TRY(mem_grow(&w->text, &w->text_capacity, w->text_bytes + (int64_t)bytes, 1, "texts of words"));
    if (bytes > 0) memcpy(w->text + w->text_bytes, text, bytes);
    w->word[w->n] = (word_t){hash, w->text_bytes, (int64_t)bytes, count};
    w->text_bytes += (int64_t)bytes;
    *number = w->n++;
    w->slot[at] = w->n;
    return 0;
}

void words_free(words_t *w) {
    mem_free(w->word);
    mem_free(w->text);
    mem_free(w->slot);
    *w = (words_t){0};
}
