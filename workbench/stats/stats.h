/* Intervals and fits, on GSL. Results are rounded to NUM_STAT_DIGITS by the writers, since they pass through libm. */
#ifndef MEMPROBE_STATS_H
#define MEMPROBE_STATS_H
#include <stdint.h>

typedef struct {
    double low, high;
} interval_t;

/* hits of n at confidence 1 - alpha. n = 0 gives [0, 1]. */
interval_t stats_wilson(int64_t hits, int64_t n, double alpha);          // Wilson 1927
interval_t stats_clopper_pearson(int64_t hits, int64_t n, double alpha); // Clopper & Pearson 1934
/* Difference of two independent proportions, Newcombe 1998 method 10 (from two Wilson intervals). */
interval_t stats_newcombe(int64_t hits1, int64_t n1, int64_t hits2, int64_t n2, double alpha);
/* Effective n of clustered binary data: n / design effect, by the intraclass correlation (ANOVA estimator); cluster[i]
 * is any integer label. Between the number of clusters and n. */
double stats_effective_n(int64_t n, const int64_t *cluster, const int32_t *hit);

typedef struct {
    int64_t n;
    double intercept, slope, slope_se, ci_low, ci_high, r2, p; // p: two-sided t test of slope = 0
} fit_t;
/* Least squares y = intercept + slope x; n < 3 or constant x is an error. */
int stats_fit(int64_t n, const double *x, const double *y, double alpha, fit_t *fit);

#endif
