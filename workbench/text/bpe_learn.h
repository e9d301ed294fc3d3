/* Learning of merges from counted words, on all ranks: the core of the BPE trainer. */
#ifndef MEMPROBE_BPE_LEARN_H
#define MEMPROBE_BPE_LEARN_H
#include "text/bpe_words.h"
#include "text/word_store.h"
#include "text/words.h"
#include <stdint.h>

typedef struct {
    words_t tokens; // texts by id; token 0 is "" and stands for <|endoftext|>
    merge_t *merge; // in order of rank
    int64_t merges, capacity;
} bpe_model_t;

/* Collective: merges by falling count of the pair over the words of all ranks (ties: smaller left id, then smaller
 * right id) until there are `vocab` tokens; the same model on every rank. Each word is on one rank only. Takes the
 * words out of the store. Fewer possible, or more memory needed than a rank may use: an error that says how many, how
 * much. Zero *model before; bpe_model_free after, on error too. */
int bpe_learn(word_store_t *words, int32_t vocab, int64_t memory, bpe_model_t *model);
void bpe_model_free(bpe_model_t *model);

#endif
