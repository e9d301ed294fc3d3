/* The gradient of a decoder: against central differences of its own loss for every tensor, the same bits with all
 * kernels, and the loss of the forward pass that the probes use. The comparison with PyTorch is in
 * tests/peers/train.py. */
#include "base/err.h"
#include "base/mem.h"
#include "base/rng.h"
#include "model/backward.h"
#include "model/model.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { SEQUENCES = 2, LENGTH = 11, ROWS = SEQUENCES * LENGTH };

/* Sizes that divide nothing, so that edges of panels and lanes are met. */
static model_spec_t small_spec(int parallel, int tied) {
    return (model_spec_t){.family = "gpt_neox",
                          .vocab = 37,
                          .layers = 2,
                          .width = 18,
                          .heads = 3,
                          .head_size = 6,
                          .ffn = 29,
                          .context = LENGTH,
                          .rotary_dims = 4,
                          .rotary_base = 10000,
                          .norm_eps = 1e-5f,
                          .parallel_residual = parallel,
                          .tied_head = tied,
                          .ends = {1, {0}}};
}

/* A model whose weights are all of a size that matters: with fresh weights (zero biases, tiny projections) an error in
 * a small gradient would hide. */
static model_t *make_model(int parallel, int tied, const char *kernels) {
    const model_spec_t spec = small_spec(parallel, tied);
    const tensor_ops_t *ops = tensor_kernels(kernels);
    if (!ops) return NULL;
    model_t *model;
    assert_int_equal(model_create(&spec, ops, 1, &model), 0);
    int64_t n;
    float *w = model_parameters(model, &n);
    for (int64_t i = 0; i < n; i++) w[i] += (float)(0.6 * (rng_unit(7, RNG_TEST, (uint64_t)i) - 0.5));
    return model;
}

static void make_batch(int32_t *tokens, int32_t *targets) {
    for (int64_t r = 0; r < ROWS; r++) {
        tokens[r] = (int32_t)rng_below(3, RNG_TEST, (uint64_t)r, 37);
        targets[r] = (int32_t)rng_below(4, RNG_TEST, (uint64_t)r, 37);
    }
    targets[5] = -1;
}

static double loss_of(backward_t *b, const int32_t *tokens, const int32_t *targets, float *scratch) {
    double loss;
    assert_int_equal(backward_pack(b), 0);
    assert_int_equal(backward_run(b, SEQUENCES, tokens, targets, 1, scratch, &loss), 0);
    return loss;
}

typedef struct {
    model_t *model;
    backward_t *b;
    int32_t tokens[ROWS], targets[ROWS];
    float *gradient, *scratch, *direction;
    int64_t n;
} bench_t;

static void bench_open(bench_t *s, int parallel, int tied) {
    s->model = make_model(parallel, tied, "auto");
    model_parameters(s->model, &s->n);
    s->gradient = mem_new(s->n, sizeof(float), "test");
    s->scratch = mem_new(s->n, sizeof(float), "test");
    s->direction = mem_new(s->n, sizeof(float), "test");
    assert_int_equal(backward_create(s->model, SEQUENCES, LENGTH, &s->b), 0);
    make_batch(s->tokens, s->targets);
    loss_of(s->b, s->tokens, s->targets, s->gradient);
}

static void bench_close(bench_t *s) {
    backward_free(s->b);
    model_free(s->model);
    mem_free(s->gradient);
    mem_free(s->scratch);
    mem_free(s->direction);
}

/* Derivative of the loss along `direction` (n) of one tensor, by central differences. */
static double difference(bench_t *s, float *w, int64_t n, double step) {
    double side[2];
    for (int i = 0; i < 2; i++) {
        const double h = i ? -step : step;
        for (int64_t j = 0; j < n; j++) s->scratch[j] = w[j];
        float *kept = mem_new(n, sizeof(float), "test");
        memcpy(kept, w, (size_t)n * sizeof *w);
        for (int64_t j = 0; j < n; j++) w[j] = (float)(w[j] + h * s->direction[j]);
        side[i] = loss_of(s->b, s->tokens, s->targets, s->scratch);
        memcpy(w, kept, (size_t)n * sizeof *w);
        mem_free(kept);
    }
    return (side[0] - side[1]) / (2 * step);
}

/* The loss is a sum of float losses with an error of about 1e-6 in all, the step is 0.01: so differences carry an error
 * of 1e-4, and the cut of the series one of a few 1e-4 of the gradient's length. */
