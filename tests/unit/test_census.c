/* The census against windows sorted by their tokens; buckets against a table of their
 * edges made by an independent program. */
#include "scratch.h"

#include "base/log.h"
#include "corpus_check.h"
#include "index/census.h"
#include "index/recount.h"
#include "index/windows.h"
#include "par/par.h"

static corpus_t corpus;

static void corpus_begin(int32_t vocab, int32_t end) {
    memset(&corpus, 0, sizeof corpus);
    corpus.vocab = vocab;
    corpus.end = end;
}

typedef struct {
    int64_t n, capacity;
    census_window_t *window;
} visited_t;

static int collect(void *user, const census_window_t *window) {
    visited_t *v = user;
    TRY(mem_grow(&v->window, &v->capacity, v->n + 1, sizeof *v->window, "test"));
    v->window[v->n++] = *window;
    return 0;
}

static void check_totals(const census_t *census, const census_window_t *window, int64_t distinct, int64_t length) {
    census_t expected = {.length = length};
    for (int64_t i = 0; i < distinct; i++) {
        int32_t bucket = census_bucket(window[i].occurrences);
        expected.windows += window[i].occurrences;
        expected.distinct[bucket]++;
        expected.occurrences[bucket] += window[i].occurrences;
    }
    assert_memory_equal(census, &expected, sizeof expected);
}

/* Counts the windows in few and in many rounds; both must be the plain census. */
static void check_length(tokens_t *tokens, int64_t length) {
    census_window_t *expected;
    int64_t distinct = plain_census(&corpus, length, &expected);
    for (int64_t memory = 1; memory <= 1 << 30; memory <<= 30) {
        visited_t v = {0};
        census_t census;
        assert_int_equal(census_run(tokens, length, memory, collect, &v, &census), 0);
        assert_int_equal(v.n, distinct);
        if (v.n > 0) qsort(v.window, (size_t)v.n, sizeof *v.window, plain_by_first);
        for (int64_t i = 0; i < distinct; i++) {
            assert_int_equal(v.window[i].first, expected[i].first);
            assert_int_equal(v.window[i].occurrences, expected[i].occurrences);
            assert_int_equal(v.window[i].documents, expected[i].documents);
        }
        check_totals(&census, expected, distinct, length);
        mem_free(v.window);
    }
    mem_free(expected);
}

/* The corpus at hand, for windows of several lengths; the list ends with 0. */
static void check_census(const int64_t *length) {
    static int number;
    char name[32];
    snprintf(name, sizeof name, "corpus%d", number);
    const char *dir = scratch(name);
    tokens_t *tokens;
    assert_int_equal(corpus_write(&corpus, dir, 1 + number++ % 2), 0);
    assert_int_equal(tokens_open(dir, &tokens), 0);
    for (; *length > 0; length++) check_length(tokens, *length);
    tokens_close(tokens);
    dir_remove(dir);
}

static void random_corpora(void **state) {
    (void)state;
    for (int32_t alphabet = 1; alphabet <= 4; alphabet++) {
        corpus_begin(8, 7);
        corpus_add_random(&corpus, (uint64_t)(10 * alphabet), 40, 150, alphabet, "d");
        check_census((int64_t[]){1, 2, 3, 7, 20, 64, 400, 0});
    }
}

/* Two windows under one fingerprint, as a collision would have it: the tokens tell them apart. */
static void recount_survives_a_collision(void **state) {
    (void)state;
    const int32_t a[] = {1, 2, 3, 1, 2, 3, 4}, b[] = {5, 6, 1, 2, 3};
    corpus_begin(8, 7);
    corpus_add(&corpus, "a", "", "a", a, 7);
    corpus_add(&corpus, "b", "", "b", b, 5);
    tokens_t *tokens;
    check_ok(corpus_write(&corpus, scratch("collision"), 1));
    check_ok(tokens_open(scratch("collision"), &tokens));
    visited_t v = {0};
    census_t census;
    check_ok(census_run(tokens, 3, 1 << 20, collect, &v, &census));
    int64_t at = 0, occurrences[2], documents[2];
    while (at < v.n && v.window[at].first != 0) at++;
    assert_true(at < v.n);
    const hash_t fingerprint[2] = {v.window[at].fingerprint, v.window[at].fingerprint};
    const int32_t window[2][3] = {{5, 6, 1}, {1, 2, 3}};
    check_ok(recount_windows(tokens, 3, fingerprint, window[0], 2, occurrences, documents));
    assert_int_equal(occurrences[0], 0);
    assert_int_equal(occurrences[1], 3);
    assert_int_equal(documents[1], 2);
    mem_free(v.window);
    tokens_close(tokens);
}

