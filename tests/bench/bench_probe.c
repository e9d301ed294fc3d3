/* Probing on one rank: tokens/s of engine_run (forward of context and suffix, head at the suffix, records) for the
 * largest model of the quickstart and for the shape of GPT-2 small, as a share of the measured peak of one core, and
 * where the time goes. The shares come from a second run whose table of kernels takes the time of each call; what is
 * left is the cache of keys and values, gathering rows, and files. Useful operations only: the head at suffix
 * positions, attention to keys that are seen. */
#include "base/clock.h"
#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/rng.h"
#include "par/par.h"
#include "probe/engine.h"
#include <stdio.h>
#include <stdlib.h>

typedef enum { T_GEMM, T_ATTENTION, T_HEAD, T_GELU, T_NORM, T_ROTARY, T_COUNT } op_t;
static const char *const timer_name[T_COUNT] = {"gemm", "attn", "head", "gelu", "norm", "rotary"};
static double spent[T_COUNT];
static const tensor_ops_t *real;

static void timed_gemm(int64_t m, int64_t n, int64_t k, const float *a, int64_t a_row, int64_t a_col, packed_t packed,
                       const float *bias, int accumulate, float *c, int64_t ldc) {
    double start = clock_cpu();
    real->gemm(m, n, k, a, a_row, a_col, packed, bias, accumulate, c, ldc);
    spent[T_GEMM] += clock_cpu() - start;
}
static void timed_attention(int64_t n, int64_t heads, const tensor_kv_t *kv, float scale, const float *q, int64_t ldq,
                            float *out, int64_t ldo, float *scratch) {
    double start = clock_cpu();
    real->attention(n, heads, kv, scale, q, ldq, out, ldo, scratch);
    spent[T_ATTENTION] += clock_cpu() - start;
}
static void timed_head(int64_t m, int64_t d, int64_t vocab, const float *h, int64_t ldh, packed_t packed,
                       const int32_t *target, head_stat_t *stat, float *scratch) {
    double start = clock_cpu();
    real->head(m, d, vocab, h, ldh, packed, target, stat, scratch);
    spent[T_HEAD] += clock_cpu() - start;
}
static void timed_gelu(int64_t n, const float *x, float *y) {
    double start = clock_cpu();
    real->gelu(n, x, y);
    spent[T_GELU] += clock_cpu() - start;
}
static void timed_layernorm(int64_t rows, int64_t d, const float *x, const float *gain, const float *bias, float eps,
                            float *y, float *stat) {
    double start = clock_cpu();
    real->layernorm(rows, d, x, gain, bias, eps, y, stat);
    spent[T_NORM] += clock_cpu() - start;
}
static void timed_rotary(int64_t rows, int64_t heads, int64_t head_size, int64_t dims, const int32_t *position,
                         const float *table, float sign, float *x, int64_t ld) {
    double start = clock_cpu();
    real->rotary(rows, heads, head_size, dims, position, table, sign, x, ld);
    spent[T_ROTARY] += clock_cpu() - start;
}

static tensor_ops_t timed_table(void) {
    tensor_ops_t t = *real;
    t.gemm = timed_gemm;
    t.attention = timed_attention;
    t.head = timed_head;
    t.gelu = timed_gelu;
    t.layernorm = timed_layernorm;
    t.rotary = timed_rotary;
    return t;
}

typedef struct {
    const char *name;
    int64_t vocab, layers, width, heads, context, suffix, probes, batch_tokens;
} shape_t;

static double useful_flop(const shape_t *s) {
    double fed = (double)(s->context + s->suffix - 1), w = (double)s->width;
    double layer = 2 * 12 * w * w * fed + 4 * w * fed * (fed + 1) / 2;
    return (double)s->probes * ((double)s->layers * layer + 2 * w * (double)s->vocab * (double)s->suffix);
}

/* Seconds of the fastest run, and of all of them. */
static int time_runs(const shape_t *s, const model_t *model, const probe_set_t *set, const char *dir, double *best,
                     double *all) {
    engine_t spec = {1, &s->context, s->suffix, s->batch_tokens};
    arm_t bare = {.name = "bare"};
    TRY(engine_run(&spec, model, set, &bare, 1, s->name, dir));
    for (int t = 0; t < T_COUNT; t++) spent[t] = 0;
    *best = 1e30, *all = 0;
    for (int run = 0; run < 3 || *all < 0.5; run++) {
        double start = clock_cpu();
        TRY(engine_run(&spec, model, set, &bare, 1, s->name, dir));
        double seconds = clock_cpu() - start;
        *best = seconds < *best ? seconds : *best;
        *all += seconds;
    }
    return 0;
}

