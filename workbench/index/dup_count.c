/* Counting the windows of one length. The fingerprints' range is cut into as many slices as keep the tables within the
 * memory setting; a round a slice, and one pass over the candidates more than rounds. Pass r
 *   1. counts the windows of slice r in a table of this rank's documents (documents are not split between ranks, so
 *      what is counted within a document is exact there), and
 *   2. marks the levels of the positions where the repeated windows of slice r - 1 stand.
 * Then entries of slice r go to the ranks that own their fingerprints, in portions, so that what travels takes little
 * room beside the table. The owner adds them up, counts them in the histogram, and answers with the level of each, from
 * which the marks of the next pass are made. A round is finished when its marks are on the disk. */
#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "index/dup_table.h"
#include "index/duplicates_private.h"
#include "index/windows.h"
#include "par/par.h"
#include <stdio.h>
#include <string.h>

enum { AHEAD = 16, PORTIONS = 8 };

/* What a window takes at most: a slot of a table at 3/4, its share of a portion (as sent, as received, in the owner's
 * table), and a slot among the marks, as these are when they have just grown. */
static const int64_t WINDOW_BYTES = (int64_t)sizeof(dup_entry_t) * 4 / 3 +
                                    (int64_t)sizeof(dup_entry_t) * (2 * 3 + 4) / 3 / PORTIONS +
                                    (int64_t)sizeof(dup_mark_t) * 2;
static const int64_t LEAST_MEMORY = 1 << 16;

typedef struct {
    length_t *length;
    windows_scanner_t *scanner;
    uint64_t round, rounds; // round == rounds: the last pass, which only marks
    dup_table_t table;
    dup_marks_t marks;
    histogram_t histogram; // of the round, of this rank
    top_t top;
    progress_t progress;
    int64_t seen;
    int32_t in_slice[WINDOWS_RUN];
    uint8_t level[WINDOWS_RUN];
} pass_t;

/* Windows of the run that belong to a slice. */
static int64_t select_slice(pass_t *p, const windows_run_t *run, uint64_t slice) {
    int64_t n = 0;
    for (int64_t i = 0; i < run->count; i++) {
        p->in_slice[n] = (int32_t)i;
        n += windows_part(run->fingerprint[i].hi, p->rounds) == slice;
    }
    return n;
}

static void count_window(pass_t *p, const windows_run_t *run, int64_t i) {
    hash_t fingerprint = run->fingerprint[i];
    int64_t position = run->position + i;
    dup_entry_t *e = dup_table_find(&p->table, fingerprint);
    if (e->occurrences == 0) {
        *e = (dup_entry_t){fingerprint, position, 1, 1, 2 * position};
        p->table.used++;
        return;
    }
    int64_t last = e->last >> 1;
    e->last |= 1;
    if (!p->length->spec->overlapping && position - last < p->length->length) return;
    e->occurrences++;
    e->documents += last < run->document_first;
    e->last = 2 * position + 1;
}

static int count_slice(pass_t *p, const windows_run_t *run) {
    int64_t n = select_slice(p, run, p->round);
    TRY(dup_table_reserve(&p->table, n));
    for (int64_t k = 0; k < n && k < AHEAD; k++) dup_table_prefetch(&p->table, run->fingerprint[p->in_slice[k]]);
    for (int64_t k = 0; k < n; k++) {
        if (k + AHEAD < n) dup_table_prefetch(&p->table, run->fingerprint[p->in_slice[k + AHEAD]]);
        count_window(p, run, p->in_slice[k]);
    }
    return 0;
}

static int mark_slice(pass_t *p, const windows_run_t *run) {
    int64_t n = select_slice(p, run, p->round - 1);
    int any = 0;
    for (int64_t k = 0; k < n && k < AHEAD; k++) dup_marks_prefetch(&p->marks, run->fingerprint[p->in_slice[k]]);
    for (int64_t k = 0; k < n; k++) {
        if (k + AHEAD < n) dup_marks_prefetch(&p->marks, run->fingerprint[p->in_slice[k + AHEAD]]);
        uint8_t level = dup_marks_level(&p->marks, run->fingerprint[p->in_slice[k]]);
        if (level == 0) continue;
        if (!any) TRY(levels_read(p->length->levels, run->position, run->count, p->level));
        any = 1;
        p->level[p->in_slice[k]] = level;
    }
    return any ? levels_write(p->length->levels, run->position, run->count, p->level) : 0;
}

