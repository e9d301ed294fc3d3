/* Exact nearest neighbours over all entries of a datastore.
 *
 * For a block of keys and a batch of queries one matrix product gives the scores s = q.x - |x|^2 / 2, which order the
 * keys of a query as their distances d = |q|^2 - 2 (q.x - |x|^2 / 2) do, up to rounding. Only keys whose score says
 * that they may belong to the k nearest have their distance computed by tensor_ops.distance, which alone decides; of
 * those a heap keeps the k best. So the prefilter affects the time and never the result, provided that it drops no key
 * wrongly:
 *
 *   u = 2^-24, w the width. D, the distance as computed, is d (1 + e), |e| <= g: two roundings of each difference
 *   squared, w / 16 of a lane's sum and 4 of the fold, hence g = (w / 16 + 8) u. The product errs by at most
 *   (w + 2) u |q||x| in whatever order its terms are added, |x|^2 / 2 by u |x|^2 / 2, their difference by
 *   u (|q||x| + |x|^2 / 2), together e = (w + 3) u |q||x| + u |x|^2, and a little for what underflows. Let M be the
 *   distance of the worst of k keys in the heap. A key cannot replace it when D > M, which is certain when
 *   d > M (1 + 2 g), that is when
 *       s < (|q|^2 - M (1 + 2 g)) / 2 - e.
 *   The constants are enlarged by 5 % for products of errors and for the norms' own rounding in double, which where d
 * is near M is small beside the terms above, since |q|^2 <= 2 |x|^2 + 2 d. */
#include "memory/knn.h"
#include "base/err.h"
#include "base/mem.h"
#include <math.h>
#include <string.h>

enum {
    QUERIES = 256, // of one batch: their packed form and the scores of a block stay in the L2 cache
    KEYS = 192     // of one block
};
static const int64_t width_limit = 1 << 18; // far below where g would be large
static const double norm_limit = 1e37;      // squared: nothing overflows below it

struct knn {
    const datastore_t *store;
    const tensor_ops_t *ops;
    int64_t k;
    float *half;        // (entries) |x|^2 / 2
    double *block_norm; // (blocks) largest |x| of a block of keys
    float *packed;      // one batch of queries
    float *scores;      // (KEYS, QUERIES)
    float *limit;       // (QUERIES) scores below it are hopeless
    double *norm;       // (QUERIES) |q|
    int64_t *held;      // (QUERIES) neighbours in the heap
    int32_t *at;        // (QUERIES)
};

static int measure_keys(knn_t *knn) {
    const datastore_t *store = knn->store;
    for (int64_t i = 0; i < store->n; i++) {
        double square = knn->ops->sum_squares(store->width, store->keys + i * store->width);
        if (!(square <= norm_limit))
            return err_set("datastore entry %lld: its key holds a NaN, an infinity or numbers too large to compare",
                           (long long)i);
        double norm = sqrt(square);
        knn->half[i] = (float)(square / 2);
        if (norm > knn->block_norm[i / KEYS]) knn->block_norm[i / KEYS] = norm;
    }
    return 0;
}

static int allocate(knn_t *knn) {
    int64_t n = knn->store->n, blocks = (n + KEYS - 1) / KEYS;
    knn->half = mem_new(n, sizeof *knn->half, "norms of a datastore's keys");
    knn->block_norm = mem_new(blocks, sizeof *knn->block_norm, "norms of a datastore's keys");
    knn->packed = mem_new(gemm_packed_floats(QUERIES, knn->store->width), sizeof *knn->packed, "packed queries");
    knn->scores = mem_new(KEYS * QUERIES, sizeof *knn->scores, "scores of keys");
    knn->limit = mem_new(QUERIES, sizeof *knn->limit, "limits of queries");
    knn->norm = mem_new(QUERIES, sizeof *knn->norm, "norms of queries");
    knn->held = mem_new(QUERIES, sizeof *knn->held, "neighbours of queries");
    knn->at = mem_new(QUERIES, sizeof *knn->at, "hits of keys");
    return knn->half && knn->block_norm && knn->packed && knn->scores && knn->limit && knn->norm && knn->held && knn->at
               ? 0
               : -1;
}

int knn_create(const datastore_t *store, const tensor_ops_t *ops, int64_t k, knn_t **result) {
    *result = NULL;
    if (k < 1) return err_set("%lld nearest neighbours asked for; at least 1 is needed", (long long)k);
    if (store->width < 1 || store->width > width_limit)
        return err_set("datastore keys of %lld numbers; from 1 to %lld are possible", (long long)store->width,
                       (long long)width_limit);
    knn_t *knn = mem_new(1, sizeof *knn, "nearest-neighbour search");
    if (!knn) return -1;
    knn->store = store;
    knn->ops = ops;
    knn->k = k;
    if (allocate(knn) != 0 || measure_keys(knn) != 0) {
        knn_free(knn);
        return -1;
    }
    *result = knn;
    return 0;
}

