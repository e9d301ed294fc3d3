/* The gradient of a decoder. The forward pass keeps what the backward pass needs (a tape, one entry a layer); then the
 * layers are walked in reverse. All windows of a micro-batch stand below each other as `rows` rows, so that each linear
 * layer is one product for all of them; only attention goes window by window.
 *
 * A linear layer y = x W^T + b has three products, all by ops->gemm, whose second factor must be packed:
 *     y  = x W^T      W^T packed by model_pack, once a step
 *     dx = dy W       W packed by backward_pack, once a step
 *     dW += dy^T x    x packed here, once a micro-batch; dy is read transposed
 * Gradients of biases and embeddings are added row after row. The logits exist for HEAD_ROWS rows at a time. */
#include "model/backward.h"

#include "base/err.h"
#include "base/mem.h"
#include "model/model_private.h"
#include "tensor/tensor.h"

#include <math.h>
#include <string.h>

enum {
    HEAD_ROWS =
        256,      // rows of logits at a time; part of the definition, since it orders the sums of the head's gradient
    HEAD_PAD = 16 // floats between rows of logits: a distance that is no power of two keeps a column of them from
                  // falling into one set of the cache
};

/* What the forward pass keeps of one layer. */
typedef struct {
    float *x;     // (rows, width) the residual stream that enters the layer
    float *mid;   // (rows, width) the same after attention; serial residual only, else it is x
    float *stat1; // (rows, 2) mean and 1/sd of the norm before attention
    float *stat2; // (rows, 2) and before the feed-forward part
    float *norm1; // (rows, width) what attention sees
    float *norm2; // (rows, width) what the feed-forward part sees
    float *qkv;   // (rows, 3 width) queries, keys and values, rotated
    float *mixed; // (rows, width) attention's output before its projection
    float *up;    // (rows, ffn) before the GELU
    float *act;   // (rows, ffn) after it
} tape_t;

/* Weights packed for dx = dy W. */
typedef struct {
    float *qkv, *out, *up, *down;
} reverse_t;

struct backward {
    model_t *model;
    const tensor_ops_t *ops;
    int64_t sequences, length; // the largest micro-batch
    float scale;               // of the scores: 1 / sqrt(head size)
    arena_t *arena;
    tape_t *tape;       // (layers)
    reverse_t *reverse; // (layers)
    float *reverse_head;
    float *last;       // (rows, width) the residual stream after the last layer
    float *last_stat;  // (rows, 2)
    float *hidden;     // (rows, width) after the last norm
    float *logits;     // (HEAD_ROWS, vocab + HEAD_PAD)
    float *dx;         // (rows, width) gradient of the residual stream
    float *dhidden;    // (rows, width) gradient of the output of a norm
    float *dhidden2;   // (rows, width) of the other norm of a layer
    float *dmixed;     // (rows, width)
    float *dqkv;       // (rows, 3 width)
    float *dup;        // (rows, ffn)
    float *packed;     // a packed (rows, max(width, ffn))
    float *scratch;    // of the attention kernels
    int32_t *position; // (rows)
    tensor_kv_t kv;    // keys and values of one window
};

double backward_flop_per_token(const model_spec_t *spec, int64_t context) {
    return 3 * spec_flop_per_token(spec, context);
}

// --- memory ---------------------------------------------------------------------------------------------------------

static float *floats(backward_t *b, int64_t n, int *rc) {
    float *block = *rc == 0 ? arena_new(b->arena, n, sizeof(float), "activations for training") : NULL;
    if (!block) *rc = -1;
    return block;
}

static int allocate_tape(backward_t *b, const model_spec_t *spec, int64_t rows) {
    const int64_t d = spec->width;
    int rc = 0;
    b->tape = arena_new(b->arena, spec->layers, sizeof(tape_t), "activations for training");
    if (!b->tape) return -1;
    for (int64_t l = 0; l < spec->layers; l++) {
        tape_t *t = &b->tape[l];
        t->x = floats(b, rows * d, &rc);
        t->mid = spec->parallel_residual ? t->x : floats(b, rows * d, &rc);
        t->stat1 = floats(b, rows * 2, &rc);
        t->stat2 = floats(b, rows * 2, &rc);
        t->norm1 = floats(b, rows * d, &rc);
        t->norm2 = floats(b, rows * d, &rc);
        t->qkv = floats(b, rows * 3 * d, &rc);
        t->mixed = floats(b, rows * d, &rc);
        t->up = floats(b, rows * spec->ffn, &rc);
        t->act = floats(b, rows * spec->ffn, &rc);
    }
    b->last = floats(b, rows * d, &rc);
    b->last_stat = floats(b, rows * 2, &rc);
    b->hidden = floats(b, rows * d, &rc);
    return rc;
}

