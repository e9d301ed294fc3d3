/* tensor/math.h against libm in double (an independent implementation, here only as an oracle), its vector forms
 * against it bit for bit, the random weights, the rotary table. */
#include "tensor/math.h"
#include "tensor/tensor.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>

/* <math.h> would clash with nothing, but only these are wanted, in double. */
double exp(double), log(double), tanh(double), erf(double), erfc(double), sin(double), cos(double), fabs(double);
double ldexp(double, int), frexp(double, int *);
long double expl(long double), logl(long double), sinl(long double), cosl(long double);

static const float infinity = __builtin_inff(), nan_value = __builtin_nanf("");

/* Distance of y from the true value in units of the last place that a float of the true value's size has. */
static double ulp_error(float y, double truth) {
    if (y == (float)truth) return fabs((double)y - truth) == (double)infinity ? 0 : 0.5;
    int exponent;
    frexp(truth, &exponent);
    if (exponent < -125) exponent = -125;
    return fabs((double)y - truth) / ldexp(1.0, exponent - 24);
}

typedef struct {
    const char *name;
    float (*f)(float);
    double (*truth)(double);
    double bound; // ulp
} float_case_t;

static double true_gelu(double x) {
    return x < -15 ? 0 : x * 0.5 * erfc(-x * 0.70710678118654752440);
}

static double true_silu(double x) {
    return x / (1 + exp(-x));
}

static const float_case_t float_cases[] = {{"exp", math_exp, exp, 1.0},         {"log", math_log, log, 0.501},
                                           {"tanh", math_tanh, tanh, 0.501},    {"erf", math_erf, erf, 2.0},
                                           {"gelu", math_gelu, true_gelu, 6.0}, {"silu", math_silu, true_silu, 3.0}};

/* A sample of all floats: a step that is odd walks through every exponent and both signs. */
static void test_float_bounds(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof float_cases / sizeof *float_cases; i++) {
        const float_case_t *c = &float_cases[i];
        double worst = 0;
        float at = 0;
        for (uint64_t u = 0; u < UINT64_C(1) << 32; u += 1531) {
            float x = math_from_bits((uint32_t)u);
            double truth = c->truth((double)x);
            if (truth != truth || x != x) continue;
            if (c->f == math_gelu && x < -12.9f) continue; // see test_gelu_far_left
            if (c->f == math_silu && x < -87.0f) continue; // exp(x) is denormal
            double error = ulp_error(c->f(x), truth);
            if (!(error <= worst)) worst = error, at = x;
        }
        print_message("%s: %.4f ulp, at %a\n", c->name, worst, (double)at);
        assert_true(worst <= c->bound);
    }
}

/* Where Phi(x) is denormal it has few bits, and so has gelu: its error is then the smallest number times x. */
static void test_gelu_far_left(void **state) {
    (void)state;
    for (float x = -16; x < -12.9f; x += 0.00001f)
        assert_true(fabs((double)math_gelu(x) - true_gelu((double)x)) <
                    7e-7 * fabs(true_gelu((double)x)) + 16 * 0x1p-149);
}

static void test_gelu_grad_bound(void **state) {
    (void)state;
    double worst = 0;
    for (float x = -20; x < 20; x += 0.0001f) {
        double y = (double)x;
        double truth = 0.5 * erfc(-y * 0.70710678118654752440) + y * exp(-0.5 * y * y) * 0.39894228040143267794;
        double error = fabs((double)math_gelu_grad(x) - truth);
        if (error > worst) worst = error;
    }
    print_message("gelu': %.3g absolute\n", worst);
    assert_true(worst < 2e-7);
}

/* The bound that math.h states: 3 ulp and 2.5 |z| more, z the argument of the logistic. */
static void test_gelu_tanh_bound(void **state) {
    (void)state;
    double worst = 0;
    for (float x = -9.5f; x < 20; x += 0.0003f) {
        double y = (double)x, z = 1.5957691216057308 * (y + 0.044715 * y * y * y);
        double error = ulp_error(math_gelu_tanh(x), y / (1 + exp(-z))) / (3 + 2.5 * fabs(z));
        if (!(error <= worst)) worst = error;
    }
    print_message("tanh form of gelu: %.3f of the bound\n", worst);
    assert_true(worst <= 1);
    for (float x = -30; x < -9.5f; x += 0.01f) assert_true(math_gelu_tanh(x) <= 0 && math_gelu_tanh(x) > -1e-30f);
    for (float x = 5.5f; x < 1e38f; x *= 1.5f) assert_true(math_gelu_tanh(x) == x && math_silu(4 * x) == 4 * x);
}

