/* The matrix product at sizes of real decoders: GFLOP/s, the share of the measured peak of one core, and OpenBLAS on
 * the same numbers in the same process. Each figure is the median of several runs after one that warms up. */
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

static int compare_double(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* FLOP/s; each run repeats the product until 5 ms have passed. */
static double rate(void (*run)(const tensor_ops_t *, const job_t *), const tensor_ops_t *ops, const job_t *j) {
    double flop = 2.0 * (double)j->m * (double)j->n * (double)j->k, result[RUNS];
    run(ops, j);
    for (int r = 0; r < RUNS; r++) {
        double start = clock_cpu(), seconds;
        int64_t times = 0;
        do {
            run(ops, j);
            times++;
        } while ((seconds = clock_cpu() - start) < 0.005);
        result[r] = flop * (double)times / seconds;
    }
    qsort(result, RUNS, sizeof *result, compare_double);
    return result[RUNS / 2];
}

static int bench_shape(const tensor_ops_t *ops, double peak, int64_t n, int64_t k, int transposed) {
    static const int64_t rows[] = {1, 2, 4, 8, 12, 16, 32, 64, 96, 192, 512};
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
        double own = rate(run_own, ops, &job), other = rate(run_openblas, ops, &job);
        printf("%6lld %6lld %6lld %-3s %9.1f %6.1f%% %10.1f %7.2f\n", (long long)job.m, (long long)n, (long long)k,
               transposed ? "A'B" : "AB", own / 1e9, 100 * own / peak, other / 1e9, own / other);
    }
    mem_free(a), mem_free(b), mem_free(packed), mem_free(c);
    return 0;
}

int main(int argc, char **argv) {
    const tensor_ops_t *ops = tensor_kernels(argc > 1 ? argv[1] : "auto");
    if (!ops) return 1;
    double peak = tensor_peak(ops);
    printf("gemm: kernels %s, measured peak %.1f GFLOP/s; OpenBLAS core %s, %d thread(s)\n", ops->name, peak / 1e9,
           openblas_get_corename(), openblas_get_num_threads());
    printf("%6s %6s %6s %-3s %9s %7s %10s %7s\n", "m", "n", "k", "", "GFLOP/s", "peak", "OpenBLAS", "ratio");
    static const int64_t shape[][3] = {{768, 768, 0}, {3072, 768, 0}, {768, 3072, 0}, {1024, 256, 0}, {768, 768, 1}};
    for (size_t i = 0; i < sizeof shape / sizeof *shape; i++)
        if (bench_shape(ops, peak, shape[i][0], shape[i][1], (int)shape[i][2])) return 1;
    return 0;
}
