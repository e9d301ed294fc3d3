/* The list of [corpus] documents: patterns, formats, options, names; and the cut into parts: whatever the cut, the
 * documents of all parts are those of the whole. */
#include "base/rng.h"
#include "base/zio.h"
#include "packed.h"
#include "text/documents.h"
#include "text/format.h"
#include <unistd.h>

static uint64_t drawn;
static int64_t draw(int64_t bound) {
    return rng_below(7, RNG_TEST, drawn++, bound);
}

static int open_list(const char *list, inputs_t *inputs) {
    input_rules_t rules = input_rules_default();
    return inputs_open(list, &rules, "here", inputs);
}

/* Opens entries whose paths lie in the scratch folder: every % of the list stands for it. */
static int open_here(const char *list, inputs_t *inputs) {
    char text[4000] = "";
    for (size_t n = 0; *list != '\0'; list++) {
        n += (size_t)snprintf(text + n, sizeof text - n, *list == '%' ? "%s" : "%.1s",
                              *list == '%' ? scratch_dir : list);
    }
    return open_list(text, inputs);
}

static void expect_names(const char *list, int count, const char *const *names) {
    inputs_t inputs;
    check_ok(open_here(list, &inputs));
    assert_int_equal(inputs.count, count);
    for (int i = 0; i < count; i++) assert_string_equal(inputs.input[i].name, names[i]);
    inputs_free(&inputs);
}

static void refuse(const char *list, const char *message) {
    inputs_t inputs;
    check_fails(open_here(list, &inputs), message);
    assert_int_equal(strncmp(err_text(), "here: ", 6), 0);
    assert_int_equal(inputs.count, 0);
    inputs_free(&inputs);
}

static int make_files(void **state) {
    if (scratch_make(state) != 0) return -1;
    static const char *const folders[] = {"a", "a/deep", "b", "odd", "mixed"};
    for (int i = 0; i < 5; i++) check_ok(dir_make(scratch(folders[i])));
    static const char *const files[] = {"a/2.jsonl",     "a/10.jsonl",  "a/deep/1.json.gz",
                                        "b/1.jsonl",     "b/2.txt",     "b/x.dat",
                                        "odd/a,b:c.txt", "odd/[x].txt", "odd/back\\slash.txt"};
    for (int i = 0; i < 9; i++) write_bytes(scratch(files[i]), "", 0);
    append_gzip(scratch("a/deep/1.json.gz"), "", 0);
    return 0;
}

static void test_names(void **state) {
    (void)state;
    expect_names("%/a/2.jsonl", 1, (const char *[]){"2.jsonl"});
    expect_names("%/a/*.jsonl", 2, (const char *[]){"10.jsonl", "2.jsonl"});
    expect_names(" %/b/*.jsonl , %/a/*.jsonl ", 3, (const char *[]){"b/1.jsonl", "a/10.jsonl", "a/2.jsonl"});
    expect_names("%/a/2.jsonl,%//a/./deep/*", 2, (const char *[]){"2.jsonl", "deep/1.json.gz"});
    expect_names("%/a/2.jsonl,%/a/10.jsonl", 2, (const char *[]){"2.jsonl", "10.jsonl"});
}

/* Names are the same from wherever memprobe is started. */
static void test_relative_paths(void **state) {
    (void)state;
    char *before = getcwd(NULL, 0);
    assert_int_equal(chdir(scratch_dir), 0);
    expect_names("a/2.jsonl", 1, (const char *[]){"2.jsonl"});
    expect_names("./a/2.jsonl,%/b/1.jsonl,b/2.txt", 3, (const char *[]){"a/2.jsonl", "b/1.jsonl", "b/2.txt"});
    refuse("a/2.jsonl,%/a/2.jsonl", "/a/2.jsonl is matched by two entries");
    assert_int_equal(chdir(before), 0);
    free(before);
}

