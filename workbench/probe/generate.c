/* Probing by real generation: the context is fed, then the suffix is decoded token by token with the KV cache. Slower
 * than the teacher-forced pass, in one or in pieces, and equal to it by induction; here to be compared with it. */
#include "base/err.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "par/par.h"
#include "probe/batch.h"
#include "probe/engine.h"
#include <stdio.h>

/* What a batch generates, and scratch for it. */
typedef struct {
    int32_t *last; // (most_probes) last token of each context
    int32_t *text; // (most_probes, suffix)
} generated_t;

static int generated_create(const batch_t *b, generated_t *g) {
    g->last = mem_new(b->most_probes, sizeof *g->last, "last tokens of the contexts");
    g->text = mem_new(b->most_probes, (size_t)b->spec->suffix * sizeof *g->text, "generated tokens");
    return g->last && g->text ? 0 : -1;
}

static void generated_free(generated_t *g) {
    mem_free(g->last);
    mem_free(g->text);
}

/* Decodes the suffixes of the loaded batch with one arm; mismatch (count) takes the first position that differs. */
static int generate_batch(batch_t *b, const arm_t *arm, int32_t setting, generated_t *g, int32_t *mismatch) {
    int64_t suffix = b->spec->suffix;
    if (arm->select) arm->select(arm->user, setting);
    for (int64_t i = 0; i < b->count; i++) g->last[i] = b->window[i][b->context - 1];
    TRY(batch_feed(b, b->context - 1, 0, arm->attach));
    TRY(session_greedy(b->session, (int32_t)b->count, b->sequence, g->last, suffix, arm->attach, g->text, NULL));
    for (int64_t i = 0; i < b->count; i++) {
        int32_t j = 0;
        while (j < suffix && g->text[i * suffix + j] == b->window[i][b->context + j]) j++;
        mismatch[i] = j;
    }
    return 0;
}

int engine_generate(const engine_t *spec, const model_t *model, const probe_set_t *set, const arm_t *arms,
                    int32_t setting, int32_t *out) {
    batch_t b;
    generated_t g = {0};
    TRY(batch_open(spec, model, set, arms[setting].name, &b));
    int rc = batch_open_session(&b);
    if (rc == 0) rc = generated_create(&b, &g);
    for (int64_t t = 0; rc == 0 && t < b.batches; t++) {
        batch_load(&b, t);
        rc = generate_batch(&b, &arms[setting], setting, &g, out + b.id);
    }
    generated_free(&g);
    batch_close(&b);
    return rc;
}

/* The loaded batch with one arm against its records, which start at `record`. */
static int verify_batch(batch_t *b, const arm_t *arm, int32_t setting, generated_t *g, int32_t *mismatch,
                        const record_t *record) {
    TRY(generate_batch(b, arm, setting, g, mismatch));
    for (int64_t i = 0; i < b->count; i++) {
        if (record[i].first_mismatch == mismatch[i]) continue;
        err_set(
            "arm %s: greedy generation leaves the suffix at token %d, the teacher-forced pass at %d; the arithmetic "
            "of this build or machine is broken, run memprobe selftest",
            arm->name, (int)mismatch[i], (int)record[i].first_mismatch);
        batch_only(b, i);
        return batch_context(b);
    }
    return 0;
}

/* Local: batches until no ticket is left; a rank that fails takes the rest of the tickets, so that the others stop. */
static int verify_arm(batch_t *b, const arm_t *arm, int32_t setting, const char *dir, par_tickets_t *tickets) {
    generated_t g = {0};
    file_map_t map = {0};
    char *path = mem_printf("%s/records.%s.bin", dir, arm->name);
    int32_t *mismatch = mem_new(b->most_probes, sizeof *mismatch, "verdicts of generation");
    int rc = path && mismatch ? file_map(path, &map) : -1;
    size_t bytes = sizeof(record_t) * (size_t)b->records;
    if (rc == 0 && map.size != bytes) rc = err_set("%s: %zu bytes, not the %zu of its records", path, map.size, bytes);
    if (rc == 0) rc = generated_create(b, &g);
    for (int64_t t; (t = par_tickets_next(tickets)) >= 0;) {
        if (rc != 0) continue;
        batch_load(b, t);
        rc = verify_batch(b, arm, setting, &g, mismatch, (const record_t *)(const void *)map.data + b->id);
    }
    generated_free(&g);
    file_unmap(&map);
    mem_free(mismatch);
    mem_free(path);
    return rc;
}

int engine_verify(const engine_t *spec, const model_t *model, const probe_set_t *set, const arm_t *arms, int32_t n_arms,
                  const char *name, const char *dir) {
    batch_t b = {.session = NULL};
    int rc = batch_open(spec, model, set, name, &b);
    if (rc == 0) rc = batch_open_session(&b);
    rc = par_agree(rc);
    for (int32_t a = 0; rc == 0 && a < n_arms; a++) {
        par_tickets_t *tickets;
        rc = par_tickets_create(b.batches, &tickets);
        if (rc != 0) break;
        rc = par_agree(verify_arm(&b, &arms[a], a, dir, tickets));
        par_tickets_free(tickets);
    }
    if (rc == 0) log_info("probe %s: generation gives the same verdicts", name);
    batch_close(&b);
    return rc;
}
