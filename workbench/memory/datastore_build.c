/* Building a datastore. The number of every entry follows from the corpus's document table alone: document after
 * document, and within one its tokens 0, stride, 2 stride, ... as ends of a context, each with the token that follows
 * (the end token after the last). So ranks can take batches of windows in any order and write each entry where it
 * belongs. */
#include "base/err.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "memory/datastore.h"
#include "memory/datastore_files.h"
#include "par/par.h"
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH_ROWS = 1024 }; // tokens of one forward call, unless the model's context is longer

/* A context window: `length` tokens of a document from token `offset` on. */
typedef struct {
    int64_t position; // of the first token, in the corpus
    int64_t offset, length;
    int64_t entry; // number of the first entry at or after token `offset` of the document
} window_t;

typedef struct {
    const model_t *model;
    tokens_t *corpus;
    int64_t stride, width, last_layer;

    window_t *window;
    int64_t windows, windows_capacity;
    int64_t *batch; // (batches + 1) first window of each
    int64_t batches, batches_capacity;
    int64_t entries, tokens;

    int64_t rows;
    int32_t sequences;
    session_t *session;
    int32_t *token;          // (rows) of the present batch
    int32_t *next;           // (rows) what follows each
    int32_t *sequence;       // (sequences) 0, 1, ...
    int64_t *length;         // (sequences)
    const window_t *in_hand; // first window of the present batch
    par_out_t *keys, *values, *positions;
} build_t;

static int add_document(build_t *b, token_document_t document) {
    int64_t context = model_spec(b->model)->context;
    for (int64_t offset = 0; offset < document.length; offset += context) {
        int64_t left = document.length - offset;
        TRY(mem_grow(&b->window, &b->windows_capacity, b->windows + 1, sizeof *b->window, "context windows"));
        b->window[b->windows++] = (window_t){.position = document.first + offset,
                                             .offset = offset,
                                             .length = left < context ? left : context,
                                             .entry = b->entries + (offset + b->stride - 1) / b->stride};
    }
    b->entries += (document.length + b->stride - 1) / b->stride;
    b->tokens += document.length;
    return 0;
}

/* Windows in order, as many as fit a forward call. */
static int cut_batches(build_t *b) {
    int64_t rows = 0, sequences = 0;
    for (int64_t w = 0; w <= b->windows; w++) {
        int full = w < b->windows && (rows + b->window[w].length > b->rows || sequences == b->sequences);
        if (w == 0 || w == b->windows || full) {
            TRY(mem_grow(&b->batch, &b->batches_capacity, b->batches + 1, sizeof *b->batch, "batches"));
            b->batch[b->batches++] = w;
            rows = sequences = 0;
        }
        if (w == b->windows) break;
        rows += b->window[w].length;
        sequences++;
    }
    b->batches--; // the last mark is the end
    return 0;
}

static int prepare(build_t *b) {
    const model_spec_t *spec = model_spec(b->model);
    b->width = spec->width;
    b->last_layer = spec->layers - 1;
    b->rows = spec->context > BATCH_ROWS ? spec->context : BATCH_ROWS;
    b->sequences = (int32_t)(2 * b->rows / spec->context); // documents shorter than the context leave room for more
    if (b->stride < 1) return err_set("a datastore of every %" PRId64 "th token", b->stride);
    for (int64_t d = 0; d < tokens_documents(b->corpus); d++) TRY(add_document(b, tokens_document(b->corpus, d)));
    if (b->windows > 0) TRY(cut_batches(b));
    b->token = mem_new(b->rows + 1, sizeof *b->token, "tokens of a batch");
    b->next = mem_new(b->rows, sizeof *b->next, "tokens of a batch");
    b->sequence = mem_new(b->sequences, sizeof *b->sequence, "sequences of a batch");
    b->length = mem_new(b->sequences, sizeof *b->length, "sequences of a batch");
    if (!b->token || !b->next || !b->sequence || !b->length) return -1;
    for (int32_t i = 0; i < b->sequences; i++) b->sequence[i] = i;
    return session_create(b->model, b->sequences, spec->context, b->rows, &b->session);
}

static void release(build_t *b) {
    session_free(b->session);
    mem_free(b->window);
    mem_free(b->batch);
    mem_free(b->token);
    mem_free(b->next);
    mem_free(b->sequence);
    mem_free(b->length);
}

