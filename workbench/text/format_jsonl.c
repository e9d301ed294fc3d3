/* JSON lines. Field names are settings; their defaults are those of the usual corpora: Dolma and OLMo write {"id",
 * "text", "source"}, the Pile {"text", "meta": {"pile_set_name"}}. A corpus that is read wrongly here would make every
 * later count wrong, so a line that is not exactly one JSON object with a text is an error that names file and line;
 * nothing is skipped. */
#include "base/err.h"
#include "base/mem.h"
#include "text/format.h"
#include "text/lines.h"
#include <jansson.h>
#include <string.h>

typedef struct {
    lines_t lines;
    json_t *line; // owns the texts of the document last returned
    char *id;     // when the file does not hold it as text
} jsonl_t;

static int jsonl_sniff(const char *path, const uint8_t *head, size_t bytes) {
    (void)head;
    (void)bytes;
    static const char *const endings[] = {".jsonl", ".json", ".ndjson", NULL};
    return lines_named(path, endings);
}

static void jsonl_close(void *reader) {
    jsonl_t *r = reader;
    json_decref(r->line);
    lines_close(&r->lines);
    mem_free(r->id);
    mem_free(r);
}

static int jsonl_open(const input_t *input, void **reader) {
    jsonl_t *r = mem_new(1, sizeof *r, "document reader");
    if (r == NULL) return -1;
    *reader = r;
    if (lines_open(input, &r->lines) == 0) return 0;
    jsonl_close(r);
    return -1;
}

static int jsonl_range(void *reader, int64_t first, int64_t last) {
    return lines_range(&((jsonl_t *)reader)->lines, first, last);
}

/* A field that goes into tables: text without NUL. NULL value: the field is absent or null. */
static int short_text(const json_t *field, const char *name, const char **value) {
    *value = NULL;
    if (!field || json_is_null(field)) return 0;
    if (!json_is_string(field)) return err_set("\"%s\" is not text", name);
    *value = json_string_value(field);
    if (strlen(*value) != json_string_length(field)) return err_set("\"%s\" holds a NUL byte", name);
    return 0;
}

static int read_source(const json_t *line, const char *input_source, const char **source) {
    TRY(short_text(json_object_get(line, "source"), "source", source));
    if (!*source) {
        const json_t *meta = json_object_get(line, "meta");
        TRY(short_text(json_object_get(meta, "pile_set_name"), "meta.pile_set_name", source));
    }
    if (!*source) *source = input_source;
    return 0;
}

static int read_id(jsonl_t *r, const json_t *line, const char **id) {
    const json_t *field = json_object_get(line, "id");
    mem_free(r->id);
    r->id = NULL;
    if (json_is_integer(field)) {
        *id = r->id = mem_printf("%lld", (long long)json_integer_value(field));
        return r->id ? 0 : -1;
    }
    TRY(short_text(field, "id", id));
    if (*id && **id) return 0;
    return *id ? err_set("\"id\" is empty") : lines_id(&r->lines, id);
}

static int read_line(jsonl_t *r, const char *line, size_t bytes, document_t *document) {
    json_error_t error;
    json_decref(r->line);
    r->line = json_loadb(line, bytes, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);
    if (!r->line) return err_set("not a JSON object: column %d: %s", error.column, error.text);
    if (!json_is_object(r->line)) return err_set("not a JSON object");
    const json_t *text = json_object_get(r->line, "text");
    if (!text) return err_set("there is no \"text\"");
    if (!json_is_string(text)) return err_set("\"text\" is not text");
    document->text = json_string_value(text);
    document->bytes = json_string_length(text);
    TRY(read_id(r, r->line, &document->id));
    return read_source(r->line, r->lines.input->source, &document->source);
}

static int jsonl_next(void *reader, document_t *document) {
    jsonl_t *r = reader;
    char *line;
    size_t bytes;
    int rc = lines_next(&r->lines, &line, &bytes);
    if (rc <= 0) return rc;
    if (read_line(r, line, bytes, document) == 0) return 1;
    return err_context("%s:%lld", r->lines.input->path, (long long)zin_line_number(r->lines.in));
}

static int jsonl_explain(const input_t *input, FILE *out) {
    (void)input;
    fprintf(out, "JSON lines, a document a line\n");
    return 0;
}

const format_t format_jsonl = {
    .name = "jsonl",
    .unit = "bytes",
    .help = "nothing else",
    .sniff = jsonl_sniff,
    .check = lines_check,
    .open = jsonl_open,
    .range = jsonl_range,
    .next = jsonl_next,
    .close = jsonl_close,
    .explain = jsonl_explain,
};
