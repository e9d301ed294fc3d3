/* Member windows uniform over their positions: a simple random sample without replacement, in a seeded hash order of
 * positions. What stands a hundred times is drawn a hundred times as often, and overlapping windows are not passed
 * over: so the share of the sample that is extractable estimates, without bias, that of all places in the training
 * text. */
#include "base/err.h"
#include "base/mem.h"
#include "index/sampler.h"
#include "index/windows.h"
#include "par/par.h"

enum { KEEP_MORE = 8 };

static int add_run(void *user, const windows_run_t *run) {
    candidates_t *candidates = user;
    TRY(par_go_on());
    for (int64_t i = 0; i < run->count; i++) {
        census_window_t window = {.fingerprint = run->fingerprint[i], .first = run->position + i};
        TRY(candidates_add_place(candidates, 0, &window));
    }
    return 0;
}

/* Collective. The first `keep` places, or more. */
static int place_choice(const sample_t *spec, tokens_t *members, int64_t keep, choice_t *choice) {
    candidates_t *candidates = NULL;
    int rc = par_agree(candidates_create(1, keep, spec->seed, &candidates));
    if (rc == 0) rc = par_agree(windows_scan(members, spec->length, add_run, candidates));
    if (rc == 0) rc = candidates_gather(candidates, choice);
    candidates_free(candidates);
    return rc;
}

/* The first `want` of the order. Returns 1 when it ends earlier though the corpus holds more. */
static int take(const choice_t *choice, int64_t want, picks_t *picks) {
    int64_t n = choice->first[1];
    if (n < want && !choice->complete[0]) return 1;
    picks->n = n < want ? n : want;
    picks->pick = mem_new(picks->n, sizeof *picks->pick, "sample of windows");
    if (!picks->pick) return -1;
    for (int64_t i = 0; i < picks->n; i++) picks->pick[i] = (pick_t){.candidate = choice->candidate[i], .place = i};
    return 0;
}

int sample_uniform(const sample_t *spec, tokens_t *members, picks_t *picks) {
    int rc = 1, moved = 0;
    for (int64_t keep = spec->probes; rc == 1; keep *= KEEP_MORE) {
        choice_t choice;
        TRY(place_choice(spec, members, keep, &choice));
        rc = take(&choice, spec->probes, picks);
        choice_free(&choice);
        TRY(par_agree(rc < 0 ? -1 : 0)); // all ranks saw the same choice, but one may have had no memory
    }
    TRY(picks_fetch(members, spec->length, picks));
    TRY(picks_count(members, spec->length, picks, &moved));
    picks_sort(picks);
    return picks_fetch(members, spec->length, picks);
}
