/* What a loaded tokenizer is made of; shared by the readers of tokenizer.json, which fill it, and tokenizer.c,
 * which uses it. */
#ifndef MEMPROBE_TOKENIZER_PRIVATE_H
#define MEMPROBE_TOKENIZER_PRIVATE_H
#include "text/added.h"
#include "text/bpe.h"
#include "text/nfc.h"
#include "text/tokenizer.h"

/* What is done to a text before the model sees it, and to ids after. */
typedef struct {
    int is_nfc; // normalizer NFC; else none
} pipeline_t;

struct tokenizer {
    pipeline_t pipeline;
    int32_t vocab, end;
    uint8_t *bytes;  // texts of all tokens, one after the other
    int64_t *offset; // (vocab + 1) into bytes
    bpe_t *bpe;
    added_t exact, normalized; // added tokens looked for before and after normalization
    nfc_t nfc;
};

/* As tokenizer_load, from the bytes of a tokenizer.json. */
int tokenizer_parse(const void *json, size_t bytes, tokenizer_t **tokenizer);

#endif
