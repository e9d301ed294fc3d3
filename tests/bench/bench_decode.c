/* Decoding with the KV cache: tokens/s of greedy continuations of 50 tokens after 50, for the shapes of GPT-2 small and
 * Pythia-160M, on one core, in fp32 and with precision = bf16. With one sequence a step has to read every weight once,
 * so its time is compared with that of reading as many bytes (a plain sum over memory that no cache holds, in the same
 * process). With more sequences it is compared with the time that OpenBLAS takes for the matrix products of the step in
 * fp32, in whichever of its two layouts is faster for each matrix:
 *
 *   products   our matrix products (the head with its statistics), timed as the decoder calls them, as a share of the
 *              measured peak; those of OpenBLAS; how much faster ours are, and how much they could be at most: products
 *              that run at the peak, or that take as long as it takes to read the weights, where that is longer
 *   step       the whole step of ours against that of the same decoder with OpenBLAS's products, and against OpenBLAS's
 *              products alone
 *
 * Peak and rates are the best of several rounds in which all take their turn: a busy machine is busy for all. */
#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/rng.h"
#include "model/model.h"
#include "shapes.h"
#include <cblas.h>
#include <stdio.h>
#include <string.h>

enum { PROMPT = 50, STEPS = 50, MOST = 32, RUNS = 3, BATCHES = 6 };
static const int32_t batches[BATCHES] = {1, 2, 4, 8, 16, 32};

/* The kernels, with a clock at the matrix products. */
static const tensor_ops_t *real;
static double in_products;

static void timed_gemm(int64_t m, int64_t n, int64_t k, const float *a, int64_t a_row, int64_t a_col, packed_t packed,
                       const float *bias, int accumulate, float *c, int64_t ldc) {
    double start = clock_cpu();
    real->gemm(m, n, k, a, a_row, a_col, packed, bias, accumulate, c, ldc);
    in_products += clock_cpu() - start;
}
static void timed_head(int64_t m, int64_t d, int64_t vocab, const float *h, int64_t ldh, packed_t packed,
                       const int32_t *target, head_stat_t *stat, float *scratch) {
    double start = clock_cpu();
    real->head(m, d, vocab, h, ldh, packed, target, stat, scratch);
    in_products += clock_cpu() - start;
}

static double smaller(double a, double b) {
    return a < b ? a : b;
}

/* Bytes/s of the fastest of several passes over 512 MiB: four streams, fetched ahead, which is faster than one. */
static double bandwidth(void) {
    enum { STREAMS = 4, AHEAD = 512, BLOCK = 32 };
    const int64_t n = INT64_C(1) << 26, part = n / STREAMS;
    uint64_t *data = mem_new(n, sizeof *data, "memory to read"), total = 0;
    double best = 1e30;
    if (!data) return 0;
    for (int64_t i = 0; i < n; i++) data[i] = (uint64_t)i;
    for (int run = 0; run < 7; run++) {
        uint64_t sum[BLOCK] = {0};
        double start = clock_cpu();
        for (int64_t i = 0; i < part; i += BLOCK)
            for (int64_t s = 0; s < STREAMS; s++) {
                const uint64_t *from = data + s * part + i;
                for (int64_t j = 0; j < BLOCK; j += 8) __builtin_prefetch(from + j + AHEAD);
                for (int64_t j = 0; j < BLOCK; j++) sum[j] += from[j];
            }
        double seconds = clock_cpu() - start;
        best = seconds < best ? seconds : best;
        for (int j = 0; j < BLOCK; j++) total += sum[j];
    }
    mem_free(data);
    return total == 1 ? 0 : (double)n * sizeof *data / best; // the sum is used, so it is computed
}

/* Of one batch of a shape; all times are those of a step, in seconds, the best so far. */
typedef struct {
    double step, products; // ours
    double openblas;       // its products
    double peak;           // FLOP/s
} times_t;