static int allocate_reverse(backward_t *b, const model_spec_t *spec) {
    const int64_t d = spec->width;
    int rc = 0;
    b->reverse = arena_new(b->arena, spec->layers, sizeof(reverse_t), "packed weights for training");
    if (!b->reverse) return -1;
    for (int64_t l = 0; l < spec->layers; l++) {
        b->reverse[l].qkv = floats(b, gemm_packed_floats(d, 3 * d), &rc);
        b->reverse[l].out = floats(b, gemm_packed_floats(d, d), &rc);
        b->reverse[l].up = floats(b, gemm_packed_floats(d, spec->ffn), &rc);
        b->reverse[l].down = floats(b, gemm_packed_floats(spec->ffn, d), &rc);
    }
    b->reverse_head = floats(b, gemm_packed_floats(d, spec->vocab), &rc);
    return rc;
}

static int64_t larger(int64_t a, int64_t b) {
    return a > b ? a : b;
}

static int allocate_work(backward_t *b, const model_spec_t *spec, int64_t rows) {
    const int64_t d = spec->width, length = b->length;
    const int64_t attention =
        larger(attention_scratch(length, length, spec->head_size), attention_grad_scratch(length, spec->head_size));
    int rc = 0;
    b->logits = floats(b, HEAD_ROWS * (spec->vocab + HEAD_PAD), &rc);
    b->dx = floats(b, rows * d, &rc);
    b->dhidden = floats(b, rows * d, &rc);
    b->dhidden2 = floats(b, rows * d, &rc);
    b->dmixed = floats(b, rows * d, &rc);
    b->dqkv = floats(b, rows * 3 * d, &rc);
    b->dup = floats(b, rows * spec->ffn, &rc);
    b->packed = floats(b, gemm_packed_floats(larger(d, spec->ffn), larger(rows, HEAD_ROWS)), &rc);
    b->scratch = floats(b, attention, &rc);
    b->position = arena_new(b->arena, rows, sizeof(int32_t), "positions for training");
    b->kv = (tensor_kv_t){.capacity = (length + GEMM_PANEL - 1) / GEMM_PANEL * GEMM_PANEL,
                          .heads = spec->heads,
                          .head_size = spec->head_size};
    b->kv.k = floats(b, kv_floats(b->kv.capacity, spec->heads, spec->head_size), &rc);
    b->kv.v = floats(b, kv_floats(b->kv.capacity, spec->heads, spec->head_size), &rc);
    if (rc != 0 || !b->position) return -1;
    for (int64_t r = 0; r < rows; r++) b->position[r] = (int32_t)(r % length);
    return 0;
}

int backward_create(model_t *model, int64_t sequences, int64_t length, backward_t **out) {
    const model_spec_t *spec = model_spec(model);
    const int64_t rows = sequences * length;
    *out = NULL;
    if (strcmp(spec->family, "gpt_neox") != 0 || spec->act != ACT_GELU)
        return err_set("training: only gpt_neox models with the exact gelu are trained, not %s", spec->family);
    TRY(model_check_own(model, "it cannot be trained"));
    if (sequences < 1 || length < 1 || length > spec->context)
        return err_set("training: %lld windows of %lld positions, but the model's context is %lld",
                       (long long)sequences, (long long)length, (long long)spec->context);
    backward_t *b = mem_new(1, sizeof *b, "the backward pass");
    if (!b) return -1;
    *b = (backward_t){.model = model,
                      .ops = model_ops(model),
                      .sequences = sequences,
                      .length = length,
                      .scale = (float)(1 / sqrt((double)spec->head_size))};
    b->arena = arena_create((size_t)1 << 20);
    if (!b->arena || allocate_tape(b, spec, rows) != 0 || allocate_reverse(b, spec) != 0 ||
        allocate_work(b, spec, rows) != 0) {
        backward_free(b);
        return -1;
    }
    *out = b;
    return 0;
}

