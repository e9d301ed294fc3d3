/* What a loaded tokenizer is made of; shared by the readers of tokenizer.json, which fill it, and tokenizer.c,
 * which uses it. */
#ifndef MEMPROBE_TOKENIZER_PRIVATE_H
#define MEMPROBE_TOKENIZER_PRIVATE_H
#include "text/added.h"
#include "text/bpe.h"
#include "text/nfc.h"
#include "text/pretoken.h"
#include "text/sentence.h"
#include "text/tokenizer.h"

enum { MOST_RULES = 4 };

/* What is done to a text before the model sees it. */
typedef struct {
    int is_nfc;           // normalizer NFC; else none
    int is_byte_level;    // pre_tokenizer ByteLevel: the model sees bytes
    int add_prefix_space; // a piece that does not start with a blank gets one
    int32_t rules;        // pre-tokens: text is split by the first rule, each part by the next
    pretoken_rule_t rule[MOST_RULES];
    int is_sentence; // SentencePiece-style, with rules of its own in place of all these
    sentence_rules_t sentence;
} pipeline_t;

/* Texts of all tokens, one after the other. */
typedef struct {
    uint8_t *bytes;
    int64_t *offset; // (vocab + 1) into bytes; NULL: no entries
} token_texts_t;

struct tokenizer {
    pipeline_t pipeline;
    int32_t vocab, end;
    token_texts_t texts; // as they stand inside a decoded text
    token_texts_t first; // at its start, where that differs; else without entries
    bpe_t *bpe;
    sentence_t *sentence;      // NULL: byte-level
    added_t exact, normalized; // added tokens looked for before and after normalization
    // of encoding, and scratch of it
    size_t block; // bytes of text normalized at a time, more where there is no place to cut
    nfc_t nfc;
    uint8_t *prefixed;
    int64_t prefixed_capacity;
    int32_t *run; // ids not yet handed on
    int64_t run_capacity;
};

/* As tokenizer_load, from the bytes of a tokenizer.json. */
int tokenizer_parse(const void *json, size_t bytes, tokenizer_t **tokenizer);

#endif
