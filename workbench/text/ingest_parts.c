/* The parts of the inputs and the way over them. See ingest_parts.h. */
#include "text/ingest_parts.h"
#include "base/csv.h"
#include "base/err.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/rng.h"
#include "text/format.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static int gives_tokens(const input_t *input) {
    return strcmp(input->format->unit, "bytes") != 0;
}

int ingest_check(const ingest_t *spec, int trains) {
    if (spec->inputs->count == 0) return err_set("[corpus] documents: no input file");
    if (!(spec->held_out >= 0 && spec->held_out < 1)) {
        return err_set("[corpus] held_out: %g is not a share from 0 to below 1", spec->held_out);
    }
    for (int64_t i = 0; trains && i < spec->inputs->count; i++) {
        const input_t *input = &spec->inputs->input[i];
        if (gives_tokens(input)) {
            return err_set("%s: holds tokens (%s): no tokenizer can be trained on them; set [corpus] tokenizer to the "
                           "tokenizer.json that they were made with",
                           input->path, input->format->name);
        }
    }
    return 0;
}

/* While reading, a line may lie in memory twice: a buffer that became too small and the one that takes its place. So a
 * document takes up to half of the memory. The other half is for what goes on at the same time: the words of a
 * tokenizer in training, or a long word that is being encoded (a quarter) and the two shards of a part (about 10 MiB,
 * whatever their size), or the hashes of ids, which come when no document is in hand. The text itself is not copied:
 * tokens leave the tokenizer in runs. */
int64_t ingest_document_limit(int64_t memory) {
    return memory / 4;
}

/* --- sizes ------------------------------------------------------------------------------------------------------- */

static int64_t count_unmeasured(const inputs_t *inputs) {
    int64_t n = 0;
    for (int64_t i = 0; i < inputs->count; i++) n += inputs->input[i].size < 0;
    return n;
}

static char *row_check(char text[HASH_TEXT], const int64_t *numbers, int n) {
    return hash_print(text, hash_bytes(numbers, (size_t)n * sizeof *numbers, 0));
}

void ingest_row_end(csv_out_t *out, const int64_t *numbers, int n) {
    char text[HASH_TEXT];
    csv_text(out, row_check(text, numbers, n));
    csv_end(out);
}

int ingest_row_holds(const csv_t *table, int64_t row, const int64_t *numbers, int n) {
    char text[HASH_TEXT];
    return strcmp(csv_at(table, row, table->columns - 1), row_check(text, numbers, n)) == 0;
}

/* On rank 0: sizes that an earlier run of the same work wrote down. None of use: left unmeasured. */
static void sizes_read(const char *path, inputs_t *inputs) {
    csv_t table = {0};
    int fits = file_exists(path) && csv_read(path, &table) == 0 && table.columns == 5 && table.rows == inputs->count;
    for (int64_t i = 0; fits && i < inputs->count; i++) {
        input_t *input = &inputs->input[i];
        int64_t size = -1;
        fits = strcmp(csv_at(&table, i, 0), input->name) == 0 && num_parse_i64(csv_at(&table, i, 3), &size) == 0 &&
               size >= 0 && ingest_row_holds(&table, i, (int64_t[]){i, input->bytes, size}, 3);
        if (fits && input->size < 0) input->size = size;
    }
    csv_free(&table);
    err_clear();
}

static int sizes_write(const char *path, const inputs_t *inputs) {
    csv_out_t *out;
    TRY(csv_open(path, "name,format,bytes,size,check", &out));
    for (int64_t i = 0; i < inputs->count; i++) {
        csv_text(out, inputs->input[i].name);
        csv_text(out, inputs->input[i].format->name);
        csv_i64(out, inputs->input[i].bytes);
        csv_i64(out, inputs->input[i].size);
        ingest_row_end(out, (int64_t[]){i, inputs->input[i].bytes, inputs->input[i].size}, 3);
    }
    return csv_commit(out);
}

static int measure_some(inputs_t *inputs, par_tickets_t *tickets, int64_t *size, ingest_progress_t *progress) {
    for (int64_t i; (i = par_tickets_next(tickets)) >= 0;) {
        const input_t *input = &inputs->input[i];
        if (input->size >= 0) continue;
        int rc = par_go_on();
        if (rc == 0) rc = input_measure(input, &size[i]);
        TRY(par_tickets_end(tickets, rc));
        par_tally_add(progress->tally, 0, input->bytes);
        progress_update(&progress->line, par_tally_read(progress->tally, 0));
    }
    return 0;
}

