/* Added tokens: strings that are cut out of the text before BPE sees it, as <|endoftext|> or NeoX's runs of spaces. Of
 * those that match, the leftmost wins, and of those that start there, the longest. */
#ifndef MEMPROBE_ADDED_H
#define MEMPROBE_ADDED_H
#include <stddef.h>
#include <stdint.h>

typedef struct {
    uint8_t *text; // owned, mem_free
    size_t bytes;
    int32_t id;
} added_token_t;

typedef struct {
    int64_t n, capacity;
    added_token_t *token;      // sorted by bytes once added_sort was called
    uint64_t pair[65536 / 64]; // bit a << 8 | b: some token starts with the bytes a b
    uint8_t single[256];       // some token is the byte alone
    uint8_t first[256];        // some token starts with the byte
} added_t;

int added_put(added_t *added, const uint8_t *text, size_t bytes, int32_t id); // copies; bytes > 0
int added_sort(added_t *added);  // after the last put; a text given twice is an error
void added_free(added_t *added); // accepts a zeroed one

/* The first match at or after `at`: returns 1 with its place, or 0. */
int added_find(const added_t *added, const uint8_t *text, size_t at, size_t bytes, size_t *start, size_t *end,
               int32_t *id);

#endif
