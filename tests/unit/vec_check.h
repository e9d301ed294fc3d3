/* Every operation of a v16 against what its comment in vec_avx512.h says, in plain C, with every pair of extraordinary
 * numbers in every lane. Included after one of tensor/vec_*.h by a program that is compiled for those instructions. */
#ifndef MEMPROBE_TESTS_VEC_CHECK_H
#define MEMPROBE_TESTS_VEC_CHECK_H
#include "kernel_check.h"
#include "tensor/kernels.h"
#include "tensor/math.h"

enum { LANES = TENSOR_LANES };

static const float vec_values[] = {
    NAN, -NAN, INFINITY, -INFINITY, 0.0f,      -0.0f,     0x1p-149f,        -0x1p-149f, 0x1.fffffcp-127f, 0x1p-126f,
    1,   -1,   2,        -3,        0x1.8p-1f, 0x1p-100f, 0x1.fffffep+127f, -0x1p127f,  0x1.000002p0f};
enum { VALUES = sizeof vec_values / sizeof *vec_values };

/* Lane l takes value first + step l: over all `first`, every value comes into every lane, and with another step the
 * lanes of two vectors meet in all pairs. */
static void vec_draw(int first, int step, float lane[LANES]) {
    for (int l = 0; l < LANES; l++) lane[l] = vec_values[(first + step * l) % VALUES];
}

static void vec_same(const char *what, float expected, float x, int lane) {
    if (math_bits(expected) != math_bits(x) && (expected == expected || x == x))
        fail_msg("%s, %s: lane %d is %a, not %a", V16_NAME, what, lane, (double)x, (double)expected);
}

static float plain_add(float a, float b) {
    return a + b;
}
static float plain_sub(float a, float b) {
    return a - b;
}
static float plain_mul(float a, float b) {
    return a * b;
}
static float plain_div(float a, float b) {
    return a / b;
}
static float plain_max(float a, float b) {
    return a > b ? a : b;
}
static float plain_min(float a, float b) {
    return a < b ? a : b;
}

static void test_two_operands(void **state) {
    (void)state;
    static const struct {
        const char *name;
        v16 (*vector)(v16 a, v16 b);
        float (*plain)(float a, float b);
    } op[] = {{"add", v16_add, plain_add}, {"sub", v16_sub, plain_sub}, {"mul", v16_mul, plain_mul},
              {"div", v16_div, plain_div}, {"max", v16_max, plain_max}, {"min", v16_min, plain_min}};
    float a[LANES], b[LANES], c[LANES];
    for (int i = 0; i < VALUES * VALUES; i++) {
        vec_draw(i / VALUES, 1, a), vec_draw(i % VALUES, 5, b);
        for (size_t o = 0; o < sizeof op / sizeof *op; o++) {
            v16_store(c, op[o].vector(v16_load(a), v16_load(b)));
            for (int l = 0; l < LANES; l++) vec_same(op[o].name, op[o].plain(a[l], b[l]), c[l], l);
        }
    }
}

static void test_one_operand(void **state) {
    (void)state;
    float a[LANES], root[LANES], size[LANES], copy[LANES], same[LANES], zero[LANES];
    for (int i = 0; i < VALUES; i++) {
        vec_draw(i, 1, a);
        v16_store(root, v16_sqrt(v16_load(a))), v16_store(size, v16_abs(v16_load(a)));
        v16_store(same, v16_set1(a[0])), v16_store(zero, v16_zero()), v16_store(copy, v16_load(a));
        for (int l = 0; l < LANES; l++) {
            vec_same("sqrt", sqrtf(a[l]), root[l], l);
            assert_int_equal(math_bits(size[l]), math_bits(a[l]) & 0x7fffffffu); // of a NaN too
            assert_int_equal(math_bits(copy[l]), math_bits(a[l]));
            vec_same("set1", a[0], same[l], l);
            assert_int_equal(math_bits(zero[l]), 0);
        }
    }
}

/* Sums that only one rounding gets right among them: the product of the last value with itself. */
static void test_multiply_add(void **state) {
    (void)state;
    float a[LANES], b[LANES], c[LANES], sum[LANES], difference[LANES];
    for (int i = 0; i < VALUES * VALUES * VALUES; i++) {
        vec_draw(i / VALUES / VALUES, 1, a), vec_draw(i / VALUES % VALUES, 5, b), vec_draw(i % VALUES, 7, c);
        v16_store(sum, v16_fma(v16_load(a), v16_load(b), v16_load(c)));
        v16_store(difference, v16_fnma(v16_load(a), v16_load(b), v16_load(c)));
        for (int l = 0; l < LANES; l++) {
            vec_same("fma", fmaf(a[l], b[l], c[l]), sum[l], l);
            vec_same("fnma", fmaf(-a[l], b[l], c[l]), difference[l], l);
        }
    }
}

