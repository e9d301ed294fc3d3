/* v16, the vector type of all kernels, on AArch64: sixteen floats in four registers of NEON. The same operations as
 * vec_avx512.h, where they are described. */
#ifndef MEMPROBE_VEC_NEON_H
#define MEMPROBE_VEC_NEON_H
#include <arm_neon.h>
#include <stdint.h>
#include <string.h>

/* vec_x86.h says why. */
#ifdef __clang__
#define V16_UNROLL _Pragma("clang loop unroll(full)")
#else
#define V16_UNROLL _Pragma("GCC unroll 32")
#endif

#define V16_NAME "neon"
/* Accumulators in 24 of the 32 registers; 4 for a column, 1 for a row. With so many in use GCC does better when it is
 * not told to keep the columns: one register of four less is said to be there. */
enum {
    V16_GEMM_ROWS = 6,
    V16_GEMM_ROWS_ALONE = 6,
    V16_GEMM_SUMS = 6,
    V16_GEMM_SUMS_WIDE = 6,
    V16_GEMM_LEAST = 4,
    V16_REGISTERS = 7
};

typedef struct {
    float32x4_t q[4]; // lanes 0-3, 4-7, 8-11, 12-15
} v16;
typedef struct {
    int32x4_t q[4];
} v16i;
typedef struct {
    uint32x4_t q[4]; // all bits of a lane set: true
} v16m;
typedef struct {
    float64x2_t q[8]; // two lanes each
} v16d;

static inline v16 v16_load(const float *x) {
    return (v16){{vld1q_f32(x), vld1q_f32(x + 4), vld1q_f32(x + 8), vld1q_f32(x + 12)}};
}
static inline float32x4_t v4_load_bf16(const uint16_t *x) {
    return vreinterpretq_f32_u32(vshll_n_u16(vld1_u16(x), 16));
}
static inline v16 v16_load_bf16(const uint16_t *x) {
    return (v16){{v4_load_bf16(x), v4_load_bf16(x + 4), v4_load_bf16(x + 8), v4_load_bf16(x + 12)}};
}
static inline float32x4_t v4_load_f16(const uint16_t *x) {
    return vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(x)));
}
static inline v16 v16_load_f16(const uint16_t *x) {
    return (v16){{v4_load_f16(x), v4_load_f16(x + 4), v4_load_f16(x + 8), v4_load_f16(x + 12)}};
}
static inline void v16_store(float *x, v16 a) {
    vst1q_f32(x, a.q[0]);
    vst1q_f32(x + 4, a.q[1]);
    vst1q_f32(x + 8, a.q[2]);
    vst1q_f32(x + 12, a.q[3]);
}

/* NEON has no masked access: by way of the stack. */
static inline v16 v16_load_part(const float *x, int64_t n) {
    float lane[16] = {0};
    memcpy(lane, x, (size_t)n * sizeof *lane);
    return v16_load(lane);
}
static inline void v16_store_part(float *x, v16 a, int64_t n) {
    float lane[16];
    v16_store(lane, a);
    memcpy(x, lane, (size_t)n * sizeof *lane);
}

static inline v16 v16_set1(float x) {
    float32x4_t q = vdupq_n_f32(x);
    return (v16){{q, q, q, q}};
}
static inline void v16_keep(v16 *a) {
    __asm__("" : "+w"(a->q[0]), "+w"(a->q[1]), "+w"(a->q[2]), "+w"(a->q[3]));
}
static inline v16 v16_zero(void) {
    return v16_set1(0.0f);
}

