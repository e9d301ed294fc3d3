/* A hash table from pairs of token ids to numbers, for the trainer: dense (up to four fifths full, any number of
 * slots), within a budget of memory, and its owner decides when it grows. */
#ifndef MEMPROBE_PAIRTABLE_H
#define MEMPROBE_PAIRTABLE_H
#include "base/hash.h"
#include "text/pairmap.h"
#include "text/room.h"
#include <stddef.h>
#include <stdint.h>

typedef struct {
    room_t *room;
    pairmap_slot_t *slot; // key PAIR_NONE: empty
    int64_t slots, n;     // slots below 2^32
} pairtable_t;

/* Slots for n pairs and half as many more; where the room is too small for that, for n and an eighth more. */
int pairtable_create(pairtable_t *table, int64_t n, room_t *room);
void pairtable_free(pairtable_t *table); // accepts a zeroed one

static inline int pairtable_is_full(const pairtable_t *table) {
    return 5 * table->n >= 4 * table->slots;
}

/* The slot of a key, or the empty one where it belongs. */
static inline pairmap_slot_t *pairtable_place(const pairtable_t *table, uint64_t key) {
    int64_t i = (int64_t)((hash_mix(key) & UINT32_MAX) * (uint64_t)table->slots >> 32);
    while (table->slot[i].key != key && table->slot[i].key != PAIR_NONE)
        if (++i == table->slots) i = 0;
    return &table->slot[i];
}

/* Puts a new key into the empty slot where it belongs, of a table that is not full. */
static inline void pairtable_put(pairtable_t *table, pairmap_slot_t *place, uint64_t key, int64_t value) {
    *place = (pairmap_slot_t){key, value};
    table->n++;
}

#endif
