/* The record file of one model and arm, mapped and checked; for this layer only. */
#ifndef MEMPROBE_RECORDS_H
#define MEMPROBE_RECORDS_H
#include "base/file.h"
#include "report/report.h"

typedef struct {
    file_map_t map;
    const record_t *record; // (n_context, n): by context_index * n + probe
} records_t;

/* Error when the size is not that of n_context x n records, or a record contradicts itself or its place. */
int records_open(const report_t *report, const report_cell_t *cell, int64_t n, records_t *records);
void records_close(records_t *records); // accepts an empty one

#endif
