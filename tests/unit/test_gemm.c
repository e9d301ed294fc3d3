/* The matrix product: every kernel has the bits of the reference for any shape, stride and row count, a row's bits do
 * not depend on its neighbours, nothing is written outside; the reference is right (double, and OpenBLAS). */
#include "base/mem.h"
#include "base/rng.h"
#include "tensor/math.h"
#include "tensor/tensor.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { GUARD = 37 };
static const float guard_value = 123456.75f;

static const char *const vector_kernels[] = {"avx2", "avx512"};

static int64_t draw(uint64_t counter, int64_t low, int64_t high) {
    return low + rng_below(20, RNG_TEST, counter, high - low + 1);
}

/* One product with everything around C guarded. */
typedef struct {
    int64_t m, n, k, a_row, a_col, ldc, c_floats;
    float *a, *b, *packed, *bias, *start, *c, *expected; // start: old content of C
    int accumulate;
} product_t;

static void product_make(product_t *p, uint64_t seed) {
    int64_t a_floats = (p->m - 1) * p->a_row + (p->k - 1) * p->a_col + 1;
    if (a_floats < 1) a_floats = 1;
    p->c_floats = GUARD + p->m * p->ldc + GUARD;
    p->a = mem_new(a_floats, sizeof(float), "A");
    p->b = mem_new(p->n * p->k, sizeof(float), "B");
    p->packed = mem_new(gemm_packed_floats(p->n, p->k), sizeof(float), "packed B");
    p->bias = mem_new(p->n, sizeof(float), "bias");
    p->start = mem_new(p->c_floats, sizeof(float), "C");
    p->c = mem_new(p->c_floats, sizeof(float), "C");
    p->expected = mem_new(p->c_floats, sizeof(float), "C");
    tensor_fill_normal(seed, 0, a_floats, 1.0f, p->a);
    tensor_fill_normal(seed, 1000000, p->n * p->k, 1.0f, p->b);
    tensor_fill_normal(seed, 2000000, p->n, 1.0f, p->bias);
    for (int64_t i = 0; i < p->c_floats; i++) p->start[i] = guard_value;
    for (int64_t i = 0; i < p->m; i++) tensor_fill_normal(seed, 3000000, p->n, 1.0f, p->start + GUARD + i * p->ldc);
    gemm_pack(p->n, p->k, p->b, p->n, 1, p->packed);
}

static void product_free(product_t *p) {
    mem_free(p->a), mem_free(p->b), mem_free(p->packed), mem_free(p->bias);
    mem_free(p->start), mem_free(p->c), mem_free(p->expected);
}

static void product_run(const product_t *p, const tensor_ops_t *ops, int with_bias, float *c) {
    memcpy(c, p->start, (size_t)p->c_floats * sizeof *c);
    ops->gemm(p->m, p->n, p->k, p->a, p->a_row, p->a_col, packed_f32(p->packed), with_bias ? p->bias : NULL,
              p->accumulate, c + GUARD, p->ldc);
}

/* The reference, then all vector kernels on the same product, C and its surroundings compared byte for byte. */
static void check_kernels(product_t *p, int with_bias) {
    product_run(p, tensor_kernels("reference"), with_bias, p->expected);
    for (int v = 0; v < 2; v++) {
        const tensor_ops_t *ops = tensor_kernels(vector_kernels[v]);
        if (!ops) continue;
        product_run(p, ops, with_bias, p->c);
        for (int64_t i = 0; i < p->c_floats; i++)
            if (math_bits(p->c[i]) != math_bits(p->expected[i]))
                fail_msg("%s m %lld n %lld k %lld: C[%lld] is %a, the reference has %a", ops->name, (long long)p->m,
                         (long long)p->n, (long long)p->k, (long long)(i - GUARD), (double)p->c[i],
                         (double)p->expected[i]);
    }
}

static void test_every_row_count(void **state) {
    (void)state;
    for (int64_t m = 1; m <= 100; m++) {
        product_t p = {.m = m, .n = draw((uint64_t)m, 1, 150), .k = draw((uint64_t)m + 1000, 1, 40), .a_col = 1};
        p.a_row = p.k + m % 3, p.ldc = p.n + m % 5, p.accumulate = (int)(m / 2 % 2);
        product_make(&p, (uint64_t)m);
        check_kernels(&p, (int)(m % 2));
        product_free(&p);
    }
}

