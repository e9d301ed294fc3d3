/* Probing by one teacher-forced forward pass. Ranks take batches by tickets; each batch is fed once, its suffix
 * positions are read once for every arm, and the records go to their places in the files. Verdicts alone are found in
 * verdict.c. */
#include "probe/engine.h"
#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "par/par.h"
#include "probe/batch.h"
#include "probe/verdict.h"
#include <math.h>
#include <stdio.h>

/* The measures of one probe from the statistics of its suffix positions. session_head has seen to it that every lse is
 * finite, so there is no NaN; a target of probability 0 has log-probability and margin -infinity. */
static record_t make_record(const batch_t *b, const probe_t *probe, const head_stat_t *stat) {
    int64_t suffix = b->spec->suffix;
    record_t r = (record_t){.probe_id = probe->probe_id,
                            .context = (int32_t)b->context,
                            .first_mismatch = (int32_t)suffix,
                            .margin_min = INFINITY};
    for (int64_t j = 0; j < suffix; j++) {
        if (stat[j].rank == 0)
            r.matched++;
        else if (r.first_mismatch == suffix)
            r.first_mismatch = (int32_t)j;
        if (stat[j].rank > r.rank_max) r.rank_max = stat[j].rank;
        if (stat[j].margin < r.margin_min) r.margin_min = stat[j].margin;
        r.logp_suffix += (double)stat[j].logit_target - (double)stat[j].lse;
    }
    r.exact = r.first_mismatch == suffix;
    r.memorization_score = (double)r.matched / (double)suffix;
    r.entropy_bits = (float)(-r.logp_suffix / (double)suffix / 0x1.62e42fefa39efp-1); // ln 2
    return r;
}

/* One arm on the batch that was fed; out NULL: nothing is written. */
static int run_arm(batch_t *b, const arm_t *arm, int32_t setting, par_out_t *out) {
    int64_t suffix = b->spec->suffix;
    if (arm->select) arm->select(arm->user, setting);
    TRY(session_head(b->session, b->count * suffix, b->select, b->target, arm->attach, b->stat));
    for (int64_t i = 0; i < b->count; i++) {
        record_t record = make_record(b, &b->set->probe[b->first + i], b->stat + i * suffix);
        if (out) TRY(par_out_put(out, b->id + i, &record));
    }
    return 0;
}

/* All arms on one forward; out NULL: nothing is written. */
static int run_batch(batch_t *b, const arm_t *arms, int32_t n_arms, par_out_t **out) {
    const model_spec_t *spec = model_spec(b->model);
    int64_t fed = b->context + b->spec->suffix - 1, positions = b->count * b->spec->suffix;
    TRY(batch_feed(b, fed, b->spec->suffix, arms[0].attach));
    b->work.tokens += b->count * fed;
    b->work.positions += positions;
    b->work.reads += positions * n_arms;
    b->work.flop += (double)b->count * spec_flop(spec, 0, fed, b->spec->suffix);
    b->work.flop += (double)(positions * n_arms) * spec_flop_head(spec);
    for (int32_t a = 0; a < n_arms; a++)
        if (run_arm(b, &arms[a], a, out ? out[a] : NULL) != 0) return err_context("arm %s", arms[a].name);
    return 0;
}

/* A batch failed as a whole. A probe's numbers do not depend on its company, so the guilty one fails alone too: the
 * message names the first that does. When none does (a full disk), the message stands as it was. */
static int blame(batch_t *b, int64_t index, const arm_t *arms, int32_t n_arms) {
    char *text = mem_strdup(err_text());
    batch_load(b, index);
    for (int64_t i = 0, count = b->count; i < count; i++) {
        batch_load(b, index);
        batch_only(b, i);
        if (run_batch(b, arms, n_arms, NULL) == 0) continue;
        mem_free(text);
        return batch_context(b);
    }
    err_set("model %s: %s", b->name, text ? text : "a batch of probes failed");
    mem_free(text);
    return -1;
}