static int visit_run(void *user, const windows_run_t *run) {
    pass_t *p = user;
    TRY(par_go_on());
    if (p->round < p->rounds) TRY(count_slice(p, run));
    if (p->marks.used > 0) TRY(mark_slice(p, run));
    p->seen += run->count;
    progress_update(&p->progress, p->seen);
    return 0;
}

static int scan_candidates(void *user, int64_t document, int64_t from, int64_t count) {
    pass_t *p = user;
    return windows_scan_part(p->scanner, p->length->corpus, document, from, count, visit_run, p);
}

/* A total of the owner: into the histogram and the list. Its level. */
static uint8_t settle(pass_t *p, const dup_entry_t *e) {
    int64_t count = p->length->spec->per_document ? e->documents : e->occurrences;
    int32_t bucket = census_bucket(count);
    p->histogram.distinct[bucket]++;
    p->histogram.windows[bucket] += count;
    if (count > 1) top_add(&p->top, &(top_window_t){count, e->first, e->occurrences, e->documents});
    return e->last & 1 ? (uint8_t)(1 + bucket) : 0;
}

static int settle_alone(pass_t *p) {
    int64_t repeated = 0;
    for (int64_t i = 0; i < p->table.slots; i++)
        repeated += p->table.entry[i].occurrences > 0 && (p->table.entry[i].last & 1);
    TRY(dup_marks_reserve(&p->marks, repeated));
    for (int64_t i = 0; i < p->table.slots; i++) {
        const dup_entry_t *e = &p->table.entry[i];
        uint8_t level = e->occurrences > 0 ? settle(p, e) : 0;
        if (level > 0) dup_marks_put(&p->marks, e->fingerprint, level);
    }
    return 0;
}

/* --- several ranks --------------------------------------------------------------------------------------------------
 */

typedef struct {
    dup_entry_t *sent, *received;
    int64_t *send_count, *receive_count; // (ranks)
    int64_t total_sent, total_received;
    uint8_t *answer, *answered; // (total_received), (total_sent)
} portion_t;

static void portion_free(portion_t *x) {
    mem_free(x->sent);
    mem_free(x->received);
    mem_free(x->send_count);
    mem_free(x->receive_count);
    mem_free(x->answer);
    mem_free(x->answered);
}

static int owner_of(hash_t fingerprint) {
    return (int)windows_part(fingerprint.lo, (uint64_t)par_size());
}

static int in_portion(const dup_entry_t *e, uint64_t portion) {
    return e->occurrences > 0 && e->fingerprint.hi % PORTIONS == portion;
}

/* The entries of a portion in order of their owner, and how many each owner gets. */
static int pack(const dup_table_t *table, uint64_t portion, portion_t *x) {
    x->send_count = mem_new(par_size(), sizeof *x->send_count, "counts of an exchange");
    int64_t *next = mem_new(par_size(), sizeof *next, "counts of an exchange");
    if (x->send_count && next) {
        for (int64_t i = 0; i < table->slots; i++)
            if (in_portion(&table->entry[i], portion)) x->send_count[owner_of(table->entry[i].fingerprint)]++;
        for (int r = 0; r < par_size(); r++) {
            next[r] = x->total_sent;
            x->total_sent += x->send_count[r];
        }
        x->sent = mem_new(x->total_sent, sizeof *x->sent, "windows of an exchange");
    }
    for (int64_t i = 0; x->sent && i < table->slots; i++) {
        const dup_entry_t *e = &table->entry[i];
        if (!in_portion(e, portion)) continue;
        dup_entry_t *to = &x->sent[next[owner_of(e->fingerprint)]++];
        *to = *e;
        to->last = e->last & 1; // all that the owner needs of it
    }
    mem_free(next);
    return x->sent ? 0 : -1;
}