void backward_free(backward_t *b) {
    if (!b) return;
    arena_free(b->arena);
    mem_free(b);
}

/* Packs w (out, in) as the second factor of dx = dy W. */
static void pack_reverse(int64_t out, int64_t in, const float *w, float *packed) {
    gemm_pack(in, out, w, in, 1, packed);
}

int backward_pack(backward_t *b) {
    const model_spec_t *spec = model_spec(b->model);
    const int64_t d = spec->width;
    TRY(model_pack(b->model));
    for (int64_t l = 0; l < spec->layers; l++) {
        const layer_weights_t w = layer_weights(spec, b->model->parameters, l);
        const reverse_t *r = &b->reverse[l];
        pack_reverse(3 * d, d, w.qkv, r->qkv);
        pack_reverse(d, d, w.out, r->out);
        pack_reverse(spec->ffn, d, w.up, r->up);
        pack_reverse(d, spec->ffn, w.down, r->down);
    }
    pack_reverse(spec->vocab, d, outer_weights(spec, b->model->parameters).head, b->reverse_head);
    return 0;
}

// --- forward --------------------------------------------------------------------------------------------------------

static void forward_attention(backward_t *b, const tape_t *t, int64_t sequences) {
    const model_spec_t *spec = model_spec(b->model);
    const int64_t d = spec->width, rows = sequences * b->length;
    b->ops->rotary(rows, spec->heads, spec->head_size, spec->rotary_dims, b->position, b->model->rotary, 1, t->qkv,
                   3 * d);
    b->ops->rotary(rows, spec->heads, spec->head_size, spec->rotary_dims, b->position, b->model->rotary, 1, t->qkv + d,
                   3 * d);
    for (int64_t s = 0; s < sequences; s++) {
        const float *q = t->qkv + s * b->length * 3 * d;
        b->kv.length = 0;
        kv_append(&b->kv, b->length, q + d, 3 * d, q + 2 * d, 3 * d);
        b->ops->attention(b->length, spec->heads, &b->kv, b->scale, q, 3 * d, t->mixed + s * b->length * d, d,
                          b->scratch);
    }
}

static void forward_layer(backward_t *b, int64_t l, int64_t sequences, float *next) {
    const model_spec_t *spec = model_spec(b->model);
    const layer_weights_t w = layer_weights(spec, b->model->parameters, l);
    const layer_packed_t *packed = &b->model->layer[l];
    const tensor_ops_t *ops = b->ops;
    const tape_t *t = &b->tape[l];
    const int64_t d = spec->width, f = spec->ffn, rows = sequences * b->length;
    float *after_attention = spec->parallel_residual ? next : t->mid;

    ops->layernorm(rows, d, t->x, w.norm1_gain, w.norm1_bias, spec->norm_eps, t->norm1, t->stat1);
    ops->gemm(rows, 3 * d, d, t->norm1, d, 1, packed->qkv, w.qkv_bias, 0, t->qkv, 3 * d);
    forward_attention(b, t, sequences);
    memcpy(after_attention, t->x, (size_t)(rows * d) * sizeof(float));
    ops->gemm(rows, d, d, t->mixed, d, 1, packed->out, w.out_bias, 1, after_attention, d);

    ops->layernorm(rows, d, t->mid, w.norm2_gain, w.norm2_bias, spec->norm_eps, t->norm2, t->stat2);
    ops->gemm(rows, f, d, t->norm2, d, 1, packed->up, w.up_bias, 0, t->up, f);
    ops->gelu(rows * f, t->up, t->act);
    if (!spec->parallel_residual) memcpy(next, t->mid, (size_t)(rows * d) * sizeof(float));
    ops->gemm(rows, d, f, t->act, f, 1, packed->down, w.down_bias, 1, next, d);
}

