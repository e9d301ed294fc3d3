/* The readers of tokenizer.json, a file each for the pipeline around the model and for the model, and the checks that
 * they share. */
#ifndef MEMPROBE_TOKENIZER_JSON_H
#define MEMPROBE_TOKENIZER_JSON_H
#include "text/tokenizer_private.h"
#include <jansson.h>

int tokenizer_read_pipeline(const json_t *root, pipeline_t *pipeline); // normalizer to decoder; names what is refused
/* The same for files of the SentencePiece kind, and whether a file is one. */
int sentence_is_kind(const json_t *root);
int sentence_read_pipeline(const json_t *root, sentence_rules_t *rules);
/* Vocabulary, merges and added tokens; after the pipeline, because added tokens are normalized as text is. */
int tokenizer_read_model(const json_t *root, tokenizer_t *t);

const char *json_text_of(const json_t *object, const char *key); // "" if it is not there or is not a text
int json_is_unset(const json_t *value);                          // missing or null
/* Every key of an object must be one of the names, a NULL-terminated list. */
int json_check_keys(const json_t *object, const char *where, const char *const *names);
int json_check_false(const json_t *object, const char *where, const char *key); // missing, null or false
int json_check_unset(const json_t *object, const char *where, const char *key); // missing, null or ""

#endif
