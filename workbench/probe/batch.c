/* Cuts probes into batches and feeds them. See probe/batch.h. */
#include "probe/batch.h"
#include "base/err.h"
#include "base/mem.h"
#include <string.h>

int64_t batch_probes(const engine_t *spec, int64_t context) {
    int64_t probes = spec->batch_tokens / (context + spec->suffix - 1);
    return probes > 0 ? probes : 1;
}

/* All probes at context length number c. */
static probe_range_t range_of(const batch_t *b, int32_t c) {
    return probes_at(b->set, b->spec->context[c] + b->spec->suffix);
}

static int64_t batches_of(const batch_t *b, int32_t c) {
    int64_t probes = batch_probes(b->spec, b->spec->context[c]);
    return (range_of(b, c).n + probes - 1) / probes;
}

static int check_spec(const engine_t *spec, const model_t *model, const probe_set_t *set) {
    int64_t limit = model_spec(model)->context;
    if (spec->suffix < 1 || spec->batch_tokens < 1 || spec->n_context < 1)
        return err_set("a suffix of %lld tokens, %d context lengths, batches of %lld tokens: each must be 1 or more",
                       (long long)spec->suffix, spec->n_context, (long long)spec->batch_tokens);
    for (int32_t c = 0; c < spec->n_context; c++) {
        int64_t context = spec->context[c];
        if (context < 1 || context > set->length - spec->suffix ||
            (set->n > 0 && probes_at(set, context + spec->suffix).n == 0))
            return err_set("a context of %lld and a suffix of %lld tokens do not fit probes of %lld tokens",
                           (long long)context, (long long)spec->suffix, (long long)set->length);
        if (context + spec->suffix - 1 > limit)
            return err_set("a context of %lld and a suffix of %lld tokens do not fit the model, which sees %lld",
                           (long long)context, (long long)spec->suffix, (long long)limit);
    }
    return 0;
}

static int make_arrays(batch_t *b) {
    int64_t reads = b->most_probes * b->spec->suffix;
    arena_t *arena = b->arena = arena_create(1 << 16);
    if (arena == NULL) return -1;
    b->window = arena_new(arena, b->most_probes, sizeof *b->window, "probes of a batch");
    b->sequence = arena_new(arena, b->most_probes, sizeof *b->sequence, "sequences of a batch");
    b->length = arena_new(arena, b->most_probes, sizeof *b->length, "lengths of a batch");
    b->read = arena_new(arena, b->most_probes, sizeof *b->read, "lengths of a batch");
    b->tokens = arena_new(arena, b->most_rows, sizeof *b->tokens, "tokens of a batch");
    b->select = arena_new(arena, reads, sizeof *b->select, "rows of a batch");
    b->target = arena_new(arena, reads, sizeof *b->target, "targets of a batch");
    b->stat = arena_new(arena, reads, sizeof *b->stat, "statistics of a batch");
    if (!b->window || !b->sequence || !b->length || !b->read || !b->tokens || !b->select || !b->target || !b->stat)
        return -1;
    for (int64_t i = 0; i < b->most_probes; i++) b->sequence[i] = (int32_t)i;
    for (int64_t i = 0; i < reads; i++) b->select[i] = i;
    return 0;
}

int batch_open(const engine_t *spec, const model_t *model, const probe_set_t *set, const char *name, batch_t *b) {
    *b = (batch_t){.spec = spec, .model = model, .set = set, .name = name, .most_probes = 1, .longest = 1};
    TRY(check_spec(spec, model, set));
    for (int32_t c = 0; c < spec->n_context; c++) {
        int64_t probes = batch_probes(spec, spec->context[c]), fed = spec->context[c] + spec->suffix - 1,
                all = range_of(b, c).n;
        if (probes > all) probes = all > 0 ? all : 1;
        if (probes > b->most_probes) b->most_probes = probes;
        if (fed > b->longest) b->longest = fed;
        if (probes * fed > b->most_rows) b->most_rows = probes * fed;
        b->batches += batches_of(b, c);
        b->records += all;
    }
    if (b->most_probes > INT32_MAX) return err_set("batches of %lld probes", (long long)b->most_probes);
    int rc = make_arrays(b);
    if (rc != 0) batch_close(b);
    return rc;
}

int batch_open_session(batch_t *b) {
    return session_create(b->model, (int32_t)b->most_probes, b->longest, b->most_rows, &b->session);
}

void batch_close(batch_t *b) {
    session_free(b->session);
    arena_free(b->arena);
    b->session = NULL;
    b->arena = NULL;
}

int64_t batch_tokens(const batch_t *b) {
    int64_t tokens = 0;
    for (int32_t c = 0; c < b->spec->n_context; c++)
        tokens += range_of(b, c).n * (b->spec->context[c] + b->spec->suffix - 1);
    return tokens;
}

/* Which tokens are to follow the rows that are read. */
static void point_at_suffix(batch_t *b) {
    int64_t suffix = b->spec->suffix;
    for (int64_t i = 0; i < b->count; i++)
        memcpy(b->target + i * suffix, b->window[i] + b->context, (size_t)suffix * sizeof *b->target);
}

/* The last `length` tokens of a probe. */
static const int32_t *end_of(const probe_t *probe, int64_t length) {
    return probe->tokens + probe->length - length;
}

void batch_load(batch_t *b, int64_t index) {
    int32_t c = 0;
    b->done = b->id = 0;
    for (; index >= batches_of(b, c); c++) {
        index -= batches_of(b, c);
        b->id += range_of(b, c).n;
        b->done += range_of(b, c).n * (b->spec->context[c] + b->spec->suffix - 1);
    }
    probe_range_t range = range_of(b, c);
    b->context = b->spec->context[c];
    int64_t probes = batch_probes(b->spec, b->context), length = b->context + b->spec->suffix;
    b->first = range.first + index * probes;
    b->count = range.n - index * probes < probes ? range.n - index * probes : probes;
    b->id += index * probes;
    b->done += index * probes * (length - 1);
    for (int64_t i = 0; i < b->count; i++) b->window[i] = end_of(&b->set->probe[b->first + i], length);
    point_at_suffix(b);
}

void batch_only(batch_t *b, int64_t i) {
    b->first += i;
    b->id += i;
    b->count = 1;
    b->window[0] = end_of(&b->set->probe[b->first], b->context + b->spec->suffix);
    point_at_suffix(b);
}

int batch_feed(batch_t *b, int64_t fed, int64_t read, const attachment_t *attach) {
    for (int64_t i = 0; i < b->count; i++) {
        session_reset(b->session, b->sequence[i]);
        b->length[i] = fed;
        b->read[i] = read;
        memcpy(b->tokens + i * fed, b->window[i], (size_t)fed * sizeof *b->tokens);
    }
    if (fed == 0) return 0;
    return session_feed(b->session, (int32_t)b->count, b->sequence, b->length, b->read, b->tokens, attach);
}

int batch_context(const batch_t *b) {
    return err_context("model %s, probe %lld, context %lld", b->name, (long long)b->set->probe[b->first].probe_id,
                       (long long)b->context);
}
