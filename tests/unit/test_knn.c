/* Nearest neighbours against brute force, with and without ties; the kNN-LM's distribution and blend against a toy of
 * four keys (values computed in double by an independent program); the attachment on a small decoder. */
#include "base/rng.h"
#include "memory/knn.h"
#include "memory/knn_nearest.h"
#include "scratch.h"
#include "tensor/math.h"

static double distance_of(double a, double b) {
    return a > b ? a - b : b - a;
}

/* --- search ------------------------------------------------------------------------------------------------------ */

static int compare_neighbours(const void *a, const void *b) {
    const neighbour_t *x = a, *y = b;
    if (x->distance != y->distance) return x->distance < y->distance ? -1 : 1;
    return x->id < y->id ? -1 : x->id > y->id;
}

static void brute_force(const datastore_t *store, const tensor_ops_t *ops, int64_t k, const float *query,
                        neighbour_t *out) {
    neighbour_t *all = mem_new(store->n, sizeof *all, "all");
    for (int64_t i = 0; i < store->n; i++) {
        all[i].id = i;
        ops->distance(1, store->width, query, store->keys + i * store->width, store->width, &all[i].distance);
    }
    qsort(all, (size_t)store->n, sizeof *all, compare_neighbours);
    for (int64_t i = 0; i < k; i++) out[i] = i < store->n ? all[i] : (neighbour_t){-1, __builtin_inff()};
    mem_free(all);
}

static void assert_same_neighbours(const neighbour_t *a, const neighbour_t *b, int64_t n, const char *what) {
    for (int64_t i = 0; i < n; i++)
        if (a[i].id != b[i].id || math_bits(a[i].distance) != math_bits(b[i].distance))
            fail_msg("%s: neighbour %lld is %lld at %a, brute force says %lld at %a", what, (long long)i,
                     (long long)a[i].id, (double)a[i].distance, (long long)b[i].id, (double)b[i].distance);
}

/* How the numbers of keys and queries are made; each kind is hard in its own way. */
typedef enum {
    SMOOTH,  // normal numbers
    TIES,    // small integers: many equal distances
    FAR,     // a common offset of 1000: scores cancel nearly all of their bits
    NEARING, // every key is nearer to the origin than the one before it: each is a hit
    TINY,    // products are denormal
    KINDS
} kind_t;

static void fill(kind_t kind, uint64_t seed, int64_t n, int64_t width, float *x) {
    tensor_fill_normal(seed, 0, n * width, 1.0f, x);
    for (int64_t i = 0; i < n * width; i++) {
        if (kind == TIES) x[i] = (float)(int)(x[i] * 1.2f);
        if (kind == FAR) x[i] = 1000.0f + x[i] * 0.001f;
        if (kind == NEARING) x[i] *= (float)(n - i / width) / (float)n;
        if (kind == TINY) x[i] *= 0x1p-72f;
    }
}

static const char *const kernels[] = {"reference", "avx2", "avx512", "openblas"};

static void check_search(kind_t kind, int64_t n, int64_t width, int64_t k, int64_t queries) {
    float *keys = mem_new(n * width, sizeof *keys, "keys"), *query = mem_new(queries * width, sizeof *query, "queries");
    neighbour_t *expected = mem_new(queries * k, sizeof *expected, "out"),
                *out = mem_new(queries * k, sizeof *out, "out");
    fill(kind, 5 + (uint64_t)n, n, width, keys);
    fill(kind, 6 + (uint64_t)n, queries, width, query);
    if (n > 3) memcpy(query, keys + 3 * width, (size_t)width * sizeof *query); // one that is stored
    datastore_t store = {.n = n, .width = width, .keys = keys};
    for (int64_t j = 0; j < queries; j++)
        brute_force(&store, tensor_kernels("reference"), k, query + j * width, expected + j * k);
    for (size_t v = 0; v < sizeof kernels / sizeof *kernels; v++) {
        const tensor_ops_t *ops = tensor_kernels(kernels[v]);
        knn_t *knn;
        if (!ops) continue;
        assert_int_equal(knn_create(&store, ops, k, &knn), 0);
        assert_int_equal(knn_search(knn, queries, query, out), 0);
        assert_same_neighbours(out, expected, queries * k, ops->name);
        assert_int_equal(knn_search(knn, 1, query + (queries - 1) * width, out), 0); // alone
        assert_same_neighbours(out, expected + (queries - 1) * k, k, ops->name);
        knn_free(knn);
    }
    mem_free(keys), mem_free(query), mem_free(expected), mem_free(out);
}

