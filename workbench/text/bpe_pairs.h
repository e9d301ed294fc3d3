/* The pairs of tokens whose counts this rank keeps, with the most frequent of them at hand. Local. Private to the
 * trainer. */
#ifndef MEMPROBE_BPE_PAIRS_H
#define MEMPROBE_BPE_PAIRS_H
#include "text/pairtable.h"
#include "text/room.h"
#include <stdint.h>

typedef struct {
    int64_t count;
    uint64_t key;
} pair_entry_t;

typedef struct {
    room_t *room;
    pairtable_t counts; // pair -> twice its occurrences in the words of all ranks, plus 1 if it is in the heap
    pair_entry_t *heap; // the most frequent on top, among equal ones the smallest key
    int64_t heap_n, capacity;
} bpe_pairs_t;

void bpe_pairs_free(bpe_pairs_t *pairs); // accepts a zeroed one

/* Counts first, then offers: a pair whose count rose must be offered once all changes of a step are in. After the step
 * in which it came about the count of a pair only falls, as is the nature of merges. */
int bpe_pairs_count(bpe_pairs_t *pairs, uint64_t key, int64_t change);
int bpe_pairs_offer(bpe_pairs_t *pairs, uint64_t key);
/* The most frequent pair; count 0 when there is none. It stays until its count changes. */
int bpe_pairs_best(bpe_pairs_t *pairs, pair_entry_t *best);

#endif
