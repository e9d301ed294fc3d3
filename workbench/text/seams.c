/* Of each token only its first and its last character matter. They follow from the merges, beginning with the bytes: a
 * merge whose halves do not come about from bytes never happens. */
#include "text/seams.h"
#include "base/err.h"
#include "base/mem.h"
#include "text/pairmap.h"
#include "text/utf8.h"
#include <string.h>

enum { LONGEST_CHAR = 4, SPARSE = 16, LEAST_BITS = 12 }; // SPARSE: bits of the table for each that is set

/* The bytes at both ends of a token's text; the same ones when it is short. n 0: the token has not come about. */
typedef struct {
    uint8_t n, first[LONGEST_CHAR], last[LONGEST_CHAR];
} ends_t;

static int ends_equal(const ends_t *a, const ends_t *b) {
    return a->n == b->n && memcmp(a->first, b->first, a->n) == 0 && memcmp(a->last, b->last, a->n) == 0;
}

static ends_t ends_join(const ends_t *left, const ends_t *right) {
    uint8_t first[2 * LONGEST_CHAR], last[2 * LONGEST_CHAR];
    size_t n = (size_t)left->n + right->n, kept = n < LONGEST_CHAR ? n : LONGEST_CHAR;
    ends_t both = {.n = (uint8_t)kept};
    memcpy(first, left->first, left->n);
    memcpy(first + left->n, right->first, right->n);
    memcpy(last, left->last, left->n);
    memcpy(last + left->n, right->last, right->n);
    memcpy(both.first, first, kept);
    memcpy(both.last, last + n - kept, kept);
    return both;
}

/* Notes the text of a token; 0 when another one is known. */
static int note(ends_t *ends, const ends_t *text, int *is_news) {
    if (ends->n > 0) return ends_equal(ends, text);
    *ends = *text;
    *is_news = 1;
    return 1;
}

static int is_inside(uint8_t byte) { // a character
    return (byte & 0xC0) == 0x80;
}

/* The character that ends with a token: its code; -1 when nothing valid ends there; -2 when the token is its end only.
 */
static int32_t last_char(const ends_t *left) {
    int32_t code;
    size_t at = left->n;
    while (at > 0 && is_inside(left->last[at - 1])) at--;
    if (at == 0) return left->n < LONGEST_CHAR ? -2 : -1;
    at--;
    return at + utf8_next(left->last, at, left->n, &code) == left->n ? code : -1;
}

/* The same for the character that starts with a token. */
static int32_t first_char(const ends_t *right) {
    uint8_t b = right->first[0];
    int32_t code;
    size_t n = b >= 0xF0 ? 4 : b >= 0xE0 ? 3 : b >= 0xC0 ? 2 : 1, held = 1;
    while (held < n && held < right->n && is_inside(right->first[held])) held++;
    if (held == right->n && held < n) return -2;
    utf8_next(right->first, 0, right->n, &code);
    return code;
}

static inline uint64_t place_of(const seams_t *seams, int32_t before, int32_t after) {
    return ((uint64_t)before << 32 | (uint64_t)after) * 0x9E3779B97F4A7C15u >> seams->shift;
}

/* The texts of all tokens; *is_one: each token has one text only. */
static int find_ends(ends_t *ends, const int32_t byte_id[256], const uint64_t *pair, const int32_t *merged,
                     int64_t merges) {
    int is_one = 1, is_news = 1;
    for (int32_t byte = 0; byte < 256; byte++) {
        ends_t text = {1, {(uint8_t)byte}, {(uint8_t)byte}};
        if (byte_id[byte] >= 0) is_one &= note(&ends[byte_id[byte]], &text, &is_news);
    }
    while (is_one && is_news) { // merges need not stand behind those that make their halves
        is_news = 0;
        for (int64_t i = 0; i < merges; i++) {
            const ends_t *left = &ends[pair[i] >> 32], *right = &ends[pair[i] & UINT32_MAX];
            if (left->n == 0 || right->n == 0) continue;
            ends_t text = ends_join(left, right);
            is_one &= note(&ends[merged[i]], &text, &is_news);
        }
    }
    return is_one;
}

