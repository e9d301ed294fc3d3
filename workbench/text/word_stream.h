/* Streams of counted words in one order (hash, then length, then bytes), each word once: how words lie in scratch files
 * and messages, and merging of several streams into one that adds the counts up. Private to the trainer. */
#ifndef MEMPROBE_WORD_STREAM_H
#define MEMPROBE_WORD_STREAM_H
#include <stddef.h>
#include <stdint.h>

typedef struct {
    uint64_t hash; // words_hash of the text
    int64_t count, bytes;
    const uint8_t *text;
} counted_t;

int counted_compare(const counted_t *a, const counted_t *b); // <0, 0, >0: the order of streams

/* In files and messages: hash, count and length, then the text. */
enum { COUNTED_HEAD = 24 };
void counted_write(uint8_t *to, const counted_t *word);                     // COUNTED_HEAD + bytes bytes
int64_t counted_read(const uint8_t *from, int64_t length, counted_t *word); // how long it is, -1: not whole
uint64_t counted_check(const counted_t *word);                              // a sum of these vouches for a file

/* One stream. From memory: block and filled. From a file: fd, end and a block of `capacity` bytes as window, which
 * grows for longer words. */
typedef struct {
    uint8_t *block;
    int64_t at, filled, capacity;
    int fd;                  // -1: from memory
    int64_t offset, end;     // of the file: what is read next; its length
    uint64_t check, checked; // sums of counted_check: of the whole file, of what was read
    counted_t word;          // the present one; its text lives until the next call
} word_source_t;

int word_source_next(word_source_t *source); // 1, 0 at the end, -1: the file cannot be read or is not what was written

typedef struct {
    word_source_t *source; // the caller's
    int32_t *heap;         // places in source, the smallest word on top
    int32_t heap_n, held;  // held: the source whose word was returned last, -1: none
} word_merge_t;

int word_merge_start(word_merge_t *merge, word_source_t *source, int64_t sources);
int word_merge_next(word_merge_t *merge, counted_t *word); // 1, 0 at the end, -1; the text lives until the next call
void word_merge_end(word_merge_t *merge);                  // accepts a zeroed one

#endif