static void all_tokens_equal(void **state) {
    (void)state;
    static int32_t ids[30000]; // longer than a run of windows
    corpus_begin(8, 7);
    corpus_add(&corpus, "a", "", "a", ids, 30000);
    corpus_add(&corpus, "b", "", "b", ids, 5);
    check_census((int64_t[]){4, 0});
}

/* A run of windows ends and the next begins inside this document, and its last window is the first one again. */
static void long_document(void **state) {
    (void)state;
    static int32_t ids[3 * WINDOWS_RUN];
    for (int64_t i = 0; i < 3 * WINDOWS_RUN; i++) ids[i] = (int32_t)rng_below(1, RNG_TEST, (uint64_t)i, 300);
    memcpy(ids + 3 * WINDOWS_RUN - 50, ids, 50 * sizeof *ids);
    corpus_begin(301, 300);
    corpus_add(&corpus, "a", "", "a", ids, 3 * WINDOWS_RUN);
    check_census((int64_t[]){50, 2, 0});
}

static void empty_and_short_documents(void **state) {
    (void)state;
    corpus_begin(8, 7);
    corpus_add(&corpus, "nothing", "", "nothing", NULL, 0);
    check_census((int64_t[]){1, 0});
    corpus_add(&corpus, "two", "", "two", (int32_t[]){1, 2}, 2);
    corpus_add(&corpus, "nothing2", "", "nothing2", NULL, 0);
    corpus_add(&corpus, "three", "", "three", (int32_t[]){1, 2, 1}, 3);
    check_census((int64_t[]){1, 2, 3, 4, 1000, 0}); // the last is longer than the corpus
}

/* Token 0 at the front, ids above 16 bits, and windows that differ only there. */
static void large_vocabulary(void **state) {
    (void)state;
    corpus_begin(200000, 199999);
    corpus_add(&corpus, "a", "", "a", (int32_t[]){0, 65536, 131072, 199998, 0, 65536, 131072, 199998}, 8);
    corpus_add(&corpus, "b", "", "b", (int32_t[]){0, 0, 0, 1, 65537, 131073, 0, 65536, 131072}, 9);
    corpus_add_random(&corpus, 5, 30, 100, 199999, "r");
    check_census((int64_t[]){1, 2, 3, 4, 5, 0});
}

static void overlapping_windows_count(void **state) {
    (void)state;
    corpus_begin(8, 7);
    corpus_add(&corpus, "aaaa", "", "aaaa", (int32_t[]){1, 1, 1, 1}, 4);
    const char *dir = scratch("overlap");
    tokens_t *tokens;
    visited_t v = {0};
    census_t census;
    assert_int_equal(corpus_write(&corpus, dir, 1), 0);
    assert_int_equal(tokens_open(dir, &tokens), 0);
    assert_int_equal(census_run(tokens, 2, 1 << 20, collect, &v, &census), 0);
    assert_int_equal(v.n, 1);
    assert_int_equal(v.window[0].occurrences, 3);
    assert_int_equal(v.window[0].documents, 1);
    assert_int_equal(census_run(tokens, 0, 1 << 20, NULL, NULL, &census), -1);
    assert_message("windows of 0 tokens");
    mem_free(v.window);
    tokens_close(tokens);
}

static int refuse(void *user, const census_window_t *window) {
    (void)user;
    (void)window;
    return err_set("no more");
}

static void a_visitor_can_stop_it(void **state) {
    (void)state;
    tokens_t *tokens;
    census_t census;
    assert_int_equal(tokens_open(scratch("overlap"), &tokens), 0);
    assert_int_equal(census_run(tokens, 2, 1 << 20, refuse, NULL, &census), -1);
    assert_message("no more");
    tokens_close(tokens);
}

