/* Numbers as text. Reading checks the grammar itself, since strtod also takes "nan", "0x1p3" and leading blanks;
 * writing relies on the C library's correctly rounded printf and strtod (both glibc and musl are). The program never
 * calls setlocale, so the decimal point is a point. */
#include "base/num.h"
#include "base/err.h"
#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* The factor of a suffix that fills the rest of a text; 0 when it is none. */
static int64_t suffix_factor(const char *text) {
    static const struct {
        const char *name;
        int64_t factor;
    } suffixes[] = {{"", 1},
                    {"k", 1000},
                    {"K", 1000},
                    {"M", 1000000},
                    {"G", 1000000000},
                    {"T", 1000000000000},
                    {"Ki", INT64_C(1) << 10},
                    {"Mi", INT64_C(1) << 20},
                    {"Gi", INT64_C(1) << 30},
                    {"Ti", INT64_C(1) << 40}};
    for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++)
        if (strcmp(text, suffixes[i].name) == 0) return suffixes[i].factor;
    return 0;
}

int num_parse_i64(const char *text, int64_t *value) {
    const char *at = text;
    int negative = *at == '-';
    if (*at == '-' || *at == '+') at++;
    if (!isdigit((unsigned char)*at)) return err_set("\"%.60s\" is not a whole number (as 12, 64k, 2M, 1Gi)", text);
    int64_t n = 0;
    int over = 0;
    for (; isdigit((unsigned char)*at); at++) {
        /* Built from below, so that the smallest value can be read. */
        over |= __builtin_mul_overflow(n, 10, &n);
        over |= __builtin_sub_overflow(n, *at - '0', &n);
    }
    int64_t factor = suffix_factor(at);
    if (factor == 0) return err_set("\"%.60s\" is not a whole number (as 12, 64k, 2M, 1Gi)", text);
    over |= __builtin_mul_overflow(n, factor, &n);
    if (!negative) over |= __builtin_sub_overflow(0, n, &n);
    if (over) return err_set("\"%.60s\" is too large for a 64-bit number", text);
    *value = n;
    return 0;
}

static const char *skip_digits(const char *at, int *digits) {
    for (; isdigit((unsigned char)*at); at++) ++*digits;
    return at;
}

/* "5%" is read as 5e-2, not as 5 / 100: one rounding instead of two, so 0.1% is the double nearest to 0.001. */
int num_parse_f64(const char *text, double *value) {
    static const char *wrong = "\"%.60s\" is not a number (as 0.25, 1e-3, 5%%, 2M)";
    char copy[400];
    const char *at = text;
    int digits = 0, exponent_digits = 0;
    long exponent = 0;
    if (*at == '-' || *at == '+') at++;
    at = skip_digits(at, &digits);
    if (*at == '.') at = skip_digits(at + 1, &digits);
    size_t mantissa = (size_t)(at - text);
    if (digits == 0) return err_set(wrong, text);
    if (*at == 'e' || *at == 'E') {
        const char *start = at + 1, *end = skip_digits(start + (*start == '-' || *start == '+'), &exponent_digits);
        if (exponent_digits == 0) return err_set(wrong, text);
        exponent = exponent_digits > 6 ? (*start == '-' ? -999999 : 999999) : strtol(start, NULL, 10);
        at = end;
    }
    int percent = strcmp(at, "%") == 0;
    int64_t factor = percent ? 1 : suffix_factor(at);
    if (factor == 0) return err_set(wrong, text);
    if (mantissa > sizeof copy - 20) return err_set("\"%.60s...\" has too many digits", text);
    snprintf(copy, sizeof copy, "%.*se%ld", (int)mantissa, text, exponent - (percent ? 2 : 0));
    double number = strtod(copy, NULL) * (double)factor;
    if (!isfinite(number)) return err_set("\"%.60s\" is too large for a number", text);
    *value = number;
    return 0;
}

int num_parse_bool(const char *text, int *value) {
    static const char *const words[2][4] = {{"no", "false", "off", "0"}, {"yes", "true", "on", "1"}};
    for (int truth = 0; truth < 2; truth++)
        for (int i = 0; i < 4; i++)
            if (strcasecmp(text, words[truth][i]) == 0) {
                *value = truth;
                return 0;
            }
    return err_set("\"%.60s\" is neither yes nor no", text);
}

static char *print_special(char text[NUM_TEXT], double value) {
    return strcpy(text, isnan(value) ? "nan" : value > 0 ? "inf" : "-inf");
}

/* A decimal of up to DBL_DIG digits survives the way to a double and back, and %g drops trailing zeros: if any text
 * that short reads back to the value, %.15g prints it. Denormal numbers have fewer digits and are tried from one up. */
char *num_print_f64(char text[NUM_TEXT], double value) {
    if (!isfinite(value)) return print_special(text, value);
    int first = fabs(value) < DBL_MIN && value != 0 ? 1 : DBL_DIG;
    for (int digits = first; digits <= DBL_DECIMAL_DIG; digits++) {
        snprintf(text, NUM_TEXT, "%.*g", digits, value);
        if (strtod(text, NULL) == value) break;
    }
    return text;
}

char *num_print_f32(char text[NUM_TEXT], float value) {
    if (!isfinite(value)) return print_special(text, (double)value);
    int first = fabsf(value) < FLT_MIN && value != 0 ? 1 : FLT_DIG;
    for (int digits = first; digits <= FLT_DECIMAL_DIG; digits++) {
        snprintf(text, NUM_TEXT, "%.*g", digits, (double)value);
        if (strtof(text, NULL) == value) break;
    }
    return text;
}

double num_round(double value, int digits) {
    assert(digits >= 1 && digits <= DBL_DECIMAL_DIG);
    if (!isfinite(value) || value == 0) return value;
    char text[NUM_TEXT];
    snprintf(text, sizeof text, "%.*e", digits - 1, value);
    return strtod(text, NULL);
}

char *num_print_bytes(char text[NUM_TEXT], double bytes) {
    static const char *const units[] = {"bytes", "kB", "MB", "GB", "TB", "PB", "EB"};
    int unit = 0;
    for (; bytes >= 999.95 && unit < 6; unit++) bytes /= 1000;
    snprintf(text, NUM_TEXT, unit == 0 ? "%.0f %s" : "%.1f %s", bytes, units[unit]);
    return text;
}

char *num_print_seconds(char text[NUM_TEXT], double seconds) {
    if (!(seconds >= 0) || seconds > 1e12) return strcpy(text, "?");
    long long s = (long long)(seconds + 0.5);
    if (seconds < 59.95)
        snprintf(text, NUM_TEXT, "%.1fs", seconds);
    else if (s < 3600)
        snprintf(text, NUM_TEXT, "%lldm %02llds", s / 60, s % 60);
    else if (s < 86400)
        snprintf(text, NUM_TEXT, "%lldh %02lldm", s / 3600, s % 3600 / 60);
    else
        snprintf(text, NUM_TEXT, "%lldd %02lldh", s / 86400, s % 86400 / 3600);
    return text;
}
