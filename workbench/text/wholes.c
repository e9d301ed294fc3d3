/* Open addressing with linear probing over XXH3 hashes, doubled when half full. */
#include "text/wholes.h"
#include "base/err.h"
#include "base/hash.h"
#include "base/mem.h"
#include <string.h>

static whole_t *free_slot(whole_t *slot, int64_t slots, uint64_t hash) {
    uint64_t at = hash & (uint64_t)(slots - 1);
    while (slot[at].bytes) at = (at + 1) & (uint64_t)(slots - 1);
    return &slot[at];
}

static int grow(wholes_t *wholes) {
    int64_t slots = wholes->slots ? 2 * wholes->slots : 1024;
    whole_t *slot = mem_new(slots, sizeof *slot, "table of whole words");
    if (!slot) return -1;
    for (int64_t i = 0; i < wholes->slots; i++) {
        if (wholes->slot[i].bytes) *free_slot(slot, slots, wholes->slot[i].hash) = wholes->slot[i];
    }
    mem_free(wholes->slot);
    wholes->slot = slot;
    wholes->slots = slots;
    return 0;
}

int wholes_put(wholes_t *wholes, const uint8_t *word, size_t bytes, int32_t id) {
    if (bytes > INT32_MAX) return err_set("a token of %zu bytes", bytes);
    if (2 * (wholes->n + 1) > wholes->slots) TRY(grow(wholes));
    TRY(mem_grow(&wholes->text, &wholes->text_capacity, wholes->text_bytes + (int64_t)bytes, 1, "whole words"));
    uint64_t hash = hash_bytes(word, bytes, 0).lo;
    *free_slot(wholes->slot, wholes->slots, hash) = (whole_t){hash, wholes->text_bytes, (int32_t)bytes, id};
    memcpy(wholes->text + wholes->text_bytes, word, bytes);
    wholes->text_bytes += (int64_t)bytes;
    wholes->n++;
    return 0;
}

int32_t wholes_get(const wholes_t *wholes, const uint8_t *word, size_t bytes) {
    if (wholes->n == 0) return -1;
    uint64_t hash = hash_bytes(word, bytes, 0).lo, mask = (uint64_t)(wholes->slots - 1);
    for (uint64_t i = hash & mask; wholes->slot[i].bytes; i = (i + 1) & mask) {
        const whole_t *s = &wholes->slot[i];
        if (s->hash == hash && (size_t)s->bytes == bytes && memcmp(wholes->text + s->at, word, bytes) == 0)
            return s->id;
    }
    return -1;
}

void wholes_free(wholes_t *wholes) {
    mem_free(wholes->slot);
    mem_free(wholes->text);
    *wholes = (wholes_t){0};
}
