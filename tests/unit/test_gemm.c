/* The matrix product: every kernel has the bits of the reference for any shape, stride and row count, a row's bits do
 * not depend on its neighbours, nothing is written outside; the reference is right (double, and OpenBLAS). */
#include "base/mem.h"
#include "base/rng.h"
#include "tensor/kernels.h"
#include "tensor/math.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { GUARD = 37 };
static const float guard_value = 123456.75f;

static const char *const vector_kernels[] = {"avx2", "avx512", "neon"};

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
    for (int v = 0; v < 3; v++) {
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

/* Ordinary numbers, such as give denormal sums, and such as overflow; one tile of every height over several blocks. */
static void test_every_row_count(void **state) {
    (void)state;
    static const float scales[] = {1, 1, 0x1p-74f, 0x1p63f};
    for (int64_t m = 1; m <= 200; m++) {
        product_t p = {.m = m, .n = draw((uint64_t)m, 1, 150), .k = draw((uint64_t)m + 1000, 1, 40), .a_col = 1};
        if (m <= 16) p.k += 2 * GEMM_BLOCK;
        p.a_row = p.k + m % 3, p.ldc = p.n + m % 5, p.accumulate = (int)(m / 2 % 2);
        product_make(&p, (uint64_t)m);
        for (int64_t i = 0; i < gemm_packed_floats(p.n, p.k); i++) p.packed[i] *= scales[m / 4 % 4];
        for (int64_t i = 0; i < (p.m - 1) * p.a_row + p.k; i++) p.a[i] *= scales[m / 4 % 4];
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

/* B stored as halves: the bits of the product with the same numbers stored as F32, and its columns come back. All row
 * counts; ordinary numbers, denormal ones, and such as overflow. */
static void test_halves(void **state) {
    (void)state;
    static const packed_type_t types[] = {PACKED_BF16, PACKED_F16};
    static const float scales[2][4] = {{1, 1, 0x1p-130f, 0x1.8p126f}, {1, 1, 0x1p-16f, 0x1p14f}};
    for (uint64_t seed = 0; seed < 400; seed++) {
        packed_type_t type = types[seed % 2];
        float scale = scales[seed % 2][seed / 2 % 4];
        product_t p = {.m = 1 + (int64_t)seed / 2,
                       .n = draw(seed + 700, 1, 70),
                       .k = draw(seed + 1200, 0, seed % 16 ? 60 : 600),
                       .a_col = 1};
        int with_bias = scale == 1; // neither it nor old C, which denormal sums would drown in, where they count
        p.a_row = p.k + 1, p.ldc = p.n, p.accumulate = with_bias && seed / 2 % 2;
        product_make(&p, seed);
        for (int64_t i = 0; i < p.n * p.k; i++) p.b[i] *= scale;
        void *stored = mem_new(packed_bytes(type, p.n, p.k), 1, "halves");
        packed_fill(type, p.n, p.k, p.b, p.n, 1, stored);
        packed_t halves = {stored, type};
        float *column = mem_new(p.k, sizeof *column, "column");
        for (int64_t j = 0; j < p.n; j++) {
            packed_column(halves, p.k, j, column);
            for (int64_t i = 0; i < p.k; i++) p.b[i * p.n + j] = column[i];
        }
        packed_fill(PACKED_F32, p.n, p.k, p.b, p.n, 1, p.packed);
        product_run(&p, tensor_kernels("reference"), with_bias, p.expected);
        for (int v = 0; v < 4; v++) {
            const tensor_ops_t *ops = tensor_kernels(v < 3 ? vector_kernels[v] : "reference");
            if (!ops) continue;
            memcpy(p.c, p.start, (size_t)p.c_floats * sizeof *p.c);
            ops->gemm(p.m, p.n, p.k, p.a, p.a_row, 1, halves, with_bias ? p.bias : NULL, p.accumulate, p.c + GUARD,
                      p.ldc);
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
    const char *const names[] = {"reference", "avx2", "avx512", "neon"};
    for (int v = 0; v < 4; v++) {
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
    const char *const names[] = {"reference", "avx2", "avx512", "neon"};
    for (int v = 0; v < 4; v++) {
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

/* A product of bf16 numbers with each way of making it, C and its surroundings against the reference, NaNs as such. */
static void check_dot_bf16(product_t *p, int with_bias) {
    void *stored = mem_new(packed_bytes(PACKED_DOT_BF16, p->n, p->k), 1, "pairs");
    packed_fill(PACKED_DOT_BF16, p->n, p->k, p->b, p->n, 1, stored);
    packed_t b = {stored, PACKED_DOT_BF16};
    const float *bias = with_bias ? p->bias : NULL;
    memcpy(p->expected, p->start, (size_t)p->c_floats * sizeof *p->c);
    ref_gemm(p->m, p->n, p->k, p->a, p->a_row, p->a_col, b, bias, p->accumulate, p->expected + GUARD, p->ldc);
    tensor_gemm_t *products[] = {tensor_kernels("avx2") ? dot_bf16_avx2 : NULL,
                                 tensor_kernels("avx512") ? dot_bf16_avx512 : NULL, dot_bf16_chosen(),
                                 tensor_kernels("auto")->gemm};
    for (size_t v = 0; v < sizeof products / sizeof *products; v++) {
        if (products[v] == NULL) continue;
        memcpy(p->c, p->start, (size_t)p->c_floats * sizeof *p->c);
        products[v](p->m, p->n, p->k, p->a, p->a_row, p->a_col, b, bias, p->accumulate, p->c + GUARD, p->ldc);
        for (int64_t i = 0; i < p->c_floats; i++)
            if (math_bits(p->c[i]) != math_bits(p->expected[i]) &&
                !(p->c[i] != p->c[i] && p->expected[i] != p->expected[i]))
                fail_msg("product %zu m %lld n %lld k %lld: C[%lld] is %a, the reference has %a", v, (long long)p->m,
                         (long long)p->n, (long long)p->k, (long long)(i - GUARD), (double)p->c[i],
                         (double)p->expected[i]);
    }
    mem_free(stored);
}

static void test_dot_bf16(void **state) {
    (void)state;
    for (int64_t m = 0; m <= 200; m++) {
        uint64_t seed = 4000 + (uint64_t)m;
        product_t p = {.m = m > 0 ? m : 3, .n = draw(seed, 1, 100), .k = draw(seed + 1000, 1, m % 20 ? 40 : 800)};
        if (m == 0) p.k = 0;
        p.a_col = m % 7 == 3 ? p.m + 1 : 1, p.a_row = m % 7 == 3 ? 1 : p.k + m % 3;
        p.ldc = p.n + m % 5, p.accumulate = (int)(m / 2 % 2);
        product_make(&p, seed);
        check_dot_bf16(&p, (int)(m % 2));
        product_free(&p);
    }
    product_t wide = {.m = 14, .n = 33, .k = 22000, .a_col = 1, .a_row = 22000, .ldc = 33}; // 2 x 7 rows fit at once
    product_make(&wide, 4300);
    check_dot_bf16(&wide, 1);
    product_free(&wide);
    product_t widest = {.m = 2, .n = 3, .k = 140000, .a_col = 1, .a_row = 140000, .ldc = 3}; // not one row fits
    product_make(&widest, 4301);
    check_dot_bf16(&widest, 1);
    product_free(&widest);
}

/* Any bits at all, then numbers whose products vanish, cancel or overflow, C and the bias too. */
static void test_dot_bf16_extremes(void **state) {
    (void)state;
    static const uint32_t odd[] = {0,          0x80000000, 1,          0x807fffff, 0x007fffff, 0x00800000, 0x80800000,
                                   0x7f7fffff, 0xff7fffff, 0x7f800000, 0xff800000, 0x7f800001, 0x3f800000, 0xbf800000};
    int64_t zeros = 0, infinities = 0;
    for (uint64_t seed = 0; seed < 400; seed++) {
        product_t p = {.m = 7, .n = 40, .k = draw(seed, 1, 5), .a_row = 5, .a_col = 1, .ldc = 40};
        p.accumulate = (int)(seed / 2 % 2);
        product_make(&p, seed);
        struct {
            float *x;
            int64_t n;
        } part[] = {{p.a, (p.m - 1) * p.a_row + p.k}, {p.b, p.n * p.k}, {p.bias, p.n}, {p.start + GUARD, p.m * p.ldc}};
        uint64_t next = seed << 20;
        for (int w = 0; w < 4; w++)
            for (int64_t i = 0; i < part[w].n; i++) {
                uint32_t u = (uint32_t)rng_u64(21, RNG_TEST, next++);
                uint32_t exponent = seed % 4 == 1 ? 62 + (u >> 23 & 3) : w < 2 ? 189 + (u >> 23 & 3) : u >> 23 & 3;
                if (seed % 4 == 1 && w > 1) exponent = u >> 23 & 3;
                if (seed % 4 == 3)
                    u = odd[u % (sizeof odd / sizeof *odd)];
                else if (seed % 4)
                    u = (u & 0x807fffffu) | exponent << 23;
                part[w].x[i] = math_from_bits(u);
            }
        check_dot_bf16(&p, (int)(seed / 4 % 2));
        for (int64_t i = 0; i < p.m * p.n; i++) {
            uint32_t u = math_bits(p.expected[GUARD + i]);
            zeros += seed % 4 == 1 && (u << 1) == 0;
            infinities += (u << 1) == 0xff000000u;
            assert_true((u & 0x7f800000u) != 0 || (u << 1) == 0);
        }
        product_free(&p);
    }
    assert_true(zeros > 100 && infinities > 100);
}

/* Columns come back rounded, from the first panel and from a later one; pairs of an odd number of terms are whole. */
static void test_dot_bf16_packing(void **state) {
    (void)state;
    enum { K = 5, N = 70 };
    float b[K * N], column[K];
    uint16_t pairs[3 * GEMM_PANEL * (K + 1)];
    assert_int_equal(packed_bytes(PACKED_DOT_BF16, N, K), sizeof pairs);
    tensor_fill_normal(9, 0, K * N, 1.0f, b);
    b[3] = 0x1p-130f, b[64] = -0x1p-130f;
    packed_fill(PACKED_DOT_BF16, N, K, b, N, 1, pairs);
    packed_t all = {pairs, PACKED_DOT_BF16}, last = packed_from(all, K, 2 * GEMM_PANEL);
    for (int64_t j = 0; j < N; j++) {
        packed_column(j < 64 ? all : last, K, j < 64 ? j : j - 64, column);
        for (int64_t p = 0; p < K; p++) {
            float x = b[p * N + j], kept = math_from_bf16(math_to_bf16(x));
            if (fabsf(x) < 0x1p-126f) kept = copysignf(0.0f, x);
            assert_true(math_bits(column[p]) == math_bits(kept));
        }
        assert_int_equal(pairs[(j / 32 * (K + 1) + K - 1) * 32 + j % 32 * 2 + 1], 0);
    }
}

/* The definition, step by step, on numbers where another order, an unfused step or a kept denormal shows. */
static void test_dot_bf16_definition(void **state) {
    (void)state;
    static const struct {
        float a[2], b[2], sum;
    } cases[] = {
        {{0x1p-24f, 1.0f}, {1.0f, 1.0f}, 1.0f},               // odd first: 1, then 1 + 2^-24 ties to 1
        {{1.0f, 0x1p-24f}, {1.0f, 1.0f}, 1.0f},               // 2^-24, then 1 + 2^-24
        {{-1.0f, 0x1.02p0f}, {1.0f, 0x1.02p0f}, 0x1.01p-6f},  // the product is exact
        {{0x1p-60f, 0x0p0f}, {0x1p-67f, 0x0p0f}, 0.0f},       // 2^-127 is flushed
        {{-0x1.8p-126f, 0x1p-126f}, {1.0f, 1.0f}, -0.0f},     // so is what is left of two normal numbers
        {{0x1p-127f, 0x1p-127f}, {0x1p120f, 0x1p120f}, 0.0f}, // a denormal counts as zero
        {{0x1.fep-64f, 0x0p0f}, {0x1.02p-63f, 0x0p0f}, 0x1.00fep-126f},
        {{-0x1.8p-75f, 0x1p-63f}, {0x1p-76f, 0x1p-63f}, 0.0f}, // 2^-126 - 1.5 2^-151: denormal in 24 bits, so flushed
        {{-0x1p-75f, 0x1p-63f}, {0x1p-76f, 0x1p-63f}, 0x1p-126f}, // - 2^-151: a tie to 2^-126
        {{1.0f, 0.0f}, {0x1.01p0f, 0.0f}, 1.0f},                  // B is rounded, ties to even
        {{0x1.03p0f, 0.0f}, {1.0f, 0.0f}, 0x1.04p0f},             // A too
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint16_t pairs[2 * GEMM_PANEL];
        float c;
        packed_fill(PACKED_DOT_BF16, 1, 2, cases[i].b, 1, 1, pairs);
        ref_gemm(1, 1, 2, cases[i].a, 2, 1, (packed_t){pairs, PACKED_DOT_BF16}, NULL, 0, &c, 1);
        if (math_bits(c) != math_bits(cases[i].sum))
            fail_msg("case %zu: %a instead of %a", i, (double)c, (double)cases[i].sum);
        if (dot_bf16_chosen() == NULL) continue;
        dot_bf16_chosen()(1, 1, 2, cases[i].a, 2, 1, (packed_t){pairs, PACKED_DOT_BF16}, NULL, 0, &c, 1);
        assert_true(math_bits(c) == math_bits(cases[i].sum));
    }
    assert_true(dot_bf16_holds(ref_gemm));
    tensor_gemm_t *others[] = {tensor_kernels("avx2") ? dot_bf16_avx2 : NULL,
                               tensor_kernels("avx512") ? dot_bf16_avx512 : NULL};
    for (int v = 0; v < 2; v++)
        if (others[v]) assert_true(dot_bf16_holds(others[v]));
}

/* A product with one thing otherwise, for the self-check to tell from the definition. */
static int wrong; // 1: even first, 2: denormals kept, 3: the two products are summed first, 4: A is cut, not rounded,
                  // 5: what is flushed is seen after rounding where denormals stand
static float flushed(float x) {
    return wrong != 2 && fabsf(x) < 0x1p-126f ? copysignf(0.0f, x) : x;
}
static void wrong_gemm(int64_t m, int64_t n, int64_t k, const float *a, int64_t a_row, int64_t a_col, packed_t b,
                       const float *bias, int accumulate, float *c, int64_t ldc) {
    float column[8];
    for (int64_t i = 0; i < m; i++)
        for (int64_t j = 0; j < n; j++) {
            float row[8] = {0}, sum = 0;
            memset(column, 0, sizeof column);
            packed_column(b, k, j, column);
            for (int64_t p = 0; p < k; p++) {
                float x = a[i * a_row + p * a_col];
                row[p] = wrong == 4 ? math_from_bits(math_bits(x) & 0xffff0000u) : math_from_bf16(dot_bf16_round(x));
            }
            for (int64_t p = 0; p < k; p += 2) {
                int64_t first = wrong == 1 ? p : p + 1, then = wrong == 1 ? p + 1 : p;
                if (wrong == 3) {
                    sum = flushed(sum + fmaf(row[p], column[p], row[p + 1] * column[p + 1]));
                } else {
                    sum = flushed(fmaf(row[first], column[first], sum));
                    sum = flushed(fmaf(row[then], column[then], sum));
                }
            }
            if (bias) sum = flushed(sum + flushed(bias[j]));
            c[i * ldc + j] = accumulate ? flushed(flushed(c[i * ldc + j]) + sum) : sum;
        }
}

static void test_self_check_tells(void **state) {
    (void)state;
    for (wrong = 1; wrong <= 5; wrong++) assert_false(dot_bf16_holds(wrong_gemm));
}

static void test_names(void **state) {
    (void)state;
    size_t fastest = strcspn(tensor_available(), ",");
    assert_non_null(tensor_kernels("auto"));
    assert_true(strncmp(tensor_kernels("auto")->name, tensor_available(), fastest) == 0);
#ifdef __aarch64__
    assert_string_equal(tensor_kernels("auto")->name, "neon");
#endif
    assert_string_equal(tensor_kernels("reference")->name, "reference");
    assert_string_equal(tensor_kernels("openblas")->name, "openblas");
    assert_null(tensor_kernels("sse9"));
    assert_non_null(strstr(tensor_available(), "reference"));
    assert_true(tensor_peak(tensor_kernels("auto")) > 1e6); // an emulator is slow
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
        cmocka_unit_test(test_dot_bf16),
        cmocka_unit_test(test_dot_bf16_extremes),
        cmocka_unit_test(test_dot_bf16_packing),
        cmocka_unit_test(test_dot_bf16_definition),
        cmocka_unit_test(test_self_check_tells),
        cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
