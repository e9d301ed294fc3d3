/* Creating and freeing; the rest is inline. */
#include "text/pairtable.h"
#include "base/err.h"
#include "base/mem.h"

enum { LEAST_PAIRS = 1024 };

static const char what[] = "pairs of tokens";

int pairtable_create(pairtable_t *table, int64_t n, room_t *room) {
    const int64_t size = sizeof *table->slot;
    if (n < LEAST_PAIRS) n = LEAST_PAIRS;
    int64_t slots = 15 * n / 8, free_slots = (room->limit - room->used) / 2 / size;
    if (slots > free_slots) slots = free_slots;
    if (slots < 45 * n / 32) slots = 45 * n / 32;
    *table = (pairtable_t){0};
    if (slots > UINT32_MAX) return err_set("%s: too many for one rank: use more ranks", what);
    TRY(room_take(room, slots * size, what));
    *table = (pairtable_t){.room = room, .slots = slots, .slot = mem_new(slots, (size_t)size, what)};
    for (int64_t i = 0; i < slots && table->slot; i++) table->slot[i].key = PAIR_NONE;
    return table->slot ? 0 : -1;
}

void pairtable_free(pairtable_t *table) {
    if (table->room) room_give(table->room, table->slots * (int64_t)sizeof *table->slot);
    mem_free(table->slot);
    *table = (pairtable_t){0};
}
