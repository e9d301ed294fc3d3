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

void windows_share(tokens_t *corpus, int64_t *first, int64_t *last) {
    int64_t from, to;
    par_share(tokens_count(corpus), &from, &to);
    *first = document_from(corpus, from);
    *last = document_from(corpus, to);
}

int64_t windows_count(tokens_t *corpus, int64_t length) {
    int64_t first, last, count = 0;
    windows_share(corpus, &first, &last);
    for (int64_t d = first; d < last; d++) {
        int64_t tokens = tokens_document(corpus, d).length;
        if (tokens >= length) count += tokens - length + 1;
    }
    return count;
}

struct windows_scanner {
    rolling_t rolling;
    int32_t *token;      // (WINDOWS_RUN + length - 1)
    hash_t *fingerprint; // (WINDOWS_RUN)
};

int windows_scanner_create(int64_t length, windows_scanner_t **scanner) {
    if (length < 1) return err_set("windows of %lld tokens cannot be counted", (long long)length);
    windows_scanner_t *s = mem_new(1, sizeof *s, "scan of windows");
    if (!s) return -1;
    s->rolling = rolling_create(length);
    s->token = mem_new(WINDOWS_RUN + length - 1, sizeof *s->token, "tokens of a scan");
    s->fingerprint = mem_new(WINDOWS_RUN, sizeof *s->fingerprint, "fingerprints of a scan");
    if (!s->token || !s->fingerprint) {
        windows_scanner_free(s);
        return -1;
    }
    *scanner = s;
    return 0;
}

void windows_scanner_free(windows_scanner_t *s) {
    if (!s) return;
    mem_free(s->token);
    mem_free(s->fingerprint);
    mem_free(s);
}

int windows_scan_part(windows_scanner_t *s, tokens_t *corpus, int64_t document, int64_t from, int64_t windows,
                      windows_visit_t visit, void *user) {
    int64_t length = s->rolling.length, first = tokens_document(corpus, document).first, end = from + windows;
    for (; from < end; from += WINDOWS_RUN) {
        int64_t count = end - from < WINDOWS_RUN ? end - from : WINDOWS_RUN, at = first + from;
        TRY(tokens_read(corpus, at, count + length - 1, s->token));
        fingerprints(&s->rolling, s->token, count, s->fingerprint);
        TRY(visit(user, &(windows_run_t){document, at, first, count, s->fingerprint, s->token}));
    }
    return 0;
}

int windows_scan(tokens_t *corpus, int64_t length, windows_visit_t visit, void *user) {
    if (length > tokens_count(corpus)) return 0; // no document is as long
    windows_scanner_t *scanner = NULL;
    TRY(windows_scanner_create(length, &scanner));
    int rc = 0;
    int64_t first, last;
    windows_share(corpus, &first, &last);
    for (int64_t d = first; d < last && rc == 0; d++) {
        int64_t windows = tokens_document(corpus, d).length - length + 1;
        if (windows > 0) rc = windows_scan_part(scanner, corpus, d, 0, windows, visit, user);
    }
    windows_scanner_free(scanner);
    return rc;
}

hash_t windows_fingerprint(int64_t length, const int32_t *token) {
    hash_t fingerprint;
    const rolling_t rolling = rolling_create(length);
    fingerprints(&rolling, token, 1, &fingerprint);
    return fingerprint;
}
