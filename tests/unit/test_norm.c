/* Layer norm, its gradient, RMS norm and the rotary embedding: the kernels against the reference bit for bit, the
 * reference against double precision, finite differences and published values. */
#include "kernel_check.h"

static const int64_t widths[] = {1, 2, 3, 8, 15, 16, 17, 24, 31, 33, 64, 80, 96, 100, 256, 300, 768, 777};
enum { WIDTHS = sizeof widths / sizeof *widths };

/* From denormals to squares near overflow. */
static const float sizes[] = {1, 1e-41f, 1e-20f, 1e15f};

static void layernorm_bits(const tensor_ops_t *fast, int64_t rows, int64_t d, float size) {
    const tensor_ops_t *ref = tensor_kernels("reference");
    float *x = check_random(rows * d, size), *gain = check_random(d, 1), *bias = check_random(d, 1);
    float *y = check_new(rows * d), *stat = check_new(2 * rows), *y_fast = check_new(rows * d);
    float *stat_fast = check_new(2 * rows);
    ref->layernorm(rows, d, x, gain, bias, 1e-5f, y, stat);
    fast->layernorm(rows, d, x, gain, bias, 1e-5f, y_fast, stat_fast);
    check_bits("layernorm", fast->name, rows * d, y, y_fast);
    check_bits("layernorm stat", fast->name, 2 * rows, stat, stat_fast);
    memcpy(y_fast, x, (size_t)(rows * d) * sizeof *x);
    fast->layernorm(rows, d, y_fast, gain, bias, 1e-5f, y_fast, NULL);
    check_bits("layernorm in place", fast->name, rows * d, y, y_fast);

    float *dy = check_random(rows * d, 1), *dx = check_random(rows * d, 1), *dgain = check_random(d, 1);
    float *dbias = check_random(d, 1), *dx_fast = check_copy(dx, rows * d), *dgain_fast = check_copy(dgain, d);
    float *dbias_fast = check_copy(dbias, d);
    ref->layernorm_grad(rows, d, x, gain, stat, dy, dx, dgain, dbias);
    fast->layernorm_grad(rows, d, x, gain, stat, dy, dx_fast, dgain_fast, dbias_fast);
    check_bits("layernorm dx", fast->name, rows * d, dx, dx_fast);
    check_bits("layernorm dgain", fast->name, d, dgain, dgain_fast);
    check_bits("layernorm dbias", fast->name, d, dbias, dbias_fast);

    float *by_d[] = {gain, bias, dgain, dbias, dgain_fast, dbias_fast};
    float *by_row[] = {x, y, y_fast, dy, dx, dx_fast};
    for (int i = 0; i < 6; i++) check_free(by_d[i], d), check_free(by_row[i], rows * d);
    check_free(stat, 2 * rows), check_free(stat_fast, 2 * rows);
}

static void test_layernorm_bits(void **state) {
    (void)state;
    for (int i = 0; i < CHECK_FAST; i++) {
        const tensor_ops_t *fast = check_fast(i);
        for (int w = 0; fast && w < WIDTHS; w++)
            for (int s = 0; s < 4; s++) layernorm_bits(fast, 1 + check_below(9), widths[w], sizes[s]);
        for (int64_t rows = 1; fast && rows <= 200; rows++) layernorm_bits(fast, rows, 1 + check_below(70), 1);
    }
}

/* Rows around a mean so large that a zero would be infinitely many deviations from it: where a row ends within a
 * vector, the rest of that must not be taken for such zeros. */
static void test_layernorm_grad_far_from_zero(void **state) {
    (void)state;
    enum { MOST = 40 };
    const float huge = 0x1.8p127f, stat[2] = {huge, 300};
    float *dy = check_random(MOST, 1), *gain = check_random(MOST, 1), x[MOST];
    for (int i = 0; i < MOST; i++) x[i] = huge;
    for (int i = 0; i < CHECK_FAST; i++) {
        const tensor_ops_t *fast = check_fast(i), *ref = tensor_kernels("reference");
        for (int64_t d = 1; fast && d <= MOST; d++) {
            float dx[2][MOST] = {{0}}, dgain[2][MOST] = {{0}}, dbias[2][MOST] = {{0}};
            ref->layernorm_grad(1, d, x, gain, stat, dy, dx[0], dgain[0], dbias[0]);
            fast->layernorm_grad(1, d, x, gain, stat, dy, dx[1], dgain[1], dbias[1]);
            assert_true(isfinite(dx[0][0]));
            check_bits("layernorm dx", fast->name, d, dx[0], dx[1]);
            check_bits("layernorm dgain", fast->name, d, dgain[0], dgain[1]);
        }
    }
    check_free(dy, MOST), check_free(gain, MOST);
}

