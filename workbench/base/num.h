/* Numbers as text, exactly. Reading accepts the suffixes k M G (powers of 1000) and Ki Mi Gi (powers of 1024);
 * writing gives the shortest decimal text that reads back to the same value, the same on any machine. */
#ifndef MEMPROBE_NUM_H
#define MEMPROBE_NUM_H
#include <stdint.h>

enum { NUM_TEXT = 40 }; // bytes that hold any number written here

int num_parse_i64(const char *text, int64_t *value); // "64k", "2M", "1Gi"; whole text or an error
int num_parse_f64(const char *text, double *value);  // "0.25", "1e-3", "5%" (= 0.05); finite or an error
int num_parse_bool(const char *text, int *value);    // yes no true false on off 1 0

char *num_print_f64(char text[NUM_TEXT], double value); // shortest; "nan", "inf", "-inf"
char *num_print_f32(char text[NUM_TEXT], float value);  // shortest that reads back to the same float

/* value rounded to `digits` significant decimals. Statistics that pass through libm or GSL are rounded to
 * NUM_STAT_DIGITS before they reach a table, so that a last-bit difference between C libraries cannot show. */
enum { NUM_STAT_DIGITS = 9 };
double num_round(double value, int digits);

char *num_print_bytes(char text[NUM_TEXT], double bytes);     // "12.3 MB": for people
char *num_print_seconds(char text[NUM_TEXT], double seconds); // "1m 23s"

#endif