/* A continuation of `batch` sequences, which are there up to their prompts' last token. */
static int time_steps(session_t *s, int32_t batch, const int32_t *prompt, int32_t *out, times_t *best) {
    int32_t sequence[MOST], last[MOST];
    int64_t length[MOST];
    for (int32_t i = 0; i < batch; i++) {
        sequence[i] = i, length[i] = PROMPT - 1, last[i] = prompt[i];
        session_reset(s, i);
    }
    TRY(session_forward(s, batch, sequence, length, prompt, NULL));
    in_products = 0;
    double start = clock_cpu();
    TRY(session_greedy(s, batch, sequence, last, STEPS, NULL, out, NULL));
    double seconds = (clock_cpu() - start) / STEPS;
    if (seconds < best->step) best->step = seconds, best->products = in_products / STEPS;
    return 0;
}

/* The matrices of a step: rows out, columns in, how many. */
enum { KINDS = 5 };
typedef struct {
    int64_t out, in, count;
} matrix_t;
static void matrices(const model_spec_t *spec, matrix_t kind[KINDS]) {
    const int64_t w = spec->width, l = spec->layers;
    const matrix_t all[KINDS] = {{3 * w, w, l}, {w, w, l}, {spec->ffn, w, l}, {w, spec->ffn, l}, {spec->vocab, w, 1}};
    memcpy(kind, all, sizeof all);
}

/* Seconds that OpenBLAS takes for the products of a step, one after the other through all weights, in one layout; of
 * each kind of matrix. */
static void openblas_step(const matrix_t kind[KINDS], CBLAS_TRANSPOSE layout, int32_t batch, const float *weights,
                          const float *x, float *y, double seconds[KINDS]) {
    for (int i = 0; i < KINDS; i++) seconds[i] = 0;
    for (int64_t l = 0; l <= kind[0].count; l++)
        for (int i = l < kind[0].count ? 0 : KINDS - 1; i < (l < kind[0].count ? KINDS - 1 : KINDS); i++) {
            const int64_t out = kind[i].out, in = kind[i].in;
            double start = clock_cpu();
            cblas_sgemm(CblasRowMajor, CblasNoTrans, layout, batch, (blasint)out, (blasint)in, 1.0f, x, (blasint)in,
                        weights, (blasint)(layout == CblasTrans ? in : out), 0.0f, y, (blasint)out);
            seconds[i] += clock_cpu() - start;
            weights += out * in;
        }
}

static double time_openblas(const model_spec_t *spec, int32_t batch, const float *weights, const float *x, float *y) {
    matrix_t kind[KINDS];
    double best[KINDS], seconds[KINDS], sum = 0;
    matrices(spec, kind);
    openblas_step(kind, CblasTrans, batch, weights, x, y, best);
    openblas_step(kind, CblasNoTrans, batch, weights, x, y, seconds);
    for (int i = 0; i < KINDS; i++) sum += smaller(best[i], seconds[i]);
    return sum;
}

/* Bytes that a step reads: all parameters but the rows of the embeddings that are not asked for. */
static double bytes_of_step(const model_spec_t *spec, precision_t precision) {
    double matrix = 2, all = (double)spec_parameters(spec, 0) + (double)spec->vocab * (double)spec->width;
    return (precision == PRECISION_FP32 ? 2 * matrix : matrix) * all;
}

static double flop_of_step(const model_spec_t *spec, int32_t batch) {
    matrix_t kind[KINDS];
    double sum = 0;
    matrices(spec, kind);
    for (int i = 0; i < KINDS; i++) sum += 2.0 * (double)(kind[i].out * kind[i].in * kind[i].count);
    return sum * batch;
}

static void print_times(const char *name, const model_spec_t *spec, precision_t precision, int32_t batch,
                        const times_t *t, double read) {
    const double bytes = bytes_of_step(spec, precision), flop = flop_of_step(spec, batch);
    const double theirs = t->openblas, rest = t->step - t->products;
    printf("%-11s %-4s %5d %8.0f %6.1f %6.1f%% |", name, precision == PRECISION_FP32 ? "fp32" : "bf16", batch,
           batch / t->step, bytes / t->step * 1e-9, 100 * bytes / t->step / read);
    printf(" %6.1f%% %6.1f%% %6.2f", 100 * flop / t->products / t->peak, 100 * flop / theirs / t->peak,
           theirs / t->products);
    if (precision == PRECISION_FP32) {
        double least = flop / t->peak > bytes / read ? flop / t->peak : bytes / read;
        printf(" %7.2f", theirs / least);
    } else {
        printf(" %7s", "");
    }
    printf(" | %6.2f %6.2f\n", (theirs + rest) / t->step, theirs / t->step);
    fflush(stdout);
}

