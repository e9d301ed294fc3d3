/* The census of several lengths against windows sorted by their tokens, under every rule; interrupted ones. */
#include "scratch.h"

#include "base/log.h"
#include "duplicates_check.h"
#include "par/par.h"

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

int main(int argc, char **argv) {
    if (par_init(&argc, &argv) != 0) return 1;
    log_init(LOG_WARN, 1, 0);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_corpora),
    };
    int rc = cmocka_run_group_tests(tests, scratch_make, scratch_remove);
    par_finalize();
    return rc;
}
