/* precision = bf16 beside fp32: the rate of the matrix product and of probing GPT-2 small, and what it does to results:
 * the share of greedy tokens and of extraction verdicts that differ. A model of random weights would say nothing about
 * the latter, so the bench trains a small one on the bytes of this program's own sources and probes it with windows of
 * them and of the sources that it was not shown. Of a model and probes of a study of one's own:
 *
 *     bench_precision MODEL_DIR PROBES_DIR CONTEXT SUFFIX       PROBES_DIR: the artifact census-... in the cache
 *
 * Times are of the CPU, the best of several runs. The intervals (Wilson) take windows, and tokens, as independent. */
#include "base/clock.h"
#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/rng.h"
#include "index/probes.h"
#include "model/model.h"
#include "model/train.h"
#include "par/par.h"
#include "shapes.h"
#include "stats/stats.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH = 20 }; // probes of one forward pass

static double gemm_rate(const tensor_ops_t *ops, int64_t m, int64_t n, int64_t k, const float *a, packed_t b,
                        float *c) {
    double best = 0;
    for (int run = 0; run < 7; run++) {
        double start = clock_cpu(), seconds;
        int64_t times = 0;
        do {
            ops->gemm(m, n, k, a, k, 1, b, NULL, 0, c, n);
            times++;
        } while ((seconds = clock_cpu() - start) < 0.005);
        double rate = 2.0 * (double)(m * n * k * times) / seconds;
        best = rate > best ? rate : best;
    }
    return best;
}

static int bench_gemm(const tensor_ops_t *ops, int64_t n, int64_t k) {
    static const int64_t rows[] = {1, 4, 8, 12, 32, 96, 512};
    enum { SIZES = sizeof rows / sizeof *rows };
    const int64_t most = rows[SIZES - 1];
    float *a = mem_new(most * k, sizeof *a, "A"), *b = mem_new(n * k, sizeof *b, "B");
    float *c = mem_new(most * n, sizeof *c, "C");
    void *whole = mem_new(packed_bytes(PACKED_F32, n, k), 1, "packed B");
    void *half = mem_new(packed_bytes(PACKED_DOT_BF16, n, k), 1, "packed B");
    if (!a || !b || !c || !whole || !half) return -1;
    tensor_fill_normal(1, 0, most * k, 1.0f, a);
    tensor_fill_normal(2, 0, n * k, 1.0f, b);
    packed_fill(PACKED_F32, n, k, b, 1, k, whole);
    packed_fill(PACKED_DOT_BF16, n, k, b, 1, k, half);
    for (int i = 0; i < SIZES; i++) {
        double fp32 = gemm_rate(ops, rows[i], n, k, a, (packed_t){whole, PACKED_F32}, c);
        double bf16 = gemm_rate(ops, rows[i], n, k, a, (packed_t){half, PACKED_DOT_BF16}, c);
        printf("%6lld %6lld %6lld %9.1f %9.1f %7.2f\n", (long long)rows[i], (long long)n, (long long)k, fp32 / 1e9,
               bf16 / 1e9, bf16 / fp32);
    }
    mem_free(a), mem_free(b), mem_free(c), mem_free(whole), mem_free(half);
    return 0;
}

/* The greedy token at every position of the suffix, out (n, suffix), from one teacher-forced pass a batch. */
static int greedy_tokens(const model_t *model, const probe_set_t *set, int64_t context, int64_t suffix, int32_t *out) {
    const int64_t fed = context + suffix - 1;
    session_t *session;
    int32_t *tokens = mem_new(BATCH * fed, sizeof *tokens, "bench");
    int64_t *select = mem_new(BATCH * suffix, sizeof *select, "bench");
    head_stat_t *stat = mem_new(BATCH * suffix, sizeof *stat, "bench");
    if (!tokens || !select || !stat || session_create(model, BATCH, fed, BATCH * fed, &session) != 0) return -1;
    int rc = 0;
    for (int64_t first = 0; first < set->n && rc == 0; first += BATCH) {
        int32_t count = 0, sequence[BATCH];
        int64_t length[BATCH], heads = 0;
        for (; count < BATCH && first + count < set->n; count++) {
            const probe_t *probe = &set->probe[first + count];
            memcpy(tokens + count * fed, probe->tokens + probe->length - fed - 1, (size_t)fed * sizeof *tokens);
            sequence[count] = count, length[count] = fed;
            session_reset(session, count);
            for (int64_t i = 0; i < suffix; i++) select[heads++] = count * fed + context - 1 + i;
        }
        rc = session_forward(session, count, sequence, length, tokens, NULL);
        if (rc == 0) rc = session_head(session, heads, select, NULL, NULL, stat);
        for (int64_t i = 0; i < heads; i++) out[first * suffix + i] = stat[i].argmax;
    }
    session_free(session);
    mem_free(tokens), mem_free(select), mem_free(stat);
    return rc;
}