typedef struct {
    int32_t *prompt, *out;
    float *x, *y; // rows and products of OpenBLAS
} buffers_t;

static int bench_batch(const char *name, model_t *model, int32_t batch, const buffers_t *b, double read) {
    const model_spec_t *spec = model_spec(model);
    times_t best = {1e30, 1e30, 1e30, 0};
    int64_t n;
    session_t *s = NULL;
    TRY(session_create(model, batch, PROMPT + STEPS, batch * PROMPT, &s));
    int rc = 0;
    for (int run = 0; run < RUNS && rc == 0; run++) {
        double peak = tensor_peak(real);
        best.peak = peak > best.peak ? peak : best.peak;
        rc = time_steps(s, batch, b->prompt, b->out, &best);
        for (int i = 0; i < 2; i++)
            best.openblas = smaller(best.openblas, time_openblas(spec, batch, model_parameters(model, &n), b->x, b->y));
    }
    session_free(s);
    if (rc == 0) print_times(name, spec, model_precision(model), batch, &best, read);
    return rc;
}

static int bench_shape(const char *name, model_spec_t spec, const tensor_ops_t *ops, double read) {
    static const precision_t precision[] = {PRECISION_FP32, PRECISION_BF16};
    model_t *model = NULL;
    buffers_t b = {mem_new(MOST * PROMPT, sizeof *b.prompt, "prompts"), mem_new(MOST * STEPS, sizeof *b.out, "tokens"),
                   mem_new(MOST * spec.ffn, sizeof *b.x, "rows"), mem_new(MOST * spec.vocab, sizeof *b.y, "products")};
    if (!b.prompt || !b.out || !b.x || !b.y) return -1;
    for (int64_t i = 0; i < MOST * PROMPT; i++) b.prompt[i] = (int32_t)rng_below(2, RNG_TEST, (uint64_t)i, spec.vocab);
    tensor_fill_normal(1, 0, MOST * spec.ffn, 1.0f, b.x);
    int rc = model_create(&spec, ops, 1, &model);
    for (int p = 0; p < 2 && rc == 0; p++) {
        if (p > 0) rc = model_set_precision(model, precision[p]);
        for (int i = 0; i < BATCHES && rc == 0; i++) rc = bench_batch(name, model, batches[i], &b, read);
    }
    model_free(model);
    mem_free(b.prompt), mem_free(b.out), mem_free(b.x), mem_free(b.y);
    return rc;
}

int main(int argc, char **argv) {
    real = tensor_kernels(argc > 1 ? argv[1] : "auto");
    if (!real) return 1;
    tensor_ops_t timed = *real;
    timed.gemm = timed_gemm;
    timed.head = timed_head;
    double read = bandwidth();
    printf("decode: kernels %s, one core, measured peak %.1f GFLOP/s (fp32), memory read at %.1f GB/s; OpenBLAS core "
           "%s, %d thread(s)\n",
           real->name, tensor_peak(real) * 1e-9, read * 1e-9, openblas_get_corename(), openblas_get_num_threads());
    printf("%39s %6s | %-30s | %s\n", "", "", "products: share of peak", "step, x OpenBLAS");
    printf("%-16s %5s %8s %6s %7s | %7s %7s %6s %7s | %6s %6s\n", "shape", "batch", "tokens/s", "GB/s", "memory",
           "ours", "theirs", "ratio", "at most", "whole", "alone");
    int rc = bench_shape("gpt2-124m", shape_gpt2_124m(), &timed, read);
    if (rc == 0) rc = bench_shape("pythia-160m", shape_pythia_160m(), &timed, read);
    if (rc != 0) fprintf(stderr, "bench_decode: %s\n", err_text());
    return rc != 0;
}