static void test_brute_force(void **state) {
    (void)state;
    for (kind_t kind = 0; kind < KINDS; kind++) {
        check_search(kind, 1, 3, 1, 2);
        check_search(kind, 5, 8, 9, 3); // fewer entries than neighbours
        check_search(kind, 400, 1, 7, 20);
        check_search(kind, 1000, 24, 16, 40);
        check_search(kind, 577, 65, 100, 33);
    }
    check_search(TIES, 700, 3, 50, 300); // more queries than a batch
    check_search(SMOOTH, 3000, 300, 4, 5);
}

/* The choice alone, with the keys in an order that the search never has: among many equal distances ids decide. */
static void test_nearest_in_any_order(void **state) {
    (void)state;
    enum { N = 1009, K = 70 };
    static neighbour_t all[N], place[4 * K], out[K];
    assert_true(nearest_capacity(K) <= 4 * K);
    for (uint64_t seed = 0; seed < 20; seed++) {
        nearest_t nearest = {place, 0, __builtin_inff()};
        for (int64_t i = 0; i < N; i++) {
            int64_t id = i * 500 % N; // N is a prime
            all[i] = (neighbour_t){id, (float)rng_below(seed, RNG_TEST, (uint64_t)id, 30)};
            nearest_offer(&nearest, K, all[i]);
        }
        nearest_finish(&nearest, K, out);
        qsort(all, N, sizeof *all, compare_neighbours);
        assert_same_neighbours(out, all, K, "in any order");
    }
}

static void test_self_retrieval(void **state) {
    (void)state;
    enum { N = 500, WIDTH = 48 };
    static float keys[N * WIDTH];
    static neighbour_t out[N * 2];
    fill(FAR, 1, N, WIDTH, keys);
    memcpy(keys + 400 * WIDTH, keys + 7 * WIDTH, WIDTH * sizeof *keys); // a twin: the smaller id comes first
    datastore_t store = {.n = N, .width = WIDTH, .keys = keys};
    knn_t *knn;
    assert_int_equal(knn_create(&store, tensor_kernels("auto"), 2, &knn), 0);
    assert_int_equal(knn_search(knn, N, keys, out), 0);
    for (int64_t i = 0; i < N; i++) {
        assert_int_equal(out[i * 2].id, i == 400 ? 7 : i);
        assert_true(out[i * 2].distance == 0.0f);
    }
    assert_int_equal(out[7 * 2 + 1].id, 400);
    knn_free(knn);
}

static void test_bad_numbers(void **state) {
    (void)state;
    float keys[] = {0, 1, 2, __builtin_nanf("")}, query[] = {0, 0}, big[] = {1e19f, 1e19f};
    datastore_t store = {.n = 2, .width = 2, .keys = keys};
    neighbour_t out[1];
    knn_t *knn;
    assert_int_equal(knn_create(&store, tensor_kernels("auto"), 1, &knn), -1);
    assert_non_null(strstr(err_text(), "entry 1"));
    keys[3] = 3;
    assert_int_equal(knn_create(&store, tensor_kernels("auto"), 0, &knn), -1);
    assert_int_equal(knn_create(&store, tensor_kernels("auto"), 1, &knn), 0);
    assert_int_equal(knn_search(knn, 1, query, out), 0);
    assert_int_equal(knn_search(knn, 1, big, out), -1);
    knn_free(knn);
}

/* --- a toy of four keys ------------------------------------------------------------------------------------------ */

static const float toy_keys[] = {0, 0, 1, 0, 0, 2, 3, 4}, toy_query[] = {0, 1};
static const int32_t toy_values[] = {2, 1, 2, 0};
static const datastore_t toy = {.n = 4, .width = 2, .keys = toy_keys, .values = toy_values};
static const float toy_logits[] = {1, 0, -1, 0.5f};

