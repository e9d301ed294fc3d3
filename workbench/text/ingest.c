/* From documents to token corpora. Where a planted copy goes depends on how many member documents there are in all;
 * so where sequences are planted, a first way over the parts counts. The second encodes.
 *
 * Ranks take parts, whoever is free the next. A part's shards depend on the part, the spec and the number of member
 * documents before it, and on nothing else; so the folder is the same for any number of ranks, and after any number of
 * interruptions. */
#include "text/ingest.h"
#include "base/csv.h"
#include "base/err.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/num.h"
#include "text/ingest_encode.h"
#include "text/ingest_parts.h"
#include "text/tokens.h"
#include <string.h>

static int has_planted(const ingest_t *spec) {
    return spec->inject.per_level > 0 && spec->inject.levels > 0;
}

/* --- the first way: counting ------------------------------------------------------------------------------------- */

typedef struct {
    int64_t members, held;
} counter_t;

static int count_document(void *self, const input_t *input, const document_t *document, int held_out) {
    counter_t *c = self;
    (void)input;
    (void)document;
    c->members += !held_out;
    c->held += held_out;
    return 0;
}

static int count_parts(const ingest_parts_t *parts, par_tickets_t *tickets, ingest_progress_t *progress,
                       ingest_counts_t *counts) {
    ingest_walker_t walker = {.parts = parts, .progress = progress};
    int rc = 0;
    for (int64_t part; rc == 0 && (part = par_tickets_next(tickets)) >= 0;) {
        counter_t counter = {0, 0};
        rc = par_tickets_end(tickets, ingest_walk(&walker, part, count_document, &counter));
        counts->members[part] = counter.members;
        counts->held[part] = counter.held;
    }
    ingest_walker_close(&walker);
    return rc;
}

/* Collective. */
static int count_documents(const ingest_parts_t *parts, ingest_counts_t *counts) {
    par_tickets_t *tickets = NULL;
    ingest_progress_t progress;
    TRY(par_tickets_create(parts->n, &tickets));
    int rc = ingest_progress_create("count documents", parts->bytes, 0, &progress);
    if (rc == 0) {
        rc = par_agree(count_parts(parts, tickets, &progress, counts));
        ingest_progress_free(&progress, rc);
    }
    par_tickets_free(tickets);
    if (rc != 0) return -1;
    par_sum_i64(counts->members, parts->n);
    par_sum_i64(counts->held, parts->n);
    return 0;
}

static int counts_alloc(int64_t parts, ingest_counts_t *counts) {
    counts->members = mem_new(parts, sizeof(int64_t), "document counts");
    counts->held = mem_new(parts, sizeof(int64_t), "document counts");
    counts->before = mem_new(parts, sizeof(int64_t), "document counts");
    return counts->members == NULL || counts->held == NULL || counts->before == NULL ? -1 : 0;
}

static void counts_free(ingest_counts_t *counts) {
    mem_free(counts->members);
    mem_free(counts->held);
    mem_free(counts->before);
}

static int counts_write(const char *path, const ingest_parts_t *parts, const ingest_counts_t *counts) {
    csv_out_t *out;
    TRY(csv_open(path, "part,members,held_out,check", &out));
    for (int64_t i = 0; i < parts->n; i++) {
        csv_i64(out, i);
        csv_i64(out, counts->members[i]);
        csv_i64(out, counts->held[i]);
        ingest_row_end(out, (int64_t[]){i, counts->members[i], counts->held[i]}, 3);
    }
    return csv_commit(out);
}

/* On rank 0: what an earlier run of the same work counted. 1 when it is there and whole. */
static int counts_read(const char *path, const ingest_parts_t *parts, ingest_counts_t *counts) {
    csv_t table = {0};
    int fits = file_exists(path) && csv_read(path, &table) == 0 && table.columns == 4 && table.rows == parts->n;
    for (int64_t i = 0; fits && i < parts->n; i++) {
        fits = num_parse_i64(csv_at(&table, i, 1), &counts->members[i]) == 0 &&
               num_parse_i64(csv_at(&table, i, 2), &counts->held[i]) == 0 &&
               ingest_row_holds(&table, i, (int64_t[]){i, counts->members[i], counts->held[i]}, 3);
    }
    csv_free(&table);
    err_clear();
    return fits;
}

