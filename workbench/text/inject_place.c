/* Where the copies of planted sequences go. With D copies and T member documents, the row of documents is cut into D
 * stretches of (nearly) equal length; one copy goes to a drawn place in each, so the copies are spread evenly. Which
 * copy goes to which stretch is a pseudo-random permutation of 0..D-1, so the copies of one sequence are scattered over
 * the whole. Both can be computed for one document alone, without a table: inject_at costs as much as it returns. */
#include "base/err.h"
#include "base/mem.h"
#include "base/rng.h"
#include "text/inject.h"
#include <assert.h>

/* Products below stay inside int64_t. */
static const int64_t place_max = INT64_C(3000000000);

int64_t inject_documents(const inject_t *inject) {
    int64_t n = 0;
    for (int32_t l = 0; l < inject->levels; l++) {
        int64_t copies = inject->copies[l];
        if (copies > 0 && inject->per_level > (INT64_MAX - n) / copies) return INT64_MAX; // inject_at will refuse it
        n += inject->per_level * copies;
    }
    return n;
}

/* floor(a * b / c) for a <= c or small a, b, c <= place_max. */
static int64_t scale(int64_t a, int64_t b, int64_t c) {
    return a * (b / c) + a * (b % c) / c;
}

/* A permutation of 0..n-1, one value at a time: a Feistel network on the smallest even number of bits that hold n,
 * walked until it falls below n (Black and Rogaway, CT-RSA 2002). */
static int64_t permute(uint64_t seed, int64_t n, int64_t value) {
    int half = 1;
    while (half < 31 && INT64_C(1) << (2 * half) < n) half++;
    uint64_t mask = (UINT64_C(1) << half) - 1, x = (uint64_t)value;
    do {
        uint64_t left = x >> half, right = x & mask;
        for (uint64_t round = 0; round < 8; round++) {
            uint64_t mixed = left ^ (rng_u64(seed, RNG_PLACE, round << 32 | right) & mask);
            left = right;
            right = mixed;
        }
        x = left << half | right;
    } while (x >= (uint64_t)n);
    return (int64_t)x;
}

/* The ordinal that stretch j gives to its copy. */
static int64_t stretch_place(uint64_t seed, int64_t j, int64_t copies, int64_t total) {
    int64_t first = scale(j, total, copies), next = scale(j + 1, total, copies);
    if (next <= first + 1) return first;
    // The top bit keeps these counters apart from those of the permutation.
    return first + rng_below(seed, RNG_PLACE, UINT64_C(1) << 63 | (uint64_t)j, next - first);
}

static planted_t copy_of(const inject_t *inject, int64_t which) {
    int32_t level = 0;
    while (which >= inject->per_level * inject->copies[level]) {
        which -= inject->per_level * inject->copies[level];
        level++;
        assert(level < inject->levels);
    }
    return (planted_t){level, which / inject->copies[level], which % inject->copies[level]};
}

int inject_at(const inject_t *inject, int64_t ordinal, int64_t total, planted_t **planted, int64_t *n) {
    *planted = NULL;
    *n = 0;
    int64_t copies = inject_documents(inject), capacity = 0;
    if (copies == 0) return 0;
    if (copies < 0 || copies > place_max || total > place_max) {
        return err_set("[inject]: %lld copies over %lld documents; at most %lld of each can be placed",
                       (long long)copies, (long long)total, (long long)place_max);
    }
    if (ordinal < 0 || ordinal >= total) {
        return err_set("no place for planted sequences after document %lld of %lld", (long long)ordinal,
                       (long long)total);
    }
    // The stretches that may reach this ordinal; one more on either side for the rounding.
    int64_t from = scale(ordinal, copies, total) - 1, to = scale(ordinal + 1, copies, total) + 1;
    for (int64_t j = from < 0 ? 0 : from; j < copies && j <= to; j++) {
        if (stretch_place(inject->seed, j, copies, total) != ordinal) continue;
        if (mem_grow(planted, &capacity, *n + 1, sizeof **planted, "planted documents") != 0) {
            mem_free(*planted);
            *planted = NULL;
            return -1;
        }
        (*planted)[(*n)++] = copy_of(inject, permute(inject->seed, copies, j));
    }
    return 0;
}
