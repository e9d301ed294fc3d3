/* Planted sequences: texts that only memory can continue, and copies that are spread exactly and evenly. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
// cmocka wants those first
#include "base/err.h"
#include "base/hash.h"
#include "base/mem.h"
#include "text/inject.h"
#include <cmocka.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static const int64_t doubling[] = {1, 2, 4, 8, 16, 32, 64};
static const inject_t usual = {.per_level = 20, .levels = 7, .copies = doubling, .words = 120, .seed = 1};

static void ok(int rc) {
    if (rc != 0) fail_msg("%s", err_text());
}

static char *text_of(const inject_t *inject, int32_t level, int64_t number, int control) {
    char *text = NULL;
    ok(inject_text(inject, level, number, control, &text));
    return text;
}

static int compare_hashes(const void *a, const void *b) {
    return hash_compare(*(const hash_t *)a, *(const hash_t *)b);
}

static int64_t count_words(const char *text) {
    int64_t words = 1;
    for (; *text; text++) words += *text == ' ';
    return words;
}

static void texts_are_long_enough_but_not_longer(void **state) {
    (void)state;
    for (int64_t words = 1; words < 200; words += 33) {
        inject_t inject = usual;
        inject.words = words;
        char *text = text_of(&inject, 2, 5, 0);
        assert_in_range(count_words(text), words, words + 25); // the longest sentence has some twenty words
        assert_int_equal(text[strlen(text) - 1], '.');
        mem_free(text);
    }
}

static void texts_depend_on_every_argument_and_nothing_else(void **state) {
    (void)state;
    inject_t other = usual;
    other.seed = 2;
    char *text = text_of(&usual, 1, 2, 0), *again = text_of(&usual, 1, 2, 0);
    char *different[] = {text_of(&usual, 2, 2, 0), text_of(&usual, 1, 3, 0), text_of(&usual, 1, 2, 1),
                         text_of(&other, 1, 2, 0)};
    assert_string_equal(text, again);
    for (int i = 0; i < 4; i++) {
        assert_string_not_equal(text, different[i]);
        mem_free(different[i]);
    }
    mem_free(text);
    mem_free(again);
}

/* Appends a hash of each run of `n` words of text. */
static void add_runs(const char *text, int n, hash_t **runs, int64_t *count, int64_t *capacity) {
    const char *start[256];
    int64_t words = 0;
    for (const char *c = text;; c++) {
        if (c == text || c[-1] == ' ') start[words++] = c;
        if (*c == '\0') {
            start[words] = c + 1;
            break;
        }
        assert_in_range(words, 0, 250);
    }
    for (int64_t i = 0; i + n <= words; i++) {
        ok(mem_grow(runs, capacity, *count + 1, sizeof **runs, "test"));
        (*runs)[(*count)++] = hash_bytes(start[i], (size_t)(start[i + n] - start[i] - 1), 0);
    }
}

/* 2 x 7 x 300 texts, members and controls: no run of eight words occurs twice in all of them. */
static void no_run_of_words_occurs_twice(void **state) {
    (void)state;
    inject_t many = usual;
    many.per_level = 300;
    hash_t *runs = NULL;
    int64_t count = 0, capacity = 0;
    for (int32_t level = 0; level < many.levels; level++) {
        for (int64_t number = 0; number < 2 * many.per_level; number++) {
            char *text = text_of(&many, level, number / 2, (int)(number % 2));
            add_runs(text, 8, &runs, &count, &capacity);
            mem_free(text);
        }
    }
    assert_true(count > 400000);
    qsort(runs, (size_t)count, sizeof *runs, compare_hashes);
    int64_t repeated = 0;
    for (int64_t i = 1; i < count; i++) repeated += hash_compare(runs[i - 1], runs[i]) == 0;
    assert_int_equal(repeated, 0);
    mem_free(runs);
}

/* A word is a fact when it has a digit or starts with a capital inside a sentence. */
static void most_words_are_facts(void **state) {
    (void)state;
    int64_t facts = 0, words = 0, digits = 0, bytes = 0;
    for (int64_t number = 0; number < usual.per_level; number++) {
        char *text = text_of(&usual, 3, number, 0);
        char before = '.';
        for (char *word = text; *word;) {
            size_t length = strcspn(word, " "), has_digit = 0;
            for (size_t i = 0; i < length; i++) has_digit += isdigit((unsigned char)word[i]) != 0;
            facts += has_digit > 0 || (isupper((unsigned char)word[0]) && before != '.');
            digits += (int64_t)has_digit;
            words++;
            before = word[length - 1];
            word += length + (word[length] == ' ');
        }
        bytes += (int64_t)strlen(text);
        mem_free(text);
    }
    assert_true(100 * facts > 45 * words);
    assert_true(100 * digits > 12 * bytes);
}

/* The text as this program made it when it was written, kept as a warning: a change of tables, templates or draws
 * changes every study with planted sequences. */
static void text_is_the_same_everywhere(void **state) {
    (void)state;
    inject_t inject = usual;
    inject.words = 20;
    char *text = text_of(&inject, 0, 0, 0);
    assert_string_equal(text, "Between 9 August 1794 and 27 June 1797 the printer Winifred F. Birdsall repaired "
                              "5413 boats at Ravenbury. Born to Frieda Wragg and Eliza X. Appleby at Quarrleigh, "
                              "1 August 1722, 21:59, 169.9 ounces.");
    mem_free(text);
}