static int measure_inputs(inputs_t *inputs) {
    int64_t *size = mem_new(inputs->count, sizeof *size, "sizes of inputs"), packed = 0;
    par_tickets_t *tickets = NULL;
    ingest_progress_t progress = {0};
    for (int64_t i = 0; i < inputs->count; i++) packed += inputs->input[i].size < 0 ? inputs->input[i].bytes : 0;
    int rc = par_agree(size != NULL ? 0 : -1);
    if (rc == 0) rc = par_tickets_create(inputs->count, &tickets);
    if (rc == 0) rc = ingest_progress_create("measure compressed files", packed, 0, &progress);
    if (rc == 0) {
        rc = par_agree(measure_some(inputs, tickets, size, &progress));
        par_sum_i64(size, inputs->count);
        for (int64_t i = 0; i < inputs->count; i++)
            if (inputs->input[i].size < 0) inputs->input[i].size = size[i];
        ingest_progress_free(&progress, rc);
    }
    if (tickets != NULL) par_tickets_free(tickets);
    mem_free(size);
    return rc;
}

/* Collective: the sizes that an earlier run found, by rank 0. */
static int sizes_recall(const char *path, inputs_t *inputs) {
    int64_t *size = mem_new(inputs->count, sizeof *size, "sizes of inputs");
    int rc = par_agree(size != NULL ? 0 : -1);
    if (rc == 0) {
        if (par_rank() == 0) sizes_read(path, inputs);
        for (int64_t i = 0; i < inputs->count; i++) size[i] = inputs->input[i].size;
        par_broadcast(size, (size_t)inputs->count * sizeof *size, 0);
        for (int64_t i = 0; i < inputs->count; i++) inputs->input[i].size = size[i];
    }
    mem_free(size);
    return rc;
}

static int find_sizes(const char *dir, inputs_t *inputs) {
    if (count_unmeasured(inputs) == 0) return 0;
    char *path = dir != NULL ? mem_printf("%s/inputs.csv", dir) : NULL;
    int rc = par_agree(dir != NULL && path == NULL ? -1 : 0);
    if (rc == 0 && dir != NULL) rc = sizes_recall(path, inputs);
    if (rc == 0 && count_unmeasured(inputs) > 0) {
        rc = measure_inputs(inputs);
        if (rc == 0) rc = par_agree(par_rank() == 0 && dir != NULL ? sizes_write(path, inputs) : 0);
    }
    mem_free(path);
    return rc;
}

/* --- parts ------------------------------------------------------------------------------------------------------- */

int ingest_parts_create(const ingest_t *spec, const char *dir, ingest_parts_t *parts) {
    int64_t count = spec->inputs->count;
    *parts = (ingest_parts_t){.spec = spec, .inputs = *spec->inputs};
    parts->inputs.input = mem_new(count, sizeof *parts->inputs.input, "inputs");
    int rc = par_agree(parts->inputs.input != NULL ? 0 : -1);
    if (rc == 0) {
        memcpy(parts->inputs.input, spec->inputs->input, (size_t)count * sizeof *parts->inputs.input);
        rc = find_sizes(dir, &parts->inputs);
    }
    if (rc == 0) rc = par_agree(inputs_cut(&parts->inputs, spec->part_bytes, &parts->part, &parts->n));
    for (int64_t i = 0; rc == 0 && i < parts->n; i++) parts->bytes += ingest_part_bytes(parts, i);
    if (rc != 0) ingest_parts_free(parts);
    return rc;
}

void ingest_parts_free(ingest_parts_t *parts) {
    mem_free(parts->inputs.input);
    mem_free(parts->part);
    *parts = (ingest_parts_t){0};
}

const input_t *ingest_part_input(const ingest_parts_t *parts, int64_t part) {
    return &parts->inputs.input[parts->part[part].input];
}

int64_t ingest_part_bytes(const ingest_parts_t *parts, int64_t part) {
    const part_t *p = &parts->part[part];
    const input_t *input = &parts->inputs.input[p->input];
    if (p->inputs == 1) return (p->last - p->first) * input->unit_bytes;
    int64_t bytes = 0;
    for (int64_t i = 0; i < p->inputs; i++) bytes += input[i].size * input[i].unit_bytes;
    return bytes;
}

static int has_ending(const char *name, const char *ending) {
    size_t length = strlen(name), n = strlen(ending);
    return length > n && strcmp(name + length - n, ending) == 0;
}

char *ingest_shard_name(const ingest_parts_t *parts, int64_t part) {
    static const char *const endings[] = {".zst", ".gz", ".jsonl", ".ndjson", ".json", ".txt", ".text", ".bin", ".npy"};
    const char *path = ingest_part_input(parts, part)->path, *slash = strrchr(path, '/');
    int digits = 5;
    for (int64_t limit = 100000; limit < parts->n; limit *= 10) digits++;
    char *name = mem_printf("%0*lld-%.100s", digits, (long long)part, slash != NULL ? slash + 1 : path);
    if (name == NULL) return NULL;
    for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++) { // .zst before the ending in front of it
        if (has_ending(name, endings[i])) name[strlen(name) - strlen(endings[i])] = '\0';
    }
    const char *legal = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";
    for (char *c = name; *c != '\0'; c++) {
        if (strchr(legal, *c) == NULL) *c = '_';
    }
    return name;
}

/* --- progress ---------------------------------------------------------------------------------------------------- */

enum { TALLY_BYTES = 1 << 18 }; // a document of a few bytes is not worth a look at the clock

