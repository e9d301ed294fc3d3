/* Counting of words in bounded memory: a bag that goes to a scratch file as a sorted run whenever it is full, and comes
 * back as one sorted stream. The files have no names, so nothing is left of them whatever becomes of the program.
 * Private to the trainer; everything here is local. */
#ifndef MEMPROBE_WORD_COUNTER_H
#define MEMPROBE_WORD_COUNTER_H
#include "text/word_stream.h"
#include <stddef.h>
#include <stdint.h>

/* memory: bytes it may use (a single word that is longer may still pass it); scratch: an existing folder. */
typedef struct word_counter word_counter_t;
int word_counter_create(int64_t memory, const char *scratch, word_counter_t **counter);
int word_counter_add(word_counter_t *counter, const uint8_t *text, size_t bytes);

/* The stream: start once, after the last add; then next gives each word once, in order. */
int word_counter_start(word_counter_t *counter);
int word_counter_next(word_counter_t *counter, counted_t *word); // 1, 0 at the end, -1; text lives until the next call
int64_t word_counter_spills(const word_counter_t *counter);      // how often the bag was full
void word_counter_free(word_counter_t *counter);                 // accepts NULL

#endif
