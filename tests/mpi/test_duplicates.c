/* The census of several lengths on any number of ranks, in few and in many rounds, and taken up by other rounds than it
 * was begun with: its files must be those of windows sorted by their tokens. */
#include "../unit/duplicates_check.h"
#include "base/log.h"
#include "index/duplicates_private.h"
#include "par/par.h"
#include "ranks_check.h"

enum { PATH = 512 };
static char folder[SHARED_FOLDER];
static corpus_t corpus;
static plain_tables_t expected;

/* Nothing here has to survive a loss of power, and many small files are written. */
int fsync(int fd) {
    (void)fd;
    return 0;
}

static char *in_folder(char path[PATH], const char *name) {
    snprintf(path, PATH, "%s/%s", folder, name);
    return path;
}

static void make_corpus(void) {
    char path[PATH];
    shared_folder_make(folder);
    corpus.vocab = 300, corpus.end = 0;
    corpus_add_random(&corpus, 4, 150, 150, 4, "m");
    for (int64_t i = 0; i < corpus.count; i++) corpus.token[i] += 1;
    for (int64_t d = 0; d < corpus.documents; d++) corpus.token[corpus.first[d] + corpus.length[d]] = 0;
    if (par_rank() == 0) must(corpus_write(&corpus, in_folder(path, "corpus"), 3));
    par_barrier();
}

static int run(duplicates_t *spec, const char *dir) {
    char path[PATH], tokenizer[1024];
    tokens_t *tokens;
    const char *root = getenv("ROOT");
    snprintf(tokenizer, sizeof tokenizer, "%s/tests/golden/tokenizer_small.json", root ? root : ".");
    must(par_agree(par_rank() == 0 ? dir_make(dir) : 0));
    must(tokens_open(in_folder(path, "corpus"), &tokens));
    int rc = duplicates_run(spec, tokens, tokenizer, dir);
    tokens_close(tokens);
    return rc;
}

/* Rank 0 compares; the others look at nothing. */
static void check(duplicates_t *spec, const char *name) {
    char path[PATH], text[256];
    const char *what = "the census fails", *dir = in_folder(path, "census");
    if (run(spec, dir) == 0) {
        plain_duplicates(&corpus, spec, &expected);
        what = par_rank() == 0 ? plain_differs(&corpus, &expected, dir) : NULL;
    }
    if (what) err_context("%s", what);
    snprintf(text, sizeof text, "%s: %s, %s, memory %lld", name, spec->overlapping ? "overlapping" : "disjoint",
             spec->per_document ? "documents" : "places", (long long)spec->memory);
    verdict(text, what == NULL);
    par_barrier();
    if (par_rank() == 0) must(dir_remove(dir));
    par_barrier();
}

/* A folder without what its finished lengths need is refused: their levels would be taken for zeros. */
static void check_missing_levels(duplicates_t *spec) {
    char path[PATH];
    must(par_agree(par_rank() == 0 ? dir_make(in_folder(path, "census")) : 0));
    if (par_rank() == 0) {
        length_t finished = {.spec = spec, .dir = path, .length = spec->length[0]};
        must(dup_finished_write(&finished));
    }
    par_barrier();
    int refused = run(spec, in_folder(path, "census")) == -1;
    verdict("levels that are missing", refused && strstr(err_text(), "cannot be opened"));
    if (par_rank() == 0) must(dir_remove(path));
    par_barrier();
}

/* Other ranks than those that finished a length must find the same check of its levels. */
static void check_levels(duplicates_t *spec) {
    char path[PATH], corpus_path[PATH], levels_path[2 * PATH];
    levels_t levels;
    must(run(spec, in_folder(path, "census")));
    length_t length = {.spec = spec, .dir = path, .length = spec->length[spec->n - 1], .levels = &levels};
    snprintf(levels_path, sizeof levels_path, "%s/levels", path);
    must(tokens_open(in_folder(corpus_path, "corpus"), &length.corpus));
    must(levels_open_read(levels_path, tokens_count(length.corpus), &levels));
    must(dup_tokens(&length));
    if (par_rank() == 0)
        printf("levels of %lld: %llx\n", (long long)length.length, (unsigned long long)length.levels_check);
    levels_close(&levels);
    tokens_close(length.corpus);
    par_barrier();
    if (par_rank() == 0) must(dir_remove(path));
    par_barrier();
}

int main(int argc, char **argv) {
    if (par_init(&argc, &argv) != 0) return 1;
    log_init(LOG_QUIET, 0, 0);
    make_corpus();
    for (int rule = 0; rule < 4; rule++)
        for (int64_t memory = 1; memory <= 1 << 30; memory <<= 30) {
            duplicates_t spec = {.n = 6,
                                 .length = (int64_t[]){2, 5, 6, 20, 64, 200},
                                 .overlapping = rule & 1,
                                 .per_document = rule >> 1,
                                 .top = 10,
                                 .memory = memory};
            check(&spec, "six lengths");
        }
    duplicates_t spec = {.n = 3, .length = (int64_t[]){2, 6, 40}, .overlapping = 1, .top = 5};
    spec.memory = 1 << 20;
    check_missing_levels(&spec);
    check_levels(&spec);
    shared_folder_remove(folder);
    par_finalize();
    return failures != 0;
}
