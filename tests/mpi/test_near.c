/* Near-duplicates on any number of ranks: the files must be those of all pairs compared token by token. */
#include "../unit/near_check.h"
#include "base/log.h"
#include "index/duplicates.h"
#include "par/par.h"
#include "ranks_check.h"

enum { PATH = 1024 };
static char folder[SHARED_FOLDER];
static corpus_t corpus;
static near_text_t expected;

/* Nothing here has to survive a loss of power. */
int fsync(int fd) {
    (void)fd;
    return 0;
}

static char *in_folder(char path[PATH], const char *name) {
    snprintf(path, PATH, "%s/%s", folder, name);
    return path;
}

static int same_file(const char *path, const char *text) {
    file_map_t map;
    if (file_map(path, &map) != 0) return 0;
    int same = map.size == strlen(text) && memcmp(map.data, text, map.size) == 0;
    file_unmap(&map);
    return same;
}

static void check(near_t spec) {
    char path[PATH], near[PATH], levels[PATH], tokenizer[PATH];
    const char *root = getenv("ROOT");
    tokens_t *tokens;
    snprintf(tokenizer, sizeof tokenizer, "%s/tests/golden/tokenizer_small.json", root ? root : ".");
    must(tokens_open(in_folder(path, "corpus"), &tokens));
    must(par_agree(par_rank() == 0 ? dir_make(in_folder(near, "near")) : 0));
    in_folder(near, "near");
    spec.levels = in_folder(levels, "near/levels");
    duplicates_t census = {.n = 1, .length = &spec.window, .overlapping = 1, .memory = 1 << 24};
    must(duplicates_run(&census, tokens, tokenizer, near));
    int ok = near_run(&spec, tokens, near) == 0;
    if (par_rank() == 0) {
        near_plain(&corpus, &spec, &expected);
        ok &= same_file(in_folder(path, "near/near.csv"), expected.rows);
        ok &= same_file(in_folder(path, "near/near_sizes.csv"), expected.sizes);
        snprintf(path, sizeof path, "shingles of %d, threshold %g, windows of %d: %d pairs", (int)spec.shingle,
                 spec.threshold, (int)spec.window, (int)expected.pairs);
    }
    verdict(path, ok);
    tokens_close(tokens);
    par_barrier();
    if (par_rank() == 0) must(dir_remove(near));
    par_barrier();
}

int main(int argc, char **argv) {
    char path[PATH];
    if (par_init(&argc, &argv) != 0) return 1;
    log_init(LOG_QUIET, 0, 0);
    shared_folder_make(folder);
    near_corpus(&corpus, 1);
    if (par_rank() == 0) must(corpus_write(&corpus, in_folder(path, "corpus"), 3));
    par_barrier();
    check((near_t){.shingle = 3, .threshold = 0.8, .window = 40});
    check((near_t){.shingle = 5, .threshold = 0.5, .window = 33});
    check((near_t){.shingle = 1, .threshold = 1, .window = 60});
    check((near_t){.shingle = 3, .threshold = 0.8, .window = 1000}); // no window at all
    shared_folder_remove(folder);
    par_finalize();
    return failures != 0;
}
