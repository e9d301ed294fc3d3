/* Reading probe sets for an audit; see audit_input.h. */
#include "cmd/audit_input.h"
#include "base/csv.h"
#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/num.h"
#include "index/probes.h"
#include "text/npy.h"
#include <string.h>

typedef struct {
    probe_set_t folder; // one of these two owns texts
    csv_t table;
    audit_row_t *row;
    int32_t *token;
    int64_t tokens, room;
} hidden_t;

static int make_rows(audit_probes_t *p, int64_t n) {
    hidden_t *h = p->hidden;
    if (n == 0) return err_set("holds no probe");
    h->row = mem_new(n, sizeof *h->row, "probes");
    p->set.row = h->row;
    p->set.n = n;
    return h->row ? 0 : -1;
}

/* Row i is `length` tokens from `first` on, the last `suffix` of them its suffix. */
static int set_row(audit_probes_t *p, int64_t i, int64_t first, int64_t length, int64_t suffix) {
    if (suffix >= length)
        return err_set("probe %lld: a suffix of %lld tokens leaves none of its %lld for a context", (long long)i,
                       (long long)suffix, (long long)length);
    hidden_t *h = p->hidden;
    h->row[i] = (audit_row_t){.first = first, .context = length - suffix, .suffix = suffix, .is_member = -1};
    return 0;
}

static int need_suffix(const audit_input_t *input) {
    if (input->suffix > 0) return 0;
    return err_set("give --suffix N: nothing here says how many tokens of a probe are its suffix");
}

/* --- a folder ----------------------------------------------------------------------------------------------------- */

static int read_folder(const audit_input_t *input, audit_probes_t *p) {
    hidden_t *h = p->hidden;
    TRY(need_suffix(input));
    TRY(probes_read(input->path[0], &h->folder));
    const probe_set_t *set = &h->folder;
    TRY(make_rows(p, set->n));
    p->set.token = set->probe[0].tokens; // of all probes, one after the other
    for (int64_t i = 0; i < set->n; i++) {
        TRY(set_row(p, i, i * set->length, set->length, input->suffix));
        h->row[i].is_member = set->probe[i].is_member;
        h->row[i].doc_id = set->probe[i].doc_id;
        h->row[i].offset = set->probe[i].offset;
    }
    return 0;
}

/* --- NumPy arrays ------------------------------------------------------------------------------------------------- */

static int open_arrays(const audit_input_t *input, npy_t **array) {
    for (int k = 0; k < input->paths; k++) {
        TRY(npy_open(input->path[k], &array[k]));
        if (npy_head(array[k])->rank != 2) return err_set("%s: one row of tokens, not many", input->path[k]);
    }
    if (input->paths == 2 && npy_head(array[0])->rows != npy_head(array[1])->rows)
        return err_set("%s has %lld rows, %s has %lld: they are not contexts and suffixes of the same probes",
                       input->path[0], (long long)npy_head(array[0])->rows, input->path[1],
                       (long long)npy_head(array[1])->rows);
    return 0;
}

static int copy_arrays(const audit_input_t *input, npy_t **array, audit_probes_t *p) {
    hidden_t *h = p->hidden;
    int64_t n = npy_head(array[0])->rows, left = npy_head(array[0])->columns;
    int64_t right = input->paths == 2 ? npy_head(array[1])->columns : 0, length = left + right;
    if (input->paths == 1) TRY(need_suffix(input));
    if (input->paths == 2 && input->suffix != 0 && input->suffix != right)
        return err_set("--suffix %lld, but the suffixes of %s have %lld tokens", (long long)input->suffix,
                       input->path[1], (long long)right);
    TRY(make_rows(p, n));
    h->token = mem_new(n, (size_t)length * sizeof *h->token, "tokens of probes");
    if (!h->token) return -1;
    p->set.token = h->token;
    for (int64_t i = 0; i < n; i++) {
        TRY(npy_read(array[0], i * left, left, h->token + i * length));
        if (right > 0) TRY(npy_read(array[1], i * right, right, h->token + i * length + left));
        TRY(set_row(p, i, i * length, length, right > 0 ? right : input->suffix));
    }
    return 0;
}

