/* The elementary functions of the one arithmetic, in plain C. libm's differ between libraries and versions; these are
 * made of fmaf, + - * /, and bit casts, each of which IEEE 754 defines to the last bit, so they are the same anywhere.
 * The vector kernels (tensor/simd_math.h) perform the same operations in the same order.
 *
 * Errors are against the true value, measured over all floats (or, for double, a dense sample) by
 * tests/unit/test_math.c. All are right at 0, infinity and NaN, and round once where the result is denormal. The
 * float functions that no kernel vectorises are computed in double and rounded. Polynomials: Remez exchange, relative
 * error; double ones: Taylor terms down to half a last place. */
#ifndef MEMPROBE_MATH_H
#define MEMPROBE_MATH_H
#include <stdint.h>
#include <string.h>

/* Not <math.h>: nothing of it but these may be used here. */
float fmaf(float a, float b, float c);
double fma(double a, double b, double c);
float sqrtf(float x);
double sqrt(double x);

static inline uint32_t math_bits(float x) {
    uint32_t u;
    memcpy(&u, &x, sizeof u);
    return u;
}
static inline float math_from_bits(uint32_t u) {
    float x;
    memcpy(&x, &u, sizeof x);
    return x;
}
static inline uint64_t math_bits64(double x) {
    uint64_t u;
    memcpy(&u, &x, sizeof u);
    return u;
}
static inline double math_from_bits64(uint64_t u) {
    double x;
    memcpy(&x, &u, sizeof x);
    return x;
}

/* --- halves ------------------------------------------------------------------------------------------------------ */

/* bfloat16: the upper half of a float. */
static inline float math_from_bf16(uint16_t x) {
    return math_from_bits((uint32_t)x << 16);
}
/* Rounded to the nearest, ties to even; a NaN stays one. */
static inline uint16_t math_to_bf16(float x) {
    uint32_t u = math_bits(x);
    if ((u & 0x7fffffffu) > 0x7f800000u) return (uint16_t)(u >> 16 | 0x40u);
    return (uint16_t)((u + 0x7fffu + (u >> 16 & 1u)) >> 16);
}

/* IEEE binary16: sign, 5 bits of exponent (bias 15), 10 of fraction. */
static inline float math_from_f16(uint16_t x) {
    uint32_t sign = (uint32_t)(x & 0x8000) << 16, exponent = (x >> 10) & 31u, fraction = x & 1023u;
    if (exponent == 31) return math_from_bits(sign | 0x7F800000u | fraction << 13);
    if (exponent != 0) return math_from_bits(sign | (exponent + 127 - 15) << 23 | fraction << 13);
    float small = (float)fraction * 0x1p-24f;
    return sign ? -small : small;
}
/* Rounded to the nearest, ties to even; beyond 65504 to infinity; a NaN stays one. */
static inline uint16_t math_to_f16(float x) {
    uint32_t u = math_bits(x), sign = u >> 16 & 0x8000u, size = u & 0x7fffffffu;
    if (size > 0x7f800000u) return (uint16_t)(sign | 0x7e00u | (size >> 13 & 1023u));
    if (size >= 0x47800000u) return (uint16_t)(sign | 0x7c00u);           // 65536 and more
    if (size < 0x38800000u) {                                             // below 2^-14: steps of 2^-24
        float steps = math_from_bits(size) * 0x1p24f + 0x1p23f - 0x1p23f; // rounded to a whole number
        return (uint16_t)(sign | (uint32_t)steps);
    }
    return (uint16_t)(sign | (size - ((127u - 15u) << 23) + 0xfffu + (size >> 13 & 1u)) >> 13);
}

/* --- float, vectorised ------------------------------------------------------------------------------------------- */

/* Adding this to |x| < 2^22 rounds x to an integer, which stands in the low bits of the sum. */
#define MATH_ROUND 0x1.8p23f

/* exp(x), 1 ulp. x = n ln 2 + r; 2^n is applied as two factors, of which only the second can round. */
static inline float math_exp(float x) {
    x = x > 89.0f ? 89.0f : x;     // beyond: infinity
    x = x < -104.0f ? -104.0f : x; // beyond: 0
    float t = fmaf(x, 0x1.715476p+0f, MATH_ROUND);
    float n = t - MATH_ROUND;
    float r = fmaf(n, -0x1.62e4p-1f, x);
    r = fmaf(n, -0x1.7f7d1cp-20f, r);
    float p = 0x1.6a2468p-10f;
    p = fmaf(p, r, 0x1.1239e2p-7f);
    p = fmaf(p, r, 0x1.5558f2p-5f);
    p = fmaf(p, r, 0x1.555492p-3f);
    p = fmaf(p, r, 0x1.fffffcp-2f);
    p = fmaf(p, r, 1.0f);
    p = fmaf(p, r, 1.0f);
    int32_t e = (int32_t)(math_bits(t) - math_bits(MATH_ROUND));
    int32_t half = e >> 1;
    p *= math_from_bits((uint32_t)(half + 127) << 23);
    return p * math_from_bits((uint32_t)(e - half + 127) << 23);
}