/* The attachment: rows of the last layer's ffn input are keys. */
static int take_keys(void *user, int64_t layer, int64_t n, const row_t *rows, float *x) {
    build_t *b = user;
    if (layer != b->last_layer) return 0;
    for (int64_t r = 0; r < n; r++) {
        const window_t *w = &b->in_hand[rows[r].sequence];
        int64_t offset = w->offset + rows[r].position, position = w->position + rows[r].position + 1;
        if (offset % b->stride != 0) continue;
        int64_t entry = w->entry + offset / b->stride - (w->offset + b->stride - 1) / b->stride;
        TRY(par_out_put(b->keys, entry, x + r * b->width));
        TRY(par_out_put(b->values, entry, &b->next[r]));
        TRY(par_out_put(b->positions, entry, &position));
    }
    return 0;
}

static int run_batch(build_t *b, int64_t batch) {
    int64_t first = b->batch[batch], last = b->batch[batch + 1], rows = 0;
    const attachment_t attach = {.user = b, .ffn_input = take_keys, .ends_early = 1};
    b->in_hand = &b->window[first];
    for (int64_t w = first; w < last; w++) {
        const window_t *window = &b->window[w];
        TRY(tokens_read(b->corpus, window->position, window->length + 1, b->token + rows));
        memcpy(b->next + rows, b->token + rows + 1, (size_t)window->length * sizeof *b->next);
        b->length[w - first] = window->length;
        session_reset(b->session, (int32_t)(w - first));
        rows += window->length;
    }
    return session_forward(b->session, (int32_t)(last - first), b->sequence, b->length, b->token, &attach);
}

/* Local work of one rank: batches as long as there are any. A rank that fails takes the rest, so that the others stop.
 */
static int run_batches(build_t *b, par_tickets_t *tickets, progress_t *progress) {
    for (int64_t i; (i = par_tickets_next(tickets)) >= 0;) {
        TRY(par_tickets_end(tickets, par_go_on()));
        TRY(par_tickets_end(tickets, run_batch(b, i)));
        progress_update(progress, (i + 1) * b->tokens / b->batches); // tickets are handed out in order
    }
    return 0;
}

static int open_out(const char *dir, const char *name, int64_t record, int64_t n, par_out_t **out) {
    char *path = mem_printf("%s/%s", dir, name);
    int rc = par_agree(path ? 0 : -1);
    if (rc == 0) rc = par_out_open(path, (size_t)record, n, out);
    mem_free(path);
    return rc;
}

/* All three files or none. Each close agrees on rc anew, so the first message is kept over the later ones. */
static int close_outs(build_t *b, int rc) {
    par_out_t *outs[] = {b->keys, b->values, b->positions};
    char *message = rc != 0 ? mem_strdup(err_text()) : NULL;
    for (int i = 0; i < 3; i++) {
        if (!outs[i] || par_out_close(outs[i], rc) == 0) continue;
        if (rc == 0) message = mem_strdup(err_text());
        rc = -1;
    }
    if (message) err_set("%s", message);
    mem_free(message);
    return rc;
}

static int write_meta(const build_t *b, const char *dir) {
    json_t *meta = json_pack("{s:i, s:s, s:I, s:I, s:I, s:I}", "format", DATASTORE_FORMAT, "key", "last ffn input",
                             "entries", (json_int_t)b->entries, "width", (json_int_t)b->width, "stride",
                             (json_int_t)b->stride, "context", (json_int_t)model_spec(b->model)->context);
    char *text = meta ? json_dumps(meta, JSON_INDENT(2)) : NULL;
    char *path = mem_printf("%s/" DATASTORE_META, dir);
    int rc = !path ? -1 : text ? file_write(path, text, strlen(text)) : err_set("%s: no memory", path);
    json_decref(meta);
    free(text);
    mem_free(path);
    return rc;
}

static int build(build_t *b, const char *name, const char *dir) {
    par_tickets_t *tickets = NULL;
    TRY(par_agree(prepare(b)));
    TRY(par_tickets_create(b->batches, &tickets));
    int rc = open_out(dir, DATASTORE_KEYS, b->width * (int64_t)sizeof(float), b->entries, &b->keys);
    if (rc == 0) rc = open_out(dir, DATASTORE_VALUES, sizeof(int32_t), b->entries, &b->values);
    if (rc == 0) rc = open_out(dir, DATASTORE_POSITIONS, sizeof(int64_t), b->entries, &b->positions);
    if (rc == 0) {
        progress_t progress;
        progress_start(&progress, name, b->tokens, "tokens");
        rc = par_agree(run_batches(b, tickets, &progress));
        if (rc == 0) progress_end(&progress);
    }
    rc = close_outs(b, rc);
    par_tickets_free(tickets);
    TRY(rc);
    return par_agree(par_rank() == 0 ? write_meta(b, dir) : 0);
}

int datastore_build(const model_t *model, tokens_t *corpus, int64_t stride, const char *name, const char *dir) {
    build_t b = {.model = model, .corpus = corpus, .stride = stride};
    int rc = build(&b, name, dir);
    release(&b);
    return rc;
}
