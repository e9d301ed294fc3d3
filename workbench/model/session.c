/* The decoder: tokens in, hidden states out, keys and values kept. Rows of all sequences of a batch pass through a
 * layer together, one row a token, without padding; only attention looks at a sequence at a time. Every operation acts
 * on a row by itself or on a sequence's own cache, so by law 1 a row's bits do not depend on its company. Hence rows
 * that nobody reads can stay behind where no other row needs them any more: in the last layer, once it has their keys
 * and values. */
#include "base/err.h"
#include "base/mem.h"
#include "model/session_private.h"
#include <assert.h>
#include <math.h>
#include <string.h>

/* Memory for the caches of all sequences, in one block: those of a layer side by side, since that is how they are read.
 */
static int make_caches(session_t *s) {
    const model_spec_t *spec = &s->model->spec;
    int64_t padded = (s->capacity + GEMM_PANEL - 1) / GEMM_PANEL * GEMM_PANEL;
    int64_t floats = kv_floats(padded, spec_kv_heads(spec), spec->head_size), caches = s->sequences * spec->layers;
    s->kv = arena_new(s->arena, caches, sizeof *s->kv, "caches");
    float *block = arena_new(s->arena, 2 * caches, (size_t)floats * sizeof(float), "keys and values");
    if (s->kv == NULL || block == NULL) return -1;
    for (int64_t i = 0; i < caches; i++) {
        float *cache = block + 2 * floats * (i % spec->layers * s->sequences + i / spec->layers);
        s->kv[i] = (tensor_kv_t){.capacity = padded,
                                 .heads = spec_kv_heads(spec),
                                 .head_size = spec->head_size,
                                 .window = spec_is_local(spec, i % spec->layers) ? spec->window : 0,
                                 .k = cache,
                                 .v = cache + floats};
    }
    return 0;
}

/* A block of the session's arena for *where; -1 when there is no memory. */
static int make(session_t *s, void *where, int64_t count, size_t size, const char *what) {
    void *block = arena_new(s->arena, count, size, what);
    memcpy(where, &block, sizeof block);
    return block != NULL ? 0 : -1;
}

static int make_scratch(session_t *s) {
    const model_spec_t *spec = &s->model->spec;
    int64_t rows = s->rows, width = spec->width, n = s->sequences, q = spec_q_width(spec);
    TRY(make(s, &s->length, n, sizeof *s->length, "lengths"));
    TRY(make(s, &s->fed_by, n, sizeof *s->fed_by, "lengths"));
    TRY(make(s, &s->row, rows, sizeof *s->row, "rows"));
    TRY(make(s, &s->position, rows, sizeof *s->position, "positions"));
    TRY(make(s, &s->x, rows * width, sizeof(float), "residual stream"));
    TRY(make(s, &s->normed, rows * width, sizeof(float), "normed rows"));
    TRY(make(s, &s->attended, rows * q, sizeof(float), "attention output"));
    TRY(make(s, &s->qkv, rows * (q + 2 * spec_kv_width(spec)), sizeof(float), "queries, keys and values"));
    TRY(make(s, &s->inner, rows * spec->ffn, sizeof(float), "inner rows of the ffn"));
    if (spec->gated_ffn) TRY(make(s, &s->gate, rows * spec->ffn, sizeof(float), "gates of the ffn"));
    int64_t attention = attention_scratch(rows, s->kv[0].capacity, spec->head_size);
    TRY(make(s, &s->attention_scratch, attention, sizeof(float), "attention scratch"));
    TRY(make(s, &s->gathered, rows * width, sizeof(float), "rows of the head"));
    TRY(make(s, &s->gathered_row, rows, sizeof *s->gathered_row, "rows of the head"));
    TRY(make(s, &s->no_target, rows, sizeof *s->no_target, "targets"));
    TRY(make(s, &s->head_scratch, head_scratch(rows), sizeof(float), "head scratch"));
    TRY(make(s, &s->next, n, sizeof *s->next, "next tokens"));
    TRY(make(s, &s->ones, n, sizeof *s->ones, "next tokens"));
    TRY(make(s, &s->count, n, sizeof *s->count, "next tokens"));
    TRY(make(s, &s->stat, n, sizeof *s->stat, "statistics"));
    for (int64_t i = 0; i < rows; i++) s->no_target[i] = -1;
    for (int64_t i = 0; i < n; i++) s->ones[i] = 1;
    for (int64_t i = 0; i < n; i++) s->count[i] = i;
    return 0;
}

