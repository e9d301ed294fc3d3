/* Builds the chain of hashes: inputs -> tokenizer -> ingest -> census, models -> stores -> probes -> report. */
#include "cmd/plan.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/num.h"
#include "cmd/stages.h"
#include "model/spec.h"
#include "par/par.h"
#include "text/tokens.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Raised when a stage writes other bytes than before for the same settings: old artifacts then no longer count. */
enum {
    FORMAT_TOKENIZER = 2,
    FORMAT_INGEST = 7,
    FORMAT_CENSUS = 5,
    FORMAT_DUPLICATES = 2,
    FORMAT_NEAR = 2,
    FORMAT_TRAIN = 2,
    FORMAT_STORE = 2,
    FORMAT_PROBE = 2,
    FORMAT_REPORT = 4
};

__attribute__((format(printf, 2, 3))) static const char *format_text(arena_t *arena, const char *format, ...) {
    char text[4096];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (n < 0 || (size_t)n >= sizeof text) {
        err_set("a path of more than %zu bytes: choose shorter folder names", sizeof text);
        return NULL;
    }
    return arena_strdup(arena, text);
}

static void add_hash(hasher_t *h, hash_t hash) {
    hasher_add(h, &hash, sizeof hash);
}

static hasher_t *hasher_of(const char *kind, int format) {
    hasher_t *h = hasher_create();
    if (!h) return NULL;
    hasher_add_text(h, kind);
    hasher_add_i64(h, format);
    return h;
}

/* All kernels give the same bits but those of OpenBLAS. */
static void add_kernels(hasher_t *h, const plan_t *plan) {
    if (strcmp(plan->ops->name, "openblas") == 0) hasher_add_text(h, "openblas");
}

/* Of what is computed with model i. */
static void add_precision(hasher_t *h, const plan_t *plan, int32_t i) {
    if (plan->study->model[i].precision == PRECISION_BF16) hasher_add_text(h, "bf16");
}

/* Adds a stage; its folder is CACHE/VERB-HASH unless dir is given. Returns its folder, NULL on failure. */
static const char *add_stage(plan_t *plan, const char *verb, const char *name, const char *dir, hash_t hash,
                             int (*run)(const plan_t *, stage_t *), int32_t model, int32_t memory, int32_t resumable) {
    char text[HASH_TEXT];
    hash_print(text, hash);
    if (!dir) dir = format_text(plan->arena, "%s/%s-%.16s", plan->study->run.cache, verb, text);
    if (!dir || !name) return NULL;
    plan->stage[plan->n_stages++] = (stage_t){.verb = verb,
                                              .name = name,
                                              .dir = dir,
                                              .hash = hash,
                                              .model = model,
                                              .memory = memory,
                                              .resumable = resumable,
                                              .run = run};
    return dir;
}

/* Its files get checksums, which the stages that read them compare. (Shards, in a folder of theirs, have their own.) */
static const char *seal_stage(plan_t *plan, const char *dir) {
    if (dir) plan->stage[plan->n_stages - 1].sealed = 1;
    return dir;
}

/* Names without folders, and contents. */
static int add_files(hasher_t *h, const file_list_t *files) {
    for (int64_t i = 0; i < files->count; i++) {
        hash_t content;
        const char *slash = strrchr(files->path[i], '/');
        TRY(hash_file(files->path[i], &content));
        hasher_add_text(h, slash ? slash + 1 : files->path[i]);
        add_hash(h, content);
    }
    return 0;
}

/* How the documents of an input are read: its format and all that was said or found about it. */
static void add_input(hasher_t *h, const input_t *input) {
    const int64_t options[] = {input->width,  input->is_signed, input->data,   input->end,
                               input->record, input->by_line,   input->packing};
    hasher_add_text(h, input->name);
    hasher_add_text(h, input_format(input));
    hasher_add_text(h, input->source);
    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++) hasher_add_i64(h, options[i]);
    if (strcmp(input_format(input), "jsonl") != 0) return;
    hasher_add_text(h, input->rules->text_field);
    hasher_add_text(h, input->rules->id_field);
    hasher_add_text(h, input->rules->source_field);
}

