/* What is computed once and does not need speed: rotary tables and random weights, in double, by tensor/math.h. */
#include "base/rng.h"
#include "tensor/math.h"
#include "tensor/tensor.h"

/* As transformers' modeling_rope_utils.py does it. With w the wavelength: f / factor where w > original / low, f where
 * w < original / high, between them (1 - s) f / factor + s f with s = (original / w - low) / (high - low). */
static double scale_frequency(double f, rotary_scaling_t to) {
    if (to.factor == 0) return f;
    double turns = to.original * f / 0x1.921fb54442d18p+2; // original / w
    if (turns < to.low) return f / to.factor;
    if (turns > to.high) return f;
    double s = (turns - to.low) / (to.high - to.low);
    return (1 - s) * f / to.factor + s * f;
}

void rotary_table(int64_t positions, int64_t dims, double base, rotary_scaling_t scaling, float *table) {
    double log_base = math_log64(base);
    for (int64_t j = 0; j < dims / 2; j++) {
        double frequency = scale_frequency(math_exp64(-2.0 * (double)j / (double)dims * log_base), scaling);
        for (int64_t p = 0; p < positions; p++) {
            double angle = (double)p * frequency;
            float *entry = table + (p * (dims / 2) + j) * 2;
            entry[0] = (float)math_cos64(angle);
            entry[1] = (float)math_sin64(angle);
        }
    }
}

/* Number g = stream_offset + i is a function of (seed, g) only: g and its neighbour g ^ 1 are the two numbers of one
 * Box-Muller pair. */
void tensor_fill_normal(uint64_t seed, uint64_t stream_offset, int64_t n, float sd, float *x) {
    double radius = 0, angle = 0;
    for (int64_t i = 0; i < n; i++) {
        uint64_t g = stream_offset + (uint64_t)i;
        if (i == 0 || (g & 1) == 0) {
            double u = 1.0 - rng_unit(seed, RNG_INIT, g & ~UINT64_C(1)); // (0, 1]
            radius = sqrt(-2.0 * math_log64(u));
            angle = 0x1.921fb54442d18p+2 * rng_unit(seed, RNG_INIT, g | 1); // 2 pi u
        }
        double normal = radius * (g & 1 ? math_sin64(angle) : math_cos64(angle));
        x[i] = (float)(normal * (double)sd);
    }
}

int tensor_is_finite(int64_t n, const float *x) {
    uint32_t bad = 0;
    for (int64_t i = 0; i < n; i++) bad |= (math_bits(x[i]) & 0x7f800000u) == 0x7f800000u;
    return !bad;
}
