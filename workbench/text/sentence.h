/* SentencePiece-style BPE (Kudo and Richardson 2018) as the library `tokenizers` runs it for Llama-2 and its kin: a
 * space is written as a visible character (U+2581), one is put in front, and BPE works on the characters of the text,
 * which is not split into pre-tokens. A character outside the vocabulary becomes its bytes <0xXX>, and where these are
 * not there either, the token of the unknown.
 *
 * A text need not be one word all the same. Merges join characters, so where no merge has two characters side by side,
 * nothing can cross the border between them, and a cut there changes no id. In the vocabularies that people use this is
 * so before nearly every space: words are short, come out of the cache of text/bpe.h, and memory is bounded. A text
 * that cannot be cut is one long word, in O(n log n).
 *
 * Here and in text/bpe.h the text is as it was, with ' ' for a space: both spellings of the space mean the same. */
#ifndef MEMPROBE_SENTENCE_H
#define MEMPROBE_SENTENCE_H
#include "text/bpe.h"
#include <stddef.h>
#include <stdint.h>

/* Where a space is put in front. */
typedef enum {
    PREFIX_NEVER,
    PREFIX_FIRST,  // the very start of the text, unless a space is there
    PREFIX_ALWAYS, // every stretch between added tokens, unless a space is there
    PREFIX_PIECE,  // every stretch between added tokens, always, and before normalized ones are looked for
} prefix_t;

typedef struct {
    int32_t space;      // the character that stands for a space; ' ': spaces stay
    int is_normalizer;  // a normalizer writes it, so normalized added tokens are looked for behind it
    int is_split;       // every space starts a word
    prefix_t prefix;    //
    int32_t read_space; // decoding: this character is read as a space; -1: none
    int reads_bytes;    // decoding: <0xXX> is a byte
    int drops_in_first; // decoding: read_space is dropped in the first token
    int32_t strips;     // decoding: spaces dropped at the start, at most
} sentence_rules_t;

typedef struct sentence sentence_t;

/* Each function that fills it is called while the vocabulary is read; merges come last. */
int sentence_create(const sentence_rules_t *rules, sentence_t **sentence);
void sentence_free(sentence_t *s);                              // accepts NULL
int sentence_put(sentence_t *s, const char *token, int32_t id); // every entry of the vocabulary
/* byte_fallback, after the last entry. An error when the character that stands for a space has no token: it would have
 * to become its bytes, and the text has a space there. */
int sentence_use_bytes(sentence_t *s);
void sentence_set_unknown(sentence_t *s, int32_t id, int is_fused); // unk_token, fuse_unk
int sentence_add_merge(sentence_t *s, const char *left, int32_t left_id, const char *right, int32_t right_id);
void sentence_finish(sentence_t *s); // after the last merge

/* The way of bpe_spell_t: tokens of the characters of a word; user is the sentence_t. */
int sentence_spell(const void *user, const uint8_t *word, size_t bytes, int32_t *ids, int64_t *n);

int sentence_has_bytes(const sentence_t *s); // characters outside the vocabulary become bytes
int sentence_is_cut(const sentence_t *s);    // words end where no merge reaches across; else the text is one word

/* End of the word that starts at `at` (at < bytes). */
size_t sentence_word_end(const sentence_t *s, const uint8_t *text, size_t at, size_t bytes);
/* The first word of a text (not empty) that gets a space in front: *word, which lives until the next call, and where
 * the second one starts. */
int sentence_first_word(sentence_t *s, const uint8_t *text, size_t bytes, const uint8_t **word, size_t *word_bytes,
                        size_t *next);
int sentence_starts_with_space(const sentence_t *s, const uint8_t *text, size_t bytes);

/* 1 when a word ends between two neighbouring characters, whatever stands around them; the space is rules.space. */
int sentence_is_border(const sentence_t *s, int32_t before, int32_t after);

/* Text with a normalizer's doing: a space in front if the rules say so and is_start, the space character for each ' '.
 * *out lives until the next call. */
int sentence_normalize(sentence_t *s, const uint8_t *text, size_t bytes, int is_start, const uint8_t **out,
                       size_t *out_bytes);

/* Text of one token inside a decoded text, at most as long as the token; is_first: drops_in_first applies. Returns the
 * bytes written. */
size_t sentence_decode(const sentence_rules_t *rules, const char *token, size_t bytes, int is_first, uint8_t *out);

#endif
