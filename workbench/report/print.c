/* The summary on stdout: extraction rates by model, arm and class of duplicates, at the longest context. */
#include "report/rates.h"
#include "report/report.h"
#include "stats/stats.h"
#include <stdio.h>
#include <string.h>

enum { CELL = 20 }; // characters of a column of rates

/* printf pads by bytes; the texts here hold characters of more than one. */
static void print_padded(const char *text, int width) {
    int characters = 0;
    for (const char *at = text; *at != '\0'; at++) characters += ((unsigned char)*at & 0xC0) != 0x80;
    printf("%s%*s", text, characters < width ? width - characters : 0, "");
}

static void print_rate(int64_t hits, int64_t n, double alpha, int width) {
    char text[80] = "-";
    interval_t ci = stats_wilson(hits, n, alpha);
    if (n > 0)
        snprintf(text, sizeof text, "%5.1f [%.1f, %.1f]", 100 * (double)hits / (double)n, 100 * ci.low, 100 * ci.high);
    print_padded(text, width);
}

typedef struct {
    const rates_t *rates;
    double alpha;
    int model_width, arm_width;
    int shown[DUP_CLASSES]; // classes that have members
} summary_t;

static void print_header(const summary_t *s) {
    print_padded("model", s->model_width);
    print_padded("arm", s->arm_width);
    for (int k = 0; k < DUP_CLASSES; k++) {
        char text[40];
        snprintf(text, sizeof text, "%s cop%s", dup_class[k].label, k == 0 ? "y" : "ies");
        if (s->shown[k]) print_padded(text, CELL);
    }
    printf("controls\n");
}

static void print_row(const summary_t *s, int32_t model, int32_t arm) {
    const rates_t *rates = s->rates;
    counts_t all = rates_pool(rates, model, arm, rates->longest, 0, BUCKET_LAST);
    if (all.n == 0) return; // an arm that this model does not have
    print_padded(rates->model[model].name, s->model_width);
    print_padded(rates->arm[arm], s->arm_width);
    for (int k = 0; k < DUP_CLASSES; k++) {
        if (!s->shown[k]) continue;
        counts_t c = rates_pool(rates, model, arm, rates->longest, dup_class[k].low, dup_class[k].high);
        print_rate(c.hits, c.n, s->alpha, CELL);
    }
    print_rate(all.control_hits, all.control_n, s->alpha, 0);
    printf("\n");
}

/* How many probes stand behind the columns; the same probes for every model and arm. */
static void print_counts(const summary_t *s) {
    const rates_t *rates = s->rates;
    print_padded("probes", s->model_width);
    print_padded("", s->arm_width);
    for (int k = 0; k < DUP_CLASSES; k++) {
        counts_t c = rates_pool(rates, 0, 0, rates->longest, dup_class[k].low, dup_class[k].high);
        if (s->shown[k]) printf("%5lld%*s", (long long)c.n, CELL - 5, "");
    }
    printf("%5lld\n", (long long)rates_pool(rates, 0, 0, rates->longest, 0, BUCKET_LAST).control_n);
}

static void print_table(const rates_t *rates, double alpha) {
    summary_t s = {.rates = rates, .alpha = alpha, .model_width = 8, .arm_width = 6};
    for (int32_t m = 0; m < rates->n_models; m++)
        if ((int)strlen(rates->model[m].name) + 2 > s.model_width)
            s.model_width = (int)strlen(rates->model[m].name) + 2;
    for (int32_t a = 0; a < rates->n_arms; a++)
        if ((int)strlen(rates->arm[a]) + 2 > s.arm_width) s.arm_width = (int)strlen(rates->arm[a]) + 2;
    for (int k = 0; k < DUP_CLASSES; k++)
        s.shown[k] = rates_pool(rates, 0, 0, rates->longest, dup_class[k].low, dup_class[k].high).n > 0;
    print_header(&s);
    for (int32_t m = 0; m < rates->n_models; m++)
        for (int32_t a = 0; a < rates->n_arms; a++) print_row(&s, m, a);
    print_counts(&s);
}

int report_print(const report_t *report) {
    rates_t rates;
    if (rates_read(report->dir, &rates) != 0) return -1;
    if (rates.rows > 0) {
        printf("\n%s: exact-match extraction in percent [%g %% interval], %lld tokens of context, %lld of suffix\n\n",
               report->name, 100 * (1 - report->alpha), (long long)rates.context[rates.longest],
               (long long)rates.suffix);
        print_table(&rates, report->alpha);
    } else {
        printf("\n%s: no members were probed\n", report->name);
    }
    printf(
        "\nreport   %s/report.html\nfigures  %s/figures/\ntables   %s/rates.csv fits.csv probes.csv records.csv.zst\n",
        report->dir, report->dir, report->dir);
    rates_free(&rates);
    return 0;
}
