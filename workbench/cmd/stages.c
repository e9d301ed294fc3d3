/* The stages: settings in, calls to the layers below, an artifact out. See stages.h. */
#include "cmd/stages.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/file.h"
#include "base/log.h"
#include "base/num.h"
#include "base/seal.h"
#include "index/duplicates.h"
#include "index/near.h"
#include "index/probes.h"
#include "memory/datastore.h"
#include "memory/knn.h"
#include "model/model.h"
#include "model/train.h"
#include "par/par.h"
#include "probe/engine.h"
#include "report/report.h"
#include "text/ingest.h"
#include "text/tokenizer.h"
#include "text/tokens.h"
#include <stdio.h>
#include <string.h>

enum { PATH_BYTES = 4096 };

static void join(char path[PATH_BYTES], const char *dir, const char *name) {
    snprintf(path, PATH_BYTES, "%s/%s", dir, name);
}

/* Collective: what was made of files that are not those the folder is named by is thrown away, so that no later run
 * goes on with it. hold looks at them. Not asked behind a signal, which leaves no time to. */
static int check_read(const plan_t *plan, const stage_t *stage, int (*hold)(const plan_t *), int rc) {
    if (par_left_early()) return rc;
    char *why = rc == 0 ? NULL : mem_strdup(err_text());
    int holds = hold(plan);
    if (holds != 0 && par_left_early()) {
        rc = -1;
    } else if (holds != 0) {
        int removed = par_rank() == 0 ? dir_remove(stage->dir) : 0;
        (void)removed; // the other message matters more, and what stays there has no DONE
        rc = -1;
    } else if (why) {
        err_set("%s", why);
    }
    mem_free(why);
    return rc;
}

/* Collective: are the files of an artifact those that were written? */
static int check_seal(const char *dir) {
    return par_agree(par_rank() == 0 ? seal_check(dir) : 0);
}

/* Collective: is the tokenizer that was trained the one that was written? */
static int check_trained(const plan_t *plan) {
    for (int32_t i = 0; i < plan->n_stages; i++)
        if (plan->stage[i].run == stage_tokenizer) TRY(check_seal(plan->stage[i].dir));
    return 0;
}

int stage_tokenizer(const plan_t *plan, stage_t *stage) {
    ingest_t spec;
    TRY(par_agree(plan_ingest(plan, stage, &spec)));
    int rc = ingest_train_tokenizer(&spec, (int32_t)plan->study->corpus.train_vocab, plan->ingest_tokenizer);
    return check_read(plan, stage, plan_inputs_hold, rc);
}

/* Collective: copies the tokenizer beside the tokens that it is about to make. A corpus that can be read needs no one
 * to remember its tokenizer; who changes that one changes no text of ours; and parts that an interrupted run leaves are
 * of the tokenizer that the folder is named by, since nothing is encoded before the copy is known to be that one. */
static int take_tokenizer(const plan_t *plan) {
    TRY(par_agree(par_rank() == 0 ? file_copy(plan->ingest_tokenizer, plan->tokenizer) : 0));
    TRY(check_trained(plan));
    return plan_inputs_hold(plan);
}

int stage_ingest(const plan_t *plan, stage_t *stage) {
    ingest_t spec;
    TRY(par_agree(plan_ingest(plan, stage, &spec)));
    TRY(take_tokenizer(plan));
    return check_read(plan, stage, plan_inputs_hold, ingest_run(&spec, plan->tokenizer, stage->dir));
}

int stage_controls(const plan_t *plan, stage_t *stage) {
    ingest_t spec;
    TRY(par_agree(plan_ingest(plan, stage, &spec)));
    spec.inputs = &plan->control_inputs;
    spec.user = &plan->control_files;
    spec.held_out = 0; // of these: none is trained on
    spec.inject.per_level = 0;
    spec.is_controls = 1;
    TRY(check_seal(plan->ingest_dir));
    return check_read(plan, stage, plan_inputs_hold, ingest_run(&spec, plan->tokenizer, stage->dir));
}

