/* Duplicate buckets of Carlini et al. 2022: count c belongs to bucket floor(4 log2 c) = floor(log2 c^4), in integers,
 * so that powers of two land exactly. c < 2^63, so c^4 needs 252 bits. */
#include "index/census.h"
#include "index/windows.h"
#include <assert.h>

static int32_t bit_length(uint64_t x) {
    return x == 0 ? 0 : 64 - __builtin_clzll(x);
}

int32_t census_bucket(int64_t count) {
    assert(count >= 1);
    windows_wide_t square = (windows_wide_t)(uint64_t)count * (uint64_t)count;
    uint64_t low = (uint64_t)square, high = (uint64_t)(square >> 64);
    /* square^2 = high^2 2^128 + 2 high low 2^64 + low^2; its bit length from the top word that is not zero. */
    windows_wide_t cross = (windows_wide_t)high * low; // below 2^126: doubling keeps it whole
    windows_wide_t middle = 2 * cross + ((windows_wide_t)low * low >> 64);
    windows_wide_t top = (windows_wide_t)high * high + (middle >> 64);
    if (top >> 64) return 192 + bit_length((uint64_t)(top >> 64)) - 1;
    if (top) return 128 + bit_length((uint64_t)top) - 1;
    if ((uint64_t)middle) return 64 + bit_length((uint64_t)middle) - 1;
    return bit_length(low * low) - 1;
}

/* The smallest count of at least this bucket; INT64_MAX when there is none below it. */
static int64_t bucket_start(int32_t bucket) {
    int64_t low = 1, high = INT64_MAX;
    while (low < high) {
        int64_t middle = low + (high - low) / 2;
        if (census_bucket(middle) >= bucket)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

void census_bucket_range(int32_t bucket, int64_t *low, int64_t *high) {
    assert(bucket >= 0 && bucket < CENSUS_BUCKETS);
    *low = bucket_start(bucket);
    *high = bucket_start(bucket + 1) - 1;
}
