/* `memprobe plan`: what would run, what is done, and what it will cost at the rate measured here. Writes nothing. */
#include "base/err.h"
#include "base/num.h"
#include "base/zio.h"
#include "cmd/plan.h"
#include "cmd/stages.h"
#include "index/probes.h"
#include "model/spec.h"
#include "par/par.h"
#include "text/tokens.h"
#include <stdio.h>
#include <string.h>

/* Before ingest the number of tokens is a guess from the size of the input: English holds about one BPE token in 4
 * bytes, and in one byte of the same text packed. Files of tokens have as many as fit in them. */
static double guess_tokens_of(const input_t *input) {
    if (input->width > 0) return (double)input->bytes / input->width;
    return (double)input->bytes / (input->packing == PACKED_NOT ? 4 : 1);
}

static double guess_tokens(const plan_t *plan, int *is_exact) {
    char path[4096];
    tokens_t *tokens;
    snprintf(path, sizeof path, "%s/members", plan->ingest_dir);
    *is_exact = artifact_is_done(path) && tokens_open(path, &tokens) == 0;
    if (*is_exact) {
        double n = (double)tokens_count(tokens);
        tokens_close(tokens);
        return n;
    }
    double natural = 0;
    for (int64_t i = 0; i < plan->inputs.count; i++) natural += guess_tokens_of(&plan->inputs.input[i]);
    const study_inject_t *inject = &plan->study->inject;
    double planted = 0;
    for (int32_t l = 0; l < inject->duplicates.n; l++)
        planted += (double)inject->per_level * (double)inject->duplicates.v[l] * (double)inject->words * 2.3;
    return natural * (1 - plan->study->corpus.held_out) + planted;
}

static model_spec_t shape_of(const plan_t *plan, int32_t i) {
    const study_model_t *m = &plan->study->model[i];
    char path[4096];
    model_spec_t shape = {0};
    if (m->train)
        return (model_spec_t){.family = "gpt_neox",
                              .layers = m->layers,
                              .width = m->width,
                              .heads = m->heads,
                              .head_size = m->width / m->heads,
                              .ffn = m->ffn,
                              .context = m->context,
                              .vocab = plan->study->corpus.train_vocab ? plan->study->corpus.train_vocab : 50000};
    snprintf(path, sizeof path, "%s/config.json", m->checkpoint);
    if (spec_read(path, &shape) != 0) err_clear();
    return shape;
}

/* Are there other probes for each context? */
static int has_own_windows(const plan_t *plan) {
    return strcmp(plan->study->probe.windows, "each") == 0;
}

/* Probes of the study: their number once they are drawn, before that the most there can be, members and as many
 * controls: of a bucket in each of the 20 or so that hold an integer below 1000; of a list at least 4 bytes a row. */
static double guess_probes(const plan_t *plan, int *is_exact) {
    probe_set_t set;
    *is_exact = 1;
    if (!plan->probes_dir) return 0;
    *is_exact = artifact_is_done(plan->probes_dir) && probes_read(plan->probes_dir, &set) == 0;
    const study_probe_t *probe = &plan->study->probe;
    if (!*is_exact) {
        int64_t bytes = 0;
        double samples = has_own_windows(plan) ? probe->context.n : 1;
        if (probe->protocol == SAMPLE_UNIFORM) return samples * 2 * (double)probe->probes;
        if (probe->protocol == SAMPLE_DUPLICATES) return samples * 2 * 20 * (double)probe->per_bucket;
        if (file_size(probe->path[0], &bytes) != 0) err_clear();
        return 2.0 * (double)bytes / 4;
    }
    double n = (double)set.n;
    probes_free(&set);
    return n;
}

static int is_verdict(const plan_t *plan) {
    return plan->study->n_models > 0 && plan->study->probe.measure == MEASURE_VERDICT;
}

/* Lambda 0 searches nothing, the others share one search. */
static int has_search(const study_memory_t *memory) {
    for (int32_t i = 0; i < memory->lambda.n; i++)
        if (memory->lambda.v[i] > 0) return 1;
    return 0;
}

/* FLOP of a stage; 0 for those that are not limited by arithmetic. Verdicts are counted as if every probe missed at its
 * first token. */
