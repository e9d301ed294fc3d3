/* The audit of probe sets: groups and clusters against the plainest comparison of all pairs, trivial suffixes against
 * texts made for it. */
#include "scratch.h"

#include "base/log.h"
#include "base/rng.h"
#include "corpus_check.h"
#include "index/audit.h"
#include "index/audit_private.h"
#include "par/par.h"

enum { ROWS = 60, LONGEST = 24 };

typedef struct {
    audit_row_t row[ROWS];
    int32_t token[ROWS * LONGEST];
    audit_set_t set;
} made_t;

/* Rows of different lengths over a small alphabet; some are copies of earlier ones, whole or in part. */
static void make_rows(made_t *m, uint64_t seed, int64_t n, int32_t alphabet) {
    uint64_t draw = 0;
    int64_t at = 0;
    m->set = (audit_set_t){n, m->row, m->token, 0};
    for (int64_t i = 0; i < n; i++) {
        int64_t length = 4 + rng_below(seed, RNG_TEST, draw++, LONGEST - 3);
        for (int64_t k = 0; k < length; k++) m->token[at + k] = (int32_t)rng_below(seed, RNG_TEST, draw++, alphabet);
        int64_t suffix = 1 + rng_below(seed, RNG_TEST, draw++, length - 1);
        if (i > 0 && rng_below(seed, RNG_TEST, draw++, 3) == 0) {
            const audit_row_t *like = &m->row[rng_below(seed, RNG_TEST, draw++, i)];
            length = like->context + like->suffix;
            suffix = like->suffix;
            int64_t copied = rng_below(seed, RNG_TEST, draw++, 2) ? length : length - like->suffix;
            memcpy(m->token + at, m->token + like->first, (size_t)copied * sizeof(int32_t));
            for (int64_t k = copied; k < length; k++)
                m->token[at + k] = (int32_t)rng_below(seed, RNG_TEST, draw++, alphabet);
        }
        m->row[i] = (audit_row_t){at, length - suffix, suffix, (int32_t)rng_below(seed, RNG_TEST, draw++, 2), NULL, 0};
        at += length;
    }
}

static int same_tokens(const int32_t *a, int64_t n, const int32_t *b, int64_t m) {
    return n == m && memcmp(a, b, (size_t)n * sizeof *a) == 0;
}

/* The block that n tokens are made of, by trying all. */
static int64_t plain_period(const int32_t *token, int64_t n) {
    for (int64_t p = 1; 3 * p <= n; p++) {
        int64_t i = p;
        while (i < n && token[i] == token[i - p]) i++;
        if (i == n) return p;
    }
    return 0;
}

static int plain_near(const audit_set_t *s, int64_t a, int64_t b, int64_t near) {
    if (same_tokens(audit_context(s, a), audit_length(s, a), audit_context(s, b), audit_length(s, b))) return 1;
    for (int64_t i = 0; i + near <= audit_length(s, a); i++)
        for (int64_t k = 0; k + near <= audit_length(s, b); k++) {
            const int32_t *x = audit_context(s, a) + i, *y = audit_context(s, b) + k;
            if (memcmp(x, y, (size_t)near * sizeof *x) == 0 && plain_period(x, near) == 0) return 1;
        }
    return 0;
}

/* Connected components: the lowest row spreads until nothing changes. */
static void plain_clusters(const audit_set_t *s, int64_t near, int64_t *cluster) {
    for (int64_t i = 0; i < s->n; i++) cluster[i] = i;
    for (int changed = 1; changed;) {
        changed = 0;
        for (int64_t i = 0; i < s->n; i++)
            for (int64_t j = 0; j < s->n; j++)
                if (cluster[j] < cluster[i] && plain_near(s, i, j, near)) {
                    cluster[i] = cluster[j];
                    changed = 1;
                }
    }
}

static const audit_line_t *line_of(const audit_t *a, const char *check, int64_t value) {
    for (int64_t i = 0; i < a->n_lines; i++)
        if (strcmp(a->line[i].check, check) == 0 && (value == AUDIT_NONE || a->line[i].value == value))
            return &a->line[i];
    fail_msg("no line %s", check);
    return NULL;
}

static int has_line(const audit_t *a, const char *check) {
    for (int64_t i = 0; i < a->n_lines; i++)
        if (strcmp(a->line[i].check, check) == 0) return 1;
    return 0;
}

static int is_flagged(const audit_t *a, int64_t row, const char *check) {
    int found = 0;
    for (int64_t i = 0; i < a->n_flags; i++) found += a->flag[i].id == row && strcmp(a->flag[i].check, check) == 0;
    assert_true(found <= 1);
    return found;
}

