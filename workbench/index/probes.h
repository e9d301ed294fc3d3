/* The probe set: windows of the training corpus by duplicate bucket, and their controls.
 *
 * "duplicates" protocol: for each bucket, up to per_bucket distinct windows of `length` tokens in a seeded hash order
 * of their fingerprints; a window that overlaps one already taken for the bucket (by their first occurrences) is passed
 * over. So the sample is the same for any number of ranks and grows as a superset with per_bucket. Counts of the
 * sampled windows are then made again by comparing tokens: no fingerprint collision can reach a result.
 *
 * "uniform" protocol: `probes` windows uniform over the positions of the members, by a seeded hash order of positions;
 * overlapping ones too, and what stands often is drawn often. Superset and ranks as above.
 *
 * "file" protocol: the windows of a list, in its order: a CSV table with doc_id and offset (and length, if it likes),
 * or with token ids as token_rows.h reads them, or NumPy arrays. Of longer ones the last `length` tokens are taken.
 * What occurs in the members is a member, whatever document it was listed from. If there are others, they are the
 * controls: bucket by bucket of the members in turn, doc_id file/ROW where no document holds them (equal rows then
 * share a sequence_id); else controls are drawn.
 *
 * Controls: for every member a window of the same source from the control corpus (as far as there are any), with the
 * member's bucket, is_member 0 and duplicates 0; a control whose window occurs in the member corpus is not taken.
 *
 * Matched on compressibility, each member gets the control that is nearest to it in description length (match.h), out
 * of eight times as many; how well that went is in matching.csv, whatever they were matched on.
 *
 * Several lengths: each has a sample of its own, by its own counts, as Carlini et al. drew theirs; rows come length by
 * length. What follows then holds of no probe.
 *
 * All of this is about whole windows, of the longest context and the suffix. The part that a shorter context probes may
 * occur more often than `duplicates` says, and a part of a control may occur in the member corpus, as may a part of a
 * member elsewhere: the net rate is what training on the window added to that. Counts are over tokens: the same words
 * cut into other tokens are another window, and nothing is counted across the end of a document. */
#ifndef MEMPROBE_PROBES_H
#define MEMPROBE_PROBES_H
#include "text/tokens.h"
#include <stdint.h>

typedef struct {
    int64_t probe_id;    // 0 .. n-1, its row
    int64_t sequence_id; // equal for probes cut from the same text (family): the clusters of the statistics
    const char *doc_id, *source;
    int64_t offset; // of the window in its document, tokens
    int64_t length; // tokens
    int64_t duplicates, documents;
    int32_t bucket;
    int32_t is_member;
    const int32_t *tokens; // (length)
} probe_t;

typedef struct {
    int64_t n, length; // length: of the longest probes, which come last
    probe_t *probe;
    void *hidden;
} probe_set_t;

/* Which probes are asked at a context and suffix of `length` tokens together: those of that length where there are any,
 * else, where all have one length, the ends of all. They are rows first .. first + n - 1; n is 0 where neither holds.
 */
typedef struct {
    int64_t first, n;
} probe_range_t;
probe_range_t probes_at(const probe_set_t *set, int64_t length);

typedef enum { SAMPLE_DUPLICATES, SAMPLE_UNIFORM, SAMPLE_FILE } sample_protocol_t;
typedef enum { MATCH_SOURCE, MATCH_COMPRESSIBILITY } sample_match_t;

typedef struct {
    sample_protocol_t protocol;
    int64_t length;    // of the windows
    int32_t n_lengths; // more than 0: a sample of each of these, in rising order, in place of length; not of a list
    const int64_t *lengths;
    int64_t suffix;     // tokens of it that are the suffix; for a list that says its own
    int64_t per_bucket; // SAMPLE_DUPLICATES
    int64_t probes;     // SAMPLE_UNIFORM
    sample_match_t match;
    char *path[2]; // SAMPLE_FILE: one file, or contexts and suffixes
    int paths;
    uint64_t seed;
    int64_t memory; // bytes a rank, as in census_run
} sample_t;

/* Collective: census and sample; rank 0 writes dir/probes.csv, dir/probes.tokens (int32 little-endian, row after row),
 * dir/census.csv and dir/matching.csv:
 *   length            tokens of the windows
 *   source            of the members; "all", in the last row, includes controls that a list brought
 *   members, controls
 *   member_bits, control_bits
 *                     mean description length (match.h), bits a token; empty where there are none
 *   pairs             members with a control of their own
 *   difference        mean absolute difference of a pair, bits a token; empty without any */
int probes_sample(const sample_t *spec, const char *members_dir, const char *controls_dir, const char *dir);
int probes_read(const char *dir, probe_set_t *set); // local
void probes_free(probe_set_t *set);

#endif
