/* near.csv and near_sizes.csv; see near.h. Similarities are dealt to the ranks, rows are written by rank 0. */
#include "base/csv.h"
#include "base/err.h"
#include "base/mem.h"
#include "index/near_private.h"
#include "par/par.h"
#include <stdlib.h>
#include <string.h>

struct near_tables {
    csv_out_t *rows, *sizes;
    int64_t next_cluster;
};

int near_tables_open(const char *dir, near_tables_t **result) {
    near_tables_t *t = mem_new(1, sizeof *t, "tables of near-duplicates");
    char *rows = mem_printf("%s/near.csv", dir), *sizes = mem_printf("%s/near_sizes.csv", dir);
    int rc = t && rows && sizes ? 0 : -1;
    if (rc == 0) rc = csv_open(rows, "unit,cluster,size,doc_id,source,offset,tokens,bucket,similarity", &t->rows);
    if (rc == 0) rc = csv_open(sizes, "unit,bucket,size_lo,size_hi,clusters,items,once", &t->sizes);
    mem_free(rows);
    mem_free(sizes);
    *result = t;
    if (rc == 0) return 0;
    *result = NULL;
    return t ? near_tables_close(t, -1) : -1;
}

int near_tables_close(near_tables_t *t, int rc) {
    if (rc == 0) {
        rc = csv_commit(t->rows);
        t->rows = NULL;
        if (rc == 0) {
            rc = csv_commit(t->sizes);
            t->sizes = NULL;
        }
    }
    csv_abort(t->rows);
    csv_abort(t->sizes);
    mem_free(t);
    return rc;
}

static int by_cluster(const void *a, const void *b) {
    const near_member_t *x = a, *y = b;
    if (x->label != y->label) return x->label < y->label ? -1 : 1;
    return (x->position > y->position) - (x->position < y->position);
}

/* A member beside the first of its cluster. */
typedef struct {
    int64_t common, either; // shingles in both sets, and in one of them or both
    hash_t content;         // of its tokens
} likeness_t;

static int compare_member(near_reader_t *reader, near_member_t member, near_set_t *set, likeness_t *likeness) {
    const near_set_t *first;
    int64_t n = near_tokens(reader, member.position);
    int32_t *ids = mem_new(n, sizeof *ids, "tokens of an item");
    int rc = ids ? tokens_read(reader->corpus, member.position, n, ids) : -1;
    if (rc == 0) likeness->content = hash_bytes(ids, (size_t)n * sizeof *ids, 0);
    mem_free(ids);
    if (rc == 0) rc = near_set_read(reader, member.position, set);
    if (rc == 0) rc = near_set_of(reader, member.label, &first);
    if (rc != 0) return -1;
    likeness->common = near_common(first, set);
    likeness->either = first->n + set->n - likeness->common;
    return par_go_on();
}

/* Collective: (n) on every rank. */
static int compare_members(near_reader_t *reader, const near_member_t *member, int64_t n, likeness_t **likeness) {
    int64_t first, last, total;
    near_set_t set = {0};
    void *all = NULL;
    par_share(n, &first, &last);
    likeness_t *mine = mem_new(last - first, sizeof *mine, "similarities");
    int rc = mine ? 0 : -1;
    for (int64_t i = first; rc == 0 && i < last; i++) rc = compare_member(reader, member[i], &set, &mine[i - first]);
    near_set_free(&set);
    rc = par_agree(rc);
    if (rc == 0) rc = par_gather_all(mine, last - first, sizeof *mine, &all, &total);
    mem_free(mine);
    *likeness = all;
    return rc;
}

typedef struct {
    int64_t clusters[CENSUS_BUCKETS], items[CENSUS_BUCKETS], once[CENSUS_BUCKETS];
} sizes_t;

typedef struct {
    hash_t content;
    int64_t index;
} content_t;

static int by_content(const void *a, const void *b) {
    const content_t *x = a, *y = b;
    int order = hash_compare(x->content, y->content);
    return order != 0 ? order : (x->index > y->index) - (x->index < y->index);
}

/* copies (n): how many members of a cluster have the very tokens of each. Documents of the same tokens have the same
 * set of shingles, so all of them are here. */
static int count_copies(const likeness_t *likeness, int64_t n, int64_t *copies) {
    content_t *sorted = mem_new(n, sizeof *sorted, "copies of documents");
    if (!sorted) return -1;
    for (int64_t i = 0; i < n; i++) sorted[i] = (content_t){likeness[i].content, i};
    qsort(sorted, (size_t)n, sizeof *sorted, by_content);
    for (int64_t i = 0, end; i < n; i = end) {
        for (end = i + 1; end < n && hash_compare(sorted[end].content, sorted[i].content) == 0;) end++;
        for (int64_t k = i; k < end; k++) copies[sorted[k].index] = end - i;
    }
    mem_free(sorted);
    return 0;
}