/* Shapes around the sizes of panels, blocks and vectors; transposed and odd strides of A; several blocks of k. */
static void test_shapes(void **state) {
    (void)state;
    static const int64_t columns[] = {1, 15, 16, 17, 31, 32, 33, 48, 49, 64, 127, 129, 300};
    static const int64_t terms[] = {0, 1, 2, 255, 256, 257, 512, 600, 777};
    uint64_t seed = 500;
    for (size_t i = 0; i < sizeof columns / sizeof *columns; i++)
        for (size_t j = 0; j < sizeof terms / sizeof *terms; j++, seed++) {
            product_t p = {.m = draw(seed, 1, 30), .n = columns[i], .k = terms[j]};
            p.a_row = seed % 3 == 0 ? 1 : seed % 3 == 1 ? p.k + 3 : 2;
            p.a_col = seed % 3 == 0 ? p.m + 2 : seed % 3 == 1 ? 1 : 2 * p.m + 1;
            p.ldc = p.n + (int64_t)(seed % 4), p.accumulate = (int)(seed % 2);
            product_make(&p, seed);
            check_kernels(&p, (int)(seed / 2 % 2));
            product_free(&p);
        }
}

/* B stored as halves: the bits of the product with the same numbers stored as F32, and its columns come back. */
static void test_halves(void **state) {
    (void)state;
    static const packed_type_t types[] = {PACKED_BF16, PACKED_F16};
    for (uint64_t seed = 700; seed < 760; seed++) {
        packed_type_t type = types[seed % 2];
        product_t p = {
            .m = draw(seed, 1, 40), .n = draw(seed + 100, 1, 200), .k = draw(seed + 200, 0, 600), .a_col = 1};
        p.a_row = p.k + 1, p.ldc = p.n, p.accumulate = (int)(seed / 2 % 2);
        product_make(&p, seed);
        void *stored = mem_new(packed_bytes(type, p.n, p.k), 1, "halves");
        packed_fill(type, p.n, p.k, p.b, p.n, 1, stored);
        packed_t halves = {stored, type};
        float *column = mem_new(p.k, sizeof *column, "column");
        for (int64_t j = 0; j < p.n; j++) {
            packed_column(halves, p.k, j, column);
            for (int64_t i = 0; i < p.k; i++) p.b[i * p.n + j] = column[i];
        }
        packed_fill(PACKED_F32, p.n, p.k, p.b, p.n, 1, p.packed);
        product_run(&p, tensor_kernels("reference"), 1, p.expected);
        for (int v = 0; v < 3; v++) {
            const tensor_ops_t *ops = tensor_kernels(v < 2 ? vector_kernels[v] : "reference");
            if (!ops) continue;
            memcpy(p.c, p.start, (size_t)p.c_floats * sizeof *p.c);
            ops->gemm(p.m, p.n, p.k, p.a, p.a_row, 1, halves, p.bias, p.accumulate, p.c + GUARD, p.ldc);
            assert_memory_equal(p.c, p.expected, (size_t)p.c_floats * sizeof *p.c);
        }
        mem_free(stored), mem_free(column);
        product_free(&p);
    }
}

/* Row i alone has the bits that it has among 100 others. */
static void test_row_is_independent(void **state) {
    (void)state;
    product_t p = {.m = 101, .n = 70, .k = 300, .a_row = 300, .a_col = 1, .ldc = 70};
    product_make(&p, 77);
    const char *const names[] = {"reference", "avx2", "avx512"};
    for (int v = 0; v < 3; v++) {
        const tensor_ops_t *ops = tensor_kernels(names[v]);
        if (!ops) continue;
        product_run(&p, ops, 1, p.c);
        for (int64_t i = 0; i < p.m; i++) {
            float row[70];
            ops->gemm(1, p.n, p.k, p.a + i * p.a_row, p.a_row, 1, packed_f32(p.packed), p.bias, 0, row, p.n);
            assert_memory_equal(row, p.c + GUARD + i * p.ldc, sizeof row);
        }
    }
    product_free(&p);
}

/* Panels of 32 columns, zeros behind the last column, from any strides of B. */
static void test_pack(void **state) {
    (void)state;
    enum { K = 37, N = 71, PANELS = 3 };
    static float b[K * N * 2], packed[PANELS * K * GEMM_PANEL + 1];
    static const int64_t strides[][2] = {{N, 1}, {1, K}, {2 * N, 2}};
    tensor_fill_normal(5, 0, K * N * 2, 1.0f, b);
    assert_int_equal(gemm_packed_floats(N, K), PANELS * K * GEMM_PANEL);
    for (int s = 0; s < 3; s++) {
        for (size_t i = 0; i < sizeof packed / sizeof *packed; i++) packed[i] = guard_value;
        gemm_pack(N, K, b, strides[s][0], strides[s][1], packed);
        for (int64_t j = 0; j < PANELS * GEMM_PANEL; j++)
            for (int64_t p = 0; p < K; p++) {
                float expected = j < N ? b[p * strides[s][0] + j * strides[s][1]] : 0.0f;
                assert_true(packed[(j / GEMM_PANEL * K + p) * GEMM_PANEL + j % GEMM_PANEL] == expected);
            }
        assert_true(packed[PANELS * K * GEMM_PANEL] == guard_value);
    }
}