/* The files of a list, appended to those of the plan. */
static int list_files(plan_t *plan, const inputs_t *inputs, plan_files_t *files) {
    int64_t start = plan->files;
    files->file = plan->file + start;
    files->first = arena_new(plan->arena, inputs->count + 1, sizeof *files->first, "places of the inputs' files");
    if (files->first == NULL) return -1;
    files->first[0] = 0;
    for (int64_t i = 0; i < inputs->count; i++) {
        plan->file[plan->files++].path = inputs->input[i].path;
        if (inputs->input[i].second) plan->file[plan->files++].path = inputs->input[i].second;
        files->first[i + 1] = plan->files - start;
    }
    return 0;
}

/* Collective: reads the files of all lists. */
static int hash_files(plan_t *plan, int remember) {
    char cache[4096];
    int64_t most = 2 * (plan->inputs.count + plan->control_inputs.count) + 1;
    plan->file = arena_new(plan->arena, most, sizeof *plan->file, "hashes of the inputs");
    plan->files = 0;
    int rc = plan->file ? list_files(plan, &plan->inputs, &plan->input_files) : -1;
    if (rc == 0) rc = list_files(plan, &plan->control_inputs, &plan->control_files);
    TRY(par_agree(rc));
    if (!plan->study->corpus.train_vocab) plan->file[plan->files++].path = plan->study->corpus.tokenizer;
    snprintf(cache, sizeof cache, "%s/inputs.csv", plan->study->run.cache);
    return file_hashes(plan->file, plan->files, cache, remember);
}

/* Collective: the hash of a list, whose files are those of the plan from *at on. */
static int hash_inputs(const plan_t *plan, const inputs_t *inputs, int64_t *at, hash_t *hash) {
    hasher_t *h = hasher_of("inputs", 2);
    TRY(par_agree(h ? 0 : -1));
    for (int64_t i = 0; i < inputs->count; i++) {
        add_input(h, &inputs->input[i]);
        add_hash(h, plan->file[(*at)++].hash);
        if (inputs->input[i].second) add_hash(h, plan->file[(*at)++].hash);
    }
    *hash = hasher_finish(h);
    return 0;
}

int plan_inputs_hold(const plan_t *plan) {
    return file_hashes_hold(plan->file, plan->files);
}

/* Collective: the probes that were named. */
static int hash_lists(plan_t *plan, int remember) {
    char cache[4096];
    const study_probe_t *probe = &plan->study->probe;
    plan->lists = probe->paths;
    if (plan->lists == 0) return 0;
    for (int32_t i = 0; i < plan->lists; i++) plan->list[i].path = probe->path[i];
    snprintf(cache, sizeof cache, "%s/inputs.csv", plan->study->run.cache);
    return file_hashes(plan->list, plan->lists, cache, remember);
}

int plan_lists_hold(const plan_t *plan) {
    return plan->lists == 0 ? 0 : file_hashes_hold(plan->list, plan->lists);
}

/* The gnuplot scripts: figures depend on them. A folder without any is an error of the report, not of the plan. */
static int hash_scripts(const char *dir, hash_t *hash) {
    char pattern[4096];
    file_list_t files = {0};
    snprintf(pattern, sizeof pattern, "%s/*.gp", dir);
    TRY(file_glob_in(dir, "*.gp", &files));
    hasher_t *h = hasher_of("scripts", 1);
    int rc = h ? add_files(h, &files) : -1;
    if (rc == 0 && files.count == 0) rc = err_set("%s: there are none", pattern);
    if (h) *hash = hasher_finish(h);
    file_list_free(&files);
    return rc;
}

/* What can be said before anything runs: the stages that need the weights may come hours later. */
static int check_checkpoint(const plan_t *plan, int32_t i) {
    const study_model_t *model = &plan->study->model[i];
    char path[4096];
    model_spec_t shape;
    snprintf(path, sizeof path, "%s/config.json", model->checkpoint);
    if (spec_read(path, &shape) != 0)
        return err_context("model %s (a checkpoint is a Hugging Face folder with config.json, *.safetensors and "
                           "tokenizer.json)",
                           model->name);
    if (plan->vocab > 0) TRY(plan_tokenizer_fits(plan, i, model->checkpoint, plan->study->corpus.tokenizer));
    TRY(plan_vocab_fits(plan, i, shape.vocab, plan->vocab));
    int64_t need = study_window(plan->study) - 1;
    if (shape.context >= need) return 0;
    return err_set("%s: model %s sees at most %lld tokens, the longest probe needs %lld: shorten [probe] context or "
                   "suffix",
                   path, model->name, (long long)shape.context, (long long)need);
}