int session_create(const model_t *model, int32_t sequences, int64_t capacity, int64_t rows, session_t **out) {
    const int64_t limit = (int64_t)1 << 32;
    if (sequences < 1 || capacity < 1 || rows < 1 || capacity > limit || rows > limit)
        return err_set("session of %d sequences of %lld positions with %lld rows: each must be 1 or more", sequences,
                       (long long)capacity, (long long)rows);
    session_t *s = mem_new(1, sizeof *s, "session");
    if (s == NULL) return -1;
    s->model = model;
    s->sequences = sequences;
    s->capacity = capacity;
    s->rows = rows;
    s->arena = arena_create(1 << 20);
    if (s->arena == NULL || make_caches(s) != 0 || make_scratch(s) != 0) {
        session_free(s);
        return -1;
    }
    *out = s;
    return 0;
}

void session_free(session_t *s) {
    if (s == NULL) return;
    arena_free(s->arena);
    mem_free(s);
}

/* Forgets the positions of a sequence from `length` on, in all layers. */
static void cut(session_t *s, int32_t sequence, int64_t length) {
    int64_t layers = s->model->spec.layers;
    for (int64_t l = 0; l < layers; l++) s->kv[sequence * layers + l].length = length;
    s->length[sequence] = length;
}

void session_reset(session_t *s, int32_t sequence) {
    cut(s, sequence, 0);
}

void session_copy(session_t *s, int32_t from, int32_t to) {
    assert(from >= 0 && from < s->sequences && to >= 0 && to < s->sequences);
    int64_t layers = s->model->spec.layers;
    if (from == to) return;
    for (int64_t l = 0; l < layers; l++) kv_copy(&s->kv[from * layers + l], &s->kv[to * layers + l]);
    s->length[to] = s->length[from];
}

int64_t session_length(const session_t *s, int32_t sequence) {
    return s->length[sequence];
}

const float *session_hidden(const session_t *s) {
    return s->normed;
}

/* One piece of the batch: may it be fed? */
static int check_piece(const session_t *s, int32_t sequence, int64_t length, int64_t read) {
    if (sequence < 0 || sequence >= s->sequences)
        return err_set("sequence %d is not one of the session's %d", sequence, s->sequences);
    if (s->fed_by[sequence] == s->calls) return err_set("sequence %d is fed twice in one batch", sequence);
    if (length < 1) return err_set("sequence %d: a piece of %lld tokens", sequence, (long long)length);
    if (read < 0 || read > length)
        return err_set("sequence %d: %lld rows to read of a piece of %lld", sequence, (long long)read,
                       (long long)length);
    int64_t end, context = s->model->spec.context;
    if (__builtin_add_overflow(s->length[sequence], length, &end) || end > s->capacity)
        return err_set("sequence %d: %lld tokens after %lld do not fit the session's capacity of %lld", sequence,
                       (long long)length, (long long)s->length[sequence], (long long)s->capacity);
    if (end > context)
        return err_set("sequence %d: %lld tokens after %lld are more than the model's context of %lld", sequence,
                       (long long)length, (long long)s->length[sequence], (long long)context);
    return 0;
}

/* A batch: what session_feed was called with. */
typedef struct {
    int32_t count;
    const int32_t *sequence;
    const int64_t *length, *read;
    const int32_t *tokens;
    int64_t reads; // of all pieces
} batch_t;

