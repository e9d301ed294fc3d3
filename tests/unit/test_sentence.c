/* Tokenizers of the SentencePiece kind. Golden ids and texts: tests/golden/sentence_small.json[l], made with the
 * library `tokenizers` 0.23.3 by tests/peers/sentence.py --freeze. The rest against the definition: merges over the
 * whole text at once, the lowest rank first, leftmost first. */
#include "base/rng.h"
#include "scratch.h"
#include "text/sentence.h"
#include "text/tokenizer.h"
#include "text/tokenizer_private.h"
#include <jansson.h>

typedef struct {
    int32_t *ids;
    int64_t n, capacity;
} list_t;

static tokenizer_t *parse(const char *json) {
    tokenizer_t *t = NULL;
    if (tokenizer_parse(json, strlen(json), &t) != 0) fail_msg("%s: %s", json, err_text());
    return t;
}

static uint64_t draw(uint64_t *counter, int64_t bound) {
    return (uint64_t)rng_below(2, RNG_TEST, (*counter)++, bound);
}

static list_t encode(tokenizer_t *t, const char *text, size_t bytes) {
    list_t got = {0};
    check_ok(tokenizer_encode(t, text, bytes, &got.ids, &got.n, &got.capacity));
    return got;
}

static void check_same(list_t got, const int32_t *want, int64_t n, const char *text) {
    int same = got.n == n;
    for (int64_t i = 0; same && i < n; i++) same = got.ids[i] == want[i];
    if (!same) {
        print_message("text \"%s\": got", text);
        for (int64_t i = 0; i < got.n; i++) print_message(" %d", got.ids[i]);
        print_message(", want");
        for (int64_t i = 0; i < n; i++) print_message(" %d", want[i]);
        fail_msg("\n");
    }
    mem_free(got.ids);
}

static void check_ids(tokenizer_t *t, const char *text, const int32_t *want, int64_t n) {
    check_same(encode(t, text, strlen(text)), want, n, text);
}

static void check_text(const tokenizer_t *t, const int32_t *ids, int64_t n, const char *want, size_t want_bytes) {
    char *text;
    size_t bytes;
    check_ok(tokenizer_decode(t, ids, n, &text, &bytes));
    if (bytes != want_bytes || memcmp(text, want, bytes) != 0) fail_msg("got \"%s\", want \"%s\"", text, want);
    assert_int_equal(text[bytes], 0);
    mem_free(text);
}

/* --- golden ------------------------------------------------------------------------------------------------------ */

static void check_sample(tokenizer_t *t, const json_t *sample) {
    const json_t *text = json_array_get(sample, 0), *ids = json_array_get(sample, 1), *back = json_array_get(sample, 2);
    int64_t n = (int64_t)json_array_size(ids);
    int32_t want[1000];
    assert_in_range(n, 0, 999);
    for (int64_t i = 0; i < n; i++) want[i] = (int32_t)json_integer_value(json_array_get(ids, (size_t)i));
    check_same(encode(t, json_string_value(text), json_string_length(text)), want, n, json_string_value(text));
    check_text(t, want, n, json_string_value(back), json_string_length(back));
}

static void test_samples(void **state) {
    (void)state;
    json_t *tokenizer = json_load_file(source_path("tests/golden/sentence_small.json"), 0, NULL), *line;
    FILE *in = fopen(source_path("tests/golden/sentence_small.jsonl"), "r");
    assert_non_null(tokenizer);
    assert_non_null(in);
    size_t samples = 0;
    while ((line = json_loadf(in, JSON_DISABLE_EOF_CHECK | JSON_ALLOW_NUL, NULL))) {
        const json_t *list = json_object_get(line, "samples");
        json_object_update(tokenizer, json_object_get(line, "pipeline"));
        char *text = json_dumps(tokenizer, 0);
        tokenizer_t *t = parse(text);
        assert_int_equal(tokenizer_vocab(t), 420);
        assert_int_equal(tokenizer_end(t), 2);
        for (size_t i = 0; i < json_array_size(list); i++, samples++) check_sample(t, json_array_get(list, i));
        tokenizer_free(t);
        free(text);
        json_decref(line);
    }
    fclose(in);
    json_decref(tokenizer);
    assert_int_equal(samples, 6 * 38);
}

