/* Chooses the next token from a row of logits by chance: temperature, then top-k, then top-p (Holtzman et al. 2020,
 * nucleus sampling), in the order and with the meaning that Hugging Face's `generate` gives them.
 *
 * Temperature T: weights are exp(logit / T).
 *
 * Top-k K: the first K tokens of the order, larger logit first, ties by smaller id. Exactly K: where logits tie at the
 * border, transformers keeps all that tie; here K = 1 is greedy in every case.
 *
 * Top-p P: of these the fewest, from the front, whose weights sum to P of the whole or more; at least one.
 *
 * Weights are summed in doubles in one order (by id over the whole vocabulary, by the order above over what is kept),
 * and the random number is a function of (seed, sample, step), so a seed gives the same tokens with any kernels of
 * equal logits. */
#ifndef MEMPROBE_DRAW_H
#define MEMPROBE_DRAW_H
#include <stdint.h>

typedef struct {
    double temperature; // above 0
    int64_t top_k;      // 0: all
    double top_p;       // above 0, up to 1; 1: all
    uint64_t seed;
} draw_spec_t;

typedef struct draw draw_t;
int draw_create(const draw_spec_t *spec, int64_t vocab, draw_t **draw);
void draw_free(draw_t *draw); // accepts NULL

/* A token for step `step` (below 2^32) of sample `sample`. logits (vocab): finite or -infinity, not all the latter. */
int32_t draw_token(draw_t *draw, const float *logits, uint32_t sample, uint32_t step);

/* What draw_token would choose from: the tokens in their order and their probabilities, both (vocab); returns how many.
 */
int64_t draw_kept(draw_t *draw, const float *logits, int32_t *token, double *probability);

/* The first n tokens of the order and their logits, both (n); returns how many there are, the smaller of n and vocab.
 * For a small n. */
int64_t draw_first(int64_t vocab, const float *logits, int64_t n, int32_t *token, float *logit);

#endif
