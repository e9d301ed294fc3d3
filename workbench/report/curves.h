/* The points of one figure: curves with intervals and controls, as written to figures/NAME.csv; for this layer only. */
#ifndef MEMPROBE_CURVES_H
#define MEMPROBE_CURVES_H
#include "report/rates.h"

typedef struct {
    int32_t curve; // points of one curve stand together, x rising
    double x;
    counts_t counts;
} curve_point_t;

typedef struct {
    int32_t n_curves;
    int64_t n_points, capacity, curves_capacity;
    curve_point_t *point;
    double least_top; // the y axis reaches at least this rate
    char **label;     // (n_curves)
} curves_t;

/* Starts the curve that the next points belong to. */
int curves_begin(curves_t *curves, const char *label);
/* Adds a point; one without members is left out. */
int curves_add(curves_t *curves, double x, counts_t counts);
int curves_distinct_x(const curves_t *curves); // 0, 1, or 2 for two and more
/* Writes the CSV. *top takes the upper end of the y axis, *widest the characters of the longest label. */
int curves_write(const curves_t *curves, double alpha, const char *path, double *top, int32_t *widest);
void curves_free(curves_t *curves);

#endif
