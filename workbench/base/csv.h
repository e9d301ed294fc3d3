/* CSV tables: RFC 4180 with \n, a header line, quotes only where needed. Files load as they are in R, pandas and
 * gnuplot. The same bytes on any machine. */
#ifndef MEMPROBE_CSV_H
#define MEMPROBE_CSV_H
#include <stdint.h>
#include <stdio.h>

/* Writing. A field is added to the current row; csv_end ends the row and checks the number of fields against the
 * header. Errors are kept and reported by csv_commit. Paths that end in .zst are compressed. */
typedef struct csv_out csv_out_t;
int csv_open(const char *path, const char *header, csv_out_t **out); // header: "a,b,c"
/* To a stream that is open and stays so; name is for messages. Abort leaves there what was written. */
int csv_open_stream(FILE *stream, const char *name, const char *header, csv_out_t **out);
void csv_text(csv_out_t *out, const char *value);
void csv_i64(csv_out_t *out, int64_t value);
void csv_f64(csv_out_t *out, double value); // shortest text; NaN is an empty field
void csv_f32(csv_out_t *out, float value);
void csv_stat(csv_out_t *out, double value); // a statistic: rounded to NUM_STAT_DIGITS first
void csv_end(csv_out_t *out);
int csv_commit(csv_out_t *out); // releases out; 0, or -1 with the first error
void csv_abort(csv_out_t *out); // accepts NULL

/* Reading: the whole table, plain or .zst. Every row must have as many fields as the header. */
typedef struct {
    int64_t rows;
    int32_t columns;
    char **name;  // (columns)
    char **field; // (rows, columns)
    void *hidden;
} csv_t;
int csv_read(const char *path, csv_t *table);
int csv_column(const csv_t *table, const char *name, int32_t *column); // message when there is no such column
const char *csv_at(const csv_t *table, int64_t row, int32_t column);
void csv_free(csv_t *table);

#endif