int stage_census(const plan_t *plan, stage_t *stage) {
    const study_t *study = plan->study;
    char members[PATH_BYTES];
    join(members, plan->ingest_dir, "members");
    sample_t spec = {.protocol = study->probe.protocol,
                     .length = study_window(study),
                     .suffix = study->probe.suffix,
                     .per_bucket = study->probe.per_bucket,
                     .probes = study->probe.probes,
                     .path = {study->probe.path[0], study->probe.path[1]},
                     .paths = study->probe.paths,
                     .match = strcmp(study->probe.match, "source") == 0 ? MATCH_SOURCE : MATCH_COMPRESSIBILITY,
                     .seed = (uint64_t)study->run.seed,
                     .memory = study->run.memory};
    int64_t lengths[OPT_LIST];
    for (int32_t c = 0; c < study->probe.context.n; c++) lengths[c] = study->probe.context.v[c] + study->probe.suffix;
    if (strcmp(study->probe.windows, "each") == 0) {
        spec.lengths = lengths;
        spec.n_lengths = study->probe.context.n;
    }
    int rc = probes_sample(&spec, members, plan->controls_dir, stage->dir);
    return check_read(plan, stage, plan_lists_hold, rc);
}

static int open_members(const plan_t *plan, tokens_t **tokens) {
    char members[PATH_BYTES];
    join(members, plan->ingest_dir, "members");
    return par_agree(tokens_open(members, tokens));
}

int stage_duplicates(const plan_t *plan, stage_t *stage) {
    const study_census_t *census = &plan->study->census;
    tokens_t *corpus = NULL;
    TRY(check_seal(plan->ingest_dir));
    TRY(open_members(plan, &corpus));
    duplicates_t spec = {.n = census->lengths.n,
                         .length = census->lengths.v,
                         .overlapping = census->overlapping,
                         .per_document = census->per_document,
                         .top = census->top,
                         .memory = plan->study->run.memory};
    int rc = duplicates_run(&spec, corpus, plan->tokenizer, stage->dir);
    tokens_close(corpus);
    return rc;
}

int stage_near(const plan_t *plan, stage_t *stage) {
    const study_census_t *census = &plan->study->census;
    char levels[PATH_BYTES];
    tokens_t *corpus = NULL;
    join(levels, plan->duplicates_dir, "levels");
    TRY(check_seal(plan->duplicates_dir));
    TRY(open_members(plan, &corpus));
    near_t spec = {.shingle = census->shingle,
                   .threshold = census->threshold,
                   .window = census->lengths.v[census->lengths.n - 1],
                   .levels = levels};
    int rc = near_run(&spec, corpus, stage->dir);
    tokens_close(corpus);
    return rc;
}

int stage_train(const plan_t *plan, stage_t *stage) {
    const study_model_t *m = &plan->study->model[stage->model];
    tokens_t *corpus = NULL;
    model_t *model = NULL;
    TRY(check_seal(plan->ingest_dir));
    TRY(open_members(plan, &corpus));
    model_spec_t shape = study_model_spec(m, tokens_vocab(corpus), tokens_end(corpus));
    train_t spec = {.epochs = m->epochs,
                    .batch = m->batch,
                    .lr = m->lr,
                    .lr_end = m->lr_end,
                    .warmup = m->warmup,
                    .beta1 = 0.9,
                    .beta2 = 0.95,
                    .eps = 1e-8,
                    .decay = m->decay,
                    .clip = m->clip,
                    .seed = (uint64_t)plan->study->run.seed,
                    .save_every = m->save_every};
    int rc = par_agree(model_create(&shape, plan->ops, spec.seed, &model));
    if (rc == 0) rc = train_run(&spec, model, corpus, m->name, stage->dir);
    if (rc == 0) rc = par_agree(par_rank() == 0 ? model_save(model, stage->dir, plan->tokenizer) : 0);
    stage->tokens = m->epochs * (double)tokens_count(corpus);
    stage->flop = 3 * stage->tokens * spec_flop_per_token(&shape, shape.context);
    model_free(model);
    tokens_close(corpus);
    return rc;
}

/* A checkpoint must speak the corpus's tokens: same tokenizer, vocabulary not smaller. */
static int check_vocabulary(const plan_t *plan, int32_t i, const model_t *model) {
    TRY(plan_tokenizer_fits(plan, i, plan->model_dir[i], plan->tokenizer));
    tokenizer_t *tokenizer;
    TRY(tokenizer_load(plan->tokenizer, &tokenizer));
    int32_t vocab = tokenizer_vocab(tokenizer);
    tokenizer_free(tokenizer);
    return plan_vocab_fits(plan, i, model_spec(model)->vocab, vocab);
}

static int check_context(const plan_t *plan, int32_t i, const model_t *model) {
    int64_t need = study_window(plan->study) - 1;
    if (model_spec(model)->context >= need) return 0;
    return err_set("model %s sees at most %lld tokens, the longest probe needs %lld: shorten [probe] context or suffix",
                   plan->study->model[i].name, (long long)model_spec(model)->context, (long long)need);
}

