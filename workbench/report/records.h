/* The record file of one model and arm, mapped and checked; for this layer only. */
#ifndef MEMPROBE_RECORDS_H
#define MEMPROBE_RECORDS_H
#include "base/file.h"
#include "report/report.h"

typedef struct {
    file_map_t map;
    const record_t *record; // by context, and for each the probes of probes_at in order
} records_t;

/* Error when the size is not that of the records of the set, or a record contradicts itself, its place or what the
 * report says was measured. */
int records_open(const report_t *report, const report_cell_t *cell, const probe_set_t *set, records_t *records);
/* The records of context number c; *range: the probes that they are of. */
const record_t *records_at(const report_t *report, const probe_set_t *set, const records_t *records, int32_t c,
                           probe_range_t *range);
void records_close(records_t *records); // accepts an empty one

#endif
