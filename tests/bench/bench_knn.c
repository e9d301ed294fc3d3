/* Exact nearest neighbours: queries a second, the rate of the whole search as a share of the measured peak and of the
 * matrix product alone, and what is left for the selection and for waiting for keys. Keys are normal numbers. */
#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "memory/knn.h"
#include <stdio.h>

/* Seconds of the products that a search of n queries makes, with one block of keys that stays in the cache in the place
 * of all: waiting for keys is the search's affair. */
static double product_seconds(const tensor_ops_t *ops, const datastore_t *store, int64_t n, const float *packed,
                              float *scores) {
    enum { KEYS = 192 };
    double start = clock_cpu();
    for (int64_t first = 0; first < store->n; first += KEYS) {
        int64_t keys = store->n - first < KEYS ? store->n - first : KEYS;
        ops->gemm(keys, n, store->width, store->keys, store->width, 1, packed_f32(packed), NULL, 0, scores, n);
    }
    return clock_cpu() - start;
}

static int bench(const tensor_ops_t *ops, double peak, int64_t entries, int64_t width, int64_t k, int64_t n) {
    float *keys = mem_new(entries * width, sizeof *keys, "keys"), *query = mem_new(n * width, sizeof *query, "queries");
    float *packed = mem_new(gemm_packed_floats(n, width), sizeof *packed, "packed queries");
    float *scores = mem_new(192 * n, sizeof *scores, "scores");
    neighbour_t *out = mem_new(n * k, sizeof *out, "neighbours");
    if (!keys || !query || !packed || !scores || !out) return -1;
    tensor_fill_normal(1, 0, entries * width, 1.0f, keys);
    tensor_fill_normal(2, 0, n * width, 1.0f, query);
    gemm_pack(n, width, query, 1, width, packed);
    datastore_t store = {.n = entries, .width = width, .keys = keys};
    knn_t *knn;
    TRY(knn_create(&store, ops, k, &knn));
    double search = 1e9, product = 1e9;
    for (int run = 0; run < 3; run++) {
        double start = clock_cpu();
        TRY(knn_search(knn, n, query, out));
        double seconds = clock_cpu() - start, alone = product_seconds(ops, &store, n, packed, scores);
        search = seconds < search ? seconds : search;
        product = alone < product ? alone : product;
    }
    double flop = 2.0 * (double)n * (double)entries * (double)width;
    printf("%8lld %6lld %5lld %5lld %10.0f %7.1f%% %7.1f%% %8.1f%%\n", (long long)entries, (long long)width,
           (long long)k, (long long)n, (double)n / search, 100 * flop / search / peak, 100 * product / search,
           100 * (1 - product / search));
    knn_free(knn);
    mem_free(keys), mem_free(query), mem_free(packed), mem_free(scores), mem_free(out);
    return 0;
}

int main(int argc, char **argv) {
    static const int64_t cases[][4] = {{200000, 128, 16, 256}, {200000, 128, 64, 256}, {200000, 128, 1024, 256},
                                       {200000, 128, 64, 32},  {200000, 128, 64, 1},   {100000, 768, 64, 256}};
    const tensor_ops_t *ops = tensor_kernels(argc > 1 ? argv[1] : "auto");
    if (!ops) return 1;
    double peak = tensor_peak(ops);
    printf("exact nearest neighbours: kernels %s, measured peak %.1f GFLOP/s\n", ops->name, peak / 1e9);
    printf("%8s %6s %5s %5s %10s %8s %8s %9s\n", "entries", "width", "k", "batch", "queries/s", "peak", "product",
           "selection");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (bench(ops, peak, cases[i][0], cases[i][1], cases[i][2], cases[i][3]) != 0) {
            fprintf(stderr, "%s\n", err_text());
            return 1;
        }
    return 0;
}