/* The lower tail of the normal distribution at -t, t in [0, 15], as *density * ratio, where *density =
 * exp(-t^2 / 2). Exact in the relative sense, so that gelu is right far out on the left, where 1 + erf would cancel.
 * The ratio times (t + 4) is a polynomial in (t - 4) / (t + 4) (the substitution of Shepherd & Laframboise 1981). */
static inline float math_normal_tail(float t, float *density) {
    float square = t * t;
    float rest = fmaf(t, t, -square); // what the square lost: exp would multiply it
    float e = math_exp(-0.5f * square);
    e = fmaf(e * -0.5f, rest, e);
    float inverse = 1.0f / (t + 4.0f);
    float u = (t - 4.0f) * inverse;
    float p = -0x1.196dd6p-13f;
    p = fmaf(p, u, 0x1.6e493cp-13f);
    p = fmaf(p, u, 0x1.9b25fap-10f);
    p = fmaf(p, u, -0x1.cc1722p-9f);
    p = fmaf(p, u, -0x1.ed17d4p-8f);
    p = fmaf(p, u, 0x1.eed34cp-5f);
    p = fmaf(p, u, -0x1.7e001ep-3f);
    p = fmaf(p, u, 0x1.8c6d9ep-2f);
    p = fmaf(p, u, -0x1.373e38p-1f);
    p = fmaf(p, u, 0x1.82b4bcp-1f);
    *density = e;
    return e * (p * inverse);
}

/* Phi(x) and exp(-x^2 / 2). Beyond 15 the one is 0 or 1 and the other 0 in float. */
static inline float math_normal(float x, float *density) {
    float t = math_from_bits(math_bits(x) & 0x7fffffffu);
    t = t > 15.0f ? 15.0f : t;
    float tail = math_normal_tail(t, density);
    return x > 0.0f ? 1.0f - tail : tail;
}

/* gelu(x) = x Phi(x) (Hendrycks & Gimpel 2016, erf form). 6 ulp where Phi(x) is a normal number, x > -12.9. */
static inline float math_gelu(float x) {
    float density;
    float phi = math_normal(x, &density);
    x = x < -15.0f ? -15.0f : x; // -infinity times 0
    return x * phi;
}

/* gelu'(x) = Phi(x) + x exp(-x^2 / 2) / sqrt(2 pi). 2e-7 absolute (it crosses 0). */
static inline float math_gelu_grad(float x) {
    float density;
    float phi = math_normal(x, &density);
    x = x < -15.0f ? -15.0f : x;
    x = x > 15.0f ? 15.0f : x;
    return fmaf(x * 0x1.988454p-2f, density, phi);
}

/* The logistic function 1 / (1 + exp(-z)) by exp(-|z|), which neither overflows nor loses the left tail. */
static inline float math_logistic(float z) {
    float e = math_exp(-math_from_bits(math_bits(z) & 0x7fffffffu));
    return (z < 0 ? e : 1.0f) / (1.0f + e);
}

/* silu(x) = x / (1 + exp(-x)). 3 ulp where the logistic is a normal number, x > -87. */
static inline float math_silu(float x) {
    x = x < -110.0f ? -110.0f : x; // -infinity times 0
    return x * math_logistic(x);
}

/* gelu, tanh form (Hendrycks & Gimpel 2016): x (1 + tanh(u)) / 2 with u = sqrt(2/pi) (x + 0.044715 x^3), which is x
 * times the logistic of z = 2u. 3 ulp near 0; exp carries the rounding of z, up to 2.5 |z| ulp more, to the left tail.
 */
static inline float math_gelu_tanh(float x) {
    x = x < -15.0f ? -15.0f : x;
    float z = x * fmaf(0x1.2444f2p-4f, x * x, 0x1.988454p+0f);
    return x * math_logistic(z);
}

/* --- double: tables, random weights, one number a row ------------------------------------------------------------ */

/* log(x), 1 ulp. x = 2^e (1 + f), s = f / (2 + f), log(1 + f) = f - f^2/2 + s (f^2/2 + R(s^2)). */
static inline double math_log64(double x) {
    static const double c[10] = {2.0 / 21, 2.0 / 19, 2.0 / 17, 2.0 / 15, 2.0 / 13,
                                 2.0 / 11, 2.0 / 9,  2.0 / 7,  2.0 / 5,  2.0 / 3};
    if (!(x > 0)) return x == 0 ? -math_from_bits64(0x7ff0000000000000u) : (x - x) / 0.0;
    if (x == math_from_bits64(0x7ff0000000000000u)) return x;
    int64_t e = 0;
    if (x < 0x1p-1022) {
        x *= 0x1p54;
        e = -54;
    }
    uint64_t bits = math_bits64(x);
    uint64_t low = bits - 0x3fe6a09e00000000u; // sqrt(1/2): the significand falls in [sqrt(1/2), sqrt(2))
    int64_t shift = (int64_t)low >> 52;
    e += shift;
    double f = math_from_bits64(bits - ((uint64_t)shift << 52)) - 1.0;
    double s = f / (2.0 + f), z = s * s, half = 0.5 * f * f;
    double r = c[0];
    for (int i = 1; i < 10; i++) r = fma(r, z, c[i]);
    r *= z;
    double n = (double)e;
    return fma(n, 0x1.62e42fep-1, f - (half - fma(s, half + r, n * 0x1.f473de6af278fp-30)));
}

