/* A few probes as text, for the page; for this layer only. */
#ifndef MEMPROBE_EXAMPLES_H
#define MEMPROBE_EXAMPLES_H
#include "base/file.h"
#include "report/report.h"

int examples_write(const report_t *report, file_out_t *out);

#endif
