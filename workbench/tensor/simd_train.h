/* AdamW, sum of squares and distances over v16; defined by ref_train.c. */
#ifndef MEMPROBE_SIMD_TRAIN_H
#define MEMPROBE_SIMD_TRAIN_H
#include <stdint.h>

typedef struct {
    v16 clip, lr, beta1, beta2, rest1, rest2, eps, decay, r1, r2;
} adamw_t;

static void adamw_step(const adamw_t *c, v16 grad, v16 *w, v16 *m, v16 *v) {
    v16 g = v16_mul(c->clip, grad);
    *m = v16_fma(c->beta1, *m, v16_mul(c->rest1, g));
    *v = v16_fma(c->beta2, *v, v16_mul(v16_mul(c->rest2, g), g));
    v16 step = v16_div(v16_mul(*m, c->r1), v16_add(v16_sqrt(v16_mul(*v, c->r2)), c->eps));
    *w = v16_fnma(c->lr, v16_fma(c->decay, *w, step), *w);
}

static void simd_adamw(int64_t n, float *w, const float *grad, float *m, float *v, float clip, float lr, float beta1,
                       float beta2, float eps, float decay, float c1, float c2) {
    const adamw_t c = {v16_set1(clip),         v16_set1(lr),           v16_set1(beta1), v16_set1(beta2),
                       v16_set1(1.0f - beta1), v16_set1(1.0f - beta2), v16_set1(eps),   v16_set1(decay),
                       v16_set1(1.0f / c1),    v16_set1(1.0f / c2)};
    int64_t whole = n / 16 * 16, rest = n - whole;
    for (int64_t i = 0; i < whole; i += 16) {
        v16 wi = v16_load(w + i), mi = v16_load(m + i), vi = v16_load(v + i);
        adamw_step(&c, v16_load(grad + i), &wi, &mi, &vi);
        v16_store(w + i, wi), v16_store(m + i, mi), v16_store(v + i, vi);
    }
    if (rest) {
        v16 wi = v16_load_part(w + whole, rest), mi = v16_load_part(m + whole, rest);
        v16 vi = v16_load_part(v + whole, rest);
        adamw_step(&c, v16_load_part(grad + whole, rest), &wi, &mi, &vi);
        v16_store_part(w + whole, wi, rest), v16_store_part(m + whole, mi, rest);
        v16_store_part(v + whole, vi, rest);
    }
}

/* The square of a float is exact in double, so the fused operation rounds as the reference's separate ones. */
static double simd_sum_squares(int64_t n, const float *x) {
    int64_t whole = n / 16 * 16;
    v16d sum = v16d_zero();
    for (int64_t i = 0; i < whole; i += 16) {
        v16d t = v16d_from(v16_load(x + i));
        sum = v16d_fma(t, t, sum);
    }
    if (whole < n) {
        v16d t = v16d_from(v16_load_part(x + whole, n - whole));
        sum = v16d_fma(t, t, sum);
    }
    return v16d_fold_add(sum);
}

/* Four keys at a time: four chains of additions hide each other's latency. */
static void distance_four(int64_t d, const float *q, const float *key, int64_t ldk, float *d2) {
    int64_t whole = d / 16 * 16, rest = d - whole;
    v16 sum[4] = {v16_zero(), v16_zero(), v16_zero(), v16_zero()};
    for (int64_t i = 0; i < whole; i += 16) {
        v16 qi = v16_load(q + i);
        for (int64_t r = 0; r < 4; r++) {
            v16 t = v16_sub(qi, v16_load(key + r * ldk + i));
            sum[r] = v16_fma(t, t, sum[r]);
        }
    }
    for (int64_t r = 0; r < 4; r++) {
        if (rest) {
            v16 t = v16_sub(v16_load_part(q + whole, rest), v16_load_part(key + r * ldk + whole, rest));
            sum[r] = v16_fma(t, t, sum[r]);
        }
        d2[r] = v16_fold_add(sum[r]);
    }
}

static float distance_one(int64_t d, const float *q, const float *key) {
    int64_t whole = d / 16 * 16;
    v16 sum = v16_zero();
    for (int64_t i = 0; i < whole; i += 16) {
        v16 t = v16_sub(v16_load(q + i), v16_load(key + i));
        sum = v16_fma(t, t, sum);
    }
    if (whole < d) {
        v16 t = v16_sub(v16_load_part(q + whole, d - whole), v16_load_part(key + whole, d - whole));
        sum = v16_fma(t, t, sum);
    }
    return v16_fold_add(sum);
}

static void simd_distance(int64_t n, int64_t d, const float *q, const float *keys, int64_t ldk, float *d2) {
    int64_t r = 0;
    for (; r + 4 <= n; r += 4) distance_four(d, q, keys + r * ldk, ldk, d2 + r);
    for (; r < n; r++) d2[r] = distance_one(d, q, keys + r * ldk);
}

#endif