static void forward(backward_t *b, int64_t sequences, const int32_t *tokens) {
    const model_spec_t *spec = model_spec(b->model);
    const outer_weights_t w = outer_weights(spec, b->model->parameters);
    const int64_t d = spec->width, rows = sequences * b->length;
    for (int64_t r = 0; r < rows; r++) memcpy(b->tape[0].x + r * d, w.embed + tokens[r] * d, (size_t)d * sizeof(float));
    for (int64_t l = 0; l < spec->layers; l++)
        forward_layer(b, l, sequences, l + 1 < spec->layers ? b->tape[l + 1].x : b->last);
    b->ops->layernorm(rows, d, b->last, w.norm_gain, w.norm_bias, spec->norm_eps, b->hidden, b->last_stat);
}

// --- backward -------------------------------------------------------------------------------------------------------

/* dw (out, in) += dy^T x and db (out) += the rows of dy. bias may be NULL. */
static void weight_gradient(const backward_t *b, int64_t rows, int64_t out, int64_t in, const float *dy, int64_t ldy,
                            const float *x, float *dw, float *db) {
    gemm_pack(in, rows, x, in, 1, b->packed);
    b->ops->gemm(out, in, rows, dy, 1, ldy, packed_f32(b->packed), NULL, 1, dw, in);
    if (!db) return;
    for (int64_t r = 0; r < rows; r++) b->ops->add(out, dy + r * ldy, db);
}

/* Loss of all rows and the gradient of the hidden states, in blocks of rows. */
static double backward_head(backward_t *b, int64_t rows, const int32_t *targets, float scale, float *gradient) {
    const model_spec_t *spec = model_spec(b->model);
    const int64_t d = spec->width, vocab = spec->vocab, ld = vocab + HEAD_PAD;
    double sum = 0;
    for (int64_t first = 0; first < rows; first += HEAD_ROWS) {
        const int64_t n = rows - first < HEAD_ROWS ? rows - first : HEAD_ROWS;
        const float *hidden = b->hidden + first * d;
        b->ops->gemm(n, vocab, d, hidden, d, 1, b->model->head, NULL, 0, b->logits, ld);
        for (int64_t r = 0; r < n; r++) {
            float loss;
            b->ops->xent_grad(1, vocab, b->logits + r * ld, targets + first + r, scale, &loss);
            sum += (double)loss;
        }
        b->ops->gemm(n, d, vocab, b->logits, ld, 1, packed_f32(b->reverse_head), NULL, 0, b->dhidden + first * d, d);
        weight_gradient(b, n, vocab, d, b->logits, ld, hidden, outer_weights(spec, gradient).head, NULL);
    }
    return sum;
}

/* From the gradient dx of the layer's output to that of the feed-forward part's norm, in dhidden2. */
static void backward_ffn(backward_t *b, int64_t l, int64_t rows, float *gradient) {
    const model_spec_t *spec = model_spec(b->model);
    const layer_weights_t g = layer_weights(spec, gradient, l);
    const tape_t *t = &b->tape[l];
    const int64_t d = spec->width, f = spec->ffn;
    weight_gradient(b, rows, d, f, b->dx, d, t->act, g.down, g.down_bias);
    b->ops->gemm(rows, f, d, b->dx, d, 1, packed_f32(b->reverse[l].down), NULL, 0, b->dup, f);
    b->ops->gelu_grad(rows * f, t->up, b->dup, b->dup);
    weight_gradient(b, rows, f, d, b->dup, f, t->norm2, g.up, g.up_bias);
    b->ops->gemm(rows, d, f, b->dup, f, 1, packed_f32(b->reverse[l].up), NULL, 0, b->dhidden2, d);
}

