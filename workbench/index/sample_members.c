/* Member windows by duplicate bucket, counted exactly. */
#include "base/err.h"
#include "base/mem.h"
#include "index/sampler.h"
#include "par/par.h"

/* Windows kept of each bucket at first, beside eight times the number wanted: overlapping neighbours take most. */
enum { KEEP_AT_FIRST = 4096, KEEP_MORE = 8 };

static int add_by_bucket(void *user, const census_window_t *window) {
    return candidates_add(user, census_bucket(window->occurrences), window);
}

/* Collective. The first `keep` candidates of each bucket. */
static int census_choice(const sample_t *spec, tokens_t *members, int64_t keep, census_t *census, choice_t *choice) {
    candidates_t *candidates = NULL;
    int rc = par_agree(candidates_create(CENSUS_BUCKETS, keep, spec->seed, &candidates));
    if (rc == 0) rc = census_run(members, spec->length, spec->memory, add_by_bucket, candidates, census);
    if (rc == 0) rc = candidates_gather(candidates, choice);
    candidates_free(candidates);
    return rc;
}

/* Picks per_bucket windows of every bucket. Returns 1 when some bucket ran dry though the census holds more. */
static int take_buckets(const sample_t *spec, const choice_t *choice, picks_t *picks) {
    int64_t most = choice->first[CENSUS_BUCKETS], n, capacity = 0;
    if (most > spec->per_bucket) most = spec->per_bucket;
    int64_t *taken = mem_new(most, sizeof *taken, "sample of windows");
    int rc = taken ? 0 : -1;
    picks->n = 0;
    for (int32_t bucket = 0; bucket < CENSUS_BUCKETS && rc == 0; bucket++) {
        rc = choice_take(choice, bucket, spec->length, spec->per_bucket, NULL, taken, &n);
        if (rc == 0) rc = mem_grow(&picks->pick, &capacity, picks->n + n, sizeof *picks->pick, "sample of windows");
        for (int64_t i = 0; i < n && rc == 0; i++)
            picks->pick[picks->n++] = (pick_t){.candidate = choice->candidate[taken[i]], .place = i, .bucket = bucket};
    }
    mem_free(taken);
    if (rc != 0) {
        mem_free(picks->pick);
        *picks = (picks_t){0};
    }
    return rc;
}

int sample_no_windows(const sample_t *spec) {
    return err_set("no document of the corpus holds a window of %lld tokens: ask for a shorter context or suffix",
                   (long long)spec->length);
}

int sample_members(const sample_t *spec, tokens_t *members, census_t *census, picks_t *picks) {
    int rc = 1;
    for (int64_t keep = KEEP_AT_FIRST + KEEP_MORE * spec->per_bucket; rc == 1; keep *= KEEP_MORE) {
        choice_t choice;
        TRY(census_choice(spec, members, keep, census, &choice));
        rc = take_buckets(spec, &choice, picks);
        choice_free(&choice);
        TRY(par_agree(rc < 0 ? -1 : 0)); // all ranks saw the same choice, but one may have had no memory
    }
    if (census->windows == 0) return sample_no_windows(spec);
    int moved = 0;
    TRY(picks_fetch(members, spec->length, picks));
    TRY(picks_count(members, spec->length, picks, &moved));
    if (!moved) return 0;
    picks_sort(picks);
    return picks_fetch(members, spec->length, picks);
}
