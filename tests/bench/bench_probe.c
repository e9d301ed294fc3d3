/* Probing on one rank: tokens/s of engine_run (forward of context and suffix, head at the suffix, records) for the
 * models of the quickstart and for the shapes of GPT-2 small, Pythia-160M and a llama of that size, as a share of the
 * measured peak of one core, and where the time goes. The shares come from further runs, in which the table of kernels
 * takes the time of each call; what is left is the cache of keys and values, gathering rows, and files. Useful
 * operations only, as the engine counts them: the matrix products, the last layer's for rows that are read and for the
 * keys and values of the others, the head at suffix positions, attention to keys that are seen; where verdicts alone
 * are asked for, those of what is fed and read for them, with windows of random tokens. Times are of the CPU, the best
 * of several runs, and the peak is measured again beside every shape: other programs on the machine disturb both. */
#include "base/clock.h"
#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/rng.h"
#include "par/par.h"
#include "probe/engine.h"
#include "shapes.h"
#include <stdio.h>
#include <stdlib.h>

typedef enum { T_GEMM, T_ATTENTION, T_HEAD, T_ACT, T_NORM, T_ROTARY, T_MAP, T_COUNT } op_t;
static const char *const timer_name[T_COUNT] = {"gemm", "attn", "head", "act", "norm", "rotary", "map"};
static double spent[T_COUNT];
static int timing; // else the kernels are called and nothing more
static const tensor_ops_t *real;

static double begin(void) {
    return timing ? clock_cpu() : 0;
}
static void end(op_t op, double start) {
    if (timing) spent[op] += clock_cpu() - start;
}

static void timed_gemm(int64_t m, int64_t n, int64_t k, const float *a, int64_t a_row, int64_t a_col, packed_t packed,
                       const float *bias, int accumulate, float *c, int64_t ldc) {
    double start = begin();
    real->gemm(m, n, k, a, a_row, a_col, packed, bias, accumulate, c, ldc);
    end(T_GEMM, start);
}
static void timed_attention(int64_t n, int64_t heads, const tensor_kv_t *kv, float scale, const float *q, int64_t ldq,
                            float *out, int64_t ldo, float *scratch) {
    double start = begin();
    real->attention(n, heads, kv, scale, q, ldq, out, ldo, scratch);
    end(T_ATTENTION, start);
}
static void timed_head(int64_t m, int64_t d, int64_t vocab, const float *h, int64_t ldh, packed_t packed,
                       const int32_t *target, head_stat_t *stat, float *scratch) {
    double start = begin();
    real->head(m, d, vocab, h, ldh, packed, target, stat, scratch);
    end(T_HEAD, start);
}
static void timed_gelu(int64_t n, const float *x, float *y) {
    double start = begin();
    real->gelu(n, x, y);
    end(T_ACT, start);
}
static void timed_gelu_tanh(int64_t n, const float *x, float *y) {
    double start = begin();
    real->gelu_tanh(n, x, y);
    end(T_ACT, start);
}
static void timed_silu(int64_t n, const float *x, float *y) {
    double start = begin();
    real->silu(n, x, y);
    end(T_ACT, start);
}
static void timed_multiply(int64_t n, const float *x, float *y) {
    double start = begin();
    real->multiply(n, x, y);
    end(T_MAP, start);
}
static void timed_add(int64_t n, const float *x, float *y) {
    double start = begin();
    real->add(n, x, y);
    end(T_MAP, start);
}
static void timed_clip(int64_t n, float limit, float *x) {
    double start = begin();
    real->clip(n, limit, x);
    end(T_MAP, start);
}
static void timed_rmsnorm(int64_t rows, int64_t d, const float *x, int64_t ldx, const float *gain, float eps, float *y,
                          int64_t ldy) {
    double start = begin();
    real->rmsnorm(rows, d, x, ldx, gain, eps, y, ldy);
    end(T_NORM, start);
}
static void timed_layernorm(int64_t rows, int64_t d, const float *x, const float *gain, const float *bias, float eps,
                            float *y, float *stat) {
    double start = begin();
    real->layernorm(rows, d, x, gain, bias, eps, y, stat);
    end(T_NORM, start);
}
static void timed_rotary(int64_t rows, int64_t heads, int64_t head_size, int64_t dims, const int32_t *position,
                         const float *table, float sign, float *x, int64_t ld) {
    double start = begin();
    real->rotary(rows, heads, head_size, dims, position, table, sign, x, ld);
    end(T_ROTARY, start);
}

static tensor_ops_t timed_table(void) {
    tensor_ops_t t = *real;
    t.gemm = timed_gemm;
    t.attention = timed_attention;
    t.head = timed_head;
    t.gelu = timed_gelu;
    t.gelu_tanh = timed_gelu_tanh;
    t.silu = timed_silu;
    t.multiply = timed_multiply;
    t.add = timed_add;
    t.clip = timed_clip;
    t.layernorm = timed_layernorm;
    t.rmsnorm = timed_rmsnorm;
    t.rotary = timed_rotary;
    return t;
}

typedef struct {
    const char *name;
    const model_spec_t *model;
    int64_t context, suffix, probes;
    measure_t measure;
} shape_t;

/* Seconds of the fastest run, and of all of them. */
static int time_runs(const shape_t *s, const model_t *model, const probe_set_t *set, const char *dir, double *best,
                     double *all, engine_work_t *work) {
    engine_t spec = {1, &s->context, s->suffix, 2048, s->measure};
    arm_t bare = {.name = "bare"};
    for (int t = 0; t < T_COUNT; t++) spent[t] = 0;
    *best = 1e30, *all = 0;
    for (int run = 0; run < 3 || *all < 0.5; run++) {
        double start = clock_cpu();
        TRY(engine_run(&spec, model, set, &bare, 1, s->name, dir, work));
        double seconds = clock_cpu() - start;
        *best = seconds < *best ? seconds : *best;
        *all += seconds;
    }
    return 0;
}

