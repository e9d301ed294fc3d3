/* The probes of a list: windows named by document and offset, or by their tokens. Whatever stands in the member corpus
 * is a member, with its exact count; the rest is not. */
#include "base/csv.h"
#include "base/err.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/num.h"
#include "index/recount.h"
#include "index/sampler.h"
#include "index/token_rows.h"
#include "index/windows.h"
#include "par/par.h"
#include <stdlib.h>
#include <string.h>

/* A row of the list: where it stands, or -1 where it was given by tokens or found elsewhere. */
typedef struct {
    int64_t in_members, in_controls;
    int64_t offset, length; // as the list says; length 0: it does not
} place_t;

typedef struct {
    int64_t n;
    csv_t table;
    place_t *place;       // (n) NULL: rows of tokens
    int32_t *tokens;      // (n, length of the windows)
    hash_t *fingerprint;  // (n)
    int64_t *occurrences; // (n)
    int64_t *documents, *first;
    int64_t *same; // (n) the first row with the same window
} list_t;

static void list_free(list_t *list) {
    csv_free(&list->table);
    mem_free(list->place);
    mem_free(list->tokens);
    mem_free(list->fingerprint);
    mem_free(list->occurrences);
    mem_free(list->documents);
    mem_free(list->first);
    mem_free(list->same);
}

/* --- rows of tokens ----------------------------------------------------------------------------------------------- */

/* The last tokens of each row: the suffix is what is reproduced. */
static int take_tokens(const sample_t *spec, const token_rows_t *rows, int32_t vocab, list_t *list) {
    list->n = rows->n;
    list->tokens = mem_new(rows->n, (size_t)spec->length * sizeof *list->tokens, "tokens of probes");
    if (!list->tokens) return -1;
    for (int64_t i = 0; i < rows->n; i++) {
        int64_t length = rows->first[i + 1] - rows->first[i];
        const int32_t *last = rows->token + rows->first[i + 1] - spec->length;
        if (length < spec->length)
            return err_set("probe %lld has %lld tokens, the longest context and the suffix together need %lld",
                           (long long)i, (long long)length, (long long)spec->length);
        if (rows->suffix[i] > 0 && rows->suffix[i] != spec->suffix)
            return err_set("probe %lld has a suffix of %lld tokens, [probe] suffix says %lld", (long long)i,
                           (long long)rows->suffix[i], (long long)spec->suffix);
        for (int64_t k = 0; k < spec->length; k++)
            if (last[k] >= vocab)
                return err_set(
                    "probe %lld holds token %d, the corpus has a vocabulary of %d: another tokenizer made it",
                    (long long)i, (int)last[k], (int)vocab);
        memcpy(list->tokens + i * spec->length, last, (size_t)spec->length * sizeof *last);
    }
    return 0;
}

/* --- rows of documents and offsets -------------------------------------------------------------------------------- */

static int read_number(const list_t *list, int64_t row, int32_t column, int64_t least, int64_t *value) {
    if (num_parse_i64(csv_at(&list->table, row, column), value) != 0 || *value < least)
        return err_set("row %lld, %s: \"%s\" is no number from %lld", (long long)row + 1, list->table.name[column],
                       csv_at(&list->table, row, column), (long long)least);
    return 0;
}

static int read_places(const sample_t *spec, int32_t offset, list_t *list) {
    int32_t length = token_rows_column(&list->table, "length");
    list->n = list->table.rows;
    if (list->n == 0) return err_set("holds no probe");
    list->place = mem_new(list->n, sizeof *list->place, "places of probes");
    if (!list->place) return -1;
    for (int64_t i = 0; i < list->n; i++) {
        place_t *p = &list->place[i];
        TRY(read_number(list, i, offset, 0, &p->offset));
        if (length >= 0) TRY(read_number(list, i, length, 1, &p->length));
        if (length >= 0 && p->length < spec->length)
            return err_set("probe %lld has %lld tokens, the longest context and the suffix together need %lld",
                           (long long)i, (long long)p->length, (long long)spec->length);
        if (length >= 0 && __builtin_add_overflow(p->offset, p->length - spec->length, &p->offset))
            return err_set("row %lld: an offset beyond all documents", (long long)i + 1);
    }
    return 0;
}

