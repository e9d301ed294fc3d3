/* The duplicate census. The fingerprints' range is cut into as many slices as keep the tables within the memory
 * setting; one round a slice:
 *   1. each rank passes over its documents and counts the windows of the slice in a table of its own (documents are not
 *      split between ranks, so "in how many documents" is exact there);
 *   2. entries go to the rank that owns their fingerprint, which adds them up;
 *   3. that rank visits the totals.
 * Sums and minima of integers: nothing depends on the number of ranks or slices. What travels is one entry a distinct
 * window and rank, so a corpus that says the same thing a billion times costs no more memory than one that says it
 * once. */
#include "index/census.h"
#include "base/csv.h"
#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "index/window_table.h"
#include "index/windows.h"
#include "par/par.h"
#include <string.h>

/* A window's share of a table at its emptiest (3/8 full), and an entry on its way to another rank. */
static const int64_t WINDOW_BYTES = (int64_t)sizeof(window_entry_t) * 8 / 3 + (int64_t)sizeof(census_window_t);
static const int64_t LEAST_MEMORY = 1 << 16;
enum { AHEAD = 16 }; // entries are fetched from memory so many windows before their turn

typedef struct {
    uint64_t round, rounds;
    window_table_t table;
    int32_t in_slice[WINDOWS_RUN]; // windows of the run at hand that belong to the slice
    progress_t progress;
    int64_t seen;
} slice_t;

static int count_run(void *user, const windows_run_t *run) {
    slice_t *s = user;
    int64_t n = 0;
    TRY(par_go_on());
    for (int64_t i = 0; i < run->count; i++) {
        s->in_slice[n] = (int32_t)i;
        n += windows_part(run->fingerprint[i].hi, s->rounds) == s->round;
    }
    TRY(window_table_reserve(&s->table, n));
    for (int64_t k = 0; k < n && k < AHEAD; k++) window_table_prefetch(&s->table, run->fingerprint[s->in_slice[k]]);
    for (int64_t k = 0; k < n; k++) {
        if (k + AHEAD < n) window_table_prefetch(&s->table, run->fingerprint[s->in_slice[k + AHEAD]]);
        int64_t i = s->in_slice[k];
        window_entry_t *e = window_table_find(&s->table, run->fingerprint[i]);
        if (e->window.occurrences++ == 0) e->window.first = run->position + i; // positions ascend
        e->window.documents += e->last_document != run->document;
        e->last_document = run->document;
    }
    s->seen += run->count;
    progress_update(&s->progress, s->seen);
    return 0;
}

static int owner_of(hash_t fingerprint) {
    return (int)windows_part(fingerprint.lo, (uint64_t)par_size());
}

/* The table's windows in order of their owner, and how many each owner gets. */
static int sort_by_owner(const window_table_t *table, int64_t *count, census_window_t **sorted) {
    census_window_t *out = mem_new(table->used, sizeof *out, "windows of an exchange");
    int64_t *next = mem_new(par_size(), sizeof *next, "counts of an exchange");
    if (out && next) {
        for (int64_t i = 0; i < table->slots; i++)
            if (table->entry[i].window.occurrences > 0) count[owner_of(table->entry[i].window.fingerprint)]++;
        for (int r = 1; r < par_size(); r++) next[r] = next[r - 1] + count[r - 1];
        for (int64_t i = 0; i < table->slots; i++) {
            const census_window_t *w = &table->entry[i].window;
            if (w->occurrences > 0) out[next[owner_of(w->fingerprint)]++] = *w;
        }
    }
    mem_free(next);
    *sorted = out;
    return out && next ? 0 : -1;
}

static int merge(const census_window_t *window, int64_t n, window_table_t *table) {
    TRY(window_table_create(n, table));
    for (int64_t i = 0; i < n; i++) {
        if (i + AHEAD < n) window_table_prefetch(table, window[i + AHEAD].fingerprint);
        window_entry_t *e = window_table_find(table, window[i].fingerprint);
        if (e->window.occurrences == 0 || window[i].first < e->window.first) e->window.first = window[i].first;
        e->window.occurrences += window[i].occurrences;
        e->window.documents += window[i].documents;
    }
    return 0;
}

