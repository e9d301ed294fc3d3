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

/* Runs a script that leaves BASE.raw.svg, .pdf and .png; these become BASE.svg and so on, durably and with the same
 * bytes for the same data. On failure none of them stays. */
int figure_publish(const char *script, const char *const *argument, const char *base);
void figure_remove(const char *base); // of an earlier run that this one does not have

#endif
