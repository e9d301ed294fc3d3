/* Log-linear fits: how a rate grows with each tenfold of model size, duplicates or context (Carlini et al. 2022, their
 * figure 1). The points of each fit are described in report.h. */
#include "report/fits.h"
#include "base/err.h"
#include "base/mem.h"
#include "report/rates.h"
#include "stats/stats.h"
#include <math.h>

typedef struct {
    int64_t n;
    double *x, *y; // with room for a point a row of rates.csv
} points_t;

/* Adds a point unless its response cannot be had. net: the rate less that of the controls. */
static void add_point(points_t *points, double factor, counts_t c, int net) {
    if (c.n == 0 || (net && c.control_n == 0)) return;
    double rate = (double)c.hits / (double)c.n;
    points->x[points->n] = log10(factor);
    points->y[points->n++] = net ? rate - (double)c.control_hits / (double)c.control_n : rate;
}

static void points_by_parameters(const rates_t *rates, int32_t arm, int net, points_t *points) {
    for (int32_t m = 0; m < rates->n_models; m++)
        add_point(points, (double)rates->model[m].parameters,
                  rates_pool(rates, m, arm, rates->longest, BUCKET_REPEATED, BUCKET_LAST), net);
}

static void points_by_duplicates(const rates_t *rates, int32_t arm, int net, points_t *points) {
    for (int64_t i = 0; i < rates->rows; i++) {
        const rate_t *r = &rates->row[i];
        if (r->model != rates->largest || r->arm != arm || r->context != rates->longest) continue;
        counts_t counts = {r->n, r->hits, r->control_n, r->control_hits};
        add_point(points, r->dup_mean, counts, net);
    }
}

static void points_by_context(const rates_t *rates, int32_t arm, int net, points_t *points) {
    for (int32_t c = 0; c < rates->n_contexts; c++)
        add_point(points, (double)rates->context[c],
                  rates_pool(rates, rates->largest, arm, c, BUCKET_REPEATED, BUCKET_LAST), net);
}

static const struct {
    const char *name;
    void (*collect)(const rates_t *rates, int32_t arm, int net, points_t *points);
} factors[] = {
    {"parameters", points_by_parameters}, {"duplicates", points_by_duplicates}, {"context", points_by_context}};

static int fit_is_possible(const points_t *points) {
    for (int64_t i = 1; i < points->n; i++)
        if (points->x[i] != points->x[0]) return points->n >= 3;
    return 0;
}

/* Equal responses, up to the rounding of differences of rates, are made equal. */
static int make_flat(points_t *points) {
    for (int64_t i = 1; i < points->n; i++)
        if (fabs(points->y[i] - points->y[0]) > 1e-12) return 0;
    for (int64_t i = 1; i < points->n; i++) points->y[i] = points->y[0];
    return 1;
}

static int write_fit(csv_out_t *out, const char *arm, int net, const char *factor, points_t *points, double alpha) {
    fit_t fit;
    int flat = make_flat(points);
    if (stats_fit(points->n, points->x, points->y, alpha, &fit) != 0)
        return err_context("fit of %s against %s, arm %s", net ? "net" : "rate", factor, arm);
    /* A line through all points, which rates of few probes can give by chance: there is no scatter to judge the slope
     * by, so nothing is claimed about it. What is left of the error is rounding, which must not reach a table. */
    if (flat || 1 - fit.r2 < 1e-12) fit.slope_se = fit.ci_low = fit.ci_high = fit.p = (double)NAN;
    if (flat) fit.r2 = (double)NAN;
    csv_text(out, arm);
    csv_text(out, net ? "net" : "rate");
    csv_text(out, factor);
    csv_i64(out, fit.n);
    csv_stat(out, fit.intercept);
    csv_stat(out, fit.slope);
    csv_stat(out, fit.slope_se);
    csv_stat(out, fit.ci_low);
    csv_stat(out, fit.ci_high);
    csv_stat(out, fit.r2);
    csv_stat(out, fit.p);
    csv_end(out);
    return 0;
}

static int write_all_fits(csv_out_t *out, const rates_t *rates, double alpha) {
    points_t points = {.x = mem_new(rates->rows, sizeof(double), "points of a fit"),
                       .y = mem_new(rates->rows, sizeof(double), "points of a fit")};
    int rc = points.x != NULL && points.y != NULL ? 0 : -1;
    for (int32_t arm = 0; arm < rates->n_arms; arm++)
        for (int net = 0; net < 2; net++)
            for (size_t f = 0; rc == 0 && f < sizeof factors / sizeof *factors; f++) {
                points.n = 0;
                factors[f].collect(rates, arm, net, &points);
                if (fit_is_possible(&points))
                    rc = write_fit(out, rates->arm[arm], net, factors[f].name, &points, alpha);
            }
    mem_free(points.x);
    mem_free(points.y);
    return rc;
}

int fits_write(const report_t *report) {
    rates_t rates;
    TRY(rates_read(report->dir, &rates));
    char *path = mem_printf("%s/fits.csv", report->dir);
    csv_out_t *out = NULL;
    int rc =
        path != NULL ? csv_open(path, "arm,response,factor,n,intercept,slope,slope_se,ci_lo,ci_hi,r2,p", &out) : -1;
    if (rc == 0) rc = write_all_fits(out, &rates, report->alpha);
    if (rc == 0)
        rc = csv_commit(out);
    else
        csv_abort(out);
    mem_free(path);
    rates_free(&rates);
    return rc;
}