static int bench_model(const shape_t *s, const model_t *model, const probe_set_t *set, const char *dir) {
    double best, all, before = tensor_peak(real);
    engine_work_t work;
    timing = 0;
    TRY(time_runs(s, model, set, dir, &best, &all, &work));
    double after = tensor_peak(real), peak = before > after ? before : after;
    printf("%-11s %7lld %6lld %7s %8.1f %8.0f %7.1f %6.1f%% |", s->name, (long long)s->context, (long long)s->suffix,
           s->measure == MEASURE_ALL ? "all" : "verdict", (double)s->probes / best, (double)work.tokens / best,
           peak * 1e-9, 100 * work.flop / best / peak);
    timing = 1;
    TRY(time_runs(s, model, set, dir, &best, &all, &work));
    double rest = all;
    for (int t = 0; t < T_COUNT; t++) {
        printf(" %5.1f%%", 100 * spent[t] / all);
        rest -= spent[t];
    }
    printf(" %5.1f%%\n", 100 * rest / all);
    fflush(stdout);
    return 0;
}

static int bench_shape(const shape_t *s, const model_t *model, const char *dir) {
    int64_t length = s->context + s->suffix;
    probe_set_t set = {.n = s->probes, .length = length};
    int32_t *tokens = mem_new(s->probes * length, sizeof *tokens, "bench");
    set.probe = mem_new(s->probes, sizeof *set.probe, "bench");
    int rc = tokens && set.probe ? 0 : -1;
    for (int64_t i = 0; rc == 0 && i < s->probes * length; i++)
        tokens[i] = (int32_t)rng_below(1, RNG_TEST, (uint64_t)i, s->model->vocab);
    for (int64_t i = 0; rc == 0 && i < s->probes; i++)
        set.probe[i] = (probe_t){.probe_id = i, .length = length, .tokens = tokens + i * length};
    if (rc == 0) rc = bench_model(s, model, &set, dir);
    mem_free(tokens);
    mem_free(set.probe);
    return rc;
}

/* Shapes that share a model stand one after the other. */
static int bench_shapes(const shape_t *shape, int64_t n, const char *dir) {
    tensor_ops_t timed = timed_table();
    model_t *model = NULL;
    for (int64_t i = 0; i < n; i++) {
        if (i == 0 || shape[i].model != shape[i - 1].model) {
            model_free(model);
            model = NULL;
            TRY(model_create(shape[i].model, &timed, 1, &model));
        }
        if (bench_shape(&shape[i], model, dir) != 0) {
            model_free(model);
            return -1;
        }
    }
    model_free(model);
    return 0;
}

/* A model of the quickstart. */
static model_spec_t trained(int64_t layers, int64_t width, int64_t heads) {
    return shape_neox(4096, layers, width, heads, 128);
}

int main(int argc, char **argv) {
    const model_spec_t small = trained(2, 64, 2), medium = trained(3, 128, 4), large = trained(3, 256, 8);
    const model_spec_t gpt2 = shape_gpt2_124m(), pythia = shape_pythia_160m(), llama = shape_llama_135m();
    const shape_t shape[] = {
        {"small", &small, 64, 32, 1000, MEASURE_ALL},      {"medium", &medium, 64, 32, 500, MEASURE_ALL},
        {"large", &large, 64, 32, 200, MEASURE_ALL},       {"large", &large, 96, 32, 200, MEASURE_ALL},
        {"gpt2-124m", &gpt2, 50, 50, 10, MEASURE_ALL},     {"gpt2-124m", &gpt2, 448, 64, 2, MEASURE_ALL},
        {"gpt2-124m", &gpt2, 50, 50, 40, MEASURE_VERDICT}, {"pythia-160m", &pythia, 50, 50, 10, MEASURE_ALL},
        {"pythia-160m", &pythia, 448, 64, 2, MEASURE_ALL}, {"pythia-160m", &pythia, 50, 50, 40, MEASURE_VERDICT},
        {"llama-135m", &llama, 50, 50, 10, MEASURE_ALL},   {"llama-135m", &llama, 448, 64, 2, MEASURE_ALL},
    };
    char dir[300];
    par_init(&argc, &argv);
    real = tensor_kernels(argc > 1 ? argv[1] : "auto");
    int rc = real ? 0 : -1;
    snprintf(dir, sizeof dir, "%s/bench_probe.XXXXXX", getenv("TMP") ? getenv("TMP") : "/tmp");
    if (rc == 0 && !mkdtemp(dir)) rc = err_set("%s: cannot be made", dir);
    printf(
        "probe: kernels %s, one rank, batches of 2048 tokens; GFLOP/s measured, share reached | shares of the time\n",
        real ? real->name : "?");
    printf("shape       context suffix measure probes/s    tok/s GFLOP/s   share |");
    for (int t = 0; t < T_COUNT; t++) printf(" %6s", timer_name[t]);
    printf("   rest\n");
    if (rc == 0) rc = bench_shapes(shape, (int64_t)(sizeof shape / sizeof *shape), dir);
    if (rc != 0) fprintf(stderr, "bench_probe: %s\n", err_text());
    dir_remove(dir);
    par_finalize();
    return rc != 0;
}
