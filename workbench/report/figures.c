/* The four figures of a study. For each: its curves go to figures/NAME.csv, then plots/NAME.gp draws them. */
#include "report/figures.h"
#include "base/err.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/num.h"
#include "report/curves.h"
#include "report/gnuplot.h"
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int32_t bare_arm(const rates_t *rates) {
    for (int32_t i = 0; i < rates->n_arms; i++)
        if (strcmp(rates->arm[i], "bare") == 0) return i;
    return 0;
}

/* One curve a model, one point a bucket. */
static int collect_duplicates(const rates_t *rates, curves_t *curves) {
    for (int32_t m = 0; m < rates->n_models; m++) {
        TRY(curves_begin(curves, rates->model[m].name));
        for (int64_t i = 0; i < rates->rows; i++) {
            const rate_t *r = &rates->row[i];
            if (r->model != m || r->arm != bare_arm(rates) || r->context != rates->longest) continue;
            counts_t counts = {r->n, r->hits, r->control_n, r->control_hits};
            TRY(curves_add(curves, r->dup_mean, counts));
        }
    }
    return 0;
}

static int begin_class(curves_t *curves, int k) {
    char *label = mem_printf("%s cop%s", dup_class[k].label, k == 0 ? "y" : "ies");
    int rc = label != NULL ? curves_begin(curves, label) : -1;
    mem_free(label);
    return rc;
}

/* One curve a class of duplicates, one point a model. */
static int collect_parameters(const rates_t *rates, curves_t *curves) {
    for (int k = 0; k < DUP_CLASSES; k++) {
        TRY(begin_class(curves, k));
        for (int32_t m = 0; m < rates->n_models; m++)
            TRY(curves_add(curves, (double)rates->model[m].parameters,
                           rates_pool(rates, m, bare_arm(rates), rates->longest, dup_class[k].low, dup_class[k].high)));
    }
    return 0;
}

/* One curve a class of duplicates, one point a context length; the largest model. */
static int collect_context(const rates_t *rates, curves_t *curves) {
    for (int k = 0; k < DUP_CLASSES; k++) {
        TRY(begin_class(curves, k));
        for (int32_t c = 0; c < rates->n_contexts; c++)
            TRY(curves_add(curves, (double)rates->context[c],
                           rates_pool(rates, rates->largest, bare_arm(rates), c, dup_class[k].low, dup_class[k].high)));
    }
    return 0;
}

/* An arm named "NAME:lambda=0.25" in its parts. */
typedef struct {
    int is; // 0: an arm of another form
    size_t length;
    double lambda;
} lambda_arm_t;

static lambda_arm_t lambda_arm(const char *arm) {
    const char *colon = strstr(arm, ":lambda=");
    lambda_arm_t parts = {0, 0, 0};
    if (colon == NULL || num_parse_f64(colon + strlen(":lambda="), &parts.lambda) != 0) return parts;
    parts.is = 1;
    parts.length = (size_t)(colon - arm);
    return parts;
}

/* Arms a and b are settings of one memory. */
static int same_memory(const rates_t *rates, int32_t a, int32_t b) {
    lambda_arm_t x = lambda_arm(rates->arm[a]), y = lambda_arm(rates->arm[b]);
    return x.is && y.is && x.length == y.length && strncmp(rates->arm[a], rates->arm[b], x.length) == 0;
}

static int add_memory_curve(const rates_t *rates, int32_t model, int32_t arm, int with_name, curves_t *curves) {
    const char *name = rates->model[model].name;
    int length = with_name ? (int)lambda_arm(rates->arm[arm]).length : 0;
    char *label = mem_printf("%s%s%.*s", name, with_name ? " " : "", length, rates->arm[arm]);
    int rc = label != NULL ? curves_begin(curves, label) : -1;
    mem_free(label);
    for (int32_t b = arm; rc == 0 && b < rates->n_arms; b++)
        if (same_memory(rates, arm, b))
            rc = curves_add(curves, lambda_arm(rates->arm[b]).lambda,
                            rates_pool(rates, model, b, rates->longest, BUCKET_REPEATED, BUCKET_LAST));
    return rc;
}

/* One curve a model and memory, one point a lambda; members with 2 or more duplicates. */
static int collect_lambda(const rates_t *rates, curves_t *curves) {
    int memories = 0;
    for (int pass = 0; pass < 2; pass++) // counts the memories, then draws: with one memory the model's name will do
        for (int32_t a = 0; a < rates->n_arms; a++) {
            int first = lambda_arm(rates->arm[a]).is;
            for (int32_t b = 0; b < a; b++)
                if (same_memory(rates, a, b)) first = 0;
            if (!first) continue;
            memories += pass == 0;
            for (int32_t m = 0; pass == 1 && m < rates->n_models; m++)
                TRY(add_memory_curve(rates, m, a, memories > 1, curves));
        }
    return 0;
}

const figure_t figure[FIGURES] = {
    {"duplicates", collect_duplicates, "Extraction rate against duplicates in the training data, one curve a model.",
     0},
    {"parameters", collect_parameters, "Extraction rate against model size, one curve a class of duplicates.", 0},
    {"context", collect_context,
     "Extraction rate of the largest model against context length, one curve a class of "
     "duplicates.",
     0},
    {"lambda", collect_lambda,
     "Extraction rate of text with 2 or more duplicates against the weight of the external "
     "memory.",
     1}};

static const char *const formats[] = {"svg", "pdf", "png"};
enum { FORMATS = 3 };

