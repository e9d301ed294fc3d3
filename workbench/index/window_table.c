/* Making and growing the table of distinct windows; see window_table.h. At most three quarters of the slots are used.
 */
#include "index/window_table.h"
#include "base/err.h"
#include "base/mem.h"

static int64_t slots_for(int64_t windows) {
    int64_t slots = 64;
    while (slots < INT64_MAX / 4 && slots - slots / 4 < windows) slots *= 2;
    return slots;
}

int window_table_create(int64_t expected, window_table_t *table) {
    table->slots = slots_for(expected);
    table->used = 0;
    table->entry = mem_new(table->slots, sizeof *table->entry, "table of distinct windows");
    return table->entry ? 0 : -1;
}

void window_table_free(window_table_t *table) {
    mem_free(table->entry);
    *table = (window_table_t){0};
}

int window_table_reserve(window_table_t *table, int64_t more) {
    if (table->used + more <= table->slots - table->slots / 4) return 0;
    window_table_t larger;
    TRY(window_table_create(2 * (table->used + more), &larger));
    for (int64_t i = 0; i < table->slots; i++) {
        const window_entry_t *e = &table->entry[i];
        if (e->window.occurrences > 0) *window_table_find(&larger, e->window.fingerprint) = *e;
    }
    mem_free(table->entry);
    *table = larger;
    return 0;
}
