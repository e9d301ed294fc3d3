/* The list of figures, for the page; for this layer only. */
#ifndef MEMPROBE_FIGURES_H
#define MEMPROBE_FIGURES_H
#include "report/curves.h"
#include "report/report.h"

typedef struct {
    const char *name; // plots/NAME.gp, figures/NAME.*
    int (*collect)(const rates_t *rates, curves_t *curves);
    const char *caption;
    double least_top; // the y axis reaches at least this rate
} figure_t;
enum { FIGURES = 4 };
extern const figure_t figure[FIGURES];

#endif