static void print_share(const char *what, int64_t n, int64_t differ) {
    interval_t interval = stats_wilson(differ, n, 0.05);
    printf("%-34s %8lld %8lld %9.4f %%   [%.4f, %.4f]\n", what, (long long)n, (long long)differ,
           100.0 * (double)differ / (double)n, 100 * interval.low, 100 * interval.high);
}

/* Members and controls apart. */
static void print_changes(const probe_set_t *set, int64_t suffix, const int32_t *fp32, const int32_t *bf16,
                          int is_member) {
    int64_t probes = 0, tokens = 0, verdicts = 0, hits[2] = {0, 0};
    for (int64_t i = 0; i < set->n; i++) {
        const probe_t *probe = &set->probe[i];
        if (probe->is_member != is_member) continue;
        const int32_t *target = probe->tokens + probe->length - suffix, *x = fp32 + i * suffix, *y = bf16 + i * suffix;
        int exact = memcmp(x, target, (size_t)suffix * sizeof *x) == 0;
        int other = memcmp(y, target, (size_t)suffix * sizeof *y) == 0;
        for (int64_t j = 0; j < suffix; j++) tokens += x[j] != y[j];
        verdicts += exact != other;
        probes++, hits[0] += exact, hits[1] += other;
    }
    if (probes == 0) return;
    printf("%s: %lld exact in fp32, %lld in bf16\n", is_member ? "members" : "controls", (long long)hits[0],
           (long long)hits[1]);
    print_share("  greedy tokens of the suffix", probes * suffix, tokens);
    print_share("  verdicts (exact match)", probes, verdicts);
}

static int bench_verdicts(model_t *model, const probe_set_t *set, int64_t context, int64_t suffix) {
    int32_t *fp32 = mem_new(set->n * suffix, sizeof *fp32, "bench");
    int32_t *bf16 = mem_new(set->n * suffix, sizeof *bf16, "bench");
    if (!fp32 || !bf16) return -1;
    TRY(model_set_precision(model, PRECISION_FP32));
    TRY(greedy_tokens(model, set, context, suffix, fp32));
    TRY(model_set_precision(model, PRECISION_BF16));
    TRY(greedy_tokens(model, set, context, suffix, bf16));
    printf("verdicts: context %lld, suffix %lld\n%-34s %8s %8s %11s   95 %%\n", (long long)context, (long long)suffix,
           "what differs in bf16", "n", "differ", "share");
    print_changes(set, suffix, fp32, bf16, 1);
    print_changes(set, suffix, fp32, bf16, 0);
    mem_free(fp32), mem_free(bf16);
    return 0;
}

/* CPU seconds of the fastest pass over the probes. */
static int time_probing(const model_t *model, const probe_set_t *set, int64_t context, int64_t suffix, double *best) {
    int32_t *out = mem_new(set->n * suffix, sizeof *out, "bench");
    if (!out) return -1;
    *best = 1e30;
    for (int run = 0; run < 4; run++) {
        double start = clock_cpu();
        TRY(greedy_tokens(model, set, context, suffix, out));
        double seconds = clock_cpu() - start;
        *best = seconds < *best ? seconds : *best;
    }
    mem_free(out);
    return 0;
}

/* GPT-2 small with random weights. */
static int bench_probing(const tensor_ops_t *ops, int64_t context, int64_t suffix, int64_t probes) {
    const model_spec_t spec = shape_gpt2_124m();
    const int64_t length = context + suffix;
    model_t *model;
    int32_t *tokens = mem_new(probes * length, sizeof *tokens, "bench");
    probe_set_t set = {.n = probes, .length = length, .probe = mem_new(probes, sizeof *set.probe, "bench")};
    if (!tokens || !set.probe) return -1;
    for (int64_t i = 0; i < probes * length; i++) tokens[i] = (int32_t)rng_below(1, RNG_TEST, (uint64_t)i, spec.vocab);
    for (int64_t i = 0; i < probes; i++) set.probe[i] = (probe_t){.length = length, .tokens = tokens + i * length};
    double fp32, bf16, fed = (double)(probes * (length - 1));
    TRY(model_create(&spec, ops, 1, &model));
    TRY(time_probing(model, &set, context, suffix, &fp32));
    TRY(model_set_precision(model, PRECISION_BF16));
    TRY(time_probing(model, &set, context, suffix, &bf16));
    printf("gpt2-124m %6lld %6lld %9.0f %9.0f %7.2f\n", (long long)context, (long long)suffix, fed / fp32, fed / bf16,
           fp32 / bf16);
    mem_free(tokens), mem_free(set.probe);
    model_free(model);
    return 0;
}

/* Sources as documents of bytes, and windows of them as probes. */
enum { END = 256, CONTEXT = 56, SUFFIX = 8, WINDOWS = 2000, SHOWN = 120000 };
typedef struct {
    int32_t *token; // of all sources, one after the other
    int64_t n, shown;
} sources_t;

