/* The census of several lengths against windows sorted by their tokens, under every rule; interrupted ones. */
#include "scratch.h"

#include "base/log.h"
#include "duplicates_check.h"
#include "par/par.h"
#include "text/tokenizer.h"
#include <sys/wait.h>
#include <unistd.h>

/* In place of the C library's: every file that is to last goes through here. A child process dies at one of them. */
static int64_t die_at_sync = -1;
int fsync(int fd) {
    (void)fd;
    if (die_at_sync >= 0 && die_at_sync-- == 0) _exit(9);
    return 0;
}

static corpus_t corpus;
static plain_tables_t expected;

static void corpus_begin(int32_t vocab, int32_t end) {
    memset(&corpus, 0, sizeof corpus);
    corpus.vocab = vocab;
    corpus.end = end;
}

static const char *tokenizer(void) {
    return source_path("tests/golden/tokenizer_small.json");
}

/* The corpus at hand under one rule, in few and in many rounds. */
static void check_rule(tokens_t *tokens, duplicates_t *spec) {
    const char *dir = scratch("census");
    plain_duplicates(&corpus, spec, &expected);
    for (spec->memory = 1; spec->memory <= 1 << 30; spec->memory <<= 30) {
        check_ok(dir_make(dir));
        check_ok(duplicates_run(spec, tokens, tokenizer(), dir));
        const char *what = plain_differs(&corpus, &expected, dir);
        if (what)
            fail_msg("%s differs, overlapping %d, per document %d, memory %lld", what, spec->overlapping,
                     spec->per_document, (long long)spec->memory);
        check_ok(dir_remove(dir));
    }
}

static void check_corpus(const int64_t *length, int32_t n) {
    const char *dir = scratch("corpus");
    tokens_t *tokens;
    check_ok(corpus_write(&corpus, dir, 2));
    check_ok(tokens_open(dir, &tokens));
    for (int rule = 0; rule < 4; rule++) {
        duplicates_t spec = {
            .n = n, .length = length, .overlapping = rule & 1, .per_document = rule >> 1, .top = 10 * (rule > 0)};
        check_rule(tokens, &spec);
    }
    tokens_close(tokens);
    check_ok(dir_remove(dir));
}

static void random_corpora(void **state) {
    (void)state;
    for (int32_t alphabet = 1; alphabet <= 4; alphabet++) {
        corpus_begin(300, 0);
        corpus_add_random(&corpus, (uint64_t)(10 * alphabet), 40, 150, alphabet, "d");
        for (int64_t i = 0; i < corpus.count; i++) corpus.token[i] += 1; // the end token is 0
        for (int64_t d = 0; d < corpus.documents; d++) corpus.token[corpus.first[d] + corpus.length[d]] = 0;
        check_corpus((int64_t[]){1, 2, 5, 6, 20, 64, 150, 300}, 8);
    }
}

/* Longer than a run of windows and a piece of levels; windows of one length only, and a longest one nobody has. */
static void long_documents(void **state) {
    (void)state;
    static int32_t ids[70000];
    corpus_begin(300, 0);
    for (int64_t i = 0; i < 70000; i++) ids[i] = 1 + (int32_t)rng_below(1, RNG_TEST, (uint64_t)i, 250);
    memcpy(ids + 65500, ids + 100, 120 * sizeof *ids);
    memcpy(ids + 16300, ids + 120, 120 * sizeof *ids);
    corpus_add(&corpus, "a", "s", "a", ids, 70000);
    corpus_add(&corpus, "b", "s", "b", ids + 65400, 300);
    check_corpus((int64_t[]){50, 100, 69999}, 3);
    for (int64_t i = 0; i < 700; i++) ids[i] = 7;
    corpus_begin(300, 0);
    corpus_add(&corpus, "a", "s", "a", ids, 700);
    corpus_add(&corpus, "b", "s", "b", ids, 11);
    check_corpus((int64_t[]){3, 10, 11, 12, 600}, 5);
}

static void empty_and_short_documents(void **state) {
    (void)state;
    corpus_begin(300, 0);
    corpus_add(&corpus, "nothing", "s", "nothing", NULL, 0);
    corpus_add(&corpus, "two", "s", "two", (int32_t[]){1, 2}, 2);
    corpus_add(&corpus, "nothing2", "s", "nothing2", NULL, 0);
    corpus_add(&corpus, "three", "s", "three", (int32_t[]){1, 2, 1}, 3);
    check_corpus((int64_t[]){2, 3, 4, 1000}, 4);
}

