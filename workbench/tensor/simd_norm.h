/* Layer norm, its gradient, RMS norm and the rotary embedding over v16; defined by ref_norm.c.
 * A last part of a row loads as zeros, and adding zeros changes no lane: each starts at +0, and no sum that starts
 * there is ever -0. */
#ifndef MEMPROBE_SIMD_NORM_H
#define MEMPROBE_SIMD_NORM_H
#include "tensor/math.h"
#include <string.h>

static float norm_mean(int64_t d, const float *x) {
    int64_t whole = d / 16 * 16;
    v16 sum = v16_zero();
    for (int64_t i = 0; i < whole; i += 16) sum = v16_add(sum, v16_load(x + i));
    if (whole < d) sum = v16_add(sum, v16_load_part(x + whole, d - whole));
    return v16_fold_add(sum) / (float)d;
}

/* The end of a row; lanes that are not there stand at the mean: from zero to a mean that is huge it may be infinitely
 * far, and nothing times that is no number. */
static v16 norm_load_end(v16 mean, const float *x, int64_t n) {
    float last[16];
    v16_store(last, mean);
    memcpy(last, x, (size_t)n * sizeof *last);
    return v16_load(last);
}

static float norm_variance(int64_t d, const float *x, float mean) {
    int64_t whole = d / 16 * 16;
    v16 m = v16_set1(mean), sum = v16_zero();
    for (int64_t i = 0; i < whole; i += 16) {
        v16 t = v16_sub(v16_load(x + i), m);
        sum = v16_fma(t, t, sum);
    }
    if (whole < d) {
        v16 t = v16_sub(norm_load_end(m, x + whole, d - whole), m);
        sum = v16_fma(t, t, sum);
    }
    return v16_fold_add(sum) / (float)d;
}

static v16 norm_apply(v16 x, v16 mean, v16 rstd, v16 gain, v16 bias) {
    return v16_fma(v16_mul(v16_sub(x, mean), rstd), gain, bias);
}

static void simd_layernorm(int64_t rows, int64_t d, const float *x, const float *gain, const float *bias, float eps,
                           float *y, float *stat) {
    int64_t whole = d / 16 * 16, rest = d - whole;
    for (int64_t r = 0; r < rows; r++, x += d, y += d) {
        float mean = norm_mean(d, x);
        float rstd = 1.0f / sqrtf(norm_variance(d, x, mean) + eps);
        v16 m = v16_set1(mean), s = v16_set1(rstd);
        for (int64_t i = 0; i < whole; i += 16)
            v16_store(y + i, norm_apply(v16_load(x + i), m, s, v16_load(gain + i), v16_load(bias + i)));
        if (rest)
            v16_store_part(y + whole,
                           norm_apply(v16_load_part(x + whole, rest), m, s, v16_load_part(gain + whole, rest),
                                      v16_load_part(bias + whole, rest)),
                           rest);
        if (stat) stat[2 * r] = mean, stat[2 * r + 1] = rstd;
    }
}

static void simd_rmsnorm(int64_t rows, int64_t d, const float *x, int64_t ldx, const float *gain, float eps, float *y,
                         int64_t ldy) {
    int64_t whole = d / 16 * 16, rest = d - whole;
    for (int64_t r = 0; r < rows; r++, x += ldx, y += ldy) {
        v16 scale = v16_set1(1.0f / sqrtf(norm_variance(d, x, 0.0f) + eps));
        for (int64_t i = 0; i < whole; i += 16)
            v16_store(y + i, v16_mul(v16_mul(v16_load(x + i), scale), v16_load(gain + i)));
        if (rest)
            v16_store_part(y + whole,
                           v16_mul(v16_mul(v16_load_part(x + whole, rest), scale), v16_load_part(gain + whole, rest)),
                           rest);
    }
}

/* Sixteen elements of the first pass of the gradient. */
static void norm_grad_sums(v16 n, v16 dy, v16 gain, v16 *sum_g, v16 *sum_gn, v16 *dgain, v16 *dbias) {
    v16 g = v16_mul(dy, gain);
    *sum_g = v16_add(*sum_g, g);
    *sum_gn = v16_fma(g, n, *sum_gn);
    *dgain = v16_fma(dy, n, *dgain);
    *dbias = v16_add(*dbias, dy);
}

