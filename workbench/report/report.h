/* Tables, figures and the page of a study, from records. Knows nothing of MPI: rank 0 calls it.
 *
 * rates.csv has a row for every model x arm x context x bucket in which there are members:
 *   model, params       its name; parameters without embeddings
 *   arm                 "bare", or the memory and its setting
 *   context, suffix     tokens given, tokens to reproduce
 *   bucket              index floor(4 log2 duplicates)
 *   dup_lo, dup_hi      the duplicate counts of the bucket, both included
 *   n                   members probed
 *   n_eff               n over the design effect of probes cut from one text (clusters: sequence_id)
 *   hits, rate          members reproduced exactly; hits / n
 *   ci_lo, ci_hi        Wilson interval of rate, from n: read it with n_eff in mind when that is much smaller
 *   control_n, control_hits, control_rate
 *                       the same for the controls matched to the bucket; the rate is empty without any
 *   net, net_lo, net_hi rate - control_rate, with Newcombe's interval; empty without controls
 *   cp_lo, cp_hi        Clopper-Pearson interval of rate
 *   dup_mean            geometric mean of the members' duplicates: where figures and fits place the bucket
 *
 * records.csv.zst has a row for every model x arm x context x probe: record_t (probe/engine.h). Of records of verdicts
 * alone, matched and all columns after it are empty.
 *
 * matching.csv (index/probes.h) says how like the controls are to the members in how many bits they need.
 *
 * fits.csv has least-squares lines, response = intercept + slope x log10(factor):
 *   arm
 *   response            rate, or net (left out without controls)
 *   factor              parameters: one point a model, members with 2 or more duplicates pooled, longest context
 *                       duplicates: one point a bucket (x: dup_mean), largest model, longest context
 *                       context: one point a context length, members with 2 or more duplicates pooled, largest model
 *   n                   points; a fit of fewer than 3, or of points at one x, is left out
 *   intercept, slope, slope_se, ci_lo, ci_hi (of the slope), r2, p (two-sided t test of slope = 0)
 *                       a line through all its points leaves no scatter to judge it by: slope_se, ci_lo, ci_hi, p are
 *                       empty; where all responses are equal, r2 is too
 * "Largest" is by params; intervals are at confidence 1 - alpha. Results of libm are rounded to NUM_STAT_DIGITS.
 *
 * What these numbers do not say:
 *   - A rate is over the distinct windows that were drawn, equally many of each bucket as far as there are any. Pooled
 *     rates (fits, figures, classes) are means over that design, not over the corpus: compare them with one another.
 *   - duplicates are copies in the training text, of the whole window of the longest context and the suffix, or, with
 * [probe] windows = each, of the window of the row's own context and the suffix (probes.h). A model sees each once an
 * epoch, and whole only where no border of training's windows cuts it.
 *   - A bucket mixes the sources that have windows of its count. Where one source ends and another begins, a curve
 *     against duplicates compares two kinds of text as well: see source in probes.csv.
 *   - Controls are matched by source, length and bucket, and by how likely their text is only where [probe] match asks
 *     for it. Where they are short, their
 *     mix of buckets, and so a pooled net rate, leans to the buckets that have them.
 *   - Intervals take probes as independent. The same probes are asked of every model, arm and (but for windows = each)
 *     context, so rows are not independent of one another, and neither are the points of a fit: its p asks whether a
 *     line explains the points better than a constant, with n - 2 degrees of freedom (one, for three points), every
 *     point with equal weight. */
#ifndef MEMPROBE_REPORT_H
#define MEMPROBE_REPORT_H
#include "index/probes.h"
#include "probe/engine.h"
#include <stdint.h>

typedef struct {
    const char *model;
    int64_t parameters; // without embeddings
    const char *arm;
    const char *records_path; // as engine_run writes
} report_cell_t;

typedef struct {
    const char *name; // of the study
    const char *dir;  // results folder; files are written aside and renamed
    const char *probes_dir, *tokenizer_path;
    int32_t n_context;
    const int64_t *context;
    int64_t suffix;
    measure_t measure; // of the records
    int32_t n_cells;
    const report_cell_t *cell; // model-major, arms in order
    double alpha;              // 0.05
    const char *plots_dir;     // gnuplot scripts
} report_t;

/* Writes probes.csv, records.csv.zst, rates.csv and fits.csv. Reads the probe set and the record files, and checks
 * every record: a short or damaged file is an error that names it. The first step; the others read what it wrote. */
int report_tables(const report_t *report);
/* Writes figures/NAME.{svg,pdf,png} by gnuplot, and figures/NAME.csv with the points of each: NAME is duplicates,
 * parameters, context or lambda. A figure with fewer than two values of x is left out. Needs dir and plots_dir. */
int report_figures(const report_t *report);
/* Writes report.html: one file, with figures, tables and a few probes as text. Needs all fields. */
int report_page(const report_t *report);
/* The census of several lengths: copies duplicates.csv and top.csv (index/duplicates.h), near.csv and near_sizes.csv
 * (index/near.h; near_dir NULL: none) to dir, and draws figures/census.{svg,pdf,png}, how many windows occur how often,
 * and figures/census_share.*, how much of the text lies in windows that occur so often or more; one curve a length,
 * points in figures/census.csv. Needs dir and plots_dir. */
int report_census(const report_t *report, const char *census_dir, const char *near_dir);
/* Prints the share of each length that is duplicated to stdout. Needs name and dir. */
int report_census_print(const report_t *report);
/* Prints rates by model, arm and duplicates at the longest context to stdout. Needs name, dir and alpha. */
int report_print(const report_t *report);

#endif