/* --- a vocabulary by hand ---------------------------------------------------------------------------------------- */

#define LLAMA_NORMALIZER                                                                                               \
    "\"normalizer\":{\"type\":\"Sequence\",\"normalizers\":[{\"type\":\"Prepend\",\"prepend\":\"_\"},"                 \
    "{\"type\":\"Replace\",\"pattern\":{\"String\":\" \"},\"content\":\"_\"}]}"
#define LLAMA LLAMA_NORMALIZER ",\"pre_tokenizer\":null"
#define SPLIT(invert)                                                                                                  \
    "\"pre_tokenizer\":{\"type\":\"Split\",\"pattern\":{\"String\":\" \"},\"behavior\":\"Removed\",\"invert\":" invert \
    "}"
#define METASPACE(scheme)                                                                                              \
    "\"type\":\"Metaspace\",\"replacement\":\"_\",\"prepend_scheme\":\"" scheme "\",\"split\":false"
#define FIRST           "\"pre_tokenizer\":{" METASPACE("first") "}"
#define REPLACE         "{\"type\":\"Replace\",\"pattern\":{\"String\":\"_\"},\"content\":\" \"}"
#define STRIP           "{\"type\":\"Strip\",\"content\":\" \",\"start\":1,\"stop\":0}"
#define DECODERS(steps) "\"decoder\":{\"type\":\"Sequence\",\"decoders\":[" steps "]}"
#define READ            DECODERS(REPLACE ",{\"type\":\"ByteFallback\"},{\"type\":\"Fuse\"}," STRIP)
#define WORDS                                                                                                          \
    "\"?\":0,\"_\":1,\"a\":2,\"b\":3,\"<0xFF>\":4,\"<0x41>\":5,\"_a\":6,\"ab\":7,\"_ab\":8,\"__\":9,\"<0xC3>\":10,\"<" \
    "0xA9>\":11"
#define MERGES                      "\"merges\":[\"_ a\",\"a b\",\"_a b\",\"_ _\"]"
#define MODEL(more)                 "\"model\":{\"type\":\"BPE\",\"vocab\":{" WORDS "}," MERGES more "}"
#define FALLBACK                    ",\"byte_fallback\":true,\"unk_token\":\"?\",\"fuse_unk\":true"
#define ADDED(id, text, normalized) "{\"id\":" #id ",\"content\":\"" text "\",\"normalized\":" normalized "}"

static void test_by_hand(void **state) {
    (void)state;
    tokenizer_t *t =
        parse("{" LLAMA "," READ "," MODEL(FALLBACK) ",\"added_tokens\":[" ADDED(12, "</s>", "false") "]}");
    assert_int_equal(tokenizer_end(t), 12);
    check_ids(t, "", NULL, 0);
    check_ids(t, "ab", (int32_t[]){8}, 1);
    check_ids(t, " ab", (int32_t[]){1, 8}, 2);
    check_ids(t, "   ab", (int32_t[]){9, 1, 8}, 3);
    check_ids(t, "b</s>b</s> b", (int32_t[]){1, 3, 12, 1, 3, 12, 9, 3}, 8);
    check_ids(t, "_b", (int32_t[]){9, 3}, 2); // what stands for a space is one
    tokenizer_free(t);

    t = parse("{" FIRST "," READ "," MODEL(FALLBACK) ",\"added_tokens\":[" ADDED(12, "</s>", "true") "]}");
    check_ids(t, "ab", (int32_t[]){8}, 1);
    check_ids(t, " ab", (int32_t[]){8}, 1);
    check_ids(t, "ab</s>ab", (int32_t[]){8, 12, 7}, 3);
    check_ids(t, "</s>ab", (int32_t[]){12, 7}, 2);
    tokenizer_free(t);
}

/* Gemma's Split at the space finds none; a vocabulary without bytes need not have the character of the space. */
static void test_idle_split(void **state) {
    (void)state;
    tokenizer_t *t = parse("{" LLAMA_NORMALIZER "," SPLIT("false") "," READ "," MODEL(FALLBACK) "}");
    check_ids(t, "ab a", (int32_t[]){8, 6}, 2);
    tokenizer_free(t);
    t = parse("{\"pre_tokenizer\":{\"type\":\"Metaspace\",\"replacement\":\"=\"}," READ
              "," MODEL(",\"unk_token\":\"?\"") "}");
    check_ids(t, "a b", (int32_t[]){0, 2, 0, 3}, 4);
    tokenizer_free(t);
}

