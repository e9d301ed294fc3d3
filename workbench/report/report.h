/* Tables, figures and the page of a study, from records. Knows nothing of MPI: rank 0 calls it. */
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
    int32_t n_cells;
    const report_cell_t *cell; // model-major, arms in order
    double alpha;              // 0.05
    const char *plots_dir;     // gnuplot scripts
} report_t;

int report_tables(const report_t *report);  // probes.csv records.csv.zst rates.csv fits.csv
int report_figures(const report_t *report); // figures/*.svg,pdf,png by gnuplot from the CSVs
int report_page(const report_t *report);    // report.html, self-contained
int report_print(const report_t *report);   // a small table to stdout

#endif