static void check_direction(bench_t *s, const model_tensor_t *t, const char *what, int64_t n) {
    int64_t all;
    float *w = model_parameters(s->model, &all) + t->offset;
    double along = 0, length = 0;
    for (int64_t j = 0; j < n; j++) {
        along += (double)s->gradient[t->offset + j] * (double)s->direction[j];
        length += (double)s->gradient[t->offset + j] * (double)s->gradient[t->offset + j];
    }
    const double measured = difference(s, w, n, 0.01);
    if (fabs(measured - along) > 5e-4 + 3e-3 * sqrt(length))
        fail_msg("%s, %s: gradient %.6f, difference %.6f, length %.6f", t->name, what, along, measured, sqrt(length));
}

static void check_tensor(bench_t *s, const model_tensor_t *t) {
    const int64_t n = t->rows * (t->columns ? t->columns : 1);
    const float *g = s->gradient + t->offset;
    double length = 0;
    for (int64_t j = 0; j < n; j++) length += (double)g[j] * (double)g[j];
    /* The bias of the keys shifts all scores of a query alike where rotation leaves it alone; all else must matter. */
    assert_true(length > 1e-6);
    for (int64_t j = 0; j < n; j++) s->direction[j] = (float)(g[j] / sqrt(length));
    check_direction(s, t, "along the gradient", n);
    for (int64_t j = 0; j < n; j++)
        s->direction[j] = (rng_u64(9, RNG_TEST, (uint64_t)j) & 1 ? 1.0f : -1.0f) / sqrtf((float)n);
    check_direction(s, t, "along random signs", n);
    for (uint64_t k = 0; k < 3; k++) {
        memset(s->direction, 0, (size_t)n * sizeof(float));
        s->direction[rng_below(11, RNG_TEST, k, n)] = 1;
        check_direction(s, t, "one element", n);
    }
}

static void check_gradient(int parallel, int tied) {
    bench_t s;
    int32_t tensors;
    bench_open(&s, parallel, tied);
    const model_tensor_t *tensor = model_tensors(s.model, &tensors);
    for (int32_t i = 0; i < tensors; i++) check_tensor(&s, &tensor[i]);
    bench_close(&s);
}

static void test_parallel_untied(void **state) {
    (void)state;
    check_gradient(1, 0);
}
static void test_parallel_tied(void **state) {
    (void)state;
    check_gradient(1, 1);
}
static void test_serial_untied(void **state) {
    (void)state;
    check_gradient(0, 0);
}
static void test_serial_tied(void **state) {
    (void)state;
    check_gradient(0, 1);
}

/* Enough rows for several blocks of logits and of products. */
enum { LONG = 150, MANY = 2 };

static float *long_gradient(const char *kernels, double *loss, int64_t *n) {
    model_spec_t spec = small_spec(1, 0);
    spec.context = LONG;
    spec.width = 48;
    spec.heads = 2;
    spec.head_size = 24;
    spec.rotary_dims = 6;
    spec.ffn = 300;
    spec.vocab = 333;
    const tensor_ops_t *ops = tensor_kernels(kernels);
    if (!ops) return NULL;
    model_t *model;
    backward_t *b;
    assert_int_equal(model_create(&spec, ops, 5, &model), 0);
    model_parameters(model, n);
    float *gradient = mem_new(*n, sizeof *gradient, "test");
    int32_t tokens[MANY * LONG], targets[MANY * LONG];
    for (int64_t r = 0; r < MANY * LONG; r++) {
        tokens[r] = (int32_t)rng_below(3, RNG_TEST, (uint64_t)r, spec.vocab);
        targets[r] = (int32_t)rng_below(4, RNG_TEST, (uint64_t)r, spec.vocab);
    }
    assert_int_equal(backward_create(model, MANY, LONG, &b), 0);
    assert_int_equal(backward_pack(b), 0);
    for (int i = 0; i < 2; i++) assert_int_equal(backward_run(b, MANY, tokens, targets, 0.01f, gradient, loss), 0);
    backward_free(b);
    model_free(model);
    return gradient;
}

static void test_kernels_agree(void **state) {
    static const char *const name[] = {"avx2", "avx512", "neon"};
    int64_t n;
    double loss, other;
    (void)state;
    float *expected = long_gradient("reference", &loss, &n);
    for (size_t i = 0; i < 3; i++) {
        float *gradient = long_gradient(name[i], &other, &n);
        if (!gradient) continue; // this CPU cannot run them
        assert_memory_equal(&loss, &other, sizeof loss);
        assert_memory_equal(expected, gradient, (size_t)n * sizeof *gradient);
        mem_free(gradient);
    }
    mem_free(expected);
}

