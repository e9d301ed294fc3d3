/* The parts of the search for near-duplicates; for near*.c only. An item is known by the position of its first token.
 */
#ifndef MEMPROBE_NEAR_PRIVATE_H
#define MEMPROBE_NEAR_PRIVATE_H
#include "base/hash.h"
#include "index/duplicates_private.h"
#include "index/near.h"
#include "index/windows.h"
#include "text/tokens.h"
#include <stdint.h>

/* --- sets of shingles ------------------------------------------------------------------------------------------------
 * By the 128-bit fingerprints of windows.h, sorted, each once. */
typedef struct {
    int64_t n, capacity;
    hash_t *shingle;
} near_set_t;

enum { NEAR_KEPT = 64 };
typedef struct {
    tokens_t *corpus;
    int64_t shingle, window; // window 0: items are documents
    windows_scanner_t *scanner;
    struct {
        int64_t position; // -1: nothing
        near_set_t set;
    } kept[NEAR_KEPT];
} near_reader_t;
int near_reader_create(tokens_t *corpus, int64_t shingle, int64_t window, near_reader_t **reader);
void near_reader_free(near_reader_t *reader);                       // accepts NULL
int64_t near_tokens(const near_reader_t *reader, int64_t position); // of an item
int near_set_read(near_reader_t *reader, int64_t position, near_set_t *set);
void near_set_free(near_set_t *set);
/* One of the sets that were read last; valid until the next call. */
int near_set_of(near_reader_t *reader, int64_t position, const near_set_t **set);
int64_t near_common(const near_set_t *a, const near_set_t *b); // shingles in both

/* Keys of the bands: equal where all rows of a band are equal. */
void near_signature(const near_set_t *set, int32_t bands, int32_t rows, uint64_t *key);

/* --- clusters, the same on every rank --------------------------------------------------------------------------------
 */
typedef struct {
    int64_t position, label; // label: position of the first item of its cluster
} near_member_t;
typedef struct {
    int64_t n;
    near_member_t *member; // of clusters of two and more, by position
} near_clusters_t;
typedef struct {
    int64_t a, b;
} near_edge_t;
int64_t near_label(const near_clusters_t *clusters, int64_t position);
int near_join(near_clusters_t *clusters, const near_edge_t *edge, int64_t n); // local
void near_clusters_free(near_clusters_t *clusters);

/* --- tables
 * ------------------------------------------------------------------------------------------------------------ */
typedef struct near_tables near_tables_t; // of rank 0; NULL on the others
int near_tables_open(const char *dir, near_tables_t **tables);
/* Collective: the rows of one unit. items: of this rank; once: of this rank, windows that are there exactly once. */
int near_tables_add(near_tables_t *tables, near_reader_t *reader, const near_clusters_t *clusters, int64_t items,
                    int64_t once, const levels_t *levels);
int near_tables_close(near_tables_t *tables, int rc); // local; commits when rc is 0

#endif
