/* The config: what it gives, and that no mistake in it passes in silence. */
#include "base/ini.h"
#include "scratch.h"

static ini_t *read_text(const char *text) {
    ini_t *ini;
    if (ini_read(scratch_write("c.ini", text), &ini) != 0) fail_msg("%s", err_text());
    return ini;
}

static void test_values(void **state) {
    (void)state;
    ini_t *ini = read_text("# a comment\n; another\n[probe]\nsuffix = 32   ; tokens\ncontext = 32, 64,   # and\n"
                           "    128\nfile=a;b#c\nempty =\n\n[model.a.1]\nwidth: 64\n[model.b]\n[memory.knn]\nk = 8\n");
    assert_string_equal(ini_get(ini, "probe", "suffix"), "32");
    assert_string_equal(ini_get(ini, "probe", "context"), "32, 64, 128");
    assert_string_equal(ini_get(ini, "probe", "file"), "a;b#c");
    assert_string_equal(ini_get(ini, "probe", "empty"), "");
    assert_null(ini_get(ini, "probe", "absent"));
    assert_string_equal(ini_get(ini, "model.a.1", "width"), "64");
    assert_non_null(strstr(ini_where(ini, "probe", "suffix"), "c.ini:4"));
    const char *const *names;
    assert_int_equal(ini_named_sections(ini, "model", &names), 2);
    assert_string_equal(names[0], "a.1");
    assert_string_equal(names[1], "b");
    assert_int_equal(ini_named_sections(ini, "probe", &names), 0);
    assert_int_equal(ini_check_used(ini), -1);
    assert_message("unknown section [memory.knn]");
    assert_string_equal(ini_get(ini, "memory.knn", "k"), "8");
    assert_int_equal(ini_check_used(ini), 0);
    ini_free(ini);
    ini_free(NULL);
}

static void test_override(void **state) {
    (void)state;
    ini_t *ini = read_text("[model.a-1.4b]\nlayers = 2\n");
    assert_int_equal(ini_override(ini, "model.a-1.4b.layers=4"), 0);
    assert_int_equal(ini_override(ini, "run.name=a.b=c"), 0);
    assert_string_equal(ini_get(ini, "model.a-1.4b", "layers"), "4");
    assert_string_equal(ini_get(ini, "run", "name"), "a.b=c");
    assert_string_equal(ini_where(ini, "model.a-1.4b", "layers"), "--set");
    assert_int_equal(ini_check_used(ini), 0);
    assert_int_equal(ini_override(ini, "model.a-1.4b.layers=5"), -1);
    assert_string_equal(err_text(), "--set model.a-1.4b.layers=5: [model.a-1.4b] layers is given twice (before: --set "
                                    "model.a-1.4b.layers=4)");
    assert_string_equal(ini_get(ini, "model.a-1.4b", "layers"), "4");
    static const char *const bad[] = {"", "a", "a.b", "a=b", ".a=b", "a.=b", "=a.b"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(ini_override(ini, bad[i]), -1);
        assert_message("section.key=value");
    }
    assert_int_equal(ini_override(ini, "probe.sufix=1"), 0);
    ini_get(ini, "probe", "suffix");
    assert_int_equal(ini_check_used(ini), -1);
    assert_string_equal(err_text(), "unknown key [probe] sufix (--set): did you mean suffix?");
    ini_free(ini);
}

