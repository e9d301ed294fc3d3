/* AdamW, sum of squares, distance: the kernels against the reference bit for bit, the reference against double. */
#include "kernel_check.h"

static const int64_t lengths[] = {1, 2, 7, 15, 16, 17, 31, 32, 33, 63, 64, 65, 100, 255, 1000, 4099};
enum { LENGTHS = sizeof lengths / sizeof *lengths };

static void adamw_bits(const tensor_ops_t *fast, int64_t n, float size) {
    const tensor_ops_t *ref = tensor_kernels("reference");
    float *w = check_random(n, 1), *grad = check_random(n, size), *m = check_random(n, size),
          *v = check_random(n, size);
    for (int64_t i = 0; i < n; i++) v[i] *= v[i];
    float *w_fast = check_copy(w, n), *m_fast = check_copy(m, n), *v_fast = check_copy(v, n);
    ref->adamw(n, w, grad, m, v, 0.7f, 1e-3f, 0.9f, 0.95f, 1e-8f, 0.1f, 0.271f, 0.142625f);
    fast->adamw(n, w_fast, grad, m_fast, v_fast, 0.7f, 1e-3f, 0.9f, 0.95f, 1e-8f, 0.1f, 0.271f, 0.142625f);
    check_bits("adamw w", fast->name, n, w, w_fast);
    check_bits("adamw m", fast->name, n, m, m_fast);
    check_bits("adamw v", fast->name, n, v, v_fast);
    float *all[] = {w, grad, m, v, w_fast, m_fast, v_fast};
    for (int i = 0; i < 7; i++) check_free(all[i], n);
}

static void test_adamw_bits(void **state) {
    (void)state;
    for (int i = 0; i < CHECK_FAST; i++)
        for (int k = 0; check_fast(i) && k < LENGTHS; k++) {
            adamw_bits(check_fast(i), lengths[k], 1);
            adamw_bits(check_fast(i), lengths[k], 1e-20f); // v is denormal
            adamw_bits(check_fast(i), lengths[k], 0);
        }
}

/* Five steps of Loshchilov & Hutter 2019, algorithm 2, in double. */
static void test_adamw_double(void **state) {
    (void)state;
    enum { n = 37 };
    float *w = check_random(n, 1), *m = check_random(n, 0), *v = check_random(n, 0);
    double dw[n], dm[n] = {0}, dv[n] = {0}, lr = 0.01, b1 = 0.9, b2 = 0.95, eps = 1e-8, decay = 0.1;
    for (int i = 0; i < n; i++) dw[i] = (double)w[i];
    for (int t = 1; t <= 5; t++) {
        double c1 = 1 - pow(b1, t), c2 = 1 - pow(b2, t);
        float *grad = check_random(n, 1);
        tensor_kernels("reference")
            ->adamw(n, w, grad, m, v, 0.5f, (float)lr, (float)b1, (float)b2, (float)eps, (float)decay, (float)c1,
                    (float)c2);
        for (int i = 0; i < n; i++) {
            double g = 0.5 * (double)grad[i];
            dm[i] = b1 * dm[i] + (1 - b1) * g;
            dv[i] = b2 * dv[i] + (1 - b2) * g * g;
            dw[i] -= lr * (dm[i] / c1 / (sqrt(dv[i] / c2) + eps) + decay * dw[i]);
            check_close("adamw", i, dw[i], (double)w[i], 1e-6);
        }
        check_free(grad, n);
    }
    check_free(w, n), check_free(m, n), check_free(v, n);
}

static void test_sum_squares(void **state) {
    (void)state;
    const tensor_ops_t *ref = tensor_kernels("reference");
    for (int k = 0; k < LENGTHS; k++) {
        int64_t n = lengths[k];
        float *x = check_random(n, k % 2 ? 1 : 1e30f);
        double sum = 0, expected = ref->sum_squares(n, x);
        for (int64_t i = 0; i < n; i++) sum += (double)x[i] * (double)x[i];
        check_close("sum of squares", k, sum, expected, 1e-13 * sum);
        for (int i = 0; i < CHECK_FAST; i++)
            if (check_fast(i)) assert_true(check_fast(i)->sum_squares(n, x) == expected);
        check_free(x, n);
    }
}

static void distance(int64_t n, int64_t d, float size) {
    int64_t ld = d + check_below(3), all = n ? (n - 1) * ld + d : 0;
    float *q = check_random(d, size), *keys = check_random(all, size), *d2 = check_new(n), *fast = check_new(n);
    if (n > 2) memcpy(keys + ld, q, (size_t)d * sizeof *q);
    tensor_kernels("reference")->distance(n, d, q, keys, ld, d2);
    for (int64_t r = 0; r < n; r++) {
        double sum = 0;
        for (int64_t i = 0; i < d; i++) sum += pow((double)q[i] - (double)keys[r * ld + i], 2);
        check_close("distance", r, sum, (double)d2[r], 1e-6 * sum + 1e-44 * (double)d);
    }
    if (n > 2) assert_true(d2[1] == 0); // a stored key is at distance 0 from itself
    for (int i = 0; i < CHECK_FAST; i++) {
        if (!check_fast(i)) continue;
        check_fast(i)->distance(n, d, q, keys, ld, fast);
        check_bits("distance", check_fast(i)->name, n, d2, fast);
    }
    check_free(q, d), check_free(keys, all), check_free(d2, n), check_free(fast, n);
}

static void test_distance(void **state) {
    (void)state;
    for (int64_t n = 0; n <= 200; n++) distance(n, 1 + check_below(150), n % 10 ? 1 : 1e-22f);
    distance(13, 256, 1), distance(9, 64, 1e15f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_adamw_bits),
        cmocka_unit_test(test_adamw_double),
        cmocka_unit_test(test_sum_squares),
        cmocka_unit_test(test_distance),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
