/* The search for near-duplicates; see near.h. Each rank makes the sets and signatures of the items in its documents. In
 * round 0 items with the very same set find each other by its hash, and only the first of them goes on; then there is a
 * round a band. In a round, items go to the rank that owns their key, which judges the pairs of items with one key that
 * no earlier round has connected, and keeps those that are alike; then all ranks join their clusters by all pairs. What
 * is connected in the end are the pairs that are candidates and alike, whoever judged them, and in whatever order. */
#include "index/near.h"
#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "index/duplicates_private.h"
#include "index/near_private.h"
#include "par/par.h"
#include <stdlib.h>
#include <string.h>

typedef struct {
    uint64_t key;
    int64_t position, shingles; // shingles: size of its set
} item_t;

typedef struct {
    const near_t *spec;
    near_reader_t *reader;
    int32_t bands, rows;
    int64_t n, capacity, key_capacity;
    item_t *item;   // of this rank, by position; key: hash of the set
    uint64_t *keys; // (n, bands)
    int64_t once;   // windows that are there exactly once
    near_clusters_t clusters;
    near_edge_t *edge; // that this rank found in the round
    int64_t edges, edge_capacity;
    near_set_t row;
    progress_t progress;
    int64_t done;
} search_t;

/* --- items
 * ------------------------------------------------------------------------------------------------------------ */

static int add_item(search_t *s, int64_t position) {
    near_set_t *set = &s->row;
    TRY(par_go_on());
    TRY(near_set_read(s->reader, position, set));
    TRY(mem_grow(&s->item, &s->capacity, s->n + 1, sizeof *s->item, "items"));
    TRY(mem_grow(&s->keys, &s->key_capacity, (s->n + 1) * s->bands, sizeof *s->keys, "keys of items"));
    near_signature(set, s->bands, s->rows, s->keys + s->n * s->bands);
    s->item[s->n++] = (item_t){hash_bytes(set->shingle, (size_t)set->n * sizeof *set->shingle, 0).lo, position, set->n};
    s->done += near_tokens(s->reader, position);
    progress_update(&s->progress, s->done);
    return 0;
}

static int add_document(search_t *s, int64_t document, const levels_t *levels) {
    token_document_t d = tokens_document(s->reader->corpus, document);
    int64_t window = s->reader->window;
    if (window == 0) return d.length >= s->reader->shingle ? add_item(s, d.first) : 0;
    for (int64_t from = 0; from + window <= d.length; from += window) {
        uint8_t level;
        TRY(levels_read(levels, d.first + from, 1, &level));
        s->once += level <= 1;
        TRY(add_item(s, d.first + from));
    }
    return 0;
}

static int add_items(search_t *s, const levels_t *levels) {
    int64_t first, last, from, to;
    int rc = 0;
    windows_share(s->reader->corpus, &first, &last);
    par_share(tokens_count(s->reader->corpus), &from, &to);
    progress_start(&s->progress, s->reader->window ? "signatures of windows" : "signatures of documents", to - from,
                   "tokens");
    for (int64_t d = first; rc == 0 && d < last; d++) rc = add_document(s, d, levels);
    if (rc == 0) progress_end(&s->progress);
    return par_agree(rc);
}

/* --- a round
 * ------------------------------------------------------------------------------------------------------------ */

static int by_key(const void *a, const void *b) {
    const item_t *x = a, *y = b;
    if (x->key != y->key) return x->key < y->key ? -1 : 1;
    return (x->position > y->position) - (x->position < y->position);
}

static int reaches(const search_t *s, int64_t common, int64_t either) {
    return (double)common >= s->spec->threshold * (double)either;
}

static int64_t root_of(const int64_t *parent, int64_t i) {
    while (parent[i] != i) i = parent[i];
    return i;
}

/* Items of one key: pairs that are not connected yet. parent, label: (n) each, room for this. */
static int judge_key(search_t *s, const item_t *item, int64_t n, int64_t *parent, int64_t *label) {
    for (int64_t i = 0; i < n; i++) {
        parent[i] = i;
        label[i] = near_label(&s->clusters, item[i].position);
        for (int64_t k = 0; k < i && parent[i] == i; k++)
            if (label[k] == label[i]) parent[i] = k;
    }
    for (int64_t i = 0; i + 1 < n; i++) {
        int is_read = 0;
        for (int64_t k = i + 1; k < n; k++) {
            const near_set_t *other;
            int64_t a = root_of(parent, i), b = root_of(parent, k), x = item[i].shingles, y = item[k].shingles;
            if (a == b || !reaches(s, x < y ? x : y, x < y ? y : x)) continue; // too unlike in size
            TRY(par_go_on());
            if (!is_read) TRY(near_set_read(s->reader, item[i].position, &s->row));
            is_read = 1;
            TRY(near_set_of(s->reader, item[k].position, &other));
            int64_t common = near_common(&s->row, other);
            if (!reaches(s, common, x + y - common)) continue;
            parent[a < b ? b : a] = a < b ? a : b;
            TRY(mem_grow(&s->edge, &s->edge_capacity, s->edges + 1, sizeof *s->edge, "pairs"));
            s->edge[s->edges++] = (near_edge_t){item[i].position, item[k].position};
        }
    }
    return 0;
}