static inline v16 v16_add(v16 a, v16 b) {
    return (v16){
        {vaddq_f32(a.q[0], b.q[0]), vaddq_f32(a.q[1], b.q[1]), vaddq_f32(a.q[2], b.q[2]), vaddq_f32(a.q[3], b.q[3])}};
}
static inline v16 v16_sub(v16 a, v16 b) {
    return (v16){
        {vsubq_f32(a.q[0], b.q[0]), vsubq_f32(a.q[1], b.q[1]), vsubq_f32(a.q[2], b.q[2]), vsubq_f32(a.q[3], b.q[3])}};
}
static inline v16 v16_mul(v16 a, v16 b) {
    return (v16){
        {vmulq_f32(a.q[0], b.q[0]), vmulq_f32(a.q[1], b.q[1]), vmulq_f32(a.q[2], b.q[2]), vmulq_f32(a.q[3], b.q[3])}};
}
static inline v16 v16_div(v16 a, v16 b) {
    return (v16){
        {vdivq_f32(a.q[0], b.q[0]), vdivq_f32(a.q[1], b.q[1]), vdivq_f32(a.q[2], b.q[2]), vdivq_f32(a.q[3], b.q[3])}};
}
static inline v16 v16_sqrt(v16 a) {
    return (v16){{vsqrtq_f32(a.q[0]), vsqrtq_f32(a.q[1]), vsqrtq_f32(a.q[2]), vsqrtq_f32(a.q[3])}};
}
/* The instruction takes the addend first. */
static inline v16 v16_fma(v16 a, v16 b, v16 c) {
    return (v16){{vfmaq_f32(c.q[0], a.q[0], b.q[0]), vfmaq_f32(c.q[1], a.q[1], b.q[1]),
                  vfmaq_f32(c.q[2], a.q[2], b.q[2]), vfmaq_f32(c.q[3], a.q[3], b.q[3])}};
}
static inline v16 v16_fnma(v16 a, v16 b, v16 c) {
    return (v16){{vfmsq_f32(c.q[0], a.q[0], b.q[0]), vfmsq_f32(c.q[1], a.q[1], b.q[1]),
                  vfmsq_f32(c.q[2], a.q[2], b.q[2]), vfmsq_f32(c.q[3], a.q[3], b.q[3])}};
}
/* Not vmaxq_f32 and vminq_f32, which give a NaN when either is one, and order the zeros. */
static inline float32x4_t v4_max(float32x4_t a, float32x4_t b) {
    return vbslq_f32(vcgtq_f32(a, b), a, b);
}
static inline float32x4_t v4_min(float32x4_t a, float32x4_t b) {
    return vbslq_f32(vcltq_f32(a, b), a, b);
}
static inline v16 v16_max(v16 a, v16 b) {
    return (v16){{v4_max(a.q[0], b.q[0]), v4_max(a.q[1], b.q[1]), v4_max(a.q[2], b.q[2]), v4_max(a.q[3], b.q[3])}};
}
static inline v16 v16_min(v16 a, v16 b) {
    return (v16){{v4_min(a.q[0], b.q[0]), v4_min(a.q[1], b.q[1]), v4_min(a.q[2], b.q[2]), v4_min(a.q[3], b.q[3])}};
}
static inline v16 v16_abs(v16 a) {
    return (v16){{vabsq_f32(a.q[0]), vabsq_f32(a.q[1]), vabsq_f32(a.q[2]), vabsq_f32(a.q[3])}};
}

static inline v16m v16_less(v16 a, v16 b) {
    return (v16m){
        {vcltq_f32(a.q[0], b.q[0]), vcltq_f32(a.q[1], b.q[1]), vcltq_f32(a.q[2], b.q[2]), vcltq_f32(a.q[3], b.q[3])}};
}
static inline v16m v16_greater(v16 a, v16 b) {
    return v16_less(b, a);
}
static inline v16m v16_at_least(v16 a, v16 b) {
    return (v16m){
        {vcgeq_f32(a.q[0], b.q[0]), vcgeq_f32(a.q[1], b.q[1]), vcgeq_f32(a.q[2], b.q[2]), vcgeq_f32(a.q[3], b.q[3])}};
}
static inline v16m v16_equal(v16 a, v16 b) {
    return (v16m){
        {vceqq_f32(a.q[0], b.q[0]), vceqq_f32(a.q[1], b.q[1]), vceqq_f32(a.q[2], b.q[2]), vceqq_f32(a.q[3], b.q[3])}};
}
static inline uint32_t v4_bits(uint32x4_t m) {
    static const uint32_t bit[4] = {1, 2, 4, 8};
    return vaddvq_u32(vandq_u32(m, vld1q_u32(bit)));
}
static inline uint32_t v16m_bits(v16m m) {
    return v4_bits(m.q[0]) | v4_bits(m.q[1]) << 4 | v4_bits(m.q[2]) << 8 | v4_bits(m.q[3]) << 12;
}
static inline v16 v16_blend(v16m m, v16 yes, v16 no) {
    return (v16){{vbslq_f32(m.q[0], yes.q[0], no.q[0]), vbslq_f32(m.q[1], yes.q[1], no.q[1]),
                  vbslq_f32(m.q[2], yes.q[2], no.q[2]), vbslq_f32(m.q[3], yes.q[3], no.q[3])}};
}