/* Rows stand further apart than they are long; in place too. */
static void rmsnorm_bits(const tensor_ops_t *fast, int64_t rows, int64_t d, float size) {
    const tensor_ops_t *ref = tensor_kernels("reference");
    int64_t ld = d + check_below(9), n = (rows - 1) * ld + d;
    float *x = check_random(n, size), *gain = check_random(d, 1), *y = check_copy(x, n), *y_fast = check_copy(x, n);
    ref->rmsnorm(rows, d, x, ld, gain, 1e-5f, y, ld);
    fast->rmsnorm(rows, d, x, ld, gain, 1e-5f, y_fast, ld);
    check_bits("rmsnorm", fast->name, n, y, y_fast);
    memcpy(y_fast, x, (size_t)n * sizeof *x);
    fast->rmsnorm(rows, d, y_fast, ld, gain, 1e-5f, y_fast, ld);
    check_bits("rmsnorm in place", fast->name, n, y, y_fast);
    for (int64_t r = 0; r < rows; r++) {
        double square = 0;
        for (int64_t i = 0; i < d; i++) square += (double)x[r * ld + i] * (double)x[r * ld + i] / (double)d;
        for (int64_t i = 0; i < d; i++)
            check_close("rmsnorm", i, (double)x[r * ld + i] / sqrt(square + (double)1e-5f) * (double)gain[i],
                        (double)y[r * ld + i], 1e-6 * sqrt((double)d));
    }
    check_free(x, n), check_free(gain, d), check_free(y, n), check_free(y_fast, n);
}

static void test_rmsnorm_bits(void **state) {
    (void)state;
    for (int i = 0; i < CHECK_FAST; i++) {
        const tensor_ops_t *fast = check_fast(i);
        for (int w = 0; fast && w < WIDTHS; w++)
            for (int s = 0; s < 4; s++) rmsnorm_bits(fast, 1 + check_below(9), widths[w], sizes[s]);
        for (int64_t rows = 1; fast && rows <= 200; rows++) rmsnorm_bits(fast, rows, 1 + check_below(70), 1);
    }
}

/* Values computed in double by an independent program. */
static void test_rmsnorm_golden(void **state) {
    (void)state;
    float x[] = {1, 2, 3, 4}, one[] = {1, 1, 1, 1}, y[4];
    const double golden[] = {0.365148128238, 0.730296256476, 1.09544438471, 1.46059251295};
    tensor_kernels("reference")->rmsnorm(1, 4, x, 4, one, 1e-5f, y, 4);
    for (int i = 0; i < 4; i++) check_close("rmsnorm", i, golden[i], (double)y[i], 2e-7);
}

/* Values computed in double by an independent program. */
static void test_layernorm_golden(void **state) {
    (void)state;
    float x[] = {1, 2, 3, 4}, one[] = {1, 1, 1, 1}, zero[] = {0, 0, 0, 0}, y[4];
    const double golden[] = {-1.34163541997, -0.447211806656, 0.447211806656, 1.34163541997};
    tensor_kernels("reference")->layernorm(1, 4, x, one, zero, 1e-5f, y, NULL);
    for (int i = 0; i < 4; i++) check_close("layernorm", i, golden[i], (double)y[i], 2e-7);
}

/* sum over rows and columns of weight * layernorm(x), in double: the loss whose gradient is checked. */
static double layernorm_loss(int64_t rows, int64_t d, const double *x, const double *gain, const double *bias,
                             const float *weight) {
    double loss = 0;
    for (int64_t r = 0; r < rows; r++) {
        double mean = 0, var = 0;
        for (int64_t i = 0; i < d; i++) mean += x[r * d + i] / (double)d;
        for (int64_t i = 0; i < d; i++) var += (x[r * d + i] - mean) * (x[r * d + i] - mean) / (double)d;
        double rstd = 1 / sqrt(var + (double)1e-5f);
        for (int64_t i = 0; i < d; i++)
            loss += (double)weight[r * d + i] * ((x[r * d + i] - mean) * rstd * gain[i] + bias[i]);
    }
    return loss;
}