/* Collective: read once, by rank 0; the other ranks get the hash. */
static int take_scripts(plan_t *plan) {
    int rc = par_rank() == 0 ? hash_scripts(plan->study->run.plots, &plan->scripts) : 0;
    if (rc != 0) err_context("[run] plots has to be the folder plots of memprobe's source tree");
    TRY(par_agree(rc));
    par_broadcast(&plan->scripts, sizeof plan->scripts, 0);
    return 0;
}

/* The settings that decide which text is a member: part of the tokenizer's and of the tokens' hash. */
static void add_corpus_settings(hasher_t *h, const study_t *study, hash_t inputs) {
    add_hash(h, inputs);
    hasher_add_i64(h, study->run.seed);
    hasher_add_f64(h, study->corpus.held_out);
    hasher_add_i64(h, study->inject.per_level);
    if (study->inject.per_level == 0) return;
    hasher_add_i64(h, study->inject.words);
    for (int32_t i = 0; i < study->inject.duplicates.n; i++) hasher_add_i64(h, study->inject.duplicates.v[i]);
}

/* The control corpus that was given: documents with the same tokenizer, all of them in its folder "members". */
static int plan_controls(plan_t *plan, hash_t inputs, hash_t tokenizer, hash_t *ingest) {
    const study_t *study = plan->study;
    hasher_t *h = hasher_of("controls", FORMAT_INGEST);
    if (!h) return -1;
    add_hash(h, inputs);
    add_hash(h, tokenizer);
    hasher_add_i64(h, study->corpus.part);
    hasher_add_text(h, study->corpus.end_token);
    *ingest = hasher_finish(h);
    const char *dir = add_stage(plan, "controls", "controls", NULL, *ingest, stage_controls, -1, -1, 1);
    if (!dir) return -1;
    plan->stage[plan->n_stages - 1].verb = "ingest";
    plan->controls_dir = format_text(plan->arena, "%s/members", dir);
    return plan->controls_dir ? 0 : -1;
}

/* controls: the hash of what else the probes depend on; of no use when no control corpus was given. */
static int plan_corpus(plan_t *plan, int remember, hash_t *ingest, hash_t *controls) {
    const study_t *study = plan->study;
    hash_t inputs, control_inputs, tokenizer;
    int64_t at = 0;
    TRY(hash_files(plan, remember));
    TRY(hash_inputs(plan, &plan->inputs, &at, &inputs));
    TRY(hash_inputs(plan, &plan->control_inputs, &at, &control_inputs));
    if (study->corpus.train_vocab) {
        hasher_t *h = hasher_of("tokenizer", FORMAT_TOKENIZER);
        if (!h) return -1;
        add_corpus_settings(h, study, inputs);
        hasher_add_i64(h, study->corpus.train_vocab);
        tokenizer = hasher_finish(h);
        const char *dir =
            seal_stage(plan, add_stage(plan, "tokenizer", "tokenizer", NULL, tokenizer, stage_tokenizer, -1, -1, 0));
        plan->ingest_tokenizer = dir ? format_text(plan->arena, "%s/tokenizer.json", dir) : NULL;
        if (!plan->ingest_tokenizer) return -1;
        plan->stage[plan->n_stages - 1].verb = "ingest";
    } else {
        plan->ingest_tokenizer = study->corpus.tokenizer;
        tokenizer = plan->file[at].hash;
    }
    hasher_t *h = hasher_of("ingest", FORMAT_INGEST);
    if (!h) return -1;
    add_corpus_settings(h, study, inputs);
    add_hash(h, tokenizer);
    hasher_add_i64(h, study->corpus.part);
    hasher_add_text(h, study->corpus.end_token);
    *ingest = hasher_finish(h);
    plan->ingest_dir = seal_stage(plan, add_stage(plan, "ingest", "ingest", NULL, *ingest, stage_ingest, -1, -1, 1));
    plan->tokenizer = plan->ingest_dir ? format_text(plan->arena, "%s/tokenizer.json", plan->ingest_dir) : NULL;
    if (!plan->tokenizer) return -1;
    if (plan->control_inputs.count > 0 && study->n_models > 0)
        return plan_controls(plan, control_inputs, tokenizer, controls);
    plan->controls_dir = format_text(plan->arena, "%s/controls", plan->ingest_dir);
    return plan->controls_dir ? 0 : -1;
}

