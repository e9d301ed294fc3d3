/* JSON lines. Field names are settings; their defaults are those of the usual corpora: Dolma and OLMo write {"id",
 * "text", "source"}, the Pile {"text", "meta": {"pile_set_name"}}. A corpus that is read wrongly here would make every
 * later count wrong, so a line that is not exactly one JSON object with a text is an error that names file and line;
 * nothing is skipped. */
#include "base/err.h"
#include "base/json_scan.h"
#include "base/mem.h"
#include "text/format.h"
#include "text/lines.h"
#include <string.h>

/* "a | b": paths [first, last) of the scanner. */
typedef struct {
    const char *names;
    int32_t first, last;
} field_t;

typedef struct {
    json_paths_t paths;
    field_t text, id, source;
} fields_t;

typedef struct {
    lines_t lines;
    fields_t fields;
} jsonl_t;

static int read_names(json_paths_t *paths, const char *names, field_t *field) {
    *field = (field_t){names, paths->n, paths->n};
    for (const char *at = names;; at++) {
        at += strspn(at, " \t");
        size_t bytes = strcspn(at, "|"), name = bytes;
        while (name > 0 && (at[name - 1] == ' ' || at[name - 1] == '\t')) name--;
        TRY(json_paths_add(paths, at, name));
        at += bytes;
        if (*at == '\0') break;
    }
    field->last = paths->n;
    return 0;
}

static int read_rules(const input_rules_t *rules, fields_t *fields) {
    *fields = (fields_t){0};
    if (read_names(&fields->paths, rules->text_field, &fields->text) != 0) return err_context("[corpus] text_field");
    if (read_names(&fields->paths, rules->id_field, &fields->id) != 0) return err_context("[corpus] id_field");
    if (read_names(&fields->paths, rules->source_field, &fields->source) != 0)
        return err_context("[corpus] source_field");
    return 0;
}

static int jsonl_sniff(const char *path, const uint8_t *head, size_t bytes) {
    (void)head;
    (void)bytes;
    static const char *const endings[] = {".jsonl", ".json", ".ndjson", NULL};
    return lines_named(path, endings);
}

static int jsonl_check(input_t *input) {
    fields_t fields;
    TRY(read_rules(input->rules, &fields));
    return lines_check(input);
}

static void jsonl_close(void *reader) {
    jsonl_t *r = reader;
    lines_close(&r->lines);
    mem_free(r);
}

static int jsonl_open(const input_t *input, void **reader) {
    jsonl_t *r = mem_new(1, sizeof *r, "document reader");
    if (r == NULL) return -1;
    if (read_rules(input->rules, &r->fields) == 0 && lines_open(input, &r->lines) == 0) {
        *reader = r;
        return 0;
    }
    jsonl_close(r);
    return -1;
}

static int jsonl_range(void *reader, int64_t first, int64_t last) {
    return lines_range(&((jsonl_t *)reader)->lines, first, last);
}

/* What a line says of a field: the first of the alternatives that is there and not null. */
typedef struct {
    const json_value_t *value; // NULL: none
    const char *name;
    int bytes; // of name
} found_t;

static found_t find(const fields_t *fields, const json_value_t *value, field_t field) {
    for (int32_t p = field.first; p < field.last; p++) {
        if (value[p].kind == JSON_ABSENT || value[p].kind == JSON_IS_NULL) continue;
        const json_path_t *path = &fields->paths.path[p];
        const char *end = path->part[path->parts - 1] + path->bytes[path->parts - 1];
        return (found_t){&value[p], path->part[0], (int)(end - path->part[0])};
    }
    return (found_t){0};
}

static int complain(found_t found, const char *what) {
    return err_set("\"%.*s\" %s", found.bytes, found.name, what);
}

static int has_nul(const json_value_t *value) {
    return memchr(value->text, '\0', value->bytes) != NULL;
}

static int read_text(jsonl_t *r, const json_value_t *value, document_t *document) {
    found_t found = find(&r->fields, value, r->fields.text);
    if (found.value == NULL)
        return err_set("there is no \"%s\": [corpus] text_field says where the text is", r->fields.text.names);
    if (found.value->kind != JSON_IS_TEXT) return complain(found, "is not text");
    document->text = found.value->text;
    document->bytes = found.value->bytes;
    return 0;
}

static int read_id(jsonl_t *r, const json_value_t *value, const char **id) {
    found_t found = find(&r->fields, value, r->fields.id);
    if (found.value == NULL) return lines_id(&r->lines, id);
    if (found.value->kind != JSON_IS_TEXT && found.value->kind != JSON_IS_INTEGER)
        return complain(found, "is neither text nor an integer");
    if (found.value->bytes == 0) return complain(found, "is empty");
    if (has_nul(found.value)) return complain(found, "holds a NUL byte, which tables cannot");
    *id = found.value->text;
    return 0;
}

static int read_source(jsonl_t *r, const json_value_t *value, const char **source) {
    found_t found = find(&r->fields, value, r->fields.source);
    *source = r->lines.input->source;
    if (found.value == NULL) return 0;
    if (found.value->kind != JSON_IS_TEXT) return complain(found, "is not text");
    if (has_nul(found.value)) return complain(found, "holds a NUL byte, which tables cannot");
    if (found.value->bytes > 0) *source = found.value->text;
    return 0;
}

static int read_line(jsonl_t *r, char *line, size_t bytes, document_t *document) {
    json_value_t value[JSON_PATHS];
    TRY(json_scan(&r->fields.paths, line, bytes, value));
    TRY(read_text(r, value, document));
    TRY(read_id(r, value, &document->id));
    return read_source(r, value, &document->source);
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
    .check = jsonl_check,
    .open = jsonl_open,
    .range = jsonl_range,
    .next = jsonl_next,
    .close = jsonl_close,
    .explain = jsonl_explain,
};
