/* What a foreign file holds, for people; see explain.h. A reader of tokenized corpora can be told wrongly (a type, a
 * mark) without any error: so the words here are chosen to make that visible before a study is run on it, the sizes of
 * documents, the range of ids, and what stands at the ends of documents. */
#include "text/explain.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/num.h"
#include "text/documents.h"
#include "text/format.h"
#include "text/token_file.h"
#include <stdlib.h>
#include <string.h>

enum { LOOK_BYTES = 64 << 20, DOCUMENT_COST = 16, SHOWN = 3, SHOWN_TOKENS = 12, SHOWN_BYTES = 60, SOURCES = 12 };

/* Tokens that mark ends or beginnings of documents in models of today. */
static const struct {
    int32_t token;
    const char *where;
} marks[] = {{0, "GPT-NeoX, Pythia"},    {1, "Llama 2, begin"},  {2, "Llama 2"},
             {50256, "GPT-2"},           {50279, "OLMo, Dolma"}, {100257, "OLMo 2"},
             {128000, "Llama 3, begin"}, {128001, "Llama 3"},    {151643, "Qwen"}};
enum { MARKS = sizeof marks / sizeof *marks };

typedef struct {
    char *name;
    int64_t documents;
} source_t;

typedef struct {
    int64_t documents, empty, shortest, longest, total; // in tokens or bytes
    int64_t looked;                                     // what reading them cost
    int more;                                           // there are further documents
    int beginning;                                      // that of the one document is all that was looked at
    int is_text;
    int32_t least, greatest; // tokens
    int64_t seen[MARKS];     // inside of documents
    int32_t *last;           // token of each document that is not empty
    int64_t lasts, capacity;
    source_t source[SOURCES];
    int sources, more_sources;
    char *shown[SHOWN];
} look_t;

static int keep_source(look_t *look, const char *name) {
    int i = 0;
    while (i < look->sources && strcmp(look->source[i].name, name) != 0) i++;
    if (i == SOURCES) {
        look->more_sources = 1;
        return 0;
    }
    if (i == look->sources) {
        look->source[i].name = mem_strdup(name);
        if (!look->source[i].name) return -1;
        look->sources++;
    }
    look->source[i].documents++;
    return 0;
}

/* What would disturb a terminal becomes a dot. */
static char *printable(char *text) {
    for (char *c = text; c && *c; c++)
        if ((unsigned char)*c < ' ' || *c == 0x7F) *c = '.';
    return text;
}

/* The start of a text on one line. */
static char *render_text(const document_t *d) {
    char text[SHOWN_BYTES + 1];
    size_t n = d->bytes < SHOWN_BYTES ? d->bytes : SHOWN_BYTES;
    while (n < d->bytes && n > 0 && ((unsigned char)d->text[n] & 0xC0) == 0x80) n--; // not inside a character
    for (size_t i = 0; i < n; i++) text[i] = (unsigned char)d->text[i] < ' ' || d->text[i] == 0x7F ? '.' : d->text[i];
    text[n] = '\0';
    return mem_printf("%s, %zu bytes: %s%s", d->id, d->bytes, text, d->bytes > n ? " ..." : "");
}

static char *render_tokens(const document_t *d) {
    char text[SHOWN_TOKENS * 12 + 1] = "";
    size_t used = 0;
    for (int64_t i = 0; i < d->n && i < SHOWN_TOKENS; i++)
        used += (size_t)snprintf(text + used, sizeof text - used, " %d", d->tokens[i]);
    return mem_printf("%s, %lld tokens:%s%s", d->id, (long long)d->n, text, d->n > SHOWN_TOKENS ? " ..." : "");
}