static void say_loaded(const char *name, const model_t *model, double seconds) {
    const model_held_t held = model_held(model);
    char bytes[NUM_TEXT];
    log_info(
        "model %s: %.3g million parameters held as %s, %s in %s for %d rank%s of a node; read and packed in %.3g s",
        name, 1e-6 * (double)spec_parameters(model_spec(model), 1), held.types,
        num_print_bytes(bytes, (double)held.bytes), held.place, held.ranks, held.ranks == 1 ? "" : "s", seconds);
}

/* Collective. The model of a stage. */
static int load_model(const plan_t *plan, stage_t *stage, const model_t **model) {
    const study_model_t *m = &plan->study->model[stage->model];
    double start = clock_wall();
    *model = NULL;
    TRY(check_seal(plan->ingest_dir));
    if (m->train) TRY(check_seal(plan->model_dir[stage->model])); // others are named by their contents
    TRY(model_share(m->precision, plan->model_dir[stage->model], plan->ops, plan->study->run.cache, model));
    stage->load_seconds = clock_wall() - start;
    say_loaded(m->name, *model, stage->load_seconds);
    int rc = plan_weights_hold(plan, stage->model);
    if (rc == 0) rc = check_vocabulary(plan, stage->model, *model);
    if (rc == 0) rc = check_context(plan, stage->model, *model);
    if (par_agree(rc) == 0) return 0;
    model_free(*model);
    return -1;
}

double stage_store_flop(const model_spec_t *shape, double tokens) {
    return tokens * (spec_flop_per_token(shape, shape->context) - spec_flop_ffn(shape) - spec_flop_head(shape));
}

int stage_store(const plan_t *plan, stage_t *stage) {
    tokens_t *corpus = NULL;
    const model_t *model = NULL;
    TRY(open_members(plan, &corpus));
    int rc = load_model(plan, stage, &model);
    if (rc == 0)
        rc = datastore_build(model, corpus, plan->study->memory[stage->memory].stride,
                             plan->study->model[stage->model].name, stage->dir);
    if (rc == 0) {
        stage->tokens = (double)tokens_count(corpus);
        stage->flop = stage_store_flop(model_spec(model), stage->tokens);
        model_free(model);
    }
    tokens_close(corpus);
    return rc;
}

static void select_lambda(void *user, int32_t setting) {
    const opt_reals_t *lambda = ((void **)user)[1];
    knn_lm_set_lambda(((void **)user)[0], lambda->v[setting]);
}

/* The arms of one stage: the bare model, or one memory at each of its lambdas. */
static int probe_arms(const plan_t *plan, stage_t *stage, const engine_t *spec, const model_t *model,
                      const probe_set_t *set, engine_work_t *work) {
    const char *name = stage->name + strlen("probe ");
    if (stage->memory < 0) {
        arm_t bare = {.name = "bare"};
        TRY(engine_run(spec, model, set, &bare, 1, name, stage->dir, work));
        if (strcmp(plan->study->probe.verify, "no") == 0) return 0;
        return engine_verify(spec, model, set, &bare, 1, name, stage->dir);
    }
    const study_memory_t *memory = &plan->study->memory[stage->memory];
    datastore_t store;
    knn_lm_t *blend = NULL;
    TRY(check_seal(plan->store_dir[stage->model][stage->memory]));
    int opened = datastore_open(plan->store_dir[stage->model][stage->memory], &store) == 0;
    int rc = opened ? knn_lm_create(&store, model, memory->k, memory->temperature, &blend) : -1;
    arm_t arms[OPT_LIST];
    void *user[2] = {blend, (void *)(uintptr_t)&memory->lambda};
    for (int32_t i = 0; rc == 0 && i < memory->lambda.n; i++) {
        arms[i] = (arm_t){plan_arm_name(plan, stage->memory, i), knn_lm_attachment(blend), select_lambda, user};
        if (!arms[i].name) rc = -1;
    }
    rc = par_agree(rc);
    if (rc == 0) rc = engine_run(spec, model, set, arms, memory->lambda.n, name, stage->dir, work);
    if (rc == 0) { // the search: two FLOP a dimension for each entry and query
        int64_t searched = knn_lm_searched(blend);
        par_sum_i64(&searched, 1);
        stage->flop += 2 * (double)searched * (double)store.n * (double)store.width;
    }
    if (rc == 0 && strcmp(plan->study->probe.verify, "all") == 0)
        rc = engine_verify(spec, model, set, arms, memory->lambda.n, name, stage->dir);
    knn_lm_free(blend);
    if (opened) datastore_close(&store);
    return rc;
}

