/* Philox-4x32-10: ten rounds of two 32x32-bit multiplications turn (counter, key) into 128 random bits. Salmon et al.,
 * "Parallel random numbers: as easy as 1, 2, 3", SC 2011. Layout here: key = seed; counter words 0 and 1 = counter,
 * word 2 = stream, word 3 = attempt (rng_below draws again when a value would bias the result). */
#include "base/rng.h"
#include <assert.h>

__extension__ typedef unsigned __int128 uint128_t;

void rng_philox(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]) {
    uint32_t c0 = counter[0], c1 = counter[1], c2 = counter[2], c3 = counter[3];
    uint32_t k0 = key[0], k1 = key[1];
    for (int round = 0; round < 10; round++) {
        uint64_t a = (uint64_t)0xD2511F53u * c0, b = (uint64_t)0xCD9E8D57u * c2;
        uint32_t n0 = (uint32_t)(b >> 32) ^ c1 ^ k0, n2 = (uint32_t)(a >> 32) ^ c3 ^ k1;
        c1 = (uint32_t)b;
        c3 = (uint32_t)a;
        c0 = n0;
        c2 = n2;
        k0 += 0x9E3779B9u; // golden ratio
        k1 += 0xBB67AE85u; // sqrt(3) - 1
    }
    out[0] = c0;
    out[1] = c1;
    out[2] = c2;
    out[3] = c3;
}

static uint64_t draw(uint64_t seed, uint32_t stream, uint64_t counter, uint32_t attempt) {
    uint32_t in[4] = {(uint32_t)counter, (uint32_t)(counter >> 32), stream, attempt};
    uint32_t key[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)}, out[4];
    rng_philox(in, key, out);
    return out[0] | (uint64_t)out[1] << 32;
}

uint64_t rng_u64(uint64_t seed, uint32_t stream, uint64_t counter) {
    return draw(seed, stream, counter, 0);
}

double rng_unit(uint64_t seed, uint32_t stream, uint64_t counter) {
    return (double)(rng_u64(seed, stream, counter) >> 11) * 0x1p-53;
}

/* Lemire 2019: the high word of draw x bound is uniform once the few low words that would favour some values are
 * rejected. The next attempt is another counter word, so the result is still a function of the arguments alone. */
int64_t rng_below(uint64_t seed, uint32_t stream, uint64_t counter, int64_t bound) {
    assert(bound > 0);
    uint64_t limit = (uint64_t)bound, threshold = (0 - limit) % limit;
    for (uint32_t attempt = 0;; attempt++) {
        uint128_t product = (uint128_t)draw(seed, stream, counter, attempt) * limit;
        if ((uint64_t)product >= threshold) return (int64_t)(product >> 64);
    }
}

void rng_permute(uint64_t seed, uint32_t stream, uint64_t salt, int64_t n, int64_t *order) {
    uint64_t own = rng_u64(seed, stream, salt);
    for (int64_t i = 0; i < n; i++) {
        int64_t j = rng_below(own, stream, (uint64_t)i, i + 1);
        order[i] = order[j];
        order[j] = i;
    }
}