/* An added token that the normalizer changes is looked for as it leaves it, and shown so. */
static void test_normalized_added_tokens(void **state) {
    (void)state;
    tokenizer_t *t = parse("{" LLAMA "," READ "," MODEL(FALLBACK) ",\"added_tokens\":[" ADDED(
        12, "</s>", "true") "," ADDED(13, "b a", "true") "]}");
    assert_int_equal(tokenizer_end(t), 12);
    check_ids(t, "</s>ab", (int32_t[]){12, 7}, 2);            // _</s>ab
    check_ids(t, "a </s>", (int32_t[]){6, 12}, 2);            // _a_</s>
    check_ids(t, "b ab a b", (int32_t[]){13, 3, 6, 1, 3}, 5); // _b_a b _a _b: the token is _b_a
    check_text(t, (int32_t[]){6, 12}, 2, "a </s>", 6);
    tokenizer_free(t);
}

/* Characters that are not in the vocabulary: bytes where all are there, else the unknown, which comes when the next
 * known character does. */
static void test_fallback(void **state) {
    (void)state;
    tokenizer_t *t = parse("{" LLAMA "," READ "," MODEL(FALLBACK) "}");
    check_ids(t, "A", (int32_t[]){1, 5}, 2);
    check_ids(t, "\u00e9", (int32_t[]){1, 10, 11}, 3);
    check_ids(t, "xyz", (int32_t[]){1, 0}, 2);
    check_ids(t, "xA a", (int32_t[]){1, 5, 0, 6}, 4);
    check_ids(t, "\xff\xc3", (int32_t[]){1, 4, 10}, 3);
    check_ids(t, "\xfe\xe2\x96", (int32_t[]){1, 0}, 2);
    check_text(t, (int32_t[]){4, 10}, 2, "\xff\xc3", 2);
    tokenizer_free(t);

    t = parse("{" LLAMA "," READ "," MODEL(",\"unk_token\":\"?\"") "}");
    check_ids(t, "xyzA", (int32_t[]){1, 0, 0, 0, 0}, 5);
    tokenizer_free(t);

    t = parse("{" LLAMA "," READ "," MODEL(",\"byte_fallback\":true") "}");
    list_t got = {0};
    check_fails(tokenizer_encode(t, "ax", 2, &got.ids, &got.n, &got.capacity), "U+0078");
    check_fails(tokenizer_encode(t, "\xfe", 1, &got.ids, &got.n, &got.capacity), "0xFE");
    mem_free(got.ids);
    tokenizer_free(t);
}

static void test_decoding(void **state) {
    (void)state;
    tokenizer_t *t = parse("{" LLAMA "," READ "," MODEL(FALLBACK) "}");
    char *text;
    size_t bytes;
    check_text(t, NULL, 0, "", 0);
    check_text(t, (int32_t[]){6}, 1, "a", 1);
    check_text(t, (int32_t[]){6, 6}, 2, "a a", 3);
    check_text(t, (int32_t[]){1, 9, 6}, 3, "   a", 4);
    check_text(t, (int32_t[]){3, 6}, 2, "b a", 3);
    assert_int_equal(memcmp(tokenizer_text(t, 6, &bytes), " a", 2), 0);
    assert_int_equal(bytes, 2);
    check_ok(tokenizer_decode_inside(t, (int32_t[]){6, 6}, 2, &text, &bytes));
    assert_string_equal(text, " a a");
    mem_free(text);
    check_fails(tokenizer_decode(t, (int32_t[]){12}, 1, &text, &bytes), "token id 12");
    tokenizer_free(t);

    t = parse("{" FIRST ",\"decoder\":{" METASPACE("first") "}," MODEL(FALLBACK) "}");
    check_text(t, (int32_t[]){9, 6}, 2, " a", 2); // the first token loses all it has
    check_text(t, (int32_t[]){5, 6}, 2, "<0x41> a", 8);
    check_ok(tokenizer_decode_inside(t, (int32_t[]){9, 6}, 2, &text, &bytes));
    assert_string_equal(text, "   a");
    mem_free(text);
    tokenizer_free(t);
}

/* --- cuts -------------------------------------------------------------------------------------------------------- */

