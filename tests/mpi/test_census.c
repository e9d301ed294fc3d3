/* The census and the probe sampler on any number of ranks: rank 0 writes two corpora, all count and draw; the census
 * must be that of windows sorted by their tokens, and the files of a sample have the printed hashes. */
#include "../unit/corpus_check.h"
#include "base/err.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/log.h"
#include "index/census.h"
#include "index/choose.h"
#include "index/probes.h"
#include "par/par.h"
#include "ranks_check.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PATH = 512 };
static char folder[SHARED_FOLDER];
static corpus_t corpus;
static char held_out[8][CORPUS_NAME]; // ids of some
static int64_t held_outs;
static char *in_folder(char path[PATH], const char *name) {
    snprintf(path, PATH, "%s/%s", folder, name);
    return path;
}

/* So long that ranks cannot keep all of its windows as candidates. */
static void add_long(uint64_t seed, const char *id) {
    static int32_t ids[20000];
    for (int64_t i = 0; i < 20000; i++) ids[i] = 1000 + (int32_t)rng_below(seed, RNG_TEST, (uint64_t)i, 1000);
    corpus_add(&corpus, id, "long", id, ids, 20000);
}

static void make_corpora(void) {
    shared_folder_make(folder);
    char path[PATH];
    corpus.vocab = 70000, corpus.end = 69999;
    corpus_add_random(&corpus, 9, 20, 120, 5, "c");
    corpus_add(&corpus, "p", "planted", "planted/0/0", (int32_t[]){65536, 65537, 65538, 65539, 65540, 1, 2, 3}, 8);
    add_long(21, "long");
    if (par_rank() == 0) must(corpus_write(&corpus, in_folder(path, "controls"), 1));
    for (int64_t d = 0; d < corpus.documents && held_outs < 8; d++)
        if (corpus.name[d][0][0] == 'c' && corpus.length[d] >= 9)
            memcpy(held_out[held_outs++], corpus.name[d][0], CORPUS_NAME);
    memset(&corpus, 0, sizeof corpus);
    corpus.vocab = 70000, corpus.end = 69999;
    corpus_add_random(&corpus, 4, 150, 150, 5, "m");
    for (int copy = 0; copy < 6; copy++)
        corpus_add(&corpus, copy < 3 ? "p0" : "p1", "planted", "planted/0/0",
                   (int32_t[]){65536, 65537, 65538, 65539, 65540, 9, 8, 7}, 8);
    add_long(22, "long");
    if (par_rank() == 0) must(corpus_write(&corpus, in_folder(path, "members"), 3));
    par_barrier();
}

typedef struct {
    int64_t n, capacity;
    census_window_t *window;
} visited_t;

static int collect(void *user, const census_window_t *window) {
    visited_t *v = user;
    TRY(mem_grow(&v->window, &v->capacity, v->n + 1, sizeof *v->window, "test"));
    v->window[v->n++] = *window;
    return 0;
}

static void check_census(int64_t length, int64_t memory) {
    char path[PATH], name[128];
    tokens_t *tokens;
    visited_t v = {0};
    census_t census;
    must(tokens_open(in_folder(path, "members"), &tokens));
    int ok = census_run(tokens, length, memory, collect, &v, &census) == 0;
    void *all;
    int64_t total;
    must(par_gather_all(v.window, v.n, sizeof *v.window, &all, &total));
    census_window_t *window = all, *expected;
    int64_t distinct = plain_census(&corpus, length, &expected), windows = 0;
    qsort(window, (size_t)total, sizeof *window, plain_by_first);
    ok &= total == distinct;
    for (int64_t i = 0; ok && i < distinct; i++) {
        ok = window[i].first == expected[i].first && window[i].occurrences == expected[i].occurrences &&
             window[i].documents == expected[i].documents;
        windows += window[i].occurrences;
    }
    snprintf(name, sizeof name, "%lld windows of %lld tokens, %lld distinct, memory %lld", (long long)census.windows,
             (long long)length, (long long)total, (long long)memory);
    verdict(name, ok && windows == census.windows);
    mem_free(v.window);
    mem_free(all);
    mem_free(expected);
    tokens_close(tokens);
}

