/* Causal attention: the kernels against the reference bit for bit, sequences fed whole, in pieces and one by one with
 * equal bits, the reference and its gradient against double precision and finite differences. */
#include "kernel_check.h"

typedef struct {
    int64_t n, heads, kv_heads, size;
    float scale;
    int64_t window;
} shape_t;

/* A cache whose memory holds NaN until it is written. */
static tensor_kv_t kv_new(int64_t n, const shape_t *s) {
    tensor_kv_t kv = {.capacity = (n + GEMM_PANEL) / GEMM_PANEL * GEMM_PANEL, .heads = s->kv_heads};
    kv.head_size = s->size;
    kv.window = s->window;
    kv.k = check_new(kv_floats(kv.capacity, kv.heads, kv.head_size));
    kv.v = check_new(kv_floats(kv.capacity, kv.heads, kv.head_size));
    return kv;
}

static void kv_free(tensor_kv_t *kv) {
    check_free(kv->k, kv_floats(kv->capacity, kv->heads, kv->head_size));
    check_free(kv->v, kv_floats(kv->capacity, kv->heads, kv->head_size));
}

/* The sequence fed in pieces of `piece` positions, 0 for pieces of random lengths. All matrices have padded rows. */
static void attend(const tensor_ops_t *ops, const shape_t *s, int64_t piece, const float *q, const float *k,
                   const float *v, float *out) {
    int64_t ldq = s->heads * s->size + 3, ldk = s->kv_heads * s->size + 1;
    tensor_kv_t kv = kv_new(s->n, s);
    for (int64_t at = 0, step; at < s->n; at += step) {
        step = piece ? piece : 1 + check_below(40);
        step = step < s->n - at ? step : s->n - at;
        kv_append(&kv, step, k + at * ldk, ldk, v + at * ldk, ldk);
        int64_t floats = attention_scratch(step, kv.length, s->size);
        float *scratch = check_new(floats);
        ops->attention(step, s->heads, &kv, s->scale, q + at * ldq, ldq, out + at * ldq, ldq, scratch);
        check_free(scratch, floats);
    }
    kv_free(&kv);
}

/* Attention in double of query i, head h: o (size). */
static void attend_double(const shape_t *s, int64_t i, int64_t h, const float *q, const float *k, const float *v,
                          double *o) {
    int64_t ldq = s->heads * s->size + 3, ldk = s->kv_heads * s->size + 1, g = h / (s->heads / s->kv_heads) * s->size;
    double score[600], max = -INFINITY, z = 0;
    int64_t from = s->window && i >= s->window ? i - s->window + 1 : 0;
    for (int64_t j = from; j <= i; j++) {
        score[j] = 0;
        for (int64_t c = 0; c < s->size; c++)
            score[j] += (double)q[i * ldq + h * s->size + c] * (double)k[j * ldk + g + c];
        score[j] *= (double)s->scale;
        max = fmax(max, score[j]);
    }
    for (int64_t j = from; j <= i; j++) z += score[j] = exp(score[j] - max);
    for (int64_t c = 0; c < s->size; c++) {
        o[c] = 0;
        for (int64_t j = from; j <= i; j++) o[c] += score[j] / z * (double)v[j * ldk + g + c];
    }
}

static void check_shape(const shape_t *s, float size_q, float size_v) {
    int64_t ldq = s->heads * s->size + 3, ldk = s->kv_heads * s->size + 1, n = s->n;
    float *q = check_random(n * ldq, size_q), *k = check_random(n * ldk, 1), *v = check_random(n * ldk, size_v);
    float *out = check_new(n * ldq), *fast = check_new(n * ldq);
    attend(tensor_kernels("reference"), s, n, q, k, v, out);
    for (int64_t i = 0; i < n && size_q < 100; i += 1 + n / 5)
        for (int64_t h = 0; h < s->heads; h++) {
            double o[128];
            attend_double(s, i, h, q, k, v, o);
            for (int64_t c = 0; c < s->size; c++)
                check_close("attention", i, o[c], (double)out[i * ldq + h * s->size + c],
                            4e-6 * (double)size_v + 1e-43);
        }
    attend(tensor_kernels("reference"), s, 1, q, k, v, fast);
    check_bits("attention one by one", "reference", n * ldq, out, fast);
    for (int i = 0; i < CHECK_FAST; i++)
        for (int64_t piece = 0; check_fast(i) && piece < 3; piece++) {
            attend(check_fast(i), s, piece < 2 ? piece : n, q, k, v, fast);
            check_bits("attention", check_fast(i)->name, n * ldq, out, fast);
        }
    check_free(q, n * ldq), check_free(k, n * ldk), check_free(v, n * ldk);
    check_free(out, n * ldq), check_free(fast, n * ldq);
}

