/* The order in which training sees a corpus: windows of `context` predictions, shuffled each epoch (train.h). Local. */
#ifndef MEMPROBE_TRAIN_WINDOWS_H
#define MEMPROBE_TRAIN_WINDOWS_H
#include "base/hash.h"
#include "text/tokens.h"
#include <stdint.h>

typedef struct train_windows train_windows_t;

int64_t train_windows_in(int64_t tokens, int64_t context); // windows of a corpus of that many tokens

/* corpus must outlive it. At least two tokens are needed. */
int train_windows_open(tokens_t *corpus, int64_t context, uint64_t seed, train_windows_t **w);
void train_windows_close(train_windows_t *w); // accepts NULL

/* Of the corpus' first and last tokens: to tell corpora apart, not to check them. */
int train_windows_hash(train_windows_t *w, hash_t *hash);

/* The window that comes as number i of the run (i counts on across epochs). */
int64_t train_windows_at(train_windows_t *w, int64_t i);
/* Tokens that it predicts: context, less for the last window of the corpus. */
int64_t train_windows_length(const train_windows_t *w, int64_t window);
/* Its tokens and targets, (context) each; padding has the end token and the target -1. */
int train_windows_read(train_windows_t *w, int64_t window, int32_t *tokens, int32_t *targets);

#endif