/* A stage of a verb that has several: its folder is CACHE/KIND-HASH. */
static const char *add_named_stage(plan_t *plan, const char *kind, const char *verb, const char *name, hash_t hash,
                                   int (*run)(const plan_t *, stage_t *), int32_t resumable) {
    char text[HASH_TEXT];
    const char *dir = format_text(plan->arena, "%s/%s-%.16s", plan->study->run.cache, kind, hash_print(text, hash));
    return dir ? add_stage(plan, verb, name, dir, hash, run, -1, -1, resumable) : NULL;
}

static int plan_duplicates(plan_t *plan, hash_t ingest, hash_t *duplicates) {
    const study_census_t *census = &plan->study->census;
    hasher_t *h = hasher_of("duplicates", FORMAT_DUPLICATES);
    if (!h) return -1;
    add_hash(h, ingest);
    for (int32_t i = 0; i < census->lengths.n; i++) hasher_add_i64(h, census->lengths.v[i]);
    hasher_add_i64(h, census->overlapping);
    hasher_add_i64(h, census->per_document);
    hasher_add_i64(h, census->top);
    *duplicates = hasher_finish(h);
    plan->duplicates_dir =
        seal_stage(plan, add_named_stage(plan, "duplicates", "census", "duplicates", *duplicates, stage_duplicates, 1));
    return plan->duplicates_dir ? 0 : -1;
}

static int plan_near(plan_t *plan, hash_t duplicates, hash_t *near) {
    const study_census_t *census = &plan->study->census;
    hasher_t *h = hasher_of("near", FORMAT_NEAR);
    if (!h) return -1;
    add_hash(h, duplicates);
    hasher_add_i64(h, census->shingle);
    hasher_add_f64(h, census->threshold);
    *near = hasher_finish(h);
    plan->near_dir = seal_stage(plan, add_named_stage(plan, "near", "census", "near-duplicates", *near, stage_near, 0));
    return plan->near_dir ? 0 : -1;
}

/* How the probes are drawn. A list counts by its contents, not by its name. */
static void add_sample(hasher_t *h, const plan_t *plan) {
    const study_t *study = plan->study;
    const study_probe_t *probe = &study->probe;
    hasher_add_text(h, probe->protocol == SAMPLE_FILE ? "file" : probe->sample);
    hasher_add_i64(h, study_window(study));
    if (probe->protocol == SAMPLE_DUPLICATES) hasher_add_i64(h, probe->per_bucket);
    if (probe->protocol == SAMPLE_UNIFORM) hasher_add_i64(h, probe->probes);
    if (probe->protocol == SAMPLE_FILE) hasher_add_i64(h, probe->suffix);
    if (strcmp(probe->match, "source") != 0) hasher_add_text(h, probe->match);
    if (strcmp(probe->windows, "each") == 0) { // then the other lengths count as well
        hasher_add_text(h, probe->windows);
        for (int32_t c = 0; c < probe->context.n; c++) hasher_add_i64(h, probe->context.v[c] + probe->suffix);
    }
    for (int32_t i = 0; i < plan->lists; i++) add_hash(h, plan->list[i].hash);
}

static int plan_census(plan_t *plan, int remember, hash_t ingest, hash_t controls, hash_t *probes) {
    const study_t *study = plan->study;
    TRY(hash_lists(plan, remember));
    hasher_t *h = hasher_of("census", FORMAT_CENSUS);
    if (!h) return -1;
    add_hash(h, ingest);
    if (plan->control_inputs.count > 0) add_hash(h, controls);
    hasher_add_i64(h, study->run.seed);
    add_sample(h, plan);
    *probes = hasher_finish(h);
    plan->probes_dir =
        seal_stage(plan, add_stage(plan, "census", "census and probes", NULL, *probes, stage_census, -1, -1, 0));
    return plan->probes_dir ? 0 : -1;
}