static int read_arrays(const audit_input_t *input, audit_probes_t *p) {
    npy_t *array[2] = {NULL, NULL};
    int rc = open_arrays(input, array);
    if (rc == 0) rc = copy_arrays(input, array, p);
    npy_close(array[0]);
    npy_close(array[1]);
    return rc;
}

/* --- a table ------------------------------------------------------------------------------------------------------ */

/* "464 329 11", and lists as Python prints them: "[464, 329, 11]". Returns how many, -1 on error. */
static int64_t add_ids(const char *text, hidden_t *h) {
    static const char between[] = " \t\n,[]";
    int64_t before = h->tokens;
    for (const char *at = text + strspn(text, between); *at; at += strspn(at, between)) {
        size_t digits = strspn(at, "0123456789");
        int64_t id = 0;
        for (size_t i = 0; i < digits && id <= INT32_MAX; i++) id = 10 * id + (at[i] - '0');
        if (digits == 0 || id > INT32_MAX || (at[digits] && !strchr(between, at[digits])))
            return err_set("\"%.40s\" is no token id", at);
        TRY(mem_grow(&h->token, &h->room, h->tokens + 1, sizeof *h->token, "tokens of probes"));
        h->token[h->tokens++] = (int32_t)id;
        at += digits;
    }
    return h->tokens - before;
}

/* Which columns hold the ids: one for whole rows, or context and suffix. -1: there is none. */
typedef struct {
    int32_t whole, context, suffix, is_member;
} columns_t;

static int32_t column_of(const csv_t *table, const char *name) {
    for (int32_t c = 0; c < table->columns; c++)
        if (strcmp(table->name[c], name) == 0) return c;
    return -1;
}

static int find_columns(const audit_input_t *input, const csv_t *table, columns_t *c) {
    const char *whole = input->column ? input->column : "tokens";
    *c = (columns_t){column_of(table, whole), column_of(table, "context"), column_of(table, "suffix"),
                     column_of(table, "is_member")};
    if (c->whole >= 0) return need_suffix(input);
    if (!input->column && c->context >= 0 && c->suffix >= 0) return 0;
    return err_set("no column \"%s\"%s; name the one with the token ids: --column NAME", whole,
                   input->column ? "" : ", nor context and suffix");
}

static int read_row(const audit_input_t *input, const columns_t *c, int64_t i, audit_probes_t *p) {
    hidden_t *h = p->hidden;
    int64_t first = h->tokens, suffix = input->suffix;
    if (add_ids(csv_at(&h->table, i, c->whole >= 0 ? c->whole : c->context), h) < 0) return -1;
    if (c->whole < 0) {
        suffix = add_ids(csv_at(&h->table, i, c->suffix), h);
        if (suffix < 0) return -1;
        if (suffix == 0) return err_set("probe %lld has no suffix", (long long)i);
    }
    TRY(set_row(p, i, first, h->tokens - first, suffix));
    int is_member = -1;
    if (c->is_member >= 0) TRY(num_parse_bool(csv_at(&h->table, i, c->is_member), &is_member));
    h->row[i].is_member = is_member;
    return 0;
}

static int read_table(const audit_input_t *input, audit_probes_t *p) {
    hidden_t *h = p->hidden;
    columns_t columns;
    TRY(csv_read(input->path[0], &h->table));
    TRY(find_columns(input, &h->table, &columns));
    TRY(make_rows(p, h->table.rows));
    for (int64_t i = 0; i < h->table.rows; i++)
        if (read_row(input, &columns, i, p) != 0) return err_context("row %lld", (long long)i + 1);
    p->set.token = h->token;
    return 0;
}

/* --- all of them -------------------------------------------------------------------------------------------------- */

static int ends_with(const char *path, const char *end) {
    size_t n = strlen(path), m = strlen(end);
    return n > m && strcmp(path + n - m, end) == 0;
}

static int read_any(const audit_input_t *input, audit_probes_t *p) {
    const char *path = input->path[0];
    char *table = mem_printf("%s/probes.csv", path);
    int is_folder = table && file_exists(table);
    mem_free(table);
    if (input->paths == 2 || ends_with(path, ".npy")) return read_arrays(input, p);
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
        csv_free(&h->table);
        mem_free(h->row);
        mem_free(h->token);
    }
    mem_free(h);
    *p = (audit_probes_t){0};
}