/* gnuplot does not notice a full disk: a whole file is known by its last bytes. */
static int is_whole(const char *path, const char *format) {
    static const char *const endings[FORMATS] = {"</svg>", "%%EOF", "IEND\xAE\x42\x60\x82"};
    const char *ending = endings[format[0] == 's' ? 0 : format[1] == 'd' ? 1 : 2];
    file_map_t map;
    TRY(file_map(path, &map));
    size_t size = map.size, length = strlen(ending);
    while (size > 0 && (map.data[size - 1] == '\n' || map.data[size - 1] == '\r')) size--;
    int whole = size >= length && memcmp(map.data + size - length, ending, length) == 0;
    file_unmap(&map);
    return whole ? 0 : err_set("%s: gnuplot left half a figure: is the disk full?", path);
}

/* Copies a figure under its name. The PDF writer puts in the time, which would change the bytes from run to run: it is
 * replaced by a fixed one of the same length, so that the offsets of the file stay right. */
static int publish(const char *raw, const char *path) {
    static const char before[] = "/CreationDate (D:", fixed[] = "20000101000000";
    file_map_t map;
    TRY(file_map(raw, &map));
    char *copy = mem_new((int64_t)map.size, 1, "a figure");
    int rc = copy != NULL ? 0 : -1;
    if (rc == 0) {
        memcpy(copy, map.data, map.size);
        char *date = memmem(copy, map.size, before, sizeof before - 1);
        if (date != NULL && (size_t)(copy + map.size - date) > sizeof before + sizeof fixed)
            memcpy(date + sizeof before - 1, fixed, sizeof fixed - 1);
        rc = file_write(path, copy, map.size);
    }
    mem_free(copy);
    file_unmap(&map);
    return rc;
}

/* base.raw.svg and so on become base.svg, durably; or, with drop, both are removed. */
static int settle(const char *base, int drop) {
    int rc = 0;
    for (int f = 0; f < FORMATS; f++) {
        char *path = mem_printf("%s.%s", base, formats[f]), *raw = mem_printf("%s.raw.%s", base, formats[f]);
        if (path == NULL || raw == NULL) rc = -1;
        if (rc == 0 && !drop) rc = is_whole(raw, formats[f]);
        if (rc == 0 && !drop) rc = publish(raw, path);
        if (raw != NULL) unlink(raw);
        if (path != NULL && drop) unlink(path);
        mem_free(path);
        mem_free(raw);
    }
    return rc;
}

int figure_publish(const char *script, const char *const *argument, const char *base) {
    int rc = 0;
    if (!file_exists(script)) rc = err_set("%s: missing; set [run] plots to the folder plots/ of memprobe", script);
    if (rc == 0) rc = gnuplot_run(script, argument);
    if (rc == 0) rc = settle(base, 0);
    if (rc != 0) settle(base, 1);
    return rc;
}

void figure_remove(const char *base) {
    settle(base, 1);
}

static int draw(const report_t *report, const figure_t *f, const curves_t *curves, const char *base) {
    double top;
    int32_t widest;
    char top_text[NUM_TEXT], widest_text[NUM_TEXT], curves_text[NUM_TEXT], confidence[NUM_TEXT];
    char *data = mem_printf("%s.csv", base), *raw = mem_printf("%s.raw", base);
    char *script = mem_printf("%s/%s.gp", report->plots_dir, f->name);
    int rc = data != NULL && raw != NULL && script != NULL ? 0 : -1;
    if (rc == 0) rc = curves_write(curves, report->alpha, data, &top, &widest);
    if (rc == 0) {
        snprintf(widest_text, sizeof widest_text, "%d", widest);
        snprintf(curves_text, sizeof curves_text, "%d", curves->n_curves);
        num_print_f64(top_text, num_round(top, 6));
        num_print_f64(confidence, num_round(100 * (1 - report->alpha), 6));
        const char *argument[] = {report->plots_dir, data, raw, curves_text, top_text, widest_text, confidence, NULL};
        rc = figure_publish(script, argument, base);
    } else {
        settle(base, 1);
    }
    mem_free(data);
    mem_free(raw);
    mem_free(script);
    return rc;
}

/* A figure of an earlier run that this one does not have. */
static void remove_figure(const char *base) {
    char *data = mem_printf("%s.csv", base);
    settle(base, 1);
    if (data != NULL) unlink(data);
    mem_free(data);
}

static int make_figure(const report_t *report, const figure_t *f, const rates_t *rates, const char *dir) {
    curves_t curves = {.least_top = f->least_top};
    char *base = mem_printf("%s/%s", dir, f->name);
    int rc = base != NULL ? f->collect(rates, &curves) : -1;
    if (rc == 0 && curves_distinct_x(&curves) < 2) {
        log_debug("figure %s is left out: it would have fewer than two values of x", f->name);
        remove_figure(base);
    } else if (rc == 0) {
        rc = draw(report, f, &curves, base);
    }
    curves_free(&curves);
    mem_free(base);
    return rc;
}

int report_figures(const report_t *report) {
    rates_t rates;
    TRY(rates_read(report->dir, &rates));
    char *dir = mem_printf("%s/figures", report->dir);
    int rc = dir != NULL ? dir_make(dir) : -1;
    for (int i = 0; rc == 0 && i < FIGURES; i++) rc = make_figure(report, &figure[i], &rates, dir);
    mem_free(dir);
    rates_free(&rates);
    return rc;
}
