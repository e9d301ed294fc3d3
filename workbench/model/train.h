/* Training, data-parallel over ranks, AdamW with warm-up and cosine decay. The weights that come out are defined by the
 * specification, the corpus and the first weights alone; neither the number of ranks nor interruptions show in them.
 *
 * Order: the corpus (documents one after the other, end tokens between them) is cut into W = ceil((tokens - 1) /
 * context) windows of `context` predictions; neighbours share one token, so every token but the first is predicted once
 * an epoch. The last window is padded, and the padding counts nowhere. Each epoch is shuffled by seed. The run is S =
 * round(epochs * W) windows long, at least one; a step takes the next `batch` of them, across the borders of epochs;
 * the last step takes what is left. So with whole epochs every window is seen exactly `epochs` times.
 *
 * Shards: a batch is cut into train_shards() virtual shards of whole windows. Each is one gradient, made in
 * micro-batches of at most 1024 positions (one window when that is longer), and par_tree adds them up: hence the same
 * bits for any number of ranks. More ranks than shards leave ranks idle.
 *
 * Step: loss and gradient are means over the batch's predicted tokens. The whole gradient is scaled down to the norm
 * `clip` when it is longer. AdamW decays matrices (embeddings too), not biases and norms.
 *
 * Rate: rises linearly over the first round(warmup * steps) steps, then falls by half a cosine to lr_end at the last.
 *
 * State: dir/state.bin holds weights, moments and the table of losses after some step. A run that finds one goes on
 * from there, and refuses one that is damaged or of another run.
 *
 * Every rank keeps all weights and both moments and makes the same update. Each rank holds the corpus decoded if that
 * takes at most 64 MiB, and decodes the windows of a shard as they come if not. */
#ifndef MEMPROBE_TRAIN_H
#define MEMPROBE_TRAIN_H
#include "model/model.h"
#include "text/tokens.h"
#include <stdint.h>

typedef struct {
    double epochs;
    int64_t batch;             // windows a step; use a multiple of a power of two (see train_shards)
    double lr, lr_end, warmup; // warmup: share of the steps
    double beta1, beta2, eps, decay;
    double clip; // 0: gradients are not clipped
    uint64_t seed;
    double save_every; // seconds between saved states; 0: only when interrupted
} train_t;

/* Virtual shards of a batch: the largest power of two that divides it, leaves a shard at least 512 positions, and is at
 * most 64. Depends on these two numbers only. */
int32_t train_shards(int64_t batch, int64_t context);

/* Steps of a run over a corpus of `tokens` tokens. */
int64_t train_steps(const train_t *spec, int64_t tokens, int64_t context);

/* Collective. Trains `model` (fresh, equal on all ranks) on the corpus. dir must exist; state is kept in dir/state.bin
 * and removed at the end; dir/loss.csv has step,tokens,lr,loss,grad_norm. `name` is for messages. Returns 1 when
 * interrupted (state saved), 0 when done, -1. */
int train_run(const train_t *spec, model_t *model, tokens_t *corpus, const char *name, const char *dir);

#endif
