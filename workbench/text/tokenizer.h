/* Byte-level BPE tokenizers in the Hugging Face tokenizer.json format: trained here or loaded, encode and decode
 * identical to the `tokenizers` library for the features we accept; a feature we lack is named and refused. */
#ifndef MEMPROBE_TOKENIZER_H
#define MEMPROBE_TOKENIZER_H
#include <stddef.h>
#include <stdint.h>

typedef struct tokenizer tokenizer_t;

int tokenizer_load(const char *path, tokenizer_t **tokenizer);
void tokenizer_free(tokenizer_t *tokenizer); // accepts NULL

int32_t tokenizer_vocab(const tokenizer_t *t); // ids are 0 .. vocab-1
int32_t tokenizer_end(const tokenizer_t *t);   // id of <|endoftext|>, -1 if it has none

/* Appends the ids of text (UTF-8, bytes long) to *ids (mem_grow array). Invalid UTF-8 is encoded byte by byte. */
int tokenizer_encode(tokenizer_t *t, const char *text, size_t bytes, int32_t **ids, int64_t *n, int64_t *capacity);
/* Text of n ids, NUL-terminated, *bytes long; mem_free. An id out of range is an error. */
int tokenizer_decode(const tokenizer_t *t, const int32_t *ids, int64_t n, char **text, size_t *bytes);

/* Training (Sennrich et al. 2016, on bytes as GPT-2). Feed texts, then train to `vocab` entries: <|endoftext|> has id
 * 0, then the 256 bytes, then merges by falling count of the pair; ties: smaller left id, then smaller right id. */
typedef struct bpe_trainer bpe_trainer_t;
bpe_trainer_t *bpe_trainer_create(void);
int bpe_trainer_add(bpe_trainer_t *trainer, const char *text, size_t bytes);
int bpe_trainer_merge(bpe_trainer_t *trainer); // collective: words of all ranks on all ranks
int bpe_trainer_write(bpe_trainer_t *trainer, int32_t vocab, const char *json_path); // local
void bpe_trainer_free(bpe_trainer_t *trainer);

#endif
