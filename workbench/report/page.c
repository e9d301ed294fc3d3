/* report.html: one file that can be mailed. No script, no link outside, no date: the same bytes on every run. */
#include "base/csv.h"
#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "report/examples.h"
#include "report/figures.h"
#include "report/html.h"
#include "report/rates.h"
#include "stats/stats.h"
#include <string.h>

static const char style[] =
    "body{font:16px/1.5 system-ui,Helvetica,Arial,sans-serif;color:#222;max-width:75rem;margin:2rem auto;padding:0 "
    "1rem}\n"
    "h1{font-size:1.6rem;margin-bottom:.2rem}h2{font-size:1.2rem;margin-top:2.2rem;border-bottom:1px solid #ddd}\n"
    ".figures{display:grid;grid-template-columns:repeat(auto-fit,minmax(24rem,1fr));gap:1.5rem}\n"
    "figure{margin:0}figure svg{width:100%;height:auto}figcaption{font-size:.9rem;color:#555}\n"
    ".wide{overflow-x:auto}table{border-collapse:collapse;font-size:.85rem;font-variant-numeric:tabular-nums}\n"
    "th,td{padding:.25rem .7rem;text-align:right;white-space:nowrap;border-bottom:1px solid #eee}\n"
    "th{background:#f6f6f6;position:sticky;top:0}th.name,td.name{text-align:left}td small{color:#777}\n"
    ".probe{border-left:4px solid #ddd;padding-left:1rem;margin:1.2rem 0}.about{margin:0;font-size:.85rem;color:#555}\n"
    ".text{margin:.3rem 0;white-space:pre-wrap;overflow-wrap:anywhere;font-family:Georgia,serif}\n"
    ".hit{background:#c9ecd9}.miss{background:#f6c7b3}.rest{color:#888}\n";

static void write_start(const report_t *report, const rates_t *rates, file_out_t *out) {
    file_out_print(out,
                   "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" "
                   "content=\"width=device-width\">\n<title>memprobe: ");
    html_string(out, report->name);
    file_out_print(out, "</title>\n<style>\n%s</style>\n</head>\n<body>\n<h1>", style);
    html_string(out, report->name);
    file_out_print(out,
                   "</h1>\n<p>Exact-match extraction: the share of probes whose next %lld tokens are reproduced by "
                   "greedy decoding from their context. ",
                   (long long)report->suffix);
    file_out_print(out, "Models (parameters without embeddings): ");
    for (int32_t m = 0; m < rates->n_models; m++) {
        if (m > 0) file_out_print(out, ", ");
        html_string(out, rates->model[m].name);
        file_out_print(out, " (%lld)", (long long)rates->model[m].parameters);
    }
    file_out_print(out, ". Intervals are at %g %% confidence.</p>\n", 100 * (1 - report->alpha));
}

/* The figures that were drawn. */
static int write_figures(const report_t *report, file_out_t *out) {
    int rc = 0;
    file_out_print(out, "<div class=\"figures\">\n");
    for (int i = 0; rc == 0 && i < FIGURES; i++) {
        char *path = mem_printf("%s/figures/%s.svg", report->dir, figure[i].name);
        if (path == NULL) rc = -1;
        if (rc == 0 && file_exists(path)) {
            file_out_print(out, "<figure>\n");
            rc = html_svg(out, path, figure[i].name);
            file_out_print(out, "<figcaption>%s</figcaption>\n</figure>\n", figure[i].caption);
        }
        mem_free(path);
    }
    file_out_print(out, "</div>\n");
    return rc;
}

static void write_rate(file_out_t *out, int64_t hits, int64_t n, double alpha) {
    interval_t ci = stats_wilson(hits, n, alpha);
    if (n == 0)
        file_out_print(out, "<td>&ndash;</td>");
    else
        file_out_print(out, "<td>%.1f <small>[%.1f, %.1f] n=%lld</small></td>", 100 * (double)hits / (double)n,
                       100 * ci.low, 100 * ci.high, (long long)n);
}

