/* The tokenizer against other implementations and against itself. Golden ids: a table made by an
 * independent program in another language, and tests/golden/tokenizer_*.json[l], made with the library `tokenizers`
 * 0.23.3 by tests/peers/tokenizer.py --freeze. Tests on the 50k vocabulary need $SHARED/data/20B_tokenizer.json. */
#include "base/rng.h"
#include "scratch.h"
#include "text/bpe.h"
#include "text/bytelevel.h"
#include "text/nfc.h"
#include "text/pretoken.h"
#include "text/tokenizer.h"
#include "text/tokenizer_private.h"
#include "text/utf8.h"
#include <jansson.h>

static tokenizer_t *load(const char *path) {
    tokenizer_t *t = NULL;
    check_ok(tokenizer_load(path, &t));
    return t;
}

static tokenizer_t *load_20b(void) {
    char path[1024];
    const char *shared = getenv("SHARED");
    snprintf(path, sizeof path, "%s/data/20B_tokenizer.json", shared ? shared : "../shared");
    if (!file_exists(path)) {
        print_message("%s is not there\n", path);
        skip();
    }
    return load(path);
}

static uint64_t draw(uint64_t *counter, int64_t bound) {
    return (uint64_t)rng_below(1, RNG_TEST, (*counter)++, bound);
}

static void check_ids(tokenizer_t *t, const char *text, size_t bytes, const int32_t *want, int64_t want_n) {
    int32_t *ids = NULL;
    int64_t n = 0, capacity = 0;
    check_ok(tokenizer_encode(t, text, bytes, &ids, &n, &capacity));
    int same = n == want_n;
    for (int64_t i = 0; same && i < n; i++) same = ids[i] == want[i];
    if (!same) {
        print_message("text \"%s\": got", text);
        for (int64_t i = 0; i < n; i++) print_message(" %d", ids[i]);
        print_message("\n");
        fail();
    }
    mem_free(ids);
}

/* --- golden ------------------------------------------------------------------------------------------------------ */

static void test_byte_alphabet(void **state) {
    (void)state;
    static const int32_t want[][2] = {{0x00, 0x100}, {0x09, 0x109}, {0x0A, 0x10A}, {0x20, 0x120}, {0x7F, 0x121},
                                      {0x80, 0x122}, {0xA0, 0x142}, {0xAD, 0x143}, {0xFF, 0xFF},  {'!', '!'}};
    for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
        assert_int_equal(bytelevel_code((uint8_t)want[i][0]), want[i][1]);
        assert_int_equal(bytelevel_byte(want[i][1]), want[i][0]);
    }
    assert_int_equal(bytelevel_byte(' '), -1);
    assert_int_equal(bytelevel_byte(0x144), -1);
    uint8_t order[256];
    int seen[256] = {0};
    bytelevel_order(order);
    for (int i = 0; i < 256; i++) seen[order[i]]++;
    for (int i = 0; i < 256; i++) assert_int_equal(seen[i], 1);
    assert_int_equal(order[0], '!');
    assert_int_equal(order[94], 0xA1);
    assert_int_equal(order[255], 0xAD);
}

static void test_utf8(void **state) {
    (void)state;
    static const struct {
        const char *text;
        int32_t code; // -1: the first byte is not valid
        size_t bytes;
    } want[] = {{"a", 'a', 1},
                {"\x7f", 0x7f, 1},
                {"\xc2\x80", 0x80, 2},
                {"\xdf\xbf", 0x7ff, 2},
                {"\xe0\xa0\x80", 0x800, 3},
                {"\xed\x9f\xbf", 0xd7ff, 3},
                {"\xee\x80\x80", 0xe000, 3},
                {"\xf0\x90\x80\x80", 0x10000, 4},
                {"\xf4\x8f\xbf\xbf", 0x10ffff, 4},
                {"\x80", -1, 1},
                {"\xc1\xbf", -1, 1},
                {"\xe0\x85\x83", -1, 1},
                {"\xed\xa0\x80", -1, 1},
                {"\xf0\x8f\xbf\xbf", -1, 1},
                {"\xf4\x90\x80\x80", -1, 1},
                {"\xf5\x80\x80\x80", -1, 1},
                {"\xe2\x82", -1, 1},
                {"\xe2\x82z", -1, 1},
                {"\xff", -1, 1}};
    for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
        const uint8_t *text = (const uint8_t *)want[i].text;
        int32_t code;
        uint8_t back[4];
        assert_int_equal(utf8_next(text, 0, strlen(want[i].text), &code), want[i].bytes);
        assert_int_equal(code, want[i].code);
        if (code < 0) continue;
        assert_int_equal(utf8_write(code, back), want[i].bytes);
        assert_memory_equal(back, text, want[i].bytes);
    }
}

