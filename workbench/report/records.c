/* Reading record files. They come from the probe engine, perhaps of another day and another disk, so each record is
 * checked against its place and against itself before anything is counted. */
#include "report/records.h"
#include "base/err.h"
#include <math.h>

/* The words for what is wrong with a record, NULL: nothing. */
static const char *fault(const record_t *r, int64_t probe, int64_t context, int64_t suffix) {
    if (r->probe_id != probe) return "has the id of another probe";
    if (r->context != context) return "has another context length";
    if (r->exact != 0 && r->exact != 1) return "has a verdict that is neither 0 nor 1";
    if (r->first_mismatch < 0 || r->first_mismatch > suffix) return "has a first mismatch outside of the suffix";
    if (r->matched < r->first_mismatch || r->matched > suffix) return "has an impossible count of matches";
    if ((r->first_mismatch == suffix) != (r->exact == 1) || (r->matched == suffix) != (r->exact == 1))
        return "has a verdict that contradicts its matches";
    if (!isfinite(r->memorization_score)) return "holds a value that is not finite";
    if (isnan(r->margin_min) || isnan(r->entropy_bits)) return "holds a NaN";
    /* -infinity is a result: under a memory with lambda 1 a token may have probability 0. */
    if (!(r->logp_suffix < (double)INFINITY)) return "has an impossible log-probability";
    return NULL;
}

static int check(const report_t *report, const report_cell_t *cell, int64_t n, const record_t *record) {
    for (int32_t c = 0; c < report->n_context; c++)
        for (int64_t i = 0; i < n; i++) {
            const char *words = fault(&record[c * n + i], i, report->context[c], report->suffix);
            if (words != NULL)
                return err_set("%s: record %lld %s: the file is damaged; remove its folder and probe again",
                               cell->records_path, (long long)(c * n + i), words);
        }
    return 0;
}

int records_open(const report_t *report, const report_cell_t *cell, int64_t n, records_t *records) {
    *records = (records_t){{NULL, 0}, NULL};
    TRY(file_map(cell->records_path, &records->map));
    uint64_t expected = (uint64_t)report->n_context * (uint64_t)n * sizeof(record_t);
    int rc = 0;
    if (records->map.size != expected)
        rc = err_set(
            "%s: %zu bytes, but %lld probes at %d context lengths take %llu: remove its folder and probe again",
            cell->records_path, records->map.size, (long long)n, report->n_context, (unsigned long long)expected);
    else
        /* A map starts at a page, so the records are aligned. */
        records->record = (const record_t *)(const void *)records->map.data;
    if (rc == 0) rc = check(report, cell, n, records->record);
    if (rc != 0) records_close(records);
    return rc;
}

void records_close(records_t *records) {
    file_unmap(&records->map);
    records->record = NULL;
}
