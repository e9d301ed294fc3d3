/* The kNN-LM datastore (Khandelwal et al. 2020): one entry per training token. Key: input of the last layer's FFN after
 * its norm, at the token's context; value: the token that follows. Contexts are windows of the model's context length
 * cut from each document, from its start, without overlap. */
#ifndef MEMPROBE_DATASTORE_H
#define MEMPROBE_DATASTORE_H
#include "model/model.h"
#include "text/tokens.h"
#include <stdint.h>

typedef struct {
    int64_t n, width;
    const float *keys;       // (n, width)
    const int32_t *values;   // (n) u32 on disk: ids above 32767 are safe
    const int64_t *position; // (n) of the value in the corpus
    void *hidden;
} datastore_t;

/* Collective: writes dir/keys.f32, dir/values.u32, dir/positions.i64, dir/meta.json. Same bytes for any rank count. A
 * document of n tokens gives an entry at its tokens 0, stride, 2 stride, ... < n; the value after its last token is the
 * end token. dir must exist; name is what the progress line shows. */
int datastore_build(const model_t *model, tokens_t *corpus, int64_t stride, const char *name, const char *dir);
int datastore_open(const char *dir, datastore_t *store); // local: maps and checks the files
void datastore_close(datastore_t *store);

#endif
