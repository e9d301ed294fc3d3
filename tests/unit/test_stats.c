/* Intervals, effective sizes and fits against values made by tests/golden/stats.py from the definitions, in 50 decimal
 * digits and without a statistics library; published values beside them. */
#include "base/err.h"
#include "stats/stats.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void assert_near(double value, double expected, double relative) {
    if (!(fabs(value - expected) <= relative * fmax(fabs(expected), 1e-12)))
        fail_msg("%.15g, expected %.15g", value, expected);
}

typedef struct {
    int64_t hits, n;
    double alpha, low, high;
} golden_t;

/* Six digits of the rows with 95 % and n up to 1000 are also those of memaudit's tests. */
static const golden_t CLOPPER_PEARSON[] = {
    {40, 100, 0.05, 0.303294768702877, 0.502790849577665},
    {10, 100, 0.05, 0.049004689221486, 0.176222597740023},
    {18, 100, 0.05, 0.110311229153261, 0.269477085966812},
    {6, 12, 0.05, 0.210944638239297, 0.789055361760703},
    {16, 16, 0.05, 0.794092785792177, 1},
    {0, 100, 0.05, 0, 0.0362166926451764},
    {0, 1000, 0.05, 0, 0.00368208389686567},
    {3, 300, 0.05, 0.00206700723509232, 0.0289445112556926},
    {2, 300, 0.05, 0.00080838641279979, 0.0238734975721737},
    {40, 100, 0.01, 0.276257658436304, 0.533527004347319},
    {1, 1, 0.05, 0.025, 1},
    {499, 1000, 0.05, 0.467552186253738, 0.530453716661458},
    {7, 100000, 0.05, 2.81440788050362e-05, 0.000144221400922348},
};

static const golden_t WILSON[] = {
    {40, 100, 0.05, 0.309401286432459, 0.497997413208938},
    {10, 100, 0.05, 0.0552291370606751, 0.174365661504913},
    {18, 100, 0.05, 0.117002254989463, 0.266673583863007},
    {6, 12, 0.05, 0.253781597633706, 0.746218402366294},
    {16, 16, 0.05, 0.806392319465563, 1},
    {0, 100, 0.05, 0, 0.0369934982069857},
    {0, 1000, 0.05, 0, 0.00382675848555512},
    {3, 300, 0.05, 0.00340661843771528, 0.0289834933623398},
    {2, 300, 0.05, 0.00183014835791178, 0.023977583250307},
    {40, 100, 0.01, 0.283863255473987, 0.528580882069178},
    {1, 1, 0.05, 0.206549314377237, 1},
    {499, 1000, 0.05, 0.468073488750724, 0.529934164766247},
    {7, 100000, 0.05, 3.3909037790165e-05, 0.000144498696957113},
};

static void check_interval(const golden_t *golden, interval_t interval) {
    assert_near(interval.low, golden->low, 1e-11);
    assert_near(interval.high, golden->high, 1e-11);
}

static void clopper_pearson(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof CLOPPER_PEARSON / sizeof *CLOPPER_PEARSON; i++) {
        const golden_t *g = &CLOPPER_PEARSON[i];
        check_interval(g, stats_clopper_pearson(g->hits, g->n, g->alpha));
    }
}

static void wilson(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof WILSON / sizeof *WILSON; i++) {
        const golden_t *g = &WILSON[i];
        check_interval(g, stats_wilson(g->hits, g->n, g->alpha));
    }
}

static void no_trials(void **state) {
    (void)state;
    interval_t w = stats_wilson(0, 0, 0.05), c = stats_clopper_pearson(0, 0, 0.05);
    assert_true(w.low == 0.0 && w.high == 1.0 && c.low == 0.0 && c.high == 1.0);
    interval_t d = stats_newcombe(0, 0, 5, 10, 0.05);
    assert_true(d.low == -1.0 && d.high == 1.0);
}

