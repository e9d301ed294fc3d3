/* Ingest on one rank: which documents go where, what is planted, and what is refused. Ranks: tests/mpi/test_ingest.c.
 */
#include "base/log.h"
#include "par/par.h"
#include "scratch.h"
#include "text/ingest.h"
#include "text/tokenizer.h"
#include "text/tokens.h"

static void write_text(const char *name, const char *text) {
    check_ok(file_write(scratch(name), text, strlen(text)));
}

/* n documents "PREFIX d" whose text repeats a few words. */
static void write_documents(const char *name, const char *prefix, int n) {
    file_out_t *out = NULL;
    check_ok(file_out_open(scratch(name), &out));
    for (int d = 0; d < n; d++) {
        check_ok(file_out_print(out,
                                "{\"id\": \"%s %d\", \"source\": \"%s\", \"text\": \"the %d words of a document\"}\n",
                                prefix, d, prefix, d));
    }
    check_ok(file_out_commit(out));
}

static const int64_t copies[] = {1, 3};

static inputs_t opened; // the inputs at hand

/* Opens the files, by name, in this order. */
static void open_files(int n, char *const *path) {
    char *list = mem_strdup(path[0]);
    for (int i = 1; i < n; i++) {
        char *longer = mem_printf("%s, %s", list, path[i]);
        mem_free(list);
        list = longer;
    }
    input_rules_t rules = input_rules_default();
    inputs_free(&opened);
    check_ok(inputs_open(list, &rules, "test", &opened));
    mem_free(list);
}

static ingest_t spec_of(double held_out, int64_t per_level) {
    return (ingest_t){.inputs = &opened,
                      .held_out = held_out,
                      .inject = {.per_level = per_level, .levels = 2, .copies = copies, .words = 20, .seed = 5},
                      .seed = 5,
                      .memory = 1 << 24,
                      .scratch = scratch_dir};
}

static void run(const ingest_t *spec, const char *dir) {
    check_ok(ingest_train_tokenizer(spec, 270, scratch("tokenizer.json")));
    check_ok(ingest_run(spec, scratch("tokenizer.json"), dir));
}

static tokens_t *open_half(const char *dir, const char *half) {
    char path[600];
    snprintf(path, sizeof path, "%s/%s", dir, half);
    tokens_t *t = NULL;
    check_ok(tokens_open(path, &t));
    return t;
}

static char *text_of(tokens_t *t, int64_t document) {
    tokenizer_t *tokenizer = NULL;
    check_ok(tokenizer_load(scratch("tokenizer.json"), &tokenizer));
    const token_document_t d = tokens_document(t, document);
    int32_t *ids = mem_new(d.length + 1, sizeof *ids, "test");
    check_ok(tokens_read(t, d.first, d.length + 1, ids));
    assert_int_equal(ids[d.length], tokenizer_end(tokenizer));
    char *text = NULL;
    size_t bytes = 0;
    check_ok(tokenizer_decode(tokenizer, ids, d.length, &text, &bytes));
    mem_free(ids);
    tokenizer_free(tokenizer);
    return text;
}

static void documents_keep_order_and_text(void **state) {
    (void)state;
    write_documents("b.jsonl", "b", 3);
    write_text("a.jsonl", "{\"id\": \"first\", \"text\": \"\"}\n{\"text\": \"h\\u00e9llo\\nworld\"}\n");
    char *path[] = {scratch("a.jsonl"), scratch("b.jsonl")};
    open_files(2, path);
    ingest_t spec = spec_of(0, 0);
    char *dir = scratch("order");
    run(&spec, dir);
    tokens_t *members = open_half(dir, "members"), *controls = open_half(dir, "controls");
    assert_int_equal(tokens_documents(members), 5);
    assert_int_equal(tokens_documents(controls), 0);
    assert_int_equal(tokens_count(controls), 0);
    assert_string_equal(tokens_document(members, 0).id, "first");
    assert_int_equal(tokens_document(members, 0).length, 0);
    assert_string_equal(tokens_document(members, 1).id, "a.jsonl@28");
    assert_string_equal(tokens_document(members, 1).source, "");
    assert_string_equal(tokens_document(members, 4).id, "b 2");
    assert_string_equal(tokens_document(members, 4).family, "b 2");
    assert_string_equal(tokens_document(members, 4).source, "b");
    static const char *const expected[] = {"", "h\xc3\xa9llo\nworld", "the 0 words of a document"};
    for (int d = 0; d < 3; d++) {
        char *text = text_of(members, d);
        assert_string_equal(text, expected[d]);
        mem_free(text);
    }
    tokens_close(members);
    tokens_close(controls);
    assert_true(file_exists(scratch("order/members/00000-a.tok.zst")));
    assert_true(file_exists(scratch("order/controls/00000-a.tok.zst")));
}

enum { HELD_DOCUMENTS = 2000 }; // of each of the two files

