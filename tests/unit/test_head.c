/* The output head and the cross-entropy: fused, from a stored row and by the reference with equal bits; against double
 * precision; ties, -infinity, NaN, a missing target. */
#include "kernel_check.h"

static const int64_t sizes[] = {2, 3, 15, 16, 17, 31, 32, 33, 500, 511, 512, 513, 1000, 1024, 1041};
enum { SIZES = sizeof sizes / sizeof *sizes };

static void check_stat(const char *what, const char *kernels, const head_stat_t *expected, const head_stat_t *stat) {
    if (expected->argmax != stat->argmax || expected->rank != stat->rank)
        fail_msg("%s, %s: argmax %d rank %d, not argmax %d rank %d", what, kernels, stat->argmax, stat->rank,
                 expected->argmax, expected->rank);
    const float a[] = {expected->logit_max, expected->logit_target, expected->lse, expected->margin};
    const float b[] = {stat->logit_max, stat->logit_target, stat->lse, stat->margin};
    check_bits(what, kernels, 4, a, b);
}

/* The definition of the fields, in double and by counting. */
static void check_row_double(int64_t vocab, const float *x, int32_t target, const head_stat_t *stat) {
    int32_t argmax = 0, rank = 0;
    double sum = 0, other = -INFINITY;
    for (int32_t i = 1; i < vocab; i++)
        if (x[i] > x[argmax]) argmax = i;
    if (target < 0) target = argmax;
    for (int32_t i = 0; i < vocab; i++) {
        sum += exp((double)x[i] - (double)x[argmax]);
        rank += x[i] > x[target] || (x[i] == x[target] && i < target);
        if (i != target) other = fmax(other, (double)x[i]);
    }
    assert_int_equal(stat->argmax, argmax);
    assert_int_equal(stat->rank, rank);
    assert_true(stat->logit_max == x[argmax] && stat->logit_target == x[target]);
    double lse = (double)x[argmax] + log(sum), margin = (double)x[target] - other;
    check_close("lse", target, lse, (double)stat->lse, 2e-6 + 2e-7 * fabs(lse));
    if (isfinite(margin)) check_close("margin", target, margin, (double)stat->margin, 1e-7 * fabs(margin));
}

/* One row through every kernel. */
static void check_row(int64_t vocab, const float *logits, int32_t target) {
    head_stat_t stat, fast;
    tensor_kernels("reference")->head_row(vocab, logits, target, &stat);
    check_row_double(vocab, logits, target, &stat);
    for (int i = 0; i < CHECK_FAST; i++) {
        if (!check_fast(i)) continue;
        check_fast(i)->head_row(vocab, logits, target, &fast);
        check_stat("head_row", check_fast(i)->name, &stat, &fast);
    }
}

static void test_row(void **state) {
    (void)state;
    for (int s = 0; s < SIZES; s++)
        for (int round = 0; round < 8; round++) {
            int64_t vocab = sizes[s];
            float *x = check_random(vocab, round < 4 ? 10 : 1000);
            check_row(vocab, x, (int32_t)(round ? check_below(vocab) : -1));
            check_free(x, vocab);
        }
}

/* Few distinct values, among them zeros of both signs. */
static void test_ties(void **state) {
    (void)state;
    static const float values[] = {-1, -0.0f, 0};
    for (int s = 0; s < SIZES; s++)
        for (int round = 0; round < 20; round++) {
            int64_t vocab = sizes[s];
            float *x = check_new(vocab);
            for (int64_t i = 0; i < vocab; i++) x[i] = values[check_below(round % 2 ? 3 : 2)];
            check_row(vocab, x, (int32_t)(round % 5 ? check_below(vocab) : -1));
            check_free(x, vocab);
        }
}

/* Tokens of probability 0, whole blocks of them included. */
static void test_minus_infinity(void **state) {
    (void)state;
    for (int s = 0; s < SIZES; s++)
        for (int32_t there = 0; there < sizes[s]; there += 1 + (int32_t)sizes[s] / 9) {
            int64_t vocab = sizes[s];
            float *x = check_new(vocab);
            for (int64_t i = 0; i < vocab; i++) x[i] = -INFINITY;
            x[there] = -3;
            check_row(vocab, x, there);
            check_row(vocab, x, -1);
            x[(there + 1) % vocab] = -2;
            check_row(vocab, x, there);
            check_free(x, vocab);
        }
}

static void test_nan(void **state) {
    (void)state;
    for (int s = 0; s < SIZES; s++)
        for (int round = 0; round < 3; round++) {
            int64_t vocab = sizes[s];
            float *x = check_random(vocab, 1);
            for (int64_t i = 0; round == 1 && i < vocab; i++) x[i] = -INFINITY;
            x[check_below(vocab)] = round == 2 ? INFINITY : NAN;
            head_stat_t stat;
            for (int i = -1; i < CHECK_FAST; i++) {
                const tensor_ops_t *ops = i < 0 ? tensor_kernels("reference") : check_fast(i);
                if (!ops) continue;
                ops->head_row(vocab, x, 0, &stat);
                assert_true(isnan(stat.lse));
            }
            check_free(x, vocab);
        }
}

