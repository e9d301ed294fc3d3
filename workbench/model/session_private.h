/* What the two halves of a session share: session.c feeds tokens, session_head.c reads the next-token distribution. */
#ifndef MEMPROBE_SESSION_PRIVATE_H
#define MEMPROBE_SESSION_PRIVATE_H
#include "base/mem.h"
#include "model/model_private.h"

enum { LOGIT_ROWS = 32 }; // rows of logits that exist at a time when an attachment wants to see them

struct session {
    const model_t *model;
    arena_t *arena; // owns everything below
    int32_t sequences;
    int64_t capacity, rows;

    tensor_kv_t *kv; // (sequences, layers)
    int64_t *length; // (sequences)
    int64_t *fed_by; // (sequences) number of the forward call that last fed it
    int64_t calls;

    /* The last forward call. */
    int64_t filled;    // rows, at the end those that can be read; 0 when it failed
    row_t *row;        // (rows)
    int32_t *position; // (rows) the same positions, as the kernels want them
    float *x;          // (rows, width) residual stream
    float *normed;     // (rows, width) input of attention and ffn; at the end the hidden states
    float *attended;   // (rows, q width)
    float *qkv;        // (rows, q width + 2 kv width)
    float *inner;      // (rows, ffn)
    float *gate;       // (rows, ffn); NULL when the ffn has none
    float *attention_scratch;

    /* The head. */
    float *gathered;     // (rows, width)
    row_t *gathered_row; // (rows)
    int32_t *no_target;  // (rows) all -1
    float *head_scratch;
    float *logits; // (LOGIT_ROWS, vocab); NULL until an attachment wants them

    /* Greedy generation, one row a sequence. */
    int32_t *next;     // (sequences)
    int64_t *ones;     // (sequences) all 1
    int64_t *count;    // (sequences) 0, 1, 2, ...
    head_stat_t *stat; // (sequences)
};

#endif
