/* Learning of merges from counted words: the core of the BPE trainer. */
#ifndef MEMPROBE_BPE_LEARN_H
#define MEMPROBE_BPE_LEARN_H
#include "text/words.h"
#include <stdint.h>

typedef struct {
    int32_t left, right, id; // left followed by right becomes id
} merge_t;

typedef struct {
    words_t tokens; // texts by id; token 0 is "" and stands for <|endoftext|>
    merge_t *merge; // in order of rank
    int64_t merges, capacity;
} bpe_model_t;

/* Merges by falling count of the pair over all words (ties: smaller left id, then smaller right id) until there are
 * `vocab` tokens. Fewer possible: an error that says how many. Zero *model before; bpe_model_free after, on error too.
 */
int bpe_learn(const words_t *words, int32_t vocab, bpe_model_t *model);
void bpe_model_free(bpe_model_t *model);

#endif
