/* Training on one rank: tokens/s of whole steps (packing, gradients of all shards, their sum, AdamW) for decoders of
 * the size of the quickstart, as a share of the measured peak of one core, and where the time goes. The shares come
 * from a second run whose table of kernels takes the time of each call; what is left is packing, copying and the sum.
 */
#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/rng.h"
#include "model/backward.h"
#include "model/train.h"
#include "par/par.h"
#include "shapes.h"
#include "tensor/tensor.h"
#include <stdio.h>
#include <stdlib.h>

typedef enum {
    T_GEMM,
    T_WEIGHTS,
    T_ATTENTION,
    T_ATTENTION_GRAD,
    T_XENT,
    T_GELU,
    T_NORM,
    T_ADD,
    T_ROTARY,
    T_ADAMW,
    T_COUNT
} op_t;
static const char *const timer_name[T_COUNT] = {"gemm", "dW",   "attn", "attn'",  "xent'",
                                                "gelu", "norm", "add",  "rotary", "adamw"};
static double spent[T_COUNT];
static const tensor_ops_t *real;

static void timed_gemm(int64_t m, int64_t n, int64_t k, const float *a, int64_t a_row, int64_t a_col, packed_t packed,
                       const float *bias, int accumulate, float *c, int64_t ldc) {
    const double start = clock_wall();
    real->gemm(m, n, k, a, a_row, a_col, packed, bias, accumulate, c, ldc);
    spent[a_row == 1 ? T_WEIGHTS : T_GEMM] += clock_wall() - start;
}
static void timed_gelu(int64_t n, const float *x, float *y) {
    const double start = clock_wall();
    real->gelu(n, x, y);
    spent[T_GELU] += clock_wall() - start;
}
static void timed_gelu_grad(int64_t n, const float *x, const float *dy, float *dx) {
    const double start = clock_wall();
    real->gelu_grad(n, x, dy, dx);
    spent[T_GELU] += clock_wall() - start;
}
static void timed_add(int64_t n, const float *x, float *y) {
    const double start = clock_wall();
    real->add(n, x, y);
    spent[T_ADD] += clock_wall() - start;
}
static void timed_layernorm(int64_t rows, int64_t d, const float *x, const float *gain, const float *bias, float eps,
                            float *y, float *stat) {
    const double start = clock_wall();
    real->layernorm(rows, d, x, gain, bias, eps, y, stat);
    spent[T_NORM] += clock_wall() - start;
}
static void timed_layernorm_grad(int64_t rows, int64_t d, const float *x, const float *gain, const float *stat,
                                 const float *dy, float *dx, float *dgain, float *dbias) {
    const double start = clock_wall();
    real->layernorm_grad(rows, d, x, gain, stat, dy, dx, dgain, dbias);
    spent[T_NORM] += clock_wall() - start;
}
static void timed_rotary(int64_t rows, int64_t heads, int64_t head_size, int64_t dims, const int32_t *position,
                         const float *table, float sign, float *x, int64_t ld) {
    const double start = clock_wall();
    real->rotary(rows, heads, head_size, dims, position, table, sign, x, ld);
    spent[T_ROTARY] += clock_wall() - start;
}
static void timed_attention(int64_t n, int64_t heads, const tensor_kv_t *kv, float scale, const float *q, int64_t ldq,
                            float *out, int64_t ldo, float *scratch) {
    const double start = clock_wall();
    real->attention(n, heads, kv, scale, q, ldq, out, ldo, scratch);
    spent[T_ATTENTION] += clock_wall() - start;
}
static void timed_attention_grad(int64_t n, int64_t heads, int64_t head_size, float scale, const float *q,
                                 const float *k, const float *v, const float *out, const float *dout, int64_t ld_qkv,
                                 int64_t ld_out, float *dq, float *dk, float *dv, int64_t ld_dqkv, float *scratch) {
    const double start = clock_wall();
    real->attention_grad(n, heads, head_size, scale, q, k, v, out, dout, ld_qkv, ld_out, dq, dk, dv, ld_dqkv, scratch);
    spent[T_ATTENTION_GRAD] += clock_wall() - start;
}
static void timed_xent_grad(int64_t m, int64_t vocab, float *logits, const int32_t *target, float scale, float *loss) {
    const double start = clock_wall();
    real->xent_grad(m, vocab, logits, target, scale, loss);
    spent[T_XENT] += clock_wall() - start;
}
static void timed_adamw(int64_t n, float *w, const float *grad, float *m, float *v, float clip, float lr, float beta1,
                        float beta2, float eps, float decay, float c1, float c2) {
    const double start = clock_wall();
    real->adamw(n, w, grad, m, v, clip, lr, beta1, beta2, eps, decay, c1, c2);
    spent[T_ADAMW] += clock_wall() - start;
}

static tensor_ops_t timed_table(void) {
    tensor_ops_t t = *real;
    t.gemm = timed_gemm;
    t.gelu = timed_gelu;
    t.gelu_grad = timed_gelu_grad;
    t.add = timed_add;
    t.layernorm = timed_layernorm;
    t.layernorm_grad = timed_layernorm_grad;
    t.rotary = timed_rotary;
    t.attention = timed_attention;
    t.attention_grad = timed_attention_grad;
    t.xent_grad = timed_xent_grad;
    t.adamw = timed_adamw;
    return t;
}

// --- a step, as in train.c ------------------------------------------------------------------------------------------

typedef struct {
    model_t *model;
    backward_t *backward;
    par_tree_t *tree;
    int64_t n, batch, context, micro;
    float *weights, *gradient, *mean, *square;
    int32_t *tokens, *targets; // (batch, context)
} step_t;