static int judge_all(search_t *s, item_t *item, int64_t n) {
    int64_t *parent = mem_new(2 * n, sizeof *parent, "pairs");
    int rc = parent ? 0 : -1;
    qsort(item, (size_t)n, sizeof *item, by_key);
    for (int64_t i = 0, end; rc == 0 && i < n; i = end) {
        for (end = i + 1; end < n && item[end].key == item[i].key;) end++;
        if (end - i > 1) rc = judge_key(s, item + i, end - i, parent, parent + n);
    }
    mem_free(parent);
    return rc;
}

static int owner_of(const item_t *item) {
    return (int)windows_part(hash_mix(item->key), (uint64_t)par_size());
}

/* Items with their keys of the round, in order of the owners. band -1: the hash of the set. */
static int pack(const search_t *s, int32_t band, item_t *out, int64_t *count) {
    int64_t *next = mem_new(par_size(), sizeof *next, "counts of an exchange"), sum = 0;
    if (!next) return -1;
    for (int pass = 0; pass < 2; pass++) {
        for (int64_t i = 0; i < s->n; i++) {
            item_t item = s->item[i];
            if (band >= 0) item.key = s->keys[i * s->bands + band];
            int owner = owner_of(&item);
            if (pass == 0)
                count[owner]++;
            else
                out[next[owner]++] = item;
        }
        for (int r = 0; pass == 0 && r < par_size(); r++) {
            next[r] = sum;
            sum += count[r];
        }
    }
    mem_free(next);
    return 0;
}

/* Collective. */
static int run_round(search_t *s, int32_t band) {
    item_t *sent = mem_new(s->n, sizeof *sent, "items of an exchange");
    int64_t *count = mem_new(par_size(), sizeof *count, "counts of an exchange"), total = 0;
    void *received = NULL, *edges = NULL;
    s->edges = 0;
    int rc = par_agree(sent && count ? pack(s, band, sent, count) : -1);
    if (rc == 0) rc = par_exchange(sent, count, sizeof *sent, &received, &total);
    if (rc == 0) rc = par_agree(judge_all(s, received, total));
    if (rc == 0) rc = par_gather_all(s->edge, s->edges, sizeof *s->edge, &edges, &total);
    if (rc == 0) rc = par_agree(near_join(&s->clusters, edges, total));
    mem_free(sent);
    mem_free(count);
    mem_free(received);
    mem_free(edges);
    return rc;
}

/* After round 0 clusters are items with one set: the first of each stands for all. */
static void drop_copies(search_t *s) {
    int64_t n = 0;
    for (int64_t i = 0; i < s->n; i++) {
        if (near_label(&s->clusters, s->item[i].position) != s->item[i].position) continue;
        s->item[n] = s->item[i];
        memmove(s->keys + n * s->bands, s->keys + i * s->bands, (size_t)s->bands * sizeof *s->keys);
        n++;
    }
    s->n = n;
}

static int run_rounds(search_t *s) {
    progress_start(&s->progress, s->reader->window ? "near-duplicate windows" : "near-duplicate documents",
                   s->bands + 1, "bands");
    TRY(run_round(s, -1));
    drop_copies(s);
    for (int32_t band = 0; band < s->bands; band++) {
        TRY(run_round(s, band));
        progress_update(&s->progress, band + 2);
    }
    progress_end(&s->progress);
    return 0;
}

/* Collective: one unit, documents (window 0) or windows. */
static int search_unit(const near_t *spec, tokens_t *corpus, int64_t window, const levels_t *levels,
                       near_tables_t *tables) {
    search_t s = {.spec = spec};
    near_choose(spec->threshold, &s.bands, &s.rows);
    int rc = par_agree(near_reader_create(corpus, spec->shingle, window, &s.reader));
    if (rc == 0) rc = add_items(&s, levels);
    int64_t items = s.n;
    if (rc == 0) rc = run_rounds(&s);
    if (rc == 0) rc = near_tables_add(tables, s.reader, &s.clusters, items, s.once, levels);
    near_reader_free(s.reader);
    near_clusters_free(&s.clusters);
    near_set_free(&s.row);
    mem_free(s.item);
    mem_free(s.keys);
    mem_free(s.edge);
    return rc;
}

int near_run(const near_t *spec, tokens_t *corpus, const char *dir) {
    near_tables_t *tables = NULL;
    levels_t levels;
    if (spec->window < spec->shingle)
        return err_set("shingles of %lld tokens do not fit into windows of %lld", (long long)spec->shingle,
                       (long long)spec->window);
    TRY(par_agree(levels_open_read(spec->levels, tokens_count(corpus), &levels)));
    int rc = par_agree(par_rank() == 0 ? near_tables_open(dir, &tables) : 0);
    if (rc == 0) rc = search_unit(spec, corpus, 0, &levels, tables);
    if (rc == 0) rc = search_unit(spec, corpus, spec->window, &levels, tables);
    if (tables) rc = near_tables_close(tables, rc);
    levels_close(&levels);
    return par_agree(rc);
}