static double predict_flop(const plan_t *plan, const stage_t *stage, double tokens, double n_probes) {
    const study_t *study = plan->study;
    if (stage->model < 0) return 0;
    model_spec_t shape = shape_of(plan, stage->model);
    if (strcmp(stage->verb, "train") == 0)
        return 3 * spec_flop_per_token(&shape, shape.context) * tokens * study->model[stage->model].epochs;
    if (strcmp(stage->verb, "store") == 0) return stage_store_flop(&shape, tokens);
    const study_memory_t *memory = stage->memory >= 0 ? &study->memory[stage->memory] : NULL;
    const int64_t read = is_verdict(plan) ? 1 : study->probe.suffix;
    double row = (memory ? memory->lambda.n : 1) * spec_flop_head(&shape), sum = 0;
    if (memory && has_search(memory)) row += 2 * tokens / (double)memory->stride * (double)shape.width;
    if (has_own_windows(plan)) n_probes /= study->probe.context.n;
    for (int32_t c = 0; c < study->probe.context.n; c++)
        sum += spec_flop(&shape, 0, study->probe.context.v[c] + read - 1, read) + (double)read * row;
    return n_probes * sum;
}

/* FLOP/s on one core. */
static double stage_peak(const plan_t *plan, const stage_t *stage, double peak) {
    int is_bf16 = stage->model >= 0 && plan->study->model[stage->model].precision == PRECISION_BF16;
    return is_bf16 && strcmp(stage->verb, "train") != 0 && tensor_has_bf16(plan->ops) ? 2 * peak : peak;
}

static int has_bf16_model(const plan_t *plan) {
    for (int32_t i = 0; i < plan->study->n_models; i++)
        if (plan->study->model[i].precision == PRECISION_BF16) return 1;
    return 0;
}

int plan_print(const plan_t *plan) {
    int is_exact, is_drawn;
    double tokens = guess_tokens(plan, &is_exact), probes = guess_probes(plan, &is_drawn),
           peak = tensor_peak(plan->ops), total = 0;
    int64_t input_bytes = 0;
    for (int64_t i = 0; i < plan->inputs.count; i++) input_bytes += plan->inputs.input[i].bytes;
    char flop_text[NUM_TEXT], time_text[NUM_TEXT], bytes[NUM_TEXT];
    printf("%-28s %-7s %10s %10s   %s\n", "stage", "state", "FLOP", "time", "folder");
    for (int32_t i = 0; i < plan->n_stages; i++) {
        const stage_t *stage = &plan->stage[i];
        double flop = predict_flop(plan, stage, tokens, probes),
               seconds = flop / (0.6 * stage_peak(plan, stage, peak) * par_size());
        snprintf(flop_text, sizeof flop_text, "%.2g", flop);
        num_print_seconds(time_text, seconds);
        const char *state = stage->done ? "done"
                            : strcmp(stage->verb, "report") != 0 && stage->resumable && file_exists(stage->dir)
                                ? "resume"
                                : "run";
        printf("%-28s %-7s %10s %10s   %s\n", stage->name, state, flop > 0 && !stage->done ? flop_text : "-",
               flop > 0 && !stage->done ? time_text : "-", stage->dir);
        if (!stage->done) total += seconds;
    }
    printf("corpus: %lld input%s, %s, %s %.3g member tokens", (long long)plan->inputs.count,
           plan->inputs.count == 1 ? "" : "s", num_print_bytes(bytes, (double)input_bytes),
           is_exact ? "exactly" : "about", tokens);
    if (plan->probes_dir) printf("; %s %.0f probes", is_drawn ? "exactly" : "at most", probes);
    putchar('\n');
    printf(
        "to do: about %s of arithmetic on %d rank%s, at 60 %% of the %.0f GFLOP/s measured on one core (%s kernels)\n",
        num_print_seconds(time_text, total), par_size(), par_size() > 1 ? "s" : "", peak * 1e-9, plan->ops->name);
    if (is_verdict(plan))
        printf(
            "verdicts: by what the contexts cost; a probe whose first token is right costs more, at most its suffix\n");
    if (has_bf16_model(plan))
        printf("bf16: %s\n", tensor_has_bf16(plan->ops) ? "by this CPU's instruction, at twice that rate"
                                                        : "without an instruction of this CPU, at that rate");
    return 0;
}
