/* Batches of probes. The probes of each context length (probes_at) are numbered, length by length, and cut into
 * batches of consecutive ids of one context length, about batch_tokens tokens each. What is in a batch depends on the
 * config only, never on ranks. A batch is loaded here and handed to a session as one ragged forward. Private to probe/.
 */
#ifndef MEMPROBE_BATCH_H
#define MEMPROBE_BATCH_H
#include "probe/engine.h"

typedef struct {
    const engine_t *spec;
    const model_t *model;
    const probe_set_t *set;
    const char *name; // of the model, for messages

    int64_t batches;
    int64_t records;                         // probes of all context lengths
    int64_t most_probes, most_rows, longest; // of any batch; fed positions of the longest probe

    /* The batch that is loaded. */
    int64_t first, count;   // probes first .. first + count - 1
    int64_t context;        // tokens of context
    int64_t id;             // of the first probe
    int64_t done;           // tokens of all batches before this one
    const int32_t **window; // (count) the last context + suffix tokens of each probe
    int32_t *sequence;      // (count) 0, 1, 2, ...
    int64_t *length;        // (count) tokens of each piece fed
    int64_t *read;          // (count) rows of it that are read
    int32_t *tokens;        // (rows) fed
    int64_t *select;        // (count, suffix) 0, 1, 2, ...: the rows that are read, whose next tokens are the suffixes
    int32_t *target;        // (count, suffix) those tokens
    head_stat_t *stat;      // (count, suffix)
    session_t *session;
    void *arena;

    engine_work_t work; // of this rank, so far
} batch_t;

/* Checks the spec against the model and the set. */
int batch_open(const engine_t *spec, const model_t *model, const probe_set_t *set, const char *name, batch_t *batch);
int batch_open_session(batch_t *batch); // one that takes any of the batches, for batch_feed
void batch_close(batch_t *batch);
int64_t batch_tokens(const batch_t *batch);                  // of all batches, but for the last of each window
int64_t batch_probes(const engine_t *spec, int64_t context); // of a batch at this context length, if there are any

/* Loads batch number `index` of 0 .. batches - 1. */
void batch_load(batch_t *batch, int64_t index);
/* Feeds the first `fed` tokens of every window of the loaded batch to emptied sequences, to read the last `read` rows
 * of each; both may be 0. */
int batch_feed(batch_t *batch, int64_t fed, int64_t read, const attachment_t *attach);
/* Leaves only probe `i` of the loaded batch. */
void batch_only(batch_t *batch, int64_t i);

/* Puts "model NAME, probe P, context K: " in front of the present message, for the first probe of the batch. */
int batch_context(const batch_t *batch);

#endif
