/* Messages and progress. Each line reaches stderr by one write, so lines of a shared log file do not mix. */
#include "base/log.h"
#include "base/clock.h"
#include "base/num.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { LINE_BYTES = 4096 };
static const double redraw_seconds = 1.0 / 6, log_seconds = 30;

static struct {
    log_level_t level;
    int speaks, progress, terminal;
    int drawn; // a progress line stands on the terminal without a newline
    double start;
} state = {LOG_WARN, 1, 0, 0, 0, 0};

void log_init(log_level_t level, int speaks, int progress) {
    state.level = level;
    state.speaks = speaks;
    state.progress = progress;
    state.terminal = isatty(STDERR_FILENO);
    state.drawn = 0;
    state.start = clock_wall();
}

/* Writes one line. A progress line that stands on the terminal is wiped first; `stays` 0 leaves the cursor in it. */
static void put_line(const char *text, int stays) {
    char line[LINE_BYTES + 32];
    int length = snprintf(line, sizeof line, "%s%s%s", state.drawn ? "\r\033[K" : "", text, stays ? "\n" : "");
    fwrite(line, 1, (size_t)length, stderr);
    fflush(stderr);
    state.drawn = !stays;
}

static void put_message(const char *format, va_list args, const char *label) {
    char text[LINE_BYTES];
    int used = label != NULL ? snprintf(text, sizeof text, "memprobe: %s", label)
                             : snprintf(text, sizeof text, "[%7.1fs] ", clock_wall() - state.start);
    vsnprintf(text + used, sizeof text - (size_t)used, format, args);
    put_line(text, 1);
}

static int heard(log_level_t level) {
    return state.speaks && state.level >= level;
}

void log_warn(const char *format, ...) {
    if (!heard(LOG_WARN)) return;
    va_list args;
    va_start(args, format);
    put_message(format, args, "warning: ");
    va_end(args);
}

void log_info(const char *format, ...) {
    if (!heard(LOG_INFO)) return;
    va_list args;
    va_start(args, format);
    put_message(format, args, NULL);
    va_end(args);
}

void log_debug(const char *format, ...) {
    if (!heard(LOG_DEBUG)) return;
    va_list args;
    va_start(args, format);
    put_message(format, args, NULL);
    va_end(args);
}

/* --- progress: "[   12.3s] train large: 41%, 1.07M of 2.6M tokens, 34.5k tokens/s, 44.3s left" -------------------
 * or "[   12.3s] ingest: 41%, 107M of 260M bytes, 31.4k documents read, 34.5M bytes/s, 4.43s left" */

/* Three significant digits with a suffix: the width a reader takes in at a glance. */
static char *print_amount(char text[NUM_TEXT], double amount) {
    static const char *const units[] = {"", "k", "M", "G", "T", "P"};
    int unit = 0;
    if (amount < 10000) {
        snprintf(text, NUM_TEXT, amount < 10 && amount != (double)(int64_t)amount ? "%.2f" : "%.0f", amount);
        return text;
    }
    for (; amount >= 999.5 && unit < 5; unit++) amount /= 1000;
    snprintf(text, NUM_TEXT, amount < 9.995 ? "%.2f%s" : amount < 99.95 ? "%.1f%s" : "%.0f%s", amount, units[unit]);
    return text;
}

static double rate_of(const progress_t *p, double now) {
    double seconds = now - p->started;
    return seconds > 0 ? (double)(p->done - p->skipped) / seconds : 0;
}

static void show(progress_t *p, double now) {
    char line[LINE_BYTES], done[NUM_TEXT], total[NUM_TEXT], per_second[NUM_TEXT], left[NUM_TEXT] = "?";
    char items[2 * NUM_TEXT] = "", number[NUM_TEXT];
    double rate = rate_of(p, now);
    if (rate > 0) num_print_seconds(left, (double)(p->total - p->done) / rate);
    double share = p->total > 0 ? (double)p->done / (double)p->total : 1;
    if (p->item != NULL) {
        snprintf(items, sizeof items, ", %s %s", print_amount(number, (double)p->items), p->item);
    }
    snprintf(line, sizeof line, "[%7.1fs] %s: %.0f%%, %s of %s %s%s, %s %s/s, %s left", now - state.start, p->stage,
             100 * share, print_amount(done, (double)p->done), print_amount(total, (double)p->total), p->unit, items,
             print_amount(per_second, rate), p->unit, left);
    put_line(line, !state.terminal);
    p->shown = now;
}

void progress_start(progress_t *p, const char *stage, int64_t total, const char *unit) {
    double now = clock_wall();
    /* A stage shorter than the first pause shows only its closing line. */
    *p = (progress_t){.stage = stage, .unit = unit, .total = total, .started = now, .shown = now};
}

void progress_skip(progress_t *p, int64_t done) {
    p->done += done;
    p->skipped += done;
}

void progress_items(progress_t *p, int64_t items, const char *item) {
    p->items = items;
    p->item = item;
}

void progress_update(progress_t *p, int64_t done) {
    p->done = done;
    if (!state.progress || !heard(LOG_INFO)) return;
    double now = clock_wall();
    if (now - p->shown >= (state.terminal ? redraw_seconds : log_seconds)) show(p, now);
}

void progress_end(progress_t *p) {
    char amount[NUM_TEXT], rate[NUM_TEXT], time[NUM_TEXT], skipped[NUM_TEXT];
    double now = clock_wall();
    num_print_seconds(time, now - p->started);
    print_amount(rate, rate_of(p, now));
    print_amount(amount, (double)(p->done - p->skipped));
    if (p->skipped > 0)
        log_info("%s: %s %s in %s, %s %s/s (%s were done before)", p->stage, amount, p->unit, time, rate, p->unit,
                 print_amount(skipped, (double)p->skipped));
    else
        log_info("%s: %s %s in %s, %s %s/s", p->stage, amount, p->unit, time, rate, p->unit);
}
