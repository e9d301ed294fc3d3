/* Seams: where they are for merges written by hand, and that words cut at them become the tokens that the definition of
 * byte pair encoding gives, for random vocabularies with tokens that hold parts of characters. */
#include "base/rng.h"
#include "scratch.h"
#include "text/bpe.h"
#include "text/pairmap.h"
#include "text/seams.h"

enum { BYTES = 256, MERGES = 80, LONGEST = 160 };

typedef struct {
    int32_t byte_id[BYTES];
    uint64_t pair[MERGES];
    int32_t merged[MERGES];
    int64_t n;
} merges_t;

static void start(merges_t *m) {
    m->n = 0;
    for (int32_t i = 0; i < BYTES; i++) m->byte_id[i] = i;
}

static int32_t add(merges_t *m, int32_t left, int32_t right) {
    m->pair[m->n] = pair_key(left, right);
    m->merged[m->n] = (int32_t)(BYTES + m->n);
    return m->merged[m->n++];
}

/* The token of a text that is nothing but it, made byte by byte. */
static int32_t add_text(merges_t *m, const char *text) {
    int32_t id = (uint8_t)text[0];
    for (const char *c = text + 1; *c; c++) id = add(m, id, (uint8_t)*c);
    return id;
}

/* However many are asked for at a time. */
static void check_parts(const merges_t *m, const char *text, const char *const *want) {
    enum { MOST = 8 };
    seams_t seams = {0};
    check_ok(seams_find(&seams, m->byte_id, m->pair, m->merged, m->n));
    for (int32_t most = 1; most <= MOST; most++) {
        size_t at = 0, bytes = strlen(text), end[MOST];
        const char *const *next = want;
        while (at < bytes) {
            int32_t parts = seams_cut(&seams, (const uint8_t *)text, at, bytes, end, most);
            for (int32_t i = 0; i < parts; at = end[i++], next++) {
                assert_non_null(*next);
                assert_int_equal(end[i] - at, strlen(*next));
                assert_memory_equal(text + at, *next, end[i] - at);
            }
        }
        assert_int_equal(at, bytes);
        assert_null(*next);
    }
    seams_free(&seams);
}

static void test_seams_by_hand(void **state) {
    (void)state;
    merges_t m;
    start(&m); // bytes only: every border of characters is a seam, none beside what is no character
    check_parts(&m, "ab\u00e9\u3042\U0001F600.",
                (const char *const[]){"a", "b", "\u00e9", "\u3042", "\U0001F600", ".", NULL});
    check_parts(&m, "\u3042\xE3\x81", (const char *const[]){"\u3042\xE3\x81", NULL});
    check_parts(&m, "x\xFFy\xE3zu", (const char *const[]){"x\xFFy\xE3z", "u", NULL});

    int32_t a = add_text(&m, "\u3042");
    add(&m, a, a);
    add(&m, a, 'x');
    check_parts(&m, "\u3042\u3042\u3044\u3042x\u3042",
                (const char *const[]){"\u3042\u3042", "\u3044", "\u3042x", "\u3042", NULL});

    add(&m, 'b', 0xE3); // b with the first byte of whatever comes behind it
    add(&m, 0x84, 'b'); // the last byte of whatever comes before, with b
    check_parts(&m, "b\u3042b\u3044b\u00e9", (const char *const[]){"b\u3042", "b\u3044b", "\u00e9", NULL});

    m.byte_id['z'] = 'y'; // a token of two texts
    check_parts(&m, "b\u3042c\u3044", (const char *const[]){"b\u3042c\u3044", NULL});
}

/* A merge may stand before those that make its halves. */
static void test_merges_in_any_order(void **state) {
    (void)state;
    merges_t m = {
        .n = 3, .pair = {pair_key(302, 'd'), pair_key(301, 'c'), pair_key(0xC3, 0xA9)}, .merged = {303, 302, 301}};
    for (int32_t i = 0; i < BYTES; i++) m.byte_id[i] = i;
    check_parts(&m, "\u00e9cdd\u00e9dc", (const char *const[]){"\u00e9cd", "d", "\u00e9", "d", "c", NULL});
    m.pair[2] = pair_key(400, 0xA9); // 400 never comes about
    check_parts(&m, "\u00e9cdd", (const char *const[]){"\u00e9", "c", "d", "d", NULL});
}

static void check_encoding(bpe_t *bpe, const char *word, const int32_t *want, int64_t want_n) {
    int32_t ids[LONGEST + BPE_SPARE];
    int64_t n;
    check_ok(bpe_encode(bpe, (const uint8_t *)word, strlen(word), ids, &n));
    assert_int_equal(n, want_n);
    assert_memory_equal(ids, want, (size_t)n * sizeof *ids);
}