/* model_hash (i + 1): those of the models before are there. */
static int plan_model(plan_t *plan, int32_t i, int remember, hash_t ingest, hash_t *model_hash) {
    hash_t *hash = &model_hash[i];
    const study_model_t *model = &plan->study->model[i];
    if (!model->train) {
        plan->model_dir[i] = model->checkpoint;
        return plan_weights_hash(plan, i, remember, hash);
    }
    hasher_t *h = hasher_of("train", FORMAT_TRAIN);
    if (!h) return -1;
    add_hash(h, ingest);
    hasher_add_i64(h, plan->study->run.seed);
    const int64_t integers[] = {
        model->layers, model->width, model->heads, model->ffn, model->context, model->batch, model->parallel_residual};
    const double reals[] = {model->rotary_pct, model->epochs, model->lr,  model->lr_end,
                            model->warmup,     model->decay,  model->clip};
    for (size_t k = 0; k < sizeof integers / sizeof integers[0]; k++) hasher_add_i64(h, integers[k]);
    for (size_t k = 0; k < sizeof reals / sizeof reals[0]; k++) hasher_add_f64(h, reals[k]);
    add_kernels(h, plan);
    *hash = hasher_finish(h);
    for (int32_t other = 0; other < i; other++) // the same training, to be probed in another precision
        if (plan->study->model[other].train && memcmp(&model_hash[other], hash, sizeof *hash) == 0) {
            plan->model_dir[i] = plan->model_dir[other];
            return 0;
        }
    const char *name = format_text(plan->arena, "train %s", model->name);
    plan->model_dir[i] = seal_stage(plan, add_stage(plan, "train", name, NULL, *hash, stage_train, i, -1, 1));
    return plan->model_dir[i] ? 0 : -1;
}

static int plan_store(plan_t *plan, int32_t i, int32_t m, hash_t ingest, hash_t model, hash_t *hash) {
    hasher_t *h = hasher_of("store", FORMAT_STORE);
    if (!h) return -1;
    add_hash(h, ingest);
    add_hash(h, model);
    hasher_add_i64(h, plan->study->memory[m].stride);
    add_kernels(h, plan);
    add_precision(h, plan, i);
    *hash = hasher_finish(h);
    for (int32_t other = 0; other < m; other++) // two memories with the same store share it
        if (plan->store_dir[i][other] && plan->study->memory[other].stride == plan->study->memory[m].stride) {
            plan->store_dir[i][m] = plan->store_dir[i][other];
            return 0;
        }
    const char *name = format_text(plan->arena, "store %s %s", plan->study->model[i].name, plan->study->memory[m].name);
    plan->store_dir[i][m] = seal_stage(plan, add_stage(plan, "store", name, NULL, *hash, stage_store, i, m, 0));
    return plan->store_dir[i][m] ? 0 : -1;
}

/* m = -1: the bare model. */
static int plan_probe(plan_t *plan, int32_t i, int32_t m, hash_t probes, hash_t model, hash_t store, hash_t *hash) {
    const study_t *study = plan->study;
    hasher_t *h = hasher_of("probe", FORMAT_PROBE);
    if (!h) return -1;
    add_hash(h, probes);
    add_hash(h, model);
    for (int32_t c = 0; c < study->probe.context.n; c++) hasher_add_i64(h, study->probe.context.v[c]);
    hasher_add_i64(h, study->probe.suffix);
    hasher_add_text(h, study->probe.decode);
    hasher_add_text(h, study->probe.verify);
    if (study->probe.measure == MEASURE_VERDICT) hasher_add_text(h, study->probe.measure_name);
    add_kernels(h, plan);
    add_precision(h, plan, i);
    if (m >= 0) {
        const study_memory_t *memory = &study->memory[m];
        add_hash(h, store);
        hasher_add_text(h, memory->name);
        hasher_add_text(h, memory->kind);
        hasher_add_i64(h, memory->k);
        hasher_add_f64(h, memory->temperature);
        for (int32_t l = 0; l < memory->lambda.n; l++) hasher_add_f64(h, memory->lambda.v[l]);
    }
    *hash = hasher_finish(h);
    const char *name = m < 0 ? format_text(plan->arena, "probe %s", study->model[i].name)
                             : format_text(plan->arena, "probe %s %s", study->model[i].name, study->memory[m].name);
    plan->probe_dir[i][m + 1] = seal_stage(plan, add_stage(plan, "probe", name, NULL, *hash, stage_probe, i, m, 0));
    return plan->probe_dir[i][m + 1] ? 0 : -1;
}

