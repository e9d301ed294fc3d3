/* Running gnuplot; for this layer only. */
#ifndef MEMPROBE_GNUPLOT_H
#define MEMPROBE_GNUPLOT_H

/* Runs "gnuplot -c script argument..."; arguments end with NULL. Waits. When it is not installed, fails, or is killed,
 * the message holds what it said. */
int gnuplot_run(const char *script, const char *const *argument);

#endif
