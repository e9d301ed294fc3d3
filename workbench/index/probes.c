/* The probe set of a study: census, members, controls, and the rows that describe them. See probes.h. */
#include "index/probes.h"
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
    char name[32];
    snprintf(name, sizeof name, "file/%lld", (long long)pick->row);
    const char *id = arena_strdup(rows->arena, name);
    *document = (token_document_t){.first = -1, .id = id, .source = "file", .family = id};
    return id ? 0 : -1;
}

static int set_rows(rows_t *rows, const picks_t *picks, tokens_t *corpus, int32_t is_member) {
    for (int64_t i = 0; i < picks->n; i++) {
        const pick_t *pick = &picks->pick[i];
        token_document_t document;
        TRY(document_of(rows, pick, corpus, &document));
        rows->set.probe[pick->row] = (probe_t){.doc_id = document.id,
                                               .source = document.source,
                                               .offset = pick->candidate.window.first - document.first,
                                               .duplicates = pick->duplicates,
                                               .documents = pick->documents,
                                               .bucket = pick->bucket,
                                               .is_member = is_member,
                                               .tokens = picks->tokens + i * rows->set.length};
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

/* Local. */
static int write_rows(const char *dir, int64_t length, tokens_t *members, const picks_t *member, tokens_t *controls,
                      const picks_t *control) {
    int64_t n = member->n + control->n;
    rows_t rows = {.set = {.n = n, .length = length}, .arena = arena_create(1 << 16)};
    rows.set.probe = mem_new(n, sizeof *rows.set.probe, "probe set");
    rows.family = mem_new(n, sizeof *rows.family, "probe set");
    int rc = rows.set.probe && rows.family && rows.arena ? 0 : -1;
    if (rc == 0) rc = set_rows(&rows, member, members, 1);
    if (rc == 0) rc = set_rows(&rows, control, controls, 0);
    if (rc == 0) rc = number_families(&rows.set, rows.family);
    if (rc == 0) rc = probes_write(dir, &rows.set);
    mem_free(rows.set.probe);
    mem_free(rows.family);
    arena_free(rows.arena);
    return rc;
}

/* Rank 0. */
static int write_all(const char *dir, int64_t length, const census_t *census, tokens_t *members, const picks_t *member,
                     tokens_t *controls, const picks_t *control) {
    TRY(dir_make(dir));
    char *path = mem_printf("%s/census.csv", dir);
    if (!path) return -1;
    int rc = census_write(census, path);
    mem_free(path);
    if (rc == 0) rc = matching_write(dir, length, members, member, control);
    return rc == 0 ? write_rows(dir, length, members, member, controls, control) : -1;
}

static int check_spec(const sample_t *spec) {
    if (spec->length < 1) return err_set("probes of %lld tokens cannot be drawn", (long long)spec->length);
    if (spec->protocol == SAMPLE_DUPLICATES && (spec->per_bucket < 1 || spec->per_bucket > MOST_PROBES))
        return err_set("%lld probes per bucket: ask for 1 to %lld", (long long)spec->per_bucket,
                       (long long)MOST_PROBES);
    if (spec->protocol == SAMPLE_UNIFORM && (spec->probes < 1 || spec->probes > MOST_PROBES))
        return err_set("%lld probes: ask for 1 to %lld", (long long)spec->probes, (long long)MOST_PROBES);
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

int probes_sample(const sample_t *spec, const char *members_dir, const char *controls_dir, const char *dir) {
    tokens_t *members = NULL, *controls = NULL;
    picks_t member = {0}, control = {0};
    census_t *census = mem_new(1, sizeof *census, "census");
    int64_t short_of = 0;
    int32_t *price = NULL;
    int rc = census ? check_spec(spec) : -1;
    if (rc == 0) rc = tokens_open(members_dir, &members);
    if (rc == 0) rc = tokens_open(controls_dir, &controls);
    rc = par_agree(rc);
    if (rc == 0) rc = draw_members(spec, members, controls, census, &member, &control);
    if (rc == 0) rc = match_prices(members, &price);
    if (rc == 0) {
        picks_measure(price, spec->length, &member);
        picks_measure(price, spec->length, &control);
    }
    if (rc == 0 && control.n == 0) {
        rc = sample_controls(spec, members, controls, price, &member, &control, &short_of);
        for (int64_t i = 0; i < control.n; i++) control.pick[i].row = member.n + i;
    }
    if (rc == 0) {
        log_info("%lld probes, %lld controls", (long long)member.n, (long long)control.n);
        if (short_of > 0)
            log_warn("%lld of %lld probes have no control: the control corpus holds no more windows of their sources",
                     (long long)short_of, (long long)member.n);
        int speaks = par_rank() == 0;
        rc = par_agree(speaks ? write_all(dir, spec->length, census, members, &member, controls, &control) : 0);
    }
    mem_free(price);
    picks_free(&member);
    picks_free(&control);
    tokens_close(members);
    tokens_close(controls);
    mem_free(census);
    return rc;
}
