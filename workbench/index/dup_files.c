/* What an interrupted census goes on from: a small file a finished round, and one a finished length. Written by rank 0
 * after all ranks agreed. A file is a table of rows of three kinds: "bucket" (bucket, distinct, windows, tokens),
 * "window" (first, occurrences, documents) and, last, "end" (levels, check); each names the number of rounds. The check
 * is a hash of the file's name and of all rows: what is read from a damaged file would end in the results. */
#include "base/csv.h"
#include "base/err.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/num.h"
#include "index/duplicates_private.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char HEADER[] = "row,rounds,bucket,distinct,windows,tokens,first,occurrences,documents,levels,check";
enum { KIND, ROUNDS, BUCKET, DISTINCT, WINDOWS, TOKENS, FIRST, OCCURRENCES, DOCUMENTS, LEVELS, NUMBERS };
enum { CHECK = NUMBERS, COLUMNS };
enum { BUCKET_ROW, WINDOW_ROW, END_ROW, KINDS };
static const char *const KIND_NAME[KINDS] = {"bucket", "window", "end"};

char *dup_path(const length_t *length, const char *what) {
    return mem_printf("%s/length-%lld.%s", length->dir, (long long)length->length, what);
}

static char *round_path(const length_t *length, int64_t round) {
    char what[64];
    snprintf(what, sizeof what, "round-%lld.csv", (long long)round);
    return dup_path(length, what);
}

/* The name is in it, so that a round's file is not taken for that of another. */
static hash_t check_begin(const char *path) {
    const char *slash = strrchr(path, '/');
    return hash_text(slash ? slash + 1 : path);
}

static void check_add(hash_t *check, const int64_t value[NUMBERS]) {
    *check = hash_bytes(value, NUMBERS * sizeof *value, check->lo);
}

static void put_row(csv_out_t *out, hash_t *check, const int64_t value[NUMBERS]) {
    char text[HASH_TEXT];
    check_add(check, value);
    csv_text(out, KIND_NAME[value[KIND]]);
    for (int c = 1; c < NUMBERS; c++) csv_i64(out, value[c]);
    csv_text(out, value[KIND] == END_ROW ? hash_print(text, *check) : "");
    csv_end(out);
}

static int write_file(const char *path, int64_t rounds, const histogram_t *h, const top_t *top, int64_t levels) {
    csv_out_t *out;
    hash_t check = check_begin(path);
    TRY(csv_open(path, HEADER, &out));
    for (int32_t b = 0; b < CENSUS_BUCKETS; b++)
        if (h->distinct[b] > 0 || h->tokens[b] > 0)
            put_row(out, &check,
                    (int64_t[NUMBERS]){BUCKET_ROW, rounds, b, h->distinct[b], h->windows[b], h->tokens[b]});
    for (int64_t i = 0; i < top->n; i++) {
        const top_window_t *w = &top->window[i];
        put_row(out, &check,
                (int64_t[NUMBERS]){WINDOW_ROW, rounds, 0, 0, 0, 0, w->first, w->occurrences, w->documents});
    }
    /* A file without windows still says of how many rounds it is one. */
    put_row(out, &check, (int64_t[NUMBERS]){END_ROW, rounds, [LEVELS] = levels});
    return csv_commit(out);
}

static int read_row(const char *path, const csv_t *table, int64_t row, int64_t value[NUMBERS]) {
    value[KIND] = 0;
    while (value[KIND] < KINDS && strcmp(csv_at(table, row, KIND), KIND_NAME[value[KIND]]) != 0) value[KIND]++;
    if (value[KIND] == KINDS)
        return err_set("%s: \"%s\" is no kind of row: the file is damaged; remove its folder and run again", path,
                       csv_at(table, row, KIND));
    for (int32_t c = 1; c < NUMBERS; c++)
        if (num_parse_i64(csv_at(table, row, c), &value[c]) != 0 || value[c] < 0)
            return err_set("%s: \"%s\" is no count: the file is damaged; remove its folder and run again", path,
                           csv_at(table, row, c));
    if (value[BUCKET] < CENSUS_BUCKETS) return 0;
    return err_set("%s: bucket %lld: the file is damaged; remove its folder and run again", path,
                   (long long)value[BUCKET]);
}

static int add_rows(const char *path, const csv_t *table, length_t *length, int64_t *rounds) {
    char text[HASH_TEXT];
    hash_t check = check_begin(path);
    int whole = table->columns == COLUMNS && table->rows > 0;
    whole = whole && strcmp(csv_at(table, table->rows - 1, KIND), KIND_NAME[END_ROW]) == 0;
    if (!whole) return err_set("%s: it does not end as it should; remove its folder and run again", path);
    for (int64_t row = 0; row < table->rows; row++) {
        int64_t v[NUMBERS];
        TRY(read_row(path, table, row, v));
        check_add(&check, v);
        *rounds = v[ROUNDS];
        length->levels_check = v[LEVELS];
        if (v[KIND] == BUCKET_ROW) {
            length->histogram.distinct[v[BUCKET]] += v[DISTINCT];
            length->histogram.windows[v[BUCKET]] += v[WINDOWS];
            length->histogram.tokens[v[BUCKET]] += v[TOKENS];
        } else if (v[KIND] == WINDOW_ROW) {
            int64_t count = length->spec->per_document ? v[DOCUMENTS] : v[OCCURRENCES];
            top_add(&length->top, &(top_window_t){count, v[FIRST], v[OCCURRENCES], v[DOCUMENTS]});
        }
    }
    if (strcmp(csv_at(table, table->rows - 1, CHECK), hash_print(text, check)) == 0) return 0;
    return err_set("%s: its rows do not have the check that its last row gives: the file is damaged; remove its folder "
                   "and run again",
                   path);
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
    int rc = path ? write_file(path, rounds, histogram, top, 0) : -1;
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
    int rc = path ? write_file(path, 0, &length->histogram, &length->top, length->levels_check) : -1;
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
