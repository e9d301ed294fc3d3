/* matching.csv: how like the controls are to the members they stand beside, in description length. */
#include "base/csv.h"
#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "index/match.h"
#include "index/sampler.h"
#include <stdlib.h>
#include <string.h>

typedef struct {
    const char *source;
    int64_t members, controls, pairs;
    int64_t member_bits, control_bits, difference; // sums, in 64ths of a bit
} matched_t;

static int by_source(const void *a, const void *b) {
    return strcmp(((const matched_t *)a)->source, ((const matched_t *)b)->source);
}

static void add(matched_t *to, const matched_t *m) {
    to->members += m->members;
    to->controls += m->controls;
    to->pairs += m->pairs;
    to->member_bits += m->member_bits;
    to->control_bits += m->control_bits;
    to->difference += m->difference;
}

/* A row for each member, its control in it; then sorted and added up. */
static int64_t sum_by_source(matched_t *row, int64_t n) {
    int64_t sources = 0;
    qsort(row, (size_t)n, sizeof *row, by_source);
    for (int64_t i = 0; i < n; i++) {
        if (sources > 0 && strcmp(row[sources - 1].source, row[i].source) == 0)
            add(&row[sources - 1], &row[i]);
        else
            row[sources++] = row[i];
    }
    return sources;
}

static void put_mean(csv_out_t *out, int64_t sum, int64_t n, int64_t length) {
    if (n == 0)
        csv_text(out, "");
    else
        csv_f64(out, (double)sum / (MATCH_BIT * (double)length * (double)n));
}

static void put_row(csv_out_t *out, const matched_t *m, int64_t length) {
    csv_i64(out, length);
    csv_text(out, m->source);
    csv_i64(out, m->members);
    csv_i64(out, m->controls);
    put_mean(out, m->member_bits, m->members, length);
    put_mean(out, m->control_bits, m->controls, length);
    csv_i64(out, m->pairs);
    put_mean(out, m->difference, m->pairs, length);
    csv_end(out);
}

static void say(const matched_t *all, int64_t length) {
    double unit = MATCH_BIT * (double)length;
    if (all->controls == 0) return;
    log_info("description length of the windows, bits a token: members %.2f, controls %.2f",
             (double)all->member_bits / ((double)all->members * unit),
             (double)all->control_bits / ((double)all->controls * unit));
}

int matching_put(csv_out_t *out, int64_t length, tokens_t *members, const picks_t *member, const picks_t *control) {
    matched_t *row = mem_new(member->n, sizeof *row, "how controls match"), all = {.source = "all"};
    if (!row) return -1;
    for (int64_t i = 0; i < member->n; i++) {
        int64_t document = tokens_document_at(members, member->pick[i].candidate.window.first);
        row[i] = (matched_t){
            .source = tokens_document(members, document).source, .members = 1, .member_bits = member->pick[i].bits};
    }
    for (int64_t i = 0; i < control->n; i++) {
        const pick_t *c = &control->pick[i];
        matched_t own = {.controls = 1, .control_bits = c->bits};
        if (c->pair >= 0) {
            own.pairs = 1;
            own.difference = llabs(c->bits - member->pick[c->pair].bits);
        }
        add(c->pair >= 0 ? &row[c->pair] : &all, &own);
    }
    for (int64_t i = 0, sources = sum_by_source(row, member->n); i < sources; i++) {
        put_row(out, &row[i], length);
        add(&all, &row[i]);
    }
    put_row(out, &all, length);
    say(&all, length);
    mem_free(row);
    return 0;
}