/* Adds up what came and makes the answers, in the order of what came. */
static int merge(pass_t *p, portion_t *x) {
    dup_table_t table;
    x->answer = mem_new(x->total_received, 1, "levels of an exchange");
    TRY(dup_table_create(x->total_received, &table));
    for (int64_t i = 0; i < x->total_received; i++) {
        const dup_entry_t *in = &x->received[i];
        if (i + AHEAD < x->total_received) dup_table_prefetch(&table, x->received[i + AHEAD].fingerprint);
        dup_entry_t *e = dup_table_find(&table, in->fingerprint);
        if (e->occurrences == 0) {
            *e = *in; // ranks come in order, and so do their documents: this is where it stands first
            table.used++;
            continue;
        }
        e->occurrences += in->occurrences;
        e->documents += in->documents;
        e->last = 1;
    }
    for (int64_t i = 0; i < table.slots; i++)
        if (table.entry[i].occurrences > 0) table.entry[i].last = settle(p, &table.entry[i]); // now: the level
    for (int64_t i = 0; x->answer && i < x->total_received; i++)
        x->answer[i] = (uint8_t)dup_table_find(&table, x->received[i].fingerprint)->last;
    dup_table_free(&table);
    return x->answer ? 0 : -1;
}

static int keep_marks(pass_t *p, const portion_t *x) {
    int64_t repeated = 0;
    for (int64_t i = 0; i < x->total_sent; i++) repeated += x->answered[i] > 0;
    TRY(dup_marks_reserve(&p->marks, repeated));
    for (int64_t i = 0; i < x->total_sent; i++)
        if (x->answered[i] > 0) dup_marks_put(&p->marks, x->sent[i].fingerprint, x->answered[i]);
    return 0;
}

/* Collective. */
static int exchange_portion(pass_t *p, uint64_t portion) {
    portion_t x = {0};
    int64_t *one = mem_new(par_size(), sizeof *one, "counts of an exchange"), ranks, total;
    void *received = NULL, *counts = NULL, *answered = NULL;
    int rc = par_agree(one ? pack(&p->table, portion, &x) : -1);
    for (int r = 0; rc == 0 && r < par_size(); r++) one[r] = 1;
    if (rc == 0) rc = par_exchange(x.send_count, one, sizeof *one, &counts, &ranks); // how many come from whom
    if (rc == 0) rc = par_exchange(x.sent, x.send_count, sizeof *x.sent, &received, &x.total_received);
    x.receive_count = counts;
    x.received = received;
    if (rc == 0) rc = par_agree(merge(p, &x));
    if (rc == 0) rc = par_exchange(x.answer, x.receive_count, 1, &answered, &total);
    x.answered = answered;
    if (rc == 0) rc = par_agree(keep_marks(p, &x));
    portion_free(&x);
    mem_free(one);
    return rc;
}

static int settle_round(pass_t *p) {
    int rc = 0;
    dup_marks_free(&p->marks);
    if (par_size() == 1) rc = settle_alone(p);
    for (uint64_t portion = 0; par_size() > 1 && rc == 0 && portion < PORTIONS; portion++)
        rc = exchange_portion(p, portion);
    if (rc != 0) return -1;
    par_sum_i64(p->histogram.distinct, CENSUS_BUCKETS);
    par_sum_i64(p->histogram.windows, CENSUS_BUCKETS);
    return top_reduce(&p->top);
}

/* --- rounds ---------------------------------------------------------------------------------------------------------
 */

static int add_candidates(void *user, int64_t document, int64_t from, int64_t count) {
    (void)document;
    (void)from;
    *(int64_t *)user += count;
    return 0;
}

/* Rank 0 keeps the round: its file, then the sum of all. */
static int keep_round(pass_t *p, int64_t round, const histogram_t *histogram, const top_t *top) {
    length_t *length = p->length;
    TRY(dup_round_write(length, histogram, top, round, (int64_t)p->rounds));
    for (int32_t b = 0; b < CENSUS_BUCKETS; b++) {
        length->histogram.distinct[b] += histogram->distinct[b];
        length->histogram.windows[b] += histogram->windows[b];
    }
    for (int64_t i = 0; i < top->n; i++) top_add(&length->top, &top->window[i]);
    return 0;
}

