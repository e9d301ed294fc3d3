/* From documents to token corpora, in two ways over the input files. The first counts documents, because where a
 * planted copy goes depends on how many member documents there are in all, and because ids must be unique. The second
 * encodes.
 *
 * Ranks take whole files, whoever is free the next. A file's shards depend on the file, the spec and the number of
 * member documents before it, and on nothing else; so the folder is the same for any number of ranks. */
#include "text/ingest.h"
#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "par/par.h"
#include "text/ingest_parts.h"
#include "text/tokenizer.h"
#include "text/tokens.h"
#include <string.h>

/* What the first way over the files finds: the same on all ranks. */
typedef struct {
    int64_t *members, *held; // (files) documents
    int64_t *before;         // (files) member documents of the files before
    int64_t total, held_total;
} census_t;

/* --- the first way: counting ------------------------------------------------------------------------------------- */

typedef struct {
    int64_t file, members, held;
    ingest_ids_t *ids;
} counter_t;

static int count_document(void *self, const document_t *document, int held_out) {
    counter_t *c = self;
    TRY(par_go_on());
    c->members += !held_out;
    c->held += held_out;
    return ingest_ids_add(c->ids, document->id, c->file, c->members + c->held);
}

static int count_files(const ingest_t *spec, par_tickets_t *tickets, census_t *census, ingest_ids_t *ids) {
    progress_t progress;
    progress_start(&progress, "count documents", spec->inputs->count, "files");
    for (int64_t file; (file = par_tickets_next(tickets)) >= 0;) {
        counter_t counter = {.file = file, .ids = ids};
        TRY(par_tickets_end(tickets, ingest_walk(spec, file, count_document, &counter)));
        census->members[file] = counter.members;
        census->held[file] = counter.held;
        progress_update(&progress, file + 1);
    }
    progress_update(&progress, spec->inputs->count);
    progress_end(&progress);
    return 0;
}

static void census_free(census_t *census) {
    mem_free(census->members);
    mem_free(census->held);
    mem_free(census->before);
}

static int census_alloc(int64_t files, census_t *census) {
    census->members = mem_new(files, sizeof(int64_t), "document counts");
    census->held = mem_new(files, sizeof(int64_t), "document counts");
    census->before = mem_new(files, sizeof(int64_t), "document counts");
    return census->members == NULL || census->held == NULL || census->before == NULL ? -1 : 0;
}

static void census_sum(int64_t files, census_t *census) {
    par_sum_i64(census->members, files);
    par_sum_i64(census->held, files);
    for (int64_t file = 0; file < files; file++) {
        census->before[file] = census->total;
        census->total += census->members[file];
        census->held_total += census->held[file];
    }
}

/* Collective. census starts zeroed; the caller frees it, after an error too. */
static int take_census(const ingest_t *spec, census_t *census) {
    ingest_ids_t ids = {0};
    par_tickets_t *tickets = NULL;
    TRY(par_agree(census_alloc(spec->inputs->count, census)));
    TRY(par_tickets_create(spec->inputs->count, &tickets));
    int rc = par_agree(count_files(spec, tickets, census, &ids));
    par_tickets_free(tickets);
    if (rc == 0) rc = ingest_ids_check(spec, &ids);
    ingest_ids_free(&ids);
    if (rc != 0) return -1;
    census_sum(spec->inputs->count, census);
    if (census->total > 0) return 0;
    return err_set("%s%s: no document is left to train on (%lld held out)", spec->inputs->path[0],
                   spec->inputs->count > 1 ? " and others" : "", (long long)census->held_total);
}

/* --- the second way: encoding ------------------------------------------------------------------------------------ */

typedef struct {
    const ingest_t *spec;
    const census_t *census;
    const char *dir;
    tokenizer_t *tokenizer;
    shard_out_t *members, *controls; // of the file at hand
    int64_t member, held;            // documents of the file at hand seen so far
    int64_t file;
    int32_t *tokens; // of the document at hand
    int64_t capacity;
    progress_t progress; // over member documents
} encoder_t;