/* Local. */
static int read_list(const sample_t *spec, int32_t vocab, list_t *list) {
    token_rows_t rows = {0};
    int rc;
    if (spec->paths == 2 || token_rows_is_npy(spec->path[0])) {
        rc = token_rows_read_npy(spec->path, spec->paths, &rows);
    } else {
        TRY(csv_read(spec->path[0], &list->table));
        int32_t offset = token_rows_column(&list->table, "offset");
        if (offset >= 0 && token_rows_column(&list->table, "doc_id") >= 0) return read_places(spec, offset, list);
        rc = token_rows_read_table(&list->table, NULL, &rows);
        if (rc != 0 && rows.n == 0) rc = err_context("no columns doc_id and offset");
    }
    if (rc == 0) rc = take_tokens(spec, &rows, vocab, list);
    token_rows_free(&rows);
    return rc;
}

/* --- documents by their id ---------------------------------------------------------------------------------------- */

typedef struct {
    hash_t hash;
    const char *id;
} wanted_t;

static int by_hash(const void *a, const void *b) {
    const wanted_t *x = a, *y = b;
    int order = hash_compare(x->hash, y->hash);
    return order != 0 ? order : strcmp(x->id, y->id);
}

/* Collective. For each of n distinct ids, in order: the first document that has it and how many have. */
static int find_documents(tokens_t *corpus, const wanted_t *wanted, int64_t n, int64_t *document, int64_t *count) {
    int64_t from, to;
    par_share(tokens_documents(corpus), &from, &to);
    for (int64_t i = 0; i < n; i++) {
        document[i] = INT64_MAX;
        count[i] = 0;
    }
    for (int64_t d = from; d < to; d++) {
        wanted_t key = {.id = tokens_document(corpus, d).id};
        key.hash = hash_text(key.id);
        const wanted_t *found = bsearch(&key, wanted, (size_t)n, sizeof *wanted, by_hash);
        if (found && count[found - wanted]++ == 0) document[found - wanted] = d;
    }
    par_min_i64(document, n);
    par_sum_i64(count, n);
    return 0;
}

static int distinct_ids(const list_t *list, int32_t column, wanted_t *wanted, int64_t *n) {
    int64_t kept = 0;
    for (int64_t i = 0; i < list->n; i++) {
        const char *id = csv_at(&list->table, i, column);
        wanted[i] = (wanted_t){hash_text(id), id};
    }
    qsort(wanted, (size_t)list->n, sizeof *wanted, by_hash);
    for (int64_t i = 0; i < list->n; i++)
        if (kept == 0 || by_hash(&wanted[kept - 1], &wanted[i]) != 0) wanted[kept++] = wanted[i];
    *n = kept;
    return 0;
}

/* Position of a row's window in the document that has its id; *position stays -1 where no document has. */
static int locate(const list_t *list, int64_t i, tokens_t *corpus, int64_t length, int64_t document, int64_t count,
                  int64_t *position) {
    const char *id = csv_at(&list->table, i, token_rows_column(&list->table, "doc_id"));
    if (count == 0) return 0;
    if (count > 1)
        return err_set("row %lld: %lld documents have the id \"%s\": give the tokens of the probe instead",
                       (long long)i + 1, (long long)count, id);
    const token_document_t d = tokens_document(corpus, document);
    if (d.length < length || list->place[i].offset > d.length - length)
        return err_set("row %lld: document \"%s\" has %lld tokens: no window of %lld begins at %lld", (long long)i + 1,
                       id, (long long)d.length, (long long)length, (long long)list->place[i].offset);
    *position = d.first + list->place[i].offset;
    return 0;
}

