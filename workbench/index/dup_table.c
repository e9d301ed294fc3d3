/* Making and growing the tables of dup_table.h. */
#include "index/dup_table.h"
#include "base/err.h"
#include "base/mem.h"
#include <string.h>

static int64_t slots_for(int64_t windows) {
    return windows + windows / 3 + 64;
}

int dup_table_create(int64_t windows, dup_table_t *table) {
    *table = (dup_table_t){.slots = slots_for(windows)};
    table->entry = mem_new(table->slots, sizeof *table->entry, "table of windows");
    return table->entry ? 0 : -1;
}

int dup_table_clear(int64_t windows, dup_table_t *table) {
    if (table->slots == 0) return dup_table_create(windows, table);
    memset(table->entry, 0, (size_t)table->slots * sizeof *table->entry);
    table->used = 0;
    return 0;
}

void dup_table_free(dup_table_t *table) {
    mem_free(table->entry);
    *table = (dup_table_t){0};
}

int dup_table_reserve(dup_table_t *table, int64_t more) {
    if (slots_for(table->used + more) <= table->slots + 64) return 0;
    dup_table_t larger;
    TRY(dup_table_create(table->used + more + table->used / 2, &larger));
    for (int64_t i = 0; i < table->slots; i++) {
        const dup_entry_t *e = &table->entry[i];
        if (e->occurrences > 0) *dup_table_find(&larger, e->fingerprint) = *e;
    }
    larger.used = table->used;
    mem_free(table->entry);
    *table = larger;
    return 0;
}

void dup_marks_free(dup_marks_t *marks) {
    mem_free(marks->mark);
    *marks = (dup_marks_t){0};
}

void dup_marks_put(dup_marks_t *marks, hash_t fingerprint, uint8_t level) {
    int64_t slot = dup_slot(fingerprint, marks->slots);
    while (marks->mark[slot].level > 0) slot = slot + 1 == marks->slots ? 0 : slot + 1;
    marks->mark[slot] = (dup_mark_t){fingerprint, level};
    marks->used++;
}

int dup_marks_reserve(dup_marks_t *marks, int64_t more) {
    if (marks->slots > 0 && slots_for(marks->used + more) <= marks->slots + 64) return 0;
    dup_marks_t larger = {.slots = slots_for(marks->used + more + marks->used / 2)};
    larger.mark = mem_new(larger.slots, sizeof *larger.mark, "table of repeated windows");
    if (!larger.mark) return -1;
    for (int64_t i = 0; i < marks->slots; i++)
        if (marks->mark[i].level > 0) dup_marks_put(&larger, marks->mark[i].fingerprint, marks->mark[i].level);
    mem_free(marks->mark);
    *marks = larger;
    return 0;
}