enum { TOKENS = 40, MERGES_MADE = 20, LONGEST = 400 };

/* A vocabulary of random merges over _ a b c, with an unknown token. */
typedef struct {
    char token[TOKENS][64];
    int32_t tokens, merges;
    int32_t merge[MERGES_MADE][3]; // left, right, result
} toy_t;

static int32_t find_token(const toy_t *toy, const char *text) {
    for (int32_t i = 0; i < toy->tokens; i++) {
        if (strcmp(toy->token[i], text) == 0) return i;
    }
    return -1;
}

static void make_toy(toy_t *toy, uint64_t *counter, int crosses_spaces) {
    static const char *const start[] = {"?", "_", "a", "b", "c"};
    *toy = (toy_t){.tokens = 5};
    for (int32_t i = 0; i < 5; i++) snprintf(toy->token[i], sizeof toy->token[i], "%s", start[i]);
    for (int32_t tries = 0; tries < 1000 && toy->merges < MERGES_MADE; tries++) {
        int32_t left = 1 + (int32_t)draw(counter, toy->tokens - 1), right = 1 + (int32_t)draw(counter, toy->tokens - 1);
        char both[128];
        int known = 0;
        snprintf(both, sizeof both, "%s%s", toy->token[left], toy->token[right]);
        const char *space = strrchr(both, '_');
        if (strlen(both) > 12 || (!crosses_spaces && space && space > both && space[-1] != '_')) continue;
        for (int32_t i = 0; i < toy->merges; i++) known |= toy->merge[i][0] == left && toy->merge[i][1] == right;
        if (known) continue;
        int32_t id = find_token(toy, both);
        if (id < 0) {
            id = toy->tokens++;
            memcpy(toy->token[id], both, 64);
        }
        memcpy(toy->merge[toy->merges++], (int32_t[]){left, right, id}, 3 * sizeof(int32_t));
    }
}

static tokenizer_t *toy_tokenizer(const toy_t *toy, const char *added) {
    static char json[8192];
    int n = snprintf(json, sizeof json,
                     "{" LLAMA "," READ ",\"added_tokens\":[%s],\"model\":{\"type\":\"BPE\","
                     "\"unk_token\":\"?\",\"fuse_unk\":true,\"vocab\":{",
                     added);
    for (int32_t i = 0; i < toy->tokens; i++) {
        n += snprintf(json + n, sizeof json - (size_t)n, "%s\"%s\":%d", i ? "," : "", toy->token[i], i);
    }
    n += snprintf(json + n, sizeof json - (size_t)n, "},\"merges\":[");
    for (int32_t i = 0; i < toy->merges; i++) {
        n += snprintf(json + n, sizeof json - (size_t)n, "%s\"%s %s\"", i ? "," : "", toy->token[toy->merge[i][0]],
                      toy->token[toy->merge[i][1]]);
    }
    snprintf(json + n, sizeof json - (size_t)n, "]}}");
    return parse(json);
}

/* The definition, on all of the text at once. */
static int64_t define(const toy_t *toy, const char *text, int32_t *ids) {
    int64_t n = 0;
    if (*text) ids[n++] = 1;
    for (; *text; text++) {
        char one[2] = {*text == ' ' ? '_' : *text, 0};
        int32_t id = find_token(toy, one);
        if (id >= 0 || n == 0 || ids[n - 1] != 0) ids[n++] = id < 0 ? 0 : id;
    }
    for (int32_t rank = 0; rank < toy->merges;) {
        int64_t at = 0;
        while (at + 1 < n && !(ids[at] == toy->merge[rank][0] && ids[at + 1] == toy->merge[rank][1])) at++;
        if (at + 1 >= n) {
            rank++;
            continue;
        }
        ids[at] = toy->merge[rank][2];
        memmove(ids + at + 1, ids + at + 2, (size_t)(n - at - 2) * sizeof *ids);
        n--;
        rank = 0; // the merge may have made a pair of lower rank
    }
    return n;
}

static void draw_text(uint64_t *counter, char *text, int64_t longest) {
    int64_t n = (int64_t)draw(counter, longest);
    for (int64_t i = 0; i < n; i++) text[i] = "abcabc  _x"[draw(counter, 10)];
    text[n] = '\0';
}

