/* Probe sets as files: probes.csv describes the rows, probes.tokens holds their tokens, row after row, int32
 * little-endian. What is read is checked against itself and the two files against each other. */
#include "base/csv.h"
#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/num.h"
#include "index/census.h"
#include "index/probes_private.h"
#include <string.h>

static const char HEADER[] = "probe_id,sequence_id,doc_id,source,offset,length,duplicates,documents,bucket,is_member";
enum { PROBE_ID, SEQUENCE_ID, DOC_ID, SOURCE, OFFSET, LENGTH, DUPLICATES, DOCUMENTS, BUCKET, IS_MEMBER, COLUMNS };
static const char *const COLUMN[COLUMNS] = {"probe_id", "sequence_id", "doc_id",    "source", "offset",
                                            "length",   "duplicates",  "documents", "bucket", "is_member"};

static int write_csv(const char *path, const probe_set_t *set) {
    csv_out_t *out;
    TRY(csv_open(path, HEADER, &out));
    for (int64_t i = 0; i < set->n; i++) {
        const probe_t *p = &set->probe[i];
        csv_i64(out, p->probe_id);
        csv_i64(out, p->sequence_id);
        csv_text(out, p->doc_id);
        csv_text(out, p->source);
        csv_i64(out, p->offset);
        csv_i64(out, p->length);
        csv_i64(out, p->duplicates);
        csv_i64(out, p->documents);
        csv_i64(out, p->bucket);
        csv_i64(out, p->is_member);
        csv_end(out);
    }
    return csv_commit(out);
}

static int write_tokens(const char *path, const probe_set_t *set) {
    file_out_t *out;
    uint8_t *row = mem_new(set->length, 4, "tokens of a probe");
    if (!row) return -1;
    int rc = file_out_open(path, &out);
    if (rc == 0) {
        for (int64_t i = 0; i < set->n && rc == 0; i++) {
            const probe_t *p = &set->probe[i];
            for (int64_t k = 0; k < 4 * p->length; k++) row[k] = (uint8_t)((uint32_t)p->tokens[k / 4] >> (8 * (k % 4)));
            rc = file_out_write(out, row, (size_t)p->length * 4);
        }
        if (rc == 0)
            rc = file_out_commit(out);
        else
            file_out_abort(out);
    }
    mem_free(row);
    return rc;
}

int probes_write(const char *dir, const probe_set_t *set) {
    char *csv = mem_printf("%s/probes.csv", dir), *tokens = mem_printf("%s/probes.tokens", dir);
    int rc = csv && tokens ? write_tokens(tokens, set) : -1;
    if (rc == 0) rc = write_csv(csv, set);
    mem_free(csv);
    mem_free(tokens);
    return rc;
}

// --- reading ------------------------------------------------------------------------------------------------------

typedef struct {
    csv_t table; // owns the texts
    int32_t *tokens;
} hidden_t;

static int read_number(const csv_t *table, int64_t row, int32_t column, int64_t min, int64_t max, int64_t *value) {
    if (num_parse_i64(csv_at(table, row, column), value) != 0)
        return err_context("row %lld, %s", (long long)row + 1, table->name[column]);
    if (*value < min || *value > max)
        return err_set("row %lld, %s: %lld is not between %lld and %lld", (long long)row + 1, table->name[column],
                       (long long)*value, (long long)min, (long long)max);
    return 0;
}

static int read_row(const csv_t *table, const int32_t column[COLUMNS], int64_t row, probe_set_t *set) {
    static const int64_t LARGE = INT64_MAX;
    probe_t *p = &set->probe[row];
    int64_t bucket, is_member;
    TRY(read_number(table, row, column[PROBE_ID], row, row, &p->probe_id));
    TRY(read_number(table, row, column[SEQUENCE_ID], 0, table->rows - 1, &p->sequence_id));
    TRY(read_number(table, row, column[OFFSET], 0, LARGE, &p->offset));
    TRY(read_number(table, row, column[LENGTH], row == 0 ? 1 : set->length, LARGE, &p->length)); // lengths rise
    set->length = p->length;
    TRY(read_number(table, row, column[IS_MEMBER], 0, 1, &is_member));
    TRY(read_number(table, row, column[DUPLICATES], is_member, is_member ? LARGE : 0, &p->duplicates));
    TRY(read_number(table, row, column[DOCUMENTS], is_member, p->duplicates, &p->documents));
    int32_t own = is_member ? census_bucket(p->duplicates) : 0;
    TRY(read_number(table, row, column[BUCKET], own, is_member ? own : CENSUS_BUCKETS - 1, &bucket));
    p->bucket = (int32_t)bucket;
    p->is_member = (int32_t)is_member;
    p->doc_id = csv_at(table, row, column[DOC_ID]);
    p->source = csv_at(table, row, column[SOURCE]);
    return 0;
}