static int step_open(step_t *s, const model_spec_t *spec, const tensor_ops_t *ops, int64_t batch) {
    const int32_t shards = train_shards(batch, spec->context);
    *s = (step_t){.batch = batch, .context = spec->context};
    s->micro = 1024 / spec->context < batch / shards ? 1024 / spec->context : batch / shards;
    TRY(model_create(spec, ops, 1, &s->model));
    TRY(backward_create(s->model, s->micro, s->context, &s->backward));
    s->weights = model_parameters(s->model, &s->n);
    TRY(par_tree_create(s->n, shards, &s->tree));
    s->gradient = mem_new(s->n, sizeof(float), "bench");
    s->mean = mem_new(s->n, sizeof(float), "bench");
    s->square = mem_new(s->n, sizeof(float), "bench");
    s->tokens = mem_new(batch * s->context, sizeof(int32_t), "bench");
    s->targets = mem_new(batch * s->context, sizeof(int32_t), "bench");
    if (!s->gradient || !s->mean || !s->square || !s->tokens || !s->targets) return -1;
    for (int64_t i = 0; i < batch * s->context; i++) {
        s->tokens[i] = (int32_t)rng_below(1, RNG_TEST, (uint64_t)i, spec->vocab);
        s->targets[i] = (int32_t)rng_below(2, RNG_TEST, (uint64_t)i, spec->vocab);
    }
    return 0;
}

static void step_close(step_t *s) {
    par_tree_free(s->tree);
    backward_free(s->backward);
    model_free(s->model);
    mem_free(s->gradient);
    mem_free(s->mean);
    mem_free(s->square);
    mem_free(s->tokens);
    mem_free(s->targets);
}

static int step_run(step_t *s) {
    const tensor_ops_t *ops = model_ops(s->model);
    const int64_t each = s->batch / par_tree_last(s->tree);
    double loss;
    TRY(backward_pack(s->backward));
    for (int64_t shard = 0; shard < par_tree_last(s->tree); shard++) {
        float *leaf = par_tree_leaf(s->tree);
        for (int64_t i = 0; i < each; i += s->micro) {
            const int64_t at = (shard * each + i) * s->context, n = each - i < s->micro ? each - i : s->micro;
            TRY(backward_run(s->backward, n, s->tokens + at, s->targets + at, 1e-4f, leaf, &loss));
        }
        par_tree_push(s->tree);
    }
    par_tree_finish(s->tree, s->gradient);
    if (!(ops->sum_squares(s->n, s->gradient) >= 0)) return err_set("the gradient is not finite");
    ops->adamw(s->n, s->weights, s->gradient, s->mean, s->square, 1, 1e-6f, 0.9f, 0.95f, 1e-8f, 0.1f, 0.1f, 0.05f);
    return 0;
}

/* Seconds of CPU time of the fastest of some steps, since other programs may want the core; seconds of wall time of all
 * of them, as the timed kernels count it: reading the CPU's time would cost more than the smallest of them. */
static int time_steps(const model_spec_t *spec, const tensor_ops_t *ops, int64_t batch, double *best, double *all) {
    step_t s;
    TRY(step_open(&s, spec, ops, batch));
    TRY(step_run(&s));
    for (int t = 0; t < T_COUNT; t++) spent[t] = 0;
    *best = 1e30;
    *all = 0;
    for (int64_t run = 0; run < 3 || *all < 0.5; run++) {
        const double cpu = clock_cpu(), wall = clock_wall();
        TRY(step_run(&s));
        const double seconds = clock_cpu() - cpu;
        if (seconds < *best) *best = seconds;
        *all += clock_wall() - wall;
    }
    step_close(&s);
    return 0;
}

static int bench_shape(double peak, int64_t width, int64_t layers, int64_t context, int64_t batch) {
    const model_spec_t spec = shape_neox(4096, layers, width, width / 32, context);
    const tensor_ops_t timed = timed_table();
    double best, all;
    TRY(time_steps(&spec, real, batch, &best, &all));
    const double rate = (double)(batch * context) / best;
    printf("%5lld %3lld %5lld %4lld %7.2f M %8.0f %5.1f%% |", (long long)width, (long long)layers, (long long)context,
           (long long)batch, (double)spec_parameters(&spec, 1) * 1e-6, rate,
           100 * rate * backward_flop_per_token(&spec, context) / peak);
    TRY(time_steps(&spec, &timed, batch, &best, &all));
    double rest = all;
    for (int t = 0; t < T_COUNT; t++) {
        printf(" %5.1f%%", 100 * spent[t] / all);
        rest -= spent[t];
    }
    printf(" %5.1f%%\n", 100 * rest / all);
    return 0;
}

int main(int argc, char **argv) {
    static const int64_t shape[][4] = {{64, 2, 128, 32},  {64, 2, 256, 16},  {128, 3, 128, 32}, {128, 3, 256, 16},
                                       {256, 3, 128, 32}, {256, 3, 256, 16}, {256, 3, 256, 64}};
    par_init(&argc, &argv);
    real = tensor_kernels(argc > 1 ? argv[1] : "auto");
    const double peak = real ? tensor_peak(real) : 0;
    int rc = real ? 0 : -1;
    printf("train: kernels %s, measured peak %.1f GFLOP/s, one rank, vocabulary 4096\n", real ? real->name : "?",
           peak * 1e-9);
    printf("width lay  ctx batch  params   tok/s   peak |");
    for (int t = 0; t < T_COUNT; t++) printf(" %6s", timer_name[t]);
    printf("   rest\n");
    for (size_t i = 0; i < sizeof shape / sizeof *shape && rc == 0; i++)
        rc = bench_shape(peak, shape[i][0], shape[i][1], shape[i][2], shape[i][3]);
    if (rc != 0) fprintf(stderr, "bench_train: %s\n", err_text());
    par_finalize();
    return rc != 0;
}
