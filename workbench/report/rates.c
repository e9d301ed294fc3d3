/* Reading rates.csv. What is derived from it (fits, figures, page, summary) reads the published table and not the
 * records, so a reader of the table can make each of them again. */
#include "report/rates.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/num.h"
#include <math.h>
#include <string.h>

const dup_class_t dup_class[DUP_CLASSES] = {
    {"1", 0, 3}, {"2–7", 4, 11}, {"8–31", 12, 19}, {"32–127", 20, 27}, {"≥128", 28, BUCKET_LAST}};

enum { C_MODEL, C_PARAMS, C_ARM, C_CONTEXT, C_SUFFIX, C_BUCKET, C_N, C_HITS, C_CN, C_CHITS, C_MEAN, COLUMNS };
static const char *const column_name[COLUMNS] = {"model", "params", "arm",       "context",      "suffix",  "bucket",
                                                 "n",     "hits",   "control_n", "control_hits", "dup_mean"};

/* The whole numbers of one row, by column, and the mean of its duplicates. */
static int read_row(const csv_t *table, int64_t row, const int32_t *column, int64_t *value, double *dup_mean) {
    TRY(num_parse_f64(csv_at(table, row, column[C_MEAN]), dup_mean));
    if (!(*dup_mean >= 1 && isfinite(*dup_mean))) return err_set("a mean of duplicates below 1");
    for (int c = 0; c < COLUMNS; c++) {
        if (c == C_MODEL || c == C_ARM || c == C_MEAN) continue;
        TRY(num_parse_i64(csv_at(table, row, column[c]), &value[c]));
        if (value[c] < 0) return err_set("a negative number in column %s", column_name[c]);
    }
    if (value[C_BUCKET] >= BUCKET_LAST || value[C_HITS] > value[C_N] || value[C_CHITS] > value[C_CN])
        return err_set("numbers that cannot be");
    return 0;
}

static int32_t index_of_model(rates_t *rates, const char *name, int64_t parameters) {
    int32_t i = 0;
    while (i < rates->n_models && strcmp(rates->model[i].name, name) != 0) i++;
    if (i == rates->n_models) rates->model[rates->n_models++] = (rated_model_t){name, parameters};
    return i;
}

static int32_t index_of_arm(rates_t *rates, const char *name) {
    int32_t i = 0;
    while (i < rates->n_arms && strcmp(rates->arm[i], name) != 0) i++;
    if (i == rates->n_arms) rates->arm[rates->n_arms++] = name;
    return i;
}

static int32_t index_of_context(rates_t *rates, int64_t context) {
    int32_t i = 0;
    while (i < rates->n_contexts && rates->context[i] != context) i++;
    if (i == rates->n_contexts) rates->context[rates->n_contexts++] = context;
    return i;
}

static int take_row(rates_t *rates, const int32_t *column, int64_t row) {
    int64_t v[COLUMNS];
    double dup_mean;
    const csv_t *table = &rates->table;
    TRY(read_row(table, row, column, v, &dup_mean));
    rates->row[row] = (rate_t){.model = index_of_model(rates, csv_at(table, row, column[C_MODEL]), v[C_PARAMS]),
                               .arm = index_of_arm(rates, csv_at(table, row, column[C_ARM])),
                               .context = index_of_context(rates, v[C_CONTEXT]),
                               .bucket = (int32_t)v[C_BUCKET],
                               .dup_mean = dup_mean,
                               .n = v[C_N],
                               .hits = v[C_HITS],
                               .control_n = v[C_CN],
                               .control_hits = v[C_CHITS]};
    rates->suffix = v[C_SUFFIX];
    rates->rows = row + 1;
    return 0;
}

static int fill(rates_t *rates, const char *path) {
    int32_t column[COLUMNS];
    int64_t rows = rates->table.rows;
    for (int c = 0; c < COLUMNS; c++)
        if (csv_column(&rates->table, column_name[c], &column[c]) != 0) return err_context("%s", path);
    /* No more models, arms or contexts than rows. */
    rates->row = mem_new(rows, sizeof *rates->row, "rates");
    rates->model = mem_new(rows, sizeof *rates->model, "rates");
    rates->arm = mem_new(rows, sizeof *rates->arm, "rates");
    rates->context = mem_new(rows, sizeof *rates->context, "rates");
    if (rates->row == NULL || rates->model == NULL || rates->arm == NULL || rates->context == NULL) return -1;
    for (int64_t i = 0; i < rows; i++)
        if (take_row(rates, column, i) != 0) return err_context("%s: row %lld", path, (long long)i + 1);
    for (int32_t i = 1; i < rates->n_models; i++)
        if (rates->model[i].parameters > rates->model[rates->largest].parameters) rates->largest = i;
    for (int32_t i = 1; i < rates->n_contexts; i++)
        if (rates->context[i] > rates->context[rates->longest]) rates->longest = i;
    return 0;
}

int rates_read(const char *dir, rates_t *rates) {
    *rates = (rates_t){0};
    char *path = mem_printf("%s/rates.csv", dir);
    if (path == NULL) return -1;
    int rc = csv_read(path, &rates->table);
    if (rc == 0) rc = fill(rates, path);
    if (rc != 0) rates_free(rates);
    mem_free(path);
    return rc;
}

void rates_free(rates_t *rates) {
    mem_free(rates->row);
    mem_free(rates->model);
    mem_free(rates->arm);
    mem_free(rates->context);
    csv_free(&rates->table);
    *rates = (rates_t){0};
}

counts_t rates_pool(const rates_t *rates, int32_t model, int32_t arm, int32_t context, int32_t low, int32_t high) {
    counts_t sum = {0, 0, 0, 0};
    for (int64_t i = 0; i < rates->rows; i++) {
        const rate_t *r = &rates->row[i];
        if (r->model != model || r->arm != arm || r->context != context || r->bucket < low || r->bucket > high)
            continue;
        sum.n += r->n;
        sum.hits += r->hits;
        sum.control_n += r->control_n;
        sum.control_hits += r->control_hits;
    }
    return sum;
}