static void test_special_values(void **state) {
    (void)state;
    assert_true(math_exp(0.0f) == 1.0f && math_exp(-0.0f) == 1.0f);
    assert_true(math_exp(infinity) == infinity && math_exp(-infinity) == 0.0f);
    assert_true(math_exp(88.8f) == infinity && math_exp(88.7f) < infinity);
    assert_true(math_exp(-103.9f) == 0x1p-149f && math_exp(-104.0f) == 0.0f);
    assert_true(math_log(1.0f) == 0.0f && math_log(0.0f) == -infinity && math_log(-0.0f) == -infinity);
    assert_true(math_log(infinity) == infinity && math_log(-1.0f) != math_log(-1.0f));
    assert_true(math_tanh(infinity) == 1.0f && math_tanh(-infinity) == -1.0f);
    assert_true(math_erf(infinity) == 1.0f && math_erf(-infinity) == -1.0f);
    assert_int_equal(math_bits(math_tanh(-0.0f)), math_bits(-0.0f));
    assert_int_equal(math_bits(math_erf(-0.0f)), math_bits(-0.0f));
    assert_true(math_gelu(infinity) == infinity && math_gelu(-infinity) == 0.0f && math_gelu(0.0f) == 0.0f);
    assert_true(math_gelu_grad(infinity) == 1.0f && math_gelu_grad(-infinity) == 0.0f && math_gelu_grad(0.0f) == 0.5f);
    assert_true(math_gelu_tanh(infinity) == infinity && math_gelu_tanh(-infinity) == 0.0f);
    assert_true(math_silu(infinity) == infinity && math_silu(-infinity) == 0.0f);
    assert_true(math_gelu_tanh(0.0f) == 0.0f && math_silu(0.0f) == 0.0f);
    assert_true(math_silu(-0x1p-140f) == -0x1p-141f);
    float (*const all[])(float) = {math_exp,  math_log,       math_tanh,      math_erf,
                                   math_gelu, math_gelu_grad, math_gelu_tanh, math_silu};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        float y = all[i](nan_value);
        assert_true(y != y);
    }
    assert_true(math_exp64(0) == 1 && math_log64(1) == 0 && math_sin64(0) == 0 && math_cos64(0) == 1);
    assert_true(math_exp64(1e9) == (double)infinity && math_exp64(-1e9) == 0);
    assert_true(math_sin64(1e300) != math_sin64(1e300) && math_log64(-1) != math_log64(-1));
    assert_true(math_exp64((double)nan_value) != 0 && math_log64(0) == -(double)infinity);
}

/* Values computed in double by an independent program. */
static void test_gelu_golden(void **state) {
    (void)state;
    assert_true(fabs((double)math_gelu(1.0f) - 0.841344746068543) < 1e-7);
    assert_true(fabs((double)math_gelu(-1.0f) + 0.158655253931457) < 2e-8);
    assert_true(fabs((double)math_gelu(3.0f) - 2.99595030590511) < 3e-7);
    assert_true(fabs((double)math_gelu_tanh(1.0f) - 0.841191990608277) < 1e-7);
    assert_true(fabs((double)math_gelu_tanh(-1.0f) + 0.158808009391723) < 3e-8);
    assert_true(fabs((double)math_gelu_tanh(3.0f) - 2.99636260791823) < 3e-7);
    assert_true(fabs((double)math_silu(1.0f) - 0.731058578630005) < 1e-7);
}

static double ulp_error64(double y, long double truth) {
    int exponent;
    frexp((double)truth, &exponent);
    long double difference = (long double)y - truth;
    return (double)(difference < 0 ? -difference : difference) / ldexp(1.0, exponent < -1021 ? -1074 : exponent - 53);
}

