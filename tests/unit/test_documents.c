/* Documents of JSON lines and of text: what is read, and that each damage is named with its file and line. */
#include "base/zio.h"
#include "scratch.h"
#include "text/documents.h"
#include <unistd.h>

static inputs_t inputs; // of the reader last opened

static documents_t *open_by(const char *path, const char *format, const input_rules_t *rules) {
    documents_t *reader = NULL;
    inputs_free(&inputs);
    check_ok(inputs_open_file(path, format, rules, &inputs));
    check_ok(documents_open(&inputs.input[0], &reader));
    return reader;
}

static documents_t *open_file(const char *path, const char *format) {
    input_rules_t rules = input_rules_default();
    return open_by(path, format, &rules);
}

static documents_t *open_text(const char *text, size_t bytes) {
    check_ok(file_write(scratch("some.jsonl"), text, bytes));
    return open_file(scratch("some.jsonl"), NULL);
}

static void check_next(documents_t *reader, const char *id, const char *source, const char *text, size_t bytes) {
    document_t d;
    if (documents_next(reader, &d) != 1) fail_msg("%s", err_text());
    assert_string_equal(d.id, id);
    assert_string_equal(d.source, source);
    assert_int_equal(d.bytes, bytes);
    assert_memory_equal(d.text, text, bytes);
    assert_int_equal(d.text[bytes], 0);
}

static void check_end(documents_t *reader) {
    document_t d;
    assert_int_equal(documents_next(reader, &d), 0);
    documents_close(reader);
}

static void test_fields(void **state) {
    (void)state;
    static const char lines[] =
        "\xef\xbb\xbf{\"id\":\"a/1\",\"text\":\"one\",\"source\":\"books\"}\n"
        "{\"text\":\"two\",\"meta\":{\"pile_set_name\":\"ArXiv\",\"n\":1.5}}\r\n"
        "{\"text\":\"a\\u0000b\\n\\ud83d\\ude00\",\"id\":-7,\"meta\":[],\"added\":[1,{\"text\":2}]}\n"
        "  {\"text\":\"\",\"id\":null,\"source\":null}  \n"
        "{\"source\":\"x\",\"meta\":{\"pile_set_name\":\"y\"},\"text\":\"\xc3\xa9\",\"id\":9007199254740993}";
    documents_t *reader = open_text(lines, sizeof lines - 1);
    check_next(reader, "a/1", "books", "one", 3);
    check_next(reader, "some.jsonl@46", "ArXiv", "two", 3);
    check_next(reader, "-7", "", "a\0b\n\xf0\x9f\x98\x80", 8);
    check_next(reader, "some.jsonl@178", "", "", 0);
    check_next(reader, "9007199254740993", "x", "\xc3\xa9", 2);
    check_end(reader);
}

static void test_empty_file(void **state) {
    (void)state;
    check_end(open_text("", 0));
}

static void test_compressed(void **state) {
    (void)state;
    zout_t *out;
    documents_t *reader;
    char name[600];
    snprintf(name, sizeof name, "%s.zst", scratch("some.jsonl"));
    check_ok(zout_open(name, 3, &out));
    for (int i = 0; i < 1000; i++) {
        char line[64];
        check_ok(
            zout_write(out, line, (size_t)snprintf(line, sizeof line, "{\"id\":%d,\"text\":\"text %d\"}\n", i, i)));
    }
    check_ok(zout_commit(out));
    reader = open_file(name, NULL);
    for (int i = 0; i < 1000; i++) {
        char id[16], text[32];
        snprintf(id, sizeof id, "%d", i);
        snprintf(text, sizeof text, "text %d", i);
        check_next(reader, id, "", text, strlen(text));
    }
    check_end(reader);
}

