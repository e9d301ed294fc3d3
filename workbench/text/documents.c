/* Documents from JSON lines. Field names are those of the usual corpora: Dolma and OLMo write {"id", "text", "source"},
 * the Pile
 * {"text", "meta": {"pile_set_name"}}. A corpus that is read wrongly here would make every later count wrong, so a line
 * that is not exactly one JSON object with a text is an error that names file and line; nothing is skipped. */
#include "text/documents.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/zio.h"
#include <jansson.h>
#include <string.h>

struct documents {
    char *path;
    zin_t *in;
    json_t *line; // owns the texts of the document last returned
    char *id;     // when the file does not hold it as text
};

int documents_open(const char *path, documents_t **reader) {
    documents_t *r = mem_new(1, sizeof *r, "document reader");
    if (!r) return -1;
    r->path = mem_strdup(path);
    if (!r->path || zin_open(path, &r->in) != 0) {
        documents_close(r);
        return -1;
    }
    *reader = r;
    return 0;
}

void documents_close(documents_t *r) {
    if (!r) return;
    json_decref(r->line);
    zin_close(r->in);
    mem_free(r->id);
    mem_free(r->path);
    mem_free(r);
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

static int read_source(const json_t *line, const char **source) {
    TRY(short_text(json_object_get(line, "source"), "source", source));
    if (!*source) {
        const json_t *meta = json_object_get(line, "meta");
        TRY(short_text(json_object_get(meta, "pile_set_name"), "meta.pile_set_name", source));
    }
    if (!*source) *source = "";
    return 0;
}

static int read_id(documents_t *r, const json_t *line, const char **id) {
    const json_t *field = json_object_get(line, "id");
    mem_free(r->id);
    r->id = NULL;
    if (json_is_integer(field)) {
        r->id = mem_printf("%lld", (long long)json_integer_value(field));
    } else {
        TRY(short_text(field, "id", id));
        if (*id && **id) return 0;
        if (*id) return err_set("\"id\" is empty");
        r->id = mem_printf("%s:%lld", r->path, (long long)zin_line_number(r->in));
    }
    *id = r->id;
    return r->id ? 0 : -1;
}

static int read_line(documents_t *r, const char *line, size_t bytes, document_t *document) {
    json_error_t error;
    if (bytes >= 3 && zin_line_number(r->in) == 1 && memcmp(line, "\xEF\xBB\xBF", 3) == 0) { // a byte order mark
        line += 3;
        bytes -= 3;
    }
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
    return read_source(r->line, &document->source);
}

int documents_next(documents_t *r, document_t *document) {
    char *line;
    size_t bytes;
    int rc = zin_line(r->in, &line, &bytes);
    if (rc <= 0) return rc;
    if (read_line(r, line, bytes, document) == 0) return 1;
    return err_context("%s:%lld", r->path, (long long)zin_line_number(r->in));
}