/* Checks the batch and lays out its rows. Nothing of the session that matters changes on failure. */
static int lay_out(session_t *s, batch_t *b) {
    int64_t r = 0;
    s->calls++;
    for (int32_t i = 0; i < b->count; i++) {
        int32_t sequence = b->sequence[i];
        int64_t length = b->length[i], vocab = s->model->spec.vocab;
        TRY(check_piece(s, sequence, length, b->read[i]));
        s->fed_by[sequence] = s->calls;
        b->reads += b->read[i];
        if (length > s->rows - r) return err_set("a batch of more rows than the session's %lld", (long long)s->rows);
        for (int64_t j = 0; j < length; j++, r++) {
            if (b->tokens[r] < 0 || b->tokens[r] >= vocab)
                return err_set("token id %d is not below the model's vocabulary of %lld", b->tokens[r],
                               (long long)vocab);
            s->position[r] = (int32_t)(s->length[sequence] + j);
            s->row[r] = (row_t){sequence, s->position[r]};
        }
    }
    s->filled = r;
    return 0;
}

static void linear(const session_t *s, int64_t out, int64_t in, const float *x, packed_t packed, const float *bias,
                   int accumulate, float *y) {
    s->model->ops->gemm(s->filled, out, in, x, in, 1, packed, bias, accumulate, y, out);
}

/* Columns first .. end - 1 of queries, keys and values: normed to qkv, within the model's bound. */
static void project(const session_t *s, const layer_weights_t *w, packed_t packed, int64_t first, int64_t end) {
    const model_spec_t *spec = &s->model->spec;
    const int64_t width = spec->width, ld = spec_q_width(spec) + 2 * spec_kv_width(spec);
    s->model->ops->gemm(s->filled, end - first, width, s->normed, width, 1, packed_from(packed, width, first),
                        w->qkv_bias ? w->qkv_bias + first : NULL, 0, s->qkv + first, ld);
    for (int64_t r = 0; spec->clip_qkv > 0 && r < s->filled; r++)
        s->model->ops->clip(end - first, spec->clip_qkv, s->qkv + r * ld + first);
}

/* What becomes of queries or keys before they meet: norm and positions, as the model has them. x is their first column
 * in qkv. */
static void prepare(const session_t *s, int64_t heads, const float *gain, float *x) {
    const model_spec_t *spec = &s->model->spec;
    const tensor_ops_t *ops = s->model->ops;
    const int64_t ld = spec_q_width(spec) + 2 * spec_kv_width(spec);
    if (spec->qk_norm) ops->rmsnorm(s->filled, heads * spec->head_size, x, ld, gain, spec->norm_eps, x, ld);
    if (spec->learned_positions) return;
    ops->rotary(s->filled, heads, spec->head_size, spec->rotary_dims, s->position, s->model->rotary, 1, x, ld);
}

/* Moves the rows that are read to the front, with all that the rest of the pass wants of them. The others are gone. */
static void keep_read(session_t *s, const batch_t *b) {
    const int64_t width = s->model->spec.width;
    int64_t from = 0, to = 0;
    for (int32_t i = 0; i < b->count; i++) {
        const size_t n = (size_t)b->read[i], floats = n * (size_t)width;
        from += b->length[i] - b->read[i];
        memmove(s->x + to * width, s->x + from * width, floats * sizeof *s->x);
        memmove(s->normed + to * width, s->normed + from * width, floats * sizeof *s->normed);
        memmove(s->position + to, s->position + from, n * sizeof *s->position);
        memmove(s->row + to, s->row + from, n * sizeof *s->row);
        from += b->read[i];
        to += b->read[i];
    }
    s->filled = to;
}

/* Attention of every piece on its own cache: normed to attended. Of rows that are not read the last layer makes keys
 * and values, with no more queries than share a panel of columns with them. */