void knn_free(knn_t *knn) {
    if (!knn) return;
    mem_free(knn->half);
    mem_free(knn->block_norm);
    mem_free(knn->packed);
    mem_free(knn->scores);
    mem_free(knn->limit);
    mem_free(knn->norm);
    mem_free(knn->held);
    mem_free(knn->at);
    mem_free(knn);
}

/* The order of neighbours: by distance, then by id; total. */
static int is_before(neighbour_t a, neighbour_t b) {
    return a.distance < b.distance || (a.distance == b.distance && a.id < b.id);
}

/* Restores the heap (worst on top) of n neighbours below place i. */
static void sift_down(neighbour_t *heap, int64_t n, int64_t i) {
    neighbour_t moved = heap[i];
    for (int64_t child; (child = 2 * i + 1) < n; i = child) {
        if (child + 1 < n && is_before(heap[child], heap[child + 1])) child++;
        if (!is_before(moved, heap[child])) break;
        heap[i] = heap[child];
    }
    heap[i] = moved;
}

static void sift_up(neighbour_t *heap, int64_t i) {
    neighbour_t moved = heap[i];
    for (; i > 0 && is_before(heap[(i - 1) / 2], moved); i = (i - 1) / 2) heap[i] = heap[(i - 1) / 2];
    heap[i] = moved;
}

/* A key that may be near enough: its distance decides. */
static void offer(const knn_t *knn, const float *query, int64_t id, neighbour_t *heap, int64_t *held) {
    const datastore_t *store = knn->store;
    neighbour_t key = {.id = id};
    knn->ops->distance(1, store->width, query, store->keys + id * store->width, store->width, &key.distance);
    if (*held < knn->k) {
        heap[*held] = key;
        sift_up(heap, (*held)++);
    } else if (is_before(key, heap[0])) {
        heap[0] = key;
        sift_down(heap, knn->k, 0);
    }
}

/* Ascending order; the places of entries that do not exist get id -1. */
static void finish(neighbour_t *heap, int64_t held, int64_t k) {
    for (int64_t n = held - 1; n > 0; n--) {
        neighbour_t worst = heap[0];
        heap[0] = heap[n];
        heap[n] = worst;
        sift_down(heap, n, 0);
    }
    for (int64_t i = held; i < k; i++) heap[i] = (neighbour_t){-1, INFINITY};
}

/* The formula of the opening comment, rounded downwards: scores below the result are hopeless. */
static float score_limit(int64_t width, double query_norm, double key_norm, double worst) {
    const double u = 0x1p-24 * 1.05;
    double w = (double)width;
    if (worst == (double)INFINITY) return -INFINITY;
    double error = u * ((w + 3) * query_norm * key_norm + key_norm * key_norm) + (w + 64) * 0x1p-147;
    double limit = (query_norm * query_norm - worst * (1 + 2 * u * (w / 16 + 8))) / 2 - error;
    return (float)(limit - fabs(limit) * 0x1p-22 - 0x1p-148);
}

static int measure_queries(knn_t *knn, int64_t n, const float *queries) {
    for (int64_t j = 0; j < n; j++) {
        double square = knn->ops->sum_squares(knn->store->width, queries + j * knn->store->width);
        knn->norm[j] = sqrt(square);
        if (!(square <= norm_limit)) return err_set("a query holds a NaN, an infinity or numbers too large to compare");
        knn->held[j] = 0;
    }
    return 0;
}

/* At most QUERIES queries. */
static int search_batch(knn_t *knn, int64_t n, const float *queries, neighbour_t *out) {
    const datastore_t *store = knn->store;
    int64_t width = store->width, k = knn->k;
    TRY(measure_queries(knn, n, queries));
    gemm_pack(n, width, queries, 1, width, knn->packed);
    for (int64_t first = 0; first < store->n; first += KEYS) {
        int64_t keys = store->n - first < KEYS ? store->n - first : KEYS;
        knn->ops->gemm(keys, n, width, store->keys + first * width, width, 1, knn->packed, NULL, 0, knn->scores,
                       QUERIES);
        for (int64_t j = 0; j < n; j++) {
            double worst = knn->held[j] < k ? (double)INFINITY : (double)out[j * k].distance;
            knn->limit[j] = score_limit(width, knn->norm[j], knn->block_norm[first / KEYS], worst);
        }
        for (int64_t i = 0; i < keys; i++) {
            int64_t hits =
                knn->ops->find_above(n, knn->scores + i * QUERIES, -knn->half[first + i], knn->limit, knn->at);
            for (int64_t h = 0; h < hits; h++) {
                int64_t j = knn->at[h];
                offer(knn, queries + j * width, first + i, out + j * k, &knn->held[j]);
            }
        }
    }
    for (int64_t j = 0; j < n; j++) finish(out + j * k, knn->held[j], k);
    return 0;
}

int knn_search(knn_t *knn, int64_t n, const float *queries, neighbour_t *out) {
    for (int64_t at = 0; at < n; at += QUERIES) {
        int64_t batch = n - at < QUERIES ? n - at : QUERIES;
        TRY(search_batch(knn, batch, queries + at * knn->store->width, out + at * knn->k));
    }
    return 0;
}