static void test_golden_k(void **state) {
    (void)state;
    static const struct {
        const char *text;
        int32_t ids[10];
        int32_t n;
    } want[] = {{"Hello world", {12092, 1533}, 2},
                {"Hello  world", {12092, 50276, 10186}, 3},
                {"def f(x):\n    return x", {1545, 269, 9, 89, 2262, 187, 50274, 2309, 1269}, 9},
                {" the quick brown fox", {253, 3158, 8516, 30013}, 4},
                {"<|endoftext|>", {0}, 1},
                {"it's 2024!", {262, 434, 1384, 1348, 2}, 5},
                {"a                              b", {66, 50254, 50272, 67}, 4},
                {"\n\n\tx", {535, 186, 89}, 3},
                {"na\u00efve caf\u00e9", {2072, 30180, 36241}, 3},
                {"na\u00efve cafe\u0301", {2072, 30180, 36241}, 3},
                {"snake_case_1", {11489, 640, 64, 5045, 64, 18}, 6},
                {"\u65e5\u672c\u8a9e", {49868, 19119, 241}, 3},
                {"", {0}, 0}};
    tokenizer_t *t = load_20b();
    assert_int_equal(tokenizer_vocab(t), 50277);
    assert_int_equal(tokenizer_end(t), 0);
    for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
        check_ids(t, want[i].text, strlen(want[i].text), want[i].ids, want[i].n);
    }
    tokenizer_free(t);
}

/* Each line of a golden file is {"text": ..., "ids": [...]}. */
static void check_samples(tokenizer_t *t, const char *name) {
    FILE *in = fopen(source_path(name), "r");
    if (!in) fail_msg("cannot open %s", source_path(name));
    int lines = 0;
    for (json_t *line; (line = json_loadf(in, JSON_DISABLE_EOF_CHECK | JSON_ALLOW_NUL, NULL)); lines++) {
        const json_t *text = json_object_get(line, "text"), *ids = json_object_get(line, "ids");
        int32_t n = (int32_t)json_array_size(ids), *want = mem_new(n, sizeof *want, "test");
        for (int32_t i = 0; i < n; i++) want[i] = (int32_t)json_integer_value(json_array_get(ids, (size_t)i));
        check_ids(t, json_string_value(text), json_string_length(text), want, n);
        mem_free(want);
        json_decref(line);
    }
    fclose(in);
    assert_int_equal(lines, 101);
    tokenizer_free(t);
}

static void test_samples_20b(void **state) {
    (void)state;
    check_samples(load_20b(), "tests/golden/tokenizer_20b.jsonl");
}

static void test_samples_small(void **state) {
    (void)state;
    check_samples(load(source_path("tests/golden/tokenizer_small.json")), "tests/golden/tokenizer_small.jsonl");
}

/* --- pre-tokens -------------------------------------------------------------------------------------------------- */

/* The pieces of text, each put in [ ]. */
static const char *pieces(const char *text) {
    static char out[512];
    size_t bytes = strlen(text), n = 0;
    for (size_t at = 0, end; at < bytes; at = end) {
        end = pretoken_end((const uint8_t *)text, at, bytes);
        assert_true(end > at && end <= bytes);
        n += (size_t)snprintf(out + n, sizeof out - n, "[%.*s]", (int)(end - at), text + at);
    }
    return out;
}

static void test_pretokens(void **state) {
    (void)state;
    assert_string_equal(pieces("it's we'll I'm 'tis 'Twas"), "[it]['s][ we]['ll][ I]['m][ '][tis][ '][Twas]");
    assert_string_equal(pieces("'re've'd't'l'r'"), "['re]['ve]['d]['t]['][l]['][r][']");
    assert_string_equal(pieces("a1 2b, c!?  d"), "[a][1][ 2][b][,][ c][!?][ ][ d]");
    assert_string_equal(pieces("a \n\n b  "), "[a][ \n\n][ b][  ]");
    assert_string_equal(pieces("a\n\nb\tc\r\n"), "[a][\n][\n][b][\t][c][\r\n]");
    assert_string_equal(pieces("\u00a0\u00a0x \u3000 y"), "[\u00a0][\u00a0][x][ \u3000][ y]");
    assert_string_equal(pieces("\xc2\x85\xc2\x85"), "[\xc2\x85\xc2\x85]");
    assert_string_equal(pieces("\u200bx"), "[\u200b][x]"); // a format character, not white space
    assert_string_equal(pieces("\u0e01\u0e33 \u0661\u00b2\u2167 e\u0301"),
                        "[\u0e01\u0e33][ \u0661\u00b2\u2167][ e][\u0301]");
    assert_string_equal(pieces("ab\xff\xc3 \x80z"), "[ab][\xff\xc3][ \x80][z]"); // invalid bytes are neither
    assert_string_equal(pieces("x\xed\xa0\x80y\xc0\xafz\xf4\x90\x80\x80"),
                        "[x][\xed\xa0\x80][y][\xc0\xaf][z][\xf4\x90\x80\x80]");
}