static void attend(session_t *s, int64_t layer, const batch_t *b) {
    const model_spec_t *spec = &s->model->spec;
    const layer_weights_t *w = &s->model->weights[layer];
    const packed_t packed = s->model->layer[layer].qkv;
    const int64_t q = spec_q_width(spec), width = spec_kv_width(spec), ld = q + 2 * width;
    const int is_narrowed = layer + 1 == spec->layers && b->reads < s->filled;
    const int64_t *read = is_narrowed ? b->read : b->length;
    const float scale = spec->unscaled_attention ? 1 : (float)(1 / sqrt((double)spec->head_size));
    project(s, w, packed, is_narrowed ? q / GEMM_PANEL * GEMM_PANEL : 0, ld);
    prepare(s, spec_kv_heads(spec), w->k_norm, s->qkv + q);
    if (is_narrowed) {
        keep_read(s, b);
        project(s, w, packed, 0, q);
    }
    prepare(s, spec->heads, w->q_norm, s->qkv);
    const float *queries = s->qkv, *keys = s->qkv + q;
    float *out = s->attended;
    for (int32_t i = 0; i < b->count; i++) {
        tensor_kv_t *kv = &s->kv[b->sequence[i] * spec->layers + layer];
        kv_append(kv, b->length[i], keys, ld, keys + width, ld);
        s->model->ops->attention(read[i], spec->heads, kv, scale, queries, ld, out, q, s->attention_scratch);
        keys += b->length[i] * ld;
        queries += read[i] * ld;
        out += read[i] * q;
    }
}

/* y = norm(x); y may be x. */
static void norm(const session_t *s, const float *gain, const float *bias, const float *x, float *y) {
    const model_spec_t *spec = &s->model->spec;
    const tensor_ops_t *ops = s->model->ops;
    const int64_t width = spec->width;
    if (spec->norm == NORM_RMS)
        ops->rmsnorm(s->filled, width, x, width, gain, spec->norm_eps, y, width);
    else if (spec->norm == NORM_PLAIN)
        ops->layernorm(s->filled, width, x, s->model->plain, s->model->plain + width, spec->norm_eps, y, NULL);
    else
        ops->layernorm(s->filled, width, x, gain, bias, spec->norm_eps, y, NULL);
}

/* The input of attention or ffn, in normed. */
static void begin_part(const session_t *s, const float *gain, const float *bias) {
    const model_spec_t *spec = &s->model->spec;
    if (spec->norm_place == NORM_BEFORE)
        norm(s, gain, bias, s->x, s->normed);
    else
        memcpy(s->normed, s->x, (size_t)(s->filled * spec->width) * sizeof(float));
}

/* The last matrix of attention or ffn, added to x. */
static void end_part(const session_t *s, int64_t in, const float *y, packed_t packed, const float *bias,
                     const float *norm_gain, const float *norm_bias) {
    const model_spec_t *spec = &s->model->spec;
    if (spec->norm_place == NORM_BEFORE) {
        linear(s, spec->width, in, y, packed, bias, 1, s->x);
        return;
    }
    linear(s, spec->width, in, y, packed, bias, 0, s->normed);
    norm(s, norm_gain, norm_bias, s->normed, s->normed);
    s->model->ops->add(s->filled * spec->width, s->normed, s->x);
}

static void activate(const session_t *s, float *x) {
    const tensor_ops_t *ops = s->model->ops;
    void (*const act[ACT_COUNT])(int64_t, const float *, float *) = {
        [ACT_GELU] = ops->gelu, [ACT_GELU_TANH] = ops->gelu_tanh, [ACT_SILU] = ops->silu};
    act[s->model->spec.act](s->filled * s->model->spec.ffn, x, x);
}

/* normed to inner. */
static void widen(const session_t *s, const layer_weights_t *w, const layer_packed_t *packed) {
    const int64_t width = s->model->spec.width, ffn = s->model->spec.ffn;
    linear(s, ffn, width, s->normed, packed->up, w->up_bias, 0, s->inner);
    if (!s->model->spec.gated_ffn) {
        activate(s, s->inner);
        return;
    }
    linear(s, ffn, width, s->normed, packed->gate, w->gate_bias, 0, s->gate);
    activate(s, s->gate);
    s->model->ops->multiply(s->filled * ffn, s->gate, s->inner);
}

static int check_finite(const session_t *s) {
    if (tensor_is_finite(s->filled * s->model->spec.width, s->normed)) return 0;
    return err_set("the model's hidden states hold a NaN or an infinity");
}

static int end_early(session_t *s) {
    TRY(check_finite(s));
    s->filled = 0;
    return 0;
}

/* The order of the additions is part of the arithmetic: x + attention first, then + ffn, in both kinds of residual. The
 * kinds differ only in which x the second norm sees. */