static void test_cuts_equal_definition(void **state) {
    (void)state;
    uint64_t counter = 0;
    for (int v = 0; v < 60; v++) {
        toy_t toy;
        make_toy(&toy, &counter, v % 3 == 0);
        tokenizer_t *t = toy_tokenizer(&toy, "");
        for (int i = 0; i < 100; i++) {
            char text[LONGEST];
            int32_t want[LONGEST + 1];
            draw_text(&counter, text, i % 10 == 0 ? LONGEST : 20);
            int64_t n = define(&toy, text, want);
            check_ids(t, text, want, n);
        }
        tokenizer_free(t);
    }
}

/* Added tokens in normalized text: it is written in blocks, whose borders must not show. */
static void test_blocks_do_not_show(void **state) {
    (void)state;
    uint64_t counter = 0;
    for (int v = 0; v < 30; v++) {
        toy_t toy;
        char added[256], text[LONGEST];
        make_toy(&toy, &counter, v % 3 == 0);
        snprintf(added, sizeof added,
                 ADDED(% d, "c c", "true") "," ADDED(% d, "b  a", "true") "," ADDED(% d, "x", "false"), toy.tokens,
                 toy.tokens + 1, toy.tokens + 2);
        tokenizer_t *t = toy_tokenizer(&toy, v % 2 ? added : "{\"id\":0,\"content\":\"?\",\"normalized\":true}");
        for (int i = 0; i < 50; i++) {
            draw_text(&counter, text, LONGEST);
            t->block = LONGEST;
            list_t want = encode(t, text, strlen(text));
            for (t->block = 1; t->block < 8; t->block++) check_ids(t, text, want.ids, want.n);
            mem_free(want.ids);
        }
        tokenizer_free(t);
    }
}

/* A text that cannot be cut takes O(n log n), not O(n^2). */
static void test_long_text_without_cut(void **state) {
    (void)state;
    enum { BYTES = 1 << 20 };
    tokenizer_t *t =
        parse("{" LLAMA "," READ ",\"model\":{\"type\":\"BPE\",\"vocab\":{\"_\":0,\"a\":1,\"aa\":2,\"aaaa\":3},"
              "\"merges\":[\"a a\",\"aa aa\"]}}");
    char *text = mem_new(BYTES + 1, 1, "test");
    memset(text, 'a', BYTES);
    list_t got = encode(t, text, BYTES);
    assert_int_equal(got.n, 1 + BYTES / 4);
    for (int64_t i = 0; i < got.n; i++) assert_int_equal(got.ids[i], i == 0 ? 0 : 3);
    mem_free(got.ids);
    mem_free(text);
    tokenizer_free(t);
}

/* --- tokenizer.json ---------------------------------------------------------------------------------------------- */

#define NORMALIZER(part) "\"normalizer\":" part