static void check_pairs(const made_t *m, const audit_t *a, int64_t near, int64_t split) {
    const audit_set_t *s = &m->set;
    int64_t cluster[ROWS], leak = 0, several = 0;
    plain_clusters(s, near, cluster);
    for (int64_t i = 0; i < s->n; i++) {
        int64_t whole = i, context = i, suffix = i;
        int equal = 0, differs = 0, mixed = 0;
        for (int64_t j = s->n - 1; j >= 0; j--) {
            const audit_row_t *x = &s->row[i], *y = &s->row[j];
            int w = same_tokens(audit_context(s, i), audit_length(s, i), audit_context(s, j), audit_length(s, j));
            int c = same_tokens(audit_context(s, i), x->context, audit_context(s, j), y->context);
            int t = same_tokens(audit_suffix(s, i), x->suffix, audit_suffix(s, j), y->suffix);
            if (w) whole = j < whole ? j : whole;
            if (c) context = j < context ? j : context;
            if (t) suffix = j < suffix ? j : suffix;
            equal |= w && i != j;
            differs |= c && !t;
            mixed |= cluster[i] == cluster[j] && x->is_member != y->is_member;
        }
        assert_int_equal(a->same[i], whole);
        assert_int_equal(a->same_context[i], context);
        assert_int_equal(a->same_suffix[i], suffix);
        assert_int_equal(a->cluster[i], cluster[i]);
        assert_int_equal(is_flagged(a, i, "equal_probes"), equal);
        /* A group is flagged as a whole: with equal contexts, whoever differs differs from someone. */
        several += is_flagged(a, i, "context_with_several_suffixes");
        if (differs) assert_int_equal(is_flagged(a, i, "context_with_several_suffixes"), 1);
        assert_int_equal(is_flagged(a, i, "near_member_and_control"), mixed);
        if (i >= s->n - split) leak += whole < s->n - split;
    }
    assert_int_equal(line_of(a, "context_with_several_suffixes", AUDIT_NONE)->probes, several);
    assert_int_equal(line_of(a, "split_equal_probe", split)->probes, leak);
    assert_int_equal(line_of(a, "split_equal_probe", split)->of, split);
}

static void test_all_pairs(void **state) {
    (void)state;
    static made_t m;
    for (uint64_t seed = 1; seed <= 60; seed++) {
        audit_t a;
        int64_t near = 2 + (int64_t)seed % 9;
        make_rows(&m, seed, 2 + (int64_t)seed % (ROWS - 1), 2 + (int32_t)seed % 30);
        audit_spec_t spec = {.near = near, .split = m.set.n / 3, .end = -1};
        check_ok(audit_make(&m.set, &spec, &a));
        if (spec.split > 0) check_pairs(&m, &a, near, spec.split);
        audit_free(&a);
    }
}

/* Six rows whose multiplicities, clusters and shares can be counted by hand. */
static void test_lines(void **state) {
    (void)state;
    static const int32_t token[] = {
        1, 2, 3, 4, 5,  6,  7,  8,  // 0
        1, 2, 3, 4, 5,  6,  7,  8,  // 1: the same
        1, 2, 3, 4, 5,  6,  7,  9,  // 2: another suffix, near
        9, 1, 2, 3, 11, 12, 13, 14, // 3: shares three only
        5, 6, 7, 5, 5,  6,  7,  5,  // 4: suffix in its context
        1, 2, 3, 4, 5,  6,  7,  8,  // 5: the same
    };
    audit_row_t row[6];
    for (int64_t i = 0; i < 6; i++) row[i] = (audit_row_t){8 * i, 4, 4, i == 5 ? 0 : 1, NULL, 0};
    audit_set_t set = {6, row, token, 0};
    audit_spec_t spec = {.near = 5, .split = 1, .end = 14};
    audit_t a;
    check_ok(audit_make(&set, &spec, &a));
    assert_int_equal(line_of(&a, "distinct_probes", AUDIT_NONE)->probes, 4);
    assert_int_equal(line_of(&a, "multiplicity", 1)->groups, 3);
    assert_int_equal(line_of(&a, "multiplicity", 3)->groups, 1);
    assert_int_equal(line_of(&a, "multiplicity", 3)->probes, 3);
    assert_int_equal(line_of(&a, "equal_probes", AUDIT_NONE)->largest, 3);
    assert_int_equal(line_of(&a, "context_with_several_suffixes", AUDIT_NONE)->probes, 4);
    assert_int_equal(line_of(&a, "context_with_several_suffixes", AUDIT_NONE)->groups, 1);
    assert_int_equal(line_of(&a, "near_probes", 5)->probes, 4);
    assert_int_equal(line_of(&a, "clusters", AUDIT_NONE)->probes, 3);
    assert_int_equal(line_of(&a, "suffix_in_context", AUDIT_NONE)->probes, 1);
    assert_int_equal(is_flagged(&a, 4, "suffix_in_context"), 1);
    assert_int_equal(line_of(&a, "across_documents", AUDIT_NONE)->probes, 1);
    assert_int_equal(is_flagged(&a, 3, "across_documents"), 1);
    assert_int_equal(line_of(&a, "equal_member_and_control", AUDIT_NONE)->probes, 3);
    assert_int_equal(line_of(&a, "split_equal_probe", 1)->probes, 1);
    assert_true(audit_effective(&a) == 36.0 / (16 + 1 + 1));
    audit_free(&a);

    /* What is not known is not looked for. */
    row[0].is_member = -1;
    spec = (audit_spec_t){.near = 5, .end = -1};
    check_ok(audit_make(&set, &spec, &a));
    assert_false(has_line(&a, "equal_member_and_control"));
    assert_false(has_line(&a, "split_equal_probe"));
    assert_false(has_line(&a, "across_documents"));
    assert_false(has_line(&a, "overlapping_in_document"));
    audit_free(&a);
    spec.split = 6;
    check_fails(audit_make(&set, &spec, &a), "some must be left");
}

