/* Loss and gradient of a decoder on a micro-batch of equally long windows. Everything goes through tensor/, in an order
 * that is fixed by the shapes alone, so a gradient has the same bits with any kernels and on any rank (law 1). Local.
 *
 *     backward_create(model, 4, 256, &b);     // memory for up to 4 windows of 256 predictions
 *     backward_pack(b);                       // once a step, after the weights have changed
 *     backward_run(b, 4, tokens, targets, 1.0f / total, gradient, &loss);
 */
#ifndef MEMPROBE_BACKWARD_H
#define MEMPROBE_BACKWARD_H
#include "model/model.h"
#include <stdint.h>

typedef struct backward backward_t;

/* Memory for micro-batches of up to `sequences` windows of `length` positions each (at most the model's context). The
 * model must outlive it. */
int backward_create(model_t *model, int64_t sequences, int64_t length, backward_t **b);
void backward_free(backward_t *b); // accepts NULL

/* Packs the weights for the backward products and (model_pack) for the forward ones. */
int backward_pack(backward_t *b);

/* tokens and targets (sequences, length): the target of a position is the token that follows it; -1 is a position
 * without one (padding), which adds neither loss nor gradient. Adds the gradient of scale * (sum of the losses) to
 * gradient, a block of the layout of model_parameters; *loss becomes the sum of the losses in nats, unscaled, added in
 * row order. Error: a token or target outside the vocabulary. NaN passes through; the caller checks *loss. */
int backward_run(backward_t *b, int64_t sequences, const int32_t *tokens, const int32_t *targets, float scale,
                 float *gradient, double *loss);

/* FLOP of training on one token: a forward pass, and twice that for the two products of each backward one. */
double backward_flop_per_token(const model_spec_t *spec, int64_t context);

#endif
