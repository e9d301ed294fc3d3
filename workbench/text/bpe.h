/* Byte pair encoding of one word: repeatedly merge the adjacent pair with the lowest rank, leftmost first (Sennrich et
 * al. 2016), until no adjacent pair has a rank. O(n log n) in the length of the word, with a bounded cache of short
 * words. */
#ifndef MEMPROBE_BPE_H
#define MEMPROBE_BPE_H
#include <stddef.h>
#include <stdint.h>

typedef struct bpe bpe_t;

/* byte_id: the token of each byte, -1 where the vocabulary has none (a text with that byte is then an error). */
bpe_t *bpe_create(const int32_t byte_id[256], int64_t merges_expected);
void bpe_free(bpe_t *bpe); // accepts NULL

/* Bytes that a word may take while it is encoded, 64 for each of its own; a longer word is an error. Words of 4096
 * bytes are always taken. INT64_MAX: words are as long as they can be, 2 GiB. */
void bpe_set_memory(bpe_t *bpe, int64_t memory);

/* Instead of byte_id: the tokens of a word before any merge, at most `bytes` of them. */
typedef int (*bpe_spell_t)(const void *user, const uint8_t *word, size_t bytes, int32_t *ids, int64_t *n);
void bpe_set_spelling(bpe_t *bpe, bpe_spell_t spell, const void *user);

/* Adds the next merge (ranks count up from 0): left followed by right becomes id. *again is set to the rank of an
 * earlier merge of the same pair, which is then left as it is, or to -1. */
int bpe_add_merge(bpe_t *bpe, int32_t left, int32_t right, int32_t id, int64_t *again);

int64_t bpe_merges(const bpe_t *bpe); // how many

/* A word that is these bytes is this token, whatever the merges would make of it (ignore_merges of tokenizer.json). */
int bpe_add_whole(bpe_t *bpe, const uint8_t *word, size_t bytes, int32_t id);

/* Makes the tables of complete merges, if there are none yet; else the first new word does. */
int bpe_get_ready(bpe_t *bpe);

/* The ids of one word (bytes > 0); ids has room for `bytes` of them and BPE_SPARE more, which may be written on; *n is
 * how many there are. */
enum { BPE_SPARE = 2 };
int bpe_encode(bpe_t *bpe, const uint8_t *word, size_t bytes, int32_t *ids, int64_t *n);

/* The same in two steps. The first brings the word's place in the cache closer; taken for some words ahead, it saves
 * waiting for memory. readable: how many bytes from the word's first on may be read, at least its own. */
typedef struct {
    const uint8_t *text;
    size_t bytes;
    uint64_t key[2], place; // of a short word; else place is how many bytes may be read
} bpe_word_t;
bpe_word_t bpe_expect(const bpe_t *bpe, const uint8_t *word, size_t bytes, size_t readable);
int bpe_encode_expected(bpe_t *bpe, const bpe_word_t *word, int32_t *ids, int64_t *n);

#endif
