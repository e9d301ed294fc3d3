/* Description lengths of windows, and pairs of members and controls that are near in it; see match.h. */
#include "index/match.h"
#include "base/err.h"
#include "base/mem.h"
#include "par/par.h"
#include <assert.h>
#include <stdlib.h>

/* --- description lengths ------------------------------------------------------------------------------------------ */

/* Squaring the mantissa gives a binary digit of the logarithm each time. */
int64_t match_log2(uint64_t x) {
    assert(x >= 1);
    int64_t whole = 63 - __builtin_clzll(x), part = 0;
    uint64_t mantissa = whole >= 31 ? x >> (whole - 31) : x << (31 - whole); // 1 .. 2, as 2^31 .. 2^32
    for (int64_t unit = MATCH_BIT / 2; unit > 0; unit /= 2) {
        uint64_t square = mantissa * mantissa; // 2^62 .. 2^64
        int carries = square >> 63 != 0;
        mantissa = square >> (carries ? 32 : 31);
        part += carries ? unit : 0;
    }
    return whole * MATCH_BIT + part;
}

/* How often each token occurs in this rank's share of the corpus; the ends of documents are no text. */
static int count_tokens(tokens_t *corpus, int64_t *count) {
    enum { RUN = 1 << 16 };
    int32_t *token = mem_new(RUN, sizeof *token, "counts of tokens"), end = tokens_end(corpus);
    int64_t first, last;
    int rc = token ? 0 : -1;
    par_share(tokens_count(corpus), &first, &last);
    for (int64_t at = first; at < last && rc == 0; at += RUN) {
        int64_t n = last - at < RUN ? last - at : RUN;
        rc = tokens_read(corpus, at, n, token);
        if (rc == 0) rc = par_go_on();
        for (int64_t i = 0; i < n && rc == 0; i++) count[token[i]] += token[i] != end;
    }
    mem_free(token);
    return rc;
}

int match_prices(tokens_t *corpus, int32_t **price) {
    int64_t vocab = tokens_vocab(corpus), total = vocab;
    int64_t *count = mem_new(vocab, sizeof *count, "counts of tokens");
    *price = mem_new(vocab, sizeof **price, "prices of tokens");
    int rc = par_agree(count && *price ? count_tokens(corpus, count) : -1);
    if (rc == 0) {
        par_sum_i64(count, vocab);
        for (int64_t t = 0; t < vocab; t++) total += count[t];
        for (int64_t t = 0; t < vocab; t++) // one more of each: what never occurs has a price as well
            (*price)[t] = (int32_t)(match_log2((uint64_t)total) - match_log2((uint64_t)count[t] + 1));
    }
    mem_free(count);
    if (rc == 0) return 0;
    mem_free(*price);
    *price = NULL;
    return -1;
}

/* The longest stretch from i on that also begins before i. */
static int64_t longest_copy(const int32_t *token, int64_t n, int64_t i) {
    int64_t longest = 0;
    for (int64_t from = 0; from < i; from++) {
        if (token[from] != token[i]) continue;
        int64_t length = 1;
        while (i + length < n && token[from + length] == token[i + length]) length++;
        if (length > longest) longest = length;
    }
    return longest;
}

int64_t match_length(const int32_t *price, const int32_t *token, int64_t n) {
    int64_t bits = 0, step;
    for (int64_t i = 0; i < n; i += step) {
        int64_t copy = longest_copy(token, n, i), spelled = 0, copied = 0;
        for (int64_t k = 0; k < copy; k++) spelled += MATCH_BIT + price[token[i + k]];
        if (copy > 0) copied = MATCH_BIT + match_log2((uint64_t)i) + match_log2((uint64_t)copy);
        step = copy > 0 && copied < spelled ? copy : 1;
        bits += copy > 0 && copied < spelled ? copied : MATCH_BIT + price[token[i]];
    }
    return bits;
}

/* --- pairs -------------------------------------------------------------------------------------------------------- */