/* Local: batches until no ticket is left. A rank that fails takes the rest of the tickets, so that the others stop. */
static int run_tickets(batch_t *b, const arm_t *arms, int32_t n_arms, par_tickets_t *tickets, par_out_t **out) {
    if (b->spec->measure == MEASURE_VERDICT) return verdict_run(b, arms, n_arms, tickets, out);
    progress_t progress;
    char stage[200];
    snprintf(stage, sizeof stage, "probe %s", b->name);
    progress_start(&progress, stage, batch_tokens(b), "tokens");
    for (int64_t t; (t = par_tickets_next(tickets)) >= 0;) {
        TRY(par_tickets_end(tickets, par_go_on()));
        batch_load(b, t);
        progress_update(&progress, b->done);
        if (run_batch(b, arms, n_arms, out) != 0) return par_tickets_end(tickets, blame(b, t, arms, n_arms));
    }
    progress_update(&progress, batch_tokens(b));
    progress_end(&progress);
    return 0;
}

static int check_arms(const arm_t *arms, int32_t n_arms) {
    if (n_arms < 1) return err_set("no arm to probe with");
    for (int32_t a = 1; a < n_arms; a++)
        if (arms[a].attach != arms[0].attach)
            return err_set("arms %s and %s do not share a forward pass", arms[0].name, arms[a].name);
    return 0;
}

/* Collective: the output of every arm. */
static int open_outputs(const char *dir, const arm_t *arms, int32_t n_arms, int64_t records, par_out_t **out) {
    for (int32_t a = 0; a < n_arms; a++) {
        char *path = mem_printf("%s/records.%s.bin", dir, arms[a].name);
        int rc = par_agree(path ? 0 : -1);
        if (rc == 0) rc = par_out_open(path, sizeof(record_t), records, &out[a]);
        mem_free(path);
        if (rc != 0) return -1;
    }
    return 0;
}

static int run_all(batch_t *b, const arm_t *arms, int32_t n_arms, const char *dir) {
    par_out_t **out = mem_new(n_arms, sizeof *out, "outputs of the arms");
    par_tickets_t *tickets = NULL;
    int rc = par_agree(out ? 0 : -1);
    if (rc == 0) rc = open_outputs(dir, arms, n_arms, b->records, out);
    if (rc == 0) rc = par_tickets_create(b->batches, &tickets);
    if (rc == 0) {
        rc = par_agree(run_tickets(b, arms, n_arms, tickets, out));
        par_tickets_free(tickets);
    }
    for (int32_t a = 0; out && a < n_arms; a++)
        if (out[a] && par_out_close(out[a], rc) != 0) rc = -1;
    mem_free(out);
    return rc;
}

/* Collective. FLOP are summed as millions and the rest: they may be more than an int64_t holds. */
static void sum_work(engine_work_t *work) {
    const int64_t millions = (int64_t)(work->flop * 1e-6);
    int64_t sum[] = {work->tokens, work->positions, work->reads, millions,
                     (int64_t)(work->flop - 1e6 * (double)millions)};
    par_sum_i64(sum, 5);
    *work = (engine_work_t){sum[0], sum[1], sum[2], 1e6 * (double)sum[3] + (double)sum[4]};
}

int engine_run(const engine_t *spec, const model_t *model, const probe_set_t *set, const arm_t *arms, int32_t n_arms,
               const char *name, const char *dir, engine_work_t *work) {
    batch_t batch = {.session = NULL};
    int rc = check_arms(arms, n_arms);
    if (rc == 0) rc = batch_open(spec, model, set, name, &batch);
    if (rc == 0 && spec->measure == MEASURE_ALL) rc = batch_open_session(&batch);
    rc = par_agree(rc);
    if (rc == 0) rc = run_all(&batch, arms, n_arms, dir);
    if (rc == 0) sum_work(&batch.work);
    if (rc == 0 && work) *work = batch.work;
    batch_close(&batch);
    return rc;
}