static void test_double_bounds(void **state) {
    (void)state;
    double worst[4] = {0};
    for (int64_t i = 0; i < 400000; i++) {
        double u = (double)i / 400000;
        double x[4] = {(u - 0.5) * 1480, math_exp64((u - 0.5) * 1400), u * 12000 - 3, u * 12000 - 3};
        if (i % 4 == 0) x[0] /= 1000, x[1] = 0.5 + u, x[2] /= 4000, x[3] /= 4000;
        double error[4] = {x[0] > 709 ? 0 : ulp_error64(math_exp64(x[0]), expl((long double)x[0])),
                           ulp_error64(math_log64(x[1]), logl((long double)x[1])),
                           ulp_error64(math_sin64(x[2]), sinl((long double)x[2])),
                           ulp_error64(math_cos64(x[3]), cosl((long double)x[3]))};
        for (int j = 0; j < 4; j++)
            if (!(error[j] <= worst[j])) worst[j] = error[j];
    }
    print_message("double: exp %.3f, log %.3f, sin %.3f, cos %.3f ulp\n", worst[0], worst[1], worst[2], worst[3]);
    const double bound[4] = {1.1, 1.0, 1.5, 1.5};
    for (int j = 0; j < 4; j++) assert_true(worst[j] < bound[j]);
}

/* Same bits, or both NaN: the sign and payload of a NaN are not defined. */
static void assert_same(const float *a, const float *b, int64_t n) {
    for (int64_t i = 0; i < n; i++)
        if (math_bits(a[i]) != math_bits(b[i]) && (a[i] == a[i] || b[i] == b[i]))
            fail_msg("element %lld: %a, expected %a", (long long)i, (double)a[i], (double)b[i]);
}

static const char *const vector_kernels[] = {"avx2", "avx512", "neon"};

static void test_vector_forms(void **state) {
    (void)state;
    const tensor_ops_t *reference = tensor_kernels("reference");
    enum { N = 1 << 12 };
    static float x[N], dy[N], expected[N], y[N];
    tensor_fill_normal(7, 0, N, 1.0f, dy);
    for (int v = 0; v < 3; v++) {
        const tensor_ops_t *ops = tensor_kernels(vector_kernels[v]);
        if (!ops) continue;
        for (uint64_t block = 0; block < 256; block++) {
            for (uint32_t i = 0; i < N; i++) x[i] = math_from_bits((uint32_t)((block * N + i) * 4093));
            reference->exp(N, x, expected), ops->exp(N, x, y), assert_same(y, expected, N);
            reference->gelu(N, x, expected), ops->gelu(N, x, y), assert_same(y, expected, N);
            reference->gelu_grad(N, x, dy, expected), ops->gelu_grad(N, x, dy, y), assert_same(y, expected, N);
            reference->gelu_tanh(N, x, expected), ops->gelu_tanh(N, x, y), assert_same(y, expected, N);
            reference->silu(N, x, expected), ops->silu(N, x, y), assert_same(y, expected, N);
            memcpy(expected, dy, sizeof dy), memcpy(y, dy, sizeof dy);
            reference->multiply(N, x, expected), ops->multiply(N, x, y), assert_same(y, expected, N);
            memcpy(expected, x, sizeof x), memcpy(y, x, sizeof x);
            reference->clip(N, 0.3f, expected), ops->clip(N, 0.3f, y), assert_same(y, expected, N);
            for (int i = 0; i < N; i++)
                assert_true(x[i] != x[i] ? y[i] != y[i]
                                         : fabs((double)y[i]) <= 0.3f && (fabs((double)x[i]) > 0.3f || y[i] == x[i]));
        }
    }
}

