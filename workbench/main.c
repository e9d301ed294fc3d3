/* memprobe: the command line. Picks the verb; everything else is in cmd/. */
#include "cmd/verbs.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct {
    const char *name, *help;
    int (*run)(int argc, char **argv);
} verb_t;

static const verb_t VERBS[] = {
    {"run", "run a study: all its stages (the default verb)", cmd_study},
    {"plan", "say what would run, what is done, and the predicted cost; writes nothing", cmd_study},
    {"ingest", "stages up to the token shards", cmd_study},
    {"census", "stages up to the duplicate census and the probe set", cmd_study},
    {"train", "stages up to the trained models", cmd_study},
    {"store", "stages up to the datastores", cmd_study},
    {"probe", "stages up to the records", cmd_study},
    {"report", "all stages", cmd_study},
    {"tokenizer", "encode, decode or train a tokenizer", cmd_tokenizer},
    {"index", "make the suffix index of a tokenized corpus", cmd_index},
    {"count", "how often a text or a span of tokens stands in a corpus", cmd_count},
    {"locate", "in which documents it stands; which parts of a text do", cmd_locate},
    {"audit", "what in a probe set makes a rate on it mean less: copies, leaks, trivial suffixes", cmd_audit},
    {"inspect", "explain a file or folder: checkpoint, token shards, tokenizer", cmd_inspect},
    {"complete", "continue a prompt with a model", cmd_complete},
    {"selftest", "prove laws 1, 2 and 4 on this machine, without any data", cmd_selftest},
    {"version", "version, build and kernels", cmd_version},
};
enum { N_VERBS = sizeof VERBS / sizeof VERBS[0] };

static void print_help(FILE *out) {
    fprintf(out, "memprobe measures how much of its training data a language model has memorized.\n\n"
                 "usage: mpirun -n RANKS memprobe [VERB] [options] config.ini\n"
                 "       memprobe VERB ...\n\n");
    for (int i = 0; i < N_VERBS; i++) fprintf(out, "  %-10s %s\n", VERBS[i].name, VERBS[i].help);
    fprintf(out, "\nmemprobe VERB --help says more; memprobe run --help-config lists every key of config.ini.\n");
}

/* OpenBLAS starts its threads in its constructor, before main: the only way to be without them is to have said so in
 * the environment. A rank is one thread, so the program starts itself once more with the variable set. */
static void restart_without_blas_threads(char **argv) {
    if (getenv("OPENBLAS_NUM_THREADS")) return;
    if (setenv("OPENBLAS_NUM_THREADS", "1", 1) == 0) execv("/proc/self/exe", argv);
}

int main(int argc, char **argv) {
    restart_without_blas_threads(argv);
    if (argc < 2) {
        print_help(stderr);
        return EXIT_MISUSE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "help") == 0) {
        print_help(stdout);
        return verb_end(0);
    }
    if (strcmp(argv[1], "--version") == 0) argv[1] += 2;
    for (int i = 0; i < N_VERBS; i++)
        if (strcmp(argv[1], VERBS[i].name) == 0) return VERBS[i].run(argc - 1, argv + 1);
    size_t n = strlen(argv[1]);
    if (argv[1][0] == '-' || (n > 4 && strcmp(argv[1] + n - 4, ".ini") == 0)) { // no verb: run
        static char run[] = "run";
        argv[0] = run;
        return cmd_study(argc, argv);
    }
    fprintf(stderr,
            "memprobe: error: there is no verb \"%s\" (and a study is a file that ends in .ini); memprobe --help "
            "lists them\n",
            argv[1]);
    return EXIT_MISUSE;
}
