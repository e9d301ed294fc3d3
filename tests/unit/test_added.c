/* Finding added tokens, against the definition: at each place every token is tried. */
#include "base/err.h"
#include "base/rng.h"
#include "text/added.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { TOKENS = 12, LONGEST = 6, TEXT = 120 };

static uint64_t counter;

static int64_t draw(int64_t bound) {
    return rng_below(1, RNG_TEST, counter++, bound);
}

/* Of bytes that differ from each other by one, by the highest bit, or not at all from what a search may take for an
 * end. */
static uint8_t draw_byte(int64_t kinds) {
    static const uint8_t some[] = {' ', '!', 0x1F, 0, 1, 0x80, 0xA0, 0xFF, 'a', 'b'};
    return some[draw(kinds)];
}

static int is_known(const added_t *added, const added_token_t *token) {
    for (int64_t i = 0; i < added->n; i++) {
        const added_token_t *t = &added->token[i];
        if (t->bytes == token->bytes && memcmp(t->text, token->text, t->bytes) == 0) return 1;
    }
    return 0;
}

static added_t draw_tokens(int64_t n, int64_t kinds, int64_t longest) {
    added_t added = {0};
    for (int32_t id = 0; id < n; id++) {
        uint8_t text[LONGEST];
        added_token_t token = {.text = text, .bytes = 1 + (size_t)draw(longest), .id = id};
        for (size_t i = 0; i < token.bytes; i++) text[i] = draw_byte(kinds);
        if (!is_known(&added, &token)) assert_int_equal(added_put(&added, &token), 0);
    }
    assert_int_equal(added_sort(&added), 0);
    return added;
}

static const added_token_t *longest_here(const added_t *added, const uint8_t *text, size_t bytes) {
    const added_token_t *best = NULL;
    for (int64_t i = 0; i < added->n; i++) {
        const added_token_t *t = &added->token[i];
        if (t->bytes > bytes || memcmp(t->text, text, t->bytes) != 0) continue;
        if (!best || t->bytes > best->bytes) best = t;
    }
    return best;
}

static void check_text(const added_t *added, const uint8_t *text, size_t bytes) {
    added_walk_t walk = {0};
    size_t from = 0, before = 0;
    int32_t id = -1;
    for (size_t at = 0; at < bytes;) {
        const added_token_t *want = longest_here(added, text + at, bytes - at);
        if (!want) {
            at++;
            continue;
        }
        assert_int_equal(walk.taken, from);
        assert_int_equal(added_next(added, text, bytes, &walk, &before, &id), 1);
        assert_int_equal(before, at);
        assert_int_equal(id, want->id);
        from = at += want->bytes;
    }
    assert_int_equal(added_next(added, text, bytes, &walk, &before, &id), 0);
}

static void test_every_place(void **state) {
    (void)state;
    int few = 0, many = 0;
    for (int round = 0; round < 3000; round++) {
        int64_t kinds = 2 + draw(9), longest = 1 + draw(LONGEST);
        added_t added = draw_tokens(draw(TOKENS + 1), kinds, longest);
        few += added.starts > 0 && added.starts <= ADDED_STARTS;
        many += added.starts > ADDED_STARTS;
        for (int i = 0; i < 5; i++) {
            uint8_t text[TEXT];
            size_t bytes = (size_t)draw(TEXT + 1), kept = 0;
            for (; kept < bytes; kept++) text[kept] = draw(3) ? 'z' : draw_byte(10);
            check_text(&added, text, bytes);
            for (kept = 0; kept < bytes; kept++) text[kept] = draw_byte(kinds);
            check_text(&added, text, bytes);
        }
        added_free(&added);
    }
    assert_true(few > 500 && many > 500);
}

/* Tokens that start one another, as the runs of spaces of GPT-NeoX. */
static void test_runs(void **state) {
    (void)state;
    added_t added = {0};
    uint8_t text[64];
    memset(text, ' ', sizeof text);
    for (int32_t n = 2; n <= 24; n++) {
        added_token_t token = {.text = text, .bytes = (size_t)n, .id = n};
        assert_int_equal(added_put(&added, &token), 0);
    }
    assert_int_equal(added_sort(&added), 0);
    for (size_t at = 0; at < 30; at++) {
        for (size_t n = 0; n < 30; n++) {
            memset(text, 'x', sizeof text);
            memset(text + at, ' ', n);
            check_text(&added, text, sizeof text);
            check_text(&added, text, at + n);
        }
    }
    added_free(&added);
}

/* White space that the token before has taken: what the library tokenizers 0.23.3 gives for such tokens, as the ids of
 * the tokens and, in between, the bytes of text. */
static void test_white_tokens(void **state) {
    (void)state;
    static const struct {
        int lstrip, rstrip;
        const char *text, *want;
    } row[] = {
        {0, 0, " \n\n ", "[1]NN[1]"}, {0, 1, " \n\n ", "[1]NN"},   {1, 0, " \n\n ", "NN[1]"},
        {1, 1, " \n\n ", "N"},        {1, 1, "\n\n\n", "N"},       {1, 1, "a \n \n b", "[1]N[1]"},
        {0, 1, "\nx", "N[1]"},        {1, 1, "x\n  y", "[1]N[1]"}, {0, 0, "r\n\n  y", "RNN[3]"},
        {1, 1, "r\n\n  y", "R[1]"},   {1, 0, "r\ny", "R[1]"}, // "r" takes what follows
    };
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        added_t added = {0};
        added_walk_t walk = {0};
        char got[64] = "";
        size_t n = 0, from = 0, before = 0, bytes = strlen(row[i].text);
        uint8_t newline = '\n', r = 'r';
        assert_int_equal(added_put(&added, &(added_token_t){&newline, 1, 'N', row[i].lstrip, row[i].rstrip}), 0);
        assert_int_equal(added_put(&added, &(added_token_t){&r, 1, 'R', 0, 1}), 0);
        assert_int_equal(added_sort(&added), 0);
        for (int32_t id; added_next(&added, (const uint8_t *)row[i].text, bytes, &walk, &before, &id);) {
            if (before > from) n += (size_t)snprintf(got + n, sizeof got - n, "[%zu]", before - from);
            n += (size_t)snprintf(got + n, sizeof got - n, "%c", (char)id);
            from = walk.taken;
        }
        if (bytes > from) snprintf(got + n, sizeof got - n, "[%zu]", bytes - from);
        assert_string_equal(got, row[i].want);
        added_free(&added);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_place),
        cmocka_unit_test(test_runs),
        cmocka_unit_test(test_white_tokens),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
