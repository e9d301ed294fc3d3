/* Training, data-parallel over ranks, AdamW with warm-up and cosine decay. A step's batch is cut into fixed virtual
 * shards; their gradients are summed by par_tree, so the weights have the same bits for any number of ranks. Order:
 * the corpus is cut into windows of context+1 tokens (sharing one token), shuffled each epoch by seed. Resumes from its
 * last saved state and then makes the same bytes. */
#ifndef MEMPROBE_TRAIN_H
#define MEMPROBE_TRAIN_H
#include "model/model.h"
#include "text/tokens.h"
#include <stdint.h>

typedef struct {
    double epochs;
    int64_t batch;             // sequences a step; a multiple of the virtual shards (a power of two)
    double lr, lr_end, warmup; // warmup: share of the steps
    double beta1, beta2, eps, decay, clip;
    uint64_t seed;
    double save_every; // seconds between saved states
} train_t;

/* Collective. Trains `model` (fresh, equal on all ranks) on the corpus; state is kept in dir/state.* and removed at the
 * end; dir/loss.csv has step,tokens,lr,loss,grad_norm. Returns 1 when interrupted (state saved), 0 when done, -1. */
int train_run(const train_t *spec, model_t *model, tokens_t *corpus, const char *name, const char *dir);

#endif
