/* The checks of an audit, one after the other: each adds a line, and a flag for every row it found. See audit.h. */
#include "index/audit.h"
#include "base/err.h"
#include "base/mem.h"
#include "index/audit_private.h"
#include "index/lookup.h"
#include "par/par.h"
#include <stdlib.h>
#include <string.h>

int audit_add_line(audit_t *a, const char *check, int64_t value, int64_t probes, int64_t of, int64_t groups,
                   int64_t largest) {
    TRY(mem_grow(&a->line, &a->line_room, a->n_lines + 1, sizeof *a->line, "audit of probes"));
    a->line[a->n_lines++] = (audit_line_t){check, value, probes, of, groups, largest};
    return 0;
}

int audit_add_flag(audit_t *a, int64_t row, const char *check, const char *format, int64_t x, int64_t y) {
    TRY(mem_grow(&a->flag, &a->flag_room, a->n_flags + 1, sizeof *a->flag, "audit of probes"));
    a->flag[a->n_flags++] = (audit_flag_t){a->first_id + row, check, format, x, y};
    return 0;
}

/* --- rows that form groups ---------------------------------------------------------------------------------------- */

/* How many rows each group has, by its lowest row; mem_free. */
static int64_t *count_groups(const int64_t *group, int64_t n) {
    int64_t *size = mem_new(n, sizeof *size, "audit of probes");
    for (int64_t i = 0; i < n && size; i++) size[group[i]]++;
    return size;
}

/* Flags the rows of marked groups; marked NULL: of those with more than one row. */
static int check_groups(audit_t *a, const char *check, int64_t value, const int64_t *group, const uint8_t *marked) {
    int64_t *size = count_groups(group, a->n), probes = 0, groups = 0, largest = 0;
    int rc = size ? 0 : -1;
    for (int64_t i = 0; i < a->n && rc == 0; i++) {
        int64_t g = group[i];
        if (marked ? !marked[g] : size[g] < 2) continue;
        probes++;
        groups += g == i;
        largest = size[g] > largest ? size[g] : largest;
        rc = audit_add_flag(a, i, check, "one of %lld, the first is %lld", size[g], a->first_id + g);
    }
    mem_free(size);
    return rc == 0 ? audit_add_line(a, check, value, probes, a->n, groups, largest) : -1;
}

static int add_distinct(audit_t *a, const char *check, const int64_t *group) {
    int64_t distinct = 0;
    for (int64_t i = 0; i < a->n; i++) distinct += group[i] == i;
    return audit_add_line(a, check, AUDIT_NONE, distinct, a->n, AUDIT_NONE, AUDIT_NONE);
}

