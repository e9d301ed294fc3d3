/* `memprobe selftest`: proves laws 1, 2 and 4 on this machine and this build, in seconds, without data. Law 1: all
 * kernels give the reference's bits, for any batch, teacher-forced or cached. Law 2: sums over ranks have the bits of
 * the fixed tree. Law 4: a memory with lambda 0, and an empty one, leave the bare model's bits. */
#include "base/err.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/rng.h"
#include "cmd/verbs.h"
#include "memory/knn.h"
#include "model/model.h"
#include "par/par.h"
#include "tensor/tensor.h"
#include <stdio.h>
#include <string.h>

enum { LENGTH = 75, SEED = 7, ENTRIES = 500 };

static const model_spec_t SHAPE = {.family = "gpt_neox",
                                   .vocab = 1031,
                                   .layers = 3,
                                   .width = 96,
                                   .heads = 4,
                                   .head_size = 24,
                                   .ffn = 384,
                                   .context = 128,
                                   .rotary_dims = 6,
                                   .rotary_base = 10000,
                                   .norm_eps = 1e-5f,
                                   .parallel_residual = 1,
                                   .ends = {1, {0}}};

static int32_t token_at(int64_t i) {
    return (int32_t)rng_below(SEED, RNG_TEST, (uint64_t)i, SHAPE.vocab);
}

/* Feeds LENGTH tokens in pieces of `piece` and takes the head's statistics at every position: stat (LENGTH). */
static int run_model(const model_t *model, int64_t piece, const attachment_t *attach, head_stat_t *stat) {
    session_t *session;
    TRY(session_create(model, 1, SHAPE.context, LENGTH, &session));
    int rc = 0;
    for (int64_t first = 0; rc == 0 && first < LENGTH; first += piece) {
        int64_t n = first + piece > LENGTH ? LENGTH - first : piece, select[LENGTH];
        int32_t tokens[LENGTH], target[LENGTH], sequence = 0;
        for (int64_t i = 0; i < n; i++) {
            tokens[i] = token_at(first + i);
            target[i] = token_at(first + i + 1);
            select[i] = i;
        }
        rc = session_forward(session, 1, &sequence, &n, tokens, attach);
        if (rc == 0) rc = session_head(session, n, select, target, attach, stat + first);
    }
    session_free(session);
    return rc;
}

static int check_same(const head_stat_t *a, const head_stat_t *b, const char *what) {
    for (int i = 0; i < LENGTH; i++)
        if (memcmp(&a[i], &b[i], sizeof a[i]) != 0)
            return err_set("%s: the bits differ at position %d; results of this build must not be published", what, i);
    return 0;
}

static int check_kernels(precision_t precision, const head_stat_t *reference) {
    static const char *const NAMES[] = {"avx2", "avx512", "auto"};
    static const int64_t PIECES[] = {1, 13, LENGTH};
    head_stat_t stat[LENGTH];
    for (size_t k = 0; k < sizeof NAMES / sizeof NAMES[0]; k++) {
        const tensor_ops_t *ops = tensor_kernels(NAMES[k]);
        model_t *model;
        if (!ops) continue; // this CPU has no such instructions
        TRY(model_create(&SHAPE, ops, SEED, &model));
        int rc = model_set_precision(model, precision);
        for (size_t p = 0; rc == 0 && p < sizeof PIECES / sizeof PIECES[0]; p++) {
            rc = run_model(model, PIECES[p], NULL, stat);
            if (rc == 0) rc = check_same(reference, stat, ops->name);
        }
        model_free(model);
        TRY(rc);
    }
    return 0;
}

/* The same in bf16, by the CPU's instruction where there is one. */
static int check_bf16(void) {
    head_stat_t reference[LENGTH];
    model_t *model;
    TRY(model_create(&SHAPE, tensor_kernels("reference"), SEED, &model));
    int rc = model_set_precision(model, PRECISION_BF16);
    if (rc == 0) rc = run_model(model, LENGTH, NULL, reference);
    if (rc == 0) rc = check_kernels(PRECISION_BF16, reference);
    model_free(model);
    return rc;
}

/* The tree over ranks against the definition: pairwise sums of the leaves, here by one rank alone. */
static int check_tree(void) {
    enum { LEAVES = 16, N = 1000 };
    par_tree_t *tree;
    static float leaf[LEAVES][N], total[N];
    for (int l = 0; l < LEAVES; l++)
        for (int i = 0; i < N; i++) leaf[l][i] = (float)(rng_unit(SEED, RNG_TEST, (uint64_t)(l * N + i)) - 0.5);
    TRY(par_tree_create(N, LEAVES, &tree));
    for (int32_t l = par_tree_first(tree); l < par_tree_last(tree); l++) {
        memcpy(par_tree_leaf(tree), leaf[l], sizeof leaf[l]);
        par_tree_push(tree);
    }
    par_tree_finish(tree, total);
    par_tree_free(tree);
    for (int step = 1; step < LEAVES; step *= 2)
        for (int l = 0; l < LEAVES; l += 2 * step)
            for (int i = 0; i < N; i++) leaf[l][i] += leaf[l + step][i];
    return memcmp(total, leaf[0], sizeof total) == 0 ? 0 : err_set("a sum over ranks differs from the fixed tree");
}

