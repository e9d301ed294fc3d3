/* fits.csv from rates.csv; for this layer only. */
#ifndef MEMPROBE_FITS_H
#define MEMPROBE_FITS_H
#include "report/report.h"

int fits_write(const report_t *report);

#endif
