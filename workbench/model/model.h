/* A decoder: weights, forward pass with KV caches, greedy generation. One arithmetic (tensor/), so the hidden state of
 * a position has the same bits whatever else is in the batch and however the sequence was fed. */
#ifndef MEMPROBE_MODEL_H
#define MEMPROBE_MODEL_H
#include "model/spec.h"
#include "tensor/tensor.h"
#include <stdint.h>

/* All parameters are one block of floats in canonical layout; a tensor is a name, a shape and an offset into it. Linear
 * weights are (out, in), query, key and value are the contiguous thirds of one matrix, heads in order. */
typedef struct {
    char name[96];         // Hugging Face name in this family
    int64_t rows, columns; // columns 0: a vector of `rows`
    int64_t offset;        // floats
} model_tensor_t;

typedef struct model model_t;

/* How hidden states meet the weight matrices, the head's among them. FP32: the sums and products of floats. BF16: both
 * rounded to bf16, sums of floats (PACKED_DOT_BF16). Embeddings, norms, attention among the positions, activations and
 * the statistics of the head are of floats in either. */
typedef enum { PRECISION_FP32, PRECISION_BF16 } precision_t;
int precision_find(const char *name, precision_t *precision); // "fp32" or "bf16"; else a message

int model_create(const model_spec_t *spec, const tensor_ops_t *ops, uint64_t seed, model_t **model); // random weights
/* A Hugging Face folder, refused by the name of what is wrong with it. Of FP32, to be changed, trained or saved: holds
 * the floats, and packed copies of them. */
int model_load(const char *dir, const tensor_ops_t *ops, model_t **model);

/* The same for inference only, hence const. Every weight is held once, packed; halves stay halves, with the same
 * results. The weights go from the mapped files into place a few rows at a time. Local, also before par_init. */
int model_open(precision_t precision, const char *dir, const tensor_ops_t *ops, const model_t **model);
/* Collective: one copy of it for all ranks of a node, which read and pack it together. It is in shared memory, or where
 * that has no room in the folder `spill` (par_shared_create). */
int model_share(precision_t precision, const char *dir, const tensor_ops_t *ops, const char *spill,
                const model_t **model);
/* How the weights of such a model are held; 0 bytes: it is one to be changed. */
enum { MODEL_TYPES = 32 };
typedef struct {
    size_t bytes;
    char types[MODEL_TYPES]; // of the matrices, that of the most bytes first: "BF16", "BF16 and F32"
    int ranks;               // of this node, that share them
    const char *place;       // "/dev/shm", the folder `spill`, or "memory"
} model_held_t;
model_held_t model_held(const model_t *model);

/* What model_open would open: all its checks but those that read the weights themselves; nothing is allocated for them.
 */
typedef struct {
    model_spec_t spec;
    int64_t files, tensors, bytes;
    char dtypes[32];      // of the weights: "F32", "BF16", "F16, F32"
    model_held_t held[2]; // by precision; ranks and place are not set
} model_folder_t;
int model_inspect(const char *dir, model_folder_t *folder);
/* Writes config.json and model.safetensors (F32) and copies the tokenizer.json. dir must exist. Not for inference-only
 * models. */
int model_save(const model_t *model, const char *dir, const char *tokenizer_path);
void model_free(const model_t *model); // accepts NULL

const model_spec_t *model_spec(const model_t *model);
const tensor_ops_t *model_ops(const model_t *model);
float *model_parameters(model_t *model, int64_t *n); // the block; call model_pack after changing it
const model_tensor_t *model_tensors(const model_t *model, int32_t *n);
int model_set_precision(model_t *model, precision_t precision); // packs again. Only a model of FP32 can be trained
precision_t model_precision(const model_t *model);
int model_pack(model_t *model); // packs the weights for the kernels; load and create have done it

