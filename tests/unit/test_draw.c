/* Drawing tokens: what is kept by temperature, top-k and top-p, and that frequencies are the probabilities. */
#include "scratch.h"

#include "model/draw.h"
#include <math.h>

enum { VOCAB = 7 };
/* Probabilities 0.4, 0.2, 0.2, 0.1, 0.05, 0.05, 0 at temperature 1, out of order, with ties. */
static const double chance[VOCAB] = {0.05, 0.2, 0.4, 0, 0.2, 0.1, 0.05};
static const int32_t order[VOCAB] = {2, 1, 4, 5, 0, 6, 3};
static float logits[VOCAB];

static draw_t *make(double temperature, int64_t top_k, double top_p, uint64_t seed) {
    draw_t *draw;
    for (int v = 0; v < VOCAB; v++) logits[v] = chance[v] > 0 ? (float)log(chance[v]) + 3 : -INFINITY;
    check_ok(draw_create(&(draw_spec_t){temperature, top_k, top_p, seed}, VOCAB, &draw));
    return draw;
}

/* The kept tokens are the first n of the order, with probabilities in the proportion of chance^(1/T). */
static void check_kept(double temperature, int64_t top_k, double top_p, int64_t n) {
    int32_t token[VOCAB];
    double p[VOCAB], sum = 0;
    draw_t *draw = make(temperature, top_k, top_p, 0);
    assert_int_equal(draw_kept(draw, logits, token, p), n);
    for (int64_t i = 0; i < n; i++) sum += pow(chance[order[i]], 1 / temperature);
    for (int64_t i = 0; i < n; i++) {
        assert_int_equal(token[i], order[i]);
        assert_true(fabs(p[i] - pow(chance[order[i]], 1 / temperature) / sum) < 1e-6);
    }
    draw_free(draw);
}

static void keeps_what_it_should(void **state) {
    (void)state;
    check_kept(1, 0, 1, VOCAB);
    check_kept(0.5, 0, 1, VOCAB);
    check_kept(1, 3, 1, 3);
    check_kept(1, 2, 1, 2); // the border goes through a tie: the smaller id
    check_kept(1, 100, 1, VOCAB);
    check_kept(1, 0, 1e-9, 1);
    check_kept(1, 0, 0.39, 1);
    check_kept(1, 0, 0.41, 2);
    check_kept(1, 0, 0.61, 3);
    check_kept(1, 0, 0.999, 6);
    check_kept(1, 3, 0.74, 2); // of the 0.8 that top-k left: 0.6 is 0.75 of it
    check_kept(1, 3, 0.76, 3);
    check_kept(0.5, 0, 0.6, 1); // squares: 0.16 of 0.255, temperature comes before top-p
    check_kept(0.5, 0, 0.64, 2);
    check_kept(100, 0, 0.5, 3); // nearly even, but for the impossible token: three of six, a little more than half
}

static void top_p_takes_the_tie_at_the_border_by_id(void **state) {
    (void)state;
    const float even[VOCAB] = {0};
    int32_t token[VOCAB];
    double p[VOCAB];
    draw_t *draw = make(1, 0, 3.0 / VOCAB - 1e-9, 0);
    assert_int_equal(draw_kept(draw, even, token, p), 3); // exactly the mass of 3: not a fourth
    for (int32_t i = 0; i < 3; i++) assert_int_equal(token[i], i);
    draw_free(draw);
}

/* Chi-square of 100000 draws; the seed is fixed, so this cannot fail by chance. 5 degrees of freedom: 20.5 is the point
 * that one in a thousand exceeds. */
static void frequencies_are_the_probabilities(void **state) {
    (void)state;
    static const struct {
        double temperature, top_p;
        int64_t top_k;
    } CASE[] = {{1, 1, 0}, {0.7, 1, 0}, {1, 0.9, 0}, {2, 1, 4}};
    enum { DRAWS = 100000 };
    for (size_t k = 0; k < sizeof CASE / sizeof *CASE; k++) {
        int64_t count[VOCAB] = {0}, seen = 0;
        int32_t token[VOCAB];
        double p[VOCAB], chi = 0;
        draw_t *draw = make(CASE[k].temperature, CASE[k].top_k, CASE[k].top_p, 5);
        for (uint32_t i = 0; i < DRAWS; i++) count[draw_token(draw, logits, i % 100, i / 100)]++;
        int64_t n = draw_kept(draw, logits, token, p);
        for (int64_t i = 0; i < n; i++) {
            double expected = p[i] * DRAWS, d = (double)count[token[i]] - expected;
            seen += count[token[i]];
            if (expected > 0) chi += d * d / expected;
        }
        assert_int_equal(seen, DRAWS); // nothing else is ever drawn
        assert_int_equal(count[3], 0);
        assert_true(chi < 20.5);
        draw_free(draw);
    }
}

static void seeds_samples_and_steps_draw_anew(void **state) {
    (void)state;
    draw_t *a = make(1, 0, 1, 1), *b = make(1, 0, 1, 1), *c = make(1, 0, 1, 2);
    int other_seed = 0, other_sample = 0, other_step = 0;
    for (uint32_t i = 0; i < 64; i++) {
        int32_t token = draw_token(a, logits, 3, i);
        assert_int_equal(draw_token(b, logits, 3, i), token);
        other_seed += draw_token(c, logits, 3, i) != token;
        other_sample += draw_token(b, logits, 4, i) != token;
        other_step += draw_token(b, logits, 3, i + 1) != token;
    }
    assert_true(other_seed > 20 && other_sample > 20 && other_step > 20);
    draw_free(a), draw_free(b), draw_free(c);
}

static void refuses_what_has_no_meaning(void **state) {
    (void)state;
    draw_t *draw;
    check_fails(draw_create(&(draw_spec_t){0, 0, 1, 0}, VOCAB, &draw), "temperature");
    check_fails(draw_create(&(draw_spec_t){NAN, 0, 1, 0}, VOCAB, &draw), "temperature");
    check_fails(draw_create(&(draw_spec_t){1, -1, 1, 0}, VOCAB, &draw), "top-k");
    check_fails(draw_create(&(draw_spec_t){1, 0, 0, 0}, VOCAB, &draw), "top-p");
    check_fails(draw_create(&(draw_spec_t){1, 0, 1.1, 0}, VOCAB, &draw), "top-p");
}

static void first_ones_are_in_order(void **state) {
    (void)state;
    int32_t token[VOCAB + 2];
    float logit[VOCAB + 2];
    draw_free(make(1, 0, 1, 0));
    for (int64_t n = 0; n < VOCAB + 2; n++) {
        int64_t held = draw_first(VOCAB, logits, n, token, logit);
        assert_int_equal(held, n < VOCAB ? n : VOCAB);
        for (int64_t i = 0; i < held; i++) assert_int_equal(token[i], order[i]);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_what_it_should),
        cmocka_unit_test(top_p_takes_the_tie_at_the_border_by_id),
        cmocka_unit_test(frequencies_are_the_probabilities),
        cmocka_unit_test(seeds_samples_and_steps_draw_anew),
        cmocka_unit_test(refuses_what_has_no_meaning),
        cmocka_unit_test(first_ones_are_in_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
