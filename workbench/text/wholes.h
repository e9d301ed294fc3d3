/* Words that are taken whole: a map from the bytes of a word to its token, for models with ignore_merges. */
#ifndef MEMPROBE_WHOLES_H
#define MEMPROBE_WHOLES_H
#include <stddef.h>
#include <stdint.h>

typedef struct {
    uint64_t hash;
    int64_t at; // in text
    int32_t bytes, id;
} whole_t;

typedef struct {
    whole_t *slot; // slots of them, a power of two, at most half in use; bytes 0: free
    int64_t slots, n;
    uint8_t *text; // of all words, one after the other
    int64_t text_bytes, text_capacity;
} wholes_t; // zero it before the first use

int wholes_put(wholes_t *wholes, const uint8_t *word, size_t bytes, int32_t id); // bytes > 0; the word must be new
int32_t wholes_get(const wholes_t *wholes, const uint8_t *word, size_t bytes);   // -1 if it is not there
void wholes_free(wholes_t *wholes);

#endif