/* Denormals are not flushed; large numbers overflow to infinity in the same place. */
static void test_extremes(void **state) {
    (void)state;
    for (int round = 0; round < 2; round++) {
        product_t p = {.m = 14, .n = 40, .k = 20, .a_row = 20, .a_col = 1, .ldc = 40};
        product_make(&p, 78);
        float factor = round ? 0x1p63f : 0x1p-74f;
        for (int64_t i = 0; i < p.m * p.k; i++) p.a[i] *= factor;
        for (int64_t i = 0; i < gemm_packed_floats(p.n, p.k); i++) p.packed[i] *= factor;
        check_kernels(&p, 0);
        int found = 0;
        for (int64_t i = 0; i < p.m * p.n; i++) {
            uint32_t exponent = math_bits(p.expected[GUARD + i]) & 0x7f800000u;
            found += round ? exponent == 0x7f800000u : exponent == 0 && p.expected[GUARD + i] != 0;
        }
        assert_true(found > 10);
        product_free(&p);
    }
}

/* The definition, term by term: two blocks of k with a sum that rounds differently in one chain. */
static void test_definition(void **state) {
    (void)state;
    enum { K = GEMM_BLOCK + 2 };
    static float a[K], b[K], packed[K * GEMM_PANEL];
    for (int p = 0; p < K; p++) a[p] = 1.0f, b[p] = p < 2 ? 0x1p24f : 0.0f;
    b[1] = 1.0f;                              // lost: 2^24 + 1 rounds to 2^24
    b[GEMM_BLOCK] = b[GEMM_BLOCK + 1] = 1.0f; // kept: 2 arrives as one number from the second block
    gemm_pack(1, K, b, 1, 1, packed);
    const char *const names[] = {"reference", "avx2", "avx512"};
    for (int v = 0; v < 3; v++) {
        const tensor_ops_t *ops = tensor_kernels(names[v]);
        float c = 1.0f, bias = 1.0f;
        if (!ops) continue;
        ops->gemm(1, 1, K, a, K, 1, packed_f32(packed), NULL, 0, &c, 1);
        assert_true(c == 0x1p24f + 2.0f);
        ops->gemm(1, 1, K, a, K, 1, packed_f32(packed), &bias, 1, &c, 1); // 2^24 + 2 + 1 rounds to 2^24 + 4
        assert_true(c == (0x1p24f + 2.0f) + (0x1p24f + 4.0f));
    }
}

static void test_against_double_and_openblas(void **state) {
    (void)state;
    product_t p = {.m = 50, .n = 90, .k = 700, .a_col = 50, .a_row = 1, .ldc = 90, .accumulate = 1};
    product_make(&p, 79);
    product_run(&p, tensor_kernels("reference"), 1, p.expected);
    product_run(&p, tensor_kernels("openblas"), 1, p.c);
    for (int64_t i = 0; i < p.m; i++)
        for (int64_t j = 0; j < p.n; j++) {
            double sum = 0, size = 0;
            for (int64_t q = 0; q < p.k; q++) {
                double term = (double)p.a[i * p.a_row + q * p.a_col] * (double)p.b[q * p.n + j];
                sum += term;
                size += term < 0 ? -term : term;
            }
            int64_t at = GUARD + i * p.ldc + j;
            sum += (double)p.bias[j] + (double)p.start[at];
            double error = (double)p.expected[at] - sum, other = (double)p.c[at] - sum;
            double limit = size * GEMM_BLOCK * 0x1p-24; // the bound of a chain, far above what happens
            assert_true(error < limit * 0.05 && -error < limit * 0.05);
            assert_true(other < limit * 0.05 && -other < limit * 0.05);
        }
    product_free(&p);
}

static void test_names(void **state) {
    (void)state;
    assert_non_null(tensor_kernels("auto"));
    assert_string_equal(tensor_kernels("reference")->name, "reference");
    assert_string_equal(tensor_kernels("openblas")->name, "openblas");
    assert_null(tensor_kernels("sse9"));
    assert_non_null(strstr(tensor_available(), "reference"));
    assert_true(tensor_peak(tensor_kernels("auto")) > 1e9);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_row_count),
        cmocka_unit_test(test_shapes),
        cmocka_unit_test(test_pack),
        cmocka_unit_test(test_halves),
        cmocka_unit_test(test_row_is_independent),
        cmocka_unit_test(test_extremes),
        cmocka_unit_test(test_definition),
        cmocka_unit_test(test_against_double_and_openblas),
        cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
