/* Controls that are as easy as their members: description lengths by hand, pairs against trying all, and a corpus in
 * which it makes a difference. */
#include "scratch.h"

#include "base/csv.h"
#include "base/log.h"
#include "base/rng.h"
#include "corpus_check.h"
#include "index/match.h"
#include "index/probes.h"
#include "par/par.h"
#include <math.h>

static void logarithms(void **state) {
    (void)state;
    for (int k = 0; k < 64; k++) assert_int_equal(match_log2(UINT64_C(1) << k), 64 * k);
    for (uint64_t i = 0; i < 20000; i++) {
        uint64_t x = 1 + (rng_u64(1, RNG_TEST, i) >> (i % 64));
        double exact = 64 * log2((double)x);
        assert_true((double)match_log2(x) <= exact + 1e-9 && (double)match_log2(x) > exact - 1.001);
        if (x < UINT64_MAX) assert_true(match_log2(x) <= match_log2(x + 1));
    }
}

/* Tokens 0 .. 9 cost 10 bits, 10 and 11 cost one. log2 3 = 101/64 and log2 6 = 165/64, rounded down. */
static void lengths_by_hand(void **state) {
    (void)state;
    static const int32_t price[] = {640, 640, 640, 640, 640, 640, 640, 640, 640, 640, 64, 64};
    const int64_t spelled = 64 + 640;
    assert_int_equal(match_length(price, (int32_t[]){1}, 1), spelled);
    assert_int_equal(match_length(price, (int32_t[]){1, 2, 3, 4}, 4), 4 * spelled);
    /* a b c, then six tokens from three places back */
    assert_int_equal(match_length(price, (int32_t[]){1, 2, 3, 1, 2, 3, 1, 2, 3}, 9), 3 * spelled + 64 + 101 + 165);
    /* one token, from one of four places */
    assert_int_equal(match_length(price, (int32_t[]){1, 2, 3, 4, 1}, 5), 4 * spelled + 64 + 128);
    /* a cheap token is spelled again where a copy costs more */
    assert_int_equal(match_length(price, (int32_t[]){10, 1, 2, 3, 10}, 5), 2 * 128 + 3 * spelled);
    assert_int_equal(match_length(price, (int32_t[]){10, 11, 1, 2, 3, 4, 5, 6, 10, 11}, 10), 4 * 128 + 6 * spelled);
    /* of two beginnings the longer */
    assert_int_equal(match_length(price, (int32_t[]){1, 3, 1, 2, 1, 2, 4}, 7),
                     2 * spelled + (64 + 64) + spelled + (64 + 128 + 64) + spelled);
}

static void prices(void **state) {
    (void)state;
    static corpus_t c;
    memset(&c, 0, sizeof c);
    c.vocab = 8;
    c.end = 7;
    corpus_add(&c, "a", "s", "a", (int32_t[]){0, 0, 0, 1, 2}, 5);
    corpus_add(&c, "b", "s", "b", (int32_t[]){0, 0, 0, 0}, 4);
    check_ok(corpus_write(&c, scratch("priced"), 2));
    tokens_t *tokens;
    int32_t *price;
    check_ok(tokens_open(scratch("priced"), &tokens));
    check_ok(match_prices(tokens, &price));
    int64_t total = match_log2(9 + 8); // without the ends of documents, one more of each
    assert_int_equal(price[0], total - 3 * 64);
    assert_int_equal(price[1], total - 64);
    assert_int_equal(price[3], total);
    assert_int_equal(price[7], total);
    mem_free(price);
    tokens_close(tokens);
}

/* What match.h says, by trying all. */
static void plain_nearest(const int64_t *member, int64_t n, const int64_t *candidate, int64_t candidates, int64_t each,
                          int64_t *given) {
    uint8_t *used = mem_new(candidates, 1, "test");
    if (!used) abort();
    for (int64_t i = 0; i < n; i++) {
        int64_t best = -1;
        for (int64_t k = 0; k < candidates && k < each * (i + 1); k++) {
            if (used[k]) continue;
            int64_t d = llabs(candidate[k] - member[i]), b = best < 0 ? 0 : llabs(candidate[best] - member[i]);
            if (best < 0 || d < b || (d == b && candidate[k] < candidate[best])) best = k;
        }
        given[i] = best;
        if (best >= 0) used[best] = 1;
    }
    mem_free(used);
}

static void pairs_by_trying_all(void **state) {
    (void)state;
    enum { MOST = 300 };
    int64_t member[MOST], candidate[MOST], given[MOST], expected[MOST];
    for (uint64_t seed = 1; seed <= 200; seed++) {
        int64_t n = rng_below(seed, RNG_TEST, 0, 60), m = rng_below(seed, RNG_TEST, 1, MOST),
                each = 1 + (int64_t)seed % 7;
        int64_t spread = 1 + (int64_t)(seed * seed % 500);
        for (int64_t i = 0; i < n; i++) member[i] = rng_below(seed, RNG_TEST, (uint64_t)(2 + i), spread);
        for (int64_t i = 0; i < m; i++) candidate[i] = rng_below(seed, RNG_TEST, (uint64_t)(500 + i), spread);
        check_ok(match_nearest(member, n, candidate, m, each, given));
        plain_nearest(member, n, candidate, m, each, expected);
        for (int64_t i = 0; i < n; i++) assert_int_equal(given[i], expected[i]);
    }
}

