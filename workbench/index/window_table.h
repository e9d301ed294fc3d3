/* A hash table of distinct windows by fingerprint, with their counts. Open addressing; an entry without occurrences is
 * free. */
#ifndef MEMPROBE_WINDOW_TABLE_H
#define MEMPROBE_WINDOW_TABLE_H
#include "index/census.h"
#include "index/windows.h"
#include <stdint.h>

typedef struct {
    census_window_t window;
    int64_t last_document; // that the window was counted in
} window_entry_t;

typedef struct {
    int64_t slots, used; // slots: a power of two
    window_entry_t *entry;
} window_table_t;

int window_table_create(int64_t expected, window_table_t *table); // room for so many without growing
void window_table_free(window_table_t *table);
/* Room for `more` new windows. Pointers to entries do not survive. */
int window_table_reserve(window_table_t *table, int64_t more);

static inline void window_table_prefetch(const window_table_t *table, hash_t fingerprint) {
    __builtin_prefetch(&table->entry[fingerprint.lo & (uint64_t)(table->slots - 1)], 1);
}

/* The entry of a fingerprint, new if need be (then all counts are 0 and the caller must count at least one). */
static inline window_entry_t *window_table_find(window_table_t *table, hash_t fingerprint) {
    uint64_t mask = (uint64_t)(table->slots - 1);
    for (uint64_t slot = fingerprint.lo & mask;; slot = (slot + 1) & mask) {
        window_entry_t *e = &table->entry[slot];
        if (e->window.occurrences == 0) {
            e->window.fingerprint = fingerprint;
            e->last_document = -1;
            table->used++;
            return e;
        }
        if (e->window.fingerprint.lo == fingerprint.lo && e->window.fingerprint.hi == fingerprint.hi) return e;
    }
}

#endif