static void test_odd_names(void **state) {
    (void)state;
    expect_names("%/odd/a\\,b\\:c.txt", 1, (const char *[]){"a,b:c.txt"});
    expect_names("%/odd/a\\,b\\:*", 0 + 1, (const char *[]){"a,b:c.txt"});
    expect_names("%/odd/\\[x].txt", 1, (const char *[]){"[x].txt"});
    expect_names("%/odd/\\[*", 1, (const char *[]){"[x].txt"});
    expect_names("%/odd/back\\\\slash.txt", 1, (const char *[]){"back\\slash.txt"});
    expect_names("%/odd/back\\\\sl*", 1, (const char *[]){"back\\slash.txt"});
}

static void test_formats(void **state) {
    (void)state;
    inputs_t inputs;
    check_ok(
        open_here("%/a/*.jsonl,%/b/*.txt,text:%/b/1.jsonl:split=line:source=books\\: old,text:%/b/x.dat", &inputs));
    assert_int_equal(inputs.count, 5);
    assert_ptr_equal(inputs.input[0].format, &format_jsonl);
    assert_ptr_equal(inputs.input[2].format, &format_text);
    assert_ptr_equal(inputs.input[3].format, &format_text);
    assert_int_equal(inputs.input[2].by_line, 0);
    assert_int_equal(inputs.input[3].by_line, 1);
    assert_string_equal(inputs.input[3].source, "books: old");
    assert_string_equal(inputs.input[4].source, "");
    inputs_free(&inputs);
    append_zstd(scratch("packed"), "", 0);
    check_ok(open_here("%/a/deep/*,text:%/packed", &inputs)); // a packed file need not be called so
    assert_ptr_equal(inputs.input[0].format, &format_jsonl);
    assert_int_equal(inputs.input[0].packing, PACKED_GZIP);
    assert_int_equal(inputs.input[1].packing, PACKED_ZSTD);
    inputs_free(&inputs);
}

static void test_refused(void **state) {
    (void)state;
    refuse("%/b/x.dat", "put it before the path, as in jsonl:");
    refuse("%/b/*.none", "/b/*.none matches no file");
    refuse("%/b/none", "/b/none: no such file");
    refuse("%/a/*.jsonl,%/a/1*", "/a/10.jsonl is matched by two entries");
    refuse("%/a", "/a: is a folder; name its files");
    refuse("%/a/*", "/a/deep: is a folder");
    refuse("parquet:%/b/*", "there is no format 'parquet'; there are jsonl, text");
    refuse("", "an entry without a file");
    refuse("%/a/*.jsonl,,%/b/*", "an entry without a file");
    refuse("text:", "an entry without a file");
    refuse("text:%/b/2.txt:split=word", "'split=word': split is line or file");
    refuse("text:%/b/2.txt:split=line:split=file", "/b/2.txt: 'split=line' and 'split=file': give one of them");
    refuse("text:%/b/2.txt:source=a:split=line:source=b", "'source=a' and 'source=b': give one of them");
    refuse("tokens:%/b/2.txt:u16:end=0:u32", "'u16' and 'u32': give one of them");
    refuse("text:%/b/2.txt:lines", "'lines' is no option of text");
    refuse("jsonl:%/b/1.jsonl:split=line", "'split=line' is no option of jsonl");
    write_bytes(scratch("c.txt.gz"), "", 0);
    refuse("%/c.txt.gz", "/c.txt.gz: does not begin as gzip does: it is empty, cut off, or not compressed; fetch it");
    write_bytes(scratch("c.jsonl.zst"), "\x28\xB5\x2F", 3);
    refuse("%/c.jsonl.zst", "/c.jsonl.zst: does not begin as zstd does");
    write_bytes(scratch("c.txt.gz"), "\x28\xB5\x2F\xFD", 4); // packed, but otherwise
    refuse("%/c.txt.gz", "/c.txt.gz: does not begin as gzip does");
    input_rules_t rules = input_rules_default();
    inputs_t inputs;
    rules.text_field = "a | | b";
    check_fails(inputs_open_file(scratch("b/1.jsonl"), NULL, &rules, &inputs), "[corpus] text_field: ");
    rules = input_rules_default();
    check_fails(inputs_open_file(scratch("b/1.jsonl"), "xml", &rules, &inputs), "there is no format 'xml'");
    check_fails(inputs_open_file(scratch("b/*.jsonl"), NULL, &rules, &inputs), "b/*.jsonl"); // no pattern
}

