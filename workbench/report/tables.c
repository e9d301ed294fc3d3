/* probes.csv, records.csv.zst and rates.csv: from the probe set and the record files. Rows come in the order of the
 * probe set and of the report's cells, so the bytes depend on nothing else. */
#include "base/csv.h"
#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "index/census.h"
#include "report/fits.h"
#include "report/records.h"
#include "stats/stats.h"
#include <math.h>
#include <string.h>

enum { MEASURES = 6 }; // columns of records.csv.zst that a verdict alone leaves empty

static int check_set(const report_t *report, const probe_set_t *set) {
    for (int64_t i = 0; i < set->n; i++) {
        const probe_t *probe = &set->probe[i];
        if (probe->bucket < 0 || probe->bucket >= CENSUS_BUCKETS || probe->probe_id != i)
            return err_set("%s/probes.csv: probe %lld has an impossible bucket or id", report->probes_dir,
                           (long long)i);
    }
    return 0;
}

static int write_probes(const report_t *report, const probe_set_t *set) {
    char *path = mem_printf("%s/probes.csv", report->dir);
    csv_out_t *out;
    int rc = path != NULL ? csv_open(path,
                                     "probe_id,sequence_id,doc_id,source,offset,length,duplicates,documents,bucket,"
                                     "is_member",
                                     &out)
                          : -1;
    mem_free(path);
    if (rc != 0) return -1;
    for (int64_t i = 0; i < set->n; i++) {
        const probe_t *probe = &set->probe[i];
        csv_i64(out, probe->probe_id);
        csv_i64(out, probe->sequence_id);
        csv_text(out, probe->doc_id);
        csv_text(out, probe->source);
        csv_i64(out, probe->offset);
        csv_i64(out, probe->length);
        csv_i64(out, probe->duplicates);
        csv_i64(out, probe->documents);
        csv_i64(out, probe->bucket);
        csv_i64(out, probe->is_member);
        csv_end(out);
    }
    return csv_commit(out);
}

static void write_measures(csv_out_t *out, const record_t *r) {
    csv_i64(out, r->matched);
    csv_f64(out, r->memorization_score);
    csv_f64(out, r->logp_suffix);
    csv_i64(out, r->rank_max);
    csv_f32(out, r->margin_min);
    csv_f32(out, r->entropy_bits);
}

static void write_no_measures(csv_out_t *out) {
    for (int i = 0; i < MEASURES; i++) csv_text(out, "");
}

static void write_record(csv_out_t *out, const report_cell_t *cell, const record_t *r) {
    csv_text(out, cell->model);
    csv_text(out, cell->arm);
    csv_i64(out, r->context);
    csv_i64(out, r->probe_id);
    csv_i64(out, r->exact);
    csv_i64(out, r->first_mismatch);
    if (r->verdict_only)
        write_no_measures(out);
    else
        write_measures(out, r);
    csv_end(out);
}

/* Members and controls of one bucket in one model x arm x context, and the labels for the effective n. */
typedef struct {
    int64_t n, hits, control_n, control_hits;
    double log_duplicates; // sum over members
    int64_t *cluster;      // (n)
    int32_t *hit;          // (n)
} tally_t;

static void tally_bucket(const probe_t *probe, int64_t n, const record_t *record, int32_t bucket, tally_t *t) {
    t->n = t->hits = t->control_n = t->control_hits = 0;
    t->log_duplicates = 0;
    for (int64_t i = 0; i < n; i++) {
        if (probe[i].bucket != bucket) continue;
        if (probe[i].is_member) {
            t->cluster[t->n] = probe[i].sequence_id;
            t->hit[t->n++] = record[i].exact;
            t->hits += record[i].exact;
            t->log_duplicates += log((double)probe[i].duplicates);
        } else {
            t->control_n++;
            t->control_hits += record[i].exact;
        }
    }
}