/* --- normalization ----------------------------------------------------------------------------------------------- */

static void check_nfc(const char *text, const char *want) {
    nfc_t nfc = {0};
    const uint8_t *out;
    size_t bytes;
    check_ok(nfc_normalize(&nfc, (const uint8_t *)text, strlen(text), &out, &bytes));
    assert_int_equal(bytes, strlen(want));
    assert_memory_equal(out, want, bytes);
    nfc_free(&nfc);
}

static void test_nfc(void **state) {
    (void)state;
    check_nfc("", "");
    check_nfc("plain \u00e9", "plain \u00e9");
    check_nfc("e\u0301x\u00e9\u0323", "\u00e9x\u1eb9\u0301");
    check_nfc("\u1112\u1161\u11ab \uae30\u11a8", "\ud55c \uae31");                 // Hangul
    check_nfc("\u212b \u2126 \uf900 \u0958", "\u00c5 \u03a9 \u8c48 \u0915\u093c"); // singletons, exclusion
    check_nfc("e\xff\u0301"
              "e\u0301\xc3",
              "e\xff\u0301\u00e9\xc3");                                 // nothing joins across invalid bytes
    check_nfc("a\u05b0\u0315\u0300\u05ae", "\u00e0\u05b0\u05ae\u0315"); // marks in canonical order
    check_nfc("e\u07fd\u0323", "e\u07fd\u0323");                        // a mark younger than Unicode 9
    check_nfc("e\u07fd\u05b0", "e\u07fd\u05b0");
    check_nfc("\U00011935\U00011930", "\U00011935\U00011930");
}

/* utf8proc's own ordering needs hours for this. */
static void test_nfc_of_hostile_marks(void **state) {
    (void)state;
    enum { MARKS = 400000 };
    char *text = mem_new(4 * MARKS + 2, 1, "test");
    size_t n = 1;
    text[0] = 'q';
    for (int i = 0; i < MARKS; i++) n += (size_t)sprintf(text + n, "%s", i % 2 ? "\u0323" : "\u0315");
    nfc_t nfc = {0};
    const uint8_t *out;
    size_t bytes;
    check_ok(nfc_normalize(&nfc, (const uint8_t *)text, n, &out, &bytes));
    assert_int_equal(bytes, n);
    assert_memory_equal(out, "q\u0323\u0323", 5);
    assert_memory_equal(out + n - 4, "\u0315\u0315", 4);
    nfc_free(&nfc);
    mem_free(text);
}

/* --- merging ----------------------------------------------------------------------------------------------------- */

/* The definition, word for word: find the lowest rank, leftmost; merge; again. */
static int64_t merge_naively(const int32_t *merge, int64_t merges, int32_t *ids, int64_t n) {
    for (;;) {
        int64_t best = merges, at = 0;
        for (int64_t i = 0; i + 1 < n; i++) {
            for (int64_t r = 0; r < best; r++) {
                if (merge[3 * r] == ids[i] && merge[3 * r + 1] == ids[i + 1]) best = r, at = i;
            }
        }
        if (best == merges) return n;
        ids[at] = merge[3 * best + 2];
        memmove(ids + at + 1, ids + at + 2, (size_t)(n - at - 2) * sizeof *ids);
        n--;
    }
}

/* Words over few letters, with random merges, so that ranks compete; short ones, long ones, and each twice (cache). */
static void test_merges_equal_definition(void **state) {
    (void)state;
    enum { LETTERS = 3, MERGES = 60, WORDS = 3000, LONGEST = 150 };
    int32_t byte_id[256], merge[3 * MERGES], next = LETTERS;
    uint64_t counter = 0;
    for (int i = 0; i < 256; i++) byte_id[i] = i - 'a' < 0 || i - 'a' >= LETTERS ? -1 : i - 'a';
    bpe_t *bpe = bpe_create(byte_id, 4);
    for (int64_t again, n = 0; n < MERGES;) {
        int32_t *m = merge + 3 * n;
        m[0] = (int32_t)draw(&counter, next);
        m[1] = (int32_t)draw(&counter, next);
        m[2] = next;
        check_ok(bpe_add_merge(bpe, m[0], m[1], m[2], &again));
        if (again < 0) n++, next++;
    }
    for (int w = 0; w < WORDS; w++) {
        uint8_t word[LONGEST];
        int32_t want[LONGEST], got[LONGEST + BPE_SPARE];
        int64_t n = 1 + (int64_t)draw(&counter, w % 3 ? 12 : LONGEST), got_n;
        for (int64_t i = 0; i < n; i++) want[i] = (word[i] = (uint8_t)('a' + draw(&counter, LETTERS))) - 'a';
        int64_t want_n = merge_naively(merge, MERGES, want, n);
        for (int again = 0; again < 2; again++) {
            check_ok(bpe_encode(bpe, word, (size_t)n, got, &got_n));
            assert_int_equal(got_n, want_n);
            assert_memory_equal(got, want, (size_t)got_n * sizeof *got);
        }
    }
    int64_t n;
    assert_int_equal(bpe_encode(bpe, (const uint8_t *)"abz", 3, (int32_t[3 + BPE_SPARE]){0}, &n), -1);
    assert_non_null(strstr(err_text(), "0x7A"));
    bpe_free(bpe);
}