static void test_measure(void **state) {
    (void)state;
    const char *const path[3] = {scratch("mixed/m.jsonl"), scratch("mixed/m.jsonl.zst"), scratch("mixed/m.jsonl.gz")};
    char text[5000];
    memset(text, ' ', sizeof text);
    write_packings(path, text, sizeof text);
    inputs_t inputs;
    check_ok(open_here("%/mixed/m*", &inputs));
    for (int i = 0; i < 3; i++) {
        int64_t size, disk;
        check_ok(file_size(inputs.input[i].path, &disk));
        assert_int_equal(inputs.input[i].bytes, disk);
        assert_int_equal(inputs.input[i].size, i == 0 ? 5000 : -1);
        check_ok(input_measure(&inputs.input[i], &size));
        assert_int_equal(size, 5000);
    }
    part_t *parts;
    int64_t n;
    check_fails(inputs_cut(&inputs, 0, &parts, &n), "its size is not known");
    inputs_free(&inputs);
}

/* --- parts ------------------------------------------------------------------------------------------------------- */

/* Parts follow each other, cover everything once, and none is much larger than asked for. */
static void check_cut(const inputs_t *inputs, int64_t part_bytes) {
    part_t *parts;
    int64_t n, input = 0, at = 0;
    check_ok(inputs_cut(inputs, part_bytes, &parts, &n));
    for (int64_t p = 0; p < n; p++) {
        assert_int_equal(parts[p].input, input);
        if (parts[p].inputs > 1) {
            int64_t bytes = 0;
            assert_int_equal(at, 0);
            for (int64_t i = 0; i < parts[p].inputs; i++) bytes += inputs->input[input + i].size;
            assert_true(bytes <= part_bytes);
            input += parts[p].inputs;
            continue;
        }
        assert_int_equal(parts[p].inputs, 1);
        assert_int_equal(parts[p].first, at);
        assert_true(parts[p].last - parts[p].first <= part_bytes);
        at = parts[p].last;
        if (at < inputs->input[input].size) {
            assert_true(parts[p].last > parts[p].first);
            continue;
        }
        assert_int_equal(at, inputs->input[input].size);
        at = 0;
        input++;
    }
    assert_int_equal(input, inputs->count);
    mem_free(parts);
}

static void test_cut(void **state) {
    (void)state;
    input_t input[20] = {0};
    for (int round = 0; round < 2000; round++) {
        inputs_t inputs = {.count = 1 + draw(20), .input = input};
        for (int i = 0; i < 20; i++) {
            input[i].size = draw(3) == 0 ? 0 : draw(draw(2) == 0 ? 10 : 1000);
            input[i].unit_bytes = 1;
        }
        check_cut(&inputs, 1 + draw(draw(2) == 0 ? 20 : 2000));
    }
}

static void test_cut_by_default(void **state) {
    (void)state;
    static const struct {
        int64_t size, unit_bytes, parts;
    } cases[] = {
        {0, 1, 1},
        {16 << 20, 1, 1},
        {(16 << 20) + 1, 1, 2},       // at least 16 MiB
        {(int64_t)64 << 30, 1, 1024}, // a 1024th
        {(int64_t)4 << 40, 1, 4096},  // at most 1 GiB
        {1, (int64_t)64 << 30, 1},    // one large unit
        {(int64_t)32 << 30, 2, 1024}, // units of several bytes
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        input_t input = {.size = cases[i].size, .unit_bytes = cases[i].unit_bytes};
        inputs_t inputs = {.count = 1, .input = &input};
        part_t *parts;
        int64_t n;
        check_ok(inputs_cut(&inputs, 0, &parts, &n));
        assert_int_equal(n, cases[i].parts);
        mem_free(parts);
    }
    input_t input = {.path = "huge", .size = INT64_MAX / 2, .unit_bytes = 4};
    inputs_t inputs = {.count = 1, .input = &input};
    part_t *parts;
    int64_t n;
    check_fails(inputs_cut(&inputs, 0, &parts, &n), "huge: larger than any file can be");
}

