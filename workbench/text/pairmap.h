/* A hash map from pairs of token ids to numbers: merge ranks when encoding, pair counts when training. */
#ifndef MEMPROBE_PAIRMAP_H
#define MEMPROBE_PAIRMAP_H
#include <stdint.h>

typedef struct {
    uint64_t key;
    int64_t value;
} pairmap_slot_t;

typedef struct {
    pairmap_slot_t *slot; // 2^bits, at most half full; an empty slot has the key PAIR_NONE
    int64_t n;
    int32_t bits;
} pairmap_t;

#define PAIR_NONE UINT64_MAX

/* Keys sort as (left, right). */
static inline uint64_t pair_key(int32_t left, int32_t right) {
    return (uint64_t)(uint32_t)left << 32 | (uint32_t)right;
}

int pairmap_create(pairmap_t *map, int64_t expected);
void pairmap_free(pairmap_t *map);                            // accepts a zeroed map
int pairmap_put(pairmap_t *map, uint64_t key, int64_t value); // key must be new

static inline uint64_t pairmap_home(const pairmap_t *map, uint64_t key) {
    key = (key ^ key >> 29) * 0x9E3779B97F4A7C15u;
    return (key ^ key >> 32) * 0xD6E8FEB86659FD93u >> (64 - map->bits);
}

/* The value of a key, -1 if it is not there. */
static inline int64_t pairmap_get(const pairmap_t *map, uint64_t key) {
    uint64_t mask = ((uint64_t)1 << map->bits) - 1;
    for (uint64_t i = pairmap_home(map, key);; i = (i + 1) & mask) {
        if (map->slot[i].key == key) return map->slot[i].value;
        if (map->slot[i].key == PAIR_NONE) return -1;
    }
}

#endif