static int by_value(const void *a, const void *b) {
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* A line for every multiplicity of whole rows. */
static int add_multiplicities(audit_t *a) {
    int64_t *size = count_groups(a->same, a->n);
    int rc = size ? 0 : -1;
    if (rc == 0) qsort(size, (size_t)a->n, sizeof *size, by_value);
    for (int64_t i = 0, next; i < a->n && rc == 0; i = next) {
        for (next = i + 1; next < a->n && size[next] == size[i];) next++;
        if (size[i] > 0) rc = audit_add_line(a, "multiplicity", size[i], size[i] * (next - i), a->n, next - i, size[i]);
    }
    mem_free(size);
    return rc;
}

static int check_several_suffixes(audit_t *a) {
    uint8_t *marked = mem_new(a->n, 1, "audit of probes");
    if (!marked) return -1;
    for (int64_t i = 0; i < a->n; i++)
        if (a->same_suffix[i] != a->same_suffix[a->same_context[i]]) marked[a->same_context[i]] = 1;
    int rc = check_groups(a, "context_with_several_suffixes", AUDIT_NONE, a->same_context, marked);
    mem_free(marked);
    return rc;
}

static int check_copies(audit_t *a) {
    TRY(audit_add_line(a, "probes", AUDIT_NONE, a->n, a->n, AUDIT_NONE, AUDIT_NONE));
    TRY(add_distinct(a, "distinct_probes", a->same));
    TRY(add_distinct(a, "distinct_contexts", a->same_context));
    TRY(add_distinct(a, "distinct_suffixes", a->same_suffix));
    TRY(add_multiplicities(a));
    TRY(check_groups(a, "equal_probes", AUDIT_NONE, a->same, NULL));
    TRY(check_groups(a, "equal_contexts", AUDIT_NONE, a->same_context, NULL));
    TRY(check_groups(a, "equal_suffixes", AUDIT_NONE, a->same_suffix, NULL));
    return check_several_suffixes(a);
}

/* --- members and controls, and a split ---------------------------------------------------------------------------- */

static int check_mixed(const audit_set_t *set, audit_t *a, const char *check, const int64_t *group) {
    uint8_t *marked = mem_new(a->n, 1, "audit of probes");
    if (!marked) return -1;
    for (int64_t i = 0; i < a->n; i++) marked[group[i]] |= (uint8_t)(set->row[i].is_member == 1 ? 1 : 2);
    for (int64_t i = 0; i < a->n; i++) marked[i] = marked[i] == 3;
    int rc = check_groups(a, check, AUDIT_NONE, group, marked);
    mem_free(marked);
    return rc;
}

static int check_controls(const audit_set_t *set, audit_t *a) {
    for (int64_t i = 0; i < set->n; i++)
        if (set->row[i].is_member < 0) return 0;
    TRY(check_mixed(set, a, "equal_member_and_control", a->same));
    TRY(check_mixed(set, a, "equal_suffix_of_member_and_control", a->same_suffix));
    return check_mixed(set, a, "near_member_and_control", a->cluster);
}

/* Rows of the last `split` with a row like them among the others. */
static int check_leak(audit_t *a, int64_t split, const char *check, const int64_t *group) {
    int64_t probes = 0;
    for (int64_t i = a->n - split; i < a->n; i++) {
        if (group[i] >= a->n - split) continue;
        probes++;
        TRY(audit_add_flag(a, i, check, "as probe %lld", a->first_id + group[i], 0));
    }
    return audit_add_line(a, check, split, probes, split, AUDIT_NONE, AUDIT_NONE);
}

static int check_split(audit_t *a, int64_t split) {
    if (split == 0) return 0;
    TRY(check_leak(a, split, "split_equal_probe", a->same));
    TRY(check_leak(a, split, "split_equal_context", a->same_context));
    TRY(check_leak(a, split, "split_equal_suffix", a->same_suffix));
    return check_leak(a, split, "split_near", a->cluster);
}

/* --- rows of one document ----------------------------------------------------------------------------------------- */

typedef struct {
    const audit_row_t *row;
    int64_t index;
} place_t;

static int by_place(const void *a, const void *b) {
    const place_t *x = a, *y = b;
    if (x->row->is_member != y->row->is_member) return x->row->is_member < y->row->is_member ? -1 : 1;
    int order = strcmp(x->row->doc_id, y->row->doc_id);
    if (order != 0) return order;
    if (x->row->offset != y->row->offset) return x->row->offset < y->row->offset ? -1 : 1;
    return (x->index > y->index) - (x->index < y->index);
}

/* Flags each row that shares tokens of its document with another: the text is measured twice. */
static int check_overlaps(const audit_set_t *set, audit_t *a) {
    for (int64_t i = 0; i < set->n; i++)
        if (!set->row[i].doc_id) return 0;
    place_t *place = mem_new(set->n, sizeof *place, "audit of probes");
    int64_t *other = mem_new(set->n, sizeof *other, "audit of probes"), probes = 0;
    int rc = place && other ? 0 : -1;
    for (int64_t i = 0; i < set->n && rc == 0; i++) place[i] = (place_t){&set->row[i], i};
    if (rc == 0) qsort(place, (size_t)set->n, sizeof *place, by_place);
    for (int64_t i = 1, furthest = 0; i < set->n && rc == 0; i++) { // furthest: of those before, what reaches furthest
        const audit_row_t *x = place[furthest].row, *y = place[i].row;
        int same = x->is_member == y->is_member && strcmp(x->doc_id, y->doc_id) == 0;
        int64_t end = x->offset + x->context + x->suffix;
        if (same && y->offset < end) {
            other[place[i].index] = place[furthest].index + 1;
            if (other[place[furthest].index] == 0) other[place[furthest].index] = place[i].index + 1;
        }
        if (!same || y->offset + y->context + y->suffix >= end) furthest = i;
    }
    for (int64_t i = 0; i < set->n && rc == 0; i++) {
        if (other[i] == 0) continue;
        probes++;
        rc = audit_add_flag(a, i, "overlapping_in_document", "shares tokens of its document with %lld",
                            a->first_id + other[i] - 1, 0);
    }
    mem_free(place);
    mem_free(other);
    return rc == 0 ? audit_add_line(a, "overlapping_in_document", AUDIT_NONE, probes, a->n, AUDIT_NONE, AUDIT_NONE)
                   : -1;
}

/* --- rows by themselves ------------------------------------------------------------------------------------------- */

typedef struct {
    const audit_set_t *set;
    const audit_spec_t *spec;
    int64_t *room; // for the longest suffix
} rows_t;

/* 1 when row i is found guilty: *a and *b explain it. -1: error. */
typedef int (*row_check_t)(const rows_t *r, int64_t i, int64_t *a, int64_t *b);

static int suffix_in_context(const rows_t *r, int64_t i, int64_t *a, int64_t *b) {
    const int32_t *context = audit_context(r->set, i), *suffix = audit_suffix(r->set, i);
    int64_t k = r->set->row[i].context, s = r->set->row[i].suffix;
    *b = 0;
    for (int64_t at = 0; at + s <= k; at++) {
        *a = at;
        if (context[at] == suffix[0] && memcmp(context + at, suffix, (size_t)s * sizeof *suffix) == 0) return 1;
    }
    return 0;
}

static int suffix_is_one_token(const rows_t *r, int64_t i, int64_t *a, int64_t *b) {
    *a = audit_suffix(r->set, i)[0];
    *b = r->set->row[i].suffix;
    return audit_period(audit_suffix(r->set, i), *b, r->room) == 1;
}

static int suffix_repeats(const rows_t *r, int64_t i, int64_t *a, int64_t *b) {
    *b = r->set->row[i].suffix;
    *a = audit_period(audit_suffix(r->set, i), *b, r->room);
    return *a > 1;
}

static int suffix_counts(const rows_t *r, int64_t i, int64_t *a, int64_t *b) {
    const int32_t *suffix = audit_suffix(r->set, i);
    int64_t n = r->set->row[i].suffix;
    if (audit_period(suffix, n, r->room) > 0) return 0;
    *b = 0;
    *a = audit_counts_ids(suffix, n, r->room);
    if (*a != 0 || !r->spec->tokenizer) return *a != 0;
    char *text = NULL;
    size_t bytes;
    if (tokenizer_decode_inside(r->spec->tokenizer, suffix, n, &text, &bytes) != 0)
        return err_context("probe %lld", (long long)i);
    int64_t numbers = audit_counts_text(text, bytes, a);
    mem_free(text);
    return numbers > 0 ? 1 : (int)numbers;
}

static int holds_end(const rows_t *r, int64_t i, int64_t *a, int64_t *b) {
    const int32_t *token = audit_context(r->set, i);
    *b = audit_length(r->set, i);
    for (*a = 0; *a < *b; ++*a)
        if (token[*a] == r->spec->end) return 1;
    return 0;
}

static int check_rows(const rows_t *r, audit_t *audit, const char *check, const char *format, row_check_t guilty) {
    int64_t probes = 0, a = 0, b = 0;
    for (int64_t i = 0; i < audit->n; i++) {
        int found = guilty(r, i, &a, &b);
        if (found < 0) return -1;
        probes += found;
        if (found) TRY(audit_add_flag(audit, i, check, format, a, b));
    }
    return audit_add_line(audit, check, AUDIT_NONE, probes, audit->n, AUDIT_NONE, AUDIT_NONE);
}

static int check_each(const audit_set_t *set, const audit_spec_t *spec, audit_t *a) {
    int64_t longest = 1;
    for (int64_t i = 0; i < set->n; i++) longest = set->row[i].suffix > longest ? set->row[i].suffix : longest;
    rows_t r = {set, spec, mem_new(longest, sizeof *r.room, "audit of probes")};
    int rc = r.room ? 0 : -1;
    if (rc == 0) rc = check_rows(&r, a, "suffix_in_context", "stands at token %lld of the context", suffix_in_context);
    if (rc == 0) rc = check_rows(&r, a, "suffix_one_token", "token %lld, %lld times", suffix_is_one_token);
    if (rc == 0) rc = check_rows(&r, a, "suffix_repeats", "a block of %lld tokens fills its %lld", suffix_repeats);
    if (rc == 0) rc = check_rows(&r, a, "suffix_counts", "rises by steps of %lld", suffix_counts);
    if (rc == 0 && spec->end >= 0)
        rc = check_rows(&r, a, "across_documents", "token %lld of %lld ends a document", holds_end);
    mem_free(r.room);
    return rc;
}

/* --- the whole ---------------------------------------------------------------------------------------------------- */

static int make(const audit_set_t *set, const audit_spec_t *spec, audit_t *a) {
    int64_t **group[] = {&a->same, &a->same_context, &a->same_suffix, &a->cluster};
    a->n = set->n;
    a->first_id = set->first_id;
    for (int k = 0; k < 4; k++)
        if (!(*group[k] = mem_new(a->n, sizeof **group[k], "audit of probes"))) return -1;
    TRY(audit_group_equal(set, AUDIT_WHOLE, a->same));
    TRY(audit_group_equal(set, AUDIT_CONTEXT, a->same_context));
    TRY(audit_group_equal(set, AUDIT_SUFFIX, a->same_suffix));
    TRY(audit_group_near(set, spec->near, a->same, a->cluster));
    TRY(check_copies(a));
    TRY(add_distinct(a, "clusters", a->cluster));
    TRY(check_groups(a, "near_probes", spec->near, a->cluster, NULL));
    TRY(check_overlaps(set, a));
    TRY(check_each(set, spec, a));
    TRY(check_controls(set, a));
    return check_split(a, spec->split);
}

int audit_make(const audit_set_t *set, const audit_spec_t *spec, audit_t *audit) {
    *audit = (audit_t){0};
    if (spec->split < 0 || spec->split >= set->n)
        return err_set("a split of %lld: the set has %lld probes, and some must be left to compare with",
                       (long long)spec->split, (long long)set->n);
    if (make(set, spec, audit) == 0) return 0;
    audit_free(audit);
    return -1;
}

void audit_free(audit_t *audit) {
    mem_free(audit->line);
    mem_free(audit->flag);
    mem_free(audit->same);
    mem_free(audit->same_context);
    mem_free(audit->same_suffix);
    mem_free(audit->cluster);
    *audit = (audit_t){0};
}

double audit_effective(const audit_t *audit) {
    int64_t *size = count_groups(audit->cluster, audit->n);
    double squares = 0;
    for (int64_t i = 0; i < audit->n && size; i++) squares += (double)size[i] * (double)size[i];
    mem_free(size);
    return squares > 0 ? (double)audit->n * (double)audit->n / squares : 0;
}

/* --- what a corpus says ------------------------------------------------------------------------------------------- */

static int check_continuations(audit_t *a, const int64_t *context, const int64_t *whole) {
    int64_t probes = 0;
    for (int64_t i = 0; i < a->n; i++) {
        if (context[i] == whole[i]) continue;
        probes++;
        TRY(audit_add_flag(a, i, "context_with_several_continuations", "stands %lld times, %lld with this suffix",
                           context[i], whole[i]));
    }
    return audit_add_line(a, "context_with_several_continuations", AUDIT_NONE, probes, a->n, AUDIT_NONE, AUDIT_NONE);
}

/* Members that the corpus lacks, or controls that it has. */
static int check_membership(const audit_set_t *set, audit_t *a, const int64_t *whole, int controls) {
    const char *check = controls ? "control_in_corpus" : "member_not_in_corpus";
    int64_t probes = 0, of = 0;
    for (int64_t i = 0; i < a->n; i++) {
        if (controls != (set->row[i].is_member == 0)) continue;
        of++;
        if (controls == (whole[i] == 0)) continue;
        probes++;
        TRY(audit_add_flag(a, i, check, "stands %lld times", whole[i], 0));
    }
    return of > 0 ? audit_add_line(a, check, AUDIT_NONE, probes, of, AUDIT_NONE, AUDIT_NONE) : 0;
}

int audit_ask_corpus(const audit_set_t *set, suffix_t *index, tokens_t *corpus, audit_t *audit) {
    suffix_query_t *query = mem_new(2 * set->n, sizeof *query, "audit of probes");
    int64_t *count = mem_new(2 * set->n, sizeof *count, "audit of probes");
    int rc = par_agree(query && count ? 0 : -1);
    for (int64_t i = 0; i < set->n && rc == 0; i++) {
        query[i] = (suffix_query_t){audit_context(set, i), set->row[i].context};
        query[set->n + i] = (suffix_query_t){audit_context(set, i), audit_length(set, i)};
    }
    if (rc == 0) rc = lookup_count(index, corpus, query, 2 * set->n, count, NULL);
    if (rc == 0 && audit) {
        rc = check_continuations(audit, count, count + set->n);
        if (rc == 0) rc = check_membership(set, audit, count + set->n, 0);
        if (rc == 0) rc = check_membership(set, audit, count + set->n, 1);
    }
    mem_free(query);
    mem_free(count);
    return par_agree(rc);
}
