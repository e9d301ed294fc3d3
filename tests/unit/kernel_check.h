/* What the tests of the kernels share: fast kernels beside the reference, floats compared by their bits, arrays with
 * guard bands, and random numbers. */
#ifndef MEMPROBE_KERNEL_CHECK_H
#define MEMPROBE_KERNEL_CHECK_H
#include "base/mem.h"
#include "base/rng.h"
#include "tensor/tensor.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* The kernels of this CPU that are defined by the reference, one after the other; NULL after the last. */
static inline const tensor_ops_t *check_fast(int i) {
    static const char *const name[] = {"avx2", "avx512", "neon"};
    for (; i < (int)(sizeof name / sizeof *name); i++)
        if (strstr(tensor_available(), name[i])) return tensor_kernels(name[i]);
    return NULL;
}
enum { CHECK_FAST = 3 };

/* An array of n floats, filled with NaN, between two bands that nobody may write. */
enum { CHECK_BAND = 48, CHECK_CANARY = 0x7fc0dead };
static inline float *check_new(int64_t n) {
    uint32_t *block = mem_new(n + 2 * CHECK_BAND, sizeof(float), "a test");
    assert_non_null(block);
    for (int64_t i = 0; i < n + 2 * CHECK_BAND; i++) block[i] = CHECK_CANARY;
    return (float *)(void *)(block + CHECK_BAND);
}

static inline void check_free(float *x, int64_t n) {
    uint32_t *block = (uint32_t *)(void *)x - CHECK_BAND;
    for (int64_t i = 0; i < CHECK_BAND; i++) {
        assert_int_equal(block[i], CHECK_CANARY);
        assert_int_equal(block[CHECK_BAND + n + i], CHECK_CANARY);
    }
    mem_free(block);
}

static inline float *check_copy(const float *from, int64_t n) {
    float *x = check_new(n);
    memcpy(x, from, (size_t)n * sizeof *x);
    return x;
}

/* Uniform in [-size, size); every call its own numbers. */
static inline float *check_random(int64_t n, float size) {
    static uint64_t counter;
    float *x = check_new(n);
    for (int64_t i = 0; i < n; i++) x[i] = (float)(2 * rng_unit(1, RNG_TEST, counter++) - 1) * size;
    return x;
}

static inline int64_t check_below(int64_t bound) {
    static uint64_t counter;
    return rng_below(2, RNG_TEST, counter++, bound);
}

static inline void check_bits(const char *what, const char *kernels, int64_t n, const float *expected, const float *x) {
    for (int64_t i = 0; i < n; i++) {
        uint32_t a, b;
        memcpy(&a, &expected[i], 4), memcpy(&b, &x[i], 4);
        if (a != b)
            fail_msg("%s, %s: element %lld of %lld is %.9g (%08x), not %.9g (%08x)", what, kernels, (long long)i,
                     (long long)n, (double)x[i], b, (double)expected[i], a);
    }
}

/* The same, but any NaN is as good as another: IEEE 754 leaves their signs and payloads open. */
static inline void check_numbers(const char *what, const char *kernels, int64_t n, const float *expected,
                                 const float *x) {
    for (int64_t i = 0; i < n; i++)
        if (!(isnan(expected[i]) && isnan(x[i]))) check_bits(what, kernels, 1, &expected[i], &x[i]);
}

static inline void check_close(const char *what, int64_t i, double expected, double x, double tolerance) {
    if (!(fabs(x - expected) <= tolerance))
        fail_msg("%s: element %lld is %.9g, not %.9g", what, (long long)i, x, expected);
}

#endif
