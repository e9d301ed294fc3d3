/* The ways in which researchers' tokenizers treat text: patterns of pre-tokens, normal forms, flags of added tokens.
 * Golden ids: tests/golden/tokenizer_styles.json, made with the library `tokenizers` 0.23.3 by tests/peers/tokenizer.py
 * --freeze, over a vocabulary that was trained across all borders of words, so that a wrong border shows. */
#include "base/rng.h"
#include "scratch.h"
#include "text/pretoken.h"
#include "text/tokenizer.h"
#include "text/tokenizer_private.h"
#include <jansson.h>

/* The tokenizer.json of a style, with the vocabulary and merges of all. */
static tokenizer_t *load_style(const json_t *frozen, const char *name) {
    json_t *json =
        json_deep_copy(json_object_get(json_object_get(json_object_get(frozen, "styles"), name), "tokenizer"));
    json_object_update_missing(json_object_get(json, "model"), json_object_get(frozen, "model"));
    char *text = json_dumps(json, JSON_COMPACT);
    tokenizer_t *t = NULL;
    if (!text || tokenizer_parse(text, strlen(text), &t) != 0) fail_msg("%s: %s", name, err_text());
    free(text);
    json_decref(json);
    return t;
}

static json_t *read_frozen(void) {
    json_t *frozen = json_load_file(source_path("tests/golden/tokenizer_styles.json"), JSON_ALLOW_NUL, NULL);
    assert_non_null(frozen);
    return frozen;
}

typedef struct {
    int32_t *ids;
    int64_t n, capacity;
} list_t;

static void check_sample(tokenizer_t *t, const char *style, const json_t *text, const json_t *want) {
    list_t got = {0};
    check_ok(tokenizer_encode(t, json_string_value(text), json_string_length(text), &got.ids, &got.n, &got.capacity));
    int same = (size_t)got.n == json_array_size(want);
    for (int64_t i = 0; same && i < got.n; i++)
        same = got.ids[i] == json_integer_value(json_array_get(want, (size_t)i));
    if (!same) {
        print_message("text \"%s\": got", json_string_value(text));
        for (int64_t i = 0; i < got.n; i++) print_message(" %d", got.ids[i]);
        fail_msg("\nstyle %s", style);
    }
    mem_free(got.ids);
}

static void test_styles_equal_library(void **state) {
    (void)state;
    json_t *frozen = read_frozen(), *style, *text;
    const json_t *texts = json_object_get(frozen, "texts");
    const char *name;
    size_t i, samples = 0;
    json_object_foreach(json_object_get(frozen, "styles"), name, style) {
        tokenizer_t *t = load_style(frozen, name);
        json_array_foreach(texts, i, text) {
            check_sample(t, name, text, json_array_get(json_object_get(style, "ids"), i));
            samples++;
        }
        tokenizer_free(t);
    }
    assert_int_equal(samples, 12 * 100);
    json_decref(frozen);
}

/* --- pre-tokens by hand ------------------------------------------------------------------------------------------ */

/* The pieces of text, each put in [ ]. */
static const char *pieces(pretoken_rule_t rule, const char *text) {
    static char out[512];
    size_t bytes = strlen(text), n = 0;
    for (size_t at = 0, end; at < bytes; at = end) {
        end = pretoken_rule_end(rule, (const uint8_t *)text, at, bytes);
        assert_true(end > at && end <= bytes);
        n += (size_t)snprintf(out + n, sizeof out - n, "[%.*s]", (int)(end - at), text + at);
    }
    return out;
}

static void test_llama3_pattern(void **state) {
    (void)state;
    const pretoken_rule_t rule = PRETOKEN_LLAMA3;
    assert_string_equal(pieces(rule, "It's WE'LL i'M 'Tis x'REy"), "[It]['s][ WE]['LL][ i]['M][ '][Tis][ x]['RE][y]");
    assert_string_equal(pieces(rule, "'\u017fa '\u017f"), "['\u017f][a][ '][\u017f]");
    assert_string_equal(pieces(rule, "1234567 \u0661\u00b2\u21677"), "[123][456][7][ ][\u0661\u00b2\u2167][7]");
    assert_string_equal(pieces(rule, "(abc) \tabc\n\nabc_d"), "[(abc][)][ ][\tabc][\n\n][abc][_d]");
    assert_string_equal(pieces(rule, "a.\r\n\r\nb !?\n c"), "[a][.\r\n\r\n][b][ !?\n][ c]");
    assert_string_equal(pieces(rule, "a  \n \r  b   "), "[a][  \n \r][ ][ b][   ]");
    assert_string_equal(pieces(rule, "\n a\r b"), "[\n][ a][\r][ b]");
    assert_string_equal(pieces(rule, "\u00a0a  \u3000b \xff\xffz"), "[\u00a0a][  ][\u3000b][ \xff\xff][z]");
}

