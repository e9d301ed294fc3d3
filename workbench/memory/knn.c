/* Exact nearest neighbours over all entries of a datastore.
 *
 * For a block of keys and a batch of queries one matrix product gives the scores s = q.x - |x|^2 / 2, which order the
 * keys of a query as their distances d = |q|^2 - 2 (q.x - |x|^2 / 2) do, up to rounding. Only keys whose score says
 * that they may belong to the k nearest have their distance computed by tensor_ops.distance, which alone decides
 * (knn_nearest.h). So the prefilter affects the time and never the result, provided that it drops no key
 * wrongly:
 *
 *   u = 2^-24, w the width. D, the distance as computed, is d (1 + e), |e| <= g: two roundings of each difference
 *   squared, w / 16 of a lane's sum and 4 of the fold, hence g = (w / 16 + 8) u. The product errs by at most
 *   (w + 2) u |q||x| in whatever order its terms are added, |x|^2 / 2 by u |x|^2 / 2, their difference by
 *   u (|q||x| + |x|^2 / 2), together e = (w + 3) u |q||x| + u |x|^2, and a little for what underflows. Let M be the
 *   distance of the worst of k keys. A key cannot replace it when D > M, which is certain when
 *   d > M (1 + 2 g), that is when
 *       s < (|q|^2 - M (1 + 2 g)) / 2 - e.
 *   The constants are enlarged by 5 % for products of errors and for the norms' own rounding in double, which where d
 * is near M is small beside the terms above, since |q|^2 <= 2 |x|^2 + 2 d. */
#include "memory/knn.h"
#include "base/err.h"
#include "base/mem.h"
#include "memory/knn_nearest.h"
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
    double *block_norm; // (blocks) largest |x| of a block of keys, or a little more: the next power of two
    float *packed;      // one batch of queries
    float *scores;      // (KEYS, QUERIES)
    float *limit;       // (QUERIES) scores below it are hopeless
    double *norm;       // (QUERIES) |q|
    neighbour_t *place; // of the neighbours of all queries of a batch
    nearest_t *nearest; // (QUERIES)
    int32_t *at;        // (QUERIES)
};

/* Neighbouring blocks should share a norm, since the limits of all queries follow from it. */
static double power_above(double norm) {
    int exponent;
    frexp(norm, &exponent);
    return ldexp(1, exponent);
}

static int measure_keys(knn_t *knn) {
    const datastore_t *store = knn->store;
    for (int64_t i = 0; i < store->n; i++) {
        double square = knn->ops->sum_squares(store->width, store->keys + i * store->width);
        if (!(square <= norm_limit))
            return err_set("datastore entry %lld: its key holds a NaN, an infinity or numbers too large to compare",
                           (long long)i);
        double norm = sqrt(square);
        knn->half[i] = (float)(square / 2);
        if (norm > knn->block_norm[i / KEYS]) knn->block_norm[i / KEYS] = power_above(norm);
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
    knn->nearest = mem_new(QUERIES, sizeof *knn->nearest, "neighbours of queries");
    knn->at = mem_new(QUERIES, sizeof *knn->at, "hits of keys");
    int64_t capacity = nearest_capacity(knn->k);
    knn->place = mem_new(capacity, QUERIES * sizeof *knn->place, "neighbours of queries");
    if (!knn->half || !knn->block_norm || !knn->packed || !knn->scores || !knn->limit || !knn->norm || !knn->nearest ||
        !knn->at || !knn->place)
        return -1;
    for (int64_t j = 0; j < QUERIES; j++) knn->nearest[j] = (nearest_t){knn->place + j * capacity, 0, INFINITY};
    return 0;
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
    mem_free(knn->nearest);
    mem_free(knn->place);
    mem_free(knn->at);
    mem_free(knn);
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

static void limit_scores(knn_t *knn, int64_t j, double key_norm) {
    knn->limit[j] = score_limit(knn->store->width, knn->norm[j], key_norm, (double)knn->nearest[j].worst);
}

/* A key that may be near enough: its distance decides. */
static void offer(knn_t *knn, int64_t j, const float *query, int64_t id, double key_norm) {
    const datastore_t *store = knn->store;
    neighbour_t key = {.id = id};
    knn->ops->distance(1, store->width, query, store->keys + id * store->width, store->width, &key.distance);
    if (nearest_offer(&knn->nearest[j], knn->k, key)) limit_scores(knn, j, key_norm);
}

static int measure_queries(knn_t *knn, int64_t n, const float *queries) {
    for (int64_t j = 0; j < n; j++) {
        double square = knn->ops->sum_squares(knn->store->width, queries + j * knn->store->width);
        knn->norm[j] = sqrt(square);
        if (!(square <= norm_limit)) return err_set("a query holds a NaN, an infinity or numbers too large to compare");
    }
    return 0;
}

/* The next block comes from far away; a line of it is asked for at each of the many steps of reading this one. */
static void fetch(const float *key, int64_t width) {
    for (int64_t i = 0; i < width; i += 16) __builtin_prefetch(key + i);
}

/* The scores of the keys first .. first + keys - 1 with n queries are there. */
static void read_scores(knn_t *knn, int64_t first, int64_t keys, int64_t n, const float *queries) {
    const datastore_t *store = knn->store;
    int64_t width = store->width;
    double key_norm = knn->block_norm[first / KEYS];
    for (int64_t i = first; i < first + keys; i++) {
        if (i + KEYS < store->n) fetch(store->keys + (i + KEYS) * width, width);
        int64_t hits = knn->ops->find_above(n, knn->scores + (i - first) * QUERIES, -knn->half[i], knn->limit, knn->at);
        for (int64_t h = 0; h < hits; h++) offer(knn, knn->at[h], queries + knn->at[h] * width, i, key_norm);
    }
}

/* At most QUERIES queries. */
static int search_batch(knn_t *knn, int64_t n, const float *queries, neighbour_t *out) {
    const datastore_t *store = knn->store;
    int64_t width = store->width;
    double key_norm = -1;
    TRY(measure_queries(knn, n, queries));
    gemm_pack(n, width, queries, 1, width, knn->packed);
    for (int64_t first = 0; first < store->n; first += KEYS) {
        int64_t keys = store->n - first < KEYS ? store->n - first : KEYS;
        knn->ops->gemm(keys, n, width, store->keys + first * width, width, 1, packed_f32(knn->packed), NULL, 0,
                       knn->scores, QUERIES);
        if (knn->block_norm[first / KEYS] != key_norm) {
            key_norm = knn->block_norm[first / KEYS];
            for (int64_t j = 0; j < n; j++) limit_scores(knn, j, key_norm);
        }
        read_scores(knn, first, keys, n, queries);
    }
    for (int64_t j = 0; j < n; j++) nearest_finish(&knn->nearest[j], knn->k, out + j * knn->k);
    return 0;
}

int knn_search(knn_t *knn, int64_t n, const float *queries, neighbour_t *out) {
    for (int64_t at = 0; at < n; at += QUERIES) {
        int64_t batch = n - at < QUERIES ? n - at : QUERIES;
        TRY(search_batch(knn, batch, queries + at * knn->store->width, out + at * knn->k));
    }
    return 0;
}