/* Every length from 0 to 50, nothing written beyond it. */
static void test_vector_tails(void **state) {
    (void)state;
    const tensor_ops_t *reference = tensor_kernels("reference");
    float x[64], expected[64], y[64], dy[64];
    tensor_fill_normal(8, 0, 64, 2.0f, x);
    tensor_fill_normal(9, 0, 64, 2.0f, dy);
    for (int v = 0; v < 3; v++) {
        const tensor_ops_t *ops = tensor_kernels(vector_kernels[v]);
        if (!ops) continue;
        for (int64_t n = 0; n <= 50; n++) {
            for (int i = 0; i < 64; i++) y[i] = expected[i] = (float)i;
            reference->exp(n, x, expected), ops->exp(n, x, y), assert_same(y, expected, 64);
            reference->gelu(n, x, expected), ops->gelu(n, x, y), assert_same(y, expected, 64);
            reference->gelu_grad(n, x, dy, expected), ops->gelu_grad(n, x, dy, y), assert_same(y, expected, 64);
            reference->gelu_tanh(n, x, expected), ops->gelu_tanh(n, x, y), assert_same(y, expected, 64);
            reference->silu(n, x, expected), ops->silu(n, x, y), assert_same(y, expected, 64);
            reference->multiply(n, dy, expected), ops->multiply(n, dy, y), assert_same(y, expected, 64);
            reference->clip(n, 0.9f, expected), ops->clip(n, 0.9f, y), assert_same(y, expected, 64);
            reference->add(n, x, expected), ops->add(n, x, y), assert_same(y, expected, 64);
            reference->scale(n, 0.3f, expected), ops->scale(n, 0.3f, y), assert_same(y, expected, 64);
        }
    }
}

/* Every length; a NaN is found, since nothing says that it is below its limit. */
static void test_find_above(void **state) {
    (void)state;
    const char *const names[] = {"reference", "avx2", "avx512", "neon"};
    float x[70], limit[70];
    tensor_fill_normal(10, 0, 70, 1.0f, x);
    tensor_fill_normal(11, 0, 70, 1.0f, limit);
    x[5] = nan_value, x[33] = infinity, limit[34] = infinity, x[40] = 1.5f, limit[40] = 1.75f; // equal with the shift
    for (int v = 0; v < 4; v++) {
        const tensor_ops_t *ops = tensor_kernels(names[v]);
        if (!ops) continue;
        for (int64_t n = 0; n <= 70; n++) {
            int32_t at[71];
            int64_t found = 0;
            at[n] = -7;
            int64_t said = ops->find_above(n, x, 0.25f, limit, at);
            for (int32_t i = 0; i < n; i++)
                if (i == 5 || i == 40 || (i != 34 && x[i] + 0.25f >= limit[i])) assert_int_equal(at[found++], i);
            assert_int_equal(said, found);
            assert_true(found == n || at[n] == -7);
        }
    }
}

static void test_normal_numbers(void **state) {
    (void)state;
    enum { N = 1 << 18 };
    static float x[N], y[N];
    tensor_fill_normal(3, 1000, N, 2.0f, x);
    double moment[5] = {0};
    for (int64_t i = 0; i < N; i++) {
        double z = (double)x[i] / 2, power = 1;
        for (int j = 1; j < 5; j++) power *= z, moment[j] += power / N;
    }
    print_message("normal numbers: mean %.4f, moments %.4f %.4f %.4f\n", moment[1], moment[2], moment[3], moment[4]);
    assert_true(fabs(moment[1]) < 0.008 && fabs(moment[2] - 1) < 0.012); // 4 standard errors
    assert_true(fabs(moment[3]) < 0.03 && fabs(moment[4] - 3) < 0.08);
    assert_true(tensor_is_finite(N, x));
    /* The same numbers whatever piece they are asked in. */
    tensor_fill_normal(3, 1000 + 777, 1000, 2.0f, y);
    assert_memory_equal(y, x + 777, 1000 * sizeof *x);
    tensor_fill_normal(4, 1000, N, 2.0f, y);
    assert_memory_not_equal(x, y, sizeof x);
}

static void test_is_finite(void **state) {
    (void)state;
    float x[40] = {0};
    x[3] = 3e38f, x[5] = -0x1p-149f;
    assert_true(tensor_is_finite(40, x));
    const float bad[] = {infinity, -infinity, nan_value};
    for (int i = 0; i < 40; i++)
        for (int j = 0; j < 3; j++) {
            float kept = x[i];
            x[i] = bad[j];
            assert_false(tensor_is_finite(40, x));
            x[i] = kept;
        }
}

