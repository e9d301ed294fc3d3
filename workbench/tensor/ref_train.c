/* Reference of the optimiser's step, of sums of squares and of distances: what the kernels of simd_train.h reproduce
 * bit for bit. */
#include "tensor/kernels.h"
#include "tensor/math.h"

/* The divisions by c1 and c2 are multiplications by 1 / c1 and 1 / c2, which are rounded once for all elements. */
void ref_adamw(int64_t n, float *w, const float *grad, float *m, float *v, float clip, float lr, float beta1,
               float beta2, float eps, float decay, float c1, float c2) {
    float r1 = 1.0f / c1, r2 = 1.0f / c2;
    for (int64_t i = 0; i < n; i++) {
        float g = clip * grad[i];
        m[i] = fmaf(beta1, m[i], (1.0f - beta1) * g);
        v[i] = fmaf(beta2, v[i], (1.0f - beta2) * g * g);
        float step = m[i] * r1 / (sqrtf(v[i] * r2) + eps);
        w[i] = fmaf(-lr, fmaf(decay, w[i], step), w[i]);
    }
}

double ref_sum_squares(int64_t n, const float *x) {
    double lane[TENSOR_LANES] = {0};
    for (int64_t i = 0; i < n; i++) lane[i % TENSOR_LANES] += (double)x[i] * (double)x[i];
    for (int half = TENSOR_LANES / 2; half; half /= 2)
        for (int i = 0; i < half; i++) lane[i] += lane[i + half];
    return lane[0];
}

void ref_distance(int64_t n, int64_t d, const float *q, const float *keys, int64_t ldk, float *d2) {
    for (int64_t r = 0; r < n; r++, keys += ldk) {
        float lane[TENSOR_LANES] = {0};
        for (int64_t i = 0; i < d; i++) {
            float t = q[i] - keys[i];
            lane[i % TENSOR_LANES] = fmaf(t, t, lane[i % TENSOR_LANES]);
        }
        d2[r] = ref_fold(lane);
    }
}