/* m rows through the fused head: equal to the reference, to the same rows one at a time, and to stored logits. */
static void check_head(packed_type_t type, int64_t m, int64_t d, int64_t vocab) {
    const tensor_ops_t *ref = tensor_kernels("reference");
    int64_t ldh = d + 3, packed_floats = packed_bytes(type, vocab, d) / 4, floats = head_scratch(m);
    float *h = check_random(m * ldh, 1), *w = check_random(vocab * d, 1), *packed = check_new(packed_floats);
    float *scratch = check_new(floats), *logits = check_new(vocab);
    head_stat_t stat[200], fast[200];
    int32_t target[200];
    for (int64_t r = 0; r < m; r++) target[r] = (int32_t)check_below(vocab + 1) - 1;
    packed_fill(type, vocab, d, w, 1, d, packed);
    packed_t matrix = {packed, type};
    ref->head(m, d, vocab, h, ldh, matrix, target, stat, scratch);
    for (int i = 0; i < CHECK_FAST; i++) {
        const tensor_ops_t *ops = check_fast(i);
        if (!ops) continue;
        ops->head(m, d, vocab, h, ldh, matrix, target, fast, scratch);
        for (int64_t r = 0; r < m; r++) check_stat("head", ops->name, &stat[r], &fast[r]);
        for (int64_t r = 0; r < m; r += 1 + m / 4) {
            ops->head(1, d, vocab, h + r * ldh, ldh, matrix, target + r, fast, scratch);
            check_stat("head of one row", ops->name, &stat[r], &fast[0]);
            ops->gemm(1, vocab, d, h + r * ldh, ldh, 1, matrix, NULL, 0, logits, vocab);
            ops->head_row(vocab, logits, target[r], fast);
            check_stat("head_row of stored logits", ops->name, &stat[r], &fast[0]);
        }
    }
    check_free(h, m * ldh), check_free(w, vocab * d), check_free(packed, packed_floats);
    check_free(scratch, floats), check_free(logits, vocab);
}

/* All of them to 200; the more rows, the smaller the rest. */
static void check_row_counts(packed_type_t type) {
    for (int64_t m = 1; m <= 200; m++) {
        int64_t d = 1 + check_below(m <= 100 ? 40 : 8), vocab = 2 + check_below(m <= 100 ? 150 : 40);
        check_head(type, m, d, vocab);
    }
}

static void test_head(void **state) {
    (void)state;
    check_row_counts(PACKED_F32);
    for (int s = 0; s < SIZES; s++) check_head(PACKED_F32, 1 + check_below(12), 1 + check_below(70), sizes[s]);
    check_head(PACKED_F32, 193, 20, 530);
    check_head(PACKED_F32, 3, 256, 600);
    check_head(PACKED_F32, 5, 600, 700);
}

static void test_head_of_halves(void **state) {
    (void)state;
    static const packed_type_t types[] = {PACKED_BF16, PACKED_F16};
    for (int t = 0; t < 2; t++) {
        check_row_counts(types[t]);
        for (int s = 0; s < SIZES; s++) check_head(types[t], 1 + check_below(12), 1 + check_below(70), sizes[s]);
        check_head(types[t], 193, 20, 530);
        check_head(types[t], 5, 600, 700);
    }
}

static void test_head_in_bf16(void **state) {
    (void)state;
    check_row_counts(PACKED_DOT_BF16);
    for (int s = 0; s < SIZES; s++) check_head(PACKED_DOT_BF16, 1 + check_below(110), 1 + check_below(70), sizes[s]);
    check_head(PACKED_DOT_BF16, 5, 601, 1100);
}

static void xent_bits(int64_t m, int64_t vocab, float size) {
    float *x = check_random(m * vocab, size), *loss = check_new(m), *fast = check_new(m * vocab);
    float *loss_fast = check_new(m), *start = check_copy(x, m * vocab);
    int32_t target[200];
    for (int64_t r = 0; r < m; r++) target[r] = (int32_t)check_below(vocab + 1) - 1;
    tensor_kernels("reference")->xent_grad(m, vocab, x, target, 0.01f, loss);
    for (int i = 0; i < CHECK_FAST; i++) {
        if (!check_fast(i)) continue;
        memcpy(fast, start, (size_t)(m * vocab) * sizeof *fast);
        check_fast(i)->xent_grad(m, vocab, fast, target, 0.01f, loss_fast);
        check_bits("cross-entropy", check_fast(i)->name, m, loss, loss_fast);
        check_bits("cross-entropy gradient", check_fast(i)->name, m * vocab, x, fast);
    }
    for (int64_t r = 0; r < m; r++) { // the double gradient
        double sum = 0;
        const float *row = start + r * vocab;
        for (int64_t i = 0; i < vocab; i++) sum += exp((double)row[i]);
        double expected = target[r] < 0 ? 0 : log(sum) - (double)row[target[r]];
        check_close("cross-entropy", r, expected, (double)loss[r], 1e-5);
        for (int64_t i = 0; i < vocab; i++) {
            double g = target[r] < 0 ? 0 : 0.01 * (exp((double)row[i]) / sum - (i == target[r]));
            check_close("cross-entropy gradient", i, g, (double)x[r * vocab + i], 1e-7);
        }
    }
    check_free(x, m * vocab), check_free(fast, m * vocab), check_free(start, m * vocab);
    check_free(loss, m), check_free(loss_fast, m);
}

static void test_xent(void **state) {
    (void)state;
    for (int64_t m = 1; m <= 200; m++) xent_bits(m, 2 + check_below(m <= 100 ? 120 : 40), 4);
    for (int s = 0; s < SIZES; s++) xent_bits(3, sizes[s], 20);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_row),          cmocka_unit_test(test_ties), cmocka_unit_test(test_minus_infinity),
        cmocka_unit_test(test_nan),          cmocka_unit_test(test_head), cmocka_unit_test(test_head_of_halves),
        cmocka_unit_test(test_head_in_bf16), cmocka_unit_test(test_xent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
