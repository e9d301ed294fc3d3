/* The census of several lengths in the results: its tables, two figures, and a few lines for the terminal. */
#include "base/csv.h"
#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/num.h"
#include "report/figures.h"
#include "report/report.h"
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* A row of duplicates.csv. */
typedef struct {
    int64_t length, low, high, distinct, windows, tokens;
    double share;
} census_row_t;

typedef struct {
    int64_t n;
    census_row_t *row;
} census_rows_t;

static int read_row(const char *path, const csv_t *table, int64_t at, census_row_t *row) {
    static const char *const name[] = {"length", "dup_lo", "dup_hi", "distinct", "windows", "tokens"};
    int64_t *value[] = {&row->length, &row->low, &row->high, &row->distinct, &row->windows, &row->tokens};
    int32_t column;
    for (int k = 0; k < 6; k++) {
        TRY(csv_column(table, name[k], &column));
        if (num_parse_i64(csv_at(table, at, column), value[k]) != 0 || *value[k] < 0)
            return err_set("%s: %s = %s is no count", path, name[k], csv_at(table, at, column));
    }
    if (row->low < 1 || row->high < row->low) return err_set("%s: dup_lo and dup_hi are no range", path);
    TRY(csv_column(table, "share", &column));
    return num_parse_f64(csv_at(table, at, column), &row->share);
}

static int read_rows(const char *dir, census_rows_t *rows) {
    csv_t table = {0};
    char *path = mem_printf("%s/duplicates.csv", dir);
    int rc = path ? csv_read(path, &table) : -1;
    rows->n = rc == 0 ? table.rows : 0;
    rows->row = mem_new(rows->n, sizeof *rows->row, "a census");
    if (!rows->row) rc = -1;
    for (int64_t i = 0; rc == 0 && i < rows->n; i++) rc = read_row(path, &table, i, &rows->row[i]);
    csv_free(&table);
    mem_free(path);
    if (rc != 0) mem_free(rows->row);
    return rc;
}

/* Points: x the geometric mean of a bucket's counts; y the windows of one such count, that is, of the bucket over the
 * counts it holds: buckets hold 1, 2, 3 ... of them, and would show as steps otherwise. Returns the curves. */
static int32_t write_points(const census_rows_t *rows, csv_out_t *out) {
    int32_t curve = -1;
    for (int64_t i = 0; i < rows->n; i++) {
        const census_row_t *r = &rows->row[i];
        if (i == 0 || r->length != rows->row[i - 1].length) curve++;
        csv_i64(out, curve);
        csv_i64(out, r->length);
        csv_stat(out, sqrt((double)r->low) * sqrt((double)r->high));
        csv_stat(out, (double)r->distinct / (double)(r->high - r->low + 1));
        csv_i64(out, r->low);
        csv_stat(out, r->share);
        csv_end(out);
    }
    return curve + 1;
}

/* With fewer than one curve there is nothing to draw, and a figure of an earlier run goes. */
static int draw(const report_t *report, const char *name, const char *data, int32_t curves) {
    char curves_text[NUM_TEXT];
    char *base = mem_printf("%s/figures/%s", report->dir, name), *raw = base ? mem_printf("%s.raw", base) : NULL;
    char *script = mem_printf("%s/%s.gp", report->plots_dir, name);
    snprintf(curves_text, sizeof curves_text, "%d", curves);
    int rc = raw && script ? 0 : -1;
    if (rc == 0 && curves < 1)
        figure_remove(base);
    else if (rc == 0)
        rc = figure_publish(script, (const char *[]){report->plots_dir, data, raw, curves_text, NULL}, base);
    mem_free(base);
    mem_free(raw);
    mem_free(script);
    return rc;
}

/* A corpus without a window of any length has no figure, one without duplicates none of their share. */
static int draw_figures(const report_t *report, const census_rows_t *rows) {
    csv_out_t *out;
    char *dir = mem_printf("%s/figures", report->dir), *data = mem_printf("%s/figures/census.csv", report->dir);
    int32_t curves = 0;
    int rc = dir && data ? dir_make(dir) : -1;
    if (rc == 0) rc = csv_open(data, "curve,length,x,y,at_least,share", &out);
    if (rc == 0) {
        curves = write_points(rows, out);
        rc = csv_commit(out);
    }
    int repeated = 0;
    for (int64_t i = 0; i < rows->n; i++) repeated |= rows->row[i].low > 1;
    if (rc == 0) rc = draw(report, "census", data, curves);
    if (rc == 0) rc = draw(report, "census_share", data, repeated ? curves : 0);
    mem_free(dir);
    mem_free(data);
    return rc;
}

static int copy(const char *from_dir, const char *dir, const char *name) {
    char *from = mem_printf("%s/%s", from_dir, name), *to = mem_printf("%s/%s", dir, name);
    int rc = from && to ? file_copy(from, to) : -1;
    mem_free(from);
    mem_free(to);
    return rc;
}

/* A table of an earlier run that this one does not have. */
static int drop(const char *dir, const char *name) {
    char *path = mem_printf("%s/%s", dir, name);
    int rc = !path ? -1 : unlink(path) == 0 || errno == ENOENT ? 0 : err_set("%s: cannot be removed", path);
    mem_free(path);
    return rc;
}

int report_census(const report_t *report, const char *census_dir, const char *near_dir) {
    census_rows_t rows;
    TRY(copy(census_dir, report->dir, "duplicates.csv"));
    TRY(copy(census_dir, report->dir, "top.csv"));
    TRY(near_dir ? copy(near_dir, report->dir, "near.csv") : drop(report->dir, "near.csv"));
    TRY(near_dir ? copy(near_dir, report->dir, "near_sizes.csv") : drop(report->dir, "near_sizes.csv"));
    TRY(read_rows(report->dir, &rows));
    int rc = draw_figures(report, &rows);
    mem_free(rows.row);
    return rc;
}

/* Rows first .. last - 1 are one length. */
static void print_length(const census_row_t *row, int64_t first, int64_t last) {
    int64_t windows = 0, distinct = 0, duplicated = 0;
    double share = 0;
    for (int64_t i = first; i < last; i++) {
        windows += row[i].windows;
        distinct += row[i].distinct;
        if (row[i].low < 2) continue;
        duplicated += row[i].distinct;
        if (row[i].share > share) share = row[i].share; // it falls from bucket to bucket
    }
    printf("%8lld %14lld %14lld %14lld %11.2f %% %12lld\n", (long long)row[first].length, (long long)windows,
           (long long)distinct, (long long)duplicated, 100 * share, (long long)row[last - 1].high);
}

int report_census_print(const report_t *report) {
    census_rows_t rows;
    TRY(read_rows(report->dir, &rows));
    printf("\n%s: duplicates in the corpus\n\n%8s %14s %14s %14s %13s %12s\n", report->name, "tokens", "windows",
           "distinct", "twice or more", "of all tokens", "most, up to");
    for (int64_t first = 0, last; first < rows.n; first = last) {
        for (last = first + 1; last < rows.n && rows.row[last].length == rows.row[first].length;) last++;
        print_length(rows.row, first, last);
    }
    printf("\ntables   %s/duplicates.csv top.csv\nfigures  %s/figures/census.svg census_share.svg (.pdf, .png)\n",
           report->dir, report->dir);
    mem_free(rows.row);
    return 0;
}
