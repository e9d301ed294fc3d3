/* The verbs of a study: run (all stages) and ingest, census, train, store, probe, report (the stages up to that one).
 * Skips what is done, resumes what is half done, and ends with what it cost. */
#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "base/manifest.h"
#include "base/num.h"
#include "base/seal.h"
#include "cmd/plan.h"
#include "cmd/verbs.h"
#include "par/par.h"
#include "report/report.h"
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

typedef struct {
    const char *verb, *config;
    char *overrides[256];
    int32_t n_overrides;
    log_level_t level;
    int progress, help, help_config;
} options_t;

static void print_usage(FILE *out) {
    fprintf(out, "usage: mpirun -n RANKS memprobe [VERB] [options] config.ini\n"
                 "verbs: run (default), plan, ingest, census, train, store, probe, report: the stages up to that one\n"
                 "  --set section.key=value   overrides the file (repeatable)\n"
                 "  --quiet, --verbose        say less, say more\n"
                 "  --no-progress             no progress lines\n"
                 "  --help, --help-config     this text; every key of config.ini with its default\n");
}

/* 0, or -1 with a message about misuse. */
static int parse_options(int argc, char **argv, options_t *options) {
    static const struct option LONG[] = {{"set", required_argument, 0, 's'},
                                         {"quiet", no_argument, 0, 'q'},
                                         {"verbose", no_argument, 0, 'v'},
                                         {"no-progress", no_argument, 0, 'p'},
                                         {"help", no_argument, 0, 'h'},
                                         {"help-config", no_argument, 0, 'c'},
                                         {0, 0, 0, 0}};
    *options = (options_t){.verb = argv[0], .level = LOG_INFO, .progress = 1};
    opterr = 0;
    optind = 1;
    for (int c; (c = getopt_long(argc, argv, ":", LONG, NULL)) != -1;) {
        switch (c) {
        case 's':
            if (options->n_overrides == 256) return err_set("more than 256 --set");
            options->overrides[options->n_overrides++] = optarg;
            break;
        case 'q':
            options->level = LOG_WARN;
            options->progress = 0;
            break;
        case 'v':
            options->level = LOG_DEBUG;
            break;
        case 'p':
            options->progress = 0;
            break;
        case 'h':
            options->help = 1;
            break;
        case 'c':
            options->help_config = 1;
            break;
        case ':':
            return err_set("%s needs a value: --set section.key=value", argv[optind - 1]);
        default:
            return err_set("unknown option %s", argv[optind - 1]);
        }
    }
    if (options->help || options->help_config) return 0;
    if (optind == argc) return err_set("which study? Give a config.ini");
    if (optind + 1 < argc) return err_set("one config.ini, not \"%s\" as well", argv[optind + 1]);
    options->config = argv[optind];
    return 0;
}

/* Two programs at work in one cache would write the same folders. The lock ends with the process, however it ends. */
static int lock_cache(const char *cache) {
    char path[4096];
    TRY(dir_make(cache));
    snprintf(path, sizeof path, "%s/lock", cache);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (fd < 0) return err_set("%s: %s; choose another [run] cache", path, strerror(errno));
    if (flock(fd, LOCK_EX | LOCK_NB) == 0) return par_shared_sweep(cache);
    if (errno != EWOULDBLOCK) return 0; // file systems without locks: go on
    close(fd);
    return err_set("%s: another memprobe is at work in this cache; wait for it, or choose another [run] cache", path);
}

static int prepare_folder(const stage_t *stage) {
    char done[4096];
    snprintf(done, sizeof done, "%s/DONE", stage->dir);
    if (!stage->resumable) TRY(dir_remove(stage->dir));
    TRY(dir_make(stage->dir));
    if (file_exists(done) && unlink(done) != 0) return err_set("%s: cannot be removed: %s", done, strerror(errno));
    return 0;
}

/* Collective. 0 done, 1 interrupted, -1. */
static int run_stage(const plan_t *plan, stage_t *stage) {
    char hash[HASH_TEXT];
    log_debug("stage %s: %s", stage->name, stage->dir);
    TRY(par_agree(par_rank() == 0 ? prepare_folder(stage) : 0));
    int rc = stage->run(plan, stage);
    if (rc < 0 && par_left_early()) rc = 1;
    if (rc != 0) return rc;
    TRY(par_agree(par_rank() == 0 && stage->sealed ? seal_write(stage->dir) : 0));
    TRY(par_agree(par_rank() == 0 ? artifact_mark_done(stage->dir, hash_print(hash, stage->hash)) : 0));
    stage->done = 1;
    return 0;
}

