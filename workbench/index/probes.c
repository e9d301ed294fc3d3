/* The probe set of a study: census, members, controls, and the rows that describe them. See probes.h. */
#include "index/probes.h"
#include "base/csv.h"
#include "base/err.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "index/match.h"
#include "index/probes_private.h"
#include "index/sampler.h"
#include "par/par.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const int64_t MOST_PROBES = 1000000000;

typedef struct {
    const char *family;
    int32_t is_member;
    int64_t row;
} family_t;

typedef struct {
    probe_set_t set;
    family_t *family; // (n)
    arena_t *arena;   // names of what has no document
} rows_t;

/* The document of a pick; a window that is in none is called by its row. */
static int document_of(rows_t *rows, const pick_t *pick, tokens_t *corpus, token_document_t *document) {
    int64_t first = pick->candidate.window.first;
    if (first >= 0) {
        *document = tokens_document(corpus, tokens_document_at(corpus, first));
        return 0;
    }
    char name[32], family[32];
    snprintf(name, sizeof name, "file/%lld", (long long)pick->row);
    snprintf(family, sizeof family, "file/%lld", (long long)pick->same); // equal rows succeed and fail together
    *document = (token_document_t){.first = -1,
                                   .id = arena_strdup(rows->arena, name),
                                   .source = "file",
                                   .family = arena_strdup(rows->arena, family)};
    return document->id && document->family ? 0 : -1;
}

static int set_rows(rows_t *rows, int64_t length, const picks_t *picks, tokens_t *corpus, int32_t is_member) {
    for (int64_t i = 0; i < picks->n; i++) {
        const pick_t *pick = &picks->pick[i];
        token_document_t document;
        TRY(document_of(rows, pick, corpus, &document));
        rows->set.probe[pick->row] = (probe_t){.doc_id = document.id,
                                               .source = document.source,
                                               .offset = pick->candidate.window.first - document.first,
                                               .length = length,
                                               .duplicates = pick->duplicates,
                                               .documents = pick->documents,
                                               .bucket = pick->bucket,
                                               .is_member = is_member,
                                               .tokens = picks->tokens + i * length};
        rows->family[pick->row] = (family_t){document.family, is_member, pick->row};
    }
    return 0;
}

static int by_family(const void *a, const void *b) {
    const family_t *x = a, *y = b;
    if (x->is_member != y->is_member) return x->is_member < y->is_member ? -1 : 1;
    int text = strcmp(x->family, y->family);
    if (text != 0) return text;
    return (x->row > y->row) - (x->row < y->row);
}

/* Rows cut from one text share a number; numbers are given in order of first appearance. A planted text and its twin
 * that was never inserted are two texts, even where they are named alike. */
static int number_families(probe_set_t *set, family_t *family) {
    int64_t *leader = mem_new(set->n, sizeof *leader, "families of probes"), next = 0;
    if (!leader) return -1;
    qsort(family, (size_t)set->n, sizeof *family, by_family);
    for (int64_t i = 0; i < set->n; i++) {
        int same = i > 0 && family[i].is_member == family[i - 1].is_member &&
                   strcmp(family[i].family, family[i - 1].family) == 0;
        leader[family[i].row] = same ? leader[family[i - 1].row] : family[i].row; // the lowest row comes first
    }
    for (int64_t i = 0; i < set->n; i++) {
        set->probe[i].probe_id = i;
        set->probe[i].sequence_id = leader[i] == i ? next++ : set->probe[leader[i]].sequence_id;
    }
    mem_free(leader);
    return 0;
}

/* What was drawn of one length; rows of the set are numbered from `first` on. */
typedef struct {
    int64_t length, first;
    picks_t member, control;
} drawn_t;

typedef struct {
    const sample_t *spec;
    tokens_t *members, *controls;
    int32_t *price; // of tokens, as in match.h
    int32_t n;
    drawn_t *drawn;   // (n)
    census_t *census; // (n)
} samples_t;

/* Local. Rows of the members, then of the controls, length by length. */
static int write_rows(const char *dir, const samples_t *s) {
    const drawn_t *last = &s->drawn[s->n - 1];
    int64_t n = last->first + last->member.n + last->control.n;
    rows_t rows = {.set = {.n = n, .length = last->length}, .arena = arena_create(1 << 16)};
    rows.set.probe = mem_new(n, sizeof *rows.set.probe, "probe set");
    rows.family = mem_new(n, sizeof *rows.family, "probe set");
    int rc = rows.set.probe && rows.family && rows.arena ? 0 : -1;
    for (int32_t i = 0; i < s->n && rc == 0; i++) {
        const drawn_t *d = &s->drawn[i];
        rc = set_rows(&rows, d->length, &d->member, s->members, 1);
        if (rc == 0) rc = set_rows(&rows, d->length, &d->control, s->controls, 0);
    }
    if (rc == 0) rc = number_families(&rows.set, rows.family);
    if (rc == 0) rc = probes_write(dir, &rows.set);
    mem_free(rows.set.probe);
    mem_free(rows.family);
    arena_free(rows.arena);
    return rc;
}

static int write_matching(const char *dir, const samples_t *s) {
    char *path = mem_printf("%s/matching.csv", dir);
    csv_out_t *out = NULL;
    int rc = path ? csv_open(path, MATCHING_HEADER, &out) : -1;
    mem_free(path);
    for (int32_t i = 0; i < s->n && rc == 0; i++)
        rc = matching_put(out, s->drawn[i].length, s->members, &s->drawn[i].member, &s->drawn[i].control);
    if (rc == 0) return csv_commit(out);
    csv_abort(out);
    return -1;
}

