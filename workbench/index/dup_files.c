/* What an interrupted census goes on from: a small file a finished round, and one a finished length. Written by rank 0
 * after all ranks agreed. A file is a table of rows of two kinds: "bucket" (bucket, distinct, windows, tokens) and
 * "window" (first, occurrences, documents); each names the number of rounds. */
#include "base/csv.h"
#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/num.h"
#include "index/duplicates_private.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char HEADER[] = "row,rounds,bucket,distinct,windows,tokens,first,occurrences,documents";
enum { ROUNDS = 1, BUCKET, DISTINCT, WINDOWS, TOKENS, FIRST, OCCURRENCES, DOCUMENTS, COLUMNS };

char *dup_path(const length_t *length, const char *what) {
    return mem_printf("%s/length-%lld.%s", length->dir, (long long)length->length, what);
}

static char *round_path(const length_t *length, int64_t round) {
    char what[64];
    snprintf(what, sizeof what, "round-%lld.csv", (long long)round);
    return dup_path(length, what);
}

static void put_row(csv_out_t *out, const char *kind, const int64_t value[COLUMNS]) {
    csv_text(out, kind);
    for (int c = 1; c < COLUMNS; c++) csv_i64(out, value[c]);
    csv_end(out);
}

static int write_file(const char *path, int64_t rounds, const histogram_t *h, const top_t *top) {
    csv_out_t *out;
    TRY(csv_open(path, HEADER, &out));
    for (int32_t b = 0; b < CENSUS_BUCKETS; b++)
        if (h->distinct[b] > 0 || h->tokens[b] > 0)
            put_row(out, "bucket", (int64_t[COLUMNS]){0, rounds, b, h->distinct[b], h->windows[b], h->tokens[b]});
    for (int64_t i = 0; i < top->n; i++) {
        const top_window_t *w = &top->window[i];
        put_row(out, "window", (int64_t[COLUMNS]){0, rounds, 0, 0, 0, 0, w->first, w->occurrences, w->documents});
    }
    /* A file without windows still says of how many rounds it is one. */
    put_row(out, "end", (int64_t[COLUMNS]){0, rounds});
    return csv_commit(out);
}

static int read_row(const char *path, const csv_t *table, int64_t row, int64_t value[COLUMNS]) {
    for (int32_t c = 1; c < COLUMNS; c++)
        if (num_parse_i64(csv_at(table, row, c), &value[c]) != 0 || value[c] < 0)
            return err_set("%s: \"%s\" is no count: the file is damaged; remove its folder and run again", path,
                           csv_at(table, row, c));
    if (value[BUCKET] < CENSUS_BUCKETS) return 0;
    return err_set("%s: bucket %lld: the file is damaged; remove its folder and run again", path,
                   (long long)value[BUCKET]);
}

static int add_rows(const char *path, const csv_t *table, length_t *length, int64_t *rounds) {
    int whole = table->columns == COLUMNS && table->rows > 0;
    whole = whole && strcmp(csv_at(table, table->rows - 1, 0), "end") == 0;
    if (!whole) return err_set("%s: it does not end as it should; remove its folder and run again", path);
    for (int64_t row = 0; row < table->rows; row++) {
        int64_t v[COLUMNS];
        TRY(read_row(path, table, row, v));
        *rounds = v[ROUNDS];
        if (strcmp(csv_at(table, row, 0), "bucket") == 0) {
            length->histogram.distinct[v[BUCKET]] += v[DISTINCT];
            length->histogram.windows[v[BUCKET]] += v[WINDOWS];
            length->histogram.tokens[v[BUCKET]] += v[TOKENS];
        } else if (strcmp(csv_at(table, row, 0), "window") == 0) {
            int64_t count = length->spec->per_document ? v[DOCUMENTS] : v[OCCURRENCES];
            top_add(&length->top, &(top_window_t){count, v[FIRST], v[OCCURRENCES], v[DOCUMENTS]});
        }
    }
    return 0;
}

static int read_file(const char *path, length_t *length, int64_t *rounds) {
    csv_t table;
    TRY(csv_read(path, &table));
    int rc = add_rows(path, &table, length, rounds);
    csv_free(&table);
    return rc;
}

int dup_round_write(const length_t *length, const histogram_t *histogram, const top_t *top, int64_t round,
                    int64_t rounds) {
    char *path = round_path(length, round);
    int rc = path ? write_file(path, rounds, histogram, top) : -1;
    mem_free(path);
    return rc;
}

/* Rounds are finished in order. Those of a plan of more or fewer rounds than the first file's would be other slices. */
int dup_rounds_read(length_t *length, int64_t *done, int64_t *rounds) {
    int rc = 0, there = 1;
    *done = *rounds = 0;
    while (rc == 0 && there) {
        int64_t of = 0;
        char *path = round_path(length, *done);
        if (!path) return -1;
        there = file_exists(path);
        if (there) rc = read_file(path, length, &of);
        if (there && rc == 0 && *done > 0 && of != *rounds)
            rc = err_set("%s: one of %lld rounds where those before are of %lld; remove its folder and run again", path,
                         (long long)of, (long long)*rounds);
        if (there && rc == 0) {
            *rounds = of;
            (*done)++;
        }
        mem_free(path);
    }
    return rc;
}

/* From the last to the first, so that what is left after an interruption is still rounds 0 .. n. */
int dup_rounds_remove(const length_t *length) {
    int64_t n = 0;
    for (int there = 1; there; n += there) {
        char *path = round_path(length, n);
        if (!path) return -1;
        there = file_exists(path);
        mem_free(path);
    }
    while (n-- > 0) {
        char *path = round_path(length, n);
        int rc = path && (unlink(path) == 0 || errno == ENOENT) ? 0 : -1;
        if (rc != 0 && path) err_set("%s: cannot be removed: %s", path, strerror(errno));
        mem_free(path);
        if (rc != 0) return -1;
    }
    return 0;
}

int dup_is_finished(const length_t *length) {
    char *path = dup_path(length, "csv");
    int there = path && file_exists(path);
    mem_free(path);
    return there;
}

int dup_finished_write(const length_t *length) {
    char *path = dup_path(length, "csv");
    int rc = path ? write_file(path, 0, &length->histogram, &length->top) : -1;
    mem_free(path);
    return rc;
}

int dup_finished_read(length_t *length) {
    int64_t rounds;
    char *path = dup_path(length, "csv");
    int rc = path ? read_file(path, length, &rounds) : -1;
    mem_free(path);
    return rc;
}