static int join(pairmap_t *joined, seams_t *seams, const ends_t *left, const ends_t *right) {
    int32_t before = last_char(left), after = first_char(right);
    if (before == -1 || after == -1) return 0; // between characters that are none there is no seam
    if (before < 0 || after < 0) {
        seams->torn[left->last[left->n - 1]] |= (uint64_t)1 << right->first[0] % 64;
        return 0;
    }
    uint64_t key = pair_key(before, after);
    return pairmap_get(joined, key) >= 0 ? 0 : pairmap_put(joined, key, 1);
}

static int fill_table(seams_t *seams, const pairmap_t *joined) {
    int32_t bits = LEAST_BITS;
    while ((int64_t)1 << bits < SPARSE * joined->n) bits++;
    seams->shift = 64 - bits;
    seams->joined = mem_new((int64_t)1 << (bits - 6), sizeof *seams->joined, "pairs of characters");
    if (!seams->joined) return -1;
    for (int64_t i = 0; i < (int64_t)1 << joined->bits; i++) {
        uint64_t key = joined->slot[i].key;
        if (key == PAIR_NONE) continue;
        uint64_t place = place_of(seams, (int32_t)(key >> 32), (int32_t)(key & UINT32_MAX));
        seams->joined[place / 64] |= (uint64_t)1 << place % 64;
    }
    return 0;
}

static int find_seams(seams_t *seams, const ends_t *ends, const uint64_t *pair, int64_t merges) {
    pairmap_t joined;
    int rc = 0;
    TRY(pairmap_create(&joined, 1 << 12));
    for (int64_t i = 0; i < merges && rc == 0; i++) {
        const ends_t *left = &ends[pair[i] >> 32], *right = &ends[pair[i] & UINT32_MAX];
        if (left->n > 0 && right->n > 0) rc = join(&joined, seams, left, right);
    }
    if (rc == 0) rc = fill_table(seams, &joined);
    pairmap_free(&joined);
    return rc;
}

int seams_find(seams_t *seams, const int32_t byte_id[256], const uint64_t *pair, const int32_t *merged,
               int64_t merges) {
    int64_t most = 0;
    for (int32_t byte = 0; byte < 256; byte++) most = byte_id[byte] > most ? byte_id[byte] : most;
    for (int64_t i = 0; i < merges; i++) {
        int64_t left = (int64_t)(pair[i] >> 32), right = (int64_t)(pair[i] & UINT32_MAX);
        most = left > most ? left : most;
        most = right > most ? right : most;
        most = merged[i] > most ? merged[i] : most;
    }
    ends_t *ends = mem_new(most + 1, sizeof *ends, "ends of tokens");
    if (!ends) return -1;
    int rc = find_ends(ends, byte_id, pair, merged, merges) ? find_seams(seams, ends, pair, merges) : 0;
    mem_free(ends);
    return rc;
}

void seams_free(seams_t *seams) {
    mem_free(seams->joined);
    *seams = (seams_t){0};
}

static inline int is_seam(const seams_t *seams, int32_t before, int32_t after, uint8_t last, uint8_t first) {
    if (before < 0 || after < 0) return 0;
    uint64_t place = place_of(seams, before, after);
    uint64_t joined = seams->joined[place / 64] >> place % 64, torn = seams->torn[last] >> first % 64;
    return !((joined | torn) & 1);
}

int32_t seams_cut(const seams_t *seams, const uint8_t *word, size_t at, size_t bytes, size_t *end, int32_t most) {
    int32_t before, after, parts = 0;
    if (!seams->joined) at = bytes;
    if (at < bytes) at += utf8_next(word, at, bytes, &before);
    for (size_t n; at < bytes; at += n, before = after) {
        n = utf8_next(word, at, bytes, &after);
        if (!is_seam(seams, before, after, word[at - 1], word[at])) continue;
        end[parts++] = at;
        if (parts == most) return parts;
    }
    end[parts++] = bytes;
    return parts;
}