static int add_stages(plan_t *plan, int remember) {
    study_t *study = plan->study;
    hash_t ingest, controls, probes, model[STUDY_MODELS], store[STUDY_MODELS][STUDY_MEMORIES];
    hasher_t *report = hasher_of("report", FORMAT_REPORT);
    if (!report) return -1;
    hasher_add_text(report, study->run.name);
    hasher_add_f64(report, study->probe.alpha);
    int rc = 0;
    add_hash(report, plan->scripts);
    TRY_GOTO(plan_corpus(plan, remember, &ingest, &controls), end);
    if (study->census.asked) {
        TRY_GOTO(plan_duplicates(plan, ingest, &probes), end);
        add_hash(report, probes);
        if (study->census.near) {
            TRY_GOTO(plan_near(plan, probes, &probes), end);
            add_hash(report, probes);
        }
    }
    if (study->n_models > 0) TRY_GOTO(plan_census(plan, remember, ingest, controls, &probes), end);
    for (int32_t i = 0; i < study->n_models; i++) {
        TRY_GOTO(plan_model(plan, i, remember, ingest, model), end);
        hasher_add_text(report, study->model[i].name);
    }
    for (int32_t i = 0; i < study->n_models; i++)
        for (int32_t m = 0; m < study->n_memories; m++)
            if (study_memory_has_model(&study->memory[m], study->model[i].name))
                TRY_GOTO(plan_store(plan, i, m, ingest, model[i], &store[i][m]), end);
    for (int32_t i = 0; i < study->n_models; i++)
        for (int32_t m = -1; m < study->n_memories; m++) {
            if (m >= 0 && !plan->store_dir[i][m]) continue;
            hash_t hash, none = {0, 0};
            TRY_GOTO(plan_probe(plan, i, m, probes, model[i], m < 0 ? none : store[i][m], &hash), end);
            add_hash(report, hash);
        }
end:;
    hash_t hash = hasher_finish(report);
    if (rc != 0 || (study->n_models == 0 && !study->census.asked)) return rc; // tokens alone make no report
    const char *verb = study->n_models > 0 ? "report" : "census";             // without models that is what it reports
    plan->results_dir = format_text(plan->arena, "%s/%s", study->run.results, study->run.name);
    if (!plan->results_dir) return -1;
    return add_stage(plan, verb, "report", plan->results_dir, hash, stage_report, -1, -1, 1) ? 0 : -1;
}

/* Local. Heads and sizes of the inputs, and what can be said of them before anything is read. */
static int open_inputs(plan_t *plan) {
    const study_t *study = plan->study;
    const study_corpus_t *corpus = &study->corpus;
    input_rules_t rules = {.text_field = corpus->text_field,
                           .id_field = corpus->id_field,
                           .source_field = corpus->source_field,
                           .document_limit = ingest_document_limit(study->run.memory)};
    char where[4096];
    snprintf(where, sizeof where, "%s: [corpus] documents", ini_where(study->ini, "corpus", "documents"));
    TRY(inputs_open(corpus->documents, &rules, where, &plan->inputs));
    ingest_t spec = {.inputs = &plan->inputs, .held_out = corpus->held_out};
    TRY(ingest_check(&spec, corpus->train_vocab > 0));
    if (!*corpus->controls) return 0;
    snprintf(where, sizeof where, "%s: [corpus] controls", ini_where(study->ini, "corpus", "controls"));
    TRY(inputs_open(corpus->controls, &rules, where, &plan->control_inputs));
    spec = (ingest_t){.inputs = &plan->control_inputs};
    return ingest_check(&spec, 0);
}

