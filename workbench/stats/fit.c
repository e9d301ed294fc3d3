/* The line through points, with the t test of its slope. */
#include "base/err.h"
#include "stats/stats.h"
#include <assert.h>
#include <gsl/gsl_cdf.h>
#include <gsl/gsl_fit.h>
#include <gsl/gsl_statistics_double.h>
#include <math.h>

static int check_points(int64_t n, const double *x, const double *y) {
    if (n < 3) return err_set("a line needs at least 3 points, there are %lld", (long long)n);
    int varies = 0;
    for (int64_t i = 0; i < n; i++) {
        if (!isfinite(x[i]) || !isfinite(y[i])) return err_set("point %lld of a fit is not finite", (long long)i);
        varies |= x[i] != x[0];
    }
    return varies ? 0 : err_set("a line cannot be fitted: all %lld points have the same x", (long long)n);
}

int stats_fit(int64_t n, const double *x, const double *y, double alpha, fit_t *fit) {
    assert(alpha > 0.0 && alpha < 1.0);
    TRY(check_points(n, x, y));
    double cov00, cov01, cov11, rss;
    gsl_fit_linear(x, 1, y, 1, (size_t)n, &fit->intercept, &fit->slope, &cov00, &cov01, &cov11, &rss);
    double tss = gsl_stats_tss(y, 1, (size_t)n), freedom = (double)(n - 2);
    double reach = gsl_cdf_tdist_Qinv(alpha / 2.0, freedom);
    fit->n = n;
    fit->slope_se = sqrt(cov11);
    fit->ci_low = fit->slope - reach * fit->slope_se;
    fit->ci_high = fit->slope + reach * fit->slope_se;
    fit->r2 = tss > 0.0 ? 1.0 - rss / tss : 0.0; // constant y: there is nothing to explain
    if (fit->slope == 0.0)
        fit->p = 1.0; // also where the error is 0 too and t is not defined
    else
        fit->p = 2.0 * gsl_cdf_tdist_Q(fabs(fit->slope) / fit->slope_se, freedom);
    return 0;
}