static int run_layer(session_t *s, int64_t layer, const batch_t *b, const attachment_t *attach) {
    const model_spec_t *spec = &s->model->spec;
    const layer_packed_t *packed = &s->model->layer[layer];
    const layer_weights_t *w = &s->model->weights[layer];
    begin_part(s, w->norm1_gain, w->norm1_bias);
    attend(s, layer, b);
    if (s->filled == 0) return 0; // nobody reads
    if (spec->parallel_residual) begin_part(s, w->norm2_gain, w->norm2_bias);
    end_part(s, spec_q_width(spec), s->attended, packed->out, w->out_bias, w->norm1_gain, w->norm1_bias);
    if (!spec->parallel_residual) begin_part(s, w->norm2_gain, w->norm2_bias);
    if (attach && attach->ffn_input) TRY(attach->ffn_input(attach->user, layer, s->filled, s->row, s->normed));
    if (attach && attach->ends_early && layer + 1 == spec->layers) return end_early(s);
    widen(s, w, packed);
    end_part(s, spec->ffn, s->inner, packed->down, w->down_bias, w->norm2_gain, w->norm2_bias);
    if (attach && attach->residual) TRY(attach->residual(attach->user, layer, s->filled, s->row, s->x));
    return 0;
}

/* Embeddings of the tokens and, where they are learned, of their positions. */
static void embed(session_t *s, const outer_weights_t *w, const int32_t *tokens) {
    const int64_t width = s->model->spec.width;
    for (int64_t r = 0; r < s->filled; r++) {
        if (w->embed != NULL)
            memcpy(s->x + r * width, w->embed + tokens[r] * width, (size_t)width * sizeof(float));
        else
            packed_column(s->model->embed, width, tokens[r], s->x + r * width);
        if (w->position != NULL) s->model->ops->add(width, w->position + s->position[r] * width, s->x + r * width);
    }
}

static int run(session_t *s, const batch_t *b, const attachment_t *attach) {
    const model_spec_t *spec = &s->model->spec;
    const outer_weights_t *w = &s->model->outer;
    embed(s, w, b->tokens);
    if (attach && attach->embedding) TRY(attach->embedding(attach->user, s->filled, s->row, s->x));
    for (int64_t l = 0; l < spec->layers; l++) TRY(run_layer(s, l, b, attach));
    if (s->filled == 0) return 0;
    norm(s, w->norm_gain, w->norm_bias, s->x, s->normed);
    if (attach && attach->hidden) TRY(attach->hidden(attach->user, s->filled, s->row, s->normed));
    return check_finite(s);
}

int session_feed(session_t *s, int32_t count, const int32_t *sequence, const int64_t *length, const int64_t *read,
                 const int32_t *tokens, const attachment_t *attach) {
    batch_t batch = {count, sequence, length, read, tokens, 0};
    s->filled = 0;
    TRY(lay_out(s, &batch));
    int rc = run(s, &batch, attach);
    /* A batch that failed half way through the layers leaves every sequence as it was. */
    for (int32_t i = 0; i < count; i++) cut(s, sequence[i], s->length[sequence[i]] + (rc == 0 ? length[i] : 0));
    if (rc != 0) s->filled = 0;
    return rc != 0 ? -1 : 0;
}

int session_forward(session_t *s, int32_t count, const int32_t *sequence, const int64_t *length, const int32_t *tokens,
                    const attachment_t *attach) {
    return session_feed(s, count, sequence, length, length, tokens, attach);
}

int session_prompt(session_t *s, int32_t sequence, int64_t n, const int32_t *tokens, int64_t read) {
    assert(sequence >= 0 && sequence < s->sequences && (read == 0 || read == 1));
    const int64_t before = s->length[sequence];
    s->filled = 0;
    for (int64_t at = 0; at < n; at += s->rows) {
        const int64_t length = n - at < s->rows ? n - at : s->rows, last = at + length == n ? read : 0;
        if (session_feed(s, 1, &sequence, &length, &last, tokens + at, NULL) != 0) {
            cut(s, sequence, before);
            return -1;
        }
    }
    return 0;
}
