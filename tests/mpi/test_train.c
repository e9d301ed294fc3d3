/* The training loop on any number of ranks: the printed lines, hashes of the weights among them, are the same for all.
 *     test_train             all checks
 *     test_train run DIR     trains in DIR until it is done, saving after every step, and prints the hashes (for
 *                            tests/cli/train_kill.sh, which kills it in between)
 *     test_train peer DIR    writes the checkpoint DIR/start and its batches, DIR/batches.csv, and trains (for
 *                            tests/peers/train.py, which does the same with PyTorch) */
#include "base/csv.h"
#include "base/err.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/rng.h"
#include "model/train.h"
#include "model/train_windows.h"
#include "par/par.h"
#include "ranks_check.h"
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { VOCAB = 61, CONTEXT = 128 };

static model_t *make_model(void) {
    const model_spec_t spec = {.family = "gpt_neox",
                               .vocab = VOCAB,
                               .layers = 2,
                               .width = 32,
                               .heads = 2,
                               .head_size = 16,
                               .ffn = 128,
                               .context = CONTEXT,
                               .rotary_dims = 8,
                               .rotary_base = 10000,
                               .norm_eps = 1e-5f,
                               .parallel_residual = 1,
                               .ends = {1, {0}}};
    const tensor_ops_t *ops = tensor_kernels("auto");
    model_t *model = NULL;
    must(ops ? model_create(&spec, ops, 1, &model) : -1);
    return model;
}

/* Collective: a corpus of `documents` random documents in dir/NAME. */
static tokens_t *make_corpus(const char *dir, const char *name, int32_t documents, int32_t length) {
    char path[400], id[32];
    int32_t ids[256];
    int rc = 0;
    tokens_t *corpus = NULL;
    snprintf(path, sizeof path, "%s/%s", dir, name);
    if (par_rank() == 0 && !artifact_is_done(path)) {
        shard_out_t *out = NULL;
        rc = dir_make(path);
        if (rc == 0) rc = shard_out_open(path, "a", VOCAB, 0, &out);
        for (int32_t d = 0; d < documents && rc == 0; d++) {
            for (int32_t i = 0; i < length; i++)
                ids[i] = 1 + (int32_t)rng_below(2, RNG_TEST, (uint64_t)(d * length + i), VOCAB - 1);
            snprintf(id, sizeof id, "d%d", (int)d);
            rc = shard_out_add(out, id, "test", id, ids, length);
        }
        if (rc == 0) rc = shard_out_commit(out);
        if (rc == 0) rc = tokens_seal(path);
    }
    must(par_agree(rc));
    must(tokens_open(path, &corpus));
    return corpus;
}

static train_t short_run(void) {
    return (train_t){.epochs = 2.3,
                     .batch = 16, // 4 shards
                     .lr = 1e-2,
                     .lr_end = 1e-3,
                     .warmup = 0.2,
                     .beta1 = 0.9,
                     .beta2 = 0.95,
                     .eps = 1e-8,
                     .decay = 0.1,
                     .clip = 1,
                     .seed = 3};
}

typedef struct {
    char weights[HASH_TEXT], losses[HASH_TEXT];
    double first, last; // losses
} result_t;

/* Local: what a finished run has left; losses by rank 0 only. */
static void read_result(model_t *model, const char *dir, result_t *r) {
    int64_t n;
    char path[400];
    hash_t hash = {0, 0};
    const float *w = model_parameters(model, &n);
    hash_print(r->weights, hash_bytes(w, (size_t)n * sizeof *w, 0));
    snprintf(path, sizeof path, "%s/loss.csv", dir);
    must(hash_file(path, &hash));
    hash_print(r->losses, hash);
    FILE *f = fopen(path, "r");
    char line[300];
    r->first = r->last = -1;
    for (int64_t i = 0; f && fgets(line, sizeof line, f); i++) {
        if (i > 0 && sscanf(line, "%*[^,],%*[^,],%*[^,],%lf", &r->last) != 1) par_fail();
        if (i == 1) r->first = r->last;
    }
    if (f) fclose(f);
}

/* Collective: trains until done, anew after each interruption; returns the number of calls. */
static int train(const train_t *spec, tokens_t *corpus, const char *dir, result_t *r) {
    for (int calls = 1;; calls++) {
        model_t *model = make_model();
        const int rc = train_run(spec, model, corpus, "test", dir);
        if (rc < 0) must(rc);
        if (rc == 0) {
            par_barrier();
            read_result(model, dir, r);
            model_free(model);
            return calls;
        }
        model_free(model);
        if (calls > 100) return -1;
    }
}

static void make_dir(char *path, size_t size, const char *dir, const char *name) {
    snprintf(path, size, "%s/%s", dir, name);
    must(par_agree(par_rank() == 0 ? dir_make(path) : 0));
}

static int same(const result_t *a, const result_t *b) {
    return strcmp(a->weights, b->weights) == 0 && strcmp(a->losses, b->losses) == 0;
}

