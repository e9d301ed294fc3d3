/* The reference of the element-wise functions: tensor/math.h on every element. */
#include "tensor/kernels.h"
#include "tensor/math.h"

void ref_exp(int64_t n, const float *x, float *y) {
    for (int64_t i = 0; i < n; i++) y[i] = math_exp(x[i]);
}

void ref_gelu(int64_t n, const float *x, float *y) {
    for (int64_t i = 0; i < n; i++) y[i] = math_gelu(x[i]);
}

void ref_gelu_grad(int64_t n, const float *x, const float *dy, float *dx) {
    for (int64_t i = 0; i < n; i++) dx[i] = dy[i] * math_gelu_grad(x[i]);
}

void ref_gelu_tanh(int64_t n, const float *x, float *y) {
    for (int64_t i = 0; i < n; i++) y[i] = math_gelu_tanh(x[i]);
}

void ref_silu(int64_t n, const float *x, float *y) {
    for (int64_t i = 0; i < n; i++) y[i] = math_silu(x[i]);
}

void ref_multiply(int64_t n, const float *x, float *y) {
    for (int64_t i = 0; i < n; i++) y[i] = y[i] * x[i];
}

void ref_clip(int64_t n, float limit, float *x) {
    for (int64_t i = 0; i < n; i++) x[i] = x[i] > limit ? limit : x[i] < -limit ? -limit : x[i];
}

void ref_add(int64_t n, const float *x, float *y) {
    for (int64_t i = 0; i < n; i++) y[i] = y[i] + x[i];
}

void ref_scale(int64_t n, float s, float *x) {
    for (int64_t i = 0; i < n; i++) x[i] = x[i] * s;
}

int64_t ref_find_above(int64_t n, const float *x, float shift, const float *limit, int32_t *at) {
    int64_t found = 0;
    for (int64_t i = 0; i < n; i++)
        if (!(x[i] + shift < limit[i])) at[found++] = (int32_t)i;
    return found;
}

int64_t ref_fma_loop(int64_t rounds, float *sink) {
    float sum[4] = {0};
    for (int64_t i = 0; i < rounds; i++)
        for (int j = 0; j < 4; j++) sum[j] = fmaf(0.5f, sink[j], sum[j]);
    for (int j = 0; j < 4; j++) sink[j] = sum[j];
    return rounds * 4 * 2;
}