/* The last stage that the verb asks for, as an index past it. */
static int32_t stages_of(const plan_t *plan, const char *verb) {
    if (strcmp(verb, "run") == 0 || strcmp(verb, "report") == 0) return plan->n_stages;
    int32_t end = 0;
    for (int32_t i = 0; i < plan->n_stages; i++)
        if (strcmp(plan->stage[i].verb, verb) == 0) end = i + 1;
    return end;
}

typedef struct {
    double wall, cpu, memory, tokens, flop; // memory: largest of a rank
} cost_t;

/* Collective. */
static cost_t measure_cost(const plan_t *plan, double start) {
    cost_t cost = {.wall = clock_wall() - start};
    double most = (double)clock_peak_memory();
    int64_t cpu = (int64_t)(clock_cpu() * 1e6);
    par_max_f64(&most, 1);
    par_sum_i64(&cpu, 1);
    cost.memory = most;
    cost.cpu = (double)cpu * 1e-6;
    for (int32_t i = 0; i < plan->n_stages; i++) {
        cost.tokens += plan->stage[i].tokens;
        cost.flop += plan->stage[i].flop;
    }
    return cost;
}

static void log_cost(const plan_t *plan, const cost_t *cost) {
    char wall[NUM_TEXT], cpu[NUM_TEXT], memory[NUM_TEXT];
    num_print_seconds(wall, cost->wall);
    num_print_seconds(cpu, cost->cpu);
    num_print_bytes(memory, cost->memory);
    log_info("wall %s, CPU %s on %d ranks, peak memory %s a rank", wall, cpu, par_size(), memory);
    if (cost->tokens == 0) return;
    double peak = tensor_peak(plan->ops) * par_size();
    log_info("%.3g model tokens, %.0f tokens/s, %.3g GFLOP/s: %.0f %% of %d x %.0f GFLOP/s measured peak (%s kernels)",
             cost->tokens, cost->tokens / cost->wall, cost->flop / cost->wall * 1e-9,
             100 * cost->flop / cost->wall / peak, par_size(), peak / par_size() * 1e-9, plan->ops->name);
}

static int write_manifest(const plan_t *plan, const cost_t *cost, int argc, char **argv) {
    char path[4096], text[HASH_TEXT];
    json_t *manifest = manifest_create(argc, argv);
    if (!manifest) return -1;
    json_object_set_new(manifest, "ranks", json_integer(par_size()));
    json_object_set_new(manifest, "kernels", json_string(plan->ops->name));
    json_t *precision = json_object();
    for (int32_t i = 0; i < plan->study->n_models; i++)
        json_object_set_new(precision, plan->study->model[i].name, json_string(plan->study->model[i].precision_name));
    json_object_set_new(manifest, "precision", precision);
    json_object_set_new(manifest, "bf16_instruction", json_boolean(tensor_has_bf16(plan->ops)));
    json_object_set_new(manifest, "wall_seconds", json_real(cost->wall));
    json_object_set_new(manifest, "cpu_seconds", json_real(cost->cpu));
    json_object_set_new(manifest, "peak_memory_bytes", json_integer((json_int_t)cost->memory));
    json_t *stages = json_array();
    for (int32_t i = 0; i < plan->n_stages; i++) {
        const stage_t *s = &plan->stage[i];
        json_t *entry =
            json_pack("{s:s, s:s, s:s}", "name", s->name, "hash", hash_print(text, s->hash), "folder", s->dir);
        if (s->load_seconds > 0) json_object_set_new(entry, "load_seconds", json_real(s->load_seconds));
        json_array_append_new(stages, entry);
    }
    json_object_set_new(manifest, "stages", stages);
    snprintf(path, sizeof path, "%s/manifest.json", plan->results_dir);
    int rc = manifest_write(manifest, path);
    json_decref(manifest);
    return rc;
}