/* exp(x), 1.1 ulp. */
static inline double math_exp64(double x) {
    static const double c[13] = {
        1.0 / 6227020800, 1.0 / 479001600, 1.0 / 39916800, 1.0 / 3628800, 1.0 / 362880, 1.0 / 40320, 1.0 / 5040,
        1.0 / 720,        1.0 / 120,       1.0 / 24,       1.0 / 6,       1.0 / 2,      1.0};
    x = x > 710 ? 710 : x;
    x = x < -746 ? -746 : x;
    double t = fma(x, 0x1.71547652b82fep+0, 0x1.8p52);
    double n = t - 0x1.8p52;
    double r = fma(n, -0x1.62e42fep-1, x);
    r = fma(n, -0x1.f473de6af278fp-30, r);
    double p = c[0];
    for (int i = 1; i < 13; i++) p = fma(p, r, c[i]);
    p = fma(p, r, 1.0);
    int64_t e = (int64_t)(math_bits64(t) - math_bits64(0x1.8p52));
    int64_t half = e >> 1;
    p *= math_from_bits64((uint64_t)(half + 1023) << 52);
    return p * math_from_bits64((uint64_t)(e - half + 1023) << 52);
}

/* sin (quarter 0) or cos (quarter 1) of x, |x| < 2^30, 1.5 ulp; NaN beyond. x = n pi/2 + r, |r| <= pi/4. */
static inline double math_sincos64(double x, int64_t quarter) {
    static const double s[8] = {1.0 / 355687428096000, -1.0 / 1307674368000, 1.0 / 6227020800, -1.0 / 39916800,
                                1.0 / 362880,          -1.0 / 5040,          1.0 / 120,        -1.0 / 6};
    static const double c[8] = {1.0 / 20922789888000, -1.0 / 87178291200, 1.0 / 479001600, -1.0 / 3628800,
                                1.0 / 40320,          -1.0 / 720,         1.0 / 24,        -1.0 / 2};
    if (!(x > -0x1p30 && x < 0x1p30)) return (x - x) / 0.0;
    double t = fma(x, 0x1.45f306dc9c883p-1, 0x1.8p52);
    double n = t - 0x1.8p52;
    double r = fma(n, -0x1.921fb54442d18p+0, x); // exact
    r = fma(n, -0x1.1a62633145c07p-54, r);
    quarter += (int64_t)(math_bits64(t) - math_bits64(0x1.8p52));
    const double *k = quarter & 1 ? c : s;
    double z = r * r, p = k[0];
    for (int i = 1; i < 8; i++) p = fma(p, z, k[i]);
    double y = quarter & 1 ? fma(p, z, 1.0) : fma(p * z, r, r);
    return quarter & 2 ? -y : y;
}
static inline double math_sin64(double x) {
    return math_sincos64(x, 0);
}
static inline double math_cos64(double x) {
    return math_sincos64(x, 1);
}

/* --- float, one number at a time --------------------------------------------------------------------------------- */

/* log(x), 0.5001 ulp. */
static inline float math_log(float x) {
    return (float)math_log64((double)x);
}

/* tanh(x) = (1 - e) / (1 + e), e = exp(-2|x|), 0.5001 ulp. Near 0, where 1 - e would cancel, the Taylor series. */
static inline float math_tanh(float x) {
    double y = (double)x, t = y < 0 ? -y : y, z = t * t;
    double e = math_exp64(-2 * t);
    double small = fma(t * z, fma(z, 2.0 / 15, -1.0 / 3), t);
    double value = t < 0x1p-6 ? small : (1 - e) / (1 + e);
    return (float)(y < 0 ? -value : y == 0 ? y : value);
}

/* erf(x), 2 ulp: a polynomial near 0, else by the normal tail, erf(x) = 1 - 2 Phi(-sqrt(2) x). */
static inline float math_erf(float x) {
    float t = math_from_bits(math_bits(x) & 0x7fffffffu), z = t * t, density;
    if (t < 0.85f) {
        float p = 0x1.6f4206p-14f;
        p = fmaf(p, z, -0x1.af6828p-11f);
        p = fmaf(p, z, 0x1.555210p-8f);
        p = fmaf(p, z, -0x1.b81bcep-6f);
        p = fmaf(p, z, 0x1.ce2e9cp-4f);
        p = fmaf(p, z, -0x1.812746p-2f);
        p = fmaf(p, z, 0x1.06eba8p-3f); // 2/sqrt(pi) - 1
        return fmaf(p, x, x);
    }
    t = t > 10.0f ? 10.0f : t;
    float y = fmaf(-2.0f, math_normal_tail(t * 0x1.6a09e6p+0f, &density), 1.0f);
    return x < 0 ? -y : y;
}

#endif