/* Percent by model, arm and class of duplicates, at the longest context. */
static void write_summary(const rates_t *rates, double alpha, file_out_t *out) {
    file_out_print(
        out,
        "<h2>Extraction rate, %% [interval], %lld tokens of context</h2>\n<div class=\"wide\"><table>\n<tr><th "
        "class=\"name\">model</th><th class=\"name\">arm</th>",
        (long long)rates->context[rates->longest]);
    for (int k = 0; k < DUP_CLASSES; k++)
        file_out_print(out, "<th>%s cop%s</th>", dup_class[k].label, k == 0 ? "y" : "ies");
    file_out_print(out, "<th>controls</th></tr>\n");
    for (int32_t m = 0; m < rates->n_models; m++)
        for (int32_t a = 0; a < rates->n_arms; a++) {
            counts_t all = rates_pool(rates, m, a, rates->longest, 0, BUCKET_LAST);
            if (all.n == 0) continue;
            file_out_print(out, "<tr><td class=\"name\">");
            html_string(out, rates->model[m].name);
            file_out_print(out, "</td><td class=\"name\">");
            html_string(out, rates->arm[a]);
            file_out_print(out, "</td>");
            for (int k = 0; k < DUP_CLASSES; k++) {
                counts_t c = rates_pool(rates, m, a, rates->longest, dup_class[k].low, dup_class[k].high);
                write_rate(out, c.hits, c.n, alpha);
            }
            write_rate(out, all.control_hits, all.control_n, alpha);
            file_out_print(out, "</tr>\n");
        }
    file_out_print(out, "</table></div>\n");
}

/* A column of words is set to the left. */
static int is_name(const char *column) {
    static const char *const names[] = {"model", "arm", "response", "factor"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(column, names[i]) == 0) return 1;
    return 0;
}

static void write_table(const csv_t *table, file_out_t *out) {
    file_out_print(out, "<div class=\"wide\"><table>\n<tr>");
    for (int32_t c = 0; c < table->columns; c++) {
        file_out_print(out, "<th%s>", is_name(table->name[c]) ? " class=\"name\"" : "");
        html_string(out, table->name[c]);
        file_out_print(out, "</th>");
    }
    for (int64_t r = 0; r < table->rows; r++) {
        file_out_print(out, "</tr>\n<tr>");
        for (int32_t c = 0; c < table->columns; c++) {
            file_out_print(out, "<td%s>", is_name(table->name[c]) ? " class=\"name\"" : "");
            html_string(out, csv_at(table, r, c));
            file_out_print(out, "</td>");
        }
    }
    file_out_print(out, "</tr>\n</table></div>\n");
}

static int write_fits(const report_t *report, file_out_t *out) {
    csv_t table;
    char *path = mem_printf("%s/fits.csv", report->dir);
    int rc = path != NULL ? csv_read(path, &table) : -1;
    mem_free(path);
    if (rc != 0) return -1;
    if (table.rows > 0) {
        file_out_print(
            out, "<h2>Log-linear fits</h2>\n<p>response = intercept + slope &times; log<sub>10</sub>(factor): the "
                 "slope is the change of the rate with each tenfold of the factor.</p>\n");
        write_table(&table, out);
    }
    csv_free(&table);
    return 0;
}

static int write_page(const report_t *report, const rates_t *rates, file_out_t *out) {
    write_start(report, rates, out);
    TRY(write_figures(report, out));
    if (rates->rows > 0) write_summary(rates, report->alpha, out);
    TRY(write_fits(report, out));
    TRY(examples_write(report, out));
    file_out_print(out, "<h2>All rates</h2>\n<details><summary>rates.csv, %lld rows</summary>\n",
                   (long long)rates->rows);
    write_table(&rates->table, out);
    return file_out_print(out, "</details>\n</body>\n</html>\n");
}

int report_page(const report_t *report) {
    rates_t rates;
    TRY(rates_read(report->dir, &rates));
    char *path = mem_printf("%s/report.html", report->dir);
    file_out_t *out = NULL;
    int rc = path != NULL ? file_out_open(path, &out) : -1;
    if (rc == 0) rc = write_page(report, &rates, out);
    if (rc == 0)
        rc = file_out_commit(out);
    else
        file_out_abort(out);
    mem_free(path);
    rates_free(&rates);
    return rc;
}