static int add_tokens(look_t *look, const document_t *d) {
    if (d->n == 0) return 0;
    if (look->lasts == 0) look->least = look->greatest = d->tokens[0];
    for (int64_t i = 0; i < d->n; i++) {
        int32_t token = d->tokens[i];
        look->least = token < look->least ? token : look->least;
        look->greatest = token > look->greatest ? token : look->greatest;
    }
    for (int m = 0; m < MARKS; m++) {
        int64_t n = 0;
        for (int64_t i = 0; i < d->n; i++) n += d->tokens[i] == marks[m].token;
        look->seen[m] += n;
    }
    TRY(mem_grow(&look->last, &look->capacity, look->lasts + 1, sizeof *look->last, "last tokens"));
    look->last[look->lasts++] = d->tokens[d->n - 1];
    return 0;
}

static int add(look_t *look, const document_t *d) {
    int64_t n = d->text ? (int64_t)d->bytes : d->n;
    look->is_text = d->text != NULL;
    if (look->documents == 0 || n < look->shortest) look->shortest = n;
    if (n > look->longest) look->longest = n;
    look->total += n;
    look->empty += n == 0;
    look->looked += (d->text ? n : 4 * n) + DOCUMENT_COST;
    TRY(keep_source(look, d->source));
    if (look->documents < SHOWN) {
        look->shown[look->documents] = printable(d->text ? render_text(d) : render_tokens(d));
        if (!look->shown[look->documents]) return -1;
    }
    look->documents++;
    return d->text ? 0 : add_tokens(look, d);
}

/* A stream of tokens that is one document, since no mark is named: maybe because it is not known yet. */
static int is_stream(const input_t *input) {
    return input->width > 0 && input->end < 0 && input->record == 0 && input->format != &format_mmidx;
}

static int look_at_stream(const input_t *input, look_t *look) {
    const int64_t most = LOOK_BYTES / (int64_t)sizeof(int32_t);
    token_file_t file;
    TRY(token_file_open(input->path, input->data, input->width, input->is_signed, &file));
    int64_t n = file.n < most ? file.n : most;
    int32_t *tokens = mem_new(n, sizeof *tokens, "tokens to look at");
    char *id = mem_printf("%s@0", input->name);
    int rc = tokens && id ? token_file_read(&file, 0, n, tokens) : -1;
    if (rc == 0 && n > 0) rc = add(look, &(document_t){.id = id, .source = input->source, .tokens = tokens, .n = n});
    look->beginning = n < file.n;
    token_file_close(&file);
    mem_free(tokens);
    mem_free(id);
    return rc;
}

static int look_at(const input_t *input, look_t *look) {
    documents_t *reader;
    document_t document;
    int rc;
    TRY(documents_open(input, &reader));
    while ((rc = documents_next(reader, &document)) == 1) {
        look->more = look->looked >= LOOK_BYTES;
        if (look->more) break;
        if (add(look, &document) != 0) {
            rc = -1;
            break;
        }
    }
    documents_close(reader);
    return rc < 0 ? -1 : 0;
}

static int by_value(const void *a, const void *b) {
    int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
    return (x > y) - (x < y);
}

static const char *mark_name(int32_t token) {
    for (int m = 0; m < MARKS; m++)
        if (marks[m].token == token) return marks[m].where;
    return NULL;
}

/* A token that ends more than half of the documents is the middle one of their last tokens in order. */
static void print_last(const look_t *look, const input_t *input, FILE *out) {
    if (look->lasts < 2) return;
    qsort(look->last, (size_t)look->lasts, sizeof *look->last, by_value);
    int32_t token = look->last[look->lasts / 2];
    int64_t n = 0;
    for (int64_t i = 0; i < look->lasts; i++) n += look->last[i] == token;
    if (2 * n <= look->lasts || n < 2) return;
    const char *name = mark_name(token);
    fprintf(out, "  note: %lld of %lld documents end with token %d%s%s%s", (long long)n, (long long)look->lasts, token,
            name ? " (" : "", name ? name : "", name ? ")" : "");
    if (input->end < 0)
        fprintf(out,
                "; if it is the end token of the data, say end=%d: memprobe puts one of its own behind each "
                "document",
                token);
    fprintf(out, "\n");
}

