/* The pass over all windows of this rank's documents, and their rolling fingerprints. See windows.h. */
#include "index/windows.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/rng.h"
#include "par/par.h"

static const uint64_t PRIME = (UINT64_C(1) << 61) - 1;

typedef struct {
    int64_t length;
    uint64_t base[2], power[2]; // B, and B^length: the weight of the token that leaves
} rolling_t;

/* x mod PRIME for x < 2^64: the prime is one less than a power of two, so high bits fold onto low ones. */
static inline uint64_t reduce(uint64_t x) {
    x = (x & PRIME) + (x >> 61);
    return x >= PRIME ? x - PRIME : x;
}

static inline uint64_t multiply(uint64_t a, uint64_t b) {
    windows_wide_t product = (windows_wide_t)a * b;
    return reduce((uint64_t)(product & PRIME) + (uint64_t)(product >> 61));
}

/* The two points are constants of the program, drawn once; a fingerprint means the same in every study. */
static rolling_t rolling_create(int64_t length) {
    enum { SEED = 61, FIRST = 0 };
    rolling_t r = {.length = length};
    for (int k = 0; k < 2; k++) {
        r.base[k] = 256 + (uint64_t)rng_below(SEED, RNG_SAMPLE, (uint64_t)(FIRST + k), (int64_t)PRIME - 256);
        uint64_t square = r.base[k];
        r.power[k] = 1;
        for (int64_t e = length; e > 0; e >>= 1, square = multiply(square, square))
            if (e & 1) r.power[k] = multiply(r.power[k], square);
    }
    return r;
}

static inline uint64_t enter(uint64_t state, uint64_t base, int32_t token) {
    return reduce(multiply(state, base) + (uint64_t)(uint32_t)token + 1);
}

static inline uint64_t roll(uint64_t state, uint64_t base, uint64_t power, int32_t in, int32_t out) {
    uint64_t leaves = PRIME - multiply((uint64_t)(uint32_t)out + 1, power);
    return reduce(multiply(state, base) + (uint64_t)(uint32_t)in + 1 + leaves);
}

/* Fingerprints of `count` windows that start at token[0], token[1], ... */
static void fingerprints(const rolling_t *r, const int32_t *token, int64_t count, hash_t *fingerprint) {
    uint64_t a = 0, b = 0;
    for (int64_t i = 0; i < r->length; i++) {
        a = enter(a, r->base[0], token[i]);
        b = enter(b, r->base[1], token[i]);
    }
    fingerprint[0] = (hash_t){hash_mix(a), hash_mix(b)};
    for (int64_t i = 1; i < count; i++) {
        int32_t in = token[i + r->length - 1], out = token[i - 1];
        a = roll(a, r->base[0], r->power[0], in, out);
        b = roll(b, r->base[1], r->power[1], in, out);
        fingerprint[i] = (hash_t){hash_mix(a), hash_mix(b)};
    }
}

/* First document that starts at or after a position. */
static int64_t document_from(tokens_t *corpus, int64_t position) {
    int64_t low = 0, high = tokens_documents(corpus);
    while (low < high) {
        int64_t middle = low + (high - low) / 2;
        if (tokens_document(corpus, middle).first < position)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Documents of this rank: *first .. *last - 1. */
static void share_documents(tokens_t *corpus, int64_t *first, int64_t *last) {
    int64_t from, to;
    par_share(tokens_count(corpus), &from, &to);
    *first = document_from(corpus, from);
    *last = document_from(corpus, to);
}

int64_t windows_count(tokens_t *corpus, int64_t length) {
    int64_t first, last, count = 0;
    share_documents(corpus, &first, &last);
    for (int64_t d = first; d < last; d++) {
        int64_t tokens = tokens_document(corpus, d).length;
        if (tokens >= length) count += tokens - length + 1;
    }
    return count;
}

typedef struct {
    rolling_t rolling;
    int32_t *token;      // (WINDOWS_RUN + length - 1)
    hash_t *fingerprint; // (WINDOWS_RUN)
    windows_visit_t visit;
    void *user;
} scan_t;

static int scan_document(tokens_t *corpus, int64_t index, const scan_t *s) {
    const token_document_t document = tokens_document(corpus, index);
    int64_t length = s->rolling.length, windows = document.length - length + 1;
    for (int64_t from = 0; from < windows; from += WINDOWS_RUN) {
        int64_t count = windows - from < WINDOWS_RUN ? windows - from : WINDOWS_RUN, at = document.first + from;
        TRY(tokens_read(corpus, at, count + length - 1, s->token));
        fingerprints(&s->rolling, s->token, count, s->fingerprint);
        TRY(s->visit(s->user, &(windows_run_t){index, at, count, s->fingerprint, s->token}));
    }
    return 0;
}

int windows_scan(tokens_t *corpus, int64_t length, windows_visit_t visit, void *user) {
    if (length < 1) return err_set("windows of %lld tokens cannot be counted", (long long)length);
    if (length > tokens_count(corpus)) return 0; // no document is as long
    scan_t s = {.rolling = rolling_create(length), .visit = visit, .user = user};
    s.token = mem_new(WINDOWS_RUN + length - 1, sizeof *s.token, "tokens of a scan");
    s.fingerprint = mem_new(WINDOWS_RUN, sizeof *s.fingerprint, "fingerprints of a scan");
    int rc = s.token && s.fingerprint ? 0 : -1;
    int64_t first, last;
    share_documents(corpus, &first, &last);
    for (int64_t d = first; d < last && rc == 0; d++) rc = scan_document(corpus, d, &s);
    mem_free(s.token);
    mem_free(s.fingerprint);
    return rc;
}