static void exact_ends(void **state) {
    (void)state;
    for (int64_t n = 1; n < 2000; n++) {
        interval_t none = stats_wilson(0, n, 0.05), all = stats_wilson(n, n, 0.05);
        interval_t cp_none = stats_clopper_pearson(0, n, 0.05), cp_all = stats_clopper_pearson(n, n, 0.05);
        assert_true(none.low == 0.0 && none.high < 1.0 && all.low > 0.0 && all.high == 1.0);
        assert_true(cp_none.low == 0.0 && cp_none.high < 1.0 && cp_all.low > 0.0 && cp_all.high == 1.0);
    }
}

/* A million trials: the beta quantile must still converge. Wilson's is then the same to a few parts in 1e6. */
static void many_trials(void **state) {
    (void)state;
    for (int64_t hits = 1000; hits < 1000000; hits += 99900) {
        interval_t w = stats_wilson(hits, 1000000, 0.05), c = stats_clopper_pearson(hits, 1000000, 0.05);
        assert_true(c.low < w.low + 1e-6 && c.high > w.high - 1e-6);
        assert_true(fabs(c.low - w.low) < 3e-6 && fabs(c.high - w.high) < 3e-6);
    }
}

static void newcombe(void **state) {
    (void)state;
    static const struct {
        int64_t hits1, n1, hits2, n2;
        double low, high;
    } golden[] = {
        // Newcombe 1998, table II, method 10, prints four decimals of each
        {56, 70, 48, 80, 0.0524314724023649, 0.333872654036906},
        {9, 10, 3, 10, 0.170522723934503, 0.809017973535488},
        {6, 7, 2, 7, 0.0582279274823122, 0.806249637524228},
        {5, 56, 0, 29, -0.0381371479035369, 0.192560013855112},
        {0, 10, 0, 20, -0.161125158052819, 0.277532799862889},
        {0, 10, 0, 10, -0.277532799862889, 0.277532799862889},
        {10, 10, 0, 20, 0.679086037141915, 1},
        {10, 10, 0, 10, 0.607509350430524, 1},
    };
    for (size_t i = 0; i < sizeof golden / sizeof *golden; i++) {
        interval_t d = stats_newcombe(golden[i].hits1, golden[i].n1, golden[i].hits2, golden[i].n2, 0.05);
        assert_near(d.low, golden[i].low, 1e-11);
        assert_near(d.high, golden[i].high, 1e-11);
    }
}

static void effective_n(void **state) {
    (void)state;
    /* Clusters (size, hits) (4,4) (4,0) (4,3) (4,1), members interleaved, labels in no order. */
    static const int64_t label[16] = {9, -1, 5, 7, 9, -1, 5, 7, 9, -1, 5, 7, 9, -1, 5, 7};
    static const int32_t hit[16] = {1, 0, 1, 0, 1, 0, 1, 1, 1, 0, 0, 0, 1, 0, 1, 0};
    assert_near(stats_effective_n(16, label, hit), 5.8, 1e-12);
    /* (1,1) (2,1) (3,0) (10,9) (5,1) */
    static const int64_t uneven[21] = {1, 2, 2, 3, 3, 3, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 5, 5, 5, 5, 5};
    static const int32_t uneven_hit[21] = {1, 1, 0, 0, 0, 0, 1, 1, 1, 1, 0, 1, 1, 1, 1, 1, 0, 0, 1, 0, 0};
    assert_near(stats_effective_n(21, uneven, uneven_hit), 5.15132163005813, 1e-12);
}

