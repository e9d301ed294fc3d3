/* A bag of byte strings, each once, with a count and a number in order of first appearance. */
#ifndef MEMPROBE_WORDS_H
#define MEMPROBE_WORDS_H
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
    int64_t slots; // a power of two, or 0
    int64_t *slot; // number + 1 of the word there, 0: empty; at most half full
} words_t;

/* Adds to the count of a string, which is put in the bag with count 0 when new. *number: which one it is. */
int words_add(words_t *words, const uint8_t *text, size_t bytes, int64_t count, int64_t *number);
void words_free(words_t *words); // accepts a zeroed bag

#endif