/* The table on stdout, also when nothing had to be done. */
static int print_results(const plan_t *plan) {
    report_t report = {.name = plan->study->run.name, .dir = plan->results_dir, .alpha = plan->study->probe.alpha};
    if (plan->duplicates_dir) TRY(report_census_print(&report));
    return plan->study->n_models > 0 ? report_print(&report) : 0;
}

/* Collective. Exit status. */
static int run_stages(plan_t *plan, const options_t *options, int argc, char **argv) {
    double start = clock_wall();
    int32_t end = stages_of(plan, options->verb), ran = 0;
    if (end == 0 && plan->study->n_models == 0)
        return err_set("%s: the study has no [model.NAME] section, so there is no such stage", options->verb);
    for (int32_t i = 0; i < end; i++) {
        if (plan->stage[i].done) continue;
        int rc = par_interrupted() ? 1 : run_stage(plan, &plan->stage[i]);
        if (rc < 0) return err_context("stage %s", plan->stage[i].name);
        if (rc == 1) {
            log_warn("interrupted in stage %s; the same command goes on from here", plan->stage[i].name);
            return EXIT_INTERRUPTED;
        }
        ran++;
    }
    if (ran == 0) log_info("every stage is done already");
    cost_t cost = measure_cost(plan, start);
    if (par_rank() == 0) log_cost(plan, &cost);
    int rc = 0;
    if (par_rank() == 0 && end == plan->n_stages && plan->results_dir) {
        if (ran) rc = write_manifest(plan, &cost, argc, argv);
        if (rc == 0) rc = print_results(plan);
    }
    return par_agree(rc);
}

/* Collective. Exit status, or -1. Nothing is written before all that can be wrong with the settings was looked at. */
static int run_planned(plan_t *plan, const options_t *options, int argc, char **argv) {
    int is_plan = strcmp(options->verb, "plan") == 0; // writes nothing, not even a lock
    if (!is_plan) TRY(par_agree(par_rank() == 0 ? lock_cache(plan->study->run.cache) : 0));
    if (plan_stages(plan, !is_plan) != 0) {
        if (!par_left_early()) return -1;
        log_warn("interrupted while the inputs were read; the same command goes on from here");
        return EXIT_INTERRUPTED;
    }
    return is_plan ? par_agree(par_rank() == 0 ? plan_print(plan) : 0) : run_stages(plan, options, argc, argv);
}

/* Without models a study is one of the corpus: its tokens, and with [census] its duplicates. */
static int check_verb(const study_t *study, const char *verb) {
    int asks_corpus = study->census.asked || strcmp(verb, "ingest") == 0 || strcmp(verb, "plan") == 0;
    if (study->n_models > 0 || asks_corpus) return 0;
    return err_set("%s: the config has no [model.NAME] section: there is nothing to probe; and no section [census], "
                   "which is enough for a study of the corpus alone. memprobe ingest makes the tokens of it",
                   verb);
}

static int run_study(const options_t *options, int argc, char **argv) {
    study_t study;
    plan_t plan;
    TRY(par_agree(study_load(options->config, options->overrides, options->n_overrides, &study)));
    int rc = par_agree(check_verb(&study, options->verb));
    if (rc == 0) rc = plan_create(&study, &plan);
    if (rc == 0) {
        rc = run_planned(&plan, options, argc, argv);
        plan_free(&plan);
    }
    study_free(&study);
    return rc;
}

int cmd_study(int argc, char **argv) {
    options_t options;
    if (par_init(&argc, &argv) != 0) {
        fprintf(stderr, "memprobe: error: %s\n", err_text());
        return EXIT_FAILED;
    }
    int status = 0, speaks = par_rank() == 0;
    if (parse_options(argc, argv, &options) != 0) {
        if (speaks) fprintf(stderr, "memprobe: error: %s\n", err_text());
        if (speaks) print_usage(stderr);
        status = EXIT_MISUSE;
    } else if (options.help || options.help_config) {
        if (speaks && options.help_config) study_print_help(stdout);
        if (speaks && options.help) print_usage(stdout);
    } else {
        log_init(options.level, speaks, options.progress);
        par_watch_signals();
        status = run_study(&options, argc, argv);
        if (status < 0) {
            if (speaks) fprintf(stderr, "memprobe: error: %s\n", err_text());
            status = EXIT_FAILED;
        }
    }
    if (status == 0 && speaks) status = verb_end(0);
    par_finalize();
    return status;
}