static void test_comparisons(void **state) {
    (void)state;
    float a[LANES], b[LANES];
    for (int i = 0; i < VALUES * VALUES; i++) {
        uint32_t less = 0, greater = 0, at_least = 0, equal = 0;
        vec_draw(i / VALUES, 1, a), vec_draw(i % VALUES, 5, b);
        for (int l = 0; l < LANES; l++) {
            less |= (uint32_t)(a[l] < b[l]) << l, greater |= (uint32_t)(a[l] > b[l]) << l;
            at_least |= (uint32_t)(a[l] >= b[l]) << l, equal |= (uint32_t)(a[l] == b[l]) << l;
        }
        assert_int_equal(v16m_bits(v16_less(v16_load(a), v16_load(b))), less);
        assert_int_equal(v16m_bits(v16_greater(v16_load(a), v16_load(b))), greater);
        assert_int_equal(v16m_bits(v16_at_least(v16_load(a), v16_load(b))), at_least);
        assert_int_equal(v16m_bits(v16_equal(v16_load(a), v16_load(b))), equal);
    }
}

/* Every mask; the choice moves bits, NaNs among them. */
static void test_blend(void **state) {
    (void)state;
    float yes[LANES], no[LANES], chosen[LANES], truth[LANES];
    int32_t integer[LANES], yes_integer[LANES], no_integer[LANES];
    for (uint32_t mask = 0; mask < 0x10000; mask += 1 + mask / 64) {
        vec_draw((int)(mask % VALUES), 1, yes), vec_draw((int)(mask % VALUES), 7, no);
        for (int l = 0; l < LANES; l++) truth[l] = (float)(mask >> l & 1);
        for (int l = 0; l < LANES; l++) yes_integer[l] = -l - 1, no_integer[l] = 0x40000000 + l;
        v16m m = v16_less(v16_zero(), v16_load(truth));
        assert_int_equal(v16m_bits(m), mask);
        v16_store(chosen, v16_blend(m, v16_load(yes), v16_load(no)));
        v16i_store(integer, v16i_blend(m, v16i_load(yes_integer), v16i_load(no_integer)));
        for (int l = 0; l < LANES; l++) {
            assert_int_equal(math_bits(chosen[l]), math_bits(mask >> l & 1 ? yes[l] : no[l]));
            assert_int_equal(integer[l], mask >> l & 1 ? yes_integer[l] : no_integer[l]);
        }
    }
}

static void test_integers(void **state) {
    (void)state;
    int32_t index[LANES], sum[LANES];
    v16i_store(index, v16i_index());
    v16i_store(sum, v16i_add(v16i_index(), v16i_set1(INT32_MAX - 15)));
    for (int l = 0; l < LANES; l++) {
        assert_int_equal(index[l], l);
        assert_int_equal(sum[l], INT32_MAX - 15 + l);
    }
}

/* Beyond the first n lanes zeros are loaded and nothing is stored. */
static void test_parts(void **state) {
    (void)state;
    float a[LANES], loaded[LANES], stored[LANES + 1];
    vec_draw(6, 1, a);
    for (int n = 0; n < LANES; n++) {
        float *exact = check_copy(a, n); // a sanitized build sees a load beyond it
        v16_store(loaded, v16_load_part(exact, n));
        for (int l = 0; l <= LANES; l++) stored[l] = 7;
        v16_store_part(stored, v16_load(a), n);
        for (int l = 0; l < LANES; l++) {
            assert_int_equal(math_bits(loaded[l]), l < n ? math_bits(a[l]) : 0);
            assert_int_equal(math_bits(stored[l]), math_bits(l < n ? a[l] : 7.0f));
        }
        assert_true(stored[LANES] == 7);
        check_free(exact, n);
    }
}