static void toy_p(int64_t k, double temperature, double p[4]) {
    knn_t *knn;
    neighbour_t found[4];
    int32_t token[4];
    double share[4];
    assert_int_equal(knn_create(&toy, tensor_kernels("auto"), k, &knn), 0);
    assert_int_equal(knn_search(knn, 1, toy_query, found), 0);
    assert_int_equal(found[0].id, 0);
    if (k > 1) assert_int_equal(found[1].id, 2); // the same distance as entry 0, a larger id
    int64_t distinct = knn_distribution(&toy, k, found, temperature, token, share);
    for (int i = 0; i < 4; i++) p[i] = 0;
    for (int64_t i = 0; i < distinct; i++) p[token[i]] += share[i];
    knn_free(knn);
}

static void assert_p(const double *p, double a, double b, double c, double d) {
    const double expected[4] = {a, b, c, d};
    for (int i = 0; i < 4; i++)
        if (!(distance_of(p[i], expected[i]) < 1e-12)) fail_msg("p[%d] is %.15g, not %.15g", i, p[i], expected[i]);
}

static void test_toy_distribution(void **state) {
    (void)state;
    double p[4];
    toy_p(1, 1, p), assert_p(p, 0, 0, 1, 0);                                                // A1
    toy_p(2, 1, p), assert_p(p, 0, 0, 1, 0);                                                // A2
    toy_p(3, 1, p), assert_p(p, 0, 0.155362403497, 0.844637596503, 0);                      // A3
    toy_p(4, 1, p), assert_p(p, 1.74837349167e-08, 0.155362400781, 0.844637581736, 0);      // A4
    toy_p(3, 10, p), assert_p(p, 0, 0.311493308513, 0.688506691487, 0);                     // T = 10
    toy_p(3, 1e12, p), assert_p(p, 0, 0.3333333333333 - 1e-13, 0.6666666666667 + 1e-13, 0); // T to infinity
    toy_p(4, 1e-3, p), assert_p(p, 0, 0, 1, 0);                                             // T to 0
}

static void test_toy_blend(void **state) {
    (void)state;
    static const double expected[] = {-1.03424934163, -1.77419925659, -1.34988465978, -1.53424934163}; // A5
    int32_t token[] = {2, 1};
    double p[] = {0.844637596503, 0.155362403497}, sum = 0;
    float logits[4];
    head_stat_t stat;
    memcpy(logits, toy_logits, sizeof logits);
    tensor_kernels("reference")->head_row(4, logits, -1, &stat);
    knn_blend(0.25, 2, token, p, 4, (double)stat.lse, logits);
    for (int i = 0; i < 4; i++) {
        assert_true(distance_of((double)logits[i], expected[i]) < 3e-7);
        sum += math_exp64((double)logits[i]);
    }
    assert_true(distance_of(sum, 1) < 3e-7);
    /* lambda 0 and no neighbour: untouched. */
    memcpy(logits, toy_logits, sizeof logits);
    knn_blend(0, 2, token, p, 4, (double)stat.lse, logits);
    knn_blend(0.5, 0, token, p, 4, (double)stat.lse, logits);
    assert_memory_equal(logits, toy_logits, sizeof logits);
    /* lambda 1: p_kNN alone, the other tokens impossible. */
    double q[] = {0.75, 0.25};
    knn_blend(1, 2, token, q, 4, (double)stat.lse, logits);
    assert_true(logits[0] == -__builtin_inff() && logits[3] == -__builtin_inff());
    assert_true(distance_of((double)logits[2], math_log64(0.75)) < 1e-7);
    assert_true(distance_of((double)logits[1], math_log64(0.25)) < 1e-7);
}

/* --- the attachment ---------------------------------------------------------------------------------------------- */

static const model_spec_t shape = {.family = "gpt_neox",
                                   .vocab = 50,
                                   .layers = 2,
                                   .width = 16,
                                   .heads = 2,
                                   .head_size = 8,
                                   .ffn = 64,
                                   .context = 32,
                                   .rotary_dims = 4,
                                   .rotary_base = 10000,
                                   .norm_eps = 1e-5f,
                                   .parallel_residual = 1,
                                   .ends = {1, {0}}};
enum { LENGTH = 20 };