static int read_sources(const char *dir, sources_t *sources) {
    file_list_t files = {0};
    shard_out_t *out;
    TRY(file_glob("workbench/*/*.c", &files));
    if (files.count == 0) return err_set("no sources in workbench/: run this in the root of the source tree");
    TRY(shard_out_open(dir, "0", END + 1, END, &out));
    *sources = (sources_t){.token = mem_new(8 << 20, sizeof(int32_t), "bench")};
    if (!sources->token) return -1;
    for (int64_t i = 0; i < files.count; i++) {
        file_map_t map;
        TRY(file_map(files.path[i], &map));
        int64_t n = (int64_t)map.size, first = sources->n;
        for (int64_t j = 0; j < n && sources->n < 8 << 20; j++) sources->token[sources->n++] = map.data[j];
        if (first < SHOWN) {
            TRY(shard_out_add(out, files.path[i], "", files.path[i], sources->token + first, sources->n - first));
            sources->shown = sources->n;
        }
        file_unmap(&map);
    }
    file_list_free(&files);
    TRY(shard_out_commit(out));
    return tokens_seal(dir);
}

static int train_small(const tensor_ops_t *ops, const char *dir, model_t **model) {
    model_spec_t spec = shape_neox(END + 1, 3, 128, 4, CONTEXT + SUFFIX);
    spec.ends = (spec_ends_t){1, {END}};
    const train_t train = {.epochs = 8,
                           .batch = 16,
                           .lr = 4e-3,
                           .lr_end = 4e-4,
                           .warmup = 0.02,
                           .beta1 = 0.9,
                           .beta2 = 0.95,
                           .eps = 1e-8,
                           .decay = 0.01,
                           .clip = 1,
                           .seed = 1};
    tokens_t *corpus;
    TRY(tokens_open(dir, &corpus));
    TRY(model_create(&spec, ops, 1, model));
    int rc = train_run(&train, *model, corpus, "bench", dir);
    tokens_close(corpus);
    return rc == 0 ? 0 : -1;
}

static int bench_trained(const tensor_ops_t *ops, const char *dir) {
    sources_t sources = {0};
    model_t *model;
    probe_set_t set = {.n = 2 * WINDOWS, .length = CONTEXT + SUFFIX};
    set.probe = mem_new(set.n, sizeof *set.probe, "bench");
    if (!set.probe) return -1;
    TRY(read_sources(dir, &sources));
    TRY(train_small(ops, dir, &model));
    for (int64_t i = 0; i < set.n; i++) {
        int is_member = i < WINDOWS;
        int64_t from = is_member ? 0 : sources.shown, n = is_member ? sources.shown : sources.n - sources.shown;
        int64_t at = from + rng_below(3, RNG_TEST, (uint64_t)i, n - set.length);
        set.probe[i] = (probe_t){.length = set.length, .is_member = is_member, .tokens = sources.token + at};
    }
    int rc = bench_verdicts(model, &set, CONTEXT, SUFFIX);
    model_free(model);
    mem_free(set.probe);
    mem_free(sources.token);
    return rc;
}

static int bench_own(const tensor_ops_t *ops, char **argv) {
    int64_t context, suffix;
    model_t *model;
    probe_set_t set;
    TRY(num_parse_i64(argv[3], &context));
    TRY(num_parse_i64(argv[4], &suffix));
    TRY(model_load(argv[1], ops, &model));
    TRY(probes_read(argv[2], &set));
    if (context < 1 || suffix < 1 || context + suffix > set.length || context + suffix > model_spec(model)->context)
        return err_set("context and suffix do not fit the probes or the model");
    int rc = bench_verdicts(model, &set, context, suffix);
    probes_free(&set);
    model_free(model);
    return rc;
}

int main(int argc, char **argv) {
    char dir[300];
    par_init(&argc, &argv);
    const tensor_ops_t *ops = tensor_kernels("auto");
    int rc = 0;
    printf("precision: kernels %s, bf16 %s, measured peak of fp32 %.1f GFLOP/s\n", ops->name,
           tensor_has_bf16(ops) ? "by the instruction" : "by multiply-adds", tensor_peak(ops) * 1e-9);
    if (argc == 5) {
        rc = bench_own(ops, argv);
    } else {
        snprintf(dir, sizeof dir, "%s/bench_precision.XXXXXX", getenv("TMP") ? getenv("TMP") : "/tmp");
        if (!mkdtemp(dir)) rc = err_set("%s: cannot be made", dir);
        printf("%6s %6s %6s %9s %9s %7s   GFLOP/s\n", "m", "n", "k", "fp32", "bf16", "ratio");
        if (rc == 0) rc = bench_gemm(ops, 3072, 768);
        if (rc == 0) rc = bench_gemm(ops, 768, 3072);
        printf("%9s %6s %6s %9s %9s %7s   tokens/s\n", "probing", "context", "suffix", "fp32", "bf16", "ratio");
        if (rc == 0) rc = bench_probing(ops, 50, 50, 20);
        if (rc == 0) rc = bench_probing(ops, 448, 64, 4);
        if (rc == 0) rc = bench_trained(ops, dir);
        dir_remove(dir);
    }
    if (rc != 0) fprintf(stderr, "bench_precision: %s\n", err_text());
    par_finalize();
    return rc != 0;
}
