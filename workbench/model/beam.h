/* Beam search: the likeliest continuations of a text that a search of bounded width finds, with the rules of Hugging
 * Face's `generate(num_beams=B, do_sample=False, length_penalty=1, early_stopping=False)`.
 *
 * A step ranks all continuations of the open beams by one token (sum of log p, larger first; ties by beam, then by
 * token). One that ends (an end token, or the last step) and stands among the first B is finished, with the score sum
 * of log p / tokens, the end token counted in both; the B best finished texts are kept. The first B that do not end are
 * the open beams of the next step. The search stops when B texts are finished and the best open beam, scored at its
 * present length, is not better than the worst of them. With fewer continuations than beams (a vocabulary below B) as
 * many as there are stay open. */
#ifndef MEMPROBE_BEAM_H
#define MEMPROBE_BEAM_H
#include "model/model.h"

typedef struct {
    int32_t *token; // (steps) of which `length` are set; the last may be an end token
    int64_t length;
    double log_p; // sum of log p of the tokens, in their order
    double score; // log_p / length
} beam_text_t;

typedef struct beam beam_t;
/* For texts of up to `steps` tokens after prompts of up to `prompt`; ends: the tokens that end a text,
 * copied. Owns a session. */
int beam_create(const model_t *model, int32_t beams, int64_t prompt, int64_t steps, const spec_ends_t *ends,
                beam_t **beam);
void beam_free(beam_t *beam); // accepts NULL

/* Continues a prompt of n tokens. *text: the finished texts, best first, owned by the beam, until its next search.
 * Returns their number, 1 to `beams`, or -1. */
int32_t beam_search(beam_t *beam, int64_t n, const int32_t *prompt, const beam_text_t **text);

#endif
