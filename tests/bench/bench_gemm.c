/* The matrix product at sizes of real decoders: GFLOP/s, the share of the measured peak of one core, and OpenBLAS on
 * the same numbers in the same process. Each figure is the best of several turns, in each of which the peak, ours and
 * OpenBLAS are measured side by side: other programs on the machine disturb all of them. Then the same with few rows
 * and weights that no cache holds, as decoding has them, where the memory is the limit. */
#include "base/clock.h"
#include "base/mem.h"
#include "tensor/tensor.h"
#include <cblas.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RUNS = 5 };

typedef struct {
    int64_t m, n, k;
    int transposed; // A stored (k, m), as in the gradient of weights
    const float *a, *b, *packed;
    float *c;
} job_t;

static void run_own(const tensor_ops_t *ops, const job_t *j) {
    ops->gemm(j->m, j->n, j->k, j->a, j->transposed ? 1 : j->k, j->transposed ? j->m : 1, packed_f32(j->packed), NULL,
              0, j->c, j->n);
}

static void run_openblas(const tensor_ops_t *ops, const job_t *j) {
    (void)ops;
    cblas_sgemm(CblasRowMajor, j->transposed ? CblasTrans : CblasNoTrans, CblasTrans, (blasint)j->m, (blasint)j->n,
                (blasint)j->k, 1.0f, j->a, (blasint)(j->transposed ? j->m : j->k), j->b, (blasint)j->k, 0.0f, j->c,
                (blasint)j->n);
}

static double larger(double a, double b) {
    return a > b ? a : b;
}

/* FLOP/s of one turn: after a product that warms up, the same again and again until 5 ms have passed. */
static double rate(void (*run)(const tensor_ops_t *, const job_t *), const tensor_ops_t *ops, const job_t *j) {
    run(ops, j);
    double flop = 2.0 * (double)j->m * (double)j->n * (double)j->k, start = clock_cpu(), seconds;
    int64_t times = 0;
    do {
        run(ops, j);
        times++;
    } while ((seconds = clock_cpu() - start) < 0.005);
    return flop * (double)times / seconds;
}

/* The smallest share of the peak with 8 rows or more, and where. */
typedef struct {
    double share;
    job_t job;
} least_t;

static void bench_rows(const tensor_ops_t *ops, const job_t *j, least_t *least) {
    double peak = 0, own = 0, other = 0;
    for (int r = 0; r < RUNS; r++) {
        peak = larger(peak, tensor_peak(ops));
        own = larger(own, rate(run_own, ops, j));
        other = larger(other, rate(run_openblas, ops, j));
    }
    printf("%6lld %6lld %6lld %-3s %9.1f %6.1f%% %10.1f %7.2f\n", (long long)j->m, (long long)j->n, (long long)j->k,
           j->transposed ? "A'B" : "AB", own / 1e9, 100 * own / peak, other / 1e9, own / other);
    fflush(stdout);
    if (j->m >= 8 && own / peak < least->share) *least = (least_t){own / peak, *j};
}

static int bench_shape(const tensor_ops_t *ops, int64_t n, int64_t k, int transposed, least_t *least) {
    static const int64_t rows[] = {1, 2, 4, 8, 9, 10, 12, 13, 14, 15, 16, 24, 32, 48, 64, 100, 512};
    enum { SIZES = sizeof rows / sizeof *rows };
    const int64_t most = rows[SIZES - 1];
    float *a = mem_new(most * k, sizeof *a, "A"), *b = mem_new(n * k, sizeof *b, "B");
    float *packed = mem_new(gemm_packed_floats(n, k), sizeof *packed, "packed B");
    float *c = mem_new(most * n, sizeof *c, "C");
    if (!a || !b || !packed || !c) return -1;
    tensor_fill_normal(1, 0, most * k, 1.0f, a);
    for (int64_t i = 0; i < n * k; i++) b[i] = a[i % (most * k)];
    gemm_pack(n, k, b, 1, k, packed);
    for (int i = 0; i < SIZES; i++) {
        job_t job = {.m = rows[i], .n = n, .k = k, .transposed = transposed, .a = a, .b = b, .packed = packed, .c = c};
        bench_rows(ops, &job, least);
    }
    mem_free(a), mem_free(b), mem_free(packed), mem_free(c);
    return 0;
}