static void test_other_patterns(void **state) {
    (void)state;
    assert_string_equal(pieces(PRETOKEN_QWEN2, "a 12\u00bd3"), "[a][ ][1][2][\u00bd][3]");
    assert_string_equal(pieces(PRETOKEN_EACH_NUMBER, "a 12 b\U00011de33"), "[a ][1][2][ b][\U00011de3][3]");
    assert_string_equal(pieces(PRETOKEN_NUMBERS, "a 12 b\U00011de33"), "[a ][12][ b][\U00011de33]");
    assert_string_equal(pieces(PRETOKEN_GPT2, "a 12 'S"), "[a][ 12][ '][S]");
}

/* Letters are looked for eight bytes at a time: wherever another byte ends a run of them, and whatever byte. */
static void test_ends_of_letters(void **state) {
    (void)state;
    uint8_t text[40];
    for (size_t bytes = 1; bytes <= sizeof text; bytes++) {
        for (size_t at = 1; at < bytes; at++) {
            for (int byte = 0; byte < 256; byte++) {
                for (size_t i = 0; i < bytes; i++) text[i] = (uint8_t)("azAZ"[i % 4]);
                text[at] = (uint8_t)byte; // from 0x80 on invalid
                int is_letter = (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z');
                size_t want = is_letter ? bytes : at;
                assert_int_equal(pretoken_end(text, 0, bytes), want);
                assert_int_equal(pretoken_rule_end(PRETOKEN_LLAMA3, text, 0, bytes), want);
            }
        }
    }
    const char *mixed = "abc\u00e9abcdefgh\u0416\u0416abcdefghijklmnopq\u4e2dz.";
    assert_int_equal(pretoken_end((const uint8_t *)mixed, 0, strlen(mixed)), strlen(mixed) - 1);
}

/* --- texts in runs ----------------------------------------------------------------------------------------------- */

static uint64_t draw(uint64_t *counter, int64_t bound) {
    return (uint64_t)rng_below(1, RNG_TEST, (*counter)++, bound);
}

/* A long text of whatever could straddle a cut: marks that compose, runs of blanks, added tokens, numbers, newlines. */
static char *long_text(size_t bytes) {
    static const char *const some[] = {
        "a",      "the ",   " ",      "  ",   "\n",   "'s",         "12",     ".",      "e",      "\u0301", "\u0323",
        "\u1100", "\u1161", "<b>",    "<n>",  "x Ab", "ing",        "\u4e2d", "\u3002", "\uac00", "\u11a8", "\xff",
        "\u00e9", "\u2000", "\u0f73", " ing", "'",    "\U0001d15e", "\u07fd", "<l>",    "\r\n",   "\u3000"};
    enum { SOME = sizeof some / sizeof *some };
    char *text = mem_new((int64_t)bytes + 1, 1, "test");
    uint64_t counter = 0;
    for (size_t n = 0, k;; n += k) {
        const char *piece = some[draw(&counter, SOME)];
        k = strlen(piece);
        if (n + k > bytes) break;
        memcpy(text + n, piece, k);
    }
    return text;
}

typedef struct {
    list_t all;
    int64_t runs, left; // left: runs until emit refuses
} sink_t;

static int collect(void *user, const int32_t *ids, int64_t n) {
    sink_t *s = user;
    if (s->left-- == 0) return err_set("enough");
    assert_true(n > 0);
    TRY(mem_grow(&s->all.ids, &s->all.capacity, s->all.n + n, sizeof *ids, "test"));
    memcpy(s->all.ids + s->all.n, ids, (size_t)n * sizeof *ids);
    s->all.n += n;
    s->runs++;
    return 0;
}

/* Where text is cut into blocks must not show: the same as the whole text normalized, then encoded where it stands. */
static void check_blocks(const json_t *frozen, const char *style, const char *text, size_t block) {
    size_t bytes = strlen(text);
    tokenizer_t *t = load_style(frozen, style);
    if (block) t->block = block;
    sink_t got = {.left = INT64_MAX};
    list_t want = {0};
    check_ok(tokenizer_encode_each(t, text, bytes, collect, &got));
    if (bytes > 1000000) assert_true(t->nfc.capacity < 400000 && t->prefixed_capacity < 400000 && got.runs > 10);
    // The walk over exact added tokens comes first, so the whole is done by hand here.
    added_walk_t walk = {0};
    size_t from = 0, before = 0;
    for (int more = 1; more; from = walk.taken) {
        int32_t id = -1;
        const uint8_t *piece;
        size_t piece_bytes;
        nfc_t nfc = {0};
        more = added_next(&t->exact, (const uint8_t *)text, bytes, &walk, &before, &id);
        if (!more) before = bytes;
        check_ok(nfc_normalize(&nfc, (const uint8_t *)text + from, before - from, &piece, &piece_bytes));
        t->pipeline.is_nfc = 0;
        t->block = SIZE_MAX;
        check_ok(tokenizer_encode(t, (const char *)piece, piece_bytes, &want.ids, &want.n, &want.capacity));
        nfc_free(&nfc);
        if (!more) break;
        check_ok(mem_grow(&want.ids, &want.capacity, want.n + 1, sizeof *want.ids, "test"));
        want.ids[want.n++] = id;
    }
    assert_int_equal(got.all.n, want.n);
    assert_memory_equal(got.all.ids, want.ids, (size_t)want.n * sizeof *want.ids);
    mem_free(got.all.ids);
    mem_free(want.ids);
    tokenizer_free(t);
}

static void test_blocks_do_not_show(void **state) {
    (void)state;
    static const char *const styles[] = {"neox", "neox-space", "flags", "qwen2"};
    json_t *frozen = read_frozen();
    char *text = long_text(200000), *longer = long_text(3000000);
    for (size_t i = 0; i < sizeof styles / sizeof *styles; i++) {
        check_blocks(frozen, styles[i], text, 1);
        check_blocks(frozen, styles[i], text, 20);
        check_blocks(frozen, styles[i], longer, 0);
    }
    mem_free(text);
    mem_free(longer);
    json_decref(frozen);
}

static void test_refused_run_ends_encoding(void **state) {
    (void)state;
    json_t *frozen = read_frozen();
    tokenizer_t *t = load_style(frozen, "llama3");
    char *text = long_text(400000);
    sink_t sink = {.left = 2};
    assert_int_equal(tokenizer_encode_each(t, text, strlen(text), collect, &sink), -1);
    assert_string_equal(err_text(), "enough");
    assert_int_equal(sink.runs, 2);
    mem_free(sink.all.ids);
    mem_free(text);
    tokenizer_free(t);
    json_decref(frozen);
}

/* --- tokens by name ---------------------------------------------------------------------------------------------- */

static void test_find(void **state) {
    (void)state;
    json_t *frozen = read_frozen();
    tokenizer_t *t = load_style(frozen, "llama3");
    const char *const texts[] = {"<|end_of_text|>", "a", " the"};
    for (size_t i = 0; i < 3; i++) {
        char *text;
        size_t bytes;
        int32_t id = tokenizer_find(t, texts[i]);
        assert_true(id >= 0);
        check_ok(tokenizer_decode(t, &id, 1, &text, &bytes));
        assert_string_equal(text, texts[i]);
        mem_free(text);
    }
    assert_int_equal(tokenizer_end(t), tokenizer_find(t, texts[0]));
    assert_int_equal(tokenizer_find(t, "no such token"), -1);
    assert_int_equal(tokenizer_find(t, ""), -1);
    tokenizer_free(t);
    json_decref(frozen);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_styles_equal_library),
        cmocka_unit_test(test_llama3_pattern),
        cmocka_unit_test(test_other_patterns),
        cmocka_unit_test(test_ends_of_letters),
        cmocka_unit_test(test_blocks_do_not_show),
        cmocka_unit_test(test_refused_run_ends_encoding),
        cmocka_unit_test(test_find),
    };
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
