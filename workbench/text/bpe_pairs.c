/* A heap whose entries may be out of date: a pair is pushed when it is new, and an entry found too high when it comes
 * up is pushed again with the true count. Pairs that no longer occur are thrown out when table or heap are full. */
#include "text/bpe_pairs.h"
#include "base/err.h"
#include "base/mem.h"

enum { IN_HEAP = 1, LEAST_ENTRIES = 1024 }; // in a value of the table; its other bits are twice the count

static int64_t count_of(const pairmap_slot_t *slot) {
    return slot->value >> 1;
}

void bpe_pairs_free(bpe_pairs_t *p) {
    if (p->room) room_give(p->room, p->capacity * (int64_t)sizeof *p->heap);
    pairtable_free(&p->counts);
    mem_free(p->heap);
    *p = (bpe_pairs_t){0};
}

/* --- counts ------------------------------------------------------------------------------------------------------ */

/* A new table without the pairs that do not occur. In the midst of a step a count may be below 0 for a while, which
 * must not be forgotten. */
static int rebuild_table(bpe_pairs_t *p) {
    pairtable_t *old = &p->counts, next;
    int64_t live = 0;
    for (int64_t i = 0; i < old->slots; i++) live += old->slot[i].key != PAIR_NONE && count_of(&old->slot[i]) != 0;
    TRY(pairtable_create(&next, live, p->room));
    for (int64_t i = 0; i < old->slots; i++) {
        const pairmap_slot_t *slot = &old->slot[i];
        if (slot->key == PAIR_NONE || count_of(slot) == 0) continue;
        pairtable_put(&next, pairtable_place(&next, slot->key), slot->key, slot->value);
    }
    pairtable_free(old);
    *old = next;
    return 0;
}

int bpe_pairs_count(bpe_pairs_t *p, uint64_t key, int64_t change) {
    if (pairtable_is_full(&p->counts)) TRY(rebuild_table(p));
    pairmap_slot_t *slot = pairtable_place(&p->counts, key);
    if (slot->key == PAIR_NONE) pairtable_put(&p->counts, slot, key, 0);
    slot->value += 2 * change;
    return 0;
}

/* --- the heap ---------------------------------------------------------------------------------------------------- */

static int is_before(pair_entry_t a, pair_entry_t b) {
    return a.count > b.count || (a.count == b.count && a.key < b.key);
}

/* Puts an entry in the place of the one at i, whose children are in order. */
static void sift_down(bpe_pairs_t *p, int64_t i, pair_entry_t e) {
    for (int64_t child; (child = 2 * i + 1) < p->heap_n; i = child) {
        if (child + 1 < p->heap_n && is_before(p->heap[child + 1], p->heap[child])) child++;
        if (!is_before(p->heap[child], e)) break;
        p->heap[i] = p->heap[child];
    }
    p->heap[i] = e;
}

static pair_entry_t pop(bpe_pairs_t *p) {
    pair_entry_t top = p->heap[0], last = p->heap[--p->heap_n];
    sift_down(p, 0, last);
    return top;
}

/* Each pair that occurs and was offered, once, with its true count; in more room if the heap is nearly full of them. */
static int rebuild_heap(bpe_pairs_t *p) {
    const pairtable_t *t = &p->counts;
    int64_t live = 0, size = sizeof *p->heap;
    for (int64_t i = 0; i < t->slots; i++)
        live += t->slot[i].key != PAIR_NONE && count_of(&t->slot[i]) > 0 && t->slot[i].value & IN_HEAP;
    if (p->capacity - live < LEAST_ENTRIES + live / 8) {
        room_give(p->room, p->capacity * size);
        mem_free(p->heap);
        p->heap_n = p->capacity = 0;
        int64_t capacity = LEAST_ENTRIES + live + live / 4;
        TRY(room_take(p->room, capacity * size, "candidates for merges"));
        p->heap = mem_new(capacity, (size_t)size, "candidates for merges");
        if (!p->heap) return -1;
        p->capacity = capacity;
    }
    p->heap_n = 0;
    for (int64_t i = 0; i < t->slots; i++)
        if (t->slot[i].key != PAIR_NONE && count_of(&t->slot[i]) > 0 && t->slot[i].value & IN_HEAP)
            p->heap[p->heap_n++] = (pair_entry_t){count_of(&t->slot[i]), t->slot[i].key};
    for (int64_t i = p->heap_n / 2 - 1; i >= 0; i--) sift_down(p, i, p->heap[i]);
    return 0;
}

static int push(bpe_pairs_t *p, pairmap_slot_t *slot) {
    if (p->heap_n == p->capacity) TRY(rebuild_heap(p));
    pair_entry_t e = {count_of(slot), slot->key};
    slot->value |= IN_HEAP;
    int64_t i = p->heap_n++;
    for (; i > 0 && is_before(e, p->heap[(i - 1) / 2]); i = (i - 1) / 2) p->heap[i] = p->heap[(i - 1) / 2];
    p->heap[i] = e;
    return 0;
}

int bpe_pairs_offer(bpe_pairs_t *p, uint64_t key) {
    pairmap_slot_t *slot = pairtable_place(&p->counts, key);
    return slot->key == key && count_of(slot) > 0 && !(slot->value & IN_HEAP) ? push(p, slot) : 0;
}

int bpe_pairs_best(bpe_pairs_t *p, pair_entry_t *best) {
    *best = (pair_entry_t){0, PAIR_NONE};
    while (p->heap_n > 0) {
        pairmap_slot_t *slot = pairtable_place(&p->counts, p->heap[0].key);
        int64_t count = slot->key == PAIR_NONE ? 0 : count_of(slot);
        if (count > 0 && count == p->heap[0].count) {
            *best = p->heap[0];
            return 0;
        }
        pair_entry_t old = pop(p);
        if (count > 0 && count < old.count) TRY(push(p, slot));
    }
    return 0;
}
