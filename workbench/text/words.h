/* A bag of byte strings, each once, with a count and a number in order of first appearance. */
#ifndef MEMPROBE_WORDS_H
#define MEMPROBE_WORDS_H
#include "base/hash.h"
#include <stddef.h>
#include <stdint.h>

typedef struct {
    uint64_t hash;
    int64_t offset, bytes; // in words_t.text
    int64_t count;
} word_t;

typedef struct {
    int64_t n, capacity;
    word_t *word;
    int64_t text_bytes, text_capacity;
    uint8_t *text;
    int64_t slots;  // a power of two, or 0
    uint32_t *slot; // number + 1 of the word there, 0: empty; at most half full
} words_t;

static inline uint64_t words_hash(const uint8_t *text, size_t bytes) {
    return hash_bytes(text, bytes, 0).lo;
}

/* Adds to the count of a string, which is put in the bag with count 0 when new. *number: which one it is. */
int words_add(words_t *words, const uint8_t *text, size_t bytes, int64_t count, int64_t *number);
void words_free(words_t *words); // accepts a zeroed bag

/* The two halves of words_add. find: its number, -1 if it is not there. put: a string that is not. */
int64_t words_find(const words_t *words, uint64_t hash, const uint8_t *text, size_t bytes);
int words_put(words_t *words, uint64_t hash, const uint8_t *text, size_t bytes, int64_t count);

/* Bytes of memory that the bag takes at most while a string of this length is put in, and while it is sorted. */
int64_t words_need(const words_t *words, size_t bytes);
/* Sorts word[] by hash, then length, then bytes; from then on strings can only be read. */
void words_sort(words_t *words);
void words_clear(words_t *words); // empty, but keeps its memory

#endif
