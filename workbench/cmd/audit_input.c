/* Reading probe sets for an audit; see audit_input.h. */
#include "cmd/audit_input.h"
#include "base/csv.h"
#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/num.h"
#include "index/probes.h"
#include "index/token_rows.h"
#include <stdio.h>
#include <string.h>

typedef struct {
    probe_set_t folder; // one of these two
    token_rows_t rows;
    audit_row_t *row;
} hidden_t;

static int make_rows(audit_probes_t *p, int64_t n, const int32_t *token) {
    hidden_t *h = p->hidden;
    h->row = mem_new(n, sizeof *h->row, "probes");
    p->set = (audit_set_t){.n = n, .row = h->row, .token = token};
    return h->row ? 0 : -1;
}

/* Row i is `length` tokens from `first` on; suffix 0: not known. */
static int set_row(audit_probes_t *p, int64_t i, int64_t first, int64_t length, int64_t suffix) {
    hidden_t *h = p->hidden;
    if (suffix == 0) return err_set("give --suffix N: nothing here says how many tokens of a probe are its suffix");
    if (suffix >= length)
        return err_set("probe %lld: a suffix of %lld tokens leaves none of its %lld for a context", (long long)i,
                       (long long)suffix, (long long)length);
    h->row[i] = (audit_row_t){.first = first, .context = length - suffix, .suffix = suffix, .is_member = -1};
    return 0;
}

/* Says which contexts there are, as far as a line holds them. */
static int refuse_lengths(const probe_set_t *set, int64_t suffix) {
    enum { NUMBER = 24 }; // bytes, with what parts it from the one before
    char list[240] = "";
    int64_t last = suffix;
    for (int64_t i = 0, at = 0; i < set->n && at + NUMBER < (int64_t)sizeof list; i++) {
        if (set->probe[i].length <= last) continue;
        at += snprintf(list + at, sizeof list - (size_t)at, "%s%lld", at > 0 ? ", " : "",
                       (long long)(set->probe[i].length - suffix));
        last = set->probe[i].length;
    }
    return err_set("windows of several lengths, a sample for each context: choose one by --context: %s", list);
}

/* The probes to look at. Windows of different lengths are not compared: one often stands in another. */
static int choose_range(const audit_input_t *input, const probe_set_t *set, probe_range_t *range) {
    *range = (probe_range_t){0, set->n};
    if (set->probe[0].length == set->length || input->suffix == 0 || input->suffix >= set->length) return 0;
    *range = probes_at(set, input->context + input->suffix);
    return input->context > 0 && range->n > 0 ? 0 : refuse_lengths(set, input->suffix);
}

static int read_folder(const audit_input_t *input, audit_probes_t *p) {
    hidden_t *h = p->hidden;
    probe_range_t range;
    TRY(probes_read(input->path[0], &h->folder));
    TRY(choose_range(input, &h->folder, &range));
    const probe_t *probe = h->folder.probe + range.first;
    TRY(make_rows(p, range.n, probe->tokens)); // of all probes, one after the other
    p->set.first_id = range.first;
    for (int64_t i = 0, first = 0; i < range.n; first += probe[i++].length) {
        TRY(set_row(p, i, first, probe[i].length, input->suffix));
        h->row[i].is_member = probe[i].is_member;
        h->row[i].doc_id = probe[i].doc_id;
        h->row[i].offset = probe[i].offset;
    }
    return 0;
}

/* Rows of ids. What a file says of its suffixes and what --suffix says must agree. */
static int take_rows(const audit_input_t *input, audit_probes_t *p) {
    hidden_t *h = p->hidden;
    const token_rows_t *rows = &h->rows;
    TRY(make_rows(p, rows->n, rows->token));
    for (int64_t i = 0; i < rows->n; i++) {
        int64_t suffix = rows->suffix[i] > 0 ? rows->suffix[i] : input->suffix;
        if (input->suffix > 0 && suffix != input->suffix)
            return err_set("--suffix %lld, but the suffix of probe %lld has %lld tokens", (long long)input->suffix,
                           (long long)i, (long long)suffix);
        TRY(set_row(p, i, rows->first[i], rows->first[i + 1] - rows->first[i], suffix));
    }
    return 0;
}

static int take_membership(const csv_t *table, audit_probes_t *p) {
    hidden_t *h = p->hidden;
    int32_t column = token_rows_column(table, "is_member");
    for (int64_t i = 0; i < p->set.n && column >= 0; i++) {
        int is_member;
        if (num_parse_bool(csv_at(table, i, column), &is_member) != 0)
            return err_context("row %lld, is_member", (long long)i + 1);
        h->row[i].is_member = is_member;
    }
    return 0;
}

static int read_table(const audit_input_t *input, audit_probes_t *p) {
    hidden_t *h = p->hidden;
    csv_t table;
    TRY(csv_read(input->path[0], &table));
    int rc = token_rows_read_table(&table, input->column, &h->rows);
    if (rc != 0 && h->rows.n == 0 && table.rows > 0) rc = err_context("say where the ids are: --column NAME");
    if (rc == 0) rc = take_rows(input, p);
    if (rc == 0) rc = take_membership(&table, p);
    csv_free(&table);
    return rc;
}

static int ends_with(const char *path, const char *end) {
    size_t n = strlen(path), m = strlen(end);
    return n > m && strcmp(path + n - m, end) == 0;
}

static int read_any(const audit_input_t *input, audit_probes_t *p) {
    hidden_t *h = p->hidden;
    const char *path = input->path[0];
    char *table = mem_printf("%s/probes.csv", path);
    int is_folder = table && file_exists(table);
    mem_free(table);
    if (input->paths == 2 || token_rows_is_npy(path)) {
        TRY(token_rows_read_npy(input->path, input->paths, &h->rows));
        return take_rows(input, p);
    }
    if (is_folder) return read_folder(input, p);
    if (!ends_with(path, ".csv") && !ends_with(path, ".csv.zst"))
        return err_set("neither a folder with probes.csv and probes.tokens, nor a .npy or .csv file");
    return read_table(input, p);
}

/* Leaves the last `context` tokens of each context. */
static int shorten(int64_t context, audit_probes_t *p) {
    hidden_t *h = p->hidden;
    p->shortest_suffix = INT64_MAX;
    for (int64_t i = 0; i < p->set.n; i++) {
        audit_row_t *row = &h->row[i];
        if (context > row->context)
            return err_set("--context %lld: probe %lld has only %lld tokens of it", (long long)context, (long long)i,
                           (long long)row->context);
        if (context > 0) {
            row->first += row->context - context;
            row->offset += row->context - context;
            row->context = context;
        }
        if (row->suffix < p->shortest_suffix) p->shortest_suffix = row->suffix;
    }
    return 0;
}

int audit_probes_read(const audit_input_t *input, audit_probes_t *p) {
    *p = (audit_probes_t){.hidden = mem_new(1, sizeof(hidden_t), "probes")};
    int rc = p->hidden ? read_any(input, p) : -1;
    if (rc == 0) rc = shorten(input->context, p);
    if (rc == 0) return 0;
    audit_probes_free(p);
    return err_context("%s", input->path[0]);
}

void audit_probes_free(audit_probes_t *p) {
    hidden_t *h = p->hidden;
    if (h) {
        probes_free(&h->folder);
        token_rows_free(&h->rows);
        mem_free(h->row);
    }
    mem_free(h);
    *p = (audit_probes_t){0};
}