static int put_document(encoder_t *e, shard_out_t *shard, const char *id, const char *source, const char *family,
                        const char *text, size_t bytes) {
    int64_t n = 0;
    TRY(tokenizer_encode(e->tokenizer, text, bytes, &e->tokens, &n, &e->capacity));
    return shard_out_add(shard, id, source, family, e->tokens, n);
}

/* One copy of a planted sequence (copy >= 0), or its twin among the controls. */
static int put_planted(encoder_t *e, shard_out_t *shard, planted_t planted, int control) {
    char *text = NULL;
    char *family =
        mem_printf("%s/%d/%lld", control ? "planted-control" : "planted", planted.level, (long long)planted.number);
    char *id = family == NULL ? NULL
               : control      ? mem_strdup(family)
                              : mem_printf("%s/%lld", family, (long long)planted.copy);
    int rc = id == NULL ? -1 : inject_text(&e->spec->inject, planted.level, planted.number, control, &text);
    if (rc == 0) rc = put_document(e, shard, id, "planted", family, text, strlen(text));
    mem_free(text);
    mem_free(id);
    mem_free(family);
    return rc;
}

static int put_planted_after(encoder_t *e, int64_t ordinal) {
    planted_t *planted = NULL;
    int64_t n = 0;
    TRY(inject_at(&e->spec->inject, ordinal, e->census->total, &planted, &n));
    int rc = 0;
    for (int64_t i = 0; rc == 0 && i < n; i++) rc = put_planted(e, e->members, planted[i], 0);
    mem_free(planted);
    return rc;
}

static int changed(const encoder_t *e) {
    return err_set("%s: changed while it was read: other documents than a moment ago; run ingest again when nothing "
                   "writes to it",
                   e->spec->inputs->path[e->file]);
}

static int encode_document(void *self, const document_t *d, int held_out) {
    encoder_t *e = self;
    TRY(par_go_on());
    TRY(put_document(e, held_out ? e->controls : e->members, d->id, d->source, d->id, d->text, d->bytes));
    if (held_out) {
        e->held++;
        return 0;
    }
    if (e->member >= e->census->members[e->file]) return changed(e);
    int64_t ordinal = e->census->before[e->file] + e->member++;
    progress_update(&e->progress, ordinal + 1);
    return put_planted_after(e, ordinal);
}

/* Shards sort by name as files do by index: as many digits as the last index needs, then the file's own name. */
static char *shard_name(const file_list_t *inputs, int64_t file) {
    const char *slash = strrchr(inputs->path[file], '/'), *base = slash ? slash + 1 : inputs->path[file];
    int digits = 4;
    for (int64_t limit = 10000; limit < inputs->count; limit *= 10) digits++;
    char *name = mem_printf("%0*lld-%.100s", digits, (long long)file, base);
    if (name == NULL) return NULL;
    const char *legal = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";
    static const char *const endings[] = {".zst", ".jsonl"};
    for (int i = 0; i < 2; i++) {
        size_t length = strlen(name), ending = strlen(endings[i]);
        if (length > ending && strcmp(name + length - ending, endings[i]) == 0) name[length - ending] = '\0';
    }
    for (char *c = name; *c != '\0'; c++) {
        if (strchr(legal, *c) == NULL) *c = '_';
    }
    return name;
}

static int open_shard(const encoder_t *e, const char *folder, const char *name, shard_out_t **shard) {
    char *dir = mem_printf("%s/%s", e->dir, folder);
    int rc =
        dir == NULL ? -1 : shard_out_open(dir, name, tokenizer_vocab(e->tokenizer), tokenizer_end(e->tokenizer), shard);
    mem_free(dir);
    return rc;
}

/* Both shards come to their end: committed when rc is 0, else dropped. */
static int close_shards(encoder_t *e, int rc) {
    shard_out_t *shard[] = {e->members, e->controls};
    e->members = e->controls = NULL;
    for (int i = 0; i < 2; i++) {
        if (rc == 0 && shard[i] != NULL)
            rc = shard_out_commit(shard[i]);
        else
            shard_out_abort(shard[i]);
    }
    return rc;
}

