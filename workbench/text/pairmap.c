/* Growing of the pair map: open addressing with linear probing, doubled when half full. */
#include "text/pairmap.h"
#include "base/err.h"
#include "base/mem.h"

static int pairmap_alloc(pairmap_t *map, int32_t bits) {
    int64_t slots = (int64_t)1 << bits;
    map->slot = mem_new(slots, sizeof *map->slot, "table of token pairs");
    if (!map->slot) return -1;
    for (int64_t i = 0; i < slots; i++) map->slot[i].key = PAIR_NONE;
    map->bits = bits;
    map->n = 0;
    return 0;
}

int pairmap_create(pairmap_t *map, int64_t expected) {
    int32_t bits = 4;
    while ((int64_t)1 << bits < 2 * expected) bits++;
    return pairmap_alloc(map, bits);
}

void pairmap_free(pairmap_t *map) {
    mem_free(map->slot);
    *map = (pairmap_t){0};
}

static void pairmap_insert(pairmap_t *map, uint64_t key, int64_t value) {
    uint64_t mask = ((uint64_t)1 << map->bits) - 1, i = pairmap_home(map, key);
    while (map->slot[i].key != PAIR_NONE) i = (i + 1) & mask;
    map->slot[i] = (pairmap_slot_t){key, value};
    map->n++;
}

int pairmap_put(pairmap_t *map, uint64_t key, int64_t value) {
    if (2 * (map->n + 1) > (int64_t)1 << map->bits) {
        pairmap_t larger;
        TRY(pairmap_alloc(&larger, map->bits + 1));
        for (int64_t i = 0; i < (int64_t)1 << map->bits; i++) {
            if (map->slot[i].key != PAIR_NONE) pairmap_insert(&larger, map->slot[i].key, map->slot[i].value);
        }
        mem_free(map->slot);
        *map = larger;
    }
    pairmap_insert(map, key, value);
    return 0;
}
