/* Text: a document a file, or a document a line. Bytes are taken as they are; a byte order mark at the start of the
 * file is not text, nor are the ends of lines in files that are cut into lines. */
#include "base/err.h"
#include "base/mem.h"
#include "base/zio.h"
#include "text/format.h"
#include "text/lines.h"
#include <string.h>

static int text_sniff(const char *path, const uint8_t *head, size_t bytes) {
    (void)head;
    (void)bytes;
    static const char *const endings[] = {".txt", ".text", NULL};
    return lines_named(path, endings);
}

static int text_option(input_t *input, const char *option) {
    if (strncmp(option, "split=", 6) != 0) return 0;
    input->by_line = strcmp(option, "split=line") == 0;
    if (input->by_line || strcmp(option, "split=file") == 0) return 1;
    return err_set("'%s': split is line or file", option);
}

/* A file that is one document has one unit, so that no part ever holds a piece of it. How much a packed one unpacks to
 * is not worth reading it: about four times. */
static int text_check(input_t *input) {
    TRY(lines_check(input));
    if (input->by_line) return 0;
    input->size = 1;
    input->unit_bytes = input->packing == PACKED_NOT ? input->bytes : 4 * input->bytes;
    return 0;
}

typedef struct {
    const input_t *input;
    lines_t lines;
    int unread; // the document of the file is in the range and was not given
} text_t;

static void text_close(void *reader) {
    text_t *r = reader;
    lines_close(&r->lines);
    mem_free(r);
}

static int text_open(const input_t *input, void **reader) {
    text_t *r = mem_new(1, sizeof *r, "document reader");
    if (r == NULL) return -1;
    r->input = input;
    r->unread = 1;
    *reader = r;
    if (lines_open(input, &r->lines) == 0) return 0;
    text_close(r);
    return -1;
}

static int text_range(void *reader, int64_t first, int64_t last) {
    text_t *r = reader;
    if (r->input->by_line) return lines_range(&r->lines, first, last);
    r->unread = first <= 0 && last > 0;
    return lines_range(&r->lines, 0, INT64_MAX);
}

static int next_file(text_t *r, document_t *document) {
    char *text;
    if (!r->unread) return 0;
    r->unread = 0;
    TRY(lines_rest(&r->lines, &text, &document->bytes));
    document->text = text;
    document->id = r->input->name;
    return 1;
}

static int text_next(void *reader, document_t *document) {
    text_t *r = reader;
    document->source = r->input->source;
    if (!r->input->by_line) return next_file(r, document);
    char *line;
    int rc = lines_next(&r->lines, &line, &document->bytes);
    if (rc <= 0) return rc;
    document->text = line;
    return lines_id(&r->lines, &document->id) == 0 ? 1 : -1;
}

static int text_explain(const input_t *input, FILE *out) {
    fprintf(out, "text, %s\n", input->by_line ? "a document a line" : "one document");
    return 0;
}

const format_t format_text = {
    .name = "text",
    .unit = "bytes",
    .help = "split=line or split=file",
    .sniff = text_sniff,
    .option = text_option,
    .check = text_check,
    .open = text_open,
    .range = text_range,
    .next = text_next,
    .close = text_close,
    .explain = text_explain,
};