/* Every rank must have computed the same bits. Collective. */
static int check_ranks(const head_stat_t *stat) {
    hash_t hash = hash_bytes(stat, sizeof *stat * LENGTH, 0);
    int64_t low = (int64_t)hash.lo, high = -low;
    par_min_i64(&low, 1);
    par_min_i64(&high, 1);
    return low == -high ? 0 : err_set("ranks computed different bits: the nodes of this job differ");
}

static int check_memory(const head_stat_t *bare, const model_t *model) {
    head_stat_t stat[LENGTH];
    float *keys = mem_new(ENTRIES * SHAPE.width, sizeof *keys, "selftest keys");
    int32_t values[ENTRIES];
    int64_t positions[ENTRIES];
    if (!keys) return -1;
    tensor_fill_normal(SEED, 1, ENTRIES * SHAPE.width, 1, keys);
    for (int i = 0; i < ENTRIES; i++) {
        values[i] = token_at(i);
        positions[i] = i;
    }
    int rc = 0;
    for (int64_t n = 0; rc == 0 && n <= ENTRIES; n += ENTRIES) { // an empty store at lambda 0.5, a full one at 0
        datastore_t store = {.n = n, .width = SHAPE.width, .keys = keys, .values = values, .position = positions};
        knn_lm_t *blend;
        rc = knn_lm_create(&store, model, 16, 10, &blend);
        if (rc != 0) break;
        knn_lm_set_lambda(blend, n ? 0 : 0.5);
        rc = run_model(model, LENGTH, knn_lm_attachment(blend), stat);
        if (rc == 0) rc = check_same(bare, stat, n ? "memory with lambda 0" : "empty memory");
        if (rc == 0 && n) { // and the memory does something when it is let
            knn_lm_set_lambda(blend, 0.5);
            rc = run_model(model, LENGTH, knn_lm_attachment(blend), stat);
            if (rc == 0 && memcmp(stat, bare, sizeof stat) == 0) rc = err_set("a memory with lambda 0.5 has no effect");
        }
        knn_lm_free(blend);
    }
    mem_free(keys);
    return rc;
}

static int report_check(const char *law, const char *what, int rc) {
    rc = par_agree(rc);
    if (par_rank() == 0) printf("%-6s %-8s %s\n", rc == 0 ? "ok" : "FAILED", law, what);
    return rc;
}

static int run_checks(void) {
    head_stat_t reference[LENGTH];
    model_t *model;
    const tensor_ops_t *ops = tensor_kernels("reference");
    TRY(model_create(&SHAPE, ops, SEED, &model));
    int rc = run_model(model, LENGTH, NULL, reference);
    if (rc == 0)
        rc = report_check("law 1", "all kernels give the reference's bits, for any batch, cached or not",
                          check_kernels(PRECISION_FP32, reference));
    if (rc == 0) rc = report_check("law 1", "so they do in bf16", check_bf16());
    if (rc == 0) rc = report_check("law 2", "sums over ranks have the bits of the fixed tree", check_tree());
    if (rc == 0) rc = report_check("law 2", "all ranks compute the same bits", check_ranks(reference));
    if (rc == 0)
        rc = report_check("law 4", "lambda 0 and an empty memory leave the bare model's bits",
                          check_memory(reference, model));
    model_free(model);
    return rc;
}

int cmd_selftest(int argc, char **argv) {
    if (argc > 1) {
        int help = strcmp(argv[1], "--help") == 0;
        fprintf(help ? stdout : stderr, "usage: memprobe selftest   (or mpirun -n RANKS memprobe selftest)\n");
        return help ? verb_end(0) : EXIT_MISUSE;
    }
    if (par_init(&argc, &argv) != 0) {
        fprintf(stderr, "memprobe: error: %s\n", err_text());
        return EXIT_FAILED;
    }
    int rc = run_checks();
    int speaks = par_rank() == 0, status = rc == 0 ? 0 : EXIT_FAILED;
    if (speaks && rc == 0)
        printf("selftest passed: %d rank%s, kernels %s\n", par_size(), par_size() > 1 ? "s" : "", tensor_available());
    if (speaks) status = verb_end(rc);
    par_finalize();
    return status;
}