/* The window is cut inside a character, and its text must be a field of a table all the same: ids of bytes are 1 + the
 * place of the byte in the byte alphabet, where 'A' has 33 and 0xC3 and 0xA4 (a small a with dots) have 162 and 131. */
static void text_is_utf8(void **state) {
    (void)state;
    int32_t ids[4];
    tokenizer_t *t;
    int64_t n = 0, capacity = 0;
    int32_t *letter = NULL;
    check_ok(tokenizer_load(tokenizer(), &t));
    check_ok(tokenizer_encode(t, "\xC3\xA4", 2, &letter, &n, &capacity));
    assert_true(n == 2);
    ids[0] = letter[1], ids[1] = letter[0], ids[2] = letter[1], ids[3] = letter[0];
    corpus_begin(tokenizer_vocab(t), 0);
    corpus_add(&corpus, "a", "s", "a", ids, 4);
    corpus_add(&corpus, "b", "s", "b", ids, 4);
    tokens_t *tokens;
    check_ok(corpus_write(&corpus, scratch("letters"), 1));
    check_ok(tokens_open(scratch("letters"), &tokens));
    check_ok(dir_make(scratch("letters-census")));
    duplicates_t spec = {.n = 1, .length = (int64_t[]){4}, .overlapping = 1, .top = 1, .memory = 1 << 20};
    check_ok(duplicates_run(&spec, tokens, tokenizer(), scratch("letters-census")));
    assert_file(scratch_in("letters-census", "top.csv"), "length,rank,occurrences,documents,doc_id,source,offset,"
                                                         "text\n4,1,2,2,a,s,0,\xEF\xBF\xBD\xC3\xA4\xEF\xBF\xBD\n");
    tokens_close(tokens);
    tokenizer_free(t);
    mem_free(letter);
}

static void bad_lengths(void **state) {
    (void)state;
    duplicates_t spec = {.n = 2, .length = (int64_t[]){5, 5}, .overlapping = 1, .memory = 1 << 20};
    check_fails(duplicates_run(&spec, NULL, tokenizer(), scratch("none")), "must rise");
    spec.length = (int64_t[]){0, 5};
    check_fails(duplicates_run(&spec, NULL, tokenizer(), scratch("none")), "at least 1");
}

/* Rounds of the second length that an interrupted census left. */
static int rounds_left(const char *dir) {
    int n = 0;
    char path[700];
    for (;; n++) {
        snprintf(path, sizeof path, "%s/length-6.round-%d.csv", dir, n);
        if (!file_exists(path)) return n;
    }
}

/* A census dies at a later and later place; what it left is taken up, with the same memory or with more. */
static void interrupted(void **state) {
    (void)state;
    const char *dir = scratch("interrupted");
    tokens_t *tokens;
    corpus_begin(300, 0);
    corpus_add_random(&corpus, 77, 60, 150, 3, "d");
    for (int64_t i = 0; i < corpus.count; i++) corpus.token[i] += 1;
    for (int64_t d = 0; d < corpus.documents; d++) corpus.token[corpus.first[d] + corpus.length[d]] = 0;
    check_ok(corpus_write(&corpus, scratch("cut"), 2));
    check_ok(tokens_open(scratch("cut"), &tokens));
    duplicates_t spec = {.n = 3, .length = (int64_t[]){3, 6, 40}, .overlapping = 1, .top = 10, .memory = 1};
    plain_duplicates(&corpus, &spec, &expected);
    /* The least memory makes 20 rounds, 300 kB make 4. */
    static const int64_t before[] = {1, 300000, 1, 300000}, after[] = {1, 300000, 1 << 30};
    int64_t calls = 0, stopped = 0, resumed = 0;
    for (int more = 1; more; calls += 1 + calls / 8) {
        spec.memory = before[calls % 4];
        check_ok(dir_make(dir));
        pid_t child = fork();
        if (child == 0) {
            die_at_sync = calls;
            _exit(duplicates_run(&spec, tokens, tokenizer(), dir) == 0 ? 0 : 1);
        }
        int status;
        waitpid(child, &status, 0);
        int died = !WIFEXITED(status) || WEXITSTATUS(status) == 9;
        stopped += died;
        more = died || spec.memory > 1; // the longer of the two has to come to its end
        resumed += rounds_left(dir) > 0;
        spec.memory = after[calls % 3];
        check_ok(duplicates_run(&spec, tokens, tokenizer(), dir));
        const char *what = plain_differs(&corpus, &expected, dir);
        if (what) fail_msg("%s differs after an end at sync %lld", what, (long long)calls);
        check_ok(dir_remove(dir));
    }
    assert_true(stopped > 15);
    assert_true(resumed > 3);
    tokens_close(tokens);
}