/* What is taken whole where it is a word is not where it is a part, out of neither cache. */
static void test_a_part_is_no_word(void **state) {
    (void)state;
    merges_t m;
    start(&m);
    bpe_t *bpe = bpe_create(m.byte_id, 0);
    const char *few = "\u00e9", *many = "x\xE3\xE3\xE3y";
    check_ok(bpe_add_whole(bpe, (const uint8_t *)few, strlen(few), 1000));
    check_ok(bpe_add_whole(bpe, (const uint8_t *)many, strlen(many), 1001));
    for (int again = 0; again < 2; again++) {
        check_encoding(bpe, few, (int32_t[]){1000}, 1);
        check_encoding(bpe, "\u00e9\u00e8", (int32_t[]){0xC3, 0xA9, 0xC3, 0xA8}, 4);
        check_encoding(bpe, "\u00e8x\xE3\xE3\xE3y", (int32_t[]){0xC3, 0xA8, 'x', 0xE3, 0xE3, 0xE3, 'y'}, 7);
        check_encoding(bpe, many, (int32_t[]){1001}, 1);
        check_encoding(bpe, "\u00e8", (int32_t[]){0xC3, 0xA8}, 2);
    }
    bpe_free(bpe);
}

/* --- against the definition -------------------------------------------------------------------------------------- */

static uint64_t draw(uint64_t *counter, int64_t bound) {
    return (uint64_t)rng_below(2, RNG_TEST, (*counter)++, bound);
}

/* Find the lowest rank, leftmost; merge; again. */
static int64_t merge_naively(const merges_t *m, int32_t *ids, int64_t n) {
    for (;;) {
        int64_t best = m->n, at = 0;
        for (int64_t i = 0; i + 1 < n; i++) {
            for (int64_t r = 0; r < best; r++) {
                if (m->pair[r] == pair_key(ids[i], ids[i + 1])) best = r, at = i;
            }
        }
        if (best == m->n) return n;
        ids[at] = m->merged[best];
        memmove(ids + at + 1, ids + at + 2, (size_t)(n - at - 2) * sizeof *ids);
        n--;
    }
}

/* Few characters that share bytes, and a byte that is none now and then. */
static int64_t draw_word(uint64_t *counter, uint8_t word[LONGEST]) {
    static const char *const piece[] = {"a",      "b",      "\u00e9", "\u00e8",     "\u00a9",     "\u3042", "\u3044",
                                        "\u3082", "\u30a2", "\u4e82", "\U0001F600", "\U0001F602", "\xE3",   "\x82"};
    enum { PIECES = sizeof piece / sizeof *piece, VALID = PIECES - 2 };
    int64_t n = 0, most = 1 + (int64_t)draw(counter, draw(counter, 2) ? 12 : LONGEST - 4);
    int has_strays = draw(counter, 4) == 0;
    while (n < most) {
        const char *p = piece[draw(counter, has_strays ? PIECES : VALID)];
        memcpy(word + n, p, strlen(p));
        n += (int64_t)strlen(p);
    }
    return n;
}

/* Merges of neighbours as they are in random words, so that all of them happen. */
static void draw_merges(uint64_t *counter, merges_t *m) {
    start(m);
    while (m->n < MERGES) {
        uint8_t word[LONGEST];
        int32_t ids[LONGEST];
        int64_t n = draw_word(counter, word);
        for (int64_t i = 0; i < n; i++) ids[i] = word[i];
        n = merge_naively(m, ids, n);
        if (n < 2) continue;
        int64_t at = (int64_t)draw(counter, n - 1);
        add(m, ids[at], ids[at + 1]);
    }
}

static void check_word(bpe_t *bpe, const merges_t *m, const uint8_t *word, int64_t n) {
    int32_t want[LONGEST], got[LONGEST + BPE_SPARE];
    int64_t got_n;
    for (int64_t i = 0; i < n; i++) want[i] = word[i];
    int64_t want_n = merge_naively(m, want, n);
    check_ok(bpe_encode(bpe, word, (size_t)n, got, &got_n));
    assert_int_equal(got_n, want_n);
    assert_memory_equal(got, want, (size_t)got_n * sizeof *got);
}

static void test_parts_equal_definition(void **state) {
    (void)state;
    enum { VOCABULARIES = 40, WORDS = 150 };
    uint64_t counter = 0;
    int64_t seams_seen = 0, again;
    for (int v = 0; v < VOCABULARIES; v++) {
        merges_t m;
        seams_t seams = {0};
        draw_merges(&counter, &m);
        bpe_t *bpe = bpe_create(m.byte_id, MERGES);
        for (int64_t i = 0; i < m.n; i++) {
            check_ok(
                bpe_add_merge(bpe, (int32_t)(m.pair[i] >> 32), (int32_t)(m.pair[i] & UINT32_MAX), m.merged[i], &again));
            assert_int_equal(again, -1);
        }
        check_ok(seams_find(&seams, m.byte_id, m.pair, m.merged, m.n));
        for (int w = 0; w < WORDS; w++) {
            uint8_t word[LONGEST];
            int64_t n = draw_word(&counter, word);
            size_t end[LONGEST];
            seams_seen += seams_cut(&seams, word, 0, (size_t)n, end, LONGEST) - 1;
            check_word(bpe, &m, word, n);
        }
        seams_free(&seams);
        bpe_free(bpe);
    }
    assert_true(seams_seen > VOCABULARIES * WORDS);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_seams_by_hand),
        cmocka_unit_test(test_merges_in_any_order),
        cmocka_unit_test(test_a_part_is_no_word),
        cmocka_unit_test(test_parts_equal_definition),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
