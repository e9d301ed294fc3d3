/* Turns counts into what a figure shows: rates with Wilson intervals, and where each curve's label goes. Labels stand
 * at the right end of their curves and are pushed apart where curves end close together. */
#include "report/curves.h"
#include "base/csv.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/num.h"
#include "stats/stats.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

int curves_begin(curves_t *curves, const char *label) {
    TRY(mem_grow(&curves->label, &curves->curves_capacity, curves->n_curves + 1, sizeof *curves->label, "a figure"));
    char *copy = mem_strdup(label);
    if (copy == NULL) return -1;
    /* gnuplot cuts a quoted field of a CSV at a comma. */
    for (char *at = copy; *at != '\0'; at++)
        if (strchr(",\"\r\n", *at) != NULL) *at = ' ';
    curves->label[curves->n_curves++] = copy;
    return 0;
}

int curves_add(curves_t *curves, double x, counts_t counts) {
    if (counts.n == 0) return 0;
    TRY(mem_grow(&curves->point, &curves->capacity, curves->n_points + 1, sizeof *curves->point, "a figure"));
    int64_t at = curves->n_points++;
    int32_t curve = curves->n_curves - 1;
    /* Contexts and models come in the order of the config: sort each curve by x as it grows. */
    for (; at > 0 && curves->point[at - 1].curve == curve && curves->point[at - 1].x > x; at--)
        curves->point[at] = curves->point[at - 1];
    curves->point[at] = (curve_point_t){curve, x, counts};
    return 0;
}

int curves_distinct_x(const curves_t *curves) {
    for (int64_t i = 1; i < curves->n_points; i++)
        if (curves->point[i].x != curves->point[0].x) return 2;
    return curves->n_points > 0;
}

void curves_free(curves_t *curves) {
    for (int32_t i = 0; i < curves->n_curves; i++) mem_free(curves->label[i]);
    mem_free(curves->label);
    mem_free(curves->point);
    *curves = (curves_t){0};
}

static double rate_of(int64_t hits, int64_t n) {
    return n > 0 ? (double)hits / (double)n : (double)NAN;
}

static int is_last(const curves_t *curves, int64_t i) {
    return i + 1 == curves->n_points || curves->point[i + 1].curve != curves->point[i].curve;
}

/* Upper end of the y axis: above every rate, and above every interval that is not much wider than the rates. */
static double find_top(const curves_t *curves, double alpha) {
    double rates = 0, all = 0, least = fmax(0.01, curves->least_top);
    for (int64_t i = 0; i < curves->n_points; i++) {
        const counts_t *c = &curves->point[i].counts;
        double high = stats_wilson(c->hits, c->n, alpha).high;
        rates = fmax(rates, rate_of(c->hits, c->n));
        all = fmax(all, high);
        if (c->control_n > 0) all = fmax(all, stats_wilson(c->control_hits, c->control_n, alpha).high);
    }
    return fmin(1, fmax(least, fmin(1.05 * all, 2.5 * rates + 0.05)));
}

/* label_y[curve]: the rate at the curve's end, then moved so that neighbours keep `gap`. */
static void place_labels(const curves_t *curves, double top, double *label_y, int32_t *order) {
    double gap = 0.066 * top;
    int32_t n = 0;
    for (int64_t i = 0; i < curves->n_points; i++) {
        if (!is_last(curves, i)) continue;
        const curve_point_t *p = &curves->point[i];
        label_y[p->curve] = rate_of(p->counts.hits, p->counts.n);
        int32_t at = n++;
        for (; at > 0 && label_y[order[at - 1]] > label_y[p->curve]; at--) order[at] = order[at - 1];
        order[at] = p->curve;
    }
    for (int32_t i = 1; i < n; i++) label_y[order[i]] = fmax(label_y[order[i]], label_y[order[i - 1]] + gap);
    for (int32_t i = n - 1; i >= 0; i--) {
        double limit = i == n - 1 ? top : label_y[order[i + 1]] - gap;
        label_y[order[i]] = fmin(label_y[order[i]], limit);
    }
}

static void write_point(csv_out_t *out, const curves_t *curves, int64_t i, double alpha, const double *label_y) {
    const curve_point_t *p = &curves->point[i];
    const counts_t *c = &p->counts;
    interval_t rate = stats_wilson(c->hits, c->n, alpha), control = {(double)NAN, (double)NAN};
    if (c->control_n > 0) control = stats_wilson(c->control_hits, c->control_n, alpha);
    int last = is_last(curves, i);
    csv_i64(out, p->curve);
    csv_stat(out, p->x);
    csv_i64(out, c->n);
    csv_stat(out, rate_of(c->hits, c->n));
    csv_stat(out, rate.low);
    csv_stat(out, rate.high);
    csv_stat(out, rate_of(c->control_hits, c->control_n));
    csv_stat(out, control.low);
    csv_stat(out, control.high);
    csv_stat(out, last ? label_y[p->curve] : (double)NAN);
    csv_text(out, last ? curves->label[p->curve] : "");
    csv_end(out);
}

/* Characters of a UTF-8 text. */
static int32_t characters(const char *text) {
    int32_t n = 0;
    for (; *text != '\0'; text++) n += ((unsigned char)*text & 0xC0) != 0x80;
    return n;
}

int curves_write(const curves_t *curves, double alpha, const char *path, double *top, int32_t *widest) {
    *top = find_top(curves, alpha);
    *widest = 0;
    for (int32_t i = 0; i < curves->n_curves; i++)
        if (characters(curves->label[i]) > *widest) *widest = characters(curves->label[i]);
    double *label_y = mem_new(curves->n_curves, sizeof *label_y, "labels of a figure");
    int32_t *order = mem_new(curves->n_curves, sizeof *order, "labels of a figure");
    csv_out_t *out = NULL;
    int rc = label_y != NULL && order != NULL ? 0 : -1;
    if (rc == 0)
        rc = csv_open(path, "curve,x,n,rate,ci_lo,ci_hi,control_rate,control_lo,control_hi,label_y,label", &out);
    if (rc == 0) {
        place_labels(curves, *top, label_y, order);
        for (int64_t i = 0; i < curves->n_points; i++) write_point(out, curves, i, alpha, label_y);
        rc = csv_commit(out);
    }
    mem_free(label_y);
    mem_free(order);
    return rc;
}