/* Saved after every step; killed at any moment it would go on from one of these states (tests/cli/train_kill.sh). */
static void test_bits(tokens_t *corpus, const char *dir, result_t *whole) {
    char path[400], state[500];
    result_t saving;
    train_t spec = short_run();
    make_dir(path, sizeof path, dir, "whole");
    train(&spec, corpus, path, whole);
    if (par_rank() == 0) printf("weights %s, loss.csv %s\n", whole->weights, whole->losses);
    spec.save_every = 1e-9;
    make_dir(path, sizeof path, dir, "saving");
    train(&spec, corpus, path, &saving);
    verdict("saving leaves no trace", same(whole, &saving));
    snprintf(state, sizeof state, "%s/state.bin", path);
    verdict("the state is removed at the end", !file_exists(state));
}

static void test_overfit(const char *dir) {
    char path[400];
    result_t r;
    tokens_t *corpus = make_corpus(dir, "tiny", 2, 100);
    train_t spec = short_run();
    spec.epochs = 150;
    spec.batch = 4;
    spec.decay = 0;
    make_dir(path, sizeof path, dir, "overfit");
    train(&spec, corpus, path, &r);
    verdict("the first loss is that of guessing", r.first > 3.9 && r.first < 4.5); // ln 61 = 4.11
    verdict("a tiny corpus is learnt by heart", r.last >= 0 && r.last < 0.05);
    tokens_close(corpus);
}

/* One step in which AdamW is w -= cg / (|cg| + 1), with cg the clipped gradient: the norm of cg, from the weights. */
static double norm_of_a_step(tokens_t *corpus, const char *dir, const char *name, double clip) {
    char path[400];
    const train_t spec = {.epochs = 1e-6, .batch = 1, .lr = 1, .lr_end = 1, .eps = 1, .clip = clip};
    make_dir(path, sizeof path, dir, name);
    model_t *before = make_model(), *after = make_model();
    must(train_run(&spec, after, corpus, "test", path));
    int64_t n;
    const float *x = model_parameters(before, &n), *y = model_parameters(after, &n);
    double sum = 0;
    for (int64_t i = 0; i < n; i++) {
        double step = fabs((double)x[i] - (double)y[i]);
        sum += step / (1 - step) * (step / (1 - step));
    }
    model_free(before);
    model_free(after);
    return sqrt(sum);
}

static void test_clip(tokens_t *corpus, const char *dir) {
    const double whole = norm_of_a_step(corpus, dir, "unclipped", 0);
    const double half = norm_of_a_step(corpus, dir, "clipped", whole / 2);
    const double same = norm_of_a_step(corpus, dir, "short", 2 * whole);
    verdict("a gradient longer than clip is cut to it", fabs(half / (whole / 2) - 1) < 1e-3);
    verdict("a shorter one stays as it is", same == whole);
}

// --- against PyTorch ------------------------------------------------------------------------------------------------

/* Ten steps, the last one with 11 of 16 windows; one of the corpus' windows is padded. */
static train_t peer_run(void) {
    train_t spec = short_run();
    spec.epochs = 3.3;
    return spec;
}

/* One row a window, in training order: the step, then tokens and targets. */
static int write_batches(const char *path, const train_t *spec, tokens_t *corpus) {
    int32_t tokens[CONTEXT], targets[CONTEXT];
    train_windows_t *w;
    file_out_t *out;
    const int64_t windows =
        (int64_t)floor(spec->epochs * (double)train_windows_in(tokens_count(corpus), CONTEXT) + 0.5);
    TRY(train_windows_open(corpus, CONTEXT, spec->seed, &w));
    TRY(file_out_open(path, &out));
    for (int64_t i = 0; i < windows; i++) {
        TRY(train_windows_read(w, train_windows_at(w, i), tokens, targets));
        TRY(file_out_print(out, "%lld", (long long)(i / spec->batch + 1)));
        for (int64_t j = 0; j < CONTEXT; j++) TRY(file_out_print(out, ",%d", (int)tokens[j]));
        for (int64_t j = 0; j < CONTEXT; j++) TRY(file_out_print(out, ",%d", (int)targets[j]));
        TRY(file_out_print(out, "\n"));
    }
    train_windows_close(w);
    return file_out_commit(out);
}

static int write_peer(const char *dir, tokens_t *corpus) {
    char path[400];
    const train_t spec = peer_run();
    result_t r;
    if (par_rank() == 0) {
        model_t *model = make_model();
        snprintf(path, sizeof path, "%s/start", dir);
        TRY(dir_make(path));
        TRY(model_save(model, path, NULL));
        snprintf(path, sizeof path, "%s/batches.csv", dir);
        TRY(write_batches(path, &spec, corpus));
        model_free(model);
    }
    train(&spec, corpus, dir, &r);
    return 0;
}

