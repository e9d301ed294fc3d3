/* What the files of model/ share: the canonical layout of the parameters, the table that describes a family of
 * checkpoints, and the model itself. Nothing outside this folder includes it. */
#ifndef MEMPROBE_MODEL_PRIVATE_H
#define MEMPROBE_MODEL_PRIVATE_H
#include "model/model.h"
#include "par/par.h"
#include <stddef.h>

/* All weights that a decoder may have, in the order in which they stand in the parameter block: the embeddings, the
 * layers one after the other (each with all its weights), the last norm, and the head unless it is tied to the
 * embedding. q = heads * head_size, kv = kv_heads * head_size. The spec says which of them a model has. */
typedef enum {
    WEIGHT_EMBED,      // (vocab, width)
    WEIGHT_POSITION,   // (context, width)     learned positions
    WEIGHT_NORM1_GAIN, // (width)              first weight of a layer
    WEIGHT_NORM1_BIAS, // (width)
    WEIGHT_QKV,        // (q + 2 kv, width)    rows: all of q, all of k, all of v; heads in order
    WEIGHT_QKV_BIAS,   // (q + 2 kv)
    WEIGHT_Q_NORM,     // (q)
    WEIGHT_K_NORM,     // (kv)
    WEIGHT_OUT,        // (width, q)           of the attention
    WEIGHT_OUT_BIAS,   // (width)
    WEIGHT_NORM2_GAIN, // (width)
    WEIGHT_NORM2_BIAS, // (width)
    WEIGHT_GATE,       // (ffn, width)
    WEIGHT_GATE_BIAS,  // (ffn)
    WEIGHT_UP,         // (ffn, width)
    WEIGHT_UP_BIAS,    // (ffn)
    WEIGHT_DOWN,       // (width, ffn)
    WEIGHT_DOWN_BIAS,  // (width)              last weight of a layer
    WEIGHT_NORM_GAIN,  // (width)
    WEIGHT_NORM_BIAS,  // (width)
    WEIGHT_HEAD,       // (vocab, width)
    WEIGHT_COUNT
} weight_t;

int weight_is_of_layer(weight_t weight);
int weight_is_linear(weight_t weight);                          // the matrix of a linear layer, the head's too
int weight_is_there(const model_spec_t *spec, weight_t weight); // a tied head is not: it is the embedding
/* Rows and columns in the canonical layout; columns 0 means a vector. */
void weight_shape(const model_spec_t *spec, weight_t weight, int64_t *rows, int64_t *columns);
/* Offset in floats; layer is ignored for the weights outside the layers. A tied head is the embedding. */
int64_t weight_offset(const model_spec_t *spec, weight_t weight, int64_t layer);

/* Calls visit for every weight of the model in the order of the block, until one does not return 0; returns what it
 * returned. */
typedef int weight_visit_t(void *user, weight_t weight, int64_t layer);
int weight_visit(const model_spec_t *spec, weight_visit_t *visit, void *user);

/* Pointers into a block of canonical layout: the parameters, or gradients of the same layout. NULL: there is none. */
typedef struct {
    float *norm1_gain, *norm1_bias, *qkv, *qkv_bias, *q_norm, *k_norm, *out, *out_bias;
    float *norm2_gain, *norm2_bias, *gate, *gate_bias, *up, *up_bias, *down, *down_bias;
} layer_weights_t;
typedef struct {
    float *embed, *position, *norm_gain, *norm_bias, *head; // head == embed when tied
} outer_weights_t;
layer_weights_t layer_weights(const model_spec_t *spec, float *block, int64_t layer);
outer_weights_t outer_weights(const model_spec_t *spec, float *block);
/* Where the one or the other of these points to a weight. */
float **weight_pointer(weight_t weight, layer_weights_t *layer, outer_weights_t *outer);

/* How a family writes a weight: the names of its tensors and their order in the file. */
typedef enum {
    ROWS_AS_OURS,
    ROWS_QKV_BY_HEAD, // row (h * 3 + p) * head_size + j of the file is row p * width + h * head_size + j of ours
    ROWS_TRANSPOSED   // the file has (in, out)
} row_order_t;
enum { FAMILY_PIECES = 3 };
typedef struct {
    const char *name[FAMILY_PIECES]; // one tensor, or one each of q, k and v; what follows the prefix and the layer
    row_order_t order;
} family_weight_t;

/* A tensor of a family's files: a weight or, of q, k and v, a part of its rows. */
typedef struct {
    char name[96];
    weight_t weight;
    row_order_t order;
    int64_t rows, columns; // in the canonical layout; columns 0: a vector
    int64_t offset;        // floats into the block
} piece_t;

/* How a family writes the shape: every field of the spec that its config.json gives, under which names. */
typedef enum {
    FIELD_INT,
    FIELD_REAL,
    FIELD_FLOAT,
    FIELD_BOUND, // float, more than 0; null: none
    FIELD_BOOL,
    FIELD_BIAS, // true: BIAS_ALL, false: BIAS_NONE
    FIELD_TOKEN,
    FIELD_ACT,     // name of an activation
    FIELD_SCALING, // type of the rotary embedding: 1 is llama3
    FIELD_LOCAL    // [[["global", "local"], 12]], or one name a layer
} field_kind_t;
enum { FIELD_NAMES = 4 };
typedef struct {
    const char *names[FIELD_NAMES]; // "key" or "object.key"; the first one is written
    field_kind_t kind;
    size_t offset;  // in family_config_t
    double initial; // when the file does not say; NAN: it must; 0 of an integer: null says nothing either
} family_field_t;
typedef struct {
    const char *names[FIELD_NAMES]; // as above
    const char *value;              // the only value that the decoder implements, as JSON; an absent key means it
    int written;                    // 1: config.json gets it
    const char *why;                // ends the message of refusal
} family_constant_t;