/* A word takes no more memory than is allowed, and says so. */
static void test_longest_word(void **state) {
    (void)state;
    enum { LONGEST = 5000 };
    int32_t byte_id[256], ids[LONGEST + 1 + BPE_SPARE];
    uint8_t word[LONGEST + 1];
    int64_t n;
    for (int i = 0; i < 256; i++) byte_id[i] = i;
    memset(word, 'a', sizeof word);
    bpe_t *bpe = bpe_create(byte_id, 4);
    check_ok(bpe_encode(bpe, word, LONGEST + 1, ids, &n));
    assert_int_equal(n, LONGEST + 1);
    bpe_set_memory(bpe, 64 * LONGEST);
    check_ok(bpe_encode(bpe, word, LONGEST, ids, &n));
    assert_int_equal(bpe_encode(bpe, word, LONGEST + 1, ids, &n), -1);
    assert_non_null(strstr(err_text(), "a word of 5001 bytes would take"));
    assert_non_null(strstr(err_text(), "for 5000 bytes there is room; raise [run] memory"));
    bpe_set_memory(bpe, 0);
    check_ok(bpe_encode(bpe, word, 4096, ids, &n)); // always
    assert_int_equal(bpe_encode(bpe, word, 4097, ids, &n), -1);
    bpe_free(bpe);
}

/* Words of every length that differ in one byte only, each place in turn: the cache must tell them apart. */
static void test_cache_tells_words_apart(void **state) {
    (void)state;
    static const int32_t merge[] = {0, 0, 2, 2, 2, 3, 3, 3, 4, 4, 4, 5}; // aa, aaaa, ...
    enum { LONGEST = 36, MERGES = 4 };
    int32_t byte_id[256], want[LONGEST], got[LONGEST + BPE_SPARE];
    for (int i = 0; i < 256; i++) byte_id[i] = i == 'a' ? 0 : i == 'b' ? 1 : -1;
    bpe_t *bpe = bpe_create(byte_id, MERGES);
    for (int64_t again, i = 0; i < MERGES; i++) {
        check_ok(bpe_add_merge(bpe, merge[3 * i], merge[3 * i + 1], merge[3 * i + 2], &again));
    }
    for (int64_t n = 1; n < LONGEST; n++) {
        for (int64_t place = 0; place <= n; place++) {
            uint8_t word[LONGEST + 16];
            int64_t got_n;
            memset(word, 'b' - (int)(place & 1), sizeof word); // what stands behind it is not of the word
            for (int64_t i = 0; i < n; i++) want[i] = (word[i] = i == place ? 'b' : 'a') == 'b';
            int64_t want_n = merge_naively(merge, MERGES, want, n);
            for (size_t behind = 0; behind <= 16; behind++) {
                bpe_word_t expected = bpe_expect(bpe, word, (size_t)n, (size_t)n + behind);
                check_ok(bpe_encode_expected(bpe, &expected, got, &got_n));
                assert_int_equal(got_n, want_n);
                assert_memory_equal(got, want, (size_t)got_n * sizeof *got);
            }
        }
    }
    bpe_free(bpe);
}