/* Rank 0. */
static int write_all(const char *dir, const samples_t *s) {
    TRY(dir_make(dir));
    char *path = mem_printf("%s/census.csv", dir);
    if (!path) return -1;
    int rc = census_write(s->census, s->n, path);
    mem_free(path);
    if (rc == 0) rc = write_matching(dir, s);
    return rc == 0 ? write_rows(dir, s) : -1;
}

static int check_spec(const sample_t *spec) {
    if (spec->protocol == SAMPLE_DUPLICATES && (spec->per_bucket < 1 || spec->per_bucket > MOST_PROBES))
        return err_set("%lld probes per bucket: ask for 1 to %lld", (long long)spec->per_bucket,
                       (long long)MOST_PROBES);
    if (spec->protocol == SAMPLE_UNIFORM && (spec->probes < 1 || spec->probes > MOST_PROBES))
        return err_set("%lld probes: ask for 1 to %lld", (long long)spec->probes, (long long)MOST_PROBES);
    if (spec->protocol == SAMPLE_FILE && spec->n_lengths > 0)
        return err_set("a list of probes has one length: several are for samples that are drawn");
    if (spec->n_lengths == 0 && spec->length < 1)
        return err_set("probes of %lld tokens cannot be drawn", (long long)spec->length);
    for (int32_t i = 0; i < spec->n_lengths; i++)
        if (spec->lengths[i] < (i == 0 ? 1 : spec->lengths[i - 1] + 1))
            return err_set("probes of %lld tokens cannot be drawn, or not in this order", (long long)spec->lengths[i]);
    return 0;
}

/* Collective. The probes of the protocol, and the census of the corpus. other: windows of a list that do not occur. */
static int draw_members(const sample_t *spec, tokens_t *members, tokens_t *controls, census_t *census, picks_t *member,
                        picks_t *other) {
    if (spec->protocol == SAMPLE_DUPLICATES) {
        TRY(sample_members(spec, members, census, member));
    } else {
        TRY(census_run(members, spec->length, spec->memory, NULL, NULL, census));
        if (census->windows == 0) return sample_no_windows(spec);
        if (spec->protocol == SAMPLE_FILE) return sample_file(spec, members, controls, member, other);
        TRY(sample_uniform(spec, members, member));
    }
    for (int64_t i = 0; i < member->n; i++) member->pick[i].row = i;
    return 0;
}

/* Collective. Members and controls of one length. */
static int draw(const samples_t *s, drawn_t *d, census_t *census) {
    sample_t spec = *s->spec;
    int64_t short_of = 0;
    spec.length = d->length;
    TRY(draw_members(&spec, s->members, s->controls, census, &d->member, &d->control));
    picks_measure(s->price, spec.length, &d->member);
    picks_measure(s->price, spec.length, &d->control);
    if (d->control.n == 0) {
        picks_free(&d->control);
        TRY(sample_controls(&spec, s->members, s->controls, s->price, &d->member, &d->control, &short_of));
        for (int64_t i = 0; i < d->control.n; i++) d->control.pick[i].row = d->member.n + i;
    }
    for (int64_t i = 0; i < d->member.n; i++) d->member.pick[i].row += d->first;
    for (int64_t i = 0; i < d->control.n; i++) d->control.pick[i].row += d->first;
    log_info("%lld probes, %lld controls of %lld tokens", (long long)d->member.n, (long long)d->control.n,
             (long long)d->length);
    if (short_of > 0)
        log_warn("%lld of %lld probes have no control: what is held out, or given as [corpus] controls, holds no more "
                 "windows of their sources that are in no member document; raise held_out, or add controls of these "
                 "sources",
                 (long long)short_of, (long long)d->member.n);
    return 0;
}

static int open_all(samples_t *s, const char *members_dir, const char *controls_dir) {
    TRY(check_spec(s->spec));
    s->n = s->spec->n_lengths > 0 ? s->spec->n_lengths : 1;
    s->drawn = mem_new(s->n, sizeof *s->drawn, "samples");
    s->census = mem_new(s->n, sizeof *s->census, "censuses");
    if (!s->drawn || !s->census) return -1;
    TRY(tokens_open(members_dir, &s->members));
    return tokens_open(controls_dir, &s->controls);
}

static void close_all(samples_t *s) {
    for (int32_t i = 0; i < s->n && s->drawn; i++) {
        picks_free(&s->drawn[i].member);
        picks_free(&s->drawn[i].control);
    }
    mem_free(s->drawn);
    mem_free(s->census);
    mem_free(s->price);
    tokens_close(s->members);
    tokens_close(s->controls);
}

int probes_sample(const sample_t *spec, const char *members_dir, const char *controls_dir, const char *dir) {
    samples_t s = {.spec = spec};
    int64_t rows = 0;
    int rc = par_agree(open_all(&s, members_dir, controls_dir));
    if (rc == 0) rc = match_prices(s.members, &s.price);
    for (int32_t i = 0; i < s.n && rc == 0; i++) {
        drawn_t *d = &s.drawn[i];
        d->length = spec->n_lengths > 0 ? spec->lengths[i] : spec->length;
        d->first = rows;
        rc = draw(&s, d, &s.census[i]);
        rows += d->member.n + d->control.n;
    }
    if (rc == 0) rc = par_agree(par_rank() == 0 ? write_all(dir, &s) : 0);
    close_all(&s);
    return rc;
}