/* A line of one token over and over joins nothing; a run that is no repetition does. */
static void test_rules_join_nothing(void **state) {
    (void)state;
    static const int32_t token[] = {
        1, 2, 2, 2, 2, 2, 2, 3, // 0
        4, 2, 2, 2, 2, 2, 2, 5, // 1: six equal tokens shared with 0
        6, 7, 8, 7, 8, 7, 8, 9, // 2
        7, 8, 7, 8, 7, 8, 1, 1, // 3: three blocks shared with 2
        2, 2, 2, 2, 2, 3, 9, 9, // 4: shares an end with 0
    };
    audit_row_t row[5];
    for (int64_t i = 0; i < 5; i++) row[i] = (audit_row_t){8 * i, 4, 4, -1, NULL, 0};
    audit_set_t set = {5, row, token, 0};
    audit_spec_t spec = {.near = 6, .end = -1};
    audit_t a;
    check_ok(audit_make(&set, &spec, &a));
    for (int64_t i = 0; i < 5; i++) assert_int_equal(a.cluster[i], i == 4 ? 0 : i);
    audit_free(&a);
}

static void test_overlaps(void **state) {
    (void)state;
    static const int64_t offset[] = {100, 0, 3, 9, 100, 5};
    static const char *const id[] = {"a", "b", "b", "b", "c", "b"};
    static const int guilty[] = {0, 1, 1, 1, 0, 1}; // b: 0..7, 3..10, 5..12, 9..16
    int32_t token[48];
    audit_row_t row[6];
    for (int32_t i = 0; i < 48; i++) token[i] = i;
    for (int64_t i = 0; i < 6; i++) row[i] = (audit_row_t){8 * i, 4, 4, 1, id[i], offset[i]};
    audit_set_t set = {6, row, token, 0};
    audit_spec_t spec = {.near = 8, .end = -1};
    audit_t a;
    check_ok(audit_make(&set, &spec, &a));
    for (int64_t i = 0; i < 6; i++) assert_int_equal(is_flagged(&a, i, "overlapping_in_document"), guilty[i]);
    audit_free(&a);
    row[3].offset = 13; // now it touches the one before and shares nothing
    check_ok(audit_make(&set, &spec, &a));
    assert_int_equal(line_of(&a, "overlapping_in_document", AUDIT_NONE)->probes, 3);
    assert_int_equal(is_flagged(&a, 3, "overlapping_in_document"), 0);
    audit_free(&a);
}

static void test_periods(void **state) {
    (void)state;
    int64_t room[40];
    int32_t token[40];
    for (uint64_t seed = 1; seed <= 400; seed++) {
        int64_t n = 1 + rng_below(seed, RNG_TEST, 0, 40), block = 1 + rng_below(seed, RNG_TEST, 1, n);
        for (int64_t i = 0; i < n; i++)
            token[i] = i < block ? (int32_t)rng_below(seed, RNG_TEST, (uint64_t)i + 2, 3) : token[i - block];
        assert_int_equal(audit_period(token, n, room), plain_period(token, n));
    }
}

static int64_t steps(const char *text) {
    int64_t step = 0, numbers = audit_counts_text(text, strlen(text), &step);
    assert_true(numbers >= 0);
    return numbers > 0 ? step : 0;
}