/* Collective. Places of all rows, in the members or else in the controls. */
static int locate_all(const sample_t *spec, tokens_t *members, tokens_t *controls, list_t *list) {
    wanted_t *wanted = mem_new(list->n, sizeof *wanted, "documents of probes");
    int64_t *found = mem_new(4 * list->n, sizeof *found, "documents of probes"), n = 0;
    int32_t column = token_rows_column(&list->table, "doc_id");
    int rc = par_agree(wanted && found ? distinct_ids(list, column, wanted, &n) : -1);
    int64_t *document[2] = {found, found + 2 * n}, *count[2] = {found + n, found + 3 * n};
    if (rc == 0) rc = find_documents(members, wanted, n, document[0], count[0]);
    if (rc == 0) rc = find_documents(controls, wanted, n, document[1], count[1]);
    for (int64_t i = 0; i < list->n && rc == 0; i++) {
        place_t *p = &list->place[i];
        wanted_t key = {.id = csv_at(&list->table, i, column)};
        key.hash = hash_text(key.id);
        int64_t k = (const wanted_t *)bsearch(&key, wanted, (size_t)n, sizeof *wanted, by_hash) - wanted;
        p->in_members = p->in_controls = -1;
        if (count[0][k] > 0 && count[1][k] > 0)
            rc = err_set(
                "row %lld: a document of the corpus and one of the controls have the id \"%s\": give the tokens "
                "of the probe instead",
                (long long)i + 1, key.id);
        if (rc == 0) rc = locate(list, i, members, spec->length, document[0][k], count[0][k], &p->in_members);
        if (rc == 0 && p->in_members < 0)
            rc = locate(list, i, controls, spec->length, document[1][k], count[1][k], &p->in_controls);
        if (rc == 0 && p->in_members < 0 && p->in_controls < 0)
            rc = err_set("row %lld: the corpus has no document \"%s\"", (long long)i + 1, key.id);
    }
    mem_free(wanted);
    mem_free(found);
    return rc;
}

/* Collective. Tokens of the rows that stand in one of the corpora. */
static int fetch_from(tokens_t *corpus, int64_t length, int in_members, list_t *list) {
    int64_t *position = mem_new(list->n, sizeof *position, "places of probes"), n = 0;
    int32_t *tokens = NULL;
    int rc = par_agree(position ? 0 : -1);
    for (int64_t i = 0; i < list->n && rc == 0; i++) {
        int64_t at = in_members ? list->place[i].in_members : list->place[i].in_controls;
        if (at >= 0) position[n++] = at;
    }
    if (rc == 0) rc = recount_fetch(corpus, length, position, n, &tokens);
    for (int64_t i = 0, k = 0; i < list->n && rc == 0; i++) {
        if ((in_members ? list->place[i].in_members : list->place[i].in_controls) < 0) continue;
        memcpy(list->tokens + i * length, tokens + k++ * length, (size_t)length * sizeof *tokens);
    }
    mem_free(tokens);
    mem_free(position);
    return rc;
}

static int fetch_places(const sample_t *spec, tokens_t *members, tokens_t *controls, list_t *list) {
    TRY(locate_all(spec, members, controls, list));
    list->tokens = mem_new(list->n, (size_t)spec->length * sizeof *list->tokens, "tokens of probes");
    TRY(par_agree(list->tokens ? 0 : -1));
    TRY(fetch_from(members, spec->length, 1, list));
    return fetch_from(controls, spec->length, 0, list);
}

/* --- members and others ------------------------------------------------------------------------------------------- */

typedef struct {
    hash_t fingerprint;
    int64_t row;
} known_row_t;

static int by_window(const void *a, const void *b) {
    const known_row_t *x = a, *y = b;
    int order = hash_compare(x->fingerprint, y->fingerprint);
    return order != 0 ? order : (x->row > y->row) - (x->row < y->row);
}

/* same[i]: the first of the rows with the window of row i. */
static int find_equal_rows(const list_t *list, int64_t *same) {
    known_row_t *known = mem_new(list->n, sizeof *known, "probes");
    if (!known) return -1;
    for (int64_t i = 0; i < list->n; i++) known[i] = (known_row_t){list->fingerprint[i], i};
    qsort(known, (size_t)list->n, sizeof *known, by_window);
    for (int64_t i = 0; i < list->n; i++) {
        int equal = i > 0 && hash_compare(known[i - 1].fingerprint, known[i].fingerprint) == 0;
        same[known[i].row] = equal ? same[known[i - 1].row] : known[i].row;
    }
    mem_free(known);
    return 0;
}