/* More words than the cache holds, some told apart by one byte only. Decoding needs no cache, so it tells. */
static void test_cache_never_shows(void **state) {
    (void)state;
    enum { WORDS = 300000 };
    tokenizer_t *t = load(source_path("tests/golden/tokenizer_small.json")),
                *fresh = load(source_path("tests/golden/tokenizer_small.json"));
    uint64_t counter = 0;
    int32_t *ids = NULL;
    int64_t n, capacity = 0;
    for (int w = 0; w < WORDS; w++) {
        char word[40], *text;
        size_t bytes = 1 + draw(&counter, w % 4 ? 5 : 34), decoded;
        for (size_t i = 0; i < bytes; i++)
            word[i] = (char)(w % 2 ? "etha"[draw(&counter, 4)] : '#' + (char)draw(&counter, 4));
        n = 0;
        check_ok(tokenizer_encode(t, word, bytes, &ids, &n, &capacity));
        check_ok(tokenizer_decode(t, ids, n, &text, &decoded));
        assert_int_equal(decoded, bytes);
        assert_memory_equal(text, word, bytes);
        if (w > WORDS - 100) check_ids(fresh, word, bytes, ids, n);
        mem_free(text);
    }
    mem_free(ids);
    tokenizer_free(t);
    tokenizer_free(fresh);
}

/* A word of a megabyte, alike and not alike. A method that is quadratic in the word would not come back. */
static void test_long_words(void **state) {
    (void)state;
    enum { BYTES = 1 << 20 };
    char *word = mem_new(BYTES, 1, "test"), *text;
    size_t bytes;
    uint64_t counter = 0;
    tokenizer_t *t = load(source_path("tests/golden/tokenizer_small.json"));
    for (int kind = 0; kind < 2; kind++) {
        int32_t *ids = NULL;
        int64_t n = 0, capacity = 0;
        for (int i = 0; i < BYTES; i++) word[i] = kind == 0 ? 'e' : "etha"[draw(&counter, 4)];
        check_ok(tokenizer_encode(t, word, BYTES, &ids, &n, &capacity));
        assert_true(n < BYTES);
        check_ok(tokenizer_decode(t, ids, n, &text, &bytes));
        assert_int_equal(bytes, BYTES);
        assert_memory_equal(text, word, BYTES);
        mem_free(text);
        mem_free(ids);
    }
    mem_free(word);
    tokenizer_free(t);
}

/* --- any bytes --------------------------------------------------------------------------------------------------- */

static void test_round_trip_of_random_bytes(void **state) {
    (void)state;
    enum { TEXTS = 3000, LONGEST = 300 };
    tokenizer_t *t = load(source_path("tests/golden/tokenizer_small.json"));
    uint64_t counter = 0;
    int32_t *ids = NULL;
    int64_t capacity = 0;
    for (int i = 0; i < TEXTS; i++) {
        char text[LONGEST], *back;
        size_t bytes = draw(&counter, LONGEST), back_bytes;
        int64_t n = 0;
        for (size_t k = 0; k < bytes; k++)
            text[k] = (i % 2 ? (char)draw(&counter, 256) : " the<|>\n'"[draw(&counter, 10)]);
        check_ok(tokenizer_encode(t, text, bytes, &ids, &n, &capacity));
        check_ok(tokenizer_decode(t, ids, n, &back, &back_bytes));
        assert_int_equal(back_bytes, bytes);
        assert_memory_equal(back, text, bytes);
        assert_int_equal(back[bytes], 0);
        mem_free(back);
    }
    char *text;
    size_t bytes;
    assert_int_equal(tokenizer_decode(t, (int32_t[]){1, 500}, 2, &text, &bytes), -1);
    assert_non_null(strstr(err_text(), "500 at place 1"));
    assert_int_equal(tokenizer_decode(t, (int32_t[]){-1}, 1, &text, &bytes), -1);
    mem_free(ids);
    tokenizer_free(t);
}

/* --- tokenizer.json ---------------------------------------------------------------------------------------------- */

#define PIPELINE                                                                                                       \
    "\"pre_tokenizer\":{\"type\":\"ByteLevel\",\"add_prefix_space\":false,\"trim_offsets\":true},"                     \
    "\"decoder\":{\"type\":\"ByteLevel\"}"
#define MODEL                 "\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0,\"b\":1,\"ab\":2},\"merges\":[\"a b\"]}"
#define TOKEN(id, text, more) "{\"id\":" #id ",\"content\":\"" text "\",\"normalized\":false" more "}"

#define DIGITS                "{\"type\":\"Digits\",\"individual_digits\":true}"
#define SPLIT(regex, behavior, invert)                                                                                 \
    "{\"type\":\"Split\",\"pattern\":{\"Regex\":\"" regex "\"},\"behavior\":\"" behavior "\",\"invert\":" invert "}"
#define SEQUENCE(parts) "\"pre_tokenizer\":{\"type\":\"Sequence\",\"pretokenizers\":[" parts "]}"

