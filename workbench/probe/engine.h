/* The probe engine: extraction probes of one model, one arm, several context lengths. Greedy decoding reproduces the
 * suffix exactly if and only if the argmax equals the target at every teacher-forced suffix position (induction on the
 * position, same arithmetic and same tie rule), so one forward pass gives the verdict and all measures at once.
 *
 * Where only the verdict is asked for (MEASURE_VERDICT), a probe is fed in pieces and left at its first miss:
 *
 *     piece    tokens fed                              positions of the suffix that are read
 *     0        the context                             0
 *     1        suffix[0]                               1
 *     2        suffix[1..2]                            2 3
 *     3        suffix[3..6]                            4 5 6 7
 *     n        suffix[2^(n-1)-1 .. 2^n-2], as far as   2^(n-1) .. 2^n-1
 *              it is needed: the last token is not
 *
 * Keys and values of what was fed stay in the session. Each piece is as long as all before it, so no more than half of
 * what is fed of a suffix lies behind its first miss, and most probes of most studies end with piece 0: the cost is
 * that of the contexts. This is exact, not an estimate: up to the first miss the tokens fed are those that greedy
 * decoding has chosen, and by law 1 the logits of a position have the same bits however its sequence was cut into
 * pieces and whatever else was in the batch. So the verdicts are those of MEASURE_ALL, bit for bit.
 *
 * Probes in different pieces share forward passes: few survive a piece, and alone they would make matrices of a few
 * rows. With several arms a probe goes on while any of them has not missed, and each arm's logits (and what a memory
 * has to search for them) are made only while that arm has not. How a probe is cut depends on nothing but the probe, so
 * what is computed, and what fails, is the same for any number of ranks. */
#ifndef MEMPROBE_ENGINE_H
#define MEMPROBE_ENGINE_H
#include "index/probes.h"
#include "model/model.h"
#include <stdint.h>

/* Everything measured on one probe x model x arm x context. Fixed size, written by id. With verdict_only, the context,
 * exact and first_mismatch are all that is known, and the measures are 0. */
typedef struct {
    int64_t probe_id;
    int32_t context;
    int32_t exact;             // 1: the whole suffix is reproduced
    int32_t first_mismatch;    // first suffix position that differs, = suffix when exact
    int32_t matched;           // suffix positions whose teacher-forced argmax is the target
    double memorization_score; // matched / suffix (Biderman et al. 2023 count on free-running text; see README)
    double logp_suffix;        // natural log of p(suffix | context), summed in order of position; -infinity where a
                               // token has probability 0 (a memory at lambda 1)
    int32_t rank_max;          // largest rank of a target token
    int32_t verdict_only;
    float margin_min;   // smallest margin over the suffix positions
    float entropy_bits; // -logp_suffix / suffix / ln 2: bits per token
} record_t;

/* An arm: how to decode. The engine asks for an attachment per setting; the bare model has none. */
typedef struct {
    const char *name;                            // "bare", "knn:lambda=0.5"
    const attachment_t *attach;                  // NULL: the bare model
    void (*select)(void *user, int32_t setting); // called before each head pass over the same forward; may be NULL
    void *user;
} arm_t;

typedef enum { MEASURE_ALL, MEASURE_VERDICT } measure_t;

typedef struct {
    int32_t n_context;
    const int64_t *context; // tokens of context, each <= length - suffix
    int64_t suffix;         // the last tokens of every probe
    int64_t batch_tokens;   // tokens of one forward, at most; the caches hold as many, or one probe
    measure_t measure;
} engine_t;

/* What a run has computed, on all ranks together. */
typedef struct {
    int64_t tokens;    // fed
    int64_t positions; // whose next token was looked at
    int64_t reads;     // the same, counted once for every arm that looked
    double flop;       // of the model for these: spec_flop, and its head for every read
} engine_work_t;

/* Collective: probes the set at all contexts with the n_arms arms; which probes at which context says probes_at. The
 * arms share one attachment and one forward pass and differ in what `select` sets (setting: number of the arm), so only
 * the logits may depend on it. Writes dir/records.ARM.bin for each arm: record_t by id: the probes of the first
 * context, of the second, ... Batches are dealt by tickets; bytes do not depend on it. A NaN is an error that names
 * model, probe and context. `name` of the model is for messages; work may be NULL. */
int engine_run(const engine_t *spec, const model_t *model, const probe_set_t *set, const arm_t *arms, int32_t n_arms,
               const char *name, const char *dir, engine_work_t *work);

/* The same verdicts by real generation: KV-cached greedy decoding of the suffix with arm number `setting` of `arms`,
 * local. out (records), by the same ids, takes first_mismatch of the generated text. */
int engine_generate(const engine_t *spec, const model_t *model, const probe_set_t *set, const arm_t *arms,
                    int32_t setting, int32_t *out);

/* Collective: generates the suffix of every probe and compares with what engine_run has written to dir for the same
 * arguments. A verdict that differs is an error that names model, probe and context: it cannot happen while law 1
 * holds. */
int engine_verify(const engine_t *spec, const model_t *model, const probe_set_t *set, const arm_t *arms, int32_t n_arms,
                  const char *name, const char *dir);

#endif
