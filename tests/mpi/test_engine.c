/* The probe engine on any number of ranks: the printed hashes of the records are the same for all, also with batches so
 * small that every rank gets many, and a probe that fails on one rank ends the stage on all with its name. */
#include "base/err.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/rng.h"
#include "par/par.h"
#include "probe/engine.h"
#include "ranks_check.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { VOCAB = 600, LENGTH = 40, SUFFIX = 16, PROBES = 60 };
static model_t *make_model(void) {
    const model_spec_t spec = {.family = "gpt_neox",
                               .vocab = VOCAB,
                               .layers = 2,
                               .width = 32,
                               .heads = 2,
                               .head_size = 16,
                               .ffn = 128,
                               .context = LENGTH,
                               .rotary_dims = 8,
                               .rotary_base = 10000,
                               .norm_eps = 1e-5f,
                               .parallel_residual = 1,
                               .end_token = 0};
    const tensor_ops_t *ops = tensor_kernels("auto");
    model_t *model = NULL;
    must(ops ? model_create(&spec, ops, 1, &model) : -1);
    return model;
}

static void make_set(probe_set_t *set) {
    static int32_t tokens[PROBES * LENGTH];
    static probe_t probe[PROBES];
    for (uint64_t i = 0; i < PROBES * LENGTH; i++) tokens[i] = (int32_t)rng_below(5, RNG_TEST, i, VOCAB);
    for (int32_t i = 0; i < PROBES; i++)
        probe[i] = (probe_t){.probe_id = i, .length = LENGTH, .tokens = tokens + i * LENGTH};
    *set = (probe_set_t){.n = PROBES, .length = LENGTH, .probe = probe};
}

/* A second arm whose logits differ from the bare ones. */
static float bias;
static int add_bias(void *user, int64_t n, const int64_t *select, const row_t *rows, float *logits) {
    (void)user, (void)select, (void)rows;
    for (int64_t i = 0; i < n; i++) logits[i * VOCAB + 7] += bias;
    return 0;
}

static void set_bias(void *user, int32_t setting) {
    (void)user;
    bias = (float)setting;
}

static const int64_t contexts[] = {3, LENGTH - SUFFIX};
static const attachment_t attach = {.logits = add_bias};
static const arm_t arms[2] = {{"plain", &attach, set_bias, NULL}, {"biased", &attach, set_bias, NULL}};

static void run(const model_t *model, const probe_set_t *set, int64_t batch_tokens, const char *dir,
                char text[2][HASH_TEXT]) {
    engine_t spec = {.n_context = 2, .context = contexts, .suffix = SUFFIX, .batch_tokens = batch_tokens};
    must(engine_run(&spec, model, set, arms, 2, "tiny", dir));
    for (int a = 0; a < 2; a++) {
        char path[400];
        hash_t hash;
        snprintf(path, sizeof path, "%s/records.%s.bin", dir, arms[a].name);
        must(hash_file(path, &hash));
        hash_print(text[a], hash);
    }
    par_barrier();
}

static void test_bits(const model_t *model, const probe_set_t *set, const char *dir) {
    char whole[2][HASH_TEXT], small[2][HASH_TEXT];
    run(model, set, 1000, dir, whole);
    run(model, set, 40, dir, small);
    if (par_rank() == 0) printf("records %s, %s\n", whole[0], whole[1]);
    verdict("the size of the batches leaves no trace", memcmp(whole, small, sizeof whole) == 0);
    verdict("arms differ", strcmp(whole[0], whole[1]) != 0);
}

/* One embedding is NaN; a probe near the end holds it. */
static void test_failure(model_t *model, const probe_set_t *set, const char *dir) {
    engine_t spec = {.n_context = 2, .context = contexts, .suffix = SUFFIX, .batch_tokens = 40};
    char path[400];
    int64_t n;
    int32_t tensors, *tokens = (int32_t *)(uintptr_t)set->probe[0].tokens;
    for (int32_t i = 0; i < PROBES * LENGTH; i++)
        if (tokens[i] == 9) tokens[i] = 8;
    tokens[50 * LENGTH] = 9;
    model_parameters(model, &n)[model_tensors(model, &tensors)[0].offset + 9 * 32] = NAN;
    must(model_pack(model));
    snprintf(path, sizeof path, "%s/broken", dir);
    must(par_agree(par_rank() == 0 ? dir_make(path) : 0));
    verdict("a NaN on one rank fails on all", engine_run(&spec, model, set, arms, 2, "tiny", path) == -1);
    verdict("and names its probe", strstr(err_text(), "model tiny, probe 50, context 24: ") != NULL);
    par_barrier();
    snprintf(path, sizeof path, "%s/broken/records.plain.bin", dir);
    int left = file_exists(path);
    strcat(path, ".part");
    verdict("and leaves no file", !left && !file_exists(path));
}

int main(int argc, char **argv) {
    char dir[SHARED_FOLDER];
    probe_set_t set;
    if (par_init(&argc, &argv) != 0) return 1;
    shared_folder_make(dir);
    model_t *model = make_model();
    make_set(&set);
    test_bits(model, &set, dir);
    test_failure(model, &set, dir);
    model_free(model);
    shared_folder_remove(dir);
    par_finalize();
    return failures != 0;
}
