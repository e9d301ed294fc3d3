/* Decoding with the KV cache: tokens/s of greedy continuations of 50 tokens after 50, for the shapes of GPT-2 small and
 * Pythia-160M, on one core. With one sequence a step has to read every weight once, so its time is compared with that
 * of reading as many bytes (a plain sum over memory that no cache holds, in the same process); with more sequences the
 * same decoder is run with OpenBLAS as its matrix product. */
#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/rng.h"
#include "model/model.h"
#include <cblas.h>
#include <stdio.h>
#include <string.h>

enum { PROMPT = 50, STEPS = 50, MOST = 32, RUNS = 3 };

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

/* Seconds of a step: the fastest of several continuations of `batch` sequences. */
static int time_steps(const model_t *model, int32_t batch, double *seconds) {
    int32_t sequence[MOST], last[MOST], *prompt = mem_new(MOST * PROMPT, sizeof *prompt, "prompts");
    int32_t *out = mem_new(MOST * STEPS, sizeof *out, "continuations");
    int64_t length[MOST];
    session_t *s = NULL;
    if (!prompt || !out) return -1;
    TRY(session_create(model, batch, PROMPT + STEPS, batch * PROMPT, &s));
    for (int64_t i = 0; i < MOST * PROMPT; i++)
        prompt[i] = (int32_t)rng_below(2, RNG_TEST, (uint64_t)i, model_spec(model)->vocab);
    for (int32_t i = 0; i < batch; i++) sequence[i] = i, length[i] = PROMPT - 1, last[i] = prompt[i];
    *seconds = 1e30;
    for (int run = 0; run < RUNS; run++) {
        for (int32_t i = 0; i < batch; i++) session_reset(s, i);
        TRY(session_forward(s, batch, sequence, length, prompt, NULL));
        double start = clock_cpu();
        TRY(session_greedy(s, batch, sequence, last, STEPS, NULL, out, NULL));
        double took = (clock_cpu() - start) / STEPS;
        *seconds = took < *seconds ? took : *seconds;
    }
    session_free(s);
    mem_free(prompt), mem_free(out);
    return 0;
}

/* Bytes that a step reads: all parameters but the rows of the embeddings that are not asked for. */
static double bytes_of_step(const model_spec_t *spec) {
    return 4.0 * ((double)spec_parameters(spec, 0) + (double)spec->vocab * (double)spec->width);
}

/* Seconds that OpenBLAS takes for the matrix products of a step: the fastest of several. */
static double time_openblas(const model_spec_t *spec, int32_t batch, const float *weights, float *x, float *y) {
    const int64_t w = spec->width, shape[][2] = {{3 * w, w}, {w, w}, {spec->ffn, w}, {w, spec->ffn}};
    double best = 1e30;
    for (int run = 0; run < RUNS * 5; run++) {
        const float *at = weights;
        double start = clock_cpu();
        for (int64_t l = 0; l <= spec->layers; l++)
            for (int i = 0; i < (l < spec->layers ? 4 : 1); i++) {
                int64_t out = l < spec->layers ? shape[i][0] : spec->vocab, in = l < spec->layers ? shape[i][1] : w;
                cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, batch, (blasint)out, (blasint)in, 1.0f, x,
                            (blasint)in, at, (blasint)in, 0.0f, y, (blasint)out);
                at += out * in;
            }
        double seconds = clock_cpu() - start;
        best = seconds < best ? seconds : best;
    }
    return best;
}

static int bench_shape(const char *name, const model_spec_t *spec, const tensor_ops_t *ops, double read) {
    static const int32_t batches[] = {1, 2, 4, 8, 16, 32};
    model_t *model = NULL;
    int64_t n;
    float *x = mem_new(MOST * spec->ffn, sizeof *x, "rows"), *y = mem_new(MOST * spec->vocab, sizeof *y, "products");
    TRY(x && y ? model_create(spec, ops, 1, &model) : -1);
    tensor_fill_normal(1, 0, MOST * spec->ffn, 1.0f, x);
    const float *weights = model_parameters(model, &n);
    for (size_t i = 0; i < sizeof batches / sizeof *batches; i++) {
        double seconds, theirs;
        int32_t batch = batches[i];
        TRY(time_steps(model, batch, &seconds));
        theirs = time_openblas(spec, batch, weights, x, y);
        printf("%-12s %5d %9.0f %9.1f %9.1f%% %12.0f %7.2f\n", name, batch, batch / seconds,
               bytes_of_step(spec) / seconds * 1e-9, 100 * bytes_of_step(spec) / seconds / read, batch / theirs,
               theirs / seconds);
    }
    model_free(model);
    mem_free(x), mem_free(y);
    return 0;
}

int main(int argc, char **argv) {
    const model_spec_t gpt2 = {.family = "gpt2",
                               .vocab = 50257,
                               .layers = 12,
                               .width = 768,
                               .heads = 12,
                               .head_size = 64,
                               .ffn = 3072,
                               .context = 1024,
                               .norm_eps = 1e-5f,
                               .act = ACT_GELU_TANH,
                               .learned_positions = 1,
                               .tied_head = 1,
                               .end_token = 50256};
    const model_spec_t pythia = {.family = "gpt_neox",
                                 .vocab = 50304,
                                 .layers = 12,
                                 .width = 768,
                                 .heads = 12,
                                 .head_size = 64,
                                 .ffn = 3072,
                                 .context = 2048,
                                 .rotary_dims = 16,
                                 .rotary_base = 10000,
                                 .norm_eps = 1e-5f,
                                 .parallel_residual = 1,
                                 .end_token = 0};
    const tensor_ops_t *ops = tensor_kernels(argc > 1 ? argv[1] : "auto");
    if (!ops) return 1;
    double read = bandwidth();
    printf("decode: kernels %s, one core, memory read at %.1f GB/s; OpenBLAS core %s, %d thread(s)\n", ops->name,
           read * 1e-9, openblas_get_corename(), openblas_get_num_threads());
    printf("%-12s %5s %9s %9s %10s %12s %7s\n", "shape", "batch", "tokens/s", "GB/s", "of memory", "OpenBLAS", "ratio");
    int rc = bench_shape("gpt2-124m", &gpt2, ops, read);
    if (rc == 0) rc = bench_shape("pythia-160m", &pythia, ops, read);
    if (rc != 0) fprintf(stderr, "bench_decode: %s\n", err_text());
    return rc != 0;
}