/* Files that differ in one thing from a good one, and what the message must say. */
static const struct {
    const char *json, *message;
} refused[] = {
    {"", "empty"},
    {"{\"model\":", "line 1"},
    {"[]", "JSON object"},
    {"{" PIPELINE "}", "this is no tokenizer.json"},
    {"{" PIPELINE "," MODEL ",\"extra\":1}", "\"extra\""},
    {"{\"version\":\"2.0\"," PIPELINE "," MODEL "}", "version 2.0"},
    {"{\"truncation\":{}," PIPELINE "," MODEL "}", "truncation"},
    {"{\"padding\":{}," PIPELINE "," MODEL "}", "padding"},
    {"{\"normalizer\":{\"type\":\"NFKC\"}," PIPELINE "," MODEL "}", "normalizer type NFKC"},
    {"{\"normalizer\":{\"type\":\"NFC\",\"x\":1}," PIPELINE "," MODEL "}", "\"x\""},
    {"{\"decoder\":{\"type\":\"ByteLevel\"}," MODEL "}", "pre_tokenizer type null"},
    {"{\"pre_tokenizer\":{\"type\":\"Metaspace\"}," MODEL "}", "replacement"},
    {"{\"pre_tokenizer\":{\"type\":\"ByteLevel\"}," MODEL "}", "add_prefix_space"},
    {"{\"pre_tokenizer\":{\"type\":\"ByteLevel\",\"add_prefix_space\":false,\"use_regex\":1}," MODEL "}", "use_regex"},
    {"{\"post_processor\":{\"type\":\"TemplateProcessing\"}," PIPELINE "," MODEL "}", "TemplateProcessing"},
    {"{\"post_processor\":{\"type\":\"Odd\"}," PIPELINE "," MODEL "}", "post_processor type Odd"},
    {"{" SEQUENCE(DIGITS) "," MODEL "}", "without ByteLevel"},
    {"{" SEQUENCE(DIGITS ",{\"type\":\"ByteLevel\",\"add_prefix_space\":true}") "," MODEL "}",
     "add_prefix_space after"},
    {"{" SEQUENCE("{\"type\":\"ByteLevel\",\"add_prefix_space\":false}," DIGITS) "," MODEL "}",
     "Digits after ByteLevel"},
    {"{" SEQUENCE(DIGITS "," DIGITS "," DIGITS "," DIGITS "," DIGITS) "," MODEL "}", "more than 4"},
    {"{" SEQUENCE(SPLIT("\\\\w+", "Isolated", "false")) "," MODEL "}", "pattern \\w+ is not supported"},
    {"{" SEQUENCE(SPLIT("x", "Removed", "false")) "," MODEL "}", "behavior Removed"},
    {"{" SEQUENCE(SPLIT("x", "MergedWithNext", "true")) "," MODEL "}", "behavior MergedWithNext and invert"},
    {"{" SEQUENCE("{\"type\":\"Split\",\"pattern\":{\"String\":\"x\"},\"behavior\":\"Isolated\"}") "," MODEL "}",
     "other than a Regex"},
    {"{\"pre_tokenizer\":{\"type\":\"ByteLevel\",\"add_prefix_space\":false},\"decoder\":null," MODEL "}",
     "decoder type null"},
    {"{" PIPELINE ",\"model\":{\"type\":\"Unigram\"}}", "model type Unigram"},
    {"{" PIPELINE ",\"model\":{\"dropout\":0.1,\"vocab\":{},\"merges\":[]}}", "dropout"},
    {"{" PIPELINE ",\"model\":{\"continuing_subword_prefix\":\"##\",\"vocab\":{},\"merges\":[]}}",
     "continuing_subword_prefix"},
    {"{" PIPELINE ",\"model\":{\"end_of_word_suffix\":\"</w>\",\"vocab\":{},\"merges\":[]}}", "end_of_word_suffix"},
    {"{" PIPELINE ",\"model\":{\"unk_token\":\"?\",\"vocab\":{},\"merges\":[]}}", "unk_token"},
    {"{" PIPELINE ",\"model\":{\"unk_token\":\"a\",\"fuse_unk\":true,\"vocab\":{\"a\":0},\"merges\":[]}}", "fuse_unk"},
    {"{" PIPELINE ",\"model\":{\"byte_fallback\":1,\"vocab\":{},\"merges\":[]}}",
     "byte_fallback is neither true nor false"},
    {"{" PIPELINE ",\"model\":{\"fuse_unk\":\"yes\",\"vocab\":{},\"merges\":[]}}", "fuse_unk is neither"},
    {"{" PIPELINE ",\"model\":{\"ignore_merges\":1.0,\"vocab\":{},\"merges\":[]}}", "ignore_merges is neither"},
    {"{" PIPELINE ",\"model\":{\"unk_token\":{},\"vocab\":{},\"merges\":[]}}", "unk_token is not a text"},
    {"{" PIPELINE ",\"model\":{\"byte_fallback\":true,\"vocab\":{},\"merges\":[]}}", "byte_fallback"},
    {"{" PIPELINE ",\"model\":{\"new\":true,\"vocab\":{},\"merges\":[]}}", "\"new\""},
    {"{" PIPELINE ",\"model\":{\"merges\":[]}}", "vocab is missing"},
    {"{" PIPELINE ",\"model\":{\"vocab\":{}}}", "merges is missing"},
    {"{" PIPELINE ",\"model\":{\"vocab\":{},\"merges\":[]}}", "empty"},
    {"{" PIPELINE ",\"model\":{\"vocab\":{\"a\":\"0\"},\"merges\":[]}}", "not an integer"},
    {"{" PIPELINE ",\"model\":{\"vocab\":{\"a\":0,\"b\":2},\"merges\":[]}}", "id 2"},
    {"{" PIPELINE ",\"model\":{\"vocab\":{\"a\":-1},\"merges\":[]}}", "id -1"},
    {"{" PIPELINE ",\"model\":{\"vocab\":{\"a\":4294967296},\"merges\":[]}}", "id 4294967296"},
    {"{" PIPELINE ",\"model\":{\"vocab\":{\"a\":0,\"b\":0},\"merges\":[]}}", "same id 0"},
    {"{" PIPELINE ",\"model\":{\"vocab\":{\"a\":0,\"a\":1},\"merges\":[]}}", "duplicate"},
    {"{" PIPELINE ",\"model\":{\"vocab\":{\"a\":0,\"\":1},\"merges\":[]}}", "empty"},
    {"{" PIPELINE ",\"model\":{\"vocab\":{\"a\":0,\"b\":1},\"merges\":[\"a b\"]}}", "merge 0: its result \"ab\""},
    {"{" PIPELINE ",\"model\":{\"vocab\":{\"a\":0,\"b\":1},\"merges\":[\"a c\"]}}", "merge 0: \"c\""},
    {"{" PIPELINE ",\"model\":{\"vocab\":{\"a\":0,\"b\":1},\"merges\":[\"ab\"]}}", "merge 0: it is neither"},
    {"{" PIPELINE ",\"model\":{\"vocab\":{\"a\":0,\"b\":1},\"merges\":[[\"a\"]]}}", "merge 0: it is neither"},
    {"{" PIPELINE ",\"model\":{\"vocab\":{\"a\":0,\"b\":1},\"merges\":[[\"a\",1]]}}", "merge 0: it holds"},
    {"{" PIPELINE ",\"model\":{\"vocab\":{\"a\":0,\"aa\":1},\"merges\":[\"a a\",\"a a\"]}}",
     "merge 1: it repeats merge 0"},
    {"{" PIPELINE "," MODEL ",\"added_tokens\":{}}", "not a list"},
    {"{" PIPELINE "," MODEL ",\"added_tokens\":[3]}", "added token 0"},
    {"{" PIPELINE "," MODEL ",\"added_tokens\":[" TOKEN(3, "", "") "]}", "no content"},
    {"{" PIPELINE "," MODEL ",\"added_tokens\":[" TOKEN(3, "x", ",\"single_word\":true") "]}", "single_word"},
    {"{" PIPELINE "," MODEL ",\"added_tokens\":[" TOKEN(4, "x", "") "," TOKEN(3, "y", "") "]}", "would give it 3"},
    {"{" PIPELINE "," MODEL ",\"added_tokens\":[" TOKEN(3, "x", ",\"odd\":true") "]}", "\"odd\""},
    {"{" PIPELINE "," MODEL ",\"added_tokens\":[" TOKEN(4, "x", "") "]}", "id 4"},
    {"{" PIPELINE "," MODEL ",\"added_tokens\":[" TOKEN(1, "x", "") "]}", "same id 1"},
    {"{" PIPELINE "," MODEL ",\"added_tokens\":[" TOKEN(3, "ab", "") "]}", "2 in vocab"},
    {"{" PIPELINE "," MODEL ",\"added_tokens\":[" TOKEN(2, "ab", "") "," TOKEN(4, "x", "") "]}", "would give it 3"},
    {"{" PIPELINE ",\"model\":{\"vocab\":{\"a\":0,\"b\":2},\"merges\":[]},\"added_tokens\":[" TOKEN(2, "b", "") "]}",
     "no token has id 1"},
    {"{" PIPELINE "," MODEL ",\"added_tokens\":[" TOKEN(3, "x", "") "," TOKEN(3, "x", "") "]}", "would give it 4"},
    {"{" PIPELINE "," MODEL ",\"added_tokens\":[{\"id\":3,\"content\":\"x\"}]}", "normalized"},
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
    tokenizer_t *t;
    assert_int_equal(tokenizer_load(source_path("tests/golden/genesis.txt"), &t), -1);
    assert_non_null(strstr(err_text(), "genesis.txt: line "));
}