/* Attachments: how an external memory takes part in a forward pass. Every callback is optional. x is theirs to change;
 * rows are those of the batch, behind the last layer's attention those of them that are read: row r belongs to sequence
 * rows[r].sequence at position rows[r].position. */
typedef struct {
    int32_t sequence, position;
} row_t;
typedef struct {
    void *user;
    int (*embedding)(void *user, int64_t n, const row_t *rows, float *x);                // x (n, width)
    int (*residual)(void *user, int64_t layer, int64_t n, const row_t *rows, float *x);  // after a layer (n, width)
    int (*ffn_input)(void *user, int64_t layer, int64_t n, const row_t *rows, float *x); // after its norm (n, width)
    int (*hidden)(void *user, int64_t n, const row_t *rows, float *x);                   // after the last norm
    /* Says which rows' logits are about to be asked for, all of a session_head call at once; changes nothing. */
    int (*select)(void *user, int64_t n, const int64_t *select);
    /* Logits (n, vocab) of selected rows: select[i] is the row's index among those that are read. */
    int (*logits)(void *user, int64_t n, const int64_t *select, const row_t *rows, float *logits);
    int ends_early; // 1: the pass ends with the last layer's ffn_input; caches are filled, no row can be read
} attachment_t;

/* A session owns KV caches of up to `sequences` sequences of up to `capacity` positions, and scratch for `rows` rows.
 */
typedef struct session session_t;
int session_create(const model_t *model, int32_t sequences, int64_t capacity, int64_t rows, session_t **session);
void session_free(session_t *session);                    // accepts NULL
void session_reset(session_t *session, int32_t sequence); // forgets a sequence
/* Sequence `to` becomes what sequence `from` is, without feeding it again. */
void session_copy(session_t *session, int32_t from, int32_t to);
int64_t session_length(const session_t *session, int32_t sequence);

/* Feeds tokens: `count` pieces, piece i is length[i] new tokens of sequence[i], tokens of all pieces one after the
 * other (sum of length rows). A ragged batch without padding. The last read[i] rows of piece i, 0 to length[i], can be
 * read: their hidden states (after the last norm), those of one piece after those of another, stay in the session until
 * the next call. Of the other rows the last layer makes keys and values only. attach may be NULL. A NaN in the hidden
 * states of rows that can be read is an error; in another row it becomes one when a row is read that sees it. On
 * failure every sequence is as it was before. */
int session_feed(session_t *session, int32_t count, const int32_t *sequence, const int64_t *length, const int64_t *read,
                 const int32_t *tokens, const attachment_t *attach);
/* The same with all rows to be read. */
int session_forward(session_t *session, int32_t count, const int32_t *sequence, const int64_t *length,
                    const int32_t *tokens, const attachment_t *attach);
/* The same for n tokens of one sequence, however many, in pieces that the session has rows for; SESSION_PROMPT of them
 * are enough to be fast. read: 1 for the hidden state of the last token, 0 for none. */
enum { SESSION_PROMPT = 512 };
int session_prompt(session_t *session, int32_t sequence, int64_t n, const int32_t *tokens, int64_t read);
const float *session_hidden(const session_t *session); // (rows that are read, width)

/* Statistics of the next-token distribution at n selected rows, by their index among those that the last call left to
 * be read; target (n), NULL: all -1. When attach has a logits callback, logits are made in blocks of rows, passed
 * through it, and read; else they are never stored. */
int session_head(session_t *session, int64_t n, const int64_t *select, const int32_t *target,
                 const attachment_t *attach, head_stat_t *stat);

/* Greedy continuation of `count` sequences (ids sequence[i], already fed up to their last token but one, whose last
 * tokens are last[i]) by `steps` tokens with the KV cache: out (count, steps), stat (count, steps) or NULL. */
int session_greedy(session_t *session, int32_t count, const int32_t *sequence, const int32_t *last, int64_t steps,
                   const attachment_t *attach, int32_t *out, head_stat_t *stat);

#endif
