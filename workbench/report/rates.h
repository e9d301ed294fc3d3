/* rates.csv as numbers, and the ways in which fits, figures and tables take it apart; for this layer only. */
#ifndef MEMPROBE_RATES_H
#define MEMPROBE_RATES_H
#include "base/csv.h"
#include <stdint.h>

typedef struct {
    int32_t model, arm, context; // index of its name or length in rates_t
    int32_t bucket;
    double dup_mean; // where the bucket's point stands
    int64_t n, hits, control_n, control_hits;
} rate_t;

typedef struct {
    const char *name;
    int64_t parameters;
} rated_model_t;

/* Models, arms and contexts stand in the order of their first row. */
typedef struct {
    int64_t rows;
    rate_t *row;
    int32_t n_models, n_arms, n_contexts;
    rated_model_t *model;
    const char **arm;
    int64_t *context;
    int64_t suffix;
    int32_t largest; // model with the most parameters, the first of equals
    int32_t longest; // longest context
    csv_t table;     // the text of all columns
} rates_t;

int rates_read(const char *dir, rates_t *rates); // an empty table is no error: rows is 0
void rates_free(rates_t *rates);

/* Sums over the rows of one model, arm and context whose bucket lies in [low, high]. */
typedef struct {
    int64_t n, hits, control_n, control_hits;
} counts_t;
counts_t rates_pool(const rates_t *rates, int32_t model, int32_t arm, int32_t context, int32_t low, int32_t high);

/* Classes of duplicates, coarse enough for a curve or a column each; every one is a whole number of buckets. */
typedef struct {
    const char *label; // "2-7"
    int32_t low, high; // buckets
} dup_class_t;
enum { DUP_CLASSES = 5, BUCKET_REPEATED = 4, BUCKET_LAST = INT32_MAX }; // buckets from BUCKET_REPEATED: 2 or more
extern const dup_class_t dup_class[DUP_CLASSES];

#endif