static tokenizer_t *parse(const char *json) {
    tokenizer_t *t = NULL;
    check_ok(tokenizer_parse(json, strlen(json), &t));
    return t;
}

static void test_spellings(void **state) {
    (void)state;
    tokenizer_t *t = parse("{" PIPELINE "," MODEL "}");
    assert_int_equal(tokenizer_vocab(t), 3);
    assert_int_equal(tokenizer_end(t), -1);
    check_ids(t, "abba", 4, (int32_t[]){2, 1, 0}, 3);
    int32_t *ids = NULL;
    int64_t n = 0, capacity = 0;
    assert_int_equal(tokenizer_encode(t, "abc", 3, &ids, &n, &capacity), -1); // the library would drop the c in silence
    assert_non_null(strstr(err_text(), "0x63"));
    mem_free(ids);
    tokenizer_free(t);
    t = parse("{" PIPELINE
              ",\"model\":{\"unk_token\":\"\",\"vocab\":{\"a\":0,\"b\":1,\"ab\":2},\"merges\":[[\"a\",\"b\"]]}}");
    check_ids(t, "abba", 4, (int32_t[]){2, 1, 0}, 3);
    tokenizer_free(t);
}

/* An unk_token stands for each byte that the vocabulary lacks, and merges as any other; a heading of merges.txt is
 * none.
 */
