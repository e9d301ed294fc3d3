/* Two hash tables by fingerprint for the census of several lengths, open addressing, at most three quarters full. Any
 * number of slots will do, so that a table takes no more room than its windows need. */
#ifndef MEMPROBE_DUP_TABLE_H
#define MEMPROBE_DUP_TABLE_H
#include "base/hash.h"
#include "index/windows.h"
#include <stdint.h>

/* A window being counted; free when occurrences is 0. */
typedef struct {
    hash_t fingerprint;
    int64_t first;                  // position where it stands first
    int64_t occurrences, documents; // by the rule of the census
    int64_t last;                   // 2 x position of the last one counted, + 1 when it stands at more than one
} dup_entry_t;

typedef struct {
    int64_t slots, used;
    dup_entry_t *entry;
} dup_table_t;
int dup_table_create(int64_t windows, dup_table_t *table); // room for so many without growing
/* Empties the table of an earlier round, or makes the first one: pages that a process has already are cheaper than new
 * ones. */
int dup_table_clear(int64_t windows, dup_table_t *table);
void dup_table_free(dup_table_t *table);
int dup_table_reserve(dup_table_t *table, int64_t more); // pointers to entries do not survive

/* A window that stands at more than one position, and its level; free when the level is 0. */
typedef struct {
    hash_t fingerprint;
    uint8_t level;
} dup_mark_t;
typedef struct {
    int64_t slots, used;
    dup_mark_t *mark;
} dup_marks_t;
void dup_marks_free(dup_marks_t *marks);
int dup_marks_reserve(dup_marks_t *marks, int64_t more);
void dup_marks_put(dup_marks_t *marks, hash_t fingerprint, uint8_t level); // one that is not there yet

/* Not the bits that choose round (hi, from above) and owner (lo, from above): within those, the rest is still spread.
 */
static inline int64_t dup_slot(hash_t fingerprint, int64_t slots) {
    return (int64_t)windows_part(fingerprint.lo * UINT64_C(0x9E3779B97F4A7C15), (uint64_t)slots);
}

static inline void dup_table_prefetch(const dup_table_t *table, hash_t fingerprint) {
    const dup_entry_t *e = &table->entry[dup_slot(fingerprint, table->slots)];
    __builtin_prefetch(e, 1);
    __builtin_prefetch((const char *)(e + 1) - 1, 1); // every other entry lies in two lines
}

static inline int dup_same(hash_t a, hash_t b) {
    return a.lo == b.lo && a.hi == b.hi;
}

/* The entry of a fingerprint; a free one, to be filled by the caller, if it is new. Count it in `used` then. */
static inline dup_entry_t *dup_table_find(dup_table_t *table, hash_t fingerprint) {
    int64_t slot = dup_slot(fingerprint, table->slots);
    while (table->entry[slot].occurrences > 0 && !dup_same(table->entry[slot].fingerprint, fingerprint))
        slot = slot + 1 == table->slots ? 0 : slot + 1;
    return &table->entry[slot];
}

static inline void dup_marks_prefetch(const dup_marks_t *marks, hash_t fingerprint) {
    if (marks->slots > 0) __builtin_prefetch(&marks->mark[dup_slot(fingerprint, marks->slots)]);
}

/* The level of a fingerprint, 0 if it has none. */
static inline uint8_t dup_marks_level(const dup_marks_t *marks, hash_t fingerprint) {
    if (marks->slots == 0) return 0;
    int64_t slot = dup_slot(fingerprint, marks->slots);
    while (marks->mark[slot].level > 0 && !dup_same(marks->mark[slot].fingerprint, fingerprint))
        slot = slot + 1 == marks->slots ? 0 : slot + 1;
    return marks->mark[slot].level;
}

#endif
