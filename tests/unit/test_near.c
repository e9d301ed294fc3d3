/* Near-duplicates against all pairs compared token by token; how often a pair becomes a candidate against the formula.
 */
#include "scratch.h"

#include "base/log.h"
#include "index/duplicates.h"
#include "index/near_private.h"
#include "near_check.h"
#include "par/par.h"

static corpus_t corpus;
static near_text_t expected;

/* Nothing here has to survive a loss of power. */
int fsync(int fd) {
    (void)fd;
    return 0;
}

/* bands, rows and P by an independent program (Python, plain floating point). */
static void bands_for_a_threshold(void **state) {
    (void)state;
    static const struct {
        double threshold;
        int32_t bands, rows;
        double probability;
    } wanted[] = {
        {0.8, 21, 6, 0.998312}, {0.5, 42, 3, 0.996333}, {0.9, 12, 10, 0.994172}, {0.2, 128, 1, 1}, {1, 1, 128, 1}};
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        int32_t bands, rows;
        near_choose(wanted[i].threshold, &bands, &rows);
        assert_int_equal(bands, wanted[i].bands);
        assert_int_equal(rows, wanted[i].rows);
        double p = near_probability(wanted[i].threshold, bands, rows);
        assert_true(p > wanted[i].probability - 1e-6 && p < wanted[i].probability + 1e-6);
    }
}

/* Pairs of made-up sets of 90 to 180 shingles at a known similarity: the share that agrees in some band is P(s) within
 * four standard deviations. */
static void candidates_follow_the_formula(void **state) {
    (void)state;
    enum { PAIRS = 500, SHINGLES = 180 };
    static const int64_t common[] = {54, 90, 108, 126, 144, 162}; // of 180 in one or both
    static hash_t shingle[2][SHINGLES];
    uint64_t draw = 0;
    int32_t bands, rows;
    near_choose(0.8, &bands, &rows);
    for (size_t c = 0; c < sizeof common / sizeof *common; c++) {
        int64_t found = 0;
        for (int pair = 0; pair < PAIRS; pair++) {
            near_set_t set[2] = {{0, 0, shingle[0]}, {0, 0, shingle[1]}};
            for (int64_t i = 0; i < SHINGLES; i++) {
                hash_t h = {rng_u64(3, RNG_TEST, draw), rng_u64(4, RNG_TEST, draw)};
                draw++;
                if (i < common[c] || i % 2 == 0) set[0].shingle[set[0].n++] = h;
                if (i < common[c] || i % 2 == 1) set[1].shingle[set[1].n++] = h;
            }
            uint64_t key[2][128];
            int same = 0;
            for (int k = 0; k < 2; k++) near_signature(&set[k], bands, rows, key[k]);
            for (int32_t b = 0; b < bands; b++) same |= key[0][b] == key[1][b];
            found += same;
        }
        double s = (double)common[c] / SHINGLES, p = near_probability(s, bands, rows);
        double off = (double)found - p * PAIRS;
        print_message("similarity %.2f: %.4f candidates, formula %.4f\n", s, (double)found / PAIRS, p);
        assert_true(off * off < 16 * (p * (1 - p) * PAIRS + 1));
    }
}

static void check(const near_t *spec) {
    tokens_t *tokens;
    char levels[700];
    check_ok(corpus_write(&corpus, scratch("corpus"), 2));
    check_ok(tokens_open(scratch("corpus"), &tokens));
    check_ok(dir_make(scratch("near")));
    duplicates_t census = {.n = 1, .length = &spec->window, .overlapping = 1, .memory = 1 << 24};
    check_ok(duplicates_run(&census, tokens, source_path("tests/golden/tokenizer_small.json"), scratch("near")));
    near_t run = *spec;
    snprintf(levels, sizeof levels, "%s", scratch_in("near", "levels"));
    run.levels = levels;
    check_ok(near_run(&run, tokens, scratch("near")));
    near_plain(&corpus, spec, &expected);
    assert_file(scratch_in("near", "near.csv"), expected.rows);
    assert_file(scratch_in("near", "near_sizes.csv"), expected.sizes);
    tokens_close(tokens);
    check_ok(dir_remove(scratch("near")));
    check_ok(dir_remove(scratch("corpus")));
}

static void all_pairs(void **state) {
    (void)state;
    near_corpus(&corpus, 1);
    check(&(near_t){.shingle = 3, .threshold = 0.8, .window = 40});
    assert_true(expected.pairs > 60);
    check(&(near_t){.shingle = 5, .threshold = 0.5, .window = 33});
    near_corpus(&corpus, 2);
    check(&(near_t){.shingle = 1, .threshold = 0.9, .window = 30});
    check(&(near_t){.shingle = 2, .threshold = 1, .window = 50});
}

/* Items of one set whose tokens differ: "1 2 1 2 1" and "1 2 1 2" have the shingles 12 and 21. */
static void same_set_other_tokens(void **state) {
    (void)state;
    memset(&corpus, 0, sizeof corpus);
    corpus.vocab = 300;
    corpus_add(&corpus, "a", "near", "a", (int32_t[]){1, 2, 1, 2, 1}, 5);
    corpus_add(&corpus, "b", "near", "b", (int32_t[]){1, 2, 1, 2}, 4);
    corpus_add(&corpus, "c", "near", "c", (int32_t[]){1, 2, 1, 2}, 4);
    corpus_add(&corpus, "d", "near", "d", (int32_t[]){1, 2, 1, 3}, 4);
    check(&(near_t){.shingle = 2, .threshold = 1, .window = 4});
    assert_true(expected.pairs == 6);
}

static void what_does_not_fit(void **state) {
    (void)state;
    check_fails(near_run(&(near_t){.shingle = 9, .threshold = 0.8, .window = 8, .levels = "none"}, NULL, scratch("x")),
                "do not fit");
}

int main(int argc, char **argv) {
    if (par_init(&argc, &argv) != 0) return 1;
    log_init(LOG_WARN, 1, 0);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bands_for_a_threshold),
        cmocka_unit_test(candidates_follow_the_formula),
        cmocka_unit_test(all_pairs),
        cmocka_unit_test(same_set_other_tokens),
        cmocka_unit_test(what_does_not_fit),
    };
    int rc = cmocka_run_group_tests(tests, scratch_make, scratch_remove);
    par_finalize();
    return rc;
}