/* Collective: passes done .. rounds; the first of them only counts, the last only marks. */
static int run_rounds(pass_t *p, int64_t done, int64_t candidates) {
    histogram_t counted = {0}; // of the round before, whose marks are being made
    top_t counted_top;
    int rc = par_agree(top_create(p->top.keep, &counted_top));
    for (p->round = (uint64_t)done; rc == 0 && p->round <= p->rounds; p->round++) {
        int counts = p->round<p->rounds, marks = (int64_t)p->round> done;
        if (!counts && !marks) break; // an earlier run has finished all rounds
        if (counts) rc = dup_table_clear(candidates / (int64_t)p->rounds, &p->table);
        if (!counts) dup_table_free(&p->table);
        if (rc == 0) rc = dup_each_candidate(p->length, scan_candidates, p);
        if (rc == 0 && marks) rc = levels_sync(p->length->levels);
        rc = par_agree(rc);
        if (rc == 0 && marks)
            rc = par_agree(par_rank() == 0 ? keep_round(p, (int64_t)p->round - 1, &counted, &counted_top) : 0);
        if (rc != 0 || !counts) break;
        memset(&p->histogram, 0, sizeof p->histogram);
        p->top.n = 0;
        rc = settle_round(p);
        counted = p->histogram;
        counted_top.n = 0;
        for (int64_t i = 0; i < p->top.n; i++) top_add(&counted_top, &p->top.window[i]);
    }
    top_free(&counted_top);
    return rc;
}

/* Collective: windows that are no candidates, over all ranks: each stands at one position. */
static int add_single(length_t *length, int64_t candidates) {
    int64_t single = windows_count(length->corpus, length->length) - candidates;
    par_sum_i64(&single, 1);
    if (par_rank() != 0) return 0;
    length->histogram.distinct[0] += single;
    length->histogram.windows[0] += single;
    return 0;
}

/* Collective: how many rounds, and which of them an earlier run has finished. */
static int plan_rounds(length_t *length, int64_t candidates, int64_t *done, int64_t *rounds) {
    int64_t most = -candidates, memory = length->spec->memory, found[2] = {0, 0};
    par_min_i64(&most, 1);
    if (memory < LEAST_MEMORY) memory = LEAST_MEMORY;
    int64_t need = -most / (memory / WINDOW_BYTES) + 1;
    int rc = par_rank() == 0 ? dup_rounds_read(length, &found[0], &found[1]) : 0;
    TRY(par_agree(rc));
    par_broadcast(found, sizeof found, 0);
    *rounds = found[1] >= need ? found[1] : need;
    *done = found[1] >= need ? found[0] : 0;
    if (found[1] > 0 && *done == 0) { // made by ranks with more memory together: they are of no use here
        memset(&length->histogram, 0, sizeof length->histogram);
        length->top.n = 0;
        rc = par_rank() == 0 ? dup_rounds_remove(length) : 0;
    }
    return par_agree(rc);
}

int dup_count(length_t *length) {
    char name[64];
    int64_t candidates = 0, done = 0, rounds = 1;
    TRY(par_agree(dup_each_candidate(length, add_candidates, &candidates)));
    TRY(plan_rounds(length, candidates, &done, &rounds));
    pass_t *p = mem_new(1, sizeof *p, "census");
    int rc = p ? windows_scanner_create(length->length, &p->scanner) : -1;
    if (rc == 0) rc = top_create(length->top.keep, &p->top);
    rc = par_agree(rc);
    if (rc == 0) {
        p->length = length;
        p->rounds = (uint64_t)rounds;
        snprintf(name, sizeof name, "census of %lld tokens", (long long)length->length);
        progress_start(&p->progress, name, candidates * (rounds + 1), "windows");
        progress_skip(&p->progress, candidates * done);
        p->seen = candidates * done;
        rc = run_rounds(p, done, candidates);
    }
    if (rc == 0) progress_end(&p->progress);
    if (rc == 0) rc = add_single(length, candidates);
    if (p) {
        windows_scanner_free(p->scanner);
        dup_table_free(&p->table);
        dup_marks_free(&p->marks);
        top_free(&p->top);
    }
    mem_free(p);
    return rc;
}