/* --- decoding: few rows, weights that no cache holds ------------------------------------------------------------- */

enum { POOL = 192 << 20, ROUNDS = 5 }; // bytes of weights that are gone through again and again: six times the L3

/* The rate at which one core reads memory: a sum over 64-byte vectors of `streams` parts of the pool side by side,
 * each fetched ahead. The hardware's own fetching alone is slower by a quarter. */
typedef float line_t __attribute__((vector_size(64)));
#if defined(__x86_64__)
__attribute__((target_clones("avx512f", "avx2", "default")))
#endif
static double
read_seconds(const char *pool, int64_t streams, int64_t ahead) {
    const line_t *line = (const line_t *)(const void *)pool;
    const int64_t part = POOL / (int64_t)sizeof *line / streams;
    line_t sum[4] = {{0}};
    double start = clock_cpu();
    for (int64_t i = 0; i < part; i += 4)
        for (int64_t s = 0; s < streams; s++)
            for (int64_t j = 0; j < 4; j++) {
                const line_t *from = line + s * part + i + j;
                __builtin_prefetch((const char *)from + ahead);
                sum[j] += *from;
            }
    double seconds = clock_cpu() - start;
    volatile float kept = sum[0][0] + sum[1][0] + sum[2][0] + sum[3][0];
    (void)kept;
    return seconds;
}

/* Of several ways to read, the fastest. */
static double read_rate(const char *pool) {
    double best = 1e9;
    for (int64_t streams = 1; streams <= 4; streams *= 2)
        for (int64_t ahead = 1024; ahead <= 8192; ahead *= 2) {
            double seconds = read_seconds(pool, streams, ahead);
            if (seconds < best) best = seconds;
        }
    return POOL / best;
}

typedef struct {
    int64_t m, n, k;
    const float *a;
    char *pool; // one matrix after the other
    float *c;
} decode_t;

/* Bytes of B a second. */
static double decode_rate(const tensor_ops_t *ops, const decode_t *d, packed_type_t type) {
    int64_t bytes = packed_bytes(type, d->n, d->k), matrices = POOL / bytes;
    double start = clock_cpu();
    for (int64_t i = 0; i < matrices; i++)
        ops->gemm(d->m, d->n, d->k, d->a, d->k, 1, (packed_t){d->pool + i * bytes, type}, NULL, 0, d->c, d->n);
    return (double)(matrices * bytes) / (clock_cpu() - start);
}

static double decode_rate_openblas(const decode_t *d, CBLAS_TRANSPOSE b) {
    int64_t floats = d->n * d->k, matrices = POOL / (floats * (int64_t)sizeof(float));
    double start = clock_cpu();
    for (int64_t i = 0; i < matrices; i++)
        cblas_sgemm(CblasRowMajor, CblasNoTrans, b, (blasint)d->m, (blasint)d->n, (blasint)d->k, 1.0f, d->a,
                    (blasint)d->k, (const float *)(const void *)d->pool + i * floats,
                    (blasint)(b == CblasTrans ? d->k : d->n), 0.0f, d->c, (blasint)d->n);
    return (double)(matrices * floats) * sizeof(float) / (clock_cpu() - start);
}