static int write_rate(csv_out_t *out, const report_t *report, const report_cell_t *cell, int64_t context,
                      int32_t bucket, const tally_t *t) {
    int64_t low, high;
    census_bucket_range(bucket, &low, &high);
    double n_eff = stats_effective_n(t->n, t->cluster, t->hit);
    if (isnan(n_eff)) return -1; // no memory
    int controlled = t->control_n > 0;
    double rate = (double)t->hits / (double)t->n;
    double control_rate = controlled ? (double)t->control_hits / (double)t->control_n : (double)NAN;
    interval_t wilson = stats_wilson(t->hits, t->n, report->alpha), net = {(double)NAN, (double)NAN};
    interval_t exact = stats_clopper_pearson(t->hits, t->n, report->alpha);
    if (controlled) net = stats_newcombe(t->hits, t->n, t->control_hits, t->control_n, report->alpha);
    csv_text(out, cell->model);
    csv_i64(out, cell->parameters);
    csv_text(out, cell->arm);
    csv_i64(out, context);
    csv_i64(out, report->suffix);
    csv_i64(out, bucket);
    csv_i64(out, low);
    csv_i64(out, high);
    csv_i64(out, t->n);
    csv_stat(out, n_eff);
    csv_i64(out, t->hits);
    csv_stat(out, rate);
    csv_stat(out, wilson.low);
    csv_stat(out, wilson.high);
    csv_i64(out, t->control_n);
    csv_i64(out, t->control_hits);
    csv_stat(out, control_rate);
    csv_stat(out, rate - control_rate);
    csv_stat(out, net.low);
    csv_stat(out, net.high);
    csv_stat(out, exact.low);
    csv_stat(out, exact.high);
    csv_stat(out, exp(t->log_duplicates / (double)t->n));
    csv_end(out);
    return 0;
}

/* Rows of one model and arm in both tables. */
static int write_cell(const report_t *report, const report_cell_t *cell, const probe_set_t *set, tally_t *tally,
                      csv_out_t *records_out, csv_out_t *rates_out) {
    records_t records;
    TRY(records_open(report, cell, set, &records));
    int rc = 0;
    for (int32_t c = 0; rc == 0 && c < report->n_context; c++) {
        probe_range_t range;
        const record_t *record = records_at(report, set, &records, c, &range);
        const probe_t *probe = set->probe + range.first;
        int present[CENSUS_BUCKETS] = {0};
        for (int64_t i = 0; i < range.n; i++) {
            write_record(records_out, cell, &record[i]);
            if (probe[i].is_member) present[probe[i].bucket] = 1;
        }
        for (int32_t bucket = 0; rc == 0 && bucket < CENSUS_BUCKETS; bucket++) {
            if (!present[bucket]) continue;
            tally_bucket(probe, range.n, record, bucket, tally);
            rc = write_rate(rates_out, report, cell, report->context[c], bucket, tally);
        }
    }
    records_close(&records);
    return rc;
}

static int open_in(const report_t *report, const char *name, const char *header, csv_out_t **out) {
    char *path = mem_printf("%s/%s", report->dir, name);
    int rc = path != NULL ? csv_open(path, header, out) : -1;
    mem_free(path);
    return rc;
}

static int write_records_and_rates(const report_t *report, const probe_set_t *set) {
    csv_out_t *records = NULL, *rates = NULL;
    tally_t tally = {.cluster = mem_new(set->n, sizeof(int64_t), "labels of the probes"),
                     .hit = mem_new(set->n, sizeof(int32_t), "verdicts of the probes")};
    int rc = tally.cluster != NULL && tally.hit != NULL ? 0 : -1;
    if (rc == 0)
        rc = open_in(report, "records.csv.zst",
                     "model,arm,context,probe_id,exact,first_mismatch,matched,memorization_score,logp_suffix,rank_max,"
                     "margin_min,entropy_bits",
                     &records);
    if (rc == 0)
        rc = open_in(report, "rates.csv",
                     "model,params,arm,context,suffix,bucket,dup_lo,dup_hi,n,n_eff,hits,rate,ci_lo,ci_hi,control_n,"
                     "control_hits,control_rate,net,net_lo,net_hi,cp_lo,cp_hi,dup_mean",
                     &rates);
    for (int32_t i = 0; rc == 0 && i < report->n_cells; i++)
        rc = write_cell(report, &report->cell[i], set, &tally, records, rates);
    mem_free(tally.cluster);
    mem_free(tally.hit);
    if (rc != 0) {
        csv_abort(records);
        csv_abort(rates);
        return -1;
    }
    if (csv_commit(records) != 0) {
        csv_abort(rates);
        return -1;
    }
    return csv_commit(rates);
}

int report_tables(const report_t *report) {
    TRY(dir_make(report->dir));
    probe_set_t set;
    TRY(probes_read(report->probes_dir, &set));
    int rc = check_set(report, &set);
    if (rc == 0) rc = write_probes(report, &set);
    if (rc == 0) rc = write_records_and_rates(report, &set);
    probes_free(&set);
    return rc == 0 ? fits_write(report) : -1;
}
