/* Intervals of proportions and the effective size of clustered samples. The intervals' formulas are short; GSL gives
 * the quantiles of the normal and the beta distribution. */
#include "base/mem.h"
#include "stats/stats.h"
#include <assert.h>
#include <float.h>
#include <gsl/gsl_cdf.h>
#include <gsl/gsl_sf_gamma.h>
#include <math.h>
#include <stdlib.h>

static const interval_t UNKNOWN = {0.0, 1.0};

/* Wilson 1927: the proportions p whose normal test with the variance p(1 - p)/n does not reject the observed one. */
interval_t stats_wilson(int64_t hits, int64_t n, double alpha) {
    assert(hits >= 0 && hits <= n && alpha > 0.0 && alpha < 1.0);
    if (n == 0) return UNKNOWN;
    double z = gsl_cdf_ugaussian_Qinv(alpha / 2.0), size = (double)n, p = (double)hits / size;
    double middle = p + z * z / (2.0 * size);
    double half = z * sqrt(p * (1.0 - p) / size + z * z / (4.0 * size * size));
    double scale = 1.0 + z * z / size;
    interval_t interval = {(middle - half) / scale, (middle + half) / scale};
    if (hits == 0) interval.low = 0.0; // exact; the formula leaves a rounding error
    if (hits == n) interval.high = 1.0;
    return interval;
}

/* The continued fraction of the incomplete beta function (DLMF 8.17.22), by Lentz's method; it converges in some
 * sqrt(max(a, b)) steps for x <= (a + 1) / (a + b + 2). */
static double beta_fraction(double a, double b, double x) {
    double c = 1.0, d = 1.0 / (1.0 - (a + b) * x / (a + 1.0)), value = d;
    for (int m = 1; m < 1000000; m++) {
        double k = (double)m;
        double even = k * (b - k) * x / ((a + 2.0 * k - 1.0) * (a + 2.0 * k));
        d = 1.0 / (1.0 + even * d);
        c = 1.0 + even / c;
        value *= d * c;
        double odd = -(a + k) * (a + b + k) * x / ((a + 2.0 * k) * (a + 2.0 * k + 1.0));
        d = 1.0 / (1.0 + odd * d);
        c = 1.0 + odd / c;
        value *= d * c;
        if (fabs(d * c - 1.0) < 2.0 * DBL_EPSILON) break;
    }
    return value;
}

/* P(X <= x) of the beta distribution. */
static double beta_p(double a, double b, double x) {
    if (x <= 0.0 || x >= 1.0) return x <= 0.0 ? 0.0 : 1.0;
    double front = exp(a * log(x) + b * log1p(-x) - gsl_sf_lnbeta(a, b));
    if (x <= (a + 1.0) / (a + b + 2.0)) return front * beta_fraction(a, b, x) / a;
    return 1.0 - front * beta_fraction(b, a, 1.0 - x) / b;
}

/* The x with P(X <= x) = p: the interval is halved until no double lies inside. */
static double beta_quantile(double p, double a, double b) {
    double low = 0.0, high = 1.0;
    for (;;) {
        double middle = low + (high - low) / 2.0;
        if (middle <= low || middle >= high) return middle;
        if (beta_p(a, b, middle) < p)
            low = middle;
        else
            high = middle;
    }
}

/* Clopper & Pearson 1934: equal tails of the binomial, by quantiles of the beta distribution. */
interval_t stats_clopper_pearson(int64_t hits, int64_t n, double alpha) {
    assert(hits >= 0 && hits <= n && alpha > 0.0 && alpha < 1.0);
    if (n == 0) return UNKNOWN;
    double a = (double)hits, b = (double)(n - hits);
    interval_t interval = UNKNOWN;
    if (hits > 0) interval.low = beta_quantile(alpha / 2.0, a, b + 1.0);
    if (hits < n) interval.high = beta_quantile(1.0 - alpha / 2.0, a + 1.0, b);
    return interval;
}

/* Newcombe 1998 (Statistics in Medicine 17:873), method 10: the two Wilson intervals' distances, added as squares. */
interval_t stats_newcombe(int64_t hits1, int64_t n1, int64_t hits2, int64_t n2, double alpha) {
    if (n1 == 0 || n2 == 0) return (interval_t){-1.0, 1.0};
    double p1 = (double)hits1 / (double)n1, p2 = (double)hits2 / (double)n2;
    interval_t w1 = stats_wilson(hits1, n1, alpha), w2 = stats_wilson(hits2, n2, alpha);
    double below = sqrt((p1 - w1.low) * (p1 - w1.low) + (w2.high - p2) * (w2.high - p2));
    double above = sqrt((w1.high - p1) * (w1.high - p1) + (p2 - w2.low) * (p2 - w2.low));
    return (interval_t){p1 - p2 - below, p1 - p2 + above};
}

typedef struct {
    int64_t cluster;
    int32_t hit;
} member_t;

static int by_cluster(const void *a, const void *b) {
    const member_t *x = a, *y = b;
    return (x->cluster > y->cluster) - (x->cluster < y->cluster);
}

/* Sums of a one-way analysis of variance of 0/1 data; sums over clusters of size m with h hits. */
typedef struct {
    int64_t n, hits, clusters;
    double squares; // sum of m^2
    double within;  // sum of h (m - h) / m: squares within clusters
    double between; // sum of h^2 / m: with hits^2 / n, squares between clusters
} anova_t;

static anova_t anova_sums(const member_t *member, int64_t n) {
    anova_t sums = {.n = n};
    for (int64_t first = 0, last; first < n; first = last) {
        int64_t hits = 0;
        for (last = first; last < n && member[last].cluster == member[first].cluster; last++) hits += member[last].hit;
        double m = (double)(last - first), h = (double)hits;
        sums.hits += hits;
        sums.clusters++;
        sums.squares += m * m;
        sums.within += h * (m - h) / m;
        sums.between += h * h / m;
    }
    return sums;
}

/* Intraclass correlation by the ANOVA estimator (Donner 1986), and the design effect of unequal clusters, 1 + (sum m^2
 * / n - 1) rho. Where all hits are equal nothing varies and rho cannot be estimated: the clusters are counted, which is
 * on the safe side. A negative estimate counts as 0. */
static double effective(const anova_t *a) {
    double n = (double)a->n, k = (double)a->clusters, hits = (double)a->hits;
    if (a->clusters == a->n) return n;
    if (a->clusters == 1 || a->hits == 0 || a->hits == a->n) return k;
    double msb = (a->between - hits * hits / n) / (k - 1.0), msw = a->within / (n - k);
    double m0 = (n - a->squares / n) / (k - 1.0);
    double rho = (msb - msw) / (msb + (m0 - 1.0) * msw);
    double result = n / (1.0 + (a->squares / n - 1.0) * fmax(rho, 0.0));
    return fmin(fmax(result, k), n);
}

double stats_effective_n(int64_t n, const int64_t *cluster, const int32_t *hit) {
    member_t *member = mem_new(n, sizeof *member, "clusters of an effective sample size");
    if (!member) return NAN;
    for (int64_t i = 0; i < n; i++) member[i] = (member_t){cluster[i], hit[i] != 0};
    qsort(member, (size_t)n, sizeof *member, by_cluster); // order inside a cluster is of no account
    anova_t sums = anova_sums(member, n);
    mem_free(member);
    return effective(&sums);
}