static int refuse_once(void *user, const census_window_t *window) {
    return window->first == *(int64_t *)user ? err_set("stopped at %lld", (long long)window->first) : 0;
}

/* The visitor fails on the one rank that owns a certain window: all ranks learn it. */
static void check_refusal(void) {
    char path[PATH];
    tokens_t *tokens;
    census_t census;
    int64_t first = 0;
    must(tokens_open(in_folder(path, "members"), &tokens));
    while (tokens_document(tokens, tokens_document_at(tokens, first)).length < 6) first++;
    int ok = census_run(tokens, 6, 1 << 20, refuse_once, &first, &census) == -1;
    verdict("a visitor that fails on one rank stops all", ok && strstr(err_text(), "stopped at"));
    tokens_close(tokens);
}

/* 3000 made-up windows of three classes (one of them small), spread over ranks by their fingerprints. */
static void gather_made_up(int64_t keep, choice_t *choice) {
    candidates_t *candidates;
    must(candidates_create(4, keep, 5, &candidates));
    for (int64_t i = 0; i < 3000; i++) {
        census_window_t window = {.first = i, .occurrences = 1, .documents = 1};
        window.fingerprint = (hash_t){rng_u64(1, RNG_TEST, (uint64_t)i), rng_u64(2, RNG_TEST, (uint64_t)i)};
        if (window.fingerprint.hi % (uint64_t)par_size() != (uint64_t)par_rank()) continue;
        must(candidates_add(candidates, i < 20 ? 3 : i % 2, &window)); // class 2 stays empty
    }
    must(candidates_gather(candidates, choice));
    candidates_free(candidates);
}

/* What ranks keep, put together, is the beginning of the order of all, at least as much as was asked for. */
static void check_candidates(int64_t keep) {
    choice_t all, choice;
    gather_made_up(10000, &all);
    gather_made_up(keep, &choice);
    int ok = 1;
    for (int64_t class = 0; class < 4; class ++) {
        int64_t n = choice.first[class + 1] - choice.first[class], total = all.first[class + 1] - all.first[class];
        const candidate_t *c = choice.candidate + choice.first[class], *a = all.candidate + all.first[class];
        ok &= all.complete[class] && choice.complete[class] == (n == total) && n >= (keep < total ? keep : total);
        for (int64_t i = 0; i < n && i < total; i++) ok &= c[i].window.first == a[i].window.first;
        for (int64_t i = 1; i < total; i++) ok &= a[i - 1].key < a[i].key;
    }
    ok &= all.first[4] == 3000 && all.first[3] - all.first[2] == 0 && all.first[4] - all.first[3] == 20;
    char name[80];
    snprintf(name, sizeof name, "candidates: the first %lld of each class, in order", (long long)keep);
    verdict(name, ok);
    choice_free(&all);
    choice_free(&choice);
}

static void print_sample(const sample_t *spec, const char *what) {
    char members[PATH], controls[PATH], dir[PATH], path[PATH], text[HASH_TEXT], name[128];
    static const char *const files[] = {"census.csv", "probes.csv", "probes.tokens", "matching.csv"};
    in_folder(dir, "sample");
    int ok = probes_sample(spec, in_folder(members, "members"), in_folder(controls, "controls"), dir) == 0;
    probe_set_t set = {0};
    ok = ok && probes_read(dir, &set) == 0;
    snprintf(name, sizeof name, "%lld probes of %lld tokens, %s", (long long)set.n, (long long)spec->length, what);
    verdict(name, ok);
    for (int i = 0; i < 4; i++) {
        hash_t hash = {0, 0};
        snprintf(path, sizeof path, "%s/sample/%s", folder, files[i]);
        ok = hash_file(path, &hash) == 0;
        snprintf(name, sizeof name, "%s %s", hash_print(text, hash), files[i]);
        verdict(name, ok);
    }
    probes_free(&set);
    par_barrier();
    if (par_rank() == 0) dir_remove(dir);
    par_barrier();
}

