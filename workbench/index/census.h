/* The duplicate census: for a window length, how often every window of the corpus occurs, over all ranks. Windows lie
 * within one document, overlapping ones count. A window is known by a 128-bit rolling fingerprint; fingerprints are
 * exchanged by hash so that equal windows meet on one rank, in as many rounds as the memory setting demands. */
#ifndef MEMPROBE_CENSUS_H
#define MEMPROBE_CENSUS_H
#include "base/hash.h"
#include "text/tokens.h"
#include <stdint.h>

/* A distinct window: where it stands first, and how often it occurs. */
typedef struct {
    hash_t fingerprint;
    int64_t first;       // position of its first occurrence
    int64_t occurrences; // overlapping ones count
    int64_t documents;   // each document counts once
} census_window_t;

/* Bucket of a count c >= 1: floor(4 log2 c) in integer arithmetic (Carlini et al. 2022). */
int32_t census_bucket(int64_t count);
void census_bucket_range(int32_t bucket, int64_t *low, int64_t *high); // integers c with that bucket; low > high: none
enum { CENSUS_BUCKETS = 256 };

typedef struct {
    int64_t length;
    int64_t windows;                     // occurrences in all
    int64_t distinct[CENSUS_BUCKETS];    // distinct windows of each bucket
    int64_t occurrences[CENSUS_BUCKETS]; // their occurrences
} census_t;

/* Calls visit (local, on the rank that owns the fingerprint) for every distinct window; order is not defined.
 * Collective. memory: bytes a rank may use for the exchange. */
typedef int (*census_visit_t)(void *user, const census_window_t *window);
int census_run(tokens_t *corpus, int64_t length, int64_t memory, census_visit_t visit, void *user, census_t *census);
/* Of n lengths, one after the other: length,bucket,dup_lo,dup_hi,distinct,occurrences. */
int census_write(const census_t *census, int32_t n, const char *csv_path);

#endif
