/* Verdicts alone. A rank keeps a pool of candidates, probes whose verdict is not known yet. In every round it adds as
 * many new ones as there is room for, and feeds each candidate its next piece: contexts of the new and pieces of the
 * older ones in the same forward pass. Those that missed with every arm, or reached the end, leave the pool. It has
 * room for a batch, so it takes no more memory than a pass that measures everything. The pool is emptied before the
 * context length changes, so all of its candidates have the same. */
#include "probe/verdict.h"
#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include <stdio.h>
#include <string.h>

enum { OPEN = -1 }; // in the place of a first mismatch: none so far

typedef struct {
    int64_t probe;         // row of the set
    int64_t id;            // of its records
    const int32_t *window; // (context + suffix)
    int64_t fed;           // tokens of it
    int32_t sequence;      // of the session
} candidate_t;

/* A row of a forward that is read: its next token is one of a suffix. */
typedef struct {
    int64_t candidate; // its place in the pool
    int32_t position;  // of the next token in the suffix
} look_t;

typedef struct {
    batch_t *batch;
    const arm_t *arms;
    int32_t n_arms;
    par_out_t **out; // (n_arms), or NULL: nothing is written
    int64_t context; // 0: there is no pool yet
    int64_t room;    // candidates that fit
    int64_t rows;    // of one forward
    session_t *session;
    arena_t *arena;
    candidate_t *candidate; // (room) in order of id
    int64_t count;
    int32_t *spare;    // (room) sequences without a candidate; the first room - count
    int32_t *mismatch; // (room, n_arms) by sequence; or OPEN

    /* A forward. */
    int32_t *sequence;      // (room) of its pieces
    int64_t *length, *read; // (room)
    int32_t *tokens;        // (rows)
    look_t *look;           // (rows) in the order of the session
    int64_t looks, *select; // (rows) those of one arm
    int32_t *target;        // (rows)
    head_stat_t *stat;      // (rows)
} pool_t;

static void *pool_new(pool_t *p, int64_t n, size_t size) {
    return arena_new(p->arena, n, size, "candidates of the probe engine");
}

static void pool_close(pool_t *p) {
    session_free(p->session);
    arena_free(p->arena);
    p->session = NULL;
    p->arena = NULL;
    p->context = p->count = 0;
}

static int make_arrays(pool_t *p) {
    p->candidate = pool_new(p, p->room, sizeof *p->candidate);
    p->spare = pool_new(p, p->room, sizeof *p->spare);
    p->mismatch = pool_new(p, p->room, (size_t)p->n_arms * sizeof *p->mismatch);
    p->sequence = pool_new(p, p->room, sizeof *p->sequence);
    p->length = pool_new(p, p->room, sizeof *p->length);
    p->read = pool_new(p, p->room, sizeof *p->read);
    p->tokens = pool_new(p, p->rows, sizeof *p->tokens);
    p->look = pool_new(p, p->rows, sizeof *p->look);
    p->select = pool_new(p, p->rows, sizeof *p->select);
    p->target = pool_new(p, p->rows, sizeof *p->target);
    p->stat = pool_new(p, p->rows, sizeof *p->stat);
    if (!p->candidate || !p->spare || !p->mismatch || !p->sequence || !p->length || !p->read || !p->tokens ||
        !p->look || !p->select || !p->target || !p->stat)
        return -1;
    for (int64_t i = 0; i < p->room; i++) p->spare[i] = (int32_t)i;
    return 0;
}

/* An empty pool for the context length of the loaded batch. */
static int pool_open(pool_t *p) {
    const batch_t *b = p->batch;
    const int64_t longest = b->context + b->spec->suffix - 1;
    const int64_t probes = probes_at(b->set, b->context + b->spec->suffix).n;
    p->room = batch_probes(b->spec, b->context);
    if (p->room > probes) p->room = probes;
    p->rows = p->room * longest;
    p->arena = arena_create(1 << 16);
    if (p->arena == NULL || make_arrays(p) != 0 ||
        session_create(b->model, (int32_t)p->room, longest, p->rows, &p->session) != 0) {
        pool_close(p);
        return -1;
    }
    p->context = b->context;
    return 0;
}

/* The arms of a candidate. */
static int32_t *mismatch_of(const pool_t *p, const candidate_t *c) {
    return p->mismatch + c->sequence * p->n_arms;
}