static void census_file(void **state) {
    (void)state;
    census_t census = {.length = 50, .windows = 1007};
    census.distinct[0] = 1000, census.occurrences[0] = 1000;
    census.distinct[11] = 1, census.occurrences[11] = 7;
    assert_int_equal(census_write(&census, 1, scratch("census.csv")), 0);
    assert_file(scratch("census.csv"), "length,bucket,dup_lo,dup_hi,distinct,occurrences\n"
                                       "50,0,1,1,1000,1000\n"
                                       "50,11,7,7,1,7\n");
}

static void bucket_edges(void **state) {
    (void)state;
    static const int64_t edges[][3] = {
        {0, 1, 1},      {4, 2, 2},      {6, 3, 3},      {8, 4, 4},      {9, 5, 5},     {10, 6, 6},
        {11, 7, 7},     {12, 8, 9},     {13, 10, 11},   {14, 12, 13},   {15, 14, 15},  {16, 16, 19},
        {17, 20, 22},   {18, 23, 26},   {19, 27, 31},   {20, 32, 38},   {26, 91, 107}, {27, 108, 127},
        {28, 128, 152}, {29, 153, 181}, {30, 182, 215}, {31, 216, 255},
    };
    for (size_t i = 0; i < sizeof edges / sizeof *edges; i++) {
        int64_t low, high;
        census_bucket_range((int32_t)edges[i][0], &low, &high);
        assert_int_equal(low, edges[i][1]);
        assert_int_equal(high, edges[i][2]);
        assert_int_equal(census_bucket(low), edges[i][0]);
        assert_int_equal(census_bucket(high), edges[i][0]);
    }
    static const int32_t empty[] = {1, 2, 3, 5, 7};
    for (size_t i = 0; i < sizeof empty / sizeof *empty; i++) {
        int64_t low, high;
        census_bucket_range(empty[i], &low, &high);
        assert_true(low > high);
    }
}

/* Powers of two land exactly, one less does not, up to the largest count; every count lies in its bucket's range. */
static void large_buckets(void **state) {
    (void)state;
    for (int32_t k = 0; k < 63; k++) {
        int64_t power = INT64_C(1) << k;
        assert_int_equal(census_bucket(power), 4 * k);
        if (k > 0) assert_int_equal(census_bucket(power - 1), k > 2 ? 4 * k - 1 : k == 2 ? 6 : 0);
    }
    assert_int_equal(census_bucket(INT64_MAX), 251);
    for (int32_t bucket = 0; bucket < CENSUS_BUCKETS; bucket++) {
        int64_t low, high;
        census_bucket_range(bucket, &low, &high);
        if (low > high) continue;
        assert_int_equal(census_bucket(low), bucket);
        assert_int_equal(census_bucket(high), bucket);
        assert_true(low == 1 || census_bucket(low - 1) < bucket);
    }
    /* 2^(n/4) of bucket 4 * 62 + 2 is 2^62 sqrt 2 = 6521908912666391106.18 */
    assert_int_equal(census_bucket(INT64_C(6521908912666391106)), 249);
    assert_int_equal(census_bucket(INT64_C(6521908912666391107)), 250);
}

int main(int argc, char **argv) {
    if (par_init(&argc, &argv) != 0) return 1;
    log_init(LOG_WARN, 1, 0);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_corpora),
        cmocka_unit_test(all_tokens_equal),
        cmocka_unit_test(long_document),
        cmocka_unit_test(empty_and_short_documents),
        cmocka_unit_test(large_vocabulary),
        cmocka_unit_test(overlapping_windows_count),
        cmocka_unit_test(a_visitor_can_stop_it),
        cmocka_unit_test(census_file),
        cmocka_unit_test(bucket_edges),
        cmocka_unit_test(large_buckets),
        cmocka_unit_test(recount_survives_a_collision),
    };
    int rc = cmocka_run_group_tests(tests, scratch_make, scratch_remove);
    par_finalize();
    return rc;
}
