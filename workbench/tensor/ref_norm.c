/* Reference of the layer norm, its gradient, the RMS norm and the rotary embedding: what the kernels of simd_norm.h
 * reproduce bit for bit. A row's mean and variance are reductions over 16 lanes; everything else is one fixed chain of
 * operations an element. */
#include "tensor/kernels.h"
#include "tensor/math.h"

/* Sum of x over 16 lanes. */
static float row_sum(int64_t d, const float *x) {
    float lane[TENSOR_LANES] = {0};
    for (int64_t i = 0; i < d; i++) lane[i % TENSOR_LANES] += x[i];
    return ref_fold(lane);
}

static float row_variance(int64_t d, const float *x, float mean) {
    float lane[TENSOR_LANES] = {0};
    for (int64_t i = 0; i < d; i++) {
        float t = x[i] - mean;
        lane[i % TENSOR_LANES] = fmaf(t, t, lane[i % TENSOR_LANES]);
    }
    return ref_fold(lane) / (float)d;
}

void ref_layernorm(int64_t rows, int64_t d, const float *x, const float *gain, const float *bias, float eps, float *y,
                   float *stat) {
    for (int64_t r = 0; r < rows; r++, x += d, y += d) {
        float mean = row_sum(d, x) / (float)d;
        float rstd = 1.0f / sqrtf(row_variance(d, x, mean) + eps);
        for (int64_t i = 0; i < d; i++) y[i] = fmaf((x[i] - mean) * rstd, gain[i], bias[i]);
        if (stat) stat[2 * r] = mean, stat[2 * r + 1] = rstd;
    }
}

void ref_rmsnorm(int64_t rows, int64_t d, const float *x, int64_t ldx, const float *gain, float eps, float *y,
                 int64_t ldy) {
    for (int64_t r = 0; r < rows; r++, x += ldx, y += ldy) {
        float scale = 1.0f / sqrtf(row_variance(d, x, 0.0f) + eps);
        for (int64_t i = 0; i < d; i++) y[i] = x[i] * scale * gain[i];
    }
}

/* With n = (x - mean) rstd and g = dy gain:  dx += rstd (g - mean(g) - n mean(g n)),  dgain += dy n,  dbias += dy. */
void ref_layernorm_grad(int64_t rows, int64_t d, const float *x, const float *gain, const float *stat, const float *dy,
                        float *dx, float *dgain, float *dbias) {
    for (int64_t r = 0; r < rows; r++, x += d, dy += d, dx += d) {
        float mean = stat[2 * r], rstd = stat[2 * r + 1];
        float sum_g[TENSOR_LANES] = {0}, sum_gn[TENSOR_LANES] = {0};
        for (int64_t i = 0; i < d; i++) {
            float n = (x[i] - mean) * rstd, g = dy[i] * gain[i];
            sum_g[i % TENSOR_LANES] += g;
            sum_gn[i % TENSOR_LANES] = fmaf(g, n, sum_gn[i % TENSOR_LANES]);
            dgain[i] = fmaf(dy[i], n, dgain[i]);
            dbias[i] += dy[i];
        }
        float mean_g = ref_fold(sum_g) / (float)d, mean_gn = ref_fold(sum_gn) / (float)d;
        for (int64_t i = 0; i < d; i++) {
            float n = (x[i] - mean) * rstd, g = dy[i] * gain[i];
            dx[i] = fmaf(rstd, fmaf(-n, mean_gn, g - mean_g), dx[i]);
        }
    }
}

void ref_rotary(int64_t rows, int64_t heads, int64_t head_size, int64_t dims, const int32_t *position,
                const float *table, float sign, float *x, int64_t ld) {
    int64_t half = dims / 2;
    for (int64_t r = 0; r < rows; r++) {
        const float *turn = table + (int64_t)position[r] * dims;
        for (int64_t h = 0; h < heads; h++) {
            float *p = x + r * ld + h * head_size;
            for (int64_t j = 0; j < half; j++) {
                float c = turn[2 * j], s = sign * turn[2 * j + 1];
                float a = p[j], b = p[j + half];
                p[j] = fmaf(a, c, -(b * s));
                p[j + half] = fmaf(b, c, a * s);
            }
        }
    }
}