static void test_every_length(void **state) {
    (void)state;
    for (int64_t n = 1; n <= 200; n++) {
        shape_t s = {n, 2, n % 3 ? 2 : 1, 1 + check_below(24), 0.3f, 0};
        if (n > 100) s.heads = s.kv_heads = 1, s.size = 1 + n % 5; // the more positions, the smaller the rest
        check_shape(&s, 2, 1);
    }
}

static void test_head_sizes(void **state) {
    (void)state;
    static const int64_t sizes[] = {8, 16, 24, 32, 33, 48, 64, 80, 96, 128};
    for (int i = 0; i < 10; i++) {
        shape_t s = {60 + check_below(10), 1 + i % 3, 1, sizes[i], 1 / sqrtf((float)sizes[i]), 0};
        check_shape(&s, 2, 1);
    }
}

/* Sums over more than one block of keys, ending before, at and behind its border. */
static void test_long(void **state) {
    (void)state;
    for (int64_t n = 255; n <= 258; n++) check_shape(&(shape_t){n, 2, 2, 9, 0.3f, 0}, 2, 1);
    check_shape(&(shape_t){512, 1, 1, 4, 0.3f, 0}, 2, 1);
}

/* Windows: within a tile, longer than it, shorter and longer than the blocks that are left out, longer than all. */
static void test_windows(void **state) {
    (void)state;
    static const int64_t windows[] = {1, 2, 5, 23, 24, 25, 33, 64, 100, 255, 256, 257, 300, 1000};
    for (int i = 0; i < 14; i++) {
        check_shape(&(shape_t){100, 2, 1, 12, 0.3f, windows[i]}, 2, 1);
        check_shape(&(shape_t){561 + check_below(30), 1, 1, 8, 1, windows[i]}, 2, 1);
        check_shape(&(shape_t){70, 4, 2, 8, 1, windows[i]}, 30, 1e-44f);
    }
}

/* Published: with a window of 256, position 300 attends to 45 ... 300. A key outside has no part in it. */
static void test_window_border(void **state) {
    (void)state;
    shape_t s = {301, 1, 1, 4, 0.5f, 256};
    int64_t ldq = 7, ldk = 5, n = 301;
    float *q = check_random(n * ldq, 1), *k = check_random(n * ldk, 1), *v = check_random(n * ldk, 1);
    float *out = check_new(n * ldq), *other = check_new(n * ldq);
    attend(tensor_kernels("auto"), &s, n, q, k, v, out);
    for (int64_t j = 44; j <= 45; j++) {
        float kept = v[j * ldk];
        v[j * ldk] = 1e6f;
        attend(tensor_kernels("auto"), &s, n, q, k, v, other);
        assert_int_equal(out[300 * ldq] == other[300 * ldq], j == 44);
        v[j * ldk] = kept;
    }
    check_free(q, n * ldq), check_free(k, n * ldk), check_free(v, n * ldk);
    check_free(out, n * ldq), check_free(other, n * ldq);
}

/* Scores so far apart that most weights are 0, and values so small that products vanish with either sign: what a masked
 * key adds must not show even in the sign of a zero. */
static void test_extremes(void **state) {
    (void)state;
    for (int64_t n = 1; n < 70; n += 4) {
        shape_t s = {n, 2, 1, 20, 1, 0};
        check_shape(&s, 30, 1e-44f);
        check_shape(&s, 1e5f, 1);
        check_shape(&s, 1e5f, 1e-44f);
        check_shape(&s, 1e-42f, 1e30f);
    }
}

/* A NaN anywhere in a visible key or value reaches the output, and no query before it. */
static void test_nan(void **state) {
    (void)state;
    shape_t s = {40, 1, 1, 16, 0.25f, 0};
    int64_t ldq = 19, ldk = 17;
    float *q = check_random(40 * ldq, 1), *k = check_random(40 * ldk, 1), *v = check_random(40 * ldk, 1);
    float *out = check_new(40 * ldq);
    k[30 * ldk + 3] = NAN;
    for (int i = 0; i < CHECK_FAST; i++) {
        if (!check_fast(i)) continue;
        attend(check_fast(i), &s, 40, q, k, v, out);
        assert_true(tensor_is_finite(16, out + 29 * ldq) == 1);
        assert_true(isnan(out[30 * ldq]) && isnan(out[39 * ldq + 15]));
    }
    check_free(q, 40 * ldq), check_free(k, 40 * ldk), check_free(v, 40 * ldk), check_free(out, 40 * ldq);
}

