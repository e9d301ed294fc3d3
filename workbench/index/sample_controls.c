/* Control windows: for the members of each source as many windows of that source from the control corpus, in hash
 * order, none of which occurs anywhere in the member corpus.
 *
 * Which member a control stands for (whose bucket it carries) must not change when per_bucket grows: members of a
 * source are served in order of (place in the bucket, bucket), which only grows at its end. Where controls are short
 * this also spreads them evenly over the buckets. */
#include "base/err.h"
#include "base/mem.h"
#include "index/match.h"
#include "index/recount.h"
#include "index/sampler.h"
#include "par/par.h"
#include <stdlib.h>
#include <string.h>

enum { KEEP_AT_FIRST = 64, KEEP_MORE = 8 };
enum { MATCH_EACH = 8 }; // candidates drawn for each member, when they are matched

typedef struct {
    int64_t n;
    const char **name; // (n) sorted
    int64_t *need;     // (n) members of it
} sources_t;

typedef struct {
    tokens_t *corpus;
    int64_t *source_of; // (documents) index of the source, -1: no member has it
    candidates_t *candidates;
} gather_t;

static int by_text(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int64_t source_find(const sources_t *sources, const char *name) {
    const char **found = bsearch(&name, sources->name, (size_t)sources->n, sizeof *sources->name, by_text);
    return found ? found - sources->name : -1;
}

static token_document_t document_of(tokens_t *corpus, const pick_t *pick) {
    return tokens_document(corpus, tokens_document_at(corpus, pick->candidate.window.first));
}

/* The sources of the members; each pick learns its own. */
static int list_sources(tokens_t *members, picks_t *member, sources_t *sources) {
    sources->name = mem_new(member->n, sizeof *sources->name, "sources of probes");
    sources->need = mem_new(member->n, sizeof *sources->need, "sources of probes");
    if (!sources->name || !sources->need) return -1;
    for (int64_t i = 0; i < member->n; i++) sources->name[i] = document_of(members, &member->pick[i]).source;
    qsort(sources->name, (size_t)member->n, sizeof *sources->name, by_text);
    for (int64_t i = 0; i < member->n; i++)
        if (i == 0 || strcmp(sources->name[i], sources->name[sources->n - 1]) != 0)
            sources->name[sources->n++] = sources->name[i];
    for (int64_t i = 0; i < member->n; i++) {
        member->pick[i].source = source_find(sources, document_of(members, &member->pick[i]).source);
        sources->need[member->pick[i].source]++;
    }
    return 0;
}

static int add_by_source(void *user, const census_window_t *window) {
    gather_t *g = user;
    int64_t source = g->source_of[tokens_document_at(g->corpus, window->first)];
    return source < 0 ? 0 : candidates_add(g->candidates, source, window);
}

/* Collective. The first `keep` windows of each source in the control corpus. */
static int control_choice(const sample_t *spec, tokens_t *controls, const sources_t *sources, int64_t keep,
                          choice_t *choice) {
    gather_t g = {.corpus = controls};
    census_t census;
    int64_t documents = tokens_documents(controls);
    g.source_of = mem_new(documents, sizeof *g.source_of, "sources of documents");
    int rc = g.source_of ? candidates_create(sources->n, keep, spec->seed, &g.candidates) : -1;
    rc = par_agree(rc);
    if (rc == 0) {
        for (int64_t d = 0; d < documents; d++)
            g.source_of[d] = source_find(sources, tokens_document(controls, d).source);
        rc = census_run(controls, spec->length, spec->memory, add_by_source, &g, &census);
    }
    if (rc == 0) rc = candidates_gather(g.candidates, choice);
    candidates_free(g.candidates);
    mem_free(g.source_of);
    return rc;
}

/* Candidates, and what is known of each. */
typedef struct {
    choice_t choice;
    uint8_t *barred;      // (n) 1: it occurs in the member corpus
    int32_t *tokens;      // (n, length)
    const int32_t *price; // of tokens
} known_t;

static void known_free(known_t *known) {
    choice_free(&known->choice);
    mem_free(known->barred);
    mem_free(known->tokens);
}

static int64_t bits_of(const sample_t *spec, const known_t *known, int64_t candidate) {
    return match_length(known->price, known->tokens + candidate * spec->length, spec->length);
}

/* Collective. Which candidates occur in the member corpus, by their tokens. */
static int look_at(const sample_t *spec, tokens_t *members, tokens_t *controls, known_t *known) {
    const choice_t *choice = &known->choice;
    int64_t n = choice->first[choice->classes];
    hash_t *fingerprint = mem_new(n, sizeof *fingerprint, "candidates for controls");
    int64_t *work = mem_new(2 * n, sizeof *work, "candidates for controls");
    known->barred = mem_new(n, 1, "candidates for controls");
    int rc = par_agree(fingerprint && work && known->barred ? 0 : -1);
    if (rc == 0) {
        for (int64_t i = 0; i < n; i++) {
            fingerprint[i] = choice->candidate[i].window.fingerprint;
            work[i] = choice->candidate[i].window.first;
        }
        rc = recount_fetch(controls, spec->length, work, n, &known->tokens);
    }
    if (rc == 0) rc = recount_windows(members, spec->length, fingerprint, known->tokens, n, work, work + n);
    for (int64_t i = 0; i < n && rc == 0; i++) known->barred[i] = work[i] > 0;
    mem_free(fingerprint);
    mem_free(work);
    return rc;
}

/* Members in the order in which they are served. */
typedef struct {
    int64_t source, place;
    int32_t bucket;
    int64_t member;
} serve_t;

static int by_service(const void *a, const void *b) {
    const serve_t *x = a, *y = b;
    if (x->source != y->source) return x->source < y->source ? -1 : 1;
    if (x->place != y->place) return x->place < y->place ? -1 : 1;
    return (x->bucket > y->bucket) - (x->bucket < y->bucket);
}

/* Which of the n candidates taken[] each of the members serve[] gets: given[i], -1 for none. */
static int give(const sample_t *spec, const known_t *known, const int64_t *taken, int64_t n, const serve_t *serve,
                int64_t members, const picks_t *member, int64_t *given) {
    if (spec->match == MATCH_SOURCE) {
        for (int64_t i = 0; i < members; i++) given[i] = i < n ? i : -1;
        return 0;
    }
    int64_t *value = mem_new(members + n, sizeof *value, "controls");
    if (!value) return -1;
    for (int64_t i = 0; i < members; i++) value[i] = member->pick[serve[i].member].bits;
    for (int64_t i = 0; i < n; i++) value[members + i] = bits_of(spec, known, taken[i]);
    int rc = match_nearest(value, members, value + members, n, MATCH_EACH, given);
    mem_free(value);
    return rc;
}

/* Controls of one source. Returns 1 when it ran dry though there may be more. */
static int take_source(const sample_t *spec, const known_t *known, int64_t source, const serve_t *serve,
                       int64_t members, const picks_t *member, picks_t *control) {
    int64_t want = spec->match == MATCH_SOURCE ? members : MATCH_EACH * members, n = 0;
    int64_t *taken = mem_new(want, sizeof *taken, "controls"), *given = mem_new(members, sizeof *given, "controls");
    int rc = taken && given ? 0 : -1;
    if (rc == 0) rc = choice_take(&known->choice, source, spec->length, want, known->barred, taken, &n);
    if (rc == 0) rc = give(spec, known, taken, n, serve, members, member, given);
    for (int64_t i = 0; i < members && rc == 0; i++)
        if (given[i] >= 0)
            control->pick[control->n++] = (pick_t){.candidate = known->choice.candidate[taken[given[i]]],
                                                   .source = source,
                                                   .bits = bits_of(spec, known, taken[given[i]]),
                                                   .pair = serve[i].member,
                                                   .bucket = serve[i].bucket};
    mem_free(taken);
    mem_free(given);
    return rc;
}

/* Takes as many controls of every source as it needs. Returns 1 when a source ran dry though there may be more. */
static int take_sources(const sample_t *spec, const known_t *known, const sources_t *sources, const picks_t *member,
                        picks_t *control) {
    serve_t *serve = mem_new(member->n, sizeof *serve, "controls");
    int64_t served = 0;
    control->pick = mem_new(member->n, sizeof *control->pick, "controls");
    control->n = 0;
    int rc = serve && control->pick ? 0 : -1;
    for (int64_t i = 0; i < member->n && rc == 0; i++)
        serve[i] = (serve_t){member->pick[i].source, member->pick[i].place, member->pick[i].bucket, i};
    if (rc == 0) qsort(serve, (size_t)member->n, sizeof *serve, by_service);
    for (int64_t source = 0; source < sources->n && rc == 0; source++) {
        rc = take_source(spec, known, source, serve + served, sources->need[source], member, control);
        served += sources->need[source];
    }
    mem_free(serve);
    picks_sort(control);
    if (rc != 0) picks_free(control);
    return rc;
}

/* Collective. One try; returns 1 on all ranks when a larger `keep` is needed. */
static int try_controls(const sample_t *spec, tokens_t *members, tokens_t *controls, const int32_t *price,
                        const sources_t *sources, int64_t keep, const picks_t *member, picks_t *control) {
    known_t known = {.price = price};
    TRY(control_choice(spec, controls, sources, keep, &known.choice));
    int rc = look_at(spec, members, controls, &known);
    if (rc == 0) {
        rc = take_sources(spec, &known, sources, member, control);
        if (par_agree(rc < 0 ? -1 : 0) != 0) rc = -1;
    }
    known_free(&known);
    return rc;
}

int sample_controls(const sample_t *spec, tokens_t *members, tokens_t *controls, const int32_t *price, picks_t *member,
                    picks_t *control, int64_t *short_of) {
    sources_t sources = {0};
    int rc = par_agree(list_sources(members, member, &sources));
    int64_t most = 0;
    for (int64_t s = 0; s < sources.n; s++) most = sources.need[s] > most ? sources.need[s] : most;
    if (rc == 0) rc = 1;
    if (spec->match != MATCH_SOURCE) most *= MATCH_EACH;
    for (int64_t keep = KEEP_AT_FIRST + 2 * most; rc == 1; keep *= KEEP_MORE)
        rc = try_controls(spec, members, controls, price, &sources, keep, member, control);
    mem_free(sources.name);
    mem_free(sources.need);
    if (rc != 0) return -1;
    *short_of = member->n - control->n;
    return picks_fetch(controls, spec->length, control);
}
