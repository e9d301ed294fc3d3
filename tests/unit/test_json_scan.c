/* The scanner of JSON lines: by the letter of RFC 8259, by hand and against jansson on many lines. */
#include "base/json_scan.h"
#include "base/rng.h"
#include "json_check.h"
#include "scratch.h"

static char buffer[1 << 16];

static int scan(const char *line, size_t bytes, const char *path, json_value_t *value) {
    json_paths_t paths = {0};
    check_ok(json_paths_add(&paths, path, strlen(path)));
    memcpy(buffer, line, bytes + 1);
    return json_scan(&paths, buffer, bytes, value);
}

static void expect(const char *line, const char *path, json_kind_t kind, const char *text, size_t bytes) {
    json_value_t value;
    check_ok(scan(line, strlen(line), path, &value));
    assert_int_equal(value.kind, kind);
    if (text == NULL) return;
    assert_int_equal(value.bytes, bytes);
    assert_memory_equal(value.text, text, bytes + 1);
}

static void test_values(void **state) {
    (void)state;
    expect("{}", "a", JSON_ABSENT, NULL, 0);
    expect(" { \"a\" : \"x\" } \r", "a", JSON_IS_TEXT, "x", 1);
    expect("{\"a\":\"\"}", "a", JSON_IS_TEXT, "", 0);
    expect("{\"b\":{\"a\":1},\"a\":null}", "a", JSON_IS_NULL, NULL, 0);
    expect("{\"a\":[{\"a\":1}],\"c\":2}", "a", JSON_IS_OTHER, NULL, 0);
    expect("{\"a\":true}", "a", JSON_IS_OTHER, NULL, 0);
    expect("{\"a\":-0}", "a", JSON_IS_INTEGER, "-0", 2); // digits stay as they are written
    expect("{\"a\":123456789012345678901234567890,\"b\":1}", "a", JSON_IS_INTEGER, "123456789012345678901234567890",
           30);
    expect("{\"a\":1.0}", "a", JSON_IS_OTHER, NULL, 0);
    expect("{\"a\":1e3}", "a", JSON_IS_OTHER, NULL, 0);
    expect("{\"a\":1e99999}", "a", JSON_IS_OTHER, NULL, 0);
    expect("{\"\\u0061\":7}", "a", JSON_IS_INTEGER, "7", 1); // keys are compared as what they mean
    expect("{\"m\":{\"n\":{\"o\":\"deep\"},\"o\":1},\"o\":2}", "m.n.o", JSON_IS_TEXT, "deep", 4);
    expect("{\"m\":{\"n\":[]},\"n\":{\"o\":1}}", "m.n.o", JSON_ABSENT, NULL, 0);
    expect("{\"m\":3}", "m.n", JSON_ABSENT, NULL, 0);
    expect("{\"b\":1,\"b\":2,\"a\":3}", "a", JSON_IS_INTEGER, "3", 1); // nobody asks for b
    expect("{\"a\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\u20AC\\uD83D\\uDE00\\u0000.\"}", "a", JSON_IS_TEXT,
           "\"\\/\b\f\n\r\t\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\0.", 19);
}

static void test_two_paths_through_one_key(void **state) {
    (void)state;
    json_paths_t paths = {0};
    json_value_t value[3];
    static char line[] = "{\"m\":{\"x\":1,\"y\":\"two\"}}";
    check_ok(json_paths_add(&paths, "m.x", 3));
    check_ok(json_paths_add(&paths, "m.y", 3));
    check_ok(json_paths_add(&paths, "m", 1));
    check_ok(json_scan(&paths, line, sizeof line - 1, value));
    assert_string_equal(value[0].text, "1");
    assert_string_equal(value[1].text, "two");
    assert_int_equal(value[2].kind, JSON_IS_OTHER);
}

