/* Counted words packed tightly, to be read once in the order they came: between their exchange and learning. Local.
 * Private to the trainer. */
#ifndef MEMPROBE_WORD_STORE_H
#define MEMPROBE_WORD_STORE_H
#include "text/word_stream.h"
#include <stdint.h>

typedef struct word_chunk word_chunk_t;
typedef struct {
    word_chunk_t *first, *last;
    int64_t words, text_bytes; // in all
    int64_t memory;            // bytes taken
} word_store_t;

int word_store_add(word_store_t *store, const counted_t *word);
/* Takes the next word out; its hash is not kept. The text lives until the next call. 1, or 0 when none is left. */
int word_store_take(word_store_t *store, counted_t *word);
void word_store_free(word_store_t *store); // accepts a zeroed one

/* Collective: brings the words of all ranks' counters together: each goes to one owner, by its hash, and *mine becomes
 * those this rank owns, in the order of streams, with the counts of all ranks. In rounds that take about `memory`
 * bytes, so that no rank ever holds the words of all. */
struct word_counter;
int words_to_owners(struct word_counter *counter, int64_t memory, word_store_t *mine);

#endif