/* The loss is that of the decoder which the probes use: the same bits, position by position. */
static void check_loss(int parallel) {
    model_t *model = make_model(parallel, 0, "auto");
    int32_t tokens[ROWS], targets[ROWS];
    const int32_t sequence[SEQUENCES] = {0, 1};
    const int64_t length[SEQUENCES] = {LENGTH, LENGTH};
    int64_t select[ROWS], n;
    head_stat_t stat[ROWS];
    backward_t *b;
    session_t *session;
    make_batch(tokens, targets);
    model_parameters(model, &n);
    float *gradient = mem_new(n, sizeof *gradient, "test");
    assert_int_equal(backward_create(model, SEQUENCES, LENGTH, &b), 0);
    const double loss = loss_of(b, tokens, targets, gradient);
    assert_int_equal(session_create(model, SEQUENCES, LENGTH, ROWS, &session), 0);
    assert_int_equal(session_forward(session, SEQUENCES, sequence, length, tokens, NULL), 0);
    for (int64_t r = 0; r < ROWS; r++) select[r] = r;
    assert_int_equal(session_head(session, ROWS, select, targets, NULL, stat), 0);
    double expected = 0;
    for (int64_t r = 0; r < ROWS; r++)
        if (targets[r] >= 0) expected += (double)(stat[r].lse - stat[r].logit_target);
    assert_memory_equal(&loss, &expected, sizeof loss);
    session_free(session);
    backward_free(b);
    model_free(model);
    mem_free(gradient);
}

static void test_loss_is_the_probes(void **state) {
    (void)state;
    check_loss(1);
    check_loss(0);
}

/* What stands behind the last target has no part in loss and gradient. */
static void test_padding(void **state) {
    (void)state;
    bench_t s;
    bench_open(&s, 1, 0);
    for (int64_t r = LENGTH - 4; r < LENGTH; r++) s.targets[r] = -1;
    memset(s.gradient, 0, (size_t)s.n * sizeof(float));
    memset(s.scratch, 0, (size_t)s.n * sizeof(float));
    const double loss = loss_of(s.b, s.tokens, s.targets, s.gradient);
    for (int64_t r = LENGTH - 3; r < LENGTH; r++) s.tokens[r] = (s.tokens[r] + 1) % 37;
    const double same = loss_of(s.b, s.tokens, s.targets, s.scratch);
    assert_memory_equal(&loss, &same, sizeof loss);
    for (int64_t i = 0; i < s.n; i++) assert_true(s.gradient[i] == s.scratch[i]);
    s.tokens[0] = (s.tokens[0] + 1) % 37;
    assert_true(loss != loss_of(s.b, s.tokens, s.targets, s.scratch));
    bench_close(&s);
}

static void test_refusals(void **state) {
    (void)state;
    bench_t s;
    double loss;
    backward_t *b;
    bench_open(&s, 1, 0);
    assert_int_equal(backward_run(s.b, SEQUENCES + 1, s.tokens, s.targets, 1, s.scratch, &loss), -1);
    s.tokens[3] = 37;
    assert_int_equal(backward_run(s.b, SEQUENCES, s.tokens, s.targets, 1, s.scratch, &loss), -1);
    assert_non_null(strstr(err_text(), "token 37"));
    s.tokens[3] = 0;
    s.targets[3] = -2;
    assert_int_equal(backward_run(s.b, SEQUENCES, s.tokens, s.targets, 1, s.scratch, &loss), -1);
    assert_non_null(strstr(err_text(), "target -2"));
    assert_int_equal(backward_create(s.model, 1, LENGTH + 1, &b), -1);
    assert_null(b);
    bench_close(&s);
}

/* The backward pass knows one family. */
static void test_other_families_are_refused(void **state) {
    (void)state;
    model_spec_t spec = small_spec(0, 1);
    model_t *model;
    backward_t *b;
    spec.act = ACT_GELU_TANH;
    for (int i = 0; i < 2; i++) {
        assert_int_equal(model_create(&spec, tensor_kernels("auto"), 1, &model), 0);
        assert_int_equal(backward_create(model, 1, 4, &b), -1);
        assert_non_null(strstr(err_text(), i == 0 ? "exact gelu are trained, not gpt_neox" : "are trained, not gpt2"));
        model_free(model);
        spec.family = "gpt2", spec.learned_positions = 1, spec.rotary_dims = 0;
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_other_families_are_refused),
        cmocka_unit_test(test_parallel_untied),
        cmocka_unit_test(test_parallel_tied),
        cmocka_unit_test(test_serial_untied),
        cmocka_unit_test(test_serial_tied),
        cmocka_unit_test(test_kernels_agree),
        cmocka_unit_test(test_loss_is_the_probes),
        cmocka_unit_test(test_padding),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