static void start(pool_t *p, candidate_t *c) {
    int32_t *mismatch = mismatch_of(p, c);
    session_reset(p->session, c->sequence);
    c->fed = 0;
    for (int32_t a = 0; a < p->n_arms; a++) mismatch[a] = OPEN;
}

/* Probes from number `first` of the loaded batch on, as many as there is room for; returns how many. */
static int64_t add(pool_t *p, int64_t first) {
    const batch_t *b = p->batch;
    const int64_t room = p->room - p->count, n = b->count - first < room ? b->count - first : room;
    for (int64_t i = first; i < first + n; i++) {
        candidate_t *c = &p->candidate[p->count++];
        *c = (candidate_t){
            .probe = b->first + i, .id = b->id + i, .window = b->window[i], .sequence = p->spare[p->room - p->count]};
        start(p, c);
    }
    return n;
}

/* Tokens of a window that are ever fed: the last is only predicted. */
static int64_t end_of(const pool_t *p) {
    return p->context + p->batch->spec->suffix - 1;
}

/* Length of the next piece: the context, then 1, 2, 4, ... */
static int64_t next_piece(const pool_t *p, const candidate_t *c) {
    if (c->fed == 0) return p->context;
    const int64_t piece = c->fed - p->context + 1, left = end_of(p) - c->fed;
    return piece < left ? piece : left;
}

/* All of a window: whether a probe can be asked of a model must not depend on how far it gets. */
static int check_tokens(const pool_t *p, const candidate_t *c) {
    const int64_t vocab = model_spec(p->batch->model)->vocab;
    for (int64_t i = 0; i <= end_of(p); i++)
        if (c->window[i] < 0 || c->window[i] >= vocab)
            return err_set("token id %d is not below the model's vocabulary of %lld", c->window[i], (long long)vocab);
    return 0;
}

/* Lays out the next piece of every candidate. */
static void lay_out(pool_t *p) {
    int64_t row = 0;
    p->looks = 0;
    for (int64_t i = 0; i < p->count; i++) {
        const candidate_t *c = &p->candidate[i];
        int64_t piece = next_piece(p, c);
        p->sequence[i] = c->sequence;
        p->length[i] = piece;
        p->read[i] = c->fed == 0 ? 1 : piece;
        memcpy(p->tokens + row, c->window + c->fed, (size_t)piece * sizeof *p->tokens);
        row += piece;
        for (int64_t left = p->read[i] - 1; left >= 0; left--)
            p->look[p->looks++] = (look_t){i, (int32_t)(c->fed + piece - left - p->context)};
    }
}

/* One arm looks at those candidates that it has not left yet. */
static int look(pool_t *p, int32_t a) {
    const arm_t *arm = &p->arms[a];
    int64_t n = 0;
    for (int64_t i = 0; i < p->looks; i++) {
        const candidate_t *c = &p->candidate[p->look[i].candidate];
        if (mismatch_of(p, c)[a] != OPEN) continue;
        p->target[n] = c->window[p->context + p->look[i].position];
        p->select[n++] = i;
    }
    if (n == 0) return 0;
    if (arm->select) arm->select(arm->user, a);
    TRY(session_head(p->session, n, p->select, p->target, arm->attach, p->stat));
    for (int64_t i = 0; i < n; i++) {
        const look_t *of = &p->look[p->select[i]];
        int32_t *mismatch = &mismatch_of(p, &p->candidate[of->candidate])[a];
        if (p->stat[i].rank != 0 && *mismatch == OPEN) *mismatch = of->position;
    }
    p->batch->work.reads += n;
    p->batch->work.flop += (double)n * spec_flop_head(model_spec(p->batch->model));
    return 0;
}

/* Feeds every candidate its next piece. */
static int feed(pool_t *p) {
    for (int64_t i = 0; i < p->count; i++)
        if (p->candidate[i].fed == 0) TRY(check_tokens(p, &p->candidate[i]));
    lay_out(p);
    TRY(session_feed(p->session, (int32_t)p->count, p->sequence, p->length, p->read, p->tokens, p->arms[0].attach));
    for (int32_t a = 0; a < p->n_arms; a++)
        if (look(p, a) != 0) return err_context("arm %s", p->arms[a].name);
    for (int64_t i = 0; i < p->count; i++) {
        int64_t before = p->candidate[i].fed, n = p->length[i];
        p->candidate[i].fed += n;
        p->batch->work.tokens += n;
        p->batch->work.flop += spec_flop(model_spec(p->batch->model), before, n, p->read[i]);
    }
    p->batch->work.positions += p->looks;
    return 0;
}