static void check_sample(int64_t length, int64_t per_bucket, int64_t memory) {
    char what[64];
    sample_t spec = {.length = length, .per_bucket = per_bucket, .seed = 3, .memory = memory};
    snprintf(what, sizeof what, "%lld a bucket", (long long)per_bucket);
    print_sample(&spec, what);
}

/* Controls that need as many bits as their members. */
static void check_matched(int64_t length, int64_t per_bucket) {
    sample_t spec = {
        .length = length, .per_bucket = per_bucket, .match = MATCH_COMPRESSIBILITY, .seed = 3, .memory = 1 << 20};
    print_sample(&spec, "matched");
}

/* A sample of each of three lengths. */
static void check_lengths(void) {
    static const int64_t lengths[] = {6, 9, 40};
    sample_t spec = {.n_lengths = 3, .lengths = lengths, .length = 40, .per_bucket = 10, .seed = 3, .memory = 1 << 20};
    print_sample(&spec, "and others of 6 and 9");
}

static void check_uniform(int64_t length, int64_t probes) {
    sample_t spec = {.protocol = SAMPLE_UNIFORM, .length = length, .probes = probes, .seed = 3, .memory = 1 << 20};
    print_sample(&spec, "uniform");
}

/* Rank 0: windows of 9 tokens by document and offset, of each document that has an id of its own; then of held-out
 * ones, which have the same first ids with another letter. */
static void write_places(const char *list) {
    FILE *out = fopen(list, "w");
    if (!out) abort();
    fprintf(out, "doc_id,offset,length\n");
    for (int64_t d = 0; d < corpus.documents; d++)
        if (corpus.name[d][0][0] == 'm' && corpus.length[d] >= 9)
            fprintf(out, "%s,%lld,9\n", corpus.name[d][0], (long long)((corpus.length[d] - 9) * (d % 5) / 4));
    for (int64_t d = 0; d < held_outs; d++) fprintf(out, "%s,0,9\n", held_out[d]);
    if (fclose(out) != 0) abort();
}

/* Lists of longer windows, of which the end is taken: by places, and by tokens. */
static void check_lists(void) {
    static const char tokens[] =
        "tokens\n1 2 3 1 2 3 1\n1 1 1 1 1 1\n9 9 9 9 9 9 9\n0 65536 65537 65538 65539 65540 9\n";
    char list[PATH];
    sample_t spec = {
        .protocol = SAMPLE_FILE, .length = 6, .suffix = 2, .path = {list, NULL}, .paths = 1, .seed = 3, .memory = 1};
    in_folder(list, "places.csv");
    if (par_rank() == 0) write_places(list);
    par_barrier();
    print_sample(&spec, "a list of places");
    in_folder(list, "tokens.csv");
    if (par_rank() == 0) must(file_write(list, tokens, strlen(tokens)));
    par_barrier();
    print_sample(&spec, "a list of tokens");
}

int main(int argc, char **argv) {
    if (par_init(&argc, &argv) != 0) return 1;
    log_init(LOG_QUIET, 0, 0);
    make_corpora();
    for (int64_t length = 1; length < 200; length = 3 * length + 1) {
        check_census(length, 1);
        check_census(length, 1 << 30);
    }
    check_refusal();
    for (int64_t keep = 1; keep < 3000; keep = 5 * keep + 1) check_candidates(keep);
    check_sample(6, 4, 1);
    check_sample(6, 60, 1 << 30);
    check_sample(8, 1000, 1 << 30);
    check_sample(13, 2, 1 << 30);    // more candidates than ranks keep
    check_sample(150, 160, 1 << 30); // and so many overlap that the sampler must ask again
    check_uniform(6, 3);
    check_uniform(6, 700);
    check_uniform(6, 1000000);
    check_lists();
    check_matched(6, 20);
    check_matched(40, 50);
    check_lengths();
    shared_folder_remove(folder);
    par_finalize();
    return failures != 0;
}
