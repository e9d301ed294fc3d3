/* The duplicate census on one rank, of several lengths (50 alone, and 50 to 500) and of one: tokens/s for windows of 64
 * and 512 tokens, with room for everything and in rounds, as a share of the bare pass (decoding frames and rolling the
 * fingerprints), which nothing can beat. The corpus is made up: documents of 1000 tokens of skewed frequency, a quarter
 * of them copies of earlier ones. The aim is 5 M tokens/s. */
#include "base/clock.h"
#include "base/err.h"
#include "base/file.h"
#include "base/log.h"
#include "index/census.h"
#include "index/duplicates.h"
#include "index/windows.h"
#include "made_corpus.h"
#include "par/par.h"
#include <stdio.h>
#include <stdlib.h>

enum { DOCUMENTS = 8000 };

static int nothing(void *user, const windows_run_t *run) {
    *(uint64_t *)user += run->fingerprint[run->count - 1].lo;
    return 0;
}

static double rate_of_pass(tokens_t *corpus, int64_t length) {
    uint64_t sum = 0;
    double start = clock_wall();
    must(windows_scan(corpus, length, nothing, &sum));
    return (double)tokens_count(corpus) / (clock_wall() - start);
}

static double rate_of_census(tokens_t *corpus, int64_t length, int64_t memory) {
    census_t census;
    double start = clock_wall();
    must(census_run(corpus, length, memory, NULL, NULL, &census));
    return (double)tokens_count(corpus) / (clock_wall() - start);
}

/* The census of several lengths, levels and lists included; least memory first, since the peak only rises. */
static void bench_lengths(tokens_t *corpus, const char *dir, int32_t n, int64_t memory) {
    static const int64_t length[] = {50, 100, 150, 200, 250, 300, 350, 400, 450, 500};
    char out[300], tokenizer[] = "tests/golden/tokenizer_small.json";
    snprintf(out, sizeof out, "%s/census", dir);
    must(dir_make(out));
    duplicates_t spec = {.n = n, .length = length, .overlapping = 1, .memory = memory};
    double start = clock_wall(), cpu = clock_cpu();
    must(duplicates_run(&spec, corpus, tokenizer, out));
    double wall = clock_wall() - start;
    cpu = clock_cpu() - cpu;
    printf("%8d %10.0f %14.1f %14.1f %10.0f\n", (int)n, (double)memory / 1e6,
           (double)tokens_count(corpus) * n / wall / 1e6, (double)tokens_count(corpus) * n / cpu / 1e6,
           (double)clock_peak_memory() / 1e6);
    must(dir_remove(out));
}

int main(int argc, char **argv) {
    if (par_init(&argc, &argv) != 0) return 1;
    log_init(LOG_WARN, 1, 0);
    const char *tmp = getenv("TMPDIR");
    char dir[256];
    snprintf(dir, sizeof dir, "%s/bench-census.XXXXXX", tmp ? tmp : "/tmp");
    if (!mkdtemp(dir)) must(err_set("%s: cannot be made", dir));
    made_corpus(dir, DOCUMENTS);
    tokens_t *corpus;
    must(tokens_open(dir, &corpus));
    printf("census of several lengths, one rank, %.1f M tokens (aim: 5 M tokens/s a length)\n",
           (double)tokens_count(corpus) / 1e6);
    printf("%8s %10s %14s %14s %10s\n", "lengths", "memory MB", "Mtok/s, wall", "Mtok/s, CPU", "peak MB");
    for (int64_t memory = 1 << 26; memory <= INT64_C(1) << 32; memory <<= 2) {
        bench_lengths(corpus, dir, 1, memory);
        bench_lengths(corpus, dir, 10, memory);
    }
    printf("duplicate census, one rank, %.1f M tokens (aim: 5 M tokens/s)\n", (double)tokens_count(corpus) / 1e6);
    printf("%8s %10s %14s %14s %8s\n", "window", "memory MB", "pass Mtok/s", "census Mtok/s", "share");
    for (int64_t length = 64; length <= 512; length *= 8)
        for (int64_t memory = INT64_C(1) << 32; memory >= 1 << 26; memory >>= 3) {
            double pass = rate_of_pass(corpus, length), census = rate_of_census(corpus, length, memory);
            printf("%8lld %10.0f %14.1f %14.1f %7.0f%%\n", (long long)length, (double)memory / 1e6, pass / 1e6,
                   census / 1e6, 100.0 * census / pass);
        }
    tokens_close(corpus);
    dir_remove(dir);
    par_finalize();
    return 0;
}
