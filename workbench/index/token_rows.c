/* Reading rows of token ids; see token_rows.h. */
#include "index/token_rows.h"
#include "base/err.h"
#include "base/mem.h"
#include "text/npy.h"
#include <string.h>

static int make_rows(token_rows_t *rows, int64_t n) {
    if (n == 0) return err_set("holds no probe");
    rows->n = n;
    rows->first = mem_new(n + 1, sizeof *rows->first, "probes");
    rows->suffix = mem_new(n, sizeof *rows->suffix, "probes");
    return rows->first && rows->suffix ? 0 : -1;
}

void token_rows_free(token_rows_t *rows) {
    mem_free(rows->first);
    mem_free(rows->suffix);
    mem_free(rows->token);
    *rows = (token_rows_t){0};
}

/* --- NumPy arrays ------------------------------------------------------------------------------------------------- */

int token_rows_is_npy(const char *path) {
    size_t n = strlen(path);
    return n > 4 && strcmp(path + n - 4, ".npy") == 0;
}

static int open_arrays(char *const *path, int paths, npy_t **array) {
    for (int k = 0; k < paths; k++) {
        TRY(npy_open(path[k], &array[k]));
        if (npy_head(array[k])->rank != 2) return err_set("%s: one row of tokens, not many", path[k]);
    }
    if (paths == 2 && npy_head(array[0])->rows != npy_head(array[1])->rows)
        return err_set("%s has %lld rows, %s has %lld: they are not contexts and suffixes of the same probes", path[0],
                       (long long)npy_head(array[0])->rows, path[1], (long long)npy_head(array[1])->rows);
    return 0;
}

static int copy_arrays(npy_t **array, token_rows_t *rows) {
    int64_t n = npy_head(array[0])->rows, left = npy_head(array[0])->columns;
    int64_t right = array[1] ? npy_head(array[1])->columns : 0, length = left + right;
    TRY(make_rows(rows, n));
    rows->token = mem_new(n, (size_t)length * sizeof *rows->token, "tokens of probes");
    if (!rows->token) return -1;
    for (int64_t i = 0; i < n; i++) {
        TRY(npy_read(array[0], i * left, left, rows->token + i * length));
        if (right > 0) TRY(npy_read(array[1], i * right, right, rows->token + i * length + left));
        rows->first[i + 1] = (i + 1) * length;
        rows->suffix[i] = right;
    }
    return 0;
}

int token_rows_read_npy(char *const *path, int paths, token_rows_t *rows) {
    npy_t *array[2] = {NULL, NULL};
    *rows = (token_rows_t){0};
    int rc = open_arrays(path, paths, array);
    if (rc == 0) rc = copy_arrays(array, rows);
    npy_close(array[0]);
    npy_close(array[1]);
    return rc;
}

/* --- tables ------------------------------------------------------------------------------------------------------- */

typedef struct {
    token_rows_t *rows;
    int64_t n, room; // tokens
} ids_t;

static int add_ids(const char *text, ids_t *ids) {
    static const char between[] = " \t\n,[]";
    for (const char *at = text + strspn(text, between); *at; at += strspn(at, between)) {
        size_t digits = strspn(at, "0123456789");
        int64_t id = 0;
        for (size_t i = 0; i < digits && id <= INT32_MAX; i++) id = 10 * id + (at[i] - '0');
        if (digits == 0 || id > INT32_MAX || (at[digits] && !strchr(between, at[digits])))
            return err_set("\"%.40s\" is no token id", at);
        TRY(mem_grow(&ids->rows->token, &ids->room, ids->n + 1, sizeof *ids->rows->token, "tokens of probes"));
        ids->rows->token[ids->n++] = (int32_t)id;
        at += digits;
    }
    return 0;
}

int32_t token_rows_column(const csv_t *table, const char *name) {
    for (int32_t c = 0; c < table->columns; c++)
        if (strcmp(table->name[c], name) == 0) return c;
    return -1;
}

static int read_row(const csv_t *table, int64_t i, int32_t first, int32_t second, ids_t *ids) {
    TRY(add_ids(csv_at(table, i, first), ids));
    int64_t context = ids->n;
    if (second >= 0) {
        TRY(add_ids(csv_at(table, i, second), ids));
        if (ids->n == context) return err_set("no suffix");
    }
    ids->rows->first[i + 1] = ids->n;
    ids->rows->suffix[i] = ids->n - context;
    return 0;
}

int token_rows_read_table(const csv_t *table, const char *column, token_rows_t *rows) {
    ids_t ids = {.rows = rows};
    int32_t first = token_rows_column(table, column ? column : "tokens"), second = -1;
    *rows = (token_rows_t){0};
    if (first < 0 && !column) {
        first = token_rows_column(table, "context");
        second = token_rows_column(table, "suffix");
        if (second < 0) first = -1;
    }
    if (first < 0 && column) return err_set("no column \"%s\"", column);
    if (first < 0) return err_set("no column tokens with token ids, nor context and suffix");
    TRY(make_rows(rows, table->rows));
    for (int64_t i = 0; i < rows->n; i++)
        if (read_row(table, i, first, second, &ids) != 0) return err_context("row %lld", (long long)i + 1);
    return 0;
}