typedef struct {
    int64_t value, index;
} valued_t;

static int by_value(const void *a, const void *b) {
    const valued_t *x = a, *y = b;
    if (x->value != y->value) return x->value < y->value ? -1 : 1;
    return (x->index > y->index) - (x->index < y->index);
}

/* Candidates in order of value; a bit for each that can be given now. */
typedef struct {
    int64_t n;
    valued_t *sorted; // (n)
    int64_t *place;   // (n) of each candidate in sorted
    uint64_t *free;   // (n / 64 + 1) words
} pool_t;

static int pool_create(const int64_t *value, int64_t n, pool_t *pool) {
    *pool = (pool_t){.n = n};
    pool->sorted = mem_new(n, sizeof *pool->sorted, "candidates for controls");
    pool->place = mem_new(n, sizeof *pool->place, "candidates for controls");
    pool->free = mem_new(n / 64 + 1, sizeof *pool->free, "candidates for controls");
    if (!pool->sorted || !pool->place || !pool->free) return -1;
    for (int64_t i = 0; i < n; i++) pool->sorted[i] = (valued_t){value[i], i};
    qsort(pool->sorted, (size_t)n, sizeof *pool->sorted, by_value);
    for (int64_t i = 0; i < n; i++) pool->place[pool->sorted[i].index] = i;
    return 0;
}

static void pool_free(pool_t *pool) {
    mem_free(pool->sorted);
    mem_free(pool->place);
    mem_free(pool->free);
}

/* The first free place at or above `from`, n if none. */
static int64_t free_above(const pool_t *pool, int64_t from) {
    if (from >= pool->n) return pool->n;
    uint64_t word = pool->free[from / 64] & ~UINT64_C(0) << (from % 64);
    int64_t w = from / 64;
    while (word == 0 && ++w <= pool->n / 64) word = pool->free[w];
    return word == 0 ? pool->n : 64 * w + __builtin_ctzll(word);
}

/* The last free place below `to`, -1 if none. */
static int64_t free_below(const pool_t *pool, int64_t to) {
    int64_t w = to / 64;
    uint64_t word = to % 64 ? pool->free[w] & ((UINT64_C(1) << (to % 64)) - 1) : 0;
    while (word == 0 && --w >= 0) word = pool->free[w];
    return word == 0 ? -1 : 64 * w + 63 - __builtin_clzll(word);
}

/* The first place whose value is at least that. */
static int64_t place_of(const pool_t *pool, int64_t value) {
    int64_t low = 0, high = pool->n;
    while (low < high) {
        int64_t middle = low + (high - low) / 2;
        if (pool->sorted[middle].value < value)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Of equal values below, the one that was drawn first, as above. */
static int64_t first_of_equals(const pool_t *pool, int64_t place) {
    return place < 0 ? -1 : free_above(pool, place_of(pool, pool->sorted[place].value));
}

static int64_t take_nearest(pool_t *pool, int64_t value) {
    int64_t at = place_of(pool, value), above = free_above(pool, at),
            below = first_of_equals(pool, free_below(pool, at));
    if (above == pool->n && below < 0) return -1;
    int64_t place =
        below >= 0 && (above == pool->n || value - pool->sorted[below].value <= pool->sorted[above].value - value)
            ? below
            : above;
    pool->free[place / 64] &= ~(UINT64_C(1) << (place % 64));
    return pool->sorted[place].index;
}

int match_nearest(const int64_t *member, int64_t n, const int64_t *candidate, int64_t candidates, int64_t each,
                  int64_t *given) {
    pool_t pool;
    int64_t known = 0;
    int rc = pool_create(candidate, candidates, &pool);
    for (int64_t i = 0; i < n && rc == 0; i++) {
        for (; known < candidates && known < each * (i + 1); known++)
            pool.free[pool.place[known] / 64] |= UINT64_C(1) << (pool.place[known] % 64);
        given[i] = take_nearest(&pool, member[i]);
    }
    pool_free(&pool);
    return rc;
}