static int time_table(const shape_t *s, const tensor_ops_t *ops, const probe_set_t *set, const char *dir, double *best,
                      double *all) {
    const model_spec_t spec = {.family = "gpt_neox",
                               .vocab = s->vocab,
                               .layers = s->layers,
                               .width = s->width,
                               .heads = s->heads,
                               .head_size = s->width / s->heads,
                               .ffn = 4 * s->width,
                               .context = s->context + s->suffix,
                               .rotary_dims = s->width / s->heads / 4,
                               .rotary_base = 10000,
                               .norm_eps = 1e-5f,
                               .parallel_residual = 1,
                               .end_token = 0};
    model_t *model;
    TRY(model_create(&spec, ops, 1, &model));
    int rc = time_runs(s, model, set, dir, best, all);
    model_free(model);
    return rc;
}

static int bench_shape(const shape_t *s, double peak, const char *dir) {
    int64_t length = s->context + s->suffix;
    probe_set_t set = {.n = s->probes, .length = length};
    int32_t *tokens = mem_new(s->probes * length, sizeof *tokens, "bench");
    set.probe = mem_new(s->probes, sizeof *set.probe, "bench");
    if (!tokens || !set.probe) return -1;
    for (int64_t i = 0; i < s->probes * length; i++) tokens[i] = (int32_t)rng_below(1, RNG_TEST, (uint64_t)i, s->vocab);
    for (int64_t i = 0; i < s->probes; i++)
        set.probe[i] = (probe_t){.probe_id = i, .length = length, .tokens = tokens + i * length};
    double best, all, flop = useful_flop(s);
    tensor_ops_t timed = timed_table();
    TRY(time_table(s, real, &set, dir, &best, &all));
    printf("%-10s %6lld %5lld %8.0f %6.1f%% |", s->name, (long long)s->context, (long long)s->batch_tokens,
           (double)(s->probes * (length - 1)) / best, 100 * flop / best / peak);
    TRY(time_table(s, &timed, &set, dir, &best, &all));
    double rest = all;
    for (int t = 0; t < T_COUNT; t++) {
        printf(" %5.1f%%", 100 * spent[t] / all);
        rest -= spent[t];
    }
    printf(" %5.1f%%\n", 100 * rest / all);
    mem_free(tokens);
    mem_free(set.probe);
    return 0;
}

int main(int argc, char **argv) {
    static const shape_t shape[] = {
        {"small", 4096, 2, 64, 2, 64, 32, 200, 2048},       {"medium", 4096, 3, 128, 4, 64, 32, 100, 2048},
        {"large", 4096, 3, 256, 8, 64, 32, 100, 2048},      {"large", 4096, 3, 256, 8, 96, 32, 100, 2048},
        {"gpt2-124m", 50304, 12, 768, 12, 96, 32, 8, 2048},
    };
    char dir[300];
    par_init(&argc, &argv);
    real = tensor_kernels(argc > 1 ? argv[1] : "auto");
    double peak = real ? tensor_peak(real) : 0;
    int rc = real ? 0 : -1;
    snprintf(dir, sizeof dir, "%s/bench_probe.XXXXXX", getenv("TMP") ? getenv("TMP") : "/tmp");
    if (rc == 0 && !mkdtemp(dir)) rc = err_set("%s: cannot be made", dir);
    printf("probe: kernels %s, measured peak %.1f GFLOP/s, one rank, suffix 32\n", real ? real->name : "?",
           peak * 1e-9);
    printf("shape     context batch    tok/s    peak |");
    for (int t = 0; t < T_COUNT; t++) printf(" %6s", timer_name[t]);
    printf("   rest\n");
    for (size_t i = 0; i < sizeof shape / sizeof *shape && rc == 0; i++) rc = bench_shape(&shape[i], peak, dir);
    if (rc != 0) fprintf(stderr, "bench_probe: %s\n", err_text());
    dir_remove(dir);
    par_finalize();
    return rc != 0;
}