static void arguments_are_checked(void **state) {
    (void)state;
    char *text = NULL;
    assert_int_equal(inject_text(&usual, 7, 0, 0, &text), -1);
    assert_int_equal(inject_text(&usual, -1, 0, 0, &text), -1);
    assert_int_equal(inject_text(&usual, 0, 20, 0, &text), -1);
    planted_t *planted = NULL;
    int64_t n = 0;
    assert_int_equal(inject_at(&usual, 5, 5, &planted, &n), -1);
    assert_int_equal(inject_at(&usual, 0, 0, &planted, &n), -1);
    inject_t huge = usual;
    huge.per_level = INT64_MAX / 2;
    assert_int_equal(inject_documents(&huge), INT64_MAX);
    assert_int_equal(inject_at(&huge, 0, 5, &planted, &n), -1);
}

/* All copies over all ordinals: each exactly once. */
static void check_union(const inject_t *inject, int64_t total) {
    int64_t copies = inject_documents(inject), found = 0, base[8] = {0};
    char *seen = mem_new(copies, 1, "test");
    for (int32_t l = 0; l < inject->levels; l++) base[l + 1] = base[l] + inject->per_level * inject->copies[l];
    for (int64_t ordinal = 0; ordinal < total; ordinal++) {
        planted_t *planted = NULL;
        int64_t n = 0;
        ok(inject_at(inject, ordinal, total, &planted, &n));
        for (int64_t i = 0; i < n; i++) {
            planted_t p = planted[i];
            assert_in_range(p.level, 0, inject->levels - 1);
            assert_in_range(p.number, 0, inject->per_level - 1);
            assert_in_range(p.copy, 0, inject->copies[p.level] - 1);
            char *mark = &seen[base[p.level] + p.number * inject->copies[p.level] + p.copy];
            assert_int_equal(*mark, 0);
            *mark = 1;
        }
        found += n;
        mem_free(planted);
    }
    assert_int_equal(found, copies);
    mem_free(seen);
}

static void each_copy_is_placed_once(void **state) {
    (void)state;
    static const int64_t odd[] = {3, 0, 1};
    inject_t small = {.per_level = 1, .levels = 3, .copies = odd, .words = 1, .seed = 9};
    inject_t one = {.per_level = 1, .levels = 1, .copies = (const int64_t[]){1}, .words = 1, .seed = 9};
    inject_t none = {.per_level = 0, .levels = 7, .copies = doubling, .words = 1, .seed = 9};
    static const int64_t totals[] = {1, 2, 3, 7, 100, 1129, 2539, 2540, 2541, 20000};
    for (size_t i = 0; i < sizeof totals / sizeof totals[0]; i++) {
        check_union(&usual, totals[i]);
        check_union(&small, totals[i]);
        check_union(&one, totals[i]);
        check_union(&none, totals[i]);
    }
}

/* Evenly: every tenth of the corpus gets a tenth of the copies, give or take one. Scattered: the 64 copies of a
 * sequence do not sit side by side; by chance alone a tenth of the corpus gets 6.4 of them, and 20 or more with p <
 * 1e-5. */
static void copies_are_spread(void **state) {
    (void)state;
    enum { TOTAL = 10000, PARTS = 10 };
    int64_t all[PARTS] = {0}, of_one[PARTS] = {0}, latest = 0;
    for (int64_t ordinal = 0; ordinal < TOTAL; ordinal++) {
        planted_t *planted = NULL;
        int64_t n = 0;
        ok(inject_at(&usual, ordinal, TOTAL, &planted, &n));
        for (int64_t i = 0; i < n; i++) {
            int64_t part = ordinal * PARTS / TOTAL;
            all[part]++;
            of_one[part] += planted[i].level == 6 && planted[i].number == 3;
            latest = ordinal;
        }
        mem_free(planted);
    }
    for (int part = 0; part < PARTS; part++) {
        assert_in_range(all[part], 253, 255);
        assert_in_range(of_one[part], 0, 19);
    }
    assert_true(latest > TOTAL - 10);
}

static void places_depend_on_the_seed(void **state) {
    (void)state;
    inject_t other = usual;
    other.seed = 2;
    int64_t same = 0, total = 2540; // as many documents as copies: one each
    for (int64_t ordinal = 0; ordinal < total; ordinal++) {
        planted_t *a = NULL, *b = NULL;
        int64_t n = 0, m = 0;
        ok(inject_at(&usual, ordinal, total, &a, &n));
        ok(inject_at(&other, ordinal, total, &b, &m));
        assert_int_equal(n, 1);
        assert_int_equal(m, 1);
        same += a->level == b->level && a->number == b->number;
        mem_free(a);
        mem_free(b);
    }
    assert_true(same < total / 10);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_are_long_enough_but_not_longer),
        cmocka_unit_test(texts_depend_on_every_argument_and_nothing_else),
        cmocka_unit_test(no_run_of_words_occurs_twice),
        cmocka_unit_test(most_words_are_facts),
        cmocka_unit_test(text_is_the_same_everywhere),
        cmocka_unit_test(arguments_are_checked),
        cmocka_unit_test(each_copy_is_placed_once),
        cmocka_unit_test(copies_are_spread),
        cmocka_unit_test(places_depend_on_the_seed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