static int encode_file(encoder_t *e, int64_t file) {
    char *name = shard_name(e->spec->inputs, file);
    e->file = file;
    e->member = e->held = 0;
    int rc = name == NULL ? -1 : open_shard(e, "members", name, &e->members);
    if (rc == 0) rc = open_shard(e, "controls", name, &e->controls);
    if (rc == 0) rc = ingest_walk(e->spec, file, encode_document, e);
    if (rc == 0 && (e->member != e->census->members[file] || e->held != e->census->held[file])) rc = changed(e);
    mem_free(name);
    return close_shards(e, rc);
}

/* The twins of all planted sequences in a shard of their own; its name sorts behind the digits of the others. */
static int encode_planted_controls(encoder_t *e) {
    const inject_t *inject = &e->spec->inject;
    TRY(open_shard(e, "controls", "planted", &e->controls));
    int rc = 0;
    for (int32_t level = 0; level < inject->levels; level++) {
        for (int64_t number = 0; rc == 0 && number < inject->per_level; number++) {
            rc = put_planted(e, e->controls, (planted_t){level, number, 0}, 1);
        }
    }
    return close_shards(e, rc);
}

static int has_planted(const ingest_t *spec) {
    return spec->inject.per_level > 0 && spec->inject.levels > 0;
}

/* Whatever files come before the one at hand count as done in the progress, whoever has them: near enough. */
static int encode_files(encoder_t *e, par_tickets_t *tickets) {
    int64_t files = e->spec->inputs->count;
    progress_start(&e->progress, "ingest", e->census->total, "documents");
    for (int64_t ticket; (ticket = par_tickets_next(tickets)) >= 0;) {
        TRY(par_tickets_end(tickets, ticket < files ? encode_file(e, ticket) : encode_planted_controls(e)));
    }
    progress_update(&e->progress, e->census->total);
    progress_end(&e->progress);
    return 0;
}

static int load_tokenizer(const char *path, tokenizer_t **tokenizer) {
    TRY(tokenizer_load(path, tokenizer));
    if (tokenizer_end(*tokenizer) >= 0) return 0;
    return err_set("%s: the tokenizer has no <|endoftext|>, which has to follow each document", path);
}

/* --- the folder -------------------------------------------------------------------------------------------------- */

static const char *const halves[] = {"members", "controls"};

/* For both halves of dir: with make, an empty folder (shards of an earlier run must not be taken for ours); else the
 * seal. On rank 0. */
static int each_half(const char *dir, int make) {
    for (int i = 0; i < 2; i++) {
        char *path = mem_printf("%s/%s", dir, halves[i]);
        if (path == NULL) return -1;
        int rc = make ? dir_remove(path) : tokens_seal(path);
        if (rc == 0 && make) rc = dir_make(path);
        mem_free(path);
        if (rc != 0) return -1;
    }
    return 0;
}

static int encode_corpus(const ingest_t *spec, const census_t *census, tokenizer_t *tokenizer, const char *dir) {
    par_tickets_t *tickets = NULL;
    TRY(par_agree(par_rank() == 0 ? each_half(dir, 1) : 0));
    TRY(par_tickets_create(spec->inputs->count + has_planted(spec), &tickets));
    encoder_t encoder = {.spec = spec, .census = census, .dir = dir, .tokenizer = tokenizer};
    int rc = par_agree(encode_files(&encoder, tickets));
    par_tickets_free(tickets);
    mem_free(encoder.tokens);
    if (rc != 0) return -1;
    return par_agree(par_rank() == 0 ? each_half(dir, 0) : 0);
}

int ingest_run(const ingest_t *spec, const char *tokenizer_path, const char *dir) {
    TRY(ingest_check(spec));
    census_t census = {0};
    tokenizer_t *tokenizer = NULL;
    int rc = par_agree(load_tokenizer(tokenizer_path, &tokenizer));
    if (rc == 0) rc = take_census(spec, &census);
    if (rc == 0) rc = encode_corpus(spec, &census, tokenizer, dir);
    if (rc == 0) {
        log_info("ingest: %lld documents to train on, with %lld planted copies; %lld held out", (long long)census.total,
                 (long long)inject_documents(&spec->inject), (long long)census.held_total);
    }
    census_free(&census);
    tokenizer_free(tokenizer);
    return rc;
}
