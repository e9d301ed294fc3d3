/* The words of one rank as rows of symbols, and where in them each pair of symbols is. Local. Private to the trainer.
 *
 * All words lie in one array of 32-bit cells: length, count (two cells), then a symbol a cell; what a merge leaves over
 * at the end of a word is filled with -1. A pair's list of words (where they begin) lies in a pool: its length, then
 * the words. A merge takes its pair's list and makes lists of the new pairs. It leaves the lists of the pairs beside
 * the merged ones as they are: these may name words that no longer hold the pair. When the pool is full, all lists are
 * made anew from the words, which also gives back the room of what has been merged. So memory is about 12 + 9 bytes a
 * word and byte of it, whatever happens. */
#ifndef MEMPROBE_BPE_WORDS_H
#define MEMPROBE_BPE_WORDS_H
#include "text/pairtable.h"
#include "text/room.h"
#include "text/word_store.h"
#include <stdint.h>

typedef struct {
    int32_t left, right, id; // left followed by right becomes id
} merge_t;

/* A change of the count of a pair. */
typedef struct {
    uint64_t key;
    int64_t change;
} pair_change_t;

/* A word that holds a new pair of the token made now and its neighbour. */
typedef struct {
    int32_t neighbour;
    uint32_t word;
} bpe_fresh_t;

/* What a merge changes on one side of the new token, by neighbour. */
typedef struct {
    struct {
        int64_t count; // by which neighbour and new token meet more often
        int64_t list;  // fresh ones, then where their list begins
    } * token;         // [vocab]
    int32_t *touched;  // neighbours that there were
    int64_t touched_n;
    bpe_fresh_t *fresh;
    int64_t fresh_n;
} bpe_side_t;

typedef struct {
    room_t *room;
    int32_t vocab;
    int32_t *cell;
    int64_t cells, cells_capacity;
    pairtable_t lists; // pair -> place of its list in the pool, -1: it has been merged
    uint32_t *pool;
    int64_t pool_n, pool_capacity;
    int64_t fresh_capacity;
    bpe_side_t side[2]; // left, right neighbours
    int64_t merged;     // occurrences of the pair that is being merged
    int is_lost;        // there was no room for new lists: all must be made anew
    pair_change_t *change;
    int64_t changes, change_capacity;
} bpe_words_t;

/* Memory that learning takes at least for so many words of so many bytes in all. */
int64_t bpe_words_need(int64_t words, int64_t text_bytes, int32_t vocab);

/* Takes the words out of the store. symbol: of each byte. */
int bpe_words_create(bpe_words_t *words, word_store_t *store, const int32_t symbol[256], int32_t vocab, room_t *room);
void bpe_words_free(bpe_words_t *words); // accepts a zeroed one

/* Adds the counts of all pairs to sum[256 * (left - 1) + right - 1]; before the first merge, symbols are 1 ... 256. */
void bpe_words_sum(const bpe_words_t *words, int64_t *sum);

/* Merges a pair in all words, each from left to right; change[0 .. changes) becomes what that does to the counts of
 * pairs, in no particular order; a pair may be there more than once. */
int bpe_words_merge(bpe_words_t *words, merge_t merge);

#endif