static void gradient_bits(int64_t n, int64_t heads, int64_t size) {
    int64_t width = heads * size, ld = 3 * width + 2, ldo = width + 1;
    float *qkv = check_random(n * ld, 1.5f), *out = check_random(n * ldo, 1), *dout = check_random(n * ldo, 1);
    int64_t floats = attention_grad_scratch(n, size);
    float *grad = check_new(n * ld), *fast = check_new(n * ld), *scratch = check_new(floats);
    tensor_kernels("reference")
        ->attention_grad(n, heads, size, 0.4f, qkv, qkv + width, qkv + 2 * width, out, dout, ld, ldo, grad,
                         grad + width, grad + 2 * width, ld, scratch);
    for (int i = 0; i < CHECK_FAST; i++) {
        if (!check_fast(i)) continue;
        check_fast(i)->attention_grad(n, heads, size, 0.4f, qkv, qkv + width, qkv + 2 * width, out, dout, ld, ldo, fast,
                                      fast + width, fast + 2 * width, ld, scratch);
        check_bits("attention gradient", check_fast(i)->name, n * ld, grad, fast);
    }
    check_free(qkv, n * ld), check_free(out, n * ldo), check_free(dout, n * ldo);
    check_free(grad, n * ld), check_free(fast, n * ld), check_free(scratch, floats);
}

static void test_gradient_bits(void **state) {
    (void)state;
    for (int64_t n = 1; n <= 100; n++) gradient_bits(n, 1 + n % 2, 1 + check_below(20));
    for (int64_t n = 101; n <= 200; n++) gradient_bits(n, 1, 1 + n % 3);
    static const int64_t sizes[] = {16, 24, 32, 64, 80};
    for (int i = 0; i < 5; i++) gradient_bits(65 + 17 * i, 2, sizes[i]);
    gradient_bits(270, 1, 8);
}

/* sum of dout * attention(q, k, v) in double, one head; x is q, k, v (n, size) each. */
static double loss(int64_t n, int64_t size, double scale, const double *x, const float *dout) {
    const double *q = x, *k = x + n * size, *v = x + 2 * n * size;
    double total = 0;
    for (int64_t i = 0; i < n; i++) {
        double z = 0, sum = 0;
        for (int64_t j = 0; j <= i; j++) {
            double score = 0, value = 0;
            for (int64_t c = 0; c < size; c++) score += q[i * size + c] * k[j * size + c];
            for (int64_t c = 0; c < size; c++) value += (double)dout[i * size + c] * v[j * size + c];
            z += exp(scale * score);
            sum += exp(scale * score) * value;
        }
        total += sum / z;
    }
    return total;
}

/* More positions than a tile of the gradient. */
static void test_gradient_differences(void **state) {
    (void)state;
    enum { n = 53, size = 5, all = 3 * n * size };
    const tensor_ops_t *ref = tensor_kernels("reference");
    shape_t s = {n, 1, 1, size, 0.4f, 0};
    float *x = check_random(all, 1), *dout = check_random(n * size, 1), *grad = check_new(all);
    float *out = check_new(n * size), *scratch = check_new(attention_grad_scratch(n, size));
    tensor_kv_t kv = kv_new(n, &s);
    kv_append(&kv, n, x + n * size, size, x + 2 * n * size, size);
    ref->attention(n, 1, &kv, s.scale, x, size, out, size, scratch);
    ref->attention_grad(n, 1, size, s.scale, x, x + n * size, x + 2 * n * size, out, dout, size, size, grad,
                        grad + n * size, grad + 2 * n * size, size, scratch);
    double dx[all];
    for (int i = 0; i < all; i++) dx[i] = (double)x[i];
    for (int i = 0; i < all; i++) {
        double h = 1e-5, at = dx[i], up, down;
        dx[i] = at + h, up = loss(n, size, (double)s.scale, dx, dout);
        dx[i] = at - h, down = loss(n, size, (double)s.scale, dx, dout);
        dx[i] = at;
        check_close("attention gradient", i, (up - down) / (2 * h), (double)grad[i], 1e-5);
    }
    kv_free(&kv);
    check_free(x, all), check_free(dout, n * size), check_free(grad, all), check_free(out, n * size);
    check_free(scratch, attention_grad_scratch(n, size));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_length),
        cmocka_unit_test(test_head_sizes),
        cmocka_unit_test(test_long),
        cmocka_unit_test(test_extremes),
        cmocka_unit_test(test_windows),
        cmocka_unit_test(test_window_border),
        cmocka_unit_test(test_nan),
        cmocka_unit_test(test_gradient_bits),
        cmocka_unit_test(test_gradient_differences),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