/* Collective. */
static int count_rows(const sample_t *spec, tokens_t *members, list_t *list) {
    list->fingerprint = mem_new(list->n, sizeof *list->fingerprint, "counts of probes");
    list->occurrences = mem_new(list->n, sizeof *list->occurrences, "counts of probes");
    list->documents = mem_new(list->n, sizeof *list->documents, "counts of probes");
    list->first = mem_new(list->n, sizeof *list->first, "counts of probes");
    list->same = mem_new(list->n, sizeof *list->same, "counts of probes");
    TRY(par_agree(list->fingerprint && list->occurrences && list->documents && list->first && list->same ? 0 : -1));
    for (int64_t i = 0; i < list->n; i++)
        list->fingerprint[i] = windows_fingerprint(spec->length, list->tokens + i * spec->length);
    TRY(par_agree(find_equal_rows(list, list->same)));
    return recount_located(members, spec->length, list->fingerprint, list->tokens, list->n, list->occurrences,
                           list->documents, list->first);
}

static pick_t make_pick(const list_t *list, int64_t i) {
    const place_t *p = list->place ? &list->place[i] : NULL;
    pick_t pick = {.place = i, .row = i, .same = list->same[i], .pair = -1};
    pick.candidate.window.fingerprint = list->fingerprint[i];
    if (list->occurrences[i] == 0) {
        pick.candidate.window.first = p ? p->in_controls : -1;
        return pick;
    }
    pick.candidate.window.first = p && p->in_members >= 0 ? p->in_members : list->first[i];
    pick.duplicates = list->occurrences[i];
    pick.documents = list->documents[i];
    pick.bucket = census_bucket(pick.duplicates);
    return pick;
}

/* Rows that occur, or those that do not, with their tokens. */
static int take_rows(const sample_t *spec, const list_t *list, int occur, picks_t *picks) {
    int64_t n = 0;
    for (int64_t i = 0; i < list->n; i++) n += (list->occurrences[i] > 0) == occur;
    picks->pick = mem_new(n, sizeof *picks->pick, "probes");
    picks->tokens = mem_new(n, (size_t)spec->length * sizeof *picks->tokens, "probes");
    if (!picks->pick || !picks->tokens) return -1;
    for (int64_t i = 0; i < list->n; i++) {
        if ((list->occurrences[i] > 0) != occur) continue;
        picks->pick[picks->n] = make_pick(list, i);
        memcpy(picks->tokens + picks->n++ * spec->length, list->tokens + i * spec->length,
               (size_t)spec->length * sizeof *list->tokens);
    }
    return 0;
}

/* Rows that do not occur are the controls: they stand for the buckets of the members in turn. */
static void spread_over_buckets(const picks_t *member, picks_t *other) {
    for (int64_t i = 0; i < other->n; i++) other->pick[i].bucket = member->pick[i % member->n].bucket;
}

static int take_all(const sample_t *spec, const list_t *list, picks_t *member, picks_t *other) {
    TRY(take_rows(spec, list, 1, member));
    TRY(take_rows(spec, list, 0, other));
    if (member->n == 0)
        return err_set("none of its %lld windows of %lld tokens stands in the member corpus: was it made with another "
                       "tokenizer, or from held-out documents?",
                       (long long)list->n, (long long)spec->length);
    spread_over_buckets(member, other);
    return 0;
}

int sample_file(const sample_t *spec, tokens_t *members, tokens_t *controls, picks_t *member, picks_t *other) {
    list_t list = {0};
    int rc = par_agree(read_list(spec, tokens_vocab(members), &list));
    if (rc == 0 && list.place) rc = fetch_places(spec, members, controls, &list);
    if (rc == 0) rc = count_rows(spec, members, &list);
    if (rc == 0) rc = par_agree(take_all(spec, &list, member, other));
    list_free(&list);
    if (rc != 0) return err_context("%s", spec->path[0]);
    if (other->n > 0)
        log_info("%lld of the listed windows do not occur in the member corpus: they are the controls",
                 (long long)other->n);
    return 0;
}
