/* `memprobe index`: makes the suffix index of a tokenized corpus, in its folder, for count and locate. */
#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/num.h"
#include "cmd/queries.h"
#include "cmd/verbs.h"
#include "index/suffix.h"
#include "par/par.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

static const char help[] =
    "usage: mpirun -n RANKS memprobe index [--block TOKENS] CORPUS\n"
    "\n"
    "Sorts the suffixes of a tokenized corpus, so that memprobe count and memprobe locate find any span at once. "
    "CORPUS\n"
    "is a folder of token shards, or CACHE/ingest-... of a study. The index goes into its folder suffix: 6 bytes a "
    "token\n"
    "(8 for vocabularies above 65535). Ranks take blocks of it one after the other; what is there already is kept.\n"
    "\n"
    "  --block TOKENS  tokens a block (64M); a rank needs 8 bytes of memory for each, at worst 14\n"
    "  --help          this text\n";

/* Two programs at work on one index would write the same files. The lock ends with the process, however it ends. */
static int lock_index(const char *index_dir) {
    char *path = mem_printf("%s.lock", index_dir);
    if (!path) return -1;
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666), rc = 0;
    if (fd < 0) rc = err_set("%s: %s", path, strerror(errno));
    if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) { // file systems without locks: go on
        close(fd);
        rc = err_set("%s: another memprobe is making this index; wait for it", path);
    }
    mem_free(path);
    return rc;
}

static int build(const char *path, int64_t block) {
    char *dir = query_corpus_dir(path), *index_dir = dir ? mem_printf("%s/suffix", dir) : NULL;
    tokens_t *tokens = NULL;
    int rc = par_agree(index_dir && tokens_open(dir, &tokens) == 0 ? 0 : -1);
    if (rc == 0) rc = par_agree(par_rank() == 0 ? lock_index(index_dir) : 0);
    if (rc == 0) rc = suffix_build(tokens, dir, block, index_dir);
    if (rc == 0) log_info("index: %s", index_dir);
    tokens_close(tokens);
    mem_free(index_dir);
    mem_free(dir);
    return rc;
}

static int parse_options(int argc, char **argv, int64_t *block, int *wants_help) {
    static const struct option known[] = {
        {"block", required_argument, NULL, 'b'}, {"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};
    uint64_t seen = 0;
    for (int c; (c = verb_option(argc, argv, known, &seen)) != -1;) {
        if (c == '?') return -1;
        if (c == 'h') *wants_help = 1;
        if (c == 'b') {
            TRY(num_parse_i64(optarg, block));
            if (*block < 1 || *block > SUFFIX_BLOCK_MOST)
                return err_set("--block %s: give from 1 to %d tokens", optarg, SUFFIX_BLOCK_MOST);
        }
    }
    return *wants_help || optind + 1 == argc ? 0 : err_set("give one CORPUS");
}

int cmd_index(int argc, char **argv) {
    int64_t block = 64000000;
    int wants_help = 0;
    if (parse_options(argc, argv, &block, &wants_help) != 0) {
        fprintf(stderr, "memprobe index: error: %s; see memprobe index --help\n", err_text());
        return EXIT_MISUSE;
    }
    if (wants_help) {
        fputs(help, stdout);
        return verb_end(0);
    }
    if (par_init(&argc, &argv) != 0) return EXIT_FAILED;
    log_init(LOG_INFO, par_rank() == 0, 1);
    par_watch_signals();
    int rc = build(argv[optind], block);
    int early = rc != 0 && par_left_early();
    if (rc != 0 && !early && par_rank() == 0) fprintf(stderr, "memprobe: error: %s\n", err_text());
    if (early) log_warn("interrupted; the same command goes on from the blocks that are done");
    par_finalize();
    return rc == 0 ? 0 : early ? EXIT_INTERRUPTED : EXIT_FAILED;
}