static inline v16i v16i_blend(v16m m, v16i yes, v16i no) {
    return (v16i){{vbslq_s32(m.q[0], yes.q[0], no.q[0]), vbslq_s32(m.q[1], yes.q[1], no.q[1]),
                   vbslq_s32(m.q[2], yes.q[2], no.q[2]), vbslq_s32(m.q[3], yes.q[3], no.q[3])}};
}
static inline v16i v16i_load(const int32_t *x) {
    return (v16i){{vld1q_s32(x), vld1q_s32(x + 4), vld1q_s32(x + 8), vld1q_s32(x + 12)}};
}
static inline void v16i_store(int32_t *x, v16i a) {
    vst1q_s32(x, a.q[0]);
    vst1q_s32(x + 4, a.q[1]);
    vst1q_s32(x + 8, a.q[2]);
    vst1q_s32(x + 12, a.q[3]);
}
static inline v16i v16i_set1(int32_t x) {
    int32x4_t q = vdupq_n_s32(x);
    return (v16i){{q, q, q, q}};
}
static inline v16i v16i_index(void) {
    static const int32_t lane[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    return v16i_load(lane);
}
static inline v16i v16i_add(v16i a, v16i b) {
    return (v16i){
        {vaddq_s32(a.q[0], b.q[0]), vaddq_s32(a.q[1], b.q[1]), vaddq_s32(a.q[2], b.q[2]), vaddq_s32(a.q[3], b.q[3])}};
}
/* By two factors, as in vec_avx2.h. */
static inline float32x4_t v4_scale2(float32x4_t a, float32x4_t n) {
    int32x4_t e = vcvtq_s32_f32(n), half = vshrq_n_s32(e, 1), rest = vsubq_s32(e, half), bias = vdupq_n_s32(127);
    a = vmulq_f32(a, vreinterpretq_f32_s32(vshlq_n_s32(vaddq_s32(half, bias), 23)));
    return vmulq_f32(a, vreinterpretq_f32_s32(vshlq_n_s32(vaddq_s32(rest, bias), 23)));
}
static inline v16 v16_scale2(v16 a, v16 n) {
    return (v16){
        {v4_scale2(a.q[0], n.q[0]), v4_scale2(a.q[1], n.q[1]), v4_scale2(a.q[2], n.q[2]), v4_scale2(a.q[3], n.q[3])}};
}

static inline float v16_fold_add(v16 a) {
    float32x4_t s = vaddq_f32(vaddq_f32(a.q[0], a.q[2]), vaddq_f32(a.q[1], a.q[3]));
    float32x2_t t = vadd_f32(vget_low_f32(s), vget_high_f32(s));
    return vget_lane_f32(t, 0) + vget_lane_f32(t, 1);
}
static inline float v16_fold_max(v16 a) {
    float32x4_t s = v4_max(v4_max(a.q[0], a.q[2]), v4_max(a.q[1], a.q[3]));
    float32x2_t low = vget_low_f32(s), high = vget_high_f32(s), t = vbsl_f32(vcgt_f32(low, high), low, high);
    float even = vget_lane_f32(t, 0), odd = vget_lane_f32(t, 1);
    return even > odd ? even : odd;
}

static inline v16d v16d_zero(void) {
    float64x2_t q = vdupq_n_f64(0.0);
    return (v16d){{q, q, q, q, q, q, q, q}};
}
static inline v16d v16d_from(v16 a) {
    return (v16d){{vcvt_f64_f32(vget_low_f32(a.q[0])), vcvt_high_f64_f32(a.q[0]), vcvt_f64_f32(vget_low_f32(a.q[1])),
                   vcvt_high_f64_f32(a.q[1]), vcvt_f64_f32(vget_low_f32(a.q[2])), vcvt_high_f64_f32(a.q[2]),
                   vcvt_f64_f32(vget_low_f32(a.q[3])), vcvt_high_f64_f32(a.q[3])}};
}
static inline v16d v16d_fma(v16d a, v16d b, v16d c) {
    for (int i = 0; i < 8; i++) c.q[i] = vfmaq_f64(c.q[i], a.q[i], b.q[i]);
    return c;
}
static inline v16d v16d_add(v16d a, v16d b) {
    for (int i = 0; i < 8; i++) a.q[i] = vaddq_f64(a.q[i], b.q[i]);
    return a;
}
static inline double v16d_fold_add(v16d a) {
    for (int half = 4; half; half /= 2)
        for (int i = 0; i < half; i++) a.q[i] = vaddq_f64(a.q[i], a.q[i + half]);
    return vgetq_lane_f64(a.q[0], 0) + vgetq_lane_f64(a.q[0], 1);
}

#endif
