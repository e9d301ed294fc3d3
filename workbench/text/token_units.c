/* Documents that are found by their number, and cut at the marks inside of them; see token_readers.h. */
#include "base/err.h"
#include "base/mem.h"
#include "text/token_readers.h"
#include <string.h>

struct units {
    token_reader_t reader; // first
    const input_t *input;
    int64_t count;
    units_load_t *load;
    void *own;
    void (*release)(void *own);
    int64_t unit, last; // the next one to load, and where the range ends
    int32_t *tokens;    // of the one that is loaded
    int64_t n, capacity;
    int64_t at; // in them: where the next document starts
    int more;   // there is one
    char *id;
    size_t id_bytes;
};

static void close_units(void *reader) {
    units_t *u = reader;
    if (!u) return;
    u->release(u->own);
    mem_free(u->tokens);
    mem_free(u->id);
    mem_free(u);
}

int units_room(units_t *u, int64_t unit, int64_t n, int32_t **tokens) {
    TRY(token_limit(u->input, "document", unit, n));
    TRY(mem_grow(&u->tokens, &u->capacity, n + 1, sizeof *u->tokens, "a document's tokens"));
    u->n = n; // one more has room: an empty document has an address too
    *tokens = u->tokens;
    return 0;
}

static int set_range(void *reader, int64_t first, int64_t last) {
    units_t *u = reader;
    if (first < 0 || last < first || last > u->count)
        return err_set("%s: %s %lld .. %lld are no part of its %lld", u->input->path, u->input->format->unit,
                       (long long)first, (long long)last, (long long)u->count);
    u->unit = first;
    u->last = last;
    u->more = 0;
    return 0;
}

static int load_next(units_t *u) {
    u->n = u->at = 0;
    TRY(u->load(u->own, u, u->unit));
    u->unit++;
    u->more = 1;
    return 0;
}

static int next_document(void *reader, document_t *document) {
    units_t *u = reader;
    if (!u->more) {
        if (u->unit >= u->last) return 0;
        TRY(load_next(u));
    }
    int64_t start = u->at, n = token_find(u->tokens + start, u->n - start, u->input->end);
    u->at = start + n + 1;
    u->more = u->at < u->n; // a mark that is the last token has nothing behind it
    if (start == 0)
        snprintf(u->id, u->id_bytes, "%s@%lld", u->input->name, (long long)(u->unit - 1));
    else
        snprintf(u->id, u->id_bytes, "%s@%lld+%lld", u->input->name, (long long)(u->unit - 1), (long long)start);
    *document = (document_t){.id = u->id, .source = u->input->source, .tokens = u->tokens + start, .n = n};
    return 1;
}

int units_open(const input_t *input, int64_t count, units_load_t *load, void *own, void (*release)(void *own),
               void **reader) {
    units_t *u = mem_new(1, sizeof *u, "reader of tokens");
    size_t id_bytes = strlen(input->name) + 64;
    char *id = mem_new((int64_t)id_bytes, 1, "document id");
    if (!u || !id) {
        mem_free(u);
        mem_free(id);
        release(own);
        return -1;
    }
    *u = (units_t){.reader = {set_range, next_document, close_units},
                   .input = input,
                   .count = count,
                   .load = load,
                   .own = own,
                   .release = release,
                   .last = count,
                   .id = id,
                   .id_bytes = id_bytes};
    *reader = u;
    return 0;
}

/* --- records ------------------------------------------------------------------------------------------------------ */

typedef struct {
    int64_t record;
    token_file_t file;
} records_t;

static int load_record(void *own, units_t *units, int64_t unit) {
    records_t *r = own;
    int32_t *tokens;
    TRY(units_room(units, unit, r->record, &tokens));
    return token_file_read(&r->file, unit * r->record, r->record, tokens);
}

static void release_records(void *own) {
    records_t *r = own;
    token_file_close(&r->file);
    mem_free(r);
}

int units_open_records(const input_t *input, void **reader) {
    records_t *r = mem_new(1, sizeof *r, "reader of records");
    if (!r) return -1;
    r->record = input->record;
    if (token_file_open(input->path, input->data, input->width, input->is_signed, &r->file) != 0) {
        mem_free(r);
        return -1;
    }
    return units_open(input, r->file.n / r->record, load_record, r, release_records, reader);
}

/* --- either kind -------------------------------------------------------------------------------------------------- */

int token_range(void *reader, int64_t first, int64_t last) {
    return ((token_reader_t *)reader)->range(reader, first, last);
}

int token_next(void *reader, document_t *document) {
    return ((token_reader_t *)reader)->next(reader, document);
}

void token_close(void *reader) {
    if (reader) ((token_reader_t *)reader)->close(reader);
}
