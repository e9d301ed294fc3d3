/* Probes as text: the context given, the suffix asked for, and how far greedy decoding reproduced it. They are the
 * telling ones, chosen by a fixed rule: what was extracted with the fewest copies, what was not despite the most, and
 * the controls that came closest. Of the largest model, bare, at the longest context. */
#include "report/examples.h"
#include "base/err.h"
#include "base/mem.h"
#include "report/html.h"
#include "report/records.h"
#include "text/tokenizer.h"
#include <string.h>

typedef struct {
    const report_t *report;
    const report_cell_t *cell;
    file_out_t *out;
    tokenizer_t *tokenizer;
    probe_set_t set;
    records_t records;
    const probe_t *probe;   // (n) of the longest context
    const record_t *record; // (n)
    int64_t n;
    int64_t context;
    uint8_t *taken; // (n)
} examples_t;

enum { SHOWN_CONTEXT = 60 }; // tokens

/* The larger, the better an example of its kind; negative: not of the kind. */
typedef int64_t (*score_t)(const probe_t *probe, const record_t *record);

static int64_t score_rare_hit(const probe_t *probe, const record_t *record) {
    return probe->is_member && record->exact ? INT64_MAX - probe->duplicates : -1;
}

static int64_t score_frequent_hit(const probe_t *probe, const record_t *record) {
    return probe->is_member && record->exact ? probe->duplicates : -1;
}

static int64_t score_frequent_miss(const probe_t *probe, const record_t *record) {
    return probe->is_member && !record->exact ? probe->duplicates : -1;
}

static int64_t score_control(const probe_t *probe, const record_t *record) {
    return probe->is_member ? -1 : record->first_mismatch;
}

static const struct {
    score_t score;
    int count;
} kinds[] = {{score_rare_hit, 2}, {score_frequent_hit, 1}, {score_frequent_miss, 2}, {score_control, 2}};

/* The best probe of a kind that was not taken yet, the first of equals; -1: none. */
static int64_t choose(const examples_t *e, score_t score) {
    int64_t best = -1, best_score = -1;
    for (int64_t i = 0; i < e->n; i++) {
        if (e->taken[i]) continue;
        int64_t s = score(&e->probe[i], &e->record[i]);
        if (s <= best_score) continue;
        best = i;
        best_score = s;
    }
    return best;
}

static int write_tokens(const examples_t *e, const int32_t *tokens, int64_t n) {
    char *text;
    size_t bytes;
    if (n == 0) return 0;
    TRY(tokenizer_decode_inside(e->tokenizer, tokens, n, &text, &bytes));
    html_text(e->out, text, bytes);
    mem_free(text);
    return 0;
}

/* The suffix in three parts: reproduced, the first token that differs, what was not reached. */
static int write_suffix(const examples_t *e, const int32_t *suffix, int64_t matched) {
    int64_t wrong = matched < e->report->suffix;
    file_out_print(e->out, "<span class=\"hit\">");
    TRY(write_tokens(e, suffix, matched));
    file_out_print(e->out, "</span><span class=\"miss\">");
    TRY(write_tokens(e, suffix + matched, wrong));
    file_out_print(e->out, "</span><span class=\"rest\">");
    TRY(write_tokens(e, suffix + matched + wrong, e->report->suffix - matched - wrong));
    file_out_print(e->out, "</span>");
    return 0;
}

static int write_example(const examples_t *e, int64_t i) {
    const probe_t *probe = &e->probe[i];
    const record_t *record = &e->record[i];
    const int32_t *suffix = probe->tokens + probe->length - e->report->suffix;
    int64_t shown = e->context < SHOWN_CONTEXT ? e->context : SHOWN_CONTEXT;
    file_out_print(e->out, "<div class=\"probe\"><p class=\"about\">probe %lld, ", (long long)probe->probe_id);
    html_string(e->out, probe->doc_id);
    if (probe->is_member)
        file_out_print(e->out, ": %lld cop%s in %lld document%s, ", (long long)probe->duplicates,
                       probe->duplicates == 1 ? "y" : "ies", (long long)probe->documents,
                       probe->documents == 1 ? "" : "s");
    else
        file_out_print(e->out, ": control, never trained on, ");
    file_out_print(e->out,
                   "<b>%s</b>, %d of %lld tokens reproduced before the first difference</p>\n<p class=\"text\">%s",
                   record->exact ? "extracted" : "not extracted", record->first_mismatch, (long long)e->report->suffix,
                   shown < e->context ? "&hellip;" : "");
    TRY(write_tokens(e, suffix - shown, shown));
    TRY(write_suffix(e, suffix, record->first_mismatch));
    file_out_print(e->out, "</p></div>\n");
    return 0;
}

static int write_all(examples_t *e) {
    file_out_print(e->out, "<h2>Probes</h2>\n<p>Model <b>");
    html_string(e->out, e->cell->model);
    file_out_print(e->out,
                   "</b>, %lld tokens of context: <span class=\"hit\">reproduced by greedy decoding</span>, <span "
                   "class=\"miss\">first token that differs</span>, <span class=\"rest\">not reached</span>.</p>\n",
                   (long long)e->context);
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++)
        for (int n = 0; n < kinds[k].count; n++) {
            int64_t i = choose(e, kinds[k].score);
            if (i < 0) break;
            e->taken[i] = 1;
            TRY(write_example(e, i));
        }
    return 0;
}

/* The bare arm of the model with the most parameters, or its first arm. */
static const report_cell_t *choose_cell(const report_t *report) {
    const report_cell_t *best = &report->cell[0];
    for (int32_t i = 1; i < report->n_cells; i++) {
        const report_cell_t *cell = &report->cell[i];
        int same = strcmp(cell->model, best->model) == 0;
        if (cell->parameters > best->parameters || (same && strcmp(cell->arm, "bare") == 0)) best = cell;
    }
    return best;
}

/* Opens what the examples are made of. The window must hold context and suffix, or texts would be read beyond it. */
static int prepare(examples_t *e) {
    const report_t *report = e->report;
    int32_t longest = 0;
    for (int32_t i = 1; i < report->n_context; i++)
        if (report->context[i] > report->context[longest]) longest = i;
    e->context = report->context[longest];
    TRY(probes_read(report->probes_dir, &e->set));
    if (e->context + report->suffix > e->set.length)
        return err_set("%s: windows of %lld tokens are too short for %lld of context and %lld of suffix",
                       report->probes_dir, (long long)e->set.length, (long long)e->context, (long long)report->suffix);
    TRY(tokenizer_load(report->tokenizer_path, &e->tokenizer));
    TRY(records_open(report, e->cell, &e->set, &e->records));
    probe_range_t range;
    e->record = records_at(report, &e->set, &e->records, longest, &range);
    e->probe = e->set.probe + range.first;
    e->n = range.n;
    e->taken = mem_new(e->set.n, 1, "marks of the examples");
    return e->taken != NULL ? 0 : -1;
}

int examples_write(const report_t *report, file_out_t *out) {
    if (report->n_cells == 0) return 0;
    examples_t e = {.report = report, .out = out, .cell = choose_cell(report)};
    int rc = prepare(&e);
    if (rc == 0) rc = write_all(&e);
    mem_free(e.taken);
    records_close(&e.records);
    tokenizer_free(e.tokenizer);
    probes_free(&e.set);
    return rc;
}