int ingest_progress_create(const char *stage, int64_t total, int64_t done, ingest_progress_t *progress) {
    *progress = (ingest_progress_t){0};
    TRY(par_tally_create(2, &progress->tally));
    progress_start(&progress->line, stage, total, "bytes");
    progress_skip(&progress->line, done);
    return 0;
}

void ingest_progress_free(ingest_progress_t *progress, int rc) {
    if (rc == 0) {
        progress_update(&progress->line, progress->line.total);
        progress_end(&progress->line);
    }
    par_tally_free(progress->tally);
    *progress = (ingest_progress_t){0};
}

static void show_pending(ingest_progress_t *p) {
    par_tally_add(p->tally, 0, p->pending);
    par_tally_add(p->tally, 1, p->documents);
    p->pending = p->documents = 0;
    progress_items(&p->line, par_tally_read(p->tally, 1), "documents read");
    progress_update(&p->line, p->line.skipped + par_tally_read(p->tally, 0));
}

static void progress_begin_part(ingest_progress_t *p, int64_t bytes) {
    p->part_bytes = bytes;
    p->pending = p->documents = 0;
}

/* What the document holds, but never more than is left of the part. */
static void progress_document(ingest_progress_t *p, const document_t *document) {
    int64_t bytes = document->text != NULL ? (int64_t)document->bytes : document->n * (int64_t)sizeof(int32_t);
    if (bytes > p->part_bytes) bytes = p->part_bytes;
    p->part_bytes -= bytes;
    p->pending += bytes;
    p->documents++;
    if (p->pending >= TALLY_BYTES) show_pending(p);
}

static void progress_end_part(ingest_progress_t *p) {
    p->pending += p->part_bytes;
    p->part_bytes = 0;
    show_pending(p);
}

/* --- the walk ---------------------------------------------------------------------------------------------------- */

/* Chosen by the id, not by the place: a document stays on its side when files are renamed, split or put in another
 * order. Compared in integers: 53 bits of a share are exact. */
static int holds_out(const ingest_t *spec, const char *id) {
    if (spec->held_out == 0) return 0;
    uint64_t drawn = rng_u64(spec->seed, RNG_HOLD_OUT, hash_text(id).lo) >> 11;
    return drawn < (uint64_t)(spec->held_out * 0x1p53);
}

/* Names of planted documents are ours while there are any. */
static int id_check(const ingest_t *spec, const document_t *document) {
    if (spec->inject.per_level == 0 || strncmp(document->id, "planted", 7) != 0) return 0;
    if (strncmp(document->id, "planted/", 8) != 0 && strncmp(document->id, "planted-control/", 16) != 0) return 0;
    return err_set("document '%s': such ids are those of planted sequences; give it another, or leave out [inject]",
                   document->id);
}

/* A stream of tokens without a single mark is one document of any size, which is rarely what was meant. */
static int mark_check(const input_t *input, const document_t *document) {
    if (document->tokens == NULL || input->end < 0 || document->n == 0 || document->n < input->size) return 0;
    if (strcmp(input->format->unit, "tokens") != 0) return 0;
    return err_set("token %lld, which is to mark where documents end, is nowhere in it: is end right? end=none takes "
                   "the file for one document",
                   (long long)input->end);
}

static int seek(ingest_walker_t *w, int64_t input, int64_t first, int64_t last) {
    if (w->reader == NULL || w->input != input || first < w->at) {
        ingest_walker_close(w);
        TRY(documents_open(&w->parts->inputs.input[input], &w->reader));
        w->input = input;
    }
    w->at = last;
    return documents_range(w->reader, first, last);
}

static int walk_input(ingest_walker_t *w, int64_t index, int64_t first, int64_t last, ingest_visit_t *visit,
                      void *self) {
    const ingest_t *spec = w->parts->spec;
    const input_t *input = &w->parts->inputs.input[index];
    document_t document;
    int rc;
    TRY(seek(w, index, first, last));
    while ((rc = documents_next(w->reader, &document)) == 1) {
        TRY(par_go_on());
        if (id_check(spec, &document) != 0 || mark_check(input, &document) != 0) return err_context("%s", input->path);
        TRY(visit(self, input, &document, holds_out(spec, document.id)));
        if (w->progress != NULL) progress_document(w->progress, &document);
    }
    return rc;
}

int ingest_walk(ingest_walker_t *w, int64_t part, ingest_visit_t *visit, void *self) {
    const part_t *p = &w->parts->part[part];
    if (w->progress != NULL) progress_begin_part(w->progress, ingest_part_bytes(w->parts, part));
    if (p->inputs == 1) TRY(walk_input(w, p->input, p->first, p->last, visit, self));
    for (int64_t i = 0; p->inputs > 1 && i < p->inputs; i++) {
        TRY(walk_input(w, p->input + i, 0, w->parts->inputs.input[p->input + i].size, visit, self));
    }
    if (w->progress != NULL) progress_end_part(w->progress);
    return 0;
}

void ingest_walker_close(ingest_walker_t *w) {
    documents_close(w->reader);
    w->reader = NULL;
}