/* And of the second. */
static v16 norm_grad_x(v16 n, v16 dy, v16 gain, v16 mean_g, v16 mean_gn, v16 rstd, v16 dx) {
    return v16_fma(rstd, v16_fnma(n, mean_gn, v16_sub(v16_mul(dy, gain), mean_g)), dx);
}

static void simd_layernorm_grad(int64_t rows, int64_t d, const float *x, const float *gain, const float *stat,
                                const float *dy, float *dx, float *dgain, float *dbias) {
    int64_t whole = d / 16 * 16, rest = d - whole;
    const float *gain_end = gain + whole;
    for (int64_t r = 0; r < rows; r++, x += d, dy += d, dx += d) {
        v16 mean = v16_set1(stat[2 * r]), rstd = v16_set1(stat[2 * r + 1]), sum_g = v16_zero(), sum_gn = v16_zero();
        for (int64_t i = 0; i < whole; i += 16) {
            v16 n = v16_mul(v16_sub(v16_load(x + i), mean), rstd), to_gain = v16_load(dgain + i);
            v16 to_bias = v16_load(dbias + i);
            norm_grad_sums(n, v16_load(dy + i), v16_load(gain + i), &sum_g, &sum_gn, &to_gain, &to_bias);
            v16_store(dgain + i, to_gain), v16_store(dbias + i, to_bias);
        }
        v16 n_end = v16_zero(), dy_end = v16_zero();
        if (rest) { // beyond the row dy = 0, hence g = 0 and g n = 0: the lanes keep their bits
            n_end = v16_mul(v16_sub(norm_load_end(mean, x + whole, rest), mean), rstd);
            dy_end = v16_load_part(dy + whole, rest);
            v16 to_gain = v16_load_part(dgain + whole, rest), to_bias = v16_load_part(dbias + whole, rest);
            norm_grad_sums(n_end, dy_end, v16_load_part(gain_end, rest), &sum_g, &sum_gn, &to_gain, &to_bias);
            v16_store_part(dgain + whole, to_gain, rest), v16_store_part(dbias + whole, to_bias, rest);
        }
        v16 mean_g = v16_set1(v16_fold_add(sum_g) / (float)d), mean_gn = v16_set1(v16_fold_add(sum_gn) / (float)d);
        for (int64_t i = 0; i < whole; i += 16) {
            v16 n = v16_mul(v16_sub(v16_load(x + i), mean), rstd);
            v16_store(dx + i,
                      norm_grad_x(n, v16_load(dy + i), v16_load(gain + i), mean_g, mean_gn, rstd, v16_load(dx + i)));
        }
        if (rest)
            v16_store_part(dx + whole,
                           norm_grad_x(n_end, dy_end, v16_load_part(gain_end, rest), mean_g, mean_gn, rstd,
                                       v16_load_part(dx + whole, rest)),
                           rest);
    }
}

/* Sixteen rotary dims at a time would leave the usual heads (4 to 32 pairs) to the remainder; this loop has no carried
 * dependence and the compiler vectorises it with the instructions of the file that includes it. */
static void simd_rotary(int64_t rows, int64_t heads, int64_t head_size, int64_t dims, const int32_t *position,
                        const float *table, float sign, float *x, int64_t ld) {
    int64_t half = dims / 2;
    for (int64_t r = 0; r < rows; r++) {
        const float *restrict turn = table + (int64_t)position[r] * dims;
        for (int64_t h = 0; h < heads; h++) {
            float *restrict a = x + r * ld + h * head_size, *restrict b = a + half;
            for (int64_t j = 0; j < half; j++) {
                float c = turn[2 * j], s = sign * turn[2 * j + 1], aj = a[j], bj = b[j];
                a[j] = fmaf(aj, c, -(bj * s));
                b[j] = fmaf(bj, c, aj * s);
            }
        }
    }
}

#endif