/* Marks inside of documents, where none was named or the one that was is nowhere: so they are texts joined. */
static void print_marks(const look_t *look, const input_t *input, FILE *out) {
    int printed = 0, nowhere = input->end >= 0 && !look->more && look->documents == 1 && look->total == input->size;
    if (nowhere) fprintf(out, "  note: token %lld is nowhere in it: is end right?\n", (long long)input->end);
    for (int m = 0; m < MARKS && (input->end < 0 || nowhere); m++) {
        if (look->seen[m] == 0 || marks[m].token == 1 || marks[m].token == 2)
            continue; // those are common tokens of others
        fprintf(out, "%s %d (%s) %lld times", printed++ ? "," : "  marks of known models in them: token",
                marks[m].token, marks[m].where, (long long)look->seen[m]);
    }
    if (printed) fprintf(out, "\n");
}

static int by_name(const void *a, const void *b) {
    return strcmp(((const source_t *)a)->name, ((const source_t *)b)->name);
}

static void print_sources(look_t *look, FILE *out) {
    if (look->sources == 0 || (look->sources == 1 && look->source[0].name[0] == '\0')) return;
    qsort(look->source, (size_t)look->sources, sizeof *look->source, by_name);
    fprintf(out, "  sources:");
    for (int i = 0; i < look->sources; i++)
        fprintf(out, "%s %s %lld", i > 0 ? "," : "",
                look->source[i].name[0] ? printable(look->source[i].name) : "(none)",
                (long long)look->source[i].documents);
    fprintf(out, "%s\n", look->more_sources ? ", and others" : "");
}

static void print_look(look_t *look, const input_t *input, FILE *out) {
    const char *what = look->is_text ? "bytes" : "tokens";
    const char *much = look->beginning ? " (no mark is named), its beginning"
                       : look->more    ? " (the first ones; there are more)"
                                       : "";
    if (look->documents == 0) {
        fprintf(out, "  no documents\n");
        return;
    }
    fprintf(out, "  documents %lld%s, of %lld .. %lld %s, mean %.1f, together %lld", (long long)look->documents, much,
            (long long)look->shortest, (long long)look->longest, what, (double)look->total / (double)look->documents,
            (long long)look->total);
    if (look->empty > 0) fprintf(out, "; %lld empty", (long long)look->empty);
    fprintf(out, "\n");
    print_sources(look, out);
    if (look->lasts > 0) fprintf(out, "  ids of tokens %d .. %d\n", look->least, look->greatest);
    for (int i = 0; i < SHOWN && look->shown[i]; i++) fprintf(out, "  document %s\n", look->shown[i]);
    print_marks(look, input, out);
    print_last(look, input, out);
}

static void release(look_t *look) {
    mem_free(look->last);
    for (int i = 0; i < look->sources; i++) mem_free(look->source[i].name);
    for (int i = 0; i < SHOWN; i++) mem_free(look->shown[i]);
}

int input_explain(const input_t *input, FILE *out) {
    look_t look = {0};
    char size[NUM_TEXT];
    fprintf(out, "%s: ", input->path);
    if (input->format->explain)
        TRY(input->format->explain(input, out));
    else
        fprintf(out, "%s\n", input->format->name);
    static const char *const packed[] = {"", ", packed by zstd", ", packed by gzip"};
    fprintf(out, "  %s on disk (%lld bytes)%s", num_print_bytes(size, (double)input->bytes), (long long)input->bytes,
            packed[input->packing]);
    if (input->end >= 0) fprintf(out, ", token %lld marks where documents end", (long long)input->end);
    fprintf(out, "\n");
    int rc = is_stream(input) ? look_at_stream(input, &look) : look_at(input, &look);
    if (rc == 0) print_look(&look, input, out);
    release(&look);
    return rc;
}
