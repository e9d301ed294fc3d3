/* Rows of token ids out of the files that people keep their own probes in: arrays of NumPy, or a CSV table. */
#ifndef MEMPROBE_TOKEN_ROWS_H
#define MEMPROBE_TOKEN_ROWS_H
#include "base/csv.h"
#include <stdint.h>

typedef struct {
    int64_t n;
    int64_t *first;  // (n + 1) row i is token[first[i]] .. token[first[i + 1] - 1]
    int64_t *suffix; // (n) how many of them are its suffix, 0: the file does not say
    int32_t *token;
} token_rows_t;

/* All local. A file without rows is an error. Release also after a failure. */

/* paths 1: an array of whole rows; 2: contexts and suffixes, row by row. */
int token_rows_read_npy(char *const *path, int paths, token_rows_t *rows);
/* Ids with spaces or commas between them, in brackets or not. column NULL: whole rows in "tokens", else contexts and
 * suffixes in two columns of these names; else whole rows in the column. */
int token_rows_read_table(const csv_t *table, const char *column, token_rows_t *rows);
void token_rows_free(token_rows_t *rows);

int token_rows_is_npy(const char *path);                         // by its name
int32_t token_rows_column(const csv_t *table, const char *name); // -1: there is none

#endif
