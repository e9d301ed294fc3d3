/* Options by table: one row fills a field of a struct from text, prints its help, and prints its value back. */
#include "base/err.h"
#include "base/ini.h"
#include "base/mem.h"
#include "base/num.h"
#include <ctype.h>
#include <inttypes.h>
#include <string.h>

static int in_range(const opt_t *row, double value) {
    if (value >= row->min && value <= row->max) return 0;
    char low[NUM_TEXT], high[NUM_TEXT];
    return err_set("must lie between %s and %s", num_print_f64(low, row->min), num_print_f64(high, row->max));
}

static int read_int(const opt_t *row, const char *text, int64_t *value) {
    TRY(num_parse_i64(text, value));
    return in_range(row, (double)*value);
}

static int read_real(const opt_t *row, const char *text, double *value) {
    TRY(num_parse_f64(text, value));
    return in_range(row, *value);
}

static char *trim(char *text) {
    while (isspace((unsigned char)*text)) text++;
    size_t length = strlen(text);
    while (length > 0 && isspace((unsigned char)text[length - 1])) text[--length] = '\0';
    return text;
}

/* A comma-separated list. The text is cut up. */
static int read_list(const opt_t *row, char *text, opt_ints_t *ints, opt_reals_t *reals) {
    int32_t n = 0;
    char *rest = text;
    for (char *element; (element = strsep(&rest, ",")) != NULL; n++) {
        if (n == OPT_LIST) return err_set("more than %d elements", OPT_LIST);
        element = trim(element);
        if (*element == '\0') return err_set("element %d of the list is empty", n + 1);
        if (ints != NULL)
            TRY(read_int(row, element, &ints->v[n]));
        else
            TRY(read_real(row, element, &reals->v[n]));
    }
    if (ints != NULL)
        ints->n = n;
    else
        reals->n = n;
    return 0;
}

/* Puts the value of one row into its field. `text` lives as long as the config; `copy` may be cut up. */
static int fill_field(const opt_t *row, const char *text, char *copy, void *field) {
    int truth;
    int may_be_empty = row->kind == OPT_TEXT && row->initial != NULL && *row->initial == '\0';
    if (*text == '\0' && !may_be_empty) return err_set("give a value%s", row->initial ? ", or leave the key out" : "");
    switch (row->kind) {
    case OPT_INT:
        return read_int(row, text, field);
    case OPT_REAL:
        return read_real(row, text, field);
    case OPT_BOOL:
        TRY(num_parse_bool(text, &truth));
        *(int32_t *)field = truth;
        return 0;
    case OPT_TEXT:
        *(const char **)field = text;
        return 0;
    case OPT_INTS:
        return read_list(row, copy, field, NULL);
    case OPT_REALS:
        return read_list(row, copy, NULL, field);
    }
    return err_set("the option table has a row of unknown kind");
}

int opt_fill(const opt_t *rows, int32_t n, ini_t *ini, const char *section, void *target) {
    for (int32_t i = 0; i < n; i++) {
        const opt_t *row = &rows[i];
        const char *given = ini_get(ini, section, row->key), *text = given != NULL ? given : row->initial;
        if (text == NULL)
            return err_set("%s: [%s] %s must be given: %s", ini_where(ini, section, row->key), section, row->key,
                           row->help);
        char *copy = mem_strdup(text);
        if (copy == NULL) return -1;
        int rc = fill_field(row, text, copy, (char *)target + row->offset);
        mem_free(copy);
        if (rc != 0)
            return err_context("%s: [%s] %s = %s", given != NULL ? ini_where(ini, section, row->key) : "default",
                               section, row->key, text);
    }
    return 0;
}

static const char *kind_name(opt_kind_t kind) {
    static const char *const names[] = {"whole number", "number", "yes or no", "text", "whole numbers", "numbers"};
    return names[kind];
}

void opt_print_help(const opt_t *rows, int32_t n, const char *section, FILE *out) {
    fprintf(out, "[%s]\n", section);
    int width = 0;
    for (int32_t i = 0; i < n; i++) {
        int length = (int)strlen(rows[i].key) + 3 + (rows[i].initial != NULL ? (int)strlen(rows[i].initial) : 0);
        if (length > width && length <= 40) width = length;
    }
    for (int32_t i = 0; i < n; i++) {
        const opt_t *row = &rows[i];
        int length = fprintf(out, "%s = %s", row->key, row->initial != NULL ? row->initial : "");
        fprintf(out, "%*s ; %s (%s", length < width ? width - length : 0, "", row->help, kind_name(row->kind));
        if (row->kind != OPT_TEXT && row->kind != OPT_BOOL) fprintf(out, ", %g to %g", row->min, row->max);
        fprintf(out, "%s)\n", row->initial == NULL ? ", must be given" : "");
    }
}

static void print_field(const opt_t *row, const void *field, FILE *out) {
    char text[NUM_TEXT];
    const opt_ints_t *ints = field;
    const opt_reals_t *reals = field;
    switch (row->kind) {
    case OPT_INT:
        fprintf(out, "%" PRId64, *(const int64_t *)field);
        break;
    case OPT_REAL:
        fputs(num_print_f64(text, *(const double *)field), out);
        break;
    case OPT_BOOL:
        fputs(*(const int32_t *)field ? "yes" : "no", out);
        break;
    case OPT_TEXT:
        fputs(*(const char *const *)field, out);
        break;
    case OPT_INTS:
        for (int32_t i = 0; i < ints->n; i++) fprintf(out, "%s%" PRId64, i > 0 ? ", " : "", ints->v[i]);
        break;
    case OPT_REALS:
        for (int32_t i = 0; i < reals->n; i++)
            fprintf(out, "%s%s", i > 0 ? ", " : "", num_print_f64(text, reals->v[i]));
        break;
    }
}

void opt_print_values(const opt_t *rows, int32_t n, const void *target, FILE *out) {
    for (int32_t i = 0; i < n; i++) {
        fprintf(out, "%s = ", rows[i].key);
        print_field(&rows[i], (const char *)target + rows[i].offset, out);
        fputc('\n', out);
    }
}