/* A long line: longer than any buffer of the reader. */
static void test_long_line(void **state) {
    (void)state;
    enum { BYTES = 5 << 20 };
    char *line = mem_new(BYTES + 16, 1, "test");
    memcpy(line, "{\"text\":\"", 9);
    memset(line + 9, 'x', BYTES);
    memcpy(line + 9 + BYTES, "\"}\n", 3);
    documents_t *reader = open_text(line, 9 + BYTES + 3);
    document_t d;
    assert_int_equal(documents_next(reader, &d), 1);
    assert_int_equal(d.bytes, BYTES);
    assert_memory_equal(d.text, line + 9, BYTES);
    check_end(reader);
    mem_free(line);
}

static void test_damage(void **state) {
    (void)state;
    static const struct {
        const char *line, *message;
    } bad[] = {
        {"", "not a JSON object"},
        {"[1]", "not a JSON object"},
        {"\"text\"", "not a JSON object"},
        {"{\"text\":\"a\"", "not a JSON object"},
        {"{\"text\":\"a\"} x", "column 14: text behind the object"},
        {"\xef\xbb\xbf{\"text\":\"a\"}", "not a JSON object"}, // a byte order mark inside a file
        {"{\"id\":\"a\"}", "there is no \"text\""},
        {"{\"text\":1}", "\"text\" is not text"},
        {"{\"text\":null}", "there is no \"text\""},
        {"{\"text\":\"a\",\"text\":\"b\"}", "duplicate"},
        {"{\"text\":\"a\",\"id\":\"1\",\"id\":\"2\"}", "duplicate"},
        {"{\"text\":\"\xff\"}", "column 10: bytes that are not UTF-8"},
        {"{\"text\":\"\xed\xa0\x80\"}", "column 10: bytes that are not UTF-8"},
        {"{\"text\":\"\\ud800\"}", "column 10: half a surrogate pair"},
        {"{\"text\":\"a\",\"n\":NaN}", "no value of JSON"},
        {"{\"text\":\"a\",\"id\":1.5}", "\"id\" is neither text nor an integer"},
        {"{\"text\":\"a\",\"id\":\"\"}", "\"id\" is empty"},
        {"{\"text\":\"a\",\"id\":\"x\\u0000y\"}", "\"id\" holds a NUL"},
        {"{\"text\":\"a\",\"source\":[]}", "\"source\" is not text"},
        {"{\"text\":\"a\",\"meta\":{\"pile_set_name\":3}}", "meta.pile_set_name"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char text[512], where[600];
        document_t d;
        size_t n = (size_t)snprintf(text, sizeof text, "{\"text\":\"fine\"}\n%s\n", bad[i].line);
        documents_t *reader = open_text(text, n);
        assert_int_equal(documents_next(reader, &d), 1);
        if (documents_next(reader, &d) != -1) fail_msg("accepted: %s", bad[i].line);
        snprintf(where, sizeof where, "%s:2: ", scratch("some.jsonl"));
        if (!strstr(err_text(), bad[i].message) || strncmp(err_text(), where, strlen(where)) != 0) {
            fail_msg("%s\nsays: %s", bad[i].line, err_text());
        }
        documents_close(reader);
    }
}

/* Lists inside lists, as deep as a line is long, must not exhaust the stack. */
static void test_deep_nesting(void **state) {
    (void)state;
    enum { DEPTH = 1 << 20 };
    char *line = mem_new(DEPTH + 32, 1, "test");
    document_t d;
    memcpy(line, "{\"text\":\"a\",\"x\":", 16);
    memset(line + 16, '[', DEPTH);
    documents_t *reader = open_text(line, 16 + DEPTH);
    assert_int_equal(documents_next(reader, &d), -1);
    assert_non_null(strstr(err_text(), "too deep"));
    documents_close(reader);
    mem_free(line);
}

static void test_field_names(void **state) {
    (void)state;
    static const char lines[] = "{\"content\":\"one\",\"metadata\":{\"url\":\"u1\",\"set\":\"web\"}}\n"
                                "{\"content\":null,\"body\":\"two\",\"name\":3,\"text\":4,\"id\":[]}\n"
                                "{\"body\":\"three\",\"content\":\"four\",\"metadata\":{\"url\":null}}\n"
                                "{\"body\":\"five\",\"metadata\":{\"url\":[]}}\n";
    input_rules_t rules = {"content | body", "metadata.url|name", " metadata.set ", 1000};
    check_ok(file_write(scratch("some.jsonl"), lines, sizeof lines - 1));
    documents_t *reader = open_by(scratch("some.jsonl"), NULL, &rules);
    document_t d;
    check_next(reader, "u1", "web", "one", 3);
    check_next(reader, "3", "", "two", 3);
    check_next(reader, "some.jsonl@110", "", "four", 4);
    check_fails(documents_next(reader, &d), "some.jsonl:4: \"metadata.url\" is neither text nor an integer");
    documents_close(reader);
    reader = open_by(scratch_write("none.jsonl", "{\"text\":\"a\"}"), NULL, &rules);
    check_fails(documents_next(reader, &d), "none.jsonl:1: there is no \"content | body\"");
    documents_close(reader);
}

/* What the list says is for documents that do not say it themselves. */
static void test_source_of_the_list(void **state) {
    (void)state;
    static const char *const formats_of[] = {"jsonl", "text"};
    const char *path = scratch_write(
        "s.jsonl", "{\"text\":\"a\",\"source\":\"own\"}\n{\"text\":\"b\",\"source\":\"\"}\n{\"text\":\"c\"}\n");
    for (int i = 0; i < 2; i++) {
        char list[600];
        document_t d;
        documents_t *reader;
        input_rules_t rules = input_rules_default();
        snprintf(list, sizeof list, "%s:%s:source=ours", formats_of[i], path);
        inputs_free(&inputs);
        check_ok(inputs_open(list, &rules, "here", &inputs));
        check_ok(documents_open(&inputs.input[0], &reader));
        for (int n = 0; n < (i == 0 ? 3 : 1); n++) {
            assert_int_equal(documents_next(reader, &d), 1);
            assert_string_equal(d.source, i == 0 && n == 0 ? "own" : "ours");
        }
        check_end(reader);
    }
}

/* --- text -------------------------------------------------------------------------------------------------------- */

static documents_t *open_plain(const char *text, size_t bytes, int by_line) {
    char list[600];
    documents_t *reader;
    input_rules_t rules = input_rules_default();
    check_ok(file_write(scratch("t.txt"), text, bytes));
    snprintf(list, sizeof list, "text:%s%s", scratch("t.txt"), by_line ? ":split=line" : "");
    inputs_free(&inputs);
    check_ok(inputs_open(list, &rules, "here", &inputs));
    check_ok(documents_open(&inputs.input[0], &reader));
    return reader;
}

static void test_text_by_file(void **state) {
    (void)state;
    static const char *const texts[] = {"", "one", "a\r\n\r\nb\n", "\xff\xfe not UTF-8\n", "\n"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        documents_t *reader = open_plain(texts[i], strlen(texts[i]), 0);
        check_next(reader, "t.txt", "", texts[i], strlen(texts[i]));
        check_end(reader);
    }
    documents_t *reader = open_plain("\xef\xbb\xbfone\0two\xef\xbb\xbf", 13, 0);
    check_next(reader, "t.txt", "", "one\0two\xef\xbb\xbf", 10);
    document_t d;
    assert_int_equal(documents_next(reader, &d), 0);
    check_ok(documents_range(reader, 0, 1)); // once more
    check_next(reader, "t.txt", "", "one\0two\xef\xbb\xbf", 10);
    check_ok(documents_range(reader, 1, 2));
    check_end(reader);
}

static void test_text_by_line(void **state) {
    (void)state;
    static const char text[] = "\xef\xbb\xbfone\n\r\n\ntwo\r\r\n\xef\xbb\xbfthree\xff\0\nlast\r";
    documents_t *reader = open_plain(text, sizeof text - 1, 1);
    check_next(reader, "t.txt@0", "", "one", 3);
    check_next(reader, "t.txt@7", "", "", 0);
    check_next(reader, "t.txt@9", "", "", 0);
    check_next(reader, "t.txt@10", "", "two\r", 4);
    check_next(reader, "t.txt@16", "", "\xef\xbb\xbfthree\xff\0", 10);
    check_next(reader, "t.txt@27", "", "last\r", 5); // no CRLF
    check_end(reader);
    check_end(open_plain("", 0, 1));
    reader = open_plain("\xef\xbb\xbf", 3, 1);
    check_next(reader, "t.txt@0", "", "", 0);
    check_end(reader);
}

/* --- both -------------------------------------------------------------------------------------------------------- */

static void test_limit(void **state) {
    (void)state;
    input_rules_t rules = input_rules_default();
    document_t d;
    rules.document_limit = 12;
    documents_t *reader = open_by(scratch_write("l.jsonl", "{\"text\":\"a\"}\n{\"text\":\"ab\"}\n"), NULL, &rules);
    check_next(reader, "l.jsonl@0", "", "a", 1);
    check_fails(documents_next(reader, &d), "l.jsonl:2: longer than 12 bytes; raise [run] memory");
    documents_close(reader);
    reader = open_by(scratch_write("l.txt", "twelve bytes"), NULL, &rules);
    check_next(reader, "l.txt", "", "twelve bytes", 12);
    check_end(reader);
    reader = open_by(scratch_write("l.txt", "thirteen byte"), NULL, &rules);
    check_fails(documents_next(reader, &d), "longer than 12 bytes; raise [run] memory");
    documents_close(reader);
}

/* In the middle of a file too, messages name the line. */
static void test_line_of_an_error_in_a_range(void **state) {
    (void)state;
    static const char text[] = "{\"text\":\"1\"}\n{\"text\":\"2\"}\n{\"text\":\"3\"}\n{\"text\":4}\n";
    static const char *const names[] = {"r.jsonl", "r.jsonl.zst"};
    document_t d;
    zout_t *out;
    check_ok(file_write(scratch(names[0]), text, sizeof text - 1));
    check_ok(zout_open(scratch(names[1]), 3, &out));
    check_ok(zout_write(out, text, sizeof text - 1));
    check_ok(zout_commit(out));
    for (int i = 0; i < 2; i++) {
        char message[100];
        documents_t *reader = open_file(scratch(names[i]), NULL);
        check_ok(documents_range(reader, 20, 100));
        snprintf(message, sizeof message, "%s@26", names[i]);
        check_next(reader, message, "", "3", 1);
        snprintf(message, sizeof message, "%s:4: \"text\" is not text", names[i]);
        check_fails(documents_next(reader, &d), message);
        documents_close(reader);
    }
}

static void test_a_file_that_shrinks(void **state) {
    (void)state;
    document_t d;
    documents_t *reader;
    documents_close(open_text("{\"text\":\"1\"}\n{\"text\":\"2\"}\n", 26));
    assert_int_equal(truncate(scratch("some.jsonl"), 13), 0);
    check_ok(documents_open(&inputs.input[0], &reader));
    check_next(reader, "some.jsonl@0", "", "1", 1);
    check_fails(documents_next(reader, &d), "some.jsonl: ends after 13 bytes of text where there were 26");
    documents_close(reader);
}

static void test_missing_file(void **state) {
    (void)state;
    input_rules_t rules = input_rules_default();
    inputs_t none;
    check_fails(inputs_open_file("/no/such/file.jsonl", NULL, &rules, &none), "/no/such/file.jsonl");
    documents_close(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fields),
        cmocka_unit_test(test_empty_file),
        cmocka_unit_test(test_compressed),
        cmocka_unit_test(test_long_line),
        cmocka_unit_test(test_damage),
        cmocka_unit_test(test_deep_nesting),
        cmocka_unit_test(test_field_names),
        cmocka_unit_test(test_source_of_the_list),
        cmocka_unit_test(test_text_by_file),
        cmocka_unit_test(test_text_by_line),
        cmocka_unit_test(test_limit),
        cmocka_unit_test(test_line_of_an_error_in_a_range),
        cmocka_unit_test(test_a_file_that_shrinks),
        cmocka_unit_test(test_missing_file),
    };
    int rc = cmocka_run_group_tests(tests, scratch_make, scratch_remove);
    inputs_free(&inputs);
    return rc;
}