/* All of them: numbers, denormal ones, infinities and NaNs. */
static void test_halves(void **state) {
    (void)state;
    for (uint32_t first = 0; first < 0x10000; first += LANES) {
        uint16_t half[LANES];
        float bf16[LANES], f16[LANES];
        for (uint32_t l = 0; l < LANES; l++) half[l] = (uint16_t)(first + l);
        v16_store(bf16, v16_load_bf16(half)), v16_store(f16, v16_load_f16(half));
        for (int l = 0; l < LANES; l++) {
            vec_same("bf16", math_from_bf16(half[l]), bf16[l], l);
            vec_same("f16", math_from_f16(half[l]), f16[l], l);
        }
    }
}

/* a 2^n for a near 1, as exp wants it, for all n from results that vanish to such as overflow. */
static void test_scale2(void **state) {
    (void)state;
    float a[LANES], n[LANES], y[LANES];
    for (int base = -254; base <= 254 - LANES + 1; base++) {
        for (int l = 0; l < LANES; l++) {
            a[l] = 0.7f + 0.05f * (float)((l * 5 + base + 254) % LANES), n[l] = (float)(base + l);
            if (l % 4 == 3) a[l] = -a[l];
        }
        v16_store(y, v16_scale2(v16_load(a), v16_load(n)));
        for (int l = 0; l < LANES; l++) vec_same("scale2", (float)ldexp((double)a[l], (int)n[l]), y[l], l);
        v16_store(y, v16_scale2(v16_set1(NAN), v16_load(n)));
        for (int l = 0; l < LANES; l++) assert_true(isnan(y[l]));
    }
}

/* Lane i takes lane i + 8, then i + 4, i + 2, i + 1. Of all values, of zeros of both signs, and of numbers whose sum
 * depends on the order. */
static void test_folds(void **state) {
    (void)state;
    for (int round = 0; round < 500; round++) {
        float a[LANES], sum[LANES], max[LANES];
        if (round < VALUES * VALUES)
            vec_draw(round % VALUES, 1 + round / VALUES, a);
        else if (round % 2)
            for (int l = 0; l < LANES; l++) a[l] = check_below(2) ? 0.0f : -0.0f;
        else
            for (int l = 0; l < LANES; l++) a[l] = ldexpf((float)check_below(2001) - 1000, (int)check_below(40));
        memcpy(sum, a, sizeof a), memcpy(max, a, sizeof a);
        for (int half = LANES / 2; half; half /= 2)
            for (int l = 0; l < half; l++) max[l] = plain_max(max[l], max[l + half]);
        vec_same("fold_add", ref_fold(sum), v16_fold_add(v16_load(a)), 0);
        vec_same("fold_max", max[0], v16_fold_max(v16_load(a)), 0);
    }
}

/* Sixteen doubles, seen through their fold: with all but one at 0 it is that lane, else the order shows. The product
 * of two floats is exact; that of a sum with one shows whether it is rounded. */
static void test_doubles(void **state) {
    (void)state;
    for (int round = 0; round < 500; round++) {
        float a[LANES] = {0}, b[LANES] = {0}, c[LANES] = {0};
        double sum[LANES];
        for (int l = 0; l < LANES; l++) {
            if (round >= LANES || l == round) {
                a[l] = ldexpf((float)check_below(20001) - 10000, (int)check_below(60)), b[l] = 0x1.000002p0f;
                c[l] = ldexpf((float)check_below(2001) - 1000, (int)check_below(60));
            }
            sum[l] = fma((double)a[l], (double)b[l], (double)c[l]);
            sum[l] = fma(sum[l], (double)b[l], (double)a[l]) + (double)c[l];
        }
        const v16d da = v16d_from(v16_load(a)), db = v16d_from(v16_load(b)), dc = v16d_from(v16_load(c));
        const v16d made = v16d_add(v16d_fma(v16d_fma(da, db, v16d_add(dc, v16d_zero())), db, da), dc);
        for (int half = LANES / 2; half; half /= 2)
            for (int l = 0; l < half; l++) sum[l] += sum[l + half];
        assert_true(v16d_fold_add(made) == sum[0]);
    }
}

/* For main. */
static int vec_check(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_two_operands), cmocka_unit_test(test_one_operand), cmocka_unit_test(test_multiply_add),
        cmocka_unit_test(test_comparisons),  cmocka_unit_test(test_blend),       cmocka_unit_test(test_integers),
        cmocka_unit_test(test_parts),        cmocka_unit_test(test_halves),      cmocka_unit_test(test_scale2),
        cmocka_unit_test(test_folds),        cmocka_unit_test(test_doubles),
    };
    if (tensor_kernels(V16_NAME) == NULL) {
        printf("this CPU has no %s\n", V16_NAME);
        return 77;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#endif
