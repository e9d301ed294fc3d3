/* Messages and progress, to stderr. Level and owner are the only global state of the program: rank 0 speaks, the
 * other ranks are silent (log_init with speaks = 0). */
#ifndef MEMPROBE_LOG_H
#define MEMPROBE_LOG_H
#include <stdint.h>

typedef enum { LOG_QUIET, LOG_WARN, LOG_INFO, LOG_DEBUG } log_level_t;

void log_init(log_level_t level, int speaks, int progress);
void log_warn(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_info(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_debug(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* One line of progress for a long stage: on a terminal it is redrawn at most six times a second, in a file a line
 * is written every 30 s. Shows stage, done/total, rate and time left, and how many of something else that was. The
 * struct belongs to the caller.
 *
 *     progress_t p;
 *     progress_start(&p, "train large", total_tokens, "tokens");
 *     ... progress_update(&p, done); ...
 *     progress_end(&p); */
typedef struct {
    const char *stage, *unit;
    int64_t total, done, skipped; // skipped: work found done when the stage resumed; not counted in the rate
    double started, shown;        // seconds of clock_wall()
    int64_t items;                // in this run, not counting skipped ones
    const char *item;             // "documents read"; NULL: not shown
} progress_t;

void progress_start(progress_t *p, const char *stage, int64_t total, const char *unit);
void progress_skip(progress_t *p, int64_t done); // resumed work: counts as done, not towards the rate
void progress_items(progress_t *p, int64_t items, const char *item); // for the next line that is shown
void progress_update(progress_t *p, int64_t done);
void progress_end(progress_t *p); // leaves one line: stage, amount, seconds, rate

#endif