static void test_unknown(void **state) {
    (void)state;
    tokenizer_t *t =
        parse("{" PIPELINE ",\"model\":{\"unk_token\":\"?\",\"fuse_unk\":false,\"vocab\":{\"a\":0,\"b\":1,\"ab\":2,"
              "\"?\":3,\"a?\":4},\"merges\":[\"#version: 0.2\",\"a b\",\"a ?\"]}}");
    check_ids(t, "abxyax", 6, (int32_t[]){2, 3, 3, 4}, 4);
    tokenizer_free(t);
}

static void test_added_tokens(void **state) {
    (void)state;
    tokenizer_t *t = parse(
        "{\"normalizer\":{\"type\":\"NFC\"}," PIPELINE "," MODEL ",\"added_tokens\":["
        "{\"id\":3,\"content\":\"bb\",\"normalized\":true}," TOKEN(4, "aab", "") "," TOKEN(
            5, "aa", "") ","
                         "{\"id\":6,\"content\":\"e\\u0301\",\"normalized\":true}," TOKEN(7, "o\\u0301", "") "," TOKEN(
                             8, "<|endoftext|>", ",\"special\":true") "," TOKEN(9, "x", "") "]}");
    assert_int_equal(tokenizer_end(t), 8);
    check_ids(t, "aaab", 4, (int32_t[]){5, 2}, 2); // leftmost before longest: aa, not a aab
    check_ids(t, "aabb", 4, (int32_t[]){4, 1}, 2); // exact before normalized: aab b, not a a bb
    check_ids(t, "bbbx", 4, (int32_t[]){3, 1, 9}, 3);
    check_ids(t, "\u00e9e\u0301", 5, (int32_t[]){6, 6}, 2);
    check_ids(t, "o\u0301", 3, (int32_t[]){7}, 1);
    check_ids(t, "a<|endoftext|><|endoftext|>b", 28, (int32_t[]){0, 8, 8, 1}, 4);
    char *text;
    size_t bytes;
    check_ok(tokenizer_decode(t, (int32_t[]){7, 8, 2}, 3, &text,
                              &bytes)); // 7 is not in the byte alphabet and stands for itself
    assert_string_equal(text, "o\u0301<|endoftext|>ab");
    mem_free(text);
    tokenizer_free(t);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_byte_alphabet),
        cmocka_unit_test(test_utf8),
        cmocka_unit_test(test_golden_k),
        cmocka_unit_test(test_samples_20b),
        cmocka_unit_test(test_samples_small),
        cmocka_unit_test(test_pretokens),
        cmocka_unit_test(test_nfc),
        cmocka_unit_test(test_nfc_of_hostile_marks),
        cmocka_unit_test(test_merges_equal_definition),
        cmocka_unit_test(test_longest_word),
        cmocka_unit_test(test_cache_tells_words_apart),
        cmocka_unit_test(test_cache_never_shows),
        cmocka_unit_test(test_long_words),
        cmocka_unit_test(test_round_trip_of_random_bytes),
        cmocka_unit_test(test_refused_files),
        cmocka_unit_test(test_spellings),
        cmocka_unit_test(test_unknown),
        cmocka_unit_test(test_added_tokens),
    };
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