/* On rank 0. */
static int check_checkpoints(const plan_t *plan) {
    for (int32_t i = 0; i < plan->study->n_models; i++)
        if (!plan->study->model[i].train) TRY(check_checkpoint(plan, i));
    return 0;
}

int plan_create(study_t *study, plan_t *plan) {
    memset(plan, 0, sizeof *plan);
    plan->study = study;
    plan->ops = tensor_kernels(study->run.kernels); // may be there on some nodes only
    TRY(par_agree(plan->ops ? 0 : err_context("[run] kernels")));
    plan->arena = arena_create(1 << 16);
    if (!plan->arena) return -1;
    int64_t most = 7 + study->n_models * (2 + 2 * (int64_t)study->n_memories);
    plan->stage = arena_new(plan->arena, most, sizeof *plan->stage, "the plan of stages");
    int rc = par_agree(plan->stage ? open_inputs(plan) : -1);
    if (rc == 0) rc = take_scripts(plan);
    if (rc == 0) rc = par_agree(par_rank() == 0 ? plan_tokenizer_check(plan) : 0);
    if (rc == 0) rc = par_agree(par_rank() == 0 ? check_checkpoints(plan) : 0);
    if (rc != 0) plan_free(plan);
    return rc;
}

int plan_stages(plan_t *plan, int remember) {
    TRY(add_stages(plan, remember));
    for (int32_t i = 0; i < plan->n_stages; i++) { // rank 0 looks, all believe it
        plan->stage[i].done = par_rank() == 0 && plan_stage_is_done(&plan->stage[i]);
        par_broadcast(&plan->stage[i].done, sizeof plan->stage[i].done, 0);
    }
    return plan_tokenizers_fit(plan);
}

void plan_free(plan_t *plan) {
    inputs_free(&plan->inputs);
    inputs_free(&plan->control_inputs);
    arena_free(plan->arena);
    memset(plan, 0, sizeof *plan);
}

int plan_stage_is_done(const stage_t *stage) {
    char path[4096], text[HASH_TEXT];
    snprintf(path, sizeof path, "%s/DONE", stage->dir);
    file_map_t map;
    if (!artifact_is_done(stage->dir) || file_map(path, &map) != 0) return 0;
    hash_print(text, stage->hash);
    int same = map.size >= HASH_TEXT - 1 && memcmp(map.data, text, HASH_TEXT - 1) == 0;
    file_unmap(&map);
    return same;
}

const char *plan_arm_name(const plan_t *plan, int32_t memory, int32_t i) {
    char number[NUM_TEXT];
    const study_memory_t *m = &plan->study->memory[memory];
    return format_text(plan->arena, "%s:lambda=%s", m->name, num_print_f64(number, m->lambda.v[i]));
}

/* Of one input; user: the files of its list. */
static int input_holds(const void *user, int64_t input) {
    const plan_files_t *files = user;
    for (int64_t f = files->first[input]; f < files->first[input + 1]; f++) TRY(file_hash_holds(&files->file[f]));
    return 0;
}

int plan_ingest(const plan_t *plan, const stage_t *stage, ingest_t *spec) {
    const study_t *study = plan->study;
    char text[HASH_TEXT];
    const char *key = arena_strdup(plan->arena, hash_print(text, stage->hash));
    *spec = (ingest_t){.inputs = &plan->inputs,
                       .part_bytes = study->corpus.part,
                       .held_out = study->corpus.held_out,
                       .inject = {.per_level = study->inject.per_level,
                                  .levels = study->inject.duplicates.n,
                                  .copies = study->inject.duplicates.v,
                                  .words = study->inject.words,
                                  .seed = (uint64_t)study->run.seed},
                       .seed = (uint64_t)study->run.seed,
                       .memory = study->run.memory,
                       .end_token = study->corpus.end_token,
                       .scratch = stage->dir,
                       .holds = input_holds,
                       .user = &plan->input_files,
                       .key = key};
    return key ? 0 : -1;
}