/* --- a sample ----------------------------------------------------------------------------------------------------- */

/* Half of the documents of a corpus are of few words, half of many; among the members more are of few. */
static void add_documents(corpus_t *c, uint64_t seed, const char *name, int64_t documents, int64_t easy) {
    for (int64_t d = 0; d < documents; d++) {
        int32_t ids[120];
        char id[32];
        for (int64_t i = 0; i < 120; i++)
            ids[i] = (int32_t)rng_below(seed, RNG_TEST, (uint64_t)(d * 200 + i), d < easy ? 4 : 900);
        snprintf(id, sizeof id, "%s%lld", name, (long long)d);
        corpus_add(c, id, d % 2 == 0 ? "s" : "t", id, ids, 120);
    }
}

typedef struct {
    double member, control, difference;
    int64_t pairs;
} matching_t;

static matching_t read_matching(void) {
    csv_t table;
    matching_t m;
    check_ok(csv_read(scratch("set/matching.csv"), &table));
    assert_int_equal(table.rows, 3);
    assert_string_equal(csv_at(&table, 0, 1), "s");
    assert_string_equal(csv_at(&table, 1, 1), "t");
    assert_string_equal(csv_at(&table, 2, 1), "all");
    for (int c = 2; c < 7; c++) { // numbers add up, means lie between
        double s = strtod(csv_at(&table, 0, c), NULL), t = strtod(csv_at(&table, 1, c), NULL);
        double all = strtod(csv_at(&table, 2, c), NULL);
        if (c == 4 || c == 5)
            assert_true(all >= fmin(s, t) && all <= fmax(s, t));
        else
            assert_true(all == s + t && s > 0 && t > 0);
    }
    m.member = strtod(csv_at(&table, 2, 4), NULL);
    m.control = strtod(csv_at(&table, 2, 5), NULL);
    m.pairs = strtoll(csv_at(&table, 2, 6), NULL, 10);
    m.difference = strtod(csv_at(&table, 2, 7), NULL);
    csv_free(&table);
    return m;
}

static matching_t sample(sample_match_t match, int64_t per_bucket, probe_set_t *set) {
    sample_t spec = {.length = 20, .per_bucket = per_bucket, .match = match, .seed = 1, .memory = 1 << 20};
    check_ok(probes_sample(&spec, scratch("members"), scratch("controls"), scratch("set")));
    check_ok(probes_read(scratch("set"), set));
    return read_matching();
}

static void matched_controls_are_as_easy(void **state) {
    (void)state;
    static corpus_t members, controls;
    memset(&members, 0, sizeof members);
    memset(&controls, 0, sizeof controls);
    members.vocab = controls.vocab = 1000;
    members.end = controls.end = 999;
    add_documents(&members, 1, "m", 60, 45);
    add_documents(&controls, 2, "c", 200, 70);
    check_ok(corpus_write(&members, scratch("members"), 2));
    check_ok(corpus_write(&controls, scratch("controls"), 1));
    probe_set_t plain, few, many;
    matching_t unmatched = sample(MATCH_SOURCE, 60, &plain), matched = sample(MATCH_COMPRESSIBILITY, 60, &many);
    assert_int_equal(unmatched.pairs, 60);
    assert_int_equal(matched.pairs, 60);
    assert_true(matched.member == unmatched.member);
    assert_true(unmatched.control - unmatched.member > 1 && unmatched.difference > 2);
    assert_true(fabs(matched.control - matched.member) < 0.1 && matched.difference < 0.1);

    /* With fewer, the same ones: controls with their buckets, too. */
    sample(MATCH_COMPRESSIBILITY, 25, &few);
    for (int64_t i = 0; i < few.n; i++) {
        int found = 0;
        for (int64_t k = 0; k < many.n; k++)
            found += strcmp(few.probe[i].doc_id, many.probe[k].doc_id) == 0 &&
                     few.probe[i].offset == many.probe[k].offset && few.probe[i].bucket == many.probe[k].bucket;
        assert_int_equal(found, 1);
    }
    probes_free(&few);
    /* Nobody is left without one while there are any. */
    matching_t all = sample(MATCH_COMPRESSIBILITY, 300, &few);
    assert_int_equal(all.pairs, few.n / 2);
    probes_free(&plain);
    probes_free(&few);
    probes_free(&many);
}

int main(int argc, char **argv) {
    if (par_init(&argc, &argv) != 0) return 1;
    log_init(LOG_QUIET, 1, 0);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(logarithms),
        cmocka_unit_test(lengths_by_hand),
        cmocka_unit_test(prices),
        cmocka_unit_test(pairs_by_trying_all),
        cmocka_unit_test(matched_controls_are_as_easy),
    };
    int rc = cmocka_run_group_tests(tests, scratch_make, scratch_remove);
    par_finalize();
    return rc;
}