/* Largest difference of the losses, and relative one of the gradients' norms, to those of the golden file. */
static int compare_golden(const char *ours, const char *golden, double *loss, double *norm) {
    csv_t a, b;
    TRY(csv_read(ours, &a));
    TRY(csv_read(golden, &b));
    int32_t at[2][2];
    TRY(csv_column(&a, "loss", &at[0][0]) || csv_column(&a, "grad_norm", &at[0][1]));
    TRY(csv_column(&b, "loss", &at[1][0]) || csv_column(&b, "grad_norm", &at[1][1]));
    if (a.rows != b.rows || a.rows < 10)
        return err_set("%s: %lld rows, not those of %s", ours, (long long)a.rows, golden);
    *loss = *norm = 0;
    for (int64_t i = 0; i < a.rows; i++) {
        *loss = fmax(*loss, fabs(atof(csv_at(&a, i, at[0][0])) - atof(csv_at(&b, i, at[1][0]))));
        *norm = fmax(*norm, fabs(atof(csv_at(&a, i, at[0][1])) / atof(csv_at(&b, i, at[1][1])) - 1));
    }
    csv_free(&a);
    csv_free(&b);
    return 0;
}

static void test_peer(tokens_t *corpus, const char *dir) {
    char path[400], ours[500], golden[400];
    double loss = 1, norm = 1;
    result_t r;
    const train_t spec = peer_run();
    make_dir(path, sizeof path, dir, "peer");
    train(&spec, corpus, path, &r);
    snprintf(ours, sizeof ours, "%s/loss.csv", path);
    snprintf(golden, sizeof golden, "%s/tests/golden/train.csv", getenv("ROOT") ? getenv("ROOT") : ".");
    if (par_rank() == 0 && compare_golden(ours, golden, &loss, &norm) != 0) fprintf(stderr, "%s\n", err_text());
    par_broadcast(&loss, sizeof loss, 0);
    par_broadcast(&norm, sizeof norm, 0);
    verdict("losses of ten steps are PyTorch's", loss < 1e-5);
    verdict("norms of ten gradients are PyTorch's", norm < 1e-4);
}

static void test_refusals(tokens_t *corpus, const char *dir) {
    char path[400];
    model_t *model = make_model();
    train_t spec = short_run();
    make_dir(path, sizeof path, dir, "refused");
    spec.beta1 = 1;
    verdict("a setting out of range is an error",
            train_run(&spec, model, corpus, "test", path) == -1 && strstr(err_text(), "beta1"));
    spec = short_run();
    spec.lr = spec.decay = 1e3;
    verdict("a loss that is not finite is an error",
            train_run(&spec, model, corpus, "test", path) == -1 && strstr(err_text(), "not finite"));
    model_free(model);

    model = make_model();
    spec = short_run();
    if (par_rank() == par_size() - 1) {
        int64_t n;
        model_parameters(model, &n)[n / 2] += 1;
    }
    const int rc = train_run(&spec, model, corpus, "test", path);
    verdict("ranks that begin with other weights are noticed",
            par_size() == 1 ? rc == 0 : rc == -1 && strstr(err_text(), "differ"));
    model_free(model);
}

/* The last one: a signal is remembered, so every run after it stops after its next step. */
static void test_interruptions(tokens_t *corpus, const char *dir, const result_t *whole) {
    char path[400], state[500];
    result_t pieces;
    train_t spec = short_run();
    make_dir(path, sizeof path, dir, "pieces");
    snprintf(state, sizeof state, "%s/state.bin", path);
    if (par_rank() == par_size() - 1) raise(SIGTERM);

    model_t *model = make_model();
    verdict("a signal to one rank interrupts all",
            train_run(&spec, model, corpus, "test", path) == 1 && file_exists(state));
    model_free(model);
    model = make_model();
    spec.lr = 2e-2;
    verdict("a state of other settings is refused",
            train_run(&spec, model, corpus, "test", path) == -1 && strstr(err_text(), "another run"));
    model_free(model);

    spec = short_run();
    const int calls = train(&spec, corpus, path, &pieces);
    verdict("interrupted after every step", calls + 1 == train_steps(&spec, tokens_count(corpus), CONTEXT));
    verdict("interruptions leave no trace", same(whole, &pieces));
}

static void run_to_the_end(tokens_t *corpus, const char *dir) {
    result_t r;
    train_t spec = short_run();
    spec.epochs = 7;
    spec.save_every = 1e-9;
    train(&spec, corpus, dir, &r);
    if (par_rank() == 0) printf("weights %s, loss.csv %s\n", r.weights, r.losses);
}

int main(int argc, char **argv) {
    char dir[SHARED_FOLDER];
    result_t whole;
    if (par_init(&argc, &argv) != 0) return 1;
    if (argc == 3) {
        tokens_t *corpus = make_corpus(argv[2], "corpus", 60, 99);
        if (strcmp(argv[1], "run") == 0)
            run_to_the_end(corpus, argv[2]);
        else
            must(write_peer(argv[2], corpus));
        tokens_close(corpus);
        par_finalize();
        return 0;
    }
    par_watch_signals();
    shared_folder_make(dir);
    tokens_t *corpus = make_corpus(dir, "corpus", 60, 99);
    test_bits(corpus, dir, &whole);
    test_overfit(dir);
    test_clip(corpus, dir);
    test_peer(corpus, dir);
    test_refusals(corpus, dir);
    test_interruptions(corpus, dir, &whole);
    tokens_close(corpus);
    shared_folder_remove(dir);
    par_finalize();
    return failures != 0;
}