/* --- documents of parts ------------------------------------------------------------------------------------------ */

static size_t make_lines(char *text, int as_json) {
    size_t n = 0;
    for (int64_t lines = draw(30); lines > 0; lines--) {
        if (as_json) n += (size_t)sprintf(text + n, "{\"text\": \"%lld", (long long)lines);
        for (int64_t i = draw(5) == 0 ? 0 : draw(60); i > 0; i--) text[n++] = (char)('a' + draw(26));
        if (as_json) n += (size_t)sprintf(text + n, "\\n\"}");
        if (draw(4) == 0) text[n++] = '\r';
        text[n++] = '\n';
    }
    return n > 0 && draw(2) == 0 ? n - 1 : n;
}

/* What is read in the range goes behind what *to holds. */
static void add_documents(documents_t *reader, int64_t first, int64_t last, char *to, size_t *n) {
    document_t d;
    int rc;
    check_ok(documents_range(reader, first, last));
    while ((rc = documents_next(reader, &d)) == 1) *n += (size_t)sprintf(to + *n, "%s=%s;", d.id, d.text);
    if (rc != 0) fail_msg("%s", err_text());
}

static void check_parts(inputs_t *inputs, char *whole, char *parted) {
    for (int64_t i = 0; i < inputs->count; i++) check_ok(input_measure(&inputs->input[i], &inputs->input[i].size));
    size_t all = 0, n = 0;
    documents_t *reader[3];
    for (int64_t i = 0; i < inputs->count; i++) {
        check_ok(documents_open(&inputs->input[i], &reader[i]));
        document_t d;
        while (documents_next(reader[i], &d) == 1) all += (size_t)sprintf(whole + all, "%s=%s;", d.id, d.text);
    }
    part_t *parts;
    int64_t count;
    check_ok(inputs_cut(inputs, 1 + draw(100), &parts, &count));
    for (int64_t p = 0; p < count; p++) {
        for (int64_t i = parts[p].input; i < parts[p].input + parts[p].inputs; i++) {
            int only = parts[p].inputs == 1;
            add_documents(reader[i], only ? parts[p].first : 0, only ? parts[p].last : inputs->input[i].size, parted,
                          &n);
        }
    }
    for (int64_t i = 0; i < inputs->count; i++) documents_close(reader[i]);
    mem_free(parts);
    assert_int_equal(n, all);
    assert_memory_equal(parted, whole, n);
}

static void test_documents_of_parts(void **state) {
    (void)state;
    static char text[20000], whole[100000], parted[100000];
    static const char *const lists[] = {"%/mixed/p*", "text:%/mixed/p*:split=line", "text:%/mixed/p*"};
    const char *const path[3] = {scratch("mixed/p.jsonl"), scratch("mixed/p.jsonl.zst"), scratch("mixed/p.jsonl.gz")};
    for (int round = 0; round < 300; round++) {
        inputs_t inputs;
        size_t bytes = make_lines(text, round % 3 == 0);
        write_packings(path, text, bytes);
        check_ok(open_here(lists[round % 3], &inputs));
        check_parts(&inputs, whole, parted);
        inputs_free(&inputs);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_relative_paths),
        cmocka_unit_test(test_odd_names),
        cmocka_unit_test(test_formats),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_measure),
        cmocka_unit_test(test_cut),
        cmocka_unit_test(test_cut_by_default),
        cmocka_unit_test(test_documents_of_parts),
    };
    return cmocka_run_group_tests(tests, make_files, scratch_remove);
}