static void test_unknown_keys(void **state) {
    (void)state;
    static const struct {
        const char *text, *message;
    } cases[] = {{"[probe]\nsufix = 1\n", "c.ini:2): did you mean suffix?"},
                 {"[probe]\nsuffxi = 1\n", "did you mean suffix?"},
                 {"[run]\nrl = 1\n", "did you mean lr?"},
                 {"[probe]\ncontexts = 1\n", "did you mean context?"},
                 {"[probe]\nzzzzzz = 1\n", "unknown key [probe] zzzzzz"},
                 {"[probe]\nseed = 1\n", "it belongs to section [run]"},
                 {"[prob]\nsuffix = 1\n", "unknown section [prob]"},
                 {"[prob]\nsuffix = 1\n", "c.ini:1): did you mean [probe]?"},
                 {"[weather]\n", "unknown section [weather]"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ini_t *ini = read_text(cases[i].text);
        ini_get(ini, "probe", "suffix");
        ini_get(ini, "probe", "context");
        ini_get(ini, "run", "seed");
        ini_get(ini, "run", "lr");
        assert_int_equal(ini_check_used(ini), -1);
        assert_message(cases[i].message);
        ini_free(ini);
    }
}

static void test_refused_files(void **state) {
    (void)state;
    char line[400], name[200];
    memset(line, 'v', sizeof line);
    memcpy(line, "[a]\nb = ", 8);
    memcpy(line + sizeof line - 2, "\n", 2);
    memset(name, 'n', sizeof name);
    memcpy(name + 60, " = 1\n", 6);
    memcpy(name, "[a]\n", 4);
    const struct {
        const char *text, *message;
    } cases[] = {{"[a]\nb = 1\nc = 2\nb = 3\n", "c.ini:4: [a] b is given twice (before: "},
                 {"[a]\nb = 1\n[c]\n[a]\nd = 3\n", "c.ini:4: section [a] is there twice (before: "},
                 {"b = 1\n", "c.ini:1: the key b stands before the first [section]"},
                 {"[a]\nb\n", "c.ini:2: neither [section] nor key = value"},
                 {"[a\nb = 1\n", "c.ini:1: the section name is not closed"},
                 {"[]\nb = 1\n", "c.ini:1: a section name"},
                 {"[a]\n = 1\n", "c.ini:2: a key"},
                 {"[a]\nb = 1\n  c = 2\n", "c.ini:3: the line is indented"},
                 {"[a]\nb = 1,\n  [c]\n", "c.ini:3: a [section] must start"},
                 {line, "c.ini:2: the line is too long"},
                 {name, "c.ini:2: a key must have"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ini_t *ini;
        assert_int_equal(ini_read(scratch_write("c.ini", cases[i].text), &ini), -1);
        assert_null(ini);
        assert_message(cases[i].message);
    }
    ini_t *ini;
    assert_int_equal(file_write(scratch("z.ini"), "[a]\nb = 1\0 2\n", 13), 0);
    assert_int_equal(ini_read(scratch("z.ini"), &ini), -1);
    assert_message("z.ini:2: a zero byte");
    assert_int_equal(ini_read(scratch("absent.ini"), &ini), -1);
    assert_message("absent.ini");
    assert_int_equal(ini_read(scratch_dir, &ini), -1);
}

typedef struct {
    int64_t suffix;
    double rate;
    int32_t train;
    const char *decode;
    opt_ints_t context;
    opt_reals_t lambda;
} settings_t;

#define ROW(key, kind, field, initial, min, max, help)                                                                 \
    { key, kind, offsetof(settings_t, field), initial, min, max, help }
static const opt_t rows[] = {
    ROW("suffix", OPT_INT, suffix, "32", 1, 4096, "tokens to reproduce"),
    ROW("rate", OPT_REAL, rate, "5%", 0, 1, "share of documents"),
    ROW("train", OPT_BOOL, train, "no", 0, 0, "train the model"),
    ROW("decode", OPT_TEXT, decode, "greedy", 0, 0, "how to decode"),
    ROW("context", OPT_INTS, context, NULL, 1, 1e6, "tokens of context"),
    ROW("lambda", OPT_REALS, lambda, "", 0, 1, "weights of the memory"),
};
enum { ROWS = sizeof rows / sizeof *rows };

static void test_fill_and_print(void **state) {
    (void)state;
    ini_t *ini = read_text("[probe]\nsuffix = 1k\ntrain = yes\ncontext = 32 , 64k\nlambda = 0, 0.25\n");
    settings_t s;
    assert_int_equal(opt_fill(rows, ROWS, ini, "probe", &s), 0);
    assert_int_equal(ini_check_used(ini), 0);
    assert_int_equal(s.suffix, 1000);
    assert_true(s.rate == 0.05);
    assert_int_equal(s.train, 1);
    assert_string_equal(s.decode, "greedy");
    assert_int_equal(s.context.n, 2);
    assert_int_equal(s.context.v[1], 64000);
    assert_int_equal(s.lambda.n, 2);
    assert_true(s.lambda.v[1] == 0.25);
    FILE *out = fopen(scratch("values"), "w");
    opt_print_values(rows, ROWS, &s, out);
    fclose(out);
    assert_file(scratch("values"), "suffix = 1000\nrate = 0.05\ntrain = yes\ndecode = greedy\ncontext = 32, 64000\n"
                                   "lambda = 0, 0.25\n");
    ini_free(ini);

    /* What was printed reads back to the same. */
    file_map_t map;
    assert_int_equal(file_map(scratch("values"), &map), 0);
    char *text = mem_printf("[probe]\n%.*s", (int)map.size, (const char *)map.data);
    file_unmap(&map);
    settings_t again;
    ini = read_text(text);
    assert_int_equal(opt_fill(rows, ROWS, ini, "probe", &again), 0);
    assert_int_equal(again.suffix, s.suffix);
    assert_true(again.rate == s.rate && again.lambda.v[1] == s.lambda.v[1]);
    ini_free(ini);
    mem_free(text);

    out = fopen(scratch("help"), "w");
    opt_print_help(rows, 2, "probe", out);
    fclose(out);
    assert_file(scratch("help"), "[probe]\nsuffix = 32 ; tokens to reproduce (whole number, 1 to 4096)\n"
                                 "rate = 5%   ; share of documents (number, 0 to 1)\n");
}

static void test_bad_options(void **state) {
    (void)state;
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"[probe]\ncontext=1\nsuffix = abc\n", "c.ini:3: [probe] suffix = abc: \"abc\" is not a whole number"},
        {"[probe]\ncontext=1\nsuffix = 0\n", "c.ini:3: [probe] suffix = 0: must lie between 1 and 4096"},
        {"[probe]\ncontext=1\nrate = 101%\n", "must lie between 0 and 1"},
        {"[probe]\ncontext=1\ntrain = maybe\n", "neither yes nor no"},
        {"[probe]\ncontext=1,,2\n", "c.ini:2: [probe] context = 1,,2: element 2 of the list is empty"},
        {"[probe]\ncontext=1,2,\n", "element 3 of the list is empty"},
        {"[probe]\ncontext=0\n", "must lie between 1 and 1000000"},
        {"[probe]\nsuffix=1\n", "c.ini: [probe] context must be given: tokens of context"},
    };
    settings_t s;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ini_t *ini = read_text(cases[i].text);
        assert_int_equal(opt_fill(rows, ROWS, ini, "probe", &s), -1);
        assert_message(cases[i].message);
        ini_free(ini);
    }
    char many[400] = "[probe]\ncontext=1";
    for (int i = 0; i < OPT_LIST; i++) strcat(many, ",1");
    ini_t *ini = read_text(many);
    assert_int_equal(opt_fill(rows, ROWS, ini, "probe", &s), -1);
    assert_message("more than 64 elements");
    ini_free(ini);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),         cmocka_unit_test(test_override),
        cmocka_unit_test(test_unknown_keys),   cmocka_unit_test(test_refused_files),
        cmocka_unit_test(test_fill_and_print), cmocka_unit_test(test_bad_options),
    };
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