/* Rank 0: the rows of one cluster. */
static int put_cluster(near_tables_t *t, near_reader_t *reader, const near_member_t *member, const likeness_t *likeness,
                       int64_t n, const levels_t *levels, sizes_t *sizes) {
    int32_t size_bucket = census_bucket(n);
    int64_t *copies = mem_new(n, sizeof *copies, "copies of documents");
    int rc = copies ? 0 : -1;
    if (rc == 0 && reader->window == 0) rc = count_copies(likeness, n, copies);
    for (int64_t i = 0; rc == 0 && i < n; i++) {
        token_document_t d = tokens_document(reader->corpus, tokens_document_at(reader->corpus, member[i].position));
        uint8_t level = 0;
        if (reader->window > 0) rc = levels_read(levels, member[i].position, 1, &level);
        int32_t bucket = reader->window == 0 ? census_bucket(copies[i]) : level > 0 ? level - 1 : 0;
        csv_text(t->rows, reader->window > 0 ? "window" : "document");
        csv_i64(t->rows, t->next_cluster);
        csv_i64(t->rows, n);
        csv_text(t->rows, d.id);
        csv_text(t->rows, d.source);
        csv_i64(t->rows, member[i].position - d.first);
        csv_i64(t->rows, near_tokens(reader, member[i].position));
        csv_i64(t->rows, bucket);
        csv_stat(t->rows, (double)likeness[i].common / (double)likeness[i].either);
        csv_end(t->rows);
        sizes->once[size_bucket] += bucket == 0;
    }
    sizes->clusters[size_bucket]++;
    sizes->items[size_bucket] += n;
    t->next_cluster++;
    mem_free(copies);
    return rc;
}

static void put_sizes(near_tables_t *t, const char *unit, const sizes_t *sizes) {
    for (int32_t b = 0; b < CENSUS_BUCKETS; b++) {
        int64_t low, high;
        if (sizes->items[b] == 0) continue;
        census_bucket_range(b, &low, &high);
        csv_text(t->sizes, unit);
        csv_i64(t->sizes, b);
        csv_i64(t->sizes, low);
        csv_i64(t->sizes, high);
        csv_i64(t->sizes, sizes->clusters[b]);
        csv_i64(t->sizes, sizes->items[b]);
        csv_i64(t->sizes, sizes->once[b]);
        csv_end(t->sizes);
    }
}

/* Rank 0. all[2]: items of all ranks, and windows that are there exactly once. */
static int put_unit(near_tables_t *t, near_reader_t *reader, const near_member_t *member, const likeness_t *likeness,
                    int64_t n, const int64_t all[2], const levels_t *levels) {
    sizes_t sizes = {0};
    int64_t once = 0;
    t->next_cluster = 0;
    for (int64_t i = 0, end; i < n; i = end) {
        for (end = i + 1; end < n && member[end].label == member[i].label;) end++;
        TRY(put_cluster(t, reader, member + i, likeness + i, end - i, levels, &sizes));
    }
    for (int32_t b = 0; b < CENSUS_BUCKETS; b++) once += sizes.once[b];
    sizes.clusters[0] = sizes.items[0] = all[0] - n;
    sizes.once[0] = reader->window > 0 ? all[1] - once : all[0] - n; // a document with an exact copy is in a cluster
    put_sizes(t, reader->window > 0 ? "window" : "document", &sizes);
    return 0;
}

int near_tables_add(near_tables_t *t, near_reader_t *reader, const near_clusters_t *clusters, int64_t items,
                    int64_t once, const levels_t *levels) {
    int64_t all[2] = {items, once}, n = clusters->n;
    likeness_t *likeness = NULL;
    near_member_t *member = mem_new(n, sizeof *member, "members of clusters");
    par_sum_i64(all, 2);
    int rc = par_agree(member ? 0 : -1);
    if (rc == 0) {
        memcpy(member, clusters->member, (size_t)n * sizeof *member);
        qsort(member, (size_t)n, sizeof *member, by_cluster);
        rc = compare_members(reader, member, n, &likeness);
    }
    if (rc == 0) rc = par_agree(t ? put_unit(t, reader, member, likeness, n, all, levels) : 0);
    mem_free(member);
    mem_free(likeness);
    return rc;
}