/* Collective: from the file, else by counting. */
static int find_counts(const ingest_parts_t *parts, const char *path, ingest_counts_t *counts) {
    int32_t known = par_rank() == 0 && counts_read(path, parts, counts);
    par_broadcast(&known, sizeof known, 0);
    if (!known) {
        for (int64_t i = 0; i < parts->n; i++) counts->members[i] = counts->held[i] = 0;
        TRY(count_documents(parts, counts));
        return par_agree(par_rank() == 0 ? counts_write(path, parts, counts) : 0);
    }
    par_broadcast(counts->members, (size_t)parts->n * sizeof(int64_t), 0);
    par_broadcast(counts->held, (size_t)parts->n * sizeof(int64_t), 0);
    return 0;
}

static int nobody_left(const ingest_parts_t *parts, int64_t held) {
    const char *others = parts->inputs.count > 1 ? " and others" : "", *first = parts->inputs.input[0].path;
    if (held == 0) return err_set("%s%s: no document is left to train on, since there is none", first, others);
    return err_set("%s%s: no document is left to train on, all %lld are held out; lower [corpus] held_out, or give "
                   "more documents",
                   first, others, (long long)held);
}

/* Collective. counts starts zeroed; the caller frees it, after an error too. Without planting it stays empty. */
static int take_counts(const ingest_parts_t *parts, const char *dir, ingest_counts_t *counts) {
    if (!has_planted(parts->spec)) return 0;
    char *path = mem_printf("%s/counts.csv", dir);
    int rc = par_agree(path == NULL || counts_alloc(parts->n, counts) != 0 ? -1 : 0);
    if (rc == 0) rc = find_counts(parts, path, counts);
    mem_free(path);
    if (rc != 0) return -1;
    int64_t held = 0;
    for (int64_t i = 0; i < parts->n; i++) {
        counts->before[i] = counts->total;
        counts->total += counts->members[i];
        held += counts->held[i];
    }
    return counts->total > 0 ? 0 : nobody_left(parts, held);
}

/* --- the second way: encoding ------------------------------------------------------------------------------------ */

/* Collective: which parts are in the folder already, and their number. */
static int64_t find_done(const ingest_encoder_t *e, int64_t *is_done) {
    int64_t first, last, n = 0;
    par_share(e->parts->n, &first, &last);
    for (int64_t part = first; part < last; part++) is_done[part] = ingest_part_is_done(e, part);
    par_sum_i64(is_done, e->parts->n);
    for (int64_t part = 0; part < e->parts->n; part++) n += is_done[part];
    return n;
}

/* Tickets are the parts to do, then one for the planted controls. */
static int encode_parts(ingest_encoder_t *e, par_tickets_t *tickets, const int64_t *todo, int64_t n) {
    int rc = 0;
    for (int64_t ticket; rc == 0 && (ticket = par_tickets_next(tickets)) >= 0;) {
        rc = par_tickets_end(tickets, ticket < n ? ingest_encode_part(e, todo[ticket]) : ingest_encode_controls(e));
    }
    ingest_walker_close(&e->walker);
    return rc;
}

/* Collective. */
static int encode_rest(ingest_encoder_t *e, int64_t *is_done) {
    const ingest_parts_t *parts = e->parts;
    int64_t found = find_done(e, is_done), n = 0, bytes = 0, *todo = is_done; // the list is written over the marks
    if (found > 0) log_info("ingest: %lld of %lld parts were done before", (long long)found, (long long)parts->n);
    for (int64_t part = 0; part < parts->n; part++) {
        if (is_done[part])
            bytes += ingest_part_bytes(parts, part);
        else
            todo[n++] = part;
    }
    par_tickets_t *tickets = NULL;
    TRY(par_tickets_create(n + has_planted(parts->spec), &tickets));
    int rc = ingest_progress_create("ingest", parts->bytes, bytes, &e->progress);
    if (rc == 0) {
        e->walker = (ingest_walker_t){.parts = parts, .progress = &e->progress};
        rc = par_agree(encode_parts(e, tickets, todo, n));
        ingest_progress_free(&e->progress, rc);
    }
    par_tickets_free(tickets);
    return rc;
}

/* --- the folder -------------------------------------------------------------------------------------------------- */

