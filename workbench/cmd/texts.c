/* Words of the command line become slices: standard input, a file, or a piece of a large file of lines. Which reader
 * serves a slice is decided here, so that the tools see texts only. */
#include "cmd/texts.h"
#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/zio.h"
#include "text/documents.h"
#include "text/format.h"
#include "text/utf8.h"
#include <string.h>

enum { SLICE = 64 << 20 }; // bytes of a plain file of lines that make a part

typedef struct {
    const input_t *input; // NULL: standard input
    int64_t first, last;  // units; 0 and -1: the whole input
} slice_t;

struct texts {
    int by_line, has_stdin;
    inputs_t *inputs; // (words)
    int words;
    slice_t *slice;
    int64_t slices, capacity;
};

static int is_text(const input_t *input) {
    return input->format == &format_text;
}

static int add_slice(texts_t *t, slice_t slice) {
    TRY(mem_grow(&t->slice, &t->capacity, t->slices + 1, sizeof *t->slice, "list of inputs"));
    t->slice[t->slices++] = slice;
    return 0;
}

/* The size of a packed file is not known without reading it, so it stays whole. */
static int add_input(texts_t *t, const input_t *input) {
    int is_lines = input->format == &format_jsonl || (is_text(input) && input->by_line);
    if (!is_lines || input->packing != PACKED_NOT || input->size <= SLICE) {
        return add_slice(t, (slice_t){input, 0, -1});
    }
    for (int64_t first = 0; first < input->size; first += SLICE) {
        int64_t last = first + SLICE < input->size ? first + SLICE : input->size;
        TRY(add_slice(t, (slice_t){input, first, last}));
    }
    return 0;
}

static int add_word(texts_t *t, const char *word, inputs_t *inputs) {
    input_rules_t rules = input_rules_default();
    rules.document_limit = INT64_MAX; // none: the user asked for this very file
    if (strcmp(word, "-") == 0) {
        if (t->has_stdin) return err_set("standard input is named twice");
        t->has_stdin = 1;
        return add_slice(t, (slice_t){NULL, 0, -1});
    }
    if (file_exists(word)) {
        TRY(inputs_open_texts(word, t->by_line, &rules, inputs));
    } else {
        TRY(inputs_open(word, &rules, "INPUT", inputs));
        for (int64_t i = 0; i < inputs->count; i++) {
            if (t->by_line && is_text(&inputs->input[i]) && !inputs->input[i].by_line)
                return err_set("INPUT: %s: in a list the option split=line takes the place of --lines", word);
        }
    }
    for (int64_t i = 0; i < inputs->count; i++) TRY(add_input(t, &inputs->input[i]));
    return 0;
}

int texts_open(char *const *word, int words, int by_line, texts_t **texts) {
    texts_t *t = mem_new(1, sizeof *t, "list of inputs");
    int rc = t != NULL ? 0 : -1;
    if (rc == 0) {
        t->by_line = by_line;
        t->words = words;
        t->inputs = mem_new(words, sizeof *t->inputs, "list of inputs");
        rc = t->inputs != NULL ? 0 : -1;
    }
    for (int i = 0; i < words && rc == 0; i++) rc = add_word(t, word[i], &t->inputs[i]);
    if (rc != 0) texts_close(t);
    if (rc == 0) *texts = t;
    return rc;
}

void texts_close(texts_t *t) {
    if (t == NULL) return;
    for (int i = 0; t->inputs != NULL && i < t->words; i++) inputs_free(&t->inputs[i]);
    mem_free(t->inputs);
    mem_free(t->slice);
    mem_free(t);
}

int64_t texts_parts(const texts_t *t) {
    return t->slices;
}

int texts_has_stdin(const texts_t *t) {
    return t->has_stdin;
}

/* The start of a file, as ingest reads it: without a byte order mark. */
static int take_start(texts_fn fn, void *user, const char *text, size_t bytes) {
    size_t mark = utf8_mark(text, bytes);
    return fn(user, text + mark, bytes - mark);
}

/* Plain or packed, as files are. */
static int each_of_stdin(int by_line, texts_fn fn, void *user) {
    zin_t *in;
    char *text;
    size_t bytes;
    int got = 0;
    TRY(zin_open("/dev/stdin", &in));
    if (!by_line) {
        got = zin_rest(in, &text, &bytes);
        if (got >= 0) got = take_start(fn, user, text, bytes);
    }
    while (by_line && got == 0 && (got = zin_line(in, &text, &bytes)) > 0) {
        if (bytes > 0 && text[bytes - 1] == '\r') bytes--;
        got = zin_line_start(in) == 0 ? take_start(fn, user, text, bytes) : fn(user, text, bytes);
    }
    zin_close(in);
    return got < 0 ? -1 : 0;
}

static int each_document(const slice_t *slice, texts_fn fn, void *user) {
    documents_t *reader;
    document_t document;
    int got = 0;
    TRY(documents_open(slice->input, &reader));
    if (slice->last >= 0) got = documents_range(reader, slice->first, slice->last);
    while (got == 0 && (got = documents_next(reader, &document)) > 0) {
        got = document.text != NULL ? fn(user, document.text, document.bytes)
                                    : err_set("%s holds tokens, not text", slice->input->path);
    }
    documents_close(reader);
    return got < 0 ? -1 : 0;
}

int texts_each(const texts_t *t, int64_t part, texts_fn fn, void *user) {
    const slice_t *slice = &t->slice[part];
    if (slice->input == NULL) return each_of_stdin(t->by_line, fn, user);
    if (!is_text(slice->input) || slice->input->by_line || slice->input->packing != PACKED_NOT) {
        return each_document(slice, fn, user);
    }
    file_map_t map;
    TRY(file_map(slice->input->path, &map));
    int rc = take_start(fn, user, map.size > 0 ? (const char *)map.data : "", map.size);
    file_unmap(&map);
    return rc;
}