static int read_rows(const char *path, csv_t *table, probe_set_t *set) {
    TRY(csv_read(path, table));
    int32_t column[COLUMNS];
    for (int c = 0; c < COLUMNS; c++) TRY(csv_column(table, COLUMN[c], &column[c]));
    if (table->rows == 0) return err_set("%s: holds no probe", path);
    set->probe = mem_new(table->rows, sizeof *set->probe, "probe set");
    if (!set->probe) return -1;
    set->n = table->rows;
    for (int64_t row = 0; row < table->rows; row++)
        if (read_row(table, column, row, set) != 0) return err_context("%s", path);
    return 0;
}

/* The tokens of all probes. */
static int count_tokens(const char *path, const file_map_t *map, const probe_set_t *set, int64_t *tokens) {
    *tokens = 0;
    for (int64_t i = 0; i < set->n; i++)
        if (__builtin_add_overflow(*tokens, set->probe[i].length, tokens)) *tokens = INT64_MAX;
    if (*tokens > INT64_MAX / 4 || map->size != (size_t)*tokens * 4)
        return err_set("%s: %zu bytes, but %lld probes of %s%lld tokens are due: draw the probes again", path,
                       map->size, (long long)set->n, set->probe[0].length < set->length ? "up to " : "",
                       (long long)set->length);
    return 0;
}

static int copy_tokens(const char *path, const uint8_t *bytes, int64_t n, int32_t *token) {
    for (int64_t i = 0; i < n; i++) {
        const uint8_t *b = bytes + 4 * i;
        uint32_t value = b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
        if (value > INT32_MAX) return err_set("%s: token %lld is no id of one", path, (long long)i);
        token[i] = (int32_t)value;
    }
    return 0;
}

static int read_tokens(const char *path, probe_set_t *set, int32_t **out) {
    file_map_t map;
    int64_t n;
    TRY(file_map(path, &map));
    int rc = count_tokens(path, &map, set, &n);
    if (rc == 0 && !(*out = mem_new(n, sizeof **out, "tokens of probes"))) rc = -1;
    if (rc == 0) rc = copy_tokens(path, map.data, n, *out);
    file_unmap(&map);
    for (int64_t i = 0, at = 0; i < set->n && rc == 0; at += set->probe[i++].length) set->probe[i].tokens = *out + at;
    return rc;
}

int probes_read(const char *dir, probe_set_t *set) {
    *set = (probe_set_t){0};
    hidden_t *hidden = mem_new(1, sizeof *hidden, "probe set");
    char *csv = mem_printf("%s/probes.csv", dir), *tokens = mem_printf("%s/probes.tokens", dir);
    int rc = hidden && csv && tokens ? 0 : -1;
    set->hidden = hidden;
    if (rc == 0) rc = read_rows(csv, &hidden->table, set);
    if (rc == 0) rc = read_tokens(tokens, set, &hidden->tokens);
    mem_free(csv);
    mem_free(tokens);
    if (rc != 0) probes_free(set);
    return rc;
}

void probes_free(probe_set_t *set) {
    hidden_t *hidden = set->hidden;
    if (hidden) {
        csv_free(&hidden->table);
        mem_free(hidden->tokens);
    }
    mem_free(hidden);
    mem_free(set->probe);
    *set = (probe_set_t){0};
}

/* The first row of at least that length. */
static int64_t row_of_length(const probe_set_t *set, int64_t length) {
    int64_t low = 0, high = set->n;
    while (low < high) {
        int64_t middle = low + (high - low) / 2;
        if (set->probe[middle].length < length)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

probe_range_t probes_at(const probe_set_t *set, int64_t length) {
    int64_t first = row_of_length(set, length), n = row_of_length(set, length + 1) - first;
    if (n > 0 || set->n == 0) return (probe_range_t){first, n};
    int all_longer = set->probe[0].length == set->length && set->length > length;
    return (probe_range_t){0, all_longer ? set->n : 0};
}