/* Files that differ in one thing from a good one, and what the message must say. */
static const struct {
    const char *json, *message;
} refused[] = {
    {"{" NORMALIZER("{\"type\":\"NFKC\"}") "," READ "," MODEL(FALLBACK) "}", "NFKC"},
    {"{" NORMALIZER("{\"type\":\"Prepend\",\"prepend\":\"_\"}") "," READ "," MODEL(FALLBACK) "}",
     "only a Replace of the space"},
    {"{" NORMALIZER("{\"type\":\"Replace\",\"pattern\":{\"String\":\"a\"},\"content\":\"b\"}") "," READ
                                                                                               "," MODEL(FALLBACK) "}",
     "only a Replace of the space"},
    {"{" NORMALIZER("{\"type\":\"Replace\",\"pattern\":{\"Regex\":\" \"},\"content\":\"_\"}") "," READ
                                                                                              "," MODEL(FALLBACK) "}",
     "anything but one character"},
    {"{" NORMALIZER("{\"type\":\"Replace\",\"pattern\":{\"String\":\" \"},\"content\":\"__\"}") "," READ
                                                                                                "," MODEL(FALLBACK) "}",
     "content is not one character"},
    {"{" NORMALIZER(
         "{\"type\":\"Sequence\",\"normalizers\":[{\"type\":\"Prepend\",\"prepend\":\"x\"},"
         "{\"type\":\"Replace\",\"pattern\":{\"String\":\" \"},\"content\":\"_\"}]}") "," READ "," MODEL(FALLBACK) "}",
     "Prepend of another character"},
    {"{\"pre_tokenizer\":{\"type\":\"Metaspace\",\"replacement\":\"_\",\"prepend_scheme\":\"odd\"}," READ
     "," MODEL(FALLBACK) "}",
     "prepend_scheme odd"},
    {"{\"pre_tokenizer\":{\"type\":\"Metaspace\",\"replacement\":\"_\",\"add_prefix_space\":false}," READ
     "," MODEL(FALLBACK) "}",
     "contradicts"},
    {"{\"pre_tokenizer\":{\"type\":\"Metaspace\",\"replacement\":\"_\",\"split\":3}," READ "," MODEL(FALLBACK) "}",
     "split is neither"},
    {"{\"pre_tokenizer\":{\"type\":\"Metaspace\",\"replacement\":\"_\",\"odd\":3}," READ "," MODEL(FALLBACK) "}",
     "\"odd\""},
    {"{" NORMALIZER("{\"type\":\"Replace\",\"pattern\":{\"String\":\" \"},\"content\":\"_\"}") "," FIRST "," READ
                                                                                               "," MODEL(FALLBACK) "}",
     "together with the pre_tokenizer Metaspace"},
    {"{\"pre_tokenizer\":{\"type\":\"Split\",\"pattern\":{\"String\":\" \"}}," READ "," MODEL(FALLBACK) "}",
     "a Split that is not"},
    {"{" LLAMA_NORMALIZER "," SPLIT("true") "," READ "," MODEL(FALLBACK) "}", "a Split with invert"},
    {"{" LLAMA_NORMALIZER "," SPLIT("false,\"odd\":1") "," READ "," MODEL(FALLBACK) "}", "\"odd\""},
    {"{\"pre_tokenizer\":{\"type\":\"Metaspace\",\"replacement\":\"=\"}," READ "," MODEL(FALLBACK) "}",
     "has no token for the character U+003D that stands for a space"},
    {"{" FIRST "," MODEL(FALLBACK) "}", "decoder type null"},
    {"{" FIRST "," DECODERS("{\"type\":\"WordPiece\"}") "," MODEL(FALLBACK) "}", "decoder type WordPiece"},
    {"{" FIRST "," DECODERS("{\"type\":\"Fuse\"}," REPLACE) "," MODEL(FALLBACK) "}", "Replace out of the order"},
    {"{" FIRST "," DECODERS(REPLACE "," STRIP) "," MODEL(FALLBACK) "}", "behind Fuse"},
    {"{" FIRST "," DECODERS(
         "{\"type\":\"Fuse\"},{\"type\":\"Strip\",\"content\":\" \",\"start\":0,\"stop\":1}") "," MODEL(FALLBACK) "}",
     "only a Strip of spaces at the start"},
    {"{" FIRST "," READ ",\"post_processor\":{\"type\":\"Odd\"}," MODEL(FALLBACK) "}", "post_processor type Odd"},
    {"{" FIRST "," READ "," MODEL(",\"unk_token\":\"none\"") "}", "unk_token is not in the vocabulary"},
    {"{" FIRST "," READ "," MODEL(",\"ignore_merges\":true") "}", "ignore_merges"},
    {"{" LLAMA "," READ "," MODEL(FALLBACK) ",\"added_tokens\":[{\"id\":12,\"content\":\"x\",\"normalized\":true,"
                                            "\"lstrip\":true}]}",
     "lstrip"},
};

static void test_refused_files(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        tokenizer_t *t = NULL;
        if (tokenizer_parse(refused[i].json, strlen(refused[i].json), &t) == 0)
            fail_msg("accepted: %s", refused[i].json);
        if (!strstr(err_text(), refused[i].message)) fail_msg("%s\nsays: %s", refused[i].json, err_text());
        assert_null(t);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_samples),
        cmocka_unit_test(test_by_hand),
        cmocka_unit_test(test_idle_split),
        cmocka_unit_test(test_normalized_added_tokens),
        cmocka_unit_test(test_fallback),
        cmocka_unit_test(test_decoding),
        cmocka_unit_test(test_cuts_equal_definition),
        cmocka_unit_test(test_blocks_do_not_show),
        cmocka_unit_test(test_long_text_without_cut),
        cmocka_unit_test(test_refused_files),
    };
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