/* Head size 16, a quarter of it rotated: inverse frequencies 1 and 0.01. */
static void test_rotary_table(void **state) {
    (void)state;
    static float table[100][2][2];
    rotary_table(100, 4, 10000.0, (rotary_scaling_t){0}, &table[0][0][0]);
    for (int p = 0; p < 100; p++)
        for (int j = 0; j < 2; j++) {
            double angle = p * (j ? 0.01 : 1.0);
            assert_true(fabs((double)table[p][j][0] - cos(angle)) < 4e-8);
            assert_true(fabs((double)table[p][j][1] - sin(angle)) < 4e-8);
        }
    assert_true(table[0][1][0] == 1.0f && table[0][1][1] == 0.0f);
}

/* The frequencies of Llama 3.1 for a head of 16, as transformers 5 computes them (in float): some stay, one is
 * interpolated, some are divided by 8. */
static void test_rotary_scaling(void **state) {
    (void)state;
    static const double frequency[8] = {1.0,           0.19392276,    0.037606031,   0.0072926651,
                                        0.00052484602, 3.4281024e-05, 6.6478697e-06, 1.2891732e-06};
    static float table[3][8][2];
    rotary_table(3, 16, 500000.0, (rotary_scaling_t){.factor = 8, .low = 1, .high = 4, .original = 8192},
                 &table[0][0][0]);
    for (int p = 0; p < 3; p++)
        for (int j = 0; j < 8; j++) {
            assert_true(fabs((double)table[p][j][0] - cos(p * frequency[j])) < 2e-7);
            assert_true(fabs((double)table[p][j][1] - sin(p * frequency[j])) <= 1e-6 * p * frequency[j]);
        }
}

/* Between two neighbouring halves, the middle goes to the even one, what is nearer to one of them to that. Each half
 * itself comes back. `largest` is the last finite one, `top` the value at which rounding goes to infinity. */
static void check_halves(float (*widen)(uint16_t), uint16_t (*narrow)(float), uint16_t largest, float top) {
    for (uint32_t sign = 0; sign <= 0x8000; sign += 0x8000)
        for (uint32_t h = 0; h <= largest; h++) {
            float x = widen((uint16_t)(sign | h));
            assert_int_equal(narrow(x), sign | h);
            float next = h < largest ? widen((uint16_t)(sign | (h + 1))) : sign ? -top : top;
            float middle = (float)(((double)x + (double)next) / 2), beyond = h < largest ? middle : next;
            if (h == largest) middle = beyond;
            uint32_t bits = math_bits(middle);
            assert_int_equal(narrow(middle), sign | (h + (h & 1)));
            if (bits & 0x7fffffffu) assert_int_equal(narrow(math_from_bits(bits - 1)), sign | h);
            assert_int_equal(narrow(math_from_bits(bits + 1)), sign | (h + 1));
        }
    assert_true(narrow(nan_value) > (uint32_t)largest + 1);
    assert_true(widen(narrow(nan_value)) != widen(narrow(nan_value)));
    assert_int_equal(narrow(infinity), largest + 1);
}

static void test_halves(void **state) {
    (void)state;
    assert_true(math_from_bf16(0x3f80) == 1.0f && math_from_bf16(0xc049) == -0x1.92p1f);
    assert_true(math_from_f16(0x3c00) == 1.0f && math_from_f16(0xc248) == -0x1.92p1f && math_from_f16(1) == 0x1p-24f);
    check_halves(math_from_bf16, math_to_bf16, 0x7f7f, 0x1.ffp127f);
    check_halves(math_from_f16, math_to_f16, 0x7bff, 65520.0f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_float_bounds),    cmocka_unit_test(test_gelu_far_left),
        cmocka_unit_test(test_gelu_grad_bound), cmocka_unit_test(test_special_values),
        cmocka_unit_test(test_gelu_golden),     cmocka_unit_test(test_double_bounds),
        cmocka_unit_test(test_vector_forms),    cmocka_unit_test(test_vector_tails),
        cmocka_unit_test(test_find_above),      cmocka_unit_test(test_normal_numbers),
        cmocka_unit_test(test_is_finite),       cmocka_unit_test(test_rotary_table),
        cmocka_unit_test(test_rotary_scaling),  cmocka_unit_test(test_gelu_tanh_bound),
        cmocka_unit_test(test_halves),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