static void test_counting(void **state) {
    (void)state;
    int64_t room[16];
    assert_int_equal(audit_counts_ids((int32_t[]){5, 6, 7, 8}, 4, room), 1);
    assert_int_equal(audit_counts_ids((int32_t[]){9, 7, 5, 3, 1}, 5, room), -2);
    assert_int_equal(audit_counts_ids((int32_t[]){1, 50, 3, 50, 5, 50, 7}, 7, room), 2);
    assert_int_equal(audit_counts_ids((int32_t[]){5, 6, 7}, 3, room), 0);
    assert_int_equal(audit_counts_ids((int32_t[]){5, 6, 7, 9}, 4, room), 0);
    assert_int_equal(audit_counts_ids((int32_t[]){5, 5, 5, 5, 5, 5}, 6, room), 0);

    assert_int_equal(steps("1, 2, 3, 4"), 0); // the first and the last may be cut off: two are left
    assert_int_equal(steps(" 1, 2, 3, 4,"), 1);
    assert_int_equal(steps("98, 99, 100, 101, 1"), 1);
    assert_int_equal(steps("row 10\nrow 20\nrow 30\nro"), 10);
    assert_int_equal(steps("ow 10\nrow 20\nrow 30\nro"), 10);
    assert_int_equal(steps("It says: 10\nrow 20\nrow 30\nro"), 0); // what comes before is no part of the counting
    assert_int_equal(steps("row 10\nrow 20\nrow 30\nend"), 0);
    assert_int_equal(steps(" 1, 2, 4, 5,"), 0);
    assert_int_equal(steps(" 7, 7, 7, 7,"), 0);
    assert_int_equal(steps(" a1-9; a2-9; a3-9; a"), 1); // the second of each pair stays
    assert_int_equal(steps(" 0.1 0.2 0.3 0"), 1);
    assert_int_equal(steps(" 10 9 8 7 "), -1);
    assert_int_equal(steps(" 1111111111111111111 1111111111111111112 1111111111111111113 "), 0); // too long
    assert_int_equal(steps("no number"), 0);
    assert_int_equal(steps(""), 0);
}

/* Rows out of a corpus, asked of its index. */
static void test_corpus(void **state) {
    (void)state;
    static corpus_t c;
    memset(&c, 0, sizeof c);
    c.vocab = 20;
    c.end = 19;
    corpus_add(&c, "a", "s", "a", (int32_t[]){1, 2, 3, 4, 5}, 5);
    corpus_add(&c, "b", "s", "b", (int32_t[]){1, 2, 3, 4, 6}, 5);
    corpus_add(&c, "c", "s", "c", (int32_t[]){7, 8, 9, 10, 7, 8}, 6);
    check_ok(corpus_write(&c, scratch("corpus"), 1));
    tokens_t *tokens;
    suffix_t *index;
    check_ok(tokens_open(scratch("corpus"), &tokens));
    check_ok(suffix_build(tokens, scratch("corpus"), 1000, scratch("index")));
    check_ok(suffix_open(scratch("corpus"), scratch("index"), &index));
    static const int32_t token[] = {1, 2, 3, 4, 7, 8, 9, 10, 2, 3, 4, 5, 8, 9, 10, 7, 3, 3, 3, 4, 8, 9, 10, 11};
    audit_row_t row[6];
    for (int64_t i = 0; i < 6; i++) row[i] = (audit_row_t){4 * i, 2, 2, i < 3 || i == 5, NULL, 0};
    audit_set_t set = {6, row, token, 0};
    audit_spec_t spec = {.near = 4, .end = -1};
    audit_t a;
    check_ok(audit_make(&set, &spec, &a));
    check_ok(audit_ask_corpus(&set, index, tokens, &a));
    /* 1 2 goes on with 3 4 twice; 7 8 once with 9 10 and once with the end; 2 3 with 4 5 and 4 6; 8 9 always alike, so
     * 8 9 10 11 has a context that goes on otherwise; 3 3 stands nowhere. */
    static const int several[] = {0, 1, 1, 0, 0, 1};
    for (int64_t i = 0; i < 6; i++)
        assert_int_equal(is_flagged(&a, i, "context_with_several_continuations"), several[i]);
    assert_int_equal(is_flagged(&a, 5, "member_not_in_corpus"), 1);
    assert_int_equal(line_of(&a, "member_not_in_corpus", AUDIT_NONE)->probes, 1);
    assert_int_equal(line_of(&a, "member_not_in_corpus", AUDIT_NONE)->of, 4);
    assert_int_equal(is_flagged(&a, 3, "control_in_corpus"), 1);
    assert_int_equal(line_of(&a, "control_in_corpus", AUDIT_NONE)->probes, 1);
    audit_free(&a);
    suffix_close(index);
    tokens_close(tokens);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_pairs), cmocka_unit_test(test_lines),   cmocka_unit_test(test_rules_join_nothing),
        cmocka_unit_test(test_overlaps),  cmocka_unit_test(test_periods), cmocka_unit_test(test_counting),
        cmocka_unit_test(test_corpus),
    };
    if (par_init(&argc, &argv) != 0) return 1;
    log_init(LOG_QUIET, 1, 0);
    int failed = cmocka_run_group_tests(tests, scratch_make, scratch_remove);
    par_finalize();
    return failed;
}