static int write_records(const pool_t *p, const candidate_t *c) {
    const int32_t *mismatch = mismatch_of(p, c), suffix = (int32_t)p->batch->spec->suffix;
    for (int32_t a = 0; p->out && a < p->n_arms; a++) {
        record_t record = {.probe_id = p->batch->set->probe[c->probe].probe_id,
                           .context = (int32_t)p->context,
                           .exact = mismatch[a] == OPEN,
                           .first_mismatch = mismatch[a] == OPEN ? suffix : mismatch[a],
                           .verdict_only = 1};
        TRY(par_out_put(p->out[a], c->id, &record));
    }
    return 0;
}

static int is_decided(const pool_t *p, const candidate_t *c) {
    const int32_t *mismatch = mismatch_of(p, c);
    int open = 0;
    for (int32_t a = 0; a < p->n_arms; a++) open |= mismatch[a] == OPEN;
    return !open || c->fed == end_of(p);
}

/* One piece for all; those that are decided leave. */
static int step(pool_t *p) {
    int64_t kept = 0;
    TRY(feed(p));
    for (int64_t i = 0; i < p->count; i++) {
        candidate_t c = p->candidate[i];
        if (!is_decided(p, &c)) {
            p->candidate[kept++] = c;
            continue;
        }
        TRY(write_records(p, &c));
        p->spare[p->room - p->count + i - kept] = c.sequence;
    }
    p->count = kept;
    return 0;
}

static int drain(pool_t *p) {
    while (p->count > 0) TRY(step(p));
    return 0;
}

/* A round failed as a whole. A candidate's pieces and numbers do not depend on its company, so the guilty one fails
 * alone too: the message names the first that does. When none does (a full disk), the message stands as it was. */
static int blame(pool_t *p) {
    char *text = mem_strdup(err_text());
    candidate_t *all = p->candidate, one;
    int64_t guilty = 0, n = p->count;
    int rc = 0;
    p->out = NULL;
    p->candidate = &one;
    for (int64_t i = 0; rc == 0 && i < n; i++) {
        one = all[i];
        p->count = 1;
        start(p, &one);
        rc = drain(p);
        guilty = p->batch->set->probe[all[i].probe].probe_id;
    }
    p->candidate = all;
    if (rc != 0)
        err_context("model %s, probe %lld, context %lld", p->batch->name, (long long)guilty, (long long)p->context);
    else
        err_set("model %s: %s", p->batch->name, text ? text : "a batch of probes failed");
    mem_free(text);
    return -1;
}

/* The loaded batch. */
static int take_batch(pool_t *p) {
    const batch_t *b = p->batch;
    if (p->context != b->context) {
        if (drain(p) != 0) return blame(p);
        pool_close(p);
        TRY(pool_open(p));
    }
    for (int64_t added = 0; added < b->count;) {
        added += add(p, added);
        if (step(p) != 0) return blame(p);
    }
    return 0;
}

int verdict_run(batch_t *b, const arm_t *arms, int32_t n_arms, par_tickets_t *tickets, par_out_t **out) {
    pool_t pool = {.batch = b, .arms = arms, .n_arms = n_arms, .out = out};
    progress_t progress;
    char stage[200];
    snprintf(stage, sizeof stage, "probe %s", b->name);
    progress_start(&progress, stage, b->records, "windows"); // how many tokens they will take is not known
    int rc = 0;
    for (int64_t t; rc == 0 && (t = par_tickets_next(tickets)) >= 0;) {
        rc = par_go_on();
        if (rc != 0) break;
        batch_load(b, t);
        progress_update(&progress, b->id);
        rc = take_batch(&pool);
    }
    if (rc == 0 && drain(&pool) != 0) rc = blame(&pool);
    if (rc == 0) progress_update(&progress, b->records);
    if (rc == 0) progress_end(&progress);
    pool_close(&pool);
    return par_tickets_end(tickets, rc);
}
