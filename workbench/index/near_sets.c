/* Sets of shingles, their similarity and their signatures; see near_private.h. */
#include "base/err.h"
#include "base/mem.h"
#include "base/rng.h"
#include "index/near_private.h"
#include <stdlib.h>
#include <string.h>

enum { SIGNATURE = 128 };

int near_reader_create(tokens_t *corpus, int64_t shingle, int64_t window, near_reader_t **reader) {
    near_reader_t *r = mem_new(1, sizeof *r, "sets of shingles");
    if (!r) return -1;
    r->corpus = corpus;
    r->shingle = shingle;
    r->window = window;
    for (int i = 0; i < NEAR_KEPT; i++) r->kept[i].position = -1;
    if (windows_scanner_create(shingle, &r->scanner) != 0) {
        near_reader_free(r);
        return -1;
    }
    *reader = r;
    return 0;
}

void near_reader_free(near_reader_t *r) {
    if (!r) return;
    for (int i = 0; i < NEAR_KEPT; i++) near_set_free(&r->kept[i].set);
    windows_scanner_free(r->scanner);
    mem_free(r);
}

void near_set_free(near_set_t *set) {
    mem_free(set->shingle);
    *set = (near_set_t){0};
}

int64_t near_tokens(const near_reader_t *r, int64_t position) {
    return r->window > 0 ? r->window : tokens_document(r->corpus, tokens_document_at(r->corpus, position)).length;
}

static int by_hash(const void *a, const void *b) {
    return hash_compare(*(const hash_t *)a, *(const hash_t *)b);
}

static int add_run(void *user, const windows_run_t *run) {
    near_set_t *set = user;
    TRY(mem_grow(&set->shingle, &set->capacity, set->n + run->count, sizeof *set->shingle, "a set of shingles"));
    memcpy(set->shingle + set->n, run->fingerprint, (size_t)run->count * sizeof *set->shingle);
    set->n += run->count;
    return 0;
}

int near_set_read(near_reader_t *r, int64_t position, near_set_t *set) {
    int64_t document = tokens_document_at(r->corpus, position), n = 0;
    int64_t from = position - tokens_document(r->corpus, document).first;
    set->n = 0;
    TRY(windows_scan_part(r->scanner, r->corpus, document, from, near_tokens(r, position) - r->shingle + 1, add_run,
                          set));
    qsort(set->shingle, (size_t)set->n, sizeof *set->shingle, by_hash);
    for (int64_t i = 0; i < set->n; i++)
        if (i == 0 || hash_compare(set->shingle[i], set->shingle[n - 1]) != 0) set->shingle[n++] = set->shingle[i];
    set->n = n;
    return 0;
}

int near_set_of(near_reader_t *r, int64_t position, const near_set_t **set) {
    int slot = (int)(hash_mix((uint64_t)position) % NEAR_KEPT);
    if (r->kept[slot].position != position) {
        r->kept[slot].position = -1;
        TRY(near_set_read(r, position, &r->kept[slot].set));
        r->kept[slot].position = position;
    }
    *set = &r->kept[slot].set;
    return 0;
}

int64_t near_common(const near_set_t *a, const near_set_t *b) {
    int64_t common = 0;
    for (int64_t i = 0, k = 0; i < a->n && k < b->n;) {
        int order = hash_compare(a->shingle[i], b->shingle[k]);
        common += order == 0;
        i += order <= 0;
        k += order >= 0;
    }
    return common;
}

/* Hash value k of a set is the least of a family of bijections, x -> mix(x ^ salt_k), over its shingles: the chance
 * that two sets have the same least is the share of shingles that they have in common. The salts are constants of the
 * program. */
void near_signature(const near_set_t *set, int32_t bands, int32_t rows, uint64_t *key) {
    enum { SEED = 127 };
    uint64_t salt[SIGNATURE], least[SIGNATURE];
    int32_t n = bands * rows;
    for (int32_t k = 0; k < n; k++) {
        salt[k] = rng_u64(SEED, RNG_SAMPLE, (uint64_t)k);
        least[k] = UINT64_MAX;
    }
    for (int64_t i = 0; i < set->n; i++)
        for (int32_t k = 0; k < n; k++) {
            uint64_t value = hash_mix(set->shingle[i].lo ^ salt[k]);
            least[k] = value < least[k] ? value : least[k];
        }
    for (int32_t b = 0; b < bands; b++) {
        key[b] = 0;
        for (int32_t k = 0; k < rows; k++) key[b] = hash_mix(key[b] + least[b * rows + k]) + (uint64_t)k;
    }
}

double near_probability(double similarity, int32_t bands, int32_t rows) {
    double band = 1, none = 1;
    for (int32_t k = 0; k < rows; k++) band *= similarity;
    for (int32_t k = 0; k < bands; k++) none *= 1 - band;
    return 1 - none;
}

void near_choose(double threshold, int32_t *bands, int32_t *rows) {
    const double enough = 0.99;
    for (*rows = SIGNATURE; *rows > 1; --*rows)
        if (near_probability(threshold, SIGNATURE / *rows, *rows) >= enough) break;
    *bands = SIGNATURE / *rows;
}