static void effective_n_limits(void **state) {
    (void)state;
    int64_t label[40];
    int32_t hit[40];
    for (int i = 0; i < 40; i++) label[i] = i, hit[i] = i % 3 == 0;
    assert_true(stats_effective_n(0, label, hit) == 0.0);
    assert_true(stats_effective_n(1, label, hit) == 1.0);
    assert_true(stats_effective_n(40, label, hit) == 40.0);               // all alone
    for (int i = 0; i < 40; i++) label[i] = i / 4, hit[i] = label[i] < 3; // clusters of one mind
    assert_near(stats_effective_n(40, label, hit), 10.0, 1e-12);
    for (int i = 0; i < 40; i++) hit[i] = i % 2; // every cluster alike: the estimate is negative
    assert_true(stats_effective_n(40, label, hit) == 40.0);
    /* The same where one cluster is much larger, and n / (1 + (sum m^2 / n - 1) rho) itself would be negative. */
    for (int i = 0; i < 40; i++) label[i] = i < 4 ? i / 2 : 2, hit[i] = i % 2;
    assert_true(stats_effective_n(40, label, hit) == 40.0);
    for (int i = 0; i < 40; i++) label[i] = i / 4;
    memset(hit, 0, sizeof hit); // nothing varies
    assert_true(stats_effective_n(40, label, hit) == 10.0);
    for (int i = 0; i < 40; i++) label[i] = 3, hit[i] = i % 2; // one cluster
    assert_true(stats_effective_n(40, label, hit) == 1.0);
}

/* Share of memorized sequences (percent) of Pythia against its nominal size, from the published
 * counts of Biderman et al. 2023; the fits by an independent program. */
static const double SIZES[8] = {70e6, 160e6, 410e6, 1e9, 1.4e9, 2.8e9, 6.9e9, 12e9};
static const double SHARES[8] = {.3168, .4710, .6627, .8578, .9381, 1.1439, 1.4484, 1.6269};

static void check_fit(const fit_t *fit, const double golden[7]) {
    const double got[7] = {fit->intercept, fit->slope, fit->slope_se, fit->ci_low, fit->ci_high, fit->r2, fit->p};
    assert_int_equal(fit->n, 8);
    for (int i = 0; i < 7; i++) assert_near(got[i], golden[i], i == 6 ? 1e-7 : 1e-10);
}

static void scaling_fit(void **state) {
    (void)state;
    static const double linear[7] = {-4.34759601292864, 0.585346068441275, 0.0304781578046563,  0.510768702907995,
                                     0.659923433974555, 0.983993532048154, 1.28932007035885e-06};
    static const double logs[7] = {-2.88594356605394, 0.310626485320518, 0.015180360313501,   0.273481481764762,
                                   0.347771488876274, 0.985872696229062, 8.85813245088745e-07};
    double x[8], y[8];
    for (int i = 0; i < 8; i++) x[i] = log10(SIZES[i]), y[i] = log10(SHARES[i]);
    fit_t fit;
    assert_int_equal(stats_fit(8, x, SHARES, 0.05, &fit), 0);
    check_fit(&fit, linear);
    assert_int_equal(stats_fit(8, x, y, 0.05, &fit), 0);
    check_fit(&fit, logs);
}

static void fit_limits(void **state) {
    (void)state;
    const double x[4] = {0, 1, 2, 3}, y[4] = {1, 3, 5, 7}, flat[4] = {2, 2, 2, 2}, bad[4] = {0, NAN, 1, 2};
    fit_t fit;
    assert_int_equal(stats_fit(4, x, y, 0.05, &fit), 0); // a perfect line
    assert_near(fit.slope, 2.0, 1e-14);
    assert_near(fit.r2, 1.0, 1e-14);
    assert_true(fit.p < 1e-12);
    assert_int_equal(stats_fit(4, x, flat, 0.05, &fit), 0);
    assert_true(fit.slope == 0.0 && fit.r2 == 0.0 && fit.p == 1.0);
    assert_int_equal(stats_fit(2, x, y, 0.05, &fit), -1);
    assert_non_null(strstr(err_text(), "at least 3 points"));
    assert_int_equal(stats_fit(4, flat, y, 0.05, &fit), -1);
    assert_non_null(strstr(err_text(), "same x"));
    assert_int_equal(stats_fit(4, x, bad, 0.05, &fit), -1);
    assert_non_null(strstr(err_text(), "point 1 "));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clopper_pearson), cmocka_unit_test(wilson),
        cmocka_unit_test(no_trials),       cmocka_unit_test(exact_ends),
        cmocka_unit_test(many_trials),     cmocka_unit_test(newcombe),
        cmocka_unit_test(effective_n),     cmocka_unit_test(effective_n_limits),
        cmocka_unit_test(scaling_fit),     cmocka_unit_test(fit_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
