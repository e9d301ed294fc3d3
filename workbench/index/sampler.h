/* The two halves of the probe sampler: which member windows are probed, and which control windows stand beside them.
 * The protocol is described in probes.h. */
#ifndef MEMPROBE_SAMPLER_H
#define MEMPROBE_SAMPLER_H
#include "base/csv.h"
#include "index/census.h"
#include "index/choose.h"
#include "index/probes.h"
#include "text/tokens.h"
#include <stdint.h>

typedef struct {
    candidate_t candidate;
    int64_t place;                 // members: the how-manieth of its bucket, or of the sample, from 0
    int64_t row;                   // of the probe set
    int64_t same;                  // rows of a list: the first row with the same window
    int64_t bits;                  // description length, in 64ths of a bit
    int64_t pair;                  // controls: the member it stands for, -1: none
    int64_t source;                // index of its source among the sampler's
    int64_t duplicates, documents; // exact
    int32_t bucket;
} pick_t;

typedef struct {
    int64_t n;
    pick_t *pick;
    int32_t *tokens; // (n, length)
} picks_t;
void picks_free(picks_t *picks);
void picks_sort(picks_t *picks); // by bucket, then hash order; tokens stay where they are
/* Collective: (re)reads the tokens of all picks, in their present order. */
int picks_fetch(tokens_t *corpus, int64_t length, picks_t *picks);

/* Collective. Counts by tokens; where they differ from the census (a collision of fingerprints), they win. *moved: 1
 * when this changed a bucket. */
int picks_count(tokens_t *corpus, int64_t length, picks_t *picks, int *moved);

/* Collective. Members by bucket, then hash order; the census that they were drawn from. */
int sample_members(const sample_t *spec, tokens_t *members, census_t *census, picks_t *picks);
int sample_no_windows(const sample_t *spec); // -1 with the message for a corpus without any
/* Collective. Members uniform over positions; in the same order. */
int sample_uniform(const sample_t *spec, tokens_t *members, picks_t *picks);
/* Collective. The rows of a list that occur in the members, and the others, both in the order of the list. A window of
 * the others that is in no document has the position -1. */
int sample_file(const sample_t *spec, tokens_t *members, tokens_t *controls, picks_t *member, picks_t *other);
/* Collective. Controls for the members of each source, in the same order. price: of match.h. *short_of: members that
 * got none. */
int sample_controls(const sample_t *spec, tokens_t *members, tokens_t *controls, const int32_t *price, picks_t *member,
                    picks_t *control, int64_t *short_of);
/* Local. Sets the description lengths, from the tokens. */
void picks_measure(const int32_t *price, int64_t length, picks_t *picks);
/* Local. The rows of matching.csv for one length. */
#define MATCHING_HEADER "length,source,members,controls,member_bits,control_bits,pairs,difference"
int matching_put(csv_out_t *out, int64_t length, tokens_t *members, const picks_t *member, const picks_t *control);

#endif
