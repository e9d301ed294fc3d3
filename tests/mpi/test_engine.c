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
                               .ends = {1, {0}}};
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
    bias = (float)setting * *(const float *)user;
}

static const int64_t contexts[] = {3, LENGTH - SUFFIX};
static const attachment_t attach = {.logits = add_bias};
static float step = 1;
static const arm_t arms[2] = {{"plain", &attach, set_bias, &step}, {"biased", &attach, set_bias, &step}};

static void run(const model_t *model, const probe_set_t *set, measure_t measure, int64_t batch_tokens, const char *dir,
                engine_work_t *work, char text[2][HASH_TEXT]) {
    engine_t spec = {2, contexts, SUFFIX, batch_tokens, measure};
    must(engine_run(&spec, model, set, arms, 2, "tiny", dir, work));
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
    engine_work_t work;
    run(model, set, MEASURE_ALL, 1000, dir, &work, whole);
    run(model, set, MEASURE_ALL, 40, dir, &work, small);
    if (par_rank() == 0) printf("records %s, %s\n", whole[0], whole[1]);
    verdict("the size of the batches leaves no trace", memcmp(whole, small, sizeof whole) == 0);
    verdict("arms differ", strcmp(whole[0], whole[1]) != 0);
    verdict("the work of all ranks is counted", work.reads == (int64_t)2 * 2 * PROBES * SUFFIX);
}

/* What records of verdicts alone say is in those of everything. */
static int is_same_verdict(const char *path, const record_t *all) {
    file_map_t map;
    int same = file_map(path, &map) == 0 && map.size == 2 * PROBES * sizeof *all;
    const record_t *r = (const record_t *)(const void *)map.data;
    for (int i = 0; same && i < 2 * PROBES; i++)
        same = r[i].probe_id == all[i].probe_id && r[i].context == all[i].context && r[i].verdict_only == 1 &&
               r[i].exact == all[i].exact && r[i].first_mismatch == all[i].first_mismatch;
    file_unmap(&map);
    return same;
}

/* Every fourth window goes on as the model would, for so many tokens. */
static void plant(const model_t *model, const probe_set_t *set) {
    session_t *session;
    const int32_t first = 0;
    const int64_t fed = contexts[1] - 1;
    must(session_create(model, 1, LENGTH, LENGTH, &session));
    for (int i = 0; i < PROBES; i += 4) {
        int32_t *row = (int32_t *)(uintptr_t)set->probe[i].tokens, *suffix = row + contexts[1];
        session_reset(session, first);
        must(session_forward(session, 1, &first, &fed, row, NULL));
        must(session_greedy(session, 1, &first, row + fed, SUFFIX - i % 5, NULL, suffix, NULL));
    }
    session_free(session);
}

static void test_verdicts(const model_t *model, const probe_set_t *set, const char *dir) {
    char hash[2][2][HASH_TEXT], path[400];
    engine_work_t work, other;
    file_map_t map;
    static record_t all[2 * PROBES];
    plant(model, set);
    step = 2; // changes a few verdicts
    snprintf(path, sizeof path, "%s/records.biased.bin", dir);
    run(model, set, MEASURE_ALL, 1000, dir, NULL, hash[0]);
    must(file_map(path, &map));
    memcpy(all, map.data, sizeof all);
    file_unmap(&map);
    par_barrier();
    run(model, set, MEASURE_VERDICT, 1000, dir, &work, hash[0]);
    if (par_rank() == 0) printf("verdicts %s, %s\n", hash[0][0], hash[0][1]);
    if (par_rank() == 0)
        printf("%d tokens fed, %d positions, %d reads\n", (int)work.tokens, (int)work.positions, (int)work.reads);
    verdict("arms differ in their verdicts", strcmp(hash[0][0], hash[0][1]) != 0);
    verdict("verdicts alone are those of the pass that measures all", is_same_verdict(path, all));
    par_barrier();
    run(model, set, MEASURE_VERDICT, 50, dir, &other, hash[1]);
    verdict("and no batch leaves a trace in them", memcmp(hash[0], hash[1], sizeof hash[0]) == 0);
    verdict("nor in the work", memcmp(&work, &other, sizeof work) == 0);
    step = 1;
}

/* One embedding is NaN; a probe near the end holds it. */
static void test_failure(model_t *model, const probe_set_t *set, const char *dir) {
    engine_t spec = {2, contexts, SUFFIX, 40, MEASURE_ALL};
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
    verdict("a NaN on one rank fails on all", engine_run(&spec, model, set, arms, 2, "tiny", path, NULL) == -1);
    verdict("and names its probe", strstr(err_text(), "model tiny, probe 50, context 24: ") != NULL);
    par_barrier();
    snprintf(path, sizeof path, "%s/broken/records.plain.bin", dir);
    int left = file_exists(path);
    strcat(path, ".part");
    verdict("and leaves no file", !left && !file_exists(path));
    spec.measure = MEASURE_VERDICT;
    path[strlen(path) - strlen("/records.plain.bin.part")] = 0;
    verdict("as it does where verdicts are asked for",
            engine_run(&spec, model, set, arms, 2, "tiny", path, NULL) == -1);
    verdict("and also names its probe", strstr(err_text(), "model tiny, probe 50, context 24: ") != NULL);
}

int main(int argc, char **argv) {
    char dir[SHARED_FOLDER];
    probe_set_t set;
    if (par_init(&argc, &argv) != 0) return 1;
    shared_folder_make(dir);
    model_t *model = make_model();
    make_set(&set);
    test_bits(model, &set, dir);
    test_verdicts(model, &set, dir);
    test_failure(model, &set, dir);
    model_free(model);
    shared_folder_remove(dir);
    par_finalize();
    return failures != 0;
}
