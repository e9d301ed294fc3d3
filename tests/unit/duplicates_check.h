/* The census of several lengths in the plainest way: all windows sorted by their tokens, every rule applied by its
 * definition, every token asked for all windows that hold it. Writes the tables as text, to compare with the files. */
#ifndef MEMPROBE_TEST_DUPLICATES_CHECK_H
#define MEMPROBE_TEST_DUPLICATES_CHECK_H
#include "base/csv.h"
#include "base/err.h"
#include "base/num.h"
#include "corpus_check.h"
#include "index/duplicates.h"
#include <stdarg.h>

enum { PLAIN_TEXT = 1 << 20 };
typedef struct {
    char buckets[PLAIN_TEXT], tops[PLAIN_TEXT]; // as duplicates.csv, and as top.csv without its last column
    uint8_t level[CORPUS_TOKENS];               // of the last length
} plain_tables_t;

typedef struct {
    int64_t count, first, occurrences, documents;
} plain_group_t;

static inline void plain_append(char *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
static inline void plain_append(char *text, const char *format, ...) {
    size_t n = strlen(text);
    va_list args;
    va_start(args, format);
    if (vsnprintf(text + n, PLAIN_TEXT - n, format, args) >= (int)(PLAIN_TEXT - n)) abort();
    va_end(args);
}

/* at[0 .. n - 1]: all places of one window, rising. */
static inline plain_group_t plain_group(const corpus_t *c, const duplicates_t *spec, int64_t length, const int64_t *at,
                                        int64_t n) {
    plain_group_t g = {0, at[0], 0, 0};
    int64_t taken = -1, document = -1;
    for (int64_t i = 0; i < n; i++) {
        int64_t d = corpus_document_at(c, at[i]);
        if (!spec->overlapping && d == document && at[i] < taken + length) continue;
        g.occurrences++;
        g.documents += d != document;
        document = d;
        taken = at[i];
    }
    g.count = spec->per_document ? g.documents : g.occurrences;
    return g;
}

static inline int plain_by_count(const void *a, const void *b) {
    const plain_group_t *x = a, *y = b;
    if (x->count != y->count) return x->count > y->count ? -1 : 1;
    return (x->first > y->first) - (x->first < y->first);
}

static inline void plain_list(const corpus_t *c, const duplicates_t *spec, int64_t length, plain_group_t *group,
                              int64_t n, plain_tables_t *t) {
    int64_t taken[64], rank = 0;
    qsort(group, (size_t)n, sizeof *group, plain_by_count);
    for (int64_t i = 0; i < n && rank < spec->top && group[i].count > 1; i++) {
        int free_place = 1;
        for (int64_t k = 0; k < rank; k++) free_place &= llabs(taken[k] - group[i].first) >= length;
        if (!free_place) continue;
        int64_t d = corpus_document_at(c, group[i].first);
        taken[rank++] = group[i].first;
        plain_append(t->tops, "%lld,%lld,%lld,%lld,%s,%s,%lld\n", (long long)length, (long long)rank,
                     (long long)group[i].occurrences, (long long)group[i].documents, c->name[d][0], c->name[d][1],
                     (long long)(group[i].first - c->first[d]));
    }
}

/* Tokens by bucket: the largest level of the windows that hold a token. */
static inline void plain_cover(const corpus_t *c, int64_t length, const uint8_t *level, int64_t tokens[256]) {
    memset(tokens, 0, 256 * sizeof *tokens);
    for (int64_t d = 0; d < c->documents; d++)
        for (int64_t i = 0; i < c->length[d] && c->length[d] >= length; i++) {
            int most = 0;
            for (int64_t w = i - length + 1 < 0 ? 0 : i - length + 1; w <= i && w + length <= c->length[d]; w++)
                if (level[c->first[d] + w] > most) most = level[c->first[d] + w];
            tokens[most > 0 ? most - 1 : 0]++;
        }
}

static inline void plain_one_length(const corpus_t *c, const duplicates_t *spec, int64_t length, plain_tables_t *t) {
    static int64_t at[CORPUS_TOKENS];
    static plain_group_t group[CORPUS_TOKENS];
    int64_t n = 0, groups = 0, distinct[256] = {0}, windows[256] = {0}, tokens[256], all = c->count - c->documents;
    memset(t->level, 0, sizeof t->level);
    for (int64_t d = 0; d < c->documents; d++)
        for (int64_t i = 0; i + length <= c->length[d]; i++) at[n++] = c->first[d] + i;
    plain_corpus = c;
    plain_length = length;
    qsort(at, (size_t)n, sizeof *at, plain_compare);
    for (int64_t i = 0, end; i < n; i = end) {
        for (end = i + 1; end < n && plain_compare_tokens(at[i], at[end]) == 0;) end++;
        plain_group_t g = plain_group(c, spec, length, at + i, end - i);
        int32_t bucket = census_bucket(g.count);
        distinct[bucket]++;
        windows[bucket] += g.count;
        for (int64_t k = i; end - i > 1 && k < end; k++) t->level[at[k]] = (uint8_t)(1 + bucket);
        group[groups++] = g;
    }
    plain_list(c, spec, length, group, groups, t);
    plain_cover(c, length, t->level, tokens);
    for (int32_t b = 0; b < 256; b++) {
        int64_t low, high, above = 0;
        char share[NUM_TEXT];
        if (distinct[b] == 0) continue;
        census_bucket_range(b, &low, &high);
        for (int32_t k = b; k < 256; k++) above += tokens[k];
        num_print_f64(share, num_round((double)above / (double)all, NUM_STAT_DIGITS));
        plain_append(t->buckets, "%lld,%d,%lld,%lld,%lld,%lld,%lld,%s\n", (long long)length, b, (long long)low,
                     (long long)high, (long long)distinct[b], (long long)windows[b], (long long)tokens[b], share);
    }
}

static inline void plain_duplicates(const corpus_t *c, const duplicates_t *spec, plain_tables_t *t) {
    strcpy(t->buckets, "length,bucket,dup_lo,dup_hi,distinct,windows,tokens,share\n");
    strcpy(t->tops, "length,rank,occurrences,documents,doc_id,source,offset\n");
    for (int32_t i = 0; i < spec->n; i++) plain_one_length(c, spec, spec->length[i], t);
}

static inline int plain_same_file(const char *path, const void *data, size_t bytes) {
    file_map_t map;
    if (file_map(path, &map) != 0) return 0;
    int same = map.size == bytes && memcmp(map.data, data, bytes) == 0;
    file_unmap(&map);
    return same;
}

/* The files of dir are these tables; returns what differs, or NULL. */
static inline const char *plain_differs(const corpus_t *c, const plain_tables_t *t, const char *dir) {
    static char text[PLAIN_TEXT], path[600];
    csv_t table;
    snprintf(path, sizeof path, "%s/duplicates.csv", dir);
    if (!plain_same_file(path, t->buckets, strlen(t->buckets))) return "duplicates.csv";
    snprintf(path, sizeof path, "%s/levels", dir);
    if (!plain_same_file(path, t->level, (size_t)c->count)) return "levels";
    snprintf(path, sizeof path, "%s/top.csv", dir);
    if (csv_read(path, &table) != 0) return err_text();
    *text = 0;
    for (int32_t k = 0; k < 7; k++) plain_append(text, "%s%s", table.name[k], k == 6 ? "\n" : ",");
    for (int64_t r = 0; r < table.rows; r++)
        for (int32_t k = 0; k < 7; k++) plain_append(text, "%s%s", csv_at(&table, r, k), k == 6 ? "\n" : ",");
    csv_free(&table);
    return strcmp(text, t->tops) == 0 ? NULL : "top.csv";
}

#endif
