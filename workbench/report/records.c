/* Reading record files. They come from the probe engine, perhaps of another day and another disk, so each record is
 * checked against its place and against itself before anything is counted. */
#include "report/records.h"
#include "base/err.h"
#include <math.h>

/* Of a record of the verdict alone: measures that were not made are 0. */
static const char *fault_of_verdict(const record_t *r) {
    int none = r->matched == 0 && r->rank_max == 0 && r->memorization_score == 0 && r->logp_suffix == 0 &&
               r->margin_min == 0 && r->entropy_bits == 0;
    return none ? NULL : "holds measures beside a verdict alone";
}

/* The words for what is wrong with a record, NULL: nothing. */
static const char *fault(const record_t *r, int64_t probe, int64_t context, int64_t suffix, measure_t measure) {
    if (r->probe_id != probe) return "has the id of another probe";
    if (r->context != context) return "has another context length";
    if (r->verdict_only != (measure == MEASURE_VERDICT))
        return measure == MEASURE_VERDICT ? "holds more than a verdict" : "holds a verdict alone";
    if (r->exact != 0 && r->exact != 1) return "has a verdict that is neither 0 nor 1";
    if (r->first_mismatch < 0 || r->first_mismatch > suffix) return "has a first mismatch outside of the suffix";
    if ((r->first_mismatch == suffix) != (r->exact == 1)) return "has a verdict that contradicts its first mismatch";
    if (r->verdict_only) return fault_of_verdict(r);
    if (r->matched < r->first_mismatch || r->matched > suffix) return "has an impossible count of matches";
    if ((r->matched == suffix) != (r->exact == 1)) return "has a verdict that contradicts its matches";
    if (!isfinite(r->memorization_score)) return "holds a value that is not finite";
    if (isnan(r->margin_min) || isnan(r->entropy_bits)) return "holds a NaN";
    /* -infinity is a result: under a memory with lambda 1 a token may have probability 0. */
    if (!(r->logp_suffix < (double)INFINITY)) return "has an impossible log-probability";
    return NULL;
}

static probe_range_t range_of(const report_t *report, const probe_set_t *set, int32_t c) {
    return probes_at(set, report->context[c] + report->suffix);
}

static int check(const report_t *report, const report_cell_t *cell, const probe_set_t *set, const record_t *record) {
    int64_t id = 0;
    for (int32_t c = 0; c < report->n_context; c++) {
        probe_range_t range = range_of(report, set, c);
        for (int64_t i = 0; i < range.n; i++, id++) {
            const char *words =
                fault(&record[id], range.first + i, report->context[c], report->suffix, report->measure);
            if (words != NULL)
                return err_set("%s: record %lld %s: the file is damaged; remove its folder and probe again",
                               cell->records_path, (long long)id, words);
        }
    }
    return 0;
}

int records_open(const report_t *report, const report_cell_t *cell, const probe_set_t *set, records_t *records) {
    *records = (records_t){{NULL, 0}, NULL};
    TRY(file_map(cell->records_path, &records->map));
    uint64_t expected = 0;
    for (int32_t c = 0; c < report->n_context; c++) expected += (uint64_t)range_of(report, set, c).n * sizeof(record_t);
    int rc = 0;
    if (records->map.size != expected)
        rc = err_set(
            "%s: %zu bytes, but %lld probes at %d context lengths take %llu: remove its folder and probe again",
            cell->records_path, records->map.size, (long long)set->n, report->n_context, (unsigned long long)expected);
    else
        /* A map starts at a page, so the records are aligned. */
        records->record = (const record_t *)(const void *)records->map.data;
    if (rc == 0) rc = check(report, cell, set, records->record);
    if (rc != 0) records_close(records);
    return rc;
}

const record_t *records_at(const report_t *report, const probe_set_t *set, const records_t *records, int32_t c,
                           probe_range_t *range) {
    const record_t *record = records->record;
    for (int32_t i = 0; i < c; i++) record += range_of(report, set, i).n;
    *range = range_of(report, set, c);
    return record;
}

void records_close(records_t *records) {
    file_unmap(&records->map);
    records->record = NULL;
}