static void test_refused(void **state) {
    (void)state;
    static const struct {
        const char *line, *message;
    } bad[] = {
        {"", "column 1: the line is empty"},
        {"   ", "column 4: the line is empty"},
        {"[]", "column 1: an array stands where an object belongs"},
        {"\"a\"", "a { is missing"},
        {"{", "a key in quotes is missing"},
        {"{\"a\"", "column 5: a colon is missing"},
        {"{\"a\":", "ends too soon"},
        {"{\"a\":1", "a comma or } is missing"},
        {"{\"a\":1,", "a key in quotes is missing"},
        {"{\"a\":1,}", "column 8: a key in quotes is missing"},
        {"{,\"a\":1}", "a key in quotes is missing"},
        {"{a:1}", "a key in quotes is missing"},
        {"{'a':1}", "a key in quotes is missing"},
        {"{\"a\":1}}", "column 8: text behind the object"},
        {"{\"a\":1} {}", "text behind the object"},
        {"{\"a\" 1}", "a colon is missing"},
        {"{\"a\":1 \"b\":2}", "a comma or } is missing"},
        {"{\"a\":[1,]}", "no value of JSON"},
        {"{\"a\":[1 2]}", "a comma or ] is missing"},
        {"{\"a\":[}", "no value of JSON"},
        {"{\"a\":[1}", "a comma or ] is missing"},
        {"{\"a\":01}", "a comma or } is missing"},
        {"{\"a\":-}", "a digit is missing"},
        {"{\"a\":+1}", "no value of JSON"},
        {"{\"a\":.5}", "no value of JSON"},
        {"{\"a\":1.}", "a digit is missing"},
        {"{\"a\":1e}", "a digit is missing"},
        {"{\"a\":1e+}", "a digit is missing"},
        {"{\"a\":0x1}", "a comma or } is missing"},
        {"{\"a\":NaN}", "no value of JSON"},
        {"{\"a\":Infinity}", "no value of JSON"},
        {"{\"a\":tru}", "no value of JSON"},
        {"{\"a\":nul", "no value of JSON"},
        {"{\"a\":truee}", "a comma or } is missing"},
        {"{\"a\":\"x}", "the string has no end"},
        {"{\"a\":\"x\\\"}", "the string has no end"},
        {"{\"a\":\"x\\", "the string has no end"},
        {"{\"a\":\"\\x41\"}", "column 7: an escape that JSON does not have"},
        {"{\"a\":\"\\u12\"}", "\\u needs four hexadecimal digits"},
        {"{\"a\":\"\\u12g4\"}", "\\u needs four hexadecimal digits"},
        {"{\"a\":\"\\uD800\"}", "column 7: half a surrogate pair"},
        {"{\"a\":\"\\uDC00\"}", "half a surrogate pair"},
        {"{\"a\":\"\\uD800\\u0041\"}", "half a surrogate pair"},
        {"{\"a\":\"\\uD800\\n1234\"}", "half a surrogate pair"},
        {"{\"a\":\"\\uD800\\uD800\"}", "half a surrogate pair"},
        {"{\"a\":\"tab\there\"}", "column 10: a control character"},
        {"{\"a\":\"\x1f\"}", "a control character"},
        {"{\"a\":\"\x80\"}", "bytes that are not UTF-8"},         // a continuation
        {"{\"a\":\"\xc0\xaf\"}", "bytes that are not UTF-8"},     // overlong
        {"{\"a\":\"\xe0\x80\xaf\"}", "bytes that are not UTF-8"}, // overlong
        {"{\"a\":\"\xed\xa0\x80\"}", "bytes that are not UTF-8"}, // a surrogate
        {"{\"a\":\"\xf0\x80\x80\xaf\"}", "bytes that are not UTF-8"},
        {"{\"a\":\"\xf4\x90\x80\x80\"}", "bytes that are not UTF-8"}, // beyond U+10FFFF
        {"{\"a\":\"\xe2\x82\"}", "bytes that are not UTF-8"},         // cut
        {"{\"a\":\"\xff\"}", "bytes that are not UTF-8"},
        {"{\"b\":\"\xff\"}", "bytes that are not UTF-8"}, // also where nobody looks
        {"{\"\xff\":1}", "bytes that are not UTF-8"},
        {"\xef\xbb\xbf{}", "a { is missing"},
        {"{\"a\":1,\"a\":2}", "column 8: a duplicate"},
        {"{\"a\":1,\"\\u0061\":2}", "a duplicate"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        json_value_t value;
        if (scan(bad[i].line, strlen(bad[i].line), "a", &value) == 0) fail_msg("accepted: %s", bad[i].line);
        if (strstr(err_text(), bad[i].message) == NULL) fail_msg("%s says: %s", bad[i].line, err_text());
    }
    json_value_t value;
    check_fails(scan("{\"a\":\"x\0y\"}", 11, "a", &value), "a control character");
    check_fails(scan("{\"a\":1}\0", 8, "a", &value), "text behind the object");
    check_fails(scan("{\"m\":{\"n\":1},\"m\":{}}", 20, "m.n", &value), "a duplicate");
    check_fails(scan("{\"m\":{\"n\":1,\"n\":1}}", 19, "m.n", &value), "a duplicate");
    check_ok(scan("{\"n\":{\"n\":1,\"n\":1}}", 19, "m.n", &value));
}

static void test_depth(void **state) {
    (void)state;
    for (int deep = JSON_DEPTH - 1; deep <= JSON_DEPTH + 1; deep++) {
        char line[3 * JSON_DEPTH] = "{\"a\":";
        size_t n = 5;
        for (int i = 1; i < deep; i++) line[n++] = '[';
        for (int i = 1; i < deep; i++) line[n++] = ']';
        line[n++] = '}';
        json_value_t value;
        if (deep <= JSON_DEPTH)
            check_ok(scan(line, n, "a", &value));
        else
            check_fails(scan(line, n, "a", &value), "too deep");
    }
}

/* One beside the other they may be many. */
static void test_many_beside_each_other(void **state) {
    (void)state;
    char line[12 * JSON_DEPTH] = "{\"a\":[[]";
    size_t n = 8;
    for (int i = 0; i <= JSON_DEPTH; i++) n += (size_t)sprintf(line + n, ",[],{}");
    n += (size_t)sprintf(line + n, "]}");
    json_value_t value;
    check_ok(scan(line, n, "a", &value));
}

static void test_paths(void **state) {
    (void)state;
    json_paths_t paths = {0};
    check_fails(json_paths_add(&paths, "", 0), "empty");
    check_fails(json_paths_add(&paths, "a.", 2), "empty");
    check_fails(json_paths_add(&paths, ".a", 2), "empty");
    check_fails(json_paths_add(&paths, "a..b", 4), "empty");
    check_fails(json_paths_add(&paths, "a.b.c.d.e.f.g.h.i", 17), "inside each other");
    for (int i = 0; i < JSON_PATHS; i++) check_ok(json_paths_add(&paths, "a.b.c.d.e.f.g.h", 15));
    check_fails(json_paths_add(&paths, "a", 1), "names of fields");
    static char line[] = "{\"a\":{\"b\":{\"c\":{\"d\":{\"e\":{\"f\":{\"g\":{\"h\":{\"i\":0}}}}}}}}}";
    json_value_t value[JSON_PATHS];
    check_ok(json_scan(&paths, line, sizeof line - 1, value));
    assert_int_equal(value[JSON_PATHS - 1].kind, JSON_IS_OTHER);
}

/* --- against jansson --------------------------------------------------------------------------------------------- */

static int compare(const char *line, size_t bytes) {
    int verdict = json_check(line, bytes);
    if (verdict < 0) fail_msg("%s: %.*s", err_text(), (int)bytes, line);
    return verdict;
}

/* Something that is not plain at every distance from the borders of blocks and words, before and behind an escape. */
static void test_places(void **state) {
    (void)state;
    static const char *const special[] = {"\\n",  "\"",   "\xc3\xa9", "\xf0\x9f\x98\x80", "\\ud83d\\ude00", "\t",
                                          "\xff", "\x7f", "\\",       "\\u00e",           "\xe2\x82"};
    char line[600], letters[300];
    int taken = 0;
    for (size_t i = 0; i < sizeof letters; i++) letters[i] = (char)('g' + i % 20); // no digits of \u
    for (int before = 0; before < 140; before++) {
        for (size_t i = 0; i < sizeof special / sizeof *special; i++) {
            for (int escaped = 0; escaped < 2; escaped++) {
                int n = snprintf(line, sizeof line, "{\"text\":\"%s%.*s%s%.*s\",\"id\":1}", escaped ? "\\\\" : "",
                                 before, letters, special[i], before % 19, letters);
                taken += compare(line, (size_t)n);
            }
        }
    }
    assert_int_equal(taken, 140 * 2 * 5);
}

static const char *const seeds[] = {
    "{\"id\":\"a/1\",\"text\":\"one two three four five six seven eight\",\"source\":\"books\"}",
    "{\"text\":\"two\\nlines \\u00e9\\ud83d\\ude00\\\"\",\"meta\":{\"pile_set_name\":\"ArXiv\",\"n\":1.5e-3}}",
    "{\"text\":\"\xd0\xbf\xd1\x80\xd0\xb8 \xe4\xbd\xa0\xe5\xa5\xbd \xf0\x9f\x98\x80\",\"id\":-7}",
    " { \"meta\" : { \"a\" : { \"b\" : [ 1 , true , null , { } ] } } , \"text\" : \"\" } ",
    "{\"text\":\"x\",\"other\":[[[]],{\"text\":{\"text\":[0,-0,1E+2,0.0]}}],\"id\":9223372036854775807}",
    "{\"\":\"\",\"t\\u0065xt\":\"escaped key\",\"id\":null,\"source\":false}",
};
static const char *const pieces[] = {
    "\"",   "\\",        "\\u",     "\\ud83d", "\\ude00",      "{",    "}",  "[", "]", ",", ":",
    "\xff", "\xc3",      "\xe2",    "\x80",    "\xed\xa0\x80", "\x00", "\n", "0", "-", ".", "e",
    "null", "\"text\":", "\"id\":", "\\u0000", "\"meta\":{"};

static uint64_t drawn;
static size_t draw(size_t bound) {
    return (size_t)rng_below(11, RNG_TEST, drawn++, (int64_t)bound);
}

static size_t mutate(char *line, size_t n) {
    size_t at = draw(n + 1), piece = draw(sizeof pieces / sizeof *pieces), length = draw(9);
    if (length > n - at) length = n - at;
    switch (draw(4)) {
    case 0: // another byte
        if (at < n) line[at] = (char)draw(256);
        return n;
    case 1: // some bytes less
        memmove(line + at, line + at + length, n - at - length);
        return n - length;
    case 2: // some bytes twice
        memmove(line + at + length, line + at, n - at);
        return n + length;
    default: { // a piece of JSON
        size_t bytes = pieces[piece][0] == '\0' ? 1 : strlen(pieces[piece]);
        memmove(line + at + bytes, line + at, n - at);
        memcpy(line + at, pieces[piece], bytes);
        return n + bytes;
    }
    }
}

static void test_mutated_lines(void **state) {
    (void)state;
    enum { LINES = 200000 };
    int taken = 0;
    for (int i = 0; i < LINES; i++) {
        char line[400];
        const char *seed = seeds[draw(sizeof seeds / sizeof *seeds)];
        size_t n = strlen(seed);
        memcpy(line, seed, n);
        for (size_t times = 1 + draw(3); times > 0; times--) n = mutate(line, n);
        taken += compare(line, n);
    }
    assert_in_range(taken, LINES / 10, LINES / 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_two_paths_through_one_key),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_depth),
        cmocka_unit_test(test_many_beside_each_other),
        cmocka_unit_test(test_paths),
        cmocka_unit_test(test_places),
        cmocka_unit_test(test_mutated_lines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