/* The spec as files give it: the rotary part as a share of a head, the scaling by its type. */
typedef struct {
    model_spec_t spec;
    double rotary_share;
    int32_t scaling;
} family_config_t;

typedef struct {
    const char *name;         // model_type
    const char *architecture; // architectures[0], as written
    const char *prefix;       // "gpt_neox." before all names but the head's; files of the bare decoder lack it
    const char *layers;       // "layers." after it
    model_spec_t traits;      // the flags that all models of the family share, else what the fields begin with
    family_weight_t weight[WEIGHT_COUNT];
    const char *const *ignored; // ends of the names of tensors that hold no weight (masks, frequencies); NULL ends
    const family_field_t *field;
    int32_t fields;
    const family_constant_t *constant;
    int32_t constants;
} family_t;
const family_t *family_find(const char *name); // NULL when unknown
const char *family_names(void);                // comma-separated, for messages
int family_has_field(const family_t *family, size_t offset);
/* Calls visit for every tensor of the model in the order of the block, as weight_visit does. prefix NULL: the family's.
 */
typedef int piece_visit_t(void *user, const piece_t *piece);
int family_visit(const family_t *family, const model_spec_t *spec, const char *prefix, piece_visit_t *visit,
                 void *user);
/* Whether the flags of a spec are those of its family; -1 with a message. */
int family_check(const family_t *family, const model_spec_t *spec);

/* A linear layer's weight (out, in) packed as the matrix (in, out) for tensor_ops.gemm. */
typedef struct {
    packed_t qkv, out, gate, up, down; // gate: only when the ffn is gated
} layer_packed_t;

struct model {
    model_spec_t spec;
    const tensor_ops_t *ops;
    const family_t *family;
    float *parameters; // the block
    int64_t parameter_count;
    model_tensor_t *tensor; // (tensors) in the order of the block
    int32_t tensors;
    float *rotary;            // rotary_table(context, rotary_dims); NULL with learned positions
    float *plain;             // (2, width) gains of 1 and biases of 0 of a norm that has none; NULL when it has
    layer_weights_t *weights; // (layers) pointers into parameters
    outer_weights_t outer;    // and those of the others; with a block only the vectors and positions
    par_shared_t *block;      // all weights of a model for inference only; parameters and packed are NULL then
    packed_t embed;           // with a block: the embedding, packed as a head is
    char types[MODEL_TYPES];  // with a block: those of the matrices
    precision_t precision;
    void *packed;          // all packed weights
    layer_packed_t *layer; // (layers) pointers into packed
    packed_t head;         // pointer into packed
};

/* Where a linear weight's packed form is kept; NULL for a weight that is not linear. A tied head is WEIGHT_HEAD. */
packed_t *model_packed(model_t *model, weight_t weight, int64_t layer);

/* An open checkpoint folder, all whose tensors are there in the right shapes. Read in the canonical layout. */
typedef struct checkpoint checkpoint_t;
int32_t piece_shape(const piece_t *piece, int64_t shape[2]); // that the tensor has in the file; returns its rank
int checkpoint_open(const char *dir, checkpoint_t **checkpoint);
void checkpoint_close(checkpoint_t *checkpoint); // accepts NULL
const model_spec_t *checkpoint_spec(const checkpoint_t *checkpoint);
/* How the files store a weight: as PACKED_F32 when its pieces differ. */
packed_type_t checkpoint_type(const checkpoint_t *checkpoint, weight_t weight, int64_t layer);
/* Rows first .. first + n - 1 of a weight (of a vector: its elements), checked to be finite. */
int checkpoint_rows(const checkpoint_t *checkpoint, weight_t weight, int64_t layer, int64_t first, int64_t n,
                    float *out);
/* A tied head that is in the files all the same must be the embedding, else they mean another model. Compares n rows
 * from `first` on with those of the embedding (n, width). */
int checkpoint_check_head(const checkpoint_t *checkpoint, int64_t first, int64_t n, const float *embed);
/* Gives back the pages of the files that were read: they count as this process's memory. What is read again is read
 * from the files again. */
void checkpoint_forget(const checkpoint_t *checkpoint);

/* What model_open and model_share would hold; ranks and place are not set. */
int model_plan(const checkpoint_t *checkpoint, precision_t precision, model_held_t *held);

/* An error when the model is for inference only, "a model ..., WHAT": for casts; else the compiler refuses. */
int model_check_own(const model_t *model, const char *what);

/* A model without weights, and one whose weights are all zero and not yet packed. */
int model_allocate_bare(const model_spec_t *spec, const tensor_ops_t *ops, model_t **model);
int model_allocate(const model_spec_t *spec, const tensor_ops_t *ops, model_t **model);

#endif