typedef struct {
    model_t *model;
    session_t *session;
    int32_t tokens[LENGTH];
    int32_t targets[LENGTH];
    int64_t select[LENGTH];
    float keys[LENGTH * 16]; // the last layer's ffn inputs of the sequence itself
    int32_t values[LENGTH];
    datastore_t store;

} decoder_t;

static int copy_keys(void *user, int64_t layer, int64_t n, const row_t *rows, float *x) {
    decoder_t *d = user;
    (void)rows;
    if (layer == shape.layers - 1) memcpy(d->keys, x, (size_t)(n * shape.width) * sizeof *x);
    return 0;
}

static void decoder_make(decoder_t *d) {
    *d = (decoder_t){0};
    assert_int_equal(model_create(&shape, tensor_kernels("auto"), 3, &d->model), 0);
    assert_int_equal(session_create(d->model, 1, 32, LENGTH, &d->session), 0);
    for (int i = 0; i < LENGTH; i++) {
        d->tokens[i] = (int32_t)rng_below(3, RNG_TEST, (uint64_t)i, shape.vocab);
        d->select[i] = i;
    }
    for (int i = 0; i < LENGTH; i++) d->values[i] = d->targets[i] = d->tokens[(i + 1) % LENGTH];
    d->store = (datastore_t){.n = LENGTH, .width = shape.width, .keys = d->keys, .values = d->values};
}

static void decoder_free(decoder_t *d) {
    session_free(d->session);
    model_free(d->model);
}

static void forward(decoder_t *d, const attachment_t *attach) {
    const int32_t sequence = 0;
    const int64_t length = LENGTH;
    session_reset(d->session, 0);
    assert_int_equal(session_forward(d->session, 1, &sequence, &length, d->tokens, attach), 0);
}

static void head(decoder_t *d, const attachment_t *attach, head_stat_t *stat) {
    assert_int_equal(session_head(d->session, LENGTH, d->select, d->targets, attach, stat), 0);
}

static void test_attachment(void **state) {
    (void)state;
    decoder_t d;
    decoder_make(&d);
    head_stat_t bare[LENGTH], stat[LENGTH], again[LENGTH], once[LENGTH];
    attachment_t copy = {.user = &d, .ffn_input = copy_keys};
    forward(&d, &copy);
    head(&d, NULL, bare);
    knn_lm_t *blend;
    assert_int_equal(knn_lm_create(&d.store, d.model, 4, 1e-3, &blend), 0);
    forward(&d, knn_lm_attachment(blend));
    /* Never told a lambda, and lambda 0: the bare model's bits. */
    head(&d, knn_lm_attachment(blend), stat);
    assert_memory_equal(stat, bare, sizeof bare);
    assert_int_equal(knn_lm_searched(blend), 0);
    /* The sequence is its own store and the temperature nearly 0: p_kNN is 1 on the token that follows. */
    knn_lm_set_lambda(blend, 0.75);
    head(&d, knn_lm_attachment(blend), stat);
    for (int i = 0; i < LENGTH; i++) {
        double p = math_exp64((double)(bare[i].logit_target - bare[i].lse));
        double blended = math_exp64((double)(stat[i].logit_target - stat[i].lse));
        assert_int_equal(stat[i].argmax, d.targets[i]);
        assert_true(distance_of(blended, 0.25 * p + 0.75) < 1e-6);
        assert_true(distance_of((double)stat[i].lse, 0) < 2e-6); // sum of p = 1
    }
    /* Other lambdas on the same forward call, in any order, and rows one at a time: the same bits. */
    knn_lm_set_lambda(blend, 0.25);
    head(&d, knn_lm_attachment(blend), again);
    assert_memory_not_equal(again, stat, sizeof stat);
    knn_lm_set_lambda(blend, 0);
    head(&d, knn_lm_attachment(blend), again);
    assert_memory_equal(again, bare, sizeof bare);
    assert_int_equal(knn_lm_searched(blend), LENGTH); // once for both lambdas
    knn_lm_set_lambda(blend, 0.75);
    forward(&d, knn_lm_attachment(blend));
    for (int i = LENGTH - 1; i >= 0; i--)
        assert_int_equal(session_head(d.session, 1, d.select + i, d.targets + i, knn_lm_attachment(blend), once + i),
                         0);
    assert_memory_equal(once, stat, sizeof stat);
    assert_int_equal(knn_lm_searched(blend), 2 * LENGTH);
    knn_lm_free(blend);
    decoder_free(&d);
}

