/* What the levels of a length say: which windows of the next one are candidates, and which bucket each token belongs
 * to. Both go through the documents of this rank in pieces, in memory that does not grow with a document. */
#include "base/err.h"
#include "base/hash.h"
#include "base/mem.h"
#include "index/duplicates_private.h"
#include "index/windows.h"
#include "par/par.h"

enum { PIECE = 1 << 16 };

/* Runs of positions with a level at the shorter length: a longer window is a candidate when all the shorter ones that
 * it holds have one. */
static int candidates_of(const length_t *length, int64_t document, uint8_t *level, dup_candidates_t visit, void *user) {
    token_document_t d = tokens_document(length->corpus, document);
    int64_t shorter = d.length - length->shorter + 1, more = length->length - length->shorter, begin = -1;
    for (int64_t piece = 0; piece < shorter; piece += PIECE) {
        int64_t n = shorter - piece < PIECE ? shorter - piece : PIECE;
        TRY(levels_read(length->filter, d.first + piece, n, level));
        for (int64_t i = 0; i < n; i++) {
            if (level[i] > 0 && begin < 0) begin = piece + i;
            if (level[i] > 0 || begin < 0) continue;
            if (piece + i - begin > more) TRY(visit(user, document, begin, piece + i - begin - more));
            begin = -1;
        }
    }
    return begin >= 0 && shorter - begin > more ? visit(user, document, begin, shorter - begin - more) : 0;
}

int dup_each_candidate(const length_t *length, dup_candidates_t visit, void *user) {
    int64_t first, last;
    int rc = 0;
    uint8_t *level = mem_new(PIECE, 1, "levels of positions");
    if (!level) return -1;
    windows_share(length->corpus, &first, &last);
    for (int64_t d = first; rc == 0 && d < last; d++) {
        int64_t windows = tokens_document(length->corpus, d).length - length->length + 1;
        if (windows <= 0) continue;
        rc = length->filter ? candidates_of(length, d, level, visit, user) : visit(user, d, 0, windows);
    }
    mem_free(level);
    return rc;
}

/* The largest level of the windows that hold a token: the maximum over the last `length` positions, kept in a queue of
 * positions whose levels fall from its head to its tail. */
typedef struct {
    int64_t length, slots, head, tail; // entries head .. tail - 1, counted from the beginning; slot: modulo slots
    int64_t *position;                 // (slots): length + 1, since a stale head goes only when its token is asked for
    uint8_t *level;                    // (slots)
    int64_t tokens[CENSUS_BUCKETS];
    uint64_t check; // hashes of all pieces, summed: the same in any order, and so with any number of ranks
} cover_t;

static void cover_push(cover_t *c, int64_t position, uint8_t level) {
    while (c->tail > c->head && c->level[(c->tail - 1) % c->slots] <= level) c->tail--;
    c->position[c->tail % c->slots] = position;
    c->level[c->tail++ % c->slots] = level;
}

/* Token i of a document, when all windows that begin up to it are pushed. */
static void cover_token(cover_t *c, int64_t i) {
    while (c->position[c->head % c->slots] <= i - c->length) c->head++;
    uint8_t level = c->level[c->head % c->slots];
    c->tokens[level > 0 ? level - 1 : 0]++;
}

static int cover_document(const length_t *length, int64_t document, uint8_t *level, cover_t *c) {
    token_document_t d = tokens_document(length->corpus, document);
    int64_t windows = d.length - length->length + 1;
    c->head = c->tail = 0;
    for (int64_t piece = 0; piece < windows; piece += PIECE) {
        int64_t n = windows - piece < PIECE ? windows - piece : PIECE;
        TRY(par_go_on());
        TRY(levels_read(length->levels, d.first + piece, n, level));
        c->check += hash_bytes(level, (size_t)n, (uint64_t)(d.first + piece)).lo;
        for (int64_t i = 0; i < n; i++) {
            cover_push(c, piece + i, level[i]);
            cover_token(c, piece + i);
        }
    }
    for (int64_t i = windows; windows > 0 && i < d.length; i++) cover_token(c, i);
    return 0;
}

/* Collective: the sum of all ranks, without its highest bit. In halves, which do not run over. */
static int64_t sum_checks(uint64_t check) {
    int64_t half[2] = {(int64_t)(check & UINT32_MAX), (int64_t)(check >> 32)};
    par_sum_i64(half, 2);
    return (int64_t)(((uint64_t)half[0] + ((uint64_t)half[1] << 32)) & INT64_MAX);
}

int dup_tokens(length_t *length) {
    cover_t *c = mem_new(1, sizeof *c, "share of tokens");
    uint8_t *level = mem_new(PIECE, 1, "levels of positions");
    int64_t first, last;
    if (c) {
        c->length = length->length;
        c->slots = length->length + 1;
        c->position = mem_new(c->slots, sizeof *c->position, "share of tokens");
        c->level = mem_new(c->slots, 1, "share of tokens");
    }
    int rc = c && level && c->position && c->level ? 0 : -1;
    windows_share(length->corpus, &first, &last);
    for (int64_t d = first; rc == 0 && d < last; d++) rc = cover_document(length, d, level, c);
    rc = par_agree(rc);
    if (rc == 0) par_sum_i64(c->tokens, CENSUS_BUCKETS);
    if (rc == 0) length->levels_check = sum_checks(c->check);
    for (int32_t b = 0; rc == 0 && par_rank() == 0 && b < CENSUS_BUCKETS; b++)
        length->histogram.tokens[b] = c->tokens[b];
    if (c) {
        mem_free(c->position);
        mem_free(c->level);
    }
    mem_free(level);
    mem_free(c);
    return rc;
}