/* Changes a bit of a file that an interrupted census left; a second time: back. at < 0: in a digit of the first count
 * of a bucket. 0: there is no such file or count. */
static int damage(const char *path, int64_t at) {
    static char data[1 << 16];
    FILE *f = fopen(path, "r+b");
    if (!f) return 0;
    size_t n = fread(data, 1, sizeof data - 1, f);
    data[n] = '\0';
    const char *digit = at < 0 ? strstr(data, "\nbucket,") : data + at;
    for (int comma = 0; at < 0 && digit && comma < 3; comma++) digit = strchr(digit, ',') + 1;
    if (digit) {
        assert_true(fseek(f, digit - data, SEEK_SET) == 0);
        assert_true(fputc(*digit ^ 1, f) != EOF);
    }
    assert_true(fclose(f) == 0);
    return digit != NULL;
}

static void check_damage(const duplicates_t *spec, tokens_t *tokens, const char *name, int64_t at, int *times) {
    const char *path = scratch_in("damaged", name);
    if (!damage(path, at)) return;
    check_fails(duplicates_run(spec, tokens, tokenizer(), scratch("damaged")), name);
    assert_non_null(strstr(err_text(), "remove its folder"));
    assert_true(damage(path, at));
    ++*times;
}

/* What an interrupted census left is changed before it goes on: it says so, and goes on when all is as it was. */
static void damaged(void **state) {
    (void)state;
    static const char *const notes[] = {"length-3.csv", "length-6.csv", "length-40.csv", "length-3.round-0.csv",
                                        "length-6.round-1.csv"};
    static const char *const levels[] = {"length-3.levels", "length-6.levels", "length-40.levels"};
    int times[8] = {0}, more = 1;
    tokens_t *tokens;
    corpus_begin(300, 0);
    corpus_add_random(&corpus, 78, 60, 150, 3, "d");
    for (int64_t i = 0; i < corpus.count; i++) corpus.token[i] += 1;
    for (int64_t d = 0; d < corpus.documents; d++) corpus.token[corpus.first[d] + corpus.length[d]] = 0;
    check_ok(corpus_write(&corpus, scratch("whole"), 2));
    check_ok(tokens_open(scratch("whole"), &tokens));
    duplicates_t spec = {.n = 3, .length = (int64_t[]){3, 6, 40}, .overlapping = 1, .top = 10, .memory = 300000};
    plain_duplicates(&corpus, &spec, &expected);
    int64_t long_one = 0;
    while (corpus.length[long_one] < 40) long_one++;
    for (int64_t calls = 0; more; calls++) {
        const char *dir = scratch("damaged");
        check_ok(dir_make(dir));
        pid_t child = fork();
        if (child == 0) {
            die_at_sync = calls;
            _exit(duplicates_run(&spec, tokens, tokenizer(), dir) == 0 ? 0 : 1);
        }
        int status, finished = 0;
        waitpid(child, &status, 0);
        more = !WIFEXITED(status) || WEXITSTATUS(status) == 9;
        while (finished < 3 && file_exists(scratch_in("damaged", notes[finished]))) finished++;
        int unnamed = !file_exists(scratch_in("damaged", "levels")); // else all is done
        for (int i = 0; unnamed && i < 5; i++)
            if (i < 3 || finished == i - 3) check_damage(&spec, tokens, notes[i], -1, &times[i]);
        if (unnamed && finished > 0)
            check_damage(&spec, tokens, levels[finished - 1], corpus.first[long_one], &times[4 + finished]);
        check_ok(duplicates_run(&spec, tokens, tokenizer(), dir));
        const char *what = plain_differs(&corpus, &expected, dir);
        if (what) fail_msg("%s differs after an end at sync %lld", what, (long long)calls);
        check_ok(dir_remove(dir));
    }
    for (int i = 0; i < 8; i++)
        if (times[i] == 0) fail_msg("kind %d of file was never damaged", i);
    tokens_close(tokens);
}

int main(int argc, char **argv) {
    if (par_init(&argc, &argv) != 0) return 1;
    log_init(LOG_WARN, 1, 0);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_corpora), cmocka_unit_test(long_documents), cmocka_unit_test(empty_and_short_documents),
        cmocka_unit_test(text_is_utf8),   cmocka_unit_test(bad_lengths),    cmocka_unit_test(interrupted),
        cmocka_unit_test(damaged),
    };
    int rc = cmocka_run_group_tests(tests, scratch_make, scratch_remove);
    par_finalize();
    return rc;
}