/* Collective. The table of this rank's documents becomes the table of the fingerprints that this rank owns. */
static int exchange(window_table_t *table) {
    if (par_size() == 1) return 0;
    census_window_t *sorted = NULL;
    int64_t *count = mem_new(par_size(), sizeof *count, "counts of an exchange"), total = 0;
    void *received = NULL;
    int rc = par_agree(count ? sort_by_owner(table, count, &sorted) : -1);
    window_table_free(table);
    if (rc == 0) rc = par_exchange(sorted, count, sizeof *sorted, &received, &total);
    mem_free(sorted);
    mem_free(count);
    if (rc == 0) rc = par_agree(merge(received, total, table));
    mem_free(received);
    return rc;
}

static int visit_all(const window_table_t *table, census_visit_t visit, void *user, census_t *census) {
    for (int64_t i = 0; i < table->slots; i++) {
        const census_window_t *w = &table->entry[i].window;
        if (w->occurrences == 0) continue;
        int32_t bucket = census_bucket(w->occurrences);
        census->distinct[bucket]++;
        census->occurrences[bucket] += w->occurrences;
        census->windows += w->occurrences;
        if (visit) TRY(visit(user, w));
    }
    return 0;
}

/* Collective: the most windows that any rank has. */
static int64_t most_windows(int64_t windows) {
    int64_t negative = -windows;
    par_min_i64(&negative, 1);
    return -negative;
}

int census_run(tokens_t *corpus, int64_t length, int64_t memory, census_visit_t visit, void *user, census_t *census) {
    memset(census, 0, sizeof *census);
    census->length = length;
    if (length < 1) return err_set("windows of %lld tokens cannot be counted", (long long)length);
    int64_t windows = windows_count(corpus, length), most = most_windows(windows);
    if (memory < LEAST_MEMORY) memory = LEAST_MEMORY;
    int64_t a_round = memory / WINDOW_BYTES, rounds = most / a_round + 1;
    slice_t *slice = mem_new(1, sizeof *slice, "census");
    int rc = par_agree(slice ? 0 : -1);
    if (rc == 0) {
        slice->rounds = (uint64_t)rounds;
        progress_start(&slice->progress, "census", windows * rounds, "windows");
    }
    for (int64_t r = 0; r < rounds && rc == 0; r++) {
        slice->round = (uint64_t)r;
        rc = window_table_create(windows / rounds, &slice->table);
        if (rc == 0) rc = windows_scan(corpus, length, count_run, slice);
        rc = par_agree(rc);
        if (rc == 0) rc = exchange(&slice->table);
        if (rc == 0) rc = par_agree(visit_all(&slice->table, visit, user, census));
        window_table_free(&slice->table);
    }
    if (rc == 0) progress_end(&slice->progress);
    mem_free(slice);
    if (rc != 0) return -1;
    par_sum_i64(&census->windows, 1);
    par_sum_i64(census->distinct, CENSUS_BUCKETS);
    par_sum_i64(census->occurrences, CENSUS_BUCKETS);
    return 0;
}

static void put_buckets(csv_out_t *out, const census_t *census) {
    for (int32_t bucket = 0; bucket < CENSUS_BUCKETS; bucket++) {
        if (census->distinct[bucket] == 0) continue;
        int64_t low, high;
        census_bucket_range(bucket, &low, &high);
        csv_i64(out, census->length);
        csv_i64(out, bucket);
        csv_i64(out, low);
        csv_i64(out, high);
        csv_i64(out, census->distinct[bucket]);
        csv_i64(out, census->occurrences[bucket]);
        csv_end(out);
    }
}

int census_write(const census_t *census, int32_t n, const char *csv_path) {
    csv_out_t *out;
    TRY(csv_open(csv_path, "length,bucket,dup_lo,dup_hi,distinct,occurrences", &out));
    for (int32_t i = 0; i < n; i++) put_buckets(out, &census[i]);
    return csv_commit(out);
}