/* Ingests the inputs and notes for every document its side: 'm' or 'c'. */
static void take_sides(const ingest_t *spec, char side[2 * HELD_DOCUMENTS]) {
    char *dir = scratch("held");
    run(spec, dir);
    memset(side, 'x', 2 * HELD_DOCUMENTS);
    for (int half = 0; half < 2; half++) {
        tokens_t *t = open_half(dir, half ? "controls" : "members");
        for (int64_t d = 0; d < tokens_documents(t); d++) {
            const char *id = tokens_document(t, d).id;
            char *mark = &side[(id[0] == 't' ? HELD_DOCUMENTS : 0) + atoi(id + 4)];
            assert_int_equal(*mark, 'x');
            *mark = half ? 'c' : 'm';
        }
        tokens_close(t);
    }
    assert_null(memchr(side, 'x', 2 * HELD_DOCUMENTS));
}

/* Each document is on one side; the same side when the files change their order and names, another with another seed.
 */
static void held_out_by_id(void **state) {
    (void)state;
    static char forward_sides[2 * HELD_DOCUMENTS], back_sides[2 * HELD_DOCUMENTS], other_sides[2 * HELD_DOCUMENTS];
    write_documents("one.jsonl", "one", HELD_DOCUMENTS);
    write_documents("two.jsonl", "two", HELD_DOCUMENTS);
    char *forth[] = {scratch("one.jsonl"), scratch("two.jsonl")}, *back[] = {forth[1], forth[0]};
    open_files(2, forth);
    ingest_t spec = spec_of(0.05, 0);
    take_sides(&spec, forward_sides);
    open_files(2, back);
    take_sides(&spec, back_sides);
    assert_memory_equal(forward_sides, back_sides, sizeof back_sides);
    spec.seed++;
    take_sides(&spec, other_sides);
    int held = 0, both = 0;
    for (int d = 0; d < 2 * HELD_DOCUMENTS; d++) {
        held += back_sides[d] == 'c';
        both += back_sides[d] == 'c' && other_sides[d] == 'c';
    }
    assert_in_range(held, 145, 255); // 200 expected, four standard deviations either way
    assert_in_range(both, 0, 25);    // 10 expected
}

static int family_copies(tokens_t *t, const char *family, char *text) {
    int n = 0;
    for (int64_t d = 0; d < tokens_documents(t); d++) {
        if (strcmp(tokens_document(t, d).family, family) != 0) continue;
        char *found = text_of(t, d);
        assert_string_equal(found, text);
        assert_string_equal(tokens_document(t, d).source, "planted");
        assert_true(d > 0); // never before the first document
        mem_free(found);
        n++;
    }
    return n;
}

static void planted_copies_are_all_there(void **state) {
    (void)state;
    write_documents("many.jsonl", "many", 50);
    char *path[] = {scratch("many.jsonl")};
    open_files(1, path);
    ingest_t spec = spec_of(0.1, 4);
    char *dir = scratch("planted");
    run(&spec, dir);
    tokens_t *members = open_half(dir, "members"), *controls = open_half(dir, "controls");
    assert_int_equal(tokens_documents(members) + tokens_documents(controls), 50 + 4 * 1 + 4 * 3 + 2 * 4);
    for (int32_t level = 0; level < 2; level++) {
        for (int64_t number = 0; number < 4; number++) {
            char family[64], *text = NULL;
            snprintf(family, sizeof family, "planted/%d/%lld", level, (long long)number);
            check_ok(inject_text(&spec.inject, level, number, 0, &text));
            assert_int_equal(family_copies(members, family, text), copies[level]);
            mem_free(text);
            snprintf(family, sizeof family, "planted-control/%d/%lld", level, (long long)number);
            check_ok(inject_text(&spec.inject, level, number, 1, &text));
            assert_int_equal(family_copies(controls, family, text), 1);
            assert_int_equal(family_copies(members, family, text), 0);
            mem_free(text);
        }
    }
    tokens_close(members);
    tokens_close(controls);
}

static void shards_of_an_earlier_run_are_gone(void **state) {
    (void)state;
    write_documents("old.jsonl", "old", 5);
    write_documents("new.jsonl", "new", 4);
    char *path[] = {scratch("old.jsonl"), scratch("new.jsonl")};
    open_files(2, path);
    ingest_t spec = spec_of(0, 2);
    char *dir = scratch("again");
    run(&spec, dir);
    open_files(1, path + 1);
    spec = spec_of(0, 0);
    run(&spec, dir);
    tokens_t *members = open_half(dir, "members"), *controls = open_half(dir, "controls");
    assert_int_equal(tokens_documents(members), 4);
    assert_int_equal(tokens_documents(controls), 0);
    tokens_close(members);
    tokens_close(controls);
}