static const char *const halves[] = {"members", "controls"};

static int each_half(const char *dir, int (*act)(const char *path)) {
    for (int i = 0; i < 2; i++) {
        char *path = mem_printf("%s/%s", dir, halves[i]);
        int rc = path == NULL ? -1 : act(path);
        mem_free(path);
        TRY(rc);
    }
    return 0;
}

/* What a killed run was about to write, and what says that a folder is whole. */
static int remove_leftovers(const char *path) {
    static const char *const patterns[] = {"*.part", "*DONE", "*shards.csv"};
    for (size_t i = 0; i < sizeof patterns / sizeof patterns[0]; i++) TRY(dir_remove_files(path, patterns[i]));
    return 0;
}

/* All that ingest ever left in the folder. */
static int remove_work(const char *dir) {
    static const char *const names[] = {"key", "inputs.csv", "counts.csv", "members", "controls"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char *path = mem_printf("%s/%s", dir, names[i]);
        int rc = path == NULL ? -1 : dir_remove(path);
        mem_free(path);
        TRY(rc);
    }
    return 0;
}

/* The key that is written last: work is believed to be ours only once the folder was emptied of that of others. */
static int begin_folder(const char *dir, const char *path, const char *key) {
    TRY(remove_work(dir));
    TRY(each_half(dir, dir_make));
    return key != NULL ? file_write(path, key, strlen(key)) : 0;
}

/* On rank 0: the folder as it stands when it was begun with our key, else an empty one. */
static int prepare_folder(const ingest_t *spec, const char *dir) {
    char *path = mem_printf("%s/key", dir);
    if (path == NULL) return -1;
    file_map_t map = {NULL, 0};
    int goes_on = spec->key != NULL && file_exists(path) && file_map(path, &map) == 0 &&
                  map.size == strlen(spec->key) && memcmp(map.data, spec->key, map.size) == 0;
    file_unmap(&map);
    err_clear();
    int rc = goes_on ? each_half(dir, dir_make) : begin_folder(dir, path, spec->key);
    if (rc == 0) rc = remove_leftovers(dir);
    if (rc == 0) rc = each_half(dir, remove_leftovers);
    mem_free(path);
    return rc;
}

/* --- all together ------------------------------------------------------------------------------------------------ */

/* Collective: nothing is sealed before all that can be wrong was looked at. */
static int finish(const ingest_parts_t *parts, const char *dir) {
    const ingest_t *spec = parts->spec;
    int64_t members, controls, planted = has_planted(spec) ? inject_documents(&spec->inject) : 0;
    TRY(ingest_ids_check(parts, dir, &members, &controls));
    if (members == 0) return nobody_left(parts, controls);
    TRY(par_agree(par_rank() == 0 ? each_half(dir, tokens_seal) : 0));
    if (spec->is_controls)
        log_info("controls: %lld documents", (long long)members);
    else
        log_info("ingest: %lld documents to train on, with %lld planted copies; %lld held out",
                 (long long)(members - planted), (long long)planted, (long long)controls);
    return 0;
}

/* Collective. */
static int encode(ingest_encoder_t *e) {
    int64_t *is_done = mem_new(e->parts->n, sizeof *is_done, "marks of parts");
    int rc = par_agree(is_done != NULL ? 0 : -1);
    if (rc == 0) rc = encode_rest(e, is_done);
    mem_free(is_done);
    return rc == 0 ? finish(e->parts, e->dir) : -1;
}

int ingest_run(const ingest_t *spec, const char *tokenizer_path, const char *dir) {
    ingest_parts_t parts = {0};
    ingest_counts_t counts = {0};
    ingest_encoder_t encoder = {.parts = &parts, .counts = &counts, .dir = dir};
    TRY(ingest_check(spec, 0));
    int rc = par_agree(ingest_encoder_load(spec, tokenizer_path, &encoder));
    if (rc == 0) rc = par_agree(par_rank() == 0 ? prepare_folder(spec, dir) : 0);
    if (rc == 0) rc = ingest_parts_create(spec, dir, &parts);
    if (rc == 0) rc = take_counts(&parts, dir, &counts);
    if (rc == 0) rc = encode(&encoder);
    counts_free(&counts);
    ingest_parts_free(&parts);
    ingest_encoder_free(&encoder);
    return rc;
}