static void test_empty_store(void **state) {
    (void)state;
    decoder_t d;
    decoder_make(&d);
    head_stat_t bare[LENGTH], stat[LENGTH];
    forward(&d, NULL);
    head(&d, NULL, bare);
    knn_lm_t *blend;
    d.store.n = 0;
    assert_int_equal(knn_lm_create(&d.store, d.model, 4, 1, &blend), 0);
    knn_lm_set_lambda(blend, 0.5);
    forward(&d, knn_lm_attachment(blend));
    head(&d, knn_lm_attachment(blend), stat);
    assert_memory_equal(stat, bare, sizeof bare);
    knn_lm_free(blend);
    decoder_free(&d);
}

static void test_refusals(void **state) {
    (void)state;
    decoder_t d;
    decoder_make(&d);
    knn_lm_t *blend;
    assert_int_equal(knn_lm_create(&d.store, d.model, 4, 0, &blend), -1);
    d.values[5] = 50;
    assert_int_equal(knn_lm_create(&d.store, d.model, 4, 1, &blend), -1);
    assert_non_null(strstr(err_text(), "entry 5"));
    d.values[5] = 5, d.store.width = 8;
    assert_int_equal(knn_lm_create(&d.store, d.model, 4, 1, &blend), -1);
    decoder_free(&d);
}

/* --- files ------------------------------------------------------------------------------------------------------- */

static void put(const char *name, const void *data, size_t bytes) {
    check_ok(file_write(scratch(name), data, bytes));
}

static void put_meta(const char *text) {
    put("meta.json", text, strlen(text));
}

static void assert_refused(const char *words) {
    datastore_t store;
    assert_int_equal(datastore_open(scratch_dir, &store), -1);
    if (!strstr(err_text(), words)) fail_msg("the message is: %s", err_text());
    assert_null(store.hidden);
}

static void test_files(void **state) {
    (void)state;
    const float keys[] = {1, 2, 3, 4, 5, 6};
    const int32_t values[] = {9, 40000};
    const int64_t positions[] = {4, 7}, disorder[] = {7, 7};
    datastore_t store;
    assert_refused("meta.json");
    put_meta("{\"format\": 1, \"entries\": 2, \"width\": 3}");
    assert_refused("keys.f32");
    put("keys.f32", keys, sizeof keys);
    put("values.u32", values, sizeof values);
    put("positions.i64", positions, sizeof positions);
    assert_int_equal(datastore_open(scratch_dir, &store), 0);
    assert_true(store.n == 2 && store.width == 3 && store.keys[5] == 6 && store.values[1] == 40000);
    assert_true(store.position[1] == 7);
    datastore_close(&store);
    put("keys.f32", keys, sizeof keys - 4);
    assert_refused("keys.f32: 20 bytes; 2 entries of 12 bytes are due");
    put("keys.f32", keys, sizeof keys);
    put("positions.i64", disorder, sizeof disorder);
    assert_refused("entry 1 is not after");
    put_meta("{\"format\": 2, \"entries\": 2, \"width\": 3}");
    assert_refused("format 2");
    put_meta("{\"format\": 1, \"entries\": -2, \"width\": 3}");
    assert_refused("entries");
    put_meta("{\"format\": 1, \"entries\": 4611686018427387904, \"width\": 4611686018427387904}");
    assert_refused("numbers");
    put_meta("{\"format\": 1, \"entries\": 4611686018427387904, \"width\": 3}");
    assert_refused("keys.f32");
    put_meta("{");
    assert_refused("meta.json");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_brute_force),      cmocka_unit_test(test_nearest_in_any_order),
        cmocka_unit_test(test_self_retrieval),   cmocka_unit_test(test_bad_numbers),
        cmocka_unit_test(test_toy_distribution), cmocka_unit_test(test_toy_blend),
        cmocka_unit_test(test_attachment),       cmocka_unit_test(test_empty_store),
        cmocka_unit_test(test_refusals),         cmocka_unit_test(test_files),
    };
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