static void a_file_without_documents_makes_an_empty_shard(void **state) {
    (void)state;
    write_text("none.jsonl", "");
    write_documents("some.jsonl", "some", 2);
    write_text("also-none.jsonl", "");
    char *path[] = {scratch("none.jsonl"), scratch("some.jsonl"), scratch("also-none.jsonl")};
    open_files(3, path);
    ingest_t spec = spec_of(0, 1);
    char *dir = scratch("empty");
    run(&spec, dir);
    tokens_t *members = open_half(dir, "members");
    assert_int_equal(tokens_documents(members), 2 + 4);
    tokens_close(members);
}

static void refuses(const ingest_t *spec, const char *words) {
    err_clear();
    assert_int_equal(ingest_run(spec, scratch("tokenizer.json"), scratch("refused")), -1);
    if (strstr(err_text(), words) == NULL) fail_msg("'%s' is not in: %s", words, err_text());
    assert_false(file_exists(scratch("refused/members/DONE")));
    assert_false(file_exists(scratch("refused/controls/DONE")));
}

static void bad_corpora_are_refused(void **state) {
    (void)state;
    write_documents("good.jsonl", "good", 3);
    write_text("twice.jsonl",
               "{\"id\": \"x\", \"text\": \"\"}\n{\"id\": \"y\", \"text\": \"\"}\n{\"id\": \"x\", \"text\": \"\"}\n");
    write_text("same.jsonl", "{\"id\": \"z\", \"text\": \"\"}\n{\"id\": \"good 1\", \"text\": \"\"}\n");
    char many[1000] = "";
    for (int d = 0; d < 19; d++) // 0 1 ... 9 8 ... 0
        snprintf(many + strlen(many), sizeof many - strlen(many), "{\"id\": \"n%d\", \"text\": \"\"}\n",
                 d < 10 ? d : 18 - d);
    write_text("many.jsonl", many);
    write_text("ours.jsonl", "{\"id\": \"planted/0/0/0\", \"text\": \"\"}\n");
    write_text("broken.jsonl", "{\"id\": \"z\", \"text\": \"\"}\n{\"id\":\n");
    write_text("none.jsonl", "");
    char *path[2] = {scratch("good.jsonl"), NULL};
    open_files(1, path);
    ingest_t spec = spec_of(0, 1);
    run(&spec, scratch("good"));

    static const struct {
        const char *file, *words;
    } bad[] = {
        {"twice.jsonl", "twice.jsonl, document 3, has the id of"},
        {"many.jsonl", "many.jsonl, document 11, has the id of"}, // the first of nine such
        {"same.jsonl", "same.jsonl, document 2, has the id of"},
        {"same.jsonl", "good.jsonl, document 2: 'good 1'; give every document"},
        {"broken.jsonl", "broken.jsonl:2"},
        {"ours.jsonl", "planted/0/0/0"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        path[1] = scratch(bad[i].file);
        open_files(2, path);
        refuses(&spec, bad[i].words);
    }
    spec.inject.per_level = 0;
    check_ok(ingest_run(&spec, scratch("tokenizer.json"), scratch("allowed")));

    write_text("gone.jsonl", "{\"text\": \"\"}\n");
    path[1] = scratch("gone.jsonl");
    open_files(2, path);
    assert_int_equal(remove(path[1]), 0);
    refuses(&spec, "gone.jsonl");

    uint16_t tokens[4] = {1, 2, 3, 4};
    check_ok(file_write(scratch("raw.bin"), tokens, sizeof tokens));
    for (int end = 3; end <= 5; end++) { // inside, at the end, nowhere
        char *entry = mem_printf("tokens:%s:u16:end=%d", scratch("raw.bin"), end);
        open_files(1, &entry);
        if (end < 5)
            check_ok(ingest_run(&spec, scratch("tokenizer.json"), scratch("raw")));
        else
            refuses(&spec, "raw.bin: token 5, which is to mark where documents end, is nowhere in it");
        mem_free(entry);
    }

    path[0] = scratch("none.jsonl");
    open_files(1, path);
    refuses(&spec, "no document is left to train on");
    spec.inject.per_level = 1;
    refuses(&spec, "no document is left to train on");
    inputs_t none = {0};
    spec.inputs = &none;
    refuses(&spec, "no input file");
    spec.inputs = &opened;
    spec.held_out = 1;
    refuses(&spec, "held_out");
}

int main(int argc, char **argv) {
    if (par_init(&argc, &argv) != 0) return 1;
    log_init(LOG_WARN, 1, 0);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(documents_keep_order_and_text),
        cmocka_unit_test(held_out_by_id),
        cmocka_unit_test(planted_copies_are_all_there),
        cmocka_unit_test(shards_of_an_earlier_run_are_gone),
        cmocka_unit_test(a_file_without_documents_makes_an_empty_shard),
        cmocka_unit_test(bad_corpora_are_refused),
    };
    int rc = cmocka_run_group_tests(tests, scratch_make, scratch_remove);
    inputs_free(&opened);
    par_finalize();
    return rc;
}