/* The best of several rounds, in each of which all take their turn, so that a busy machine is busy for all. */
static void bench_decode_rows(const tensor_ops_t *ops, const decode_t *d, double memory) {
    double f32 = 0, bf16 = 0, f16 = 0, blas = 0;
    for (int r = 0; r < ROUNDS; r++) {
        f32 = larger(f32, decode_rate(ops, d, PACKED_F32));
        bf16 = larger(bf16, decode_rate(ops, d, PACKED_BF16));
        f16 = larger(f16, decode_rate(ops, d, PACKED_F16));
        blas = larger(blas, larger(decode_rate_openblas(d, CblasNoTrans), decode_rate_openblas(d, CblasTrans)));
    }
    printf("%6lld %6lld %6lld %9.1f %6.1f%% %6.1f%% %6.1f%% %8.2f %6.2f %6.2f\n", (long long)d->m, (long long)d->n,
           (long long)d->k, memory / 1e9, 100 * f32 / memory, 100 * bf16 / memory, 100 * f16 / memory, f32 / blas,
           2 * bf16 / blas, 2 * f16 / blas);
    fflush(stdout);
}

static int bench_decode(const tensor_ops_t *ops) {
    static const int64_t rows[] = {1, 2, 4, 8, 16, 32};
    static const int64_t shape[][2] = {{768, 768}, {2304, 768}, {3072, 768}, {768, 3072}, {50304, 768}};
    enum { SIZES = sizeof rows / sizeof *rows, SHAPES = sizeof shape / sizeof *shape, MOST = 32 };
    char *pool = mem_new(POOL, 1, "weights");
    float *a = mem_new(MOST * 3072, sizeof *a, "A"), *c = mem_new(MOST * 50304, sizeof *c, "C");
    if (!pool || !a || !c) return -1;
    tensor_fill_normal(1, 0, MOST * 3072, 1.0f, a);
    for (int64_t i = 0; i < POOL / 2; i++)
        ((uint16_t *)(void *)pool)[i] = (uint16_t)(0x3c00 + i % 0x300); // in any type
    printf("\ndecoding: weights of %d MB in all, read once a product; share of the GB/s at which a core reads memory, "
           "for each type of weights; speed as a multiple of OpenBLAS (fp32, the better of both layouts)\n",
           POOL >> 20);
    printf("%6s %6s %6s %9s %7s %7s %7s %8s %6s %6s\n", "m", "n", "k", "GB/s", "F32", "BF16", "F16", "xF32", "xBF16",
           "xF16");
    for (int s = 0; s < SHAPES; s++) {
        double memory = larger(read_rate(pool), read_rate(pool));
        for (int i = 0; i < SIZES; i++) {
            decode_t d = {.m = rows[i], .n = shape[s][0], .k = shape[s][1], .a = a, .pool = pool, .c = c};
            bench_decode_rows(ops, &d, memory);
        }
    }
    mem_free(pool), mem_free(a), mem_free(c);
    return 0;
}

int main(int argc, char **argv) {
    const tensor_ops_t *ops = tensor_kernels(argc > 1 ? argv[1] : "auto");
    if (!ops) return 1;
    printf("gemm: kernels %s, measured peak %.1f GFLOP/s; OpenBLAS core %s, %d thread(s)\n", ops->name,
           tensor_peak(ops) / 1e9, openblas_get_corename(), openblas_get_num_threads());
    printf("%6s %6s %6s %-3s %9s %7s %10s %7s\n", "m", "n", "k", "", "GFLOP/s", "peak", "OpenBLAS", "ratio");
    static const int64_t shape[][3] = {{768, 768, 0},   {2304, 768, 0},  {3072, 768, 0},
                                       {768, 3072, 0},  {4096, 1024, 0}, {1024, 4096, 0},
                                       {5632, 2048, 0}, {1024, 256, 0},  {768, 768, 1}};
    least_t least = {.share = 1e30};
    for (size_t i = 0; i < sizeof shape / sizeof *shape; i++)
        if (bench_shape(ops, shape[i][0], shape[i][1], (int)shape[i][2], &least)) return 1;
    printf("8 rows or more: at least %.1f %% of the peak (m = %lld, n = %lld, k = %lld)\n", 100 * least.share,
           (long long)least.job.m, (long long)least.job.n, (long long)least.job.k);
    return bench_decode(ops) ? 1 : 0;
}
