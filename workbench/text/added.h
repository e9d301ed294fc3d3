/* Added tokens: strings that are cut out of the text before BPE sees it, as <|endoftext|> or NeoX's runs of spaces. Of
 * those that match, the leftmost wins, and of those that start there, the longest; the next is looked for behind it. A
 * token may take the white space before it (lstrip) or behind it (rstrip) with it. */
#ifndef MEMPROBE_ADDED_H
#define MEMPROBE_ADDED_H
#include <stddef.h>
#include <stdint.h>

typedef struct {
    uint8_t *text; // owned, mem_free
    size_t bytes;
    int32_t id;
    int lstrip, rstrip;
} added_token_t;

/* How tokens start: with two bytes, or one alone. */
enum { ADDED_STARTS = 4 };
typedef struct {
    uint64_t a, b; // eight times each byte
    uint64_t any;  // all ones: whatever stands in the place of b
} added_start_t;

typedef struct {
    int64_t n, capacity;
    added_token_t *token; // sorted by bytes once added_sort was called
    int32_t starts;       // how many there are, or more than ADDED_STARTS
    added_start_t start[ADDED_STARTS];
    uint64_t pair[65536 / 64];   // bit a << 8 | b: some token starts with the bytes a b
    uint8_t single[256];         // some token is the byte alone
    uint8_t first[256];          // some token starts with the byte
    uint64_t inside[65536 / 64]; // bit a << 8 | b: some token goes on from the byte a to the byte b
} added_t;

int added_put(added_t *added, const added_token_t *token); // copies the text; bytes > 0
int added_sort(added_t *added);                            // after the last put; a text given twice is an error
void added_free(added_t *added);                           // accepts a zeroed one

/* The place in a walk through a text; zero to start. */
typedef struct {
    size_t search; // behind the last token
    size_t taken;  // behind the white space that it took, if any: the text before is dealt with
} added_walk_t;

/* The next token: returns 1 with its id and, from walk->taken as it was to *before, the text in front of it; else 0,
 * and what is left from walk->taken on is text. As in the library, a token that begins in white space which the last
 * one took is found too, and white space behind it is then text (or another token's) a second time; but one with lstrip
 * that ends there as well is nothing. */
int added_next(const added_t *added, const uint8_t *text, size_t bytes, added_walk_t *walk, size_t *before,
               int32_t *id);

/* 1 when a text may not be cut between two neighbouring bytes because a token may lie across. */
static inline int added_may_lie_across(const added_t *added, uint8_t a, uint8_t b) {
    uint32_t pair = (uint32_t)a << 8 | b;
    return (int)(added->inside[pair / 64] >> pair % 64 & 1);
}

#endif