/* The same for attention, in dhidden. */
static void backward_attention(backward_t *b, int64_t l, int64_t sequences, float *gradient) {
    const model_spec_t *spec = model_spec(b->model);
    const layer_weights_t g = layer_weights(spec, gradient, l);
    const tensor_ops_t *ops = b->ops;
    const tape_t *t = &b->tape[l];
    const int64_t d = spec->width, length = b->length, rows = sequences * length;
    weight_gradient(b, rows, d, d, b->dx, d, t->mixed, g.out, g.out_bias);
    ops->gemm(rows, d, d, b->dx, d, 1, packed_f32(b->reverse[l].out), NULL, 0, b->dmixed, d);
    for (int64_t s = 0; s < sequences; s++) {
        const float *q = t->qkv + s * length * 3 * d;
        float *dq = b->dqkv + s * length * 3 * d;
        ops->attention_grad(length, spec->heads, spec->head_size, b->scale, q, q + d, q + 2 * d,
                            t->mixed + s * length * d, b->dmixed + s * length * d, 3 * d, d, dq, dq + d, dq + 2 * d,
                            3 * d, b->scratch);
    }
    ops->rotary(rows, spec->heads, spec->head_size, spec->rotary_dims, b->position, b->model->rotary, -1, b->dqkv,
                3 * d);
    ops->rotary(rows, spec->heads, spec->head_size, spec->rotary_dims, b->position, b->model->rotary, -1, b->dqkv + d,
                3 * d);
    weight_gradient(b, rows, 3 * d, d, b->dqkv, 3 * d, t->norm1, g.qkv, g.qkv_bias);
    ops->gemm(rows, d, 3 * d, b->dqkv, 3 * d, 1, packed_f32(b->reverse[l].qkv), NULL, 0, b->dhidden, d);
}

/* dx: in, the gradient of the layer's output; out, of its input. With the parallel residual both parts see the layer's
 * input and add to its output; with the serial one the feed-forward part stands on attention's result. */
static void backward_layer(backward_t *b, int64_t l, int64_t sequences, float *gradient) {
    const model_spec_t *spec = model_spec(b->model);
    const layer_weights_t w = layer_weights(spec, b->model->parameters, l), g = layer_weights(spec, gradient, l);
    const tape_t *t = &b->tape[l];
    const int64_t d = spec->width, rows = sequences * b->length;
    backward_ffn(b, l, rows, gradient);
    if (spec->parallel_residual) backward_attention(b, l, sequences, gradient);
    b->ops->layernorm_grad(rows, d, t->mid, w.norm2_gain, t->stat2, b->dhidden2, b->dx, g.norm2_gain, g.norm2_bias);
    if (!spec->parallel_residual) backward_attention(b, l, sequences, gradient);
    b->ops->layernorm_grad(rows, d, t->x, w.norm1_gain, t->stat1, b->dhidden, b->dx, g.norm1_gain, g.norm1_bias);
}

static int check_tokens(const int32_t *tokens, int64_t n, int32_t lowest, int64_t vocab, const char *what) {
    for (int64_t i = 0; i < n; i++)
        if (tokens[i] < lowest || tokens[i] >= vocab)
            return err_set(
                "training: %s %d at place %lld of the batch, but the model knows %lld tokens; the corpus and the "
                "model must share a tokenizer",
                what, (int)tokens[i], (long long)i, (long long)vocab);
    return 0;
}

int backward_run(backward_t *b, int64_t sequences, const int32_t *tokens, const int32_t *targets, float scale,
                 float *gradient, double *loss) {
    const model_spec_t *spec = model_spec(b->model);
    const outer_weights_t w = outer_weights(spec, b->model->parameters), g = outer_weights(spec, gradient);
    const int64_t d = spec->width, rows = sequences * b->length;
    if (sequences < 1 || sequences > b->sequences)
        return err_set("training: a micro-batch of %lld windows where memory is for %lld", (long long)sequences,
                       (long long)b->sequences);
    TRY(check_tokens(tokens, rows, 0, spec->vocab, "token"));
    TRY(check_tokens(targets, rows, -1, spec->vocab, "target"));
    forward(b, sequences, tokens);
    *loss = backward_head(b, rows, targets, scale, gradient);
    memset(b->dx, 0, (size_t)(rows * d) * sizeof(float));
    b->ops->layernorm_grad(rows, d, b->last, w.norm_gain, b->last_stat, b->dhidden, b->dx, g.norm_gain, g.norm_bias);
    for (int64_t l = spec->layers - 1; l >= 0; l--) backward_layer(b, l, sequences, gradient);
    for (int64_t r = 0; r < rows; r++) b->ops->add(d, b->dx + r * d, g.embed + tokens[r] * d);
    return 0;
}
