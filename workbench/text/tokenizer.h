/* BPE tokenizers in the Hugging Face tokenizer.json format: byte-level ones (GPT-2 and most since), trained here or
 * loaded, and those of the SentencePiece kind (Llama-2, Mistral, Gemma). Ids are those that the library `tokenizers`
 * gives with add_special_tokens=False, for the features accepted; a feature we lack is named and refused.
 *
 * Accepted: model BPE with merges as "a b" or ["a", "b"], without dropout, prefix and suffix; added tokens without
 * single_word. Post-processors are looked at and set aside: they add special tokens, and none are added here.
 *   byte-level: pre_tokenizer ByteLevel, after any number of Digits and of Splits by a known pattern (text/pretoken.h);
 *     normalizer null or NFC; decoder ByteLevel; ignore_merges; unk_token for bytes that the vocabulary lacks (then no
 *     fuse_unk and no byte_fallback).
 *   SentencePiece: a normalizer that replaces the space by another character, with or without Prepend of that, and no
 *     pre_tokenizer (or Gemma's, which splits at spaces when none is left); or pre_tokenizer Metaspace with any
 *     prepend_scheme and split; byte_fallback, unk_token, fuse_unk; no ignore_merges; decoder of Replace or Metaspace,
 *     ByteFallback, Fuse, Strip of spaces at the start, in this order, each or none.
 *
 * Differences from the library, none for valid text and a vocabulary of all bytes. Text that is not valid UTF-8, which
 * it cannot take, is encoded as the bytes it is; each such byte is a character that is neither letter, number nor
 * space, and in no vocabulary of characters. What the vocabulary has no token for, and no unk_token, is an error, where
 * the library drops it in silence (GPT-NeoX's lacks only bytes that valid UTF-8 never holds). Decoding gives the very
 * bytes, where the library puts U+FFFD for invalid ones (SentencePiece: for each of a run of byte tokens that is not
 * UTF-8 as a whole), and keeps special tokens. As in the library, an added token written in letters of the byte
 * alphabet decodes to the bytes that these stand for.
 *
 * For the SentencePiece kind decoding is not always the inverse of encoding: a space put in front (behind an added
 * token: every one) may stay or be taken for one that was there, and the character that stands for a space reads as a
 * space. The files say so, not we. */
#ifndef MEMPROBE_TOKENIZER_H
#define MEMPROBE_TOKENIZER_H
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

typedef struct tokenizer tokenizer_t;

int tokenizer_load(const char *path, tokenizer_t **tokenizer);
void tokenizer_free(tokenizer_t *tokenizer); // accepts NULL

/* Memory that encoding may take for a word, beyond the text; a word without a place to split it that needs more (64
 * bytes for each of its own) is then an error. Without this call there is no bound. */
void tokenizer_set_memory(tokenizer_t *t, int64_t bytes);

int32_t tokenizer_vocab(const tokenizer_t *t); // ids are 0 .. vocab-1
/* The token that ends documents: the first of <|endoftext|>, <|end_of_text|>, </s> and <eos> that the vocabulary has,
 * -1 if it has none of them. */
int32_t tokenizer_end(const tokenizer_t *t);
int32_t tokenizer_find(const tokenizer_t *t, const char *text); // id of the token with that text, -1 if there is none

/* Appends the ids of text (UTF-8, bytes long) to *ids (mem_grow array). Special tokens written out in the text become
 * their ids, as in the library. Linear time but for O(n log n) in the length of a word. Changes the cache in t only:
 * one thread a tokenizer. */
int tokenizer_encode(tokenizer_t *t, const char *text, size_t bytes, int32_t **ids, int64_t *n, int64_t *capacity);
/* The same ids in runs, in order, through emit, in memory that grows with the longest word and not with the text; a run
 * that emit refuses (-1) ends it. emit must not encode with t. */
typedef int (*tokenizer_emit_t)(void *user, const int32_t *ids, int64_t n);
int tokenizer_encode_each(tokenizer_t *t, const char *text, size_t bytes, tokenizer_emit_t emit, void *user);
/* Text of n ids, NUL-terminated, *bytes long; mem_free. An id out of range is an error. */
int tokenizer_decode(const tokenizer_t *t, const int32_t *ids, int64_t n, char **text, size_t *bytes);
/* The same for ids out of the middle of a text: SentencePiece decoders drop the space at the start of a text, which a
 * token in its middle keeps. */
int tokenizer_decode_inside(const tokenizer_t *t, const int32_t *ids, int64_t n, char **text, size_t *bytes);
/* Text of one token in the middle of a text, for output token by token. Not NUL-terminated; lives as long as t. */
const char *tokenizer_text(const tokenizer_t *t, int32_t id, size_t *bytes);

/* What kind of tokenizer it is, in lines of text: split, normalizer, vocabulary, added tokens, end token. */
void tokenizer_explain(const tokenizer_t *t, FILE *out);

/* Training (Sennrich et al. 2016, on bytes as GPT-2). Feed texts, then train to `vocab` entries: <|endoftext|> has id
 * 0, then the 256 bytes in the order of the byte alphabet ('!' is 1), then merges by falling count of the pair; ties:
 * smaller left id, then smaller right id. Overlapping occurrences of a pair count, as "aaa" holds "aa" twice. A text is
 * split into pre-tokens as it is: added tokens are not cut out, nothing is normalized. This is what the library's
 * BpeTrainer does with initial_alphabet=ByteLevel.alphabet() and that one special token; ties too. A text that gives
 * fewer entries than asked for is an error that says how many it gives: a model is not to have rows that no text can
 * reach.
 */
typedef struct bpe_trainer bpe_trainer_t;
/* memory: bytes a rank may use; scratch: an existing folder for words that find no room there (nothing stays in it). */
int bpe_trainer_create(int64_t memory, const char *scratch, bpe_trainer_t **trainer); // local
int bpe_trainer_add(bpe_trainer_t *trainer, const char *text, size_t bytes);          // local
/* Collective: learns from the words of all ranks, each holding its share of them, and writes the file (rank 0). The
 * bytes do not depend on the number of ranks, on which of them got which text, or on memory. Once, after the last add.
 */
int bpe_trainer_write(bpe_trainer_t *trainer, int32_t vocab, const char *json_path);
void bpe_trainer_free(bpe_trainer_t *trainer); // local; accepts NULL

#endif
