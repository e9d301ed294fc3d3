/* The suffix index on one rank: tokens/s of building, and count queries/s of 50 tokens as well as of 3, the index in
 * memory; beside them the same searches one at a time, which wait for memory at every step. The corpus is made up:
 * documents of 1000 tokens of skewed frequency, a quarter of them copies of earlier ones. The aim is 1 M queries/s, 3x
 * the plain search. */
#include "base/clock.h"
#include "base/err.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "index/suffix.h"
#include "made_corpus.h"
#include "par/par.h"
#include <stdio.h>
#include <stdlib.h>

enum { DOCUMENTS = 32000, QUERIES = 200000, LONGEST = 50 };

/* Queries/s, asked `at_once` a call. */
static double rate(suffix_t *index, const suffix_query_t *query, suffix_range_t *range, int64_t at_once) {
    double start = clock_wall();
    for (int64_t i = 0; i < QUERIES; i += at_once)
        for (int32_t b = 0; b < suffix_blocks(index); b++) must(suffix_find(index, b, query + i, at_once, range + i));
    return QUERIES / (clock_wall() - start);
}

static void measure(suffix_t *index, int64_t length) {
    int32_t *tokens = mem_new(QUERIES * LONGEST, sizeof *tokens, "bench");
    suffix_query_t *query = mem_new(QUERIES, sizeof *query, "bench");
    suffix_range_t *range = mem_new(QUERIES, sizeof *range, "bench");
    must(tokens && query && range ? 0 : -1);
    for (int64_t i = 0; i < QUERIES; i++) {
        int64_t document = rng_below(3, RNG_TEST, (uint64_t)(2 * i), DOCUMENTS);
        int64_t at = rng_below(3, RNG_TEST, (uint64_t)(2 * i + 1), MADE_LENGTH - LONGEST);
        for (int64_t k = 0; k < length; k++)
            tokens[i * LONGEST + k] = made_token(made_text((uint64_t)document), (uint64_t)(at + k));
        query[i] = (suffix_query_t){tokens + i * LONGEST, length};
    }
    rate(index, query, range, QUERIES); // all pages are there and checked
    double many = rate(index, query, range, QUERIES), single = rate(index, query, range, 1);
    int64_t found = 0;
    for (int64_t i = 0; i < QUERIES; i++) found += range[i].high - range[i].low;
    if (found < QUERIES)
        must(err_set("%lld occurrences of %d queries that all stand there", (long long)found, QUERIES));
    printf("%8lld %14.2f %16.2f %8.1f %14.1f\n", (long long)length, many / 1e6, single / 1e6, many / single,
           (double)found / QUERIES);
    mem_free(tokens);
    mem_free(query);
    mem_free(range);
}

int main(int argc, char **argv) {
    if (par_init(&argc, &argv) != 0) return 1;
    log_init(LOG_WARN, 1, 0);
    const char *tmp = getenv("TMPDIR");
    char dir[256], index_dir[300];
    snprintf(dir, sizeof dir, "%s/bench-suffix.XXXXXX", tmp ? tmp : "/tmp");
    if (!mkdtemp(dir)) must(err_set("%s: cannot be made", dir));
    snprintf(index_dir, sizeof index_dir, "%s/suffix", dir);
    made_corpus(dir, DOCUMENTS);
    tokens_t *corpus;
    suffix_t *index;
    must(tokens_open(dir, &corpus));
    double start = clock_wall();
    must(suffix_build(corpus, dir, SUFFIX_BLOCK_MOST, index_dir));
    double seconds = clock_wall() - start;
    printf("suffix index, one rank, %.1f M tokens: built at %.1f Mtok/s\n", (double)tokens_count(corpus) / 1e6,
           (double)tokens_count(corpus) / 1e6 / seconds);
    must(suffix_open(dir, index_dir, &index));
    printf("%8s %14s %16s %8s %14s\n", "tokens", "M queries/s", "one at a time", "ratio", "occurrences");
    measure(index, 3);
    measure(index, LONGEST);
    suffix_close(index);
    tokens_close(corpus);
    must(dir_remove(dir));
    par_finalize();
    return 0;
}
