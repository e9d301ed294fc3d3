/* Near-duplicates: documents, and windows, whose sets of shingles are alike. A shingle is a run of a few tokens; two
 * items are alike when the Jaccard similarity of their sets of shingles, |A and B| / |A or B|, reaches a threshold. An
 * item may be there exactly once and nearly a hundred times: this tells the two apart.
 *
 * Pairs are found by MinHash signatures (Broder 1997, "On the resemblance and containment of documents") in bands of
 * rows: a pair becomes a candidate when all rows of some band agree, which has the probability
 *     P(s) = 1 - (1 - s^rows)^bands           at similarity s
 * (Leskovec, Rajaraman & Ullman, Mining of Massive Datasets, section 3.4). Of at most 128 hash values, rows is the
 * largest number for which P(threshold) >= 0.99; bands = 128 / rows. At 0.8 that is 21 bands of 6 rows: P(0.8) = 0.998,
 * P(0.6) = 0.64, P(0.4) = 0.08. Every candidate is then judged by its true similarity, so no pair is joined that is not
 * alike; a pair that is alike is missed with probability 1 - P, unless others join it. Clusters are what candidates
 * that are alike connect, directly or over others.
 *
 * Items that are candidates without being alike cost time, in a band with a crowd of them its square.
 *
 * near.csv has a row for every item of a cluster of 2 or more:
 *   unit             document or window
 *   cluster          number, in order of the first items
 *   size             items of the cluster
 *   doc_id, source, offset, tokens   where the item stands
 *   bucket           index floor(4 log2 c) of the number of exact copies c: of a window in the whole corpus, at any
 *                    place; of a document, documents with the very same tokens. 0: exactly once
 *   similarity       of its set of shingles to that of the cluster's first item
 * near_sizes.csv sums up, a row for every bucket of sizes (the same index, of the size):
 *   unit, bucket, size_lo, size_hi, clusters, items
 *   once             items of these clusters that are there exactly once
 * Size 1 are items without a near-duplicate. Documents with fewer tokens than a shingle are no items. Windows begin at
 * tokens 0, w, 2w, ... of a document and do not overlap; a text that stands at another place of the grid in another
 * document is found as far as the shingles that the two windows share reach the threshold. */
#ifndef MEMPROBE_NEAR_H
#define MEMPROBE_NEAR_H
#include "text/tokens.h"
#include <stdint.h>

typedef struct {
    int64_t shingle;    // tokens
    double threshold;   // in (0, 1]
    int64_t window;     // tokens of a window
    const char *levels; // file that the census of windows of that length has left (duplicates.h)
} near_t;

/* rows and bands for a threshold, and P(s) for them. */
void near_choose(double threshold, int32_t *bands, int32_t *rows);
double near_probability(double similarity, int32_t bands, int32_t rows);

/* Collective. Writes dir/near.csv and dir/near_sizes.csv. */
int near_run(const near_t *spec, tokens_t *corpus, const char *dir);

#endif
