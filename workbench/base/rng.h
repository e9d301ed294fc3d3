/* Counter-based random numbers: the value is a pure function of (seed, stream, counter), so any rank can draw any
 * number in any order and the result is the same. Philox-4x32-10 (Salmon et al., SC 2011). */
#ifndef MEMPROBE_RNG_H
#define MEMPROBE_RNG_H
#include <stdint.h>

/* Streams: every use of randomness has its own, so that uses never share a number. */
enum {
    RNG_INIT = 1,   // weights
    RNG_ORDER = 2,  // training order
    RNG_INJECT = 3, // text of planted sequences
    RNG_PLACE = 4,  // where copies of planted sequences go
    RNG_HOLD_OUT = 5,
    RNG_SAMPLE = 6, // probe sampler
    RNG_DRAW = 7,   // tokens drawn from a model's distribution
    RNG_TEST = 100
};

uint64_t rng_u64(uint64_t seed, uint32_t stream, uint64_t counter);
double rng_unit(uint64_t seed, uint32_t stream, uint64_t counter);                  // [0, 1), 53 bits
int64_t rng_below(uint64_t seed, uint32_t stream, uint64_t counter, int64_t bound); // 0 .. bound-1, bound > 0

/* order[0..n) becomes a permutation of 0..n-1 that depends on seed, stream and salt only. */
void rng_permute(uint64_t seed, uint32_t stream, uint64_t salt, int64_t n, int64_t *order);

/* The generator itself: 128 bits for a counter and a key, as published. */
void rng_philox(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]);

#endif