static void test_layernorm_gradient(void **state) {
    (void)state;
    enum { rows = 3, d = 21, n = rows * d + 2 * d };
    const tensor_ops_t *ref = tensor_kernels("reference");
    float *dy = check_random(rows * d, 1), *all = check_random(n, 1), grad[n] = {0}, y[rows * d], stat[2 * rows];
    double x[n];
    for (int i = 0; i < n; i++) x[i] = (double)all[i];
    ref->layernorm(rows, d, all, all + rows * d, all + rows * d + d, 1e-5f, y, stat);
    double loss = layernorm_loss(rows, d, x, x + rows * d, x + rows * d + d, dy), loss_float = 0;
    for (int i = 0; i < rows * d; i++) loss_float += (double)dy[i] * (double)y[i];
    check_close("layernorm loss", 0, loss, loss_float, 1e-5);
    ref->layernorm_grad(rows, d, all, all + rows * d, stat, dy, grad, grad + rows * d, grad + rows * d + d);
    for (int i = 0; i < n; i++) {
        double h = 1e-5, at = x[i], up, down;
        x[i] = at + h, up = layernorm_loss(rows, d, x, x + rows * d, x + rows * d + d, dy);
        x[i] = at - h, down = layernorm_loss(rows, d, x, x + rows * d, x + rows * d + d, dy);
        x[i] = at;
        check_close("layernorm gradient", i, (up - down) / (2 * h), (double)grad[i], 2e-5);
    }
    check_free(dy, rows * d), check_free(all, n);
}

static void rotary_bits(const tensor_ops_t *fast, int64_t rows, int64_t heads, int64_t size, int64_t dims) {
    const tensor_ops_t *ref = tensor_kernels("reference");
    enum { positions = 50 };
    int64_t ld = heads * size + 5, n = (rows - 1) * ld + heads * size;
    float *table = check_new(positions * dims), *x = check_random(n, 3), *y = check_copy(x, n), *z = check_copy(x, n);
    int32_t position[200];
    for (int64_t r = 0; r < rows; r++) position[r] = (int32_t)check_below(positions);
    rotary_table(positions, dims, 10000, (rotary_scaling_t){0}, table);
    ref->rotary(rows, heads, size, dims, position, table, 1, y, ld);
    fast->rotary(rows, heads, size, dims, position, table, 1, z, ld);
    check_bits("rotary", fast->name, n, y, z);
    ref->rotary(rows, heads, size, dims, position, table, -1, y, ld);
    fast->rotary(rows, heads, size, dims, position, table, -1, z, ld);
    check_bits("rotary back", fast->name, n, y, z);
    for (int64_t i = 0; i < n; i++) {
        check_close("rotary back", i, (double)x[i], (double)y[i], 1e-6);
        if (i % ld >= heads * size || i % ld % size >= dims) assert_true(x[i] == y[i]);
    }
    check_free(table, positions * dims);
    check_free(x, n), check_free(y, n), check_free(z, n);
}

static void test_rotary_bits(void **state) {
    (void)state;
    for (int i = 0; i < CHECK_FAST; i++) {
        const tensor_ops_t *fast = check_fast(i);
        for (int64_t rows = 1; fast && rows <= 200; rows++) {
            int64_t size = 2 * (1 + check_below(50));
            rotary_bits(fast, rows, 1 + check_below(4), size, 2 * (1 + check_below(size / 2)));
        }
    }
}

/* Head size 16, 4 rotary dims; values computed in double by an independent program. */
static void test_rotary_golden(void **state) {
    (void)state;
    static const double golden[3][4] = {{1, 2, 3, 4},
                                        {-1.98411064856, 1.9599006675, 2.46237790241, 4.01979966833},
                                        {-3.14403911702, 1.91960534656, -0.339143082816, 4.03919736005}};
    float table[3 * 4];
    rotary_table(3, 4, 10000, (rotary_scaling_t){0}, table);
    for (int32_t p = 0; p < 3; p++) {
        float x[16];
        for (int i = 0; i < 16; i++) x[i] = (float)(i + 1);
        tensor_kernels("reference")->rotary(1, 1, 16, 4, &p, table, 1, x, 16);
        for (int i = 0; i < 16; i++) check_close("rotary", i, i < 4 ? golden[p][i] : i + 1, (double)x[i], 5e-7);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_layernorm_bits),   cmocka_unit_test(test_layernorm_grad_far_from_zero),
        cmocka_unit_test(test_layernorm_golden), cmocka_unit_test(test_layernorm_gradient),
        cmocka_unit_test(test_rotary_bits),      cmocka_unit_test(test_rotary_golden),
        cmocka_unit_test(test_rmsnorm_bits),     cmocka_unit_test(test_rmsnorm_golden),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