int stage_probe(const plan_t *plan, stage_t *stage) {
    const study_t *study = plan->study;
    engine_t spec = {.n_context = study->probe.context.n,
                     .context = study->probe.context.v,
                     .suffix = study->probe.suffix,
                     .batch_tokens = study->probe.batch_tokens,
                     .measure = study->probe.measure};
    engine_work_t work = {0};
    probe_set_t set;
    const model_t *model;
    TRY(check_seal(plan->probes_dir));
    TRY(par_agree(probes_read(plan->probes_dir, &set)));
    int rc = load_model(plan, stage, &model);
    if (rc == 0) {
        rc = probe_arms(plan, stage, &spec, model, &set, &work);
        stage->tokens = (double)work.tokens;
        stage->flop += work.flop;
        model_free(model);
    }
    probes_free(&set);
    return rc;
}

static int add_cell(const plan_t *plan, report_t *report, report_cell_t *cells, int32_t model, int64_t parameters,
                    const char *arm, int32_t memory) {
    char path[PATH_BYTES];
    snprintf(path, sizeof path, "%s/records.%s.bin", plan->probe_dir[model][memory + 1], arm);
    char *kept = arena_strdup(plan->arena, path);
    if (!kept) return -1;
    cells[report->n_cells++] = (report_cell_t){plan->study->model[model].name, parameters, arm, kept};
    return 0;
}

/* One cell for each model and arm, in the order of the config. */
static int collect_cells(const plan_t *plan, report_t *report, report_cell_t *cells) {
    const study_t *study = plan->study;
    for (int32_t i = 0; i < study->n_models; i++) {
        char path[PATH_BYTES];
        model_spec_t shape;
        join(path, plan->model_dir[i], "config.json");
        TRY(spec_read(path, &shape));
        int64_t parameters = spec_parameters(&shape, 0);
        TRY(add_cell(plan, report, cells, i, parameters, "bare", -1));
        for (int32_t m = 0; m < study->n_memories; m++) {
            if (!plan->store_dir[i][m]) continue;
            for (int32_t l = 0; l < study->memory[m].lambda.n; l++) {
                const char *arm = plan_arm_name(plan, m, l);
                if (!arm) return -1;
                TRY(add_cell(plan, report, cells, i, parameters, arm, m));
            }
        }
    }
    return 0;
}

/* Everything that the report reads. */
static int check_seals(const plan_t *plan) {
    for (int32_t i = 0; i < plan->n_stages; i++)
        if (plan->stage[i].sealed) TRY(seal_check(plan->stage[i].dir));
    return 0;
}

static int write_report(const plan_t *plan, const stage_t *stage) {
    const study_t *study = plan->study;
    char path[PATH_BYTES];
    int64_t most = 0;
    for (int32_t i = 0; i < study->n_models; i++)
        for (int32_t m = -1; m < study->n_memories; m++) most += m < 0 ? 1 : study->memory[m].lambda.n;
    report_cell_t *cells = arena_new(plan->arena, most, sizeof *cells, "the cells of the report");
    if (!cells) return -1;
    report_t report = {.name = study->run.name,
                       .dir = stage->dir,
                       .probes_dir = plan->probes_dir,
                       .tokenizer_path = plan->tokenizer,
                       .n_context = study->probe.context.n,
                       .context = study->probe.context.v,
                       .suffix = study->probe.suffix,
                       .measure = study->probe.measure,
                       .cell = cells,
                       .alpha = study->probe.alpha,
                       .plots_dir = study->run.plots};
    TRY(check_seals(plan));
    TRY(collect_cells(plan, &report, cells));
    join(path, stage->dir, "config.ini");
    TRY(study_write_config(study, path));
    if (plan->duplicates_dir) TRY(report_census(&report, plan->duplicates_dir, plan->near_dir));
    if (study->n_models == 0) return 0;
    char matching[PATH_BYTES];
    join(matching, plan->probes_dir, "matching.csv");
    join(path, stage->dir, "matching.csv");
    TRY(file_copy(matching, path));
    TRY(report_tables(&report));
    TRY(report_figures(&report));
    return report_page(&report);
}

int stage_report(const plan_t *plan, stage_t *stage) {
    return par_agree(par_rank() == 0 ? write_report(plan, stage) : 0);
}
