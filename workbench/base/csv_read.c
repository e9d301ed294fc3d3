/* Reading CSV: the whole text goes into one buffer, and the fields become C strings inside it, unquoted in place. */
#include "base/csv.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/zio.h"
#include <string.h>

typedef struct {
    const char *path;
    char *text; // lines, each ended by \n, then \0
    int64_t bytes, capacity;
    char *at;     // next byte to parse
    int64_t line; // of *at, from 1
} source_t;

static int append(source_t *s, const char *data, size_t bytes) {
    TRY(mem_grow(&s->text, &s->capacity, s->bytes + (int64_t)bytes + 2, 1, "a table"));
    memcpy(s->text + s->bytes, data, bytes);
    s->bytes += (int64_t)bytes;
    s->text[s->bytes++] = '\n';
    s->text[s->bytes] = '\0';
    return 0;
}

static int load(source_t *s) {
    zin_t *in;
    TRY(zin_open(s->path, &in));
    char *line;
    size_t bytes;
    int status;
    while ((status = zin_line(in, &line, &bytes)) == 1) {
        if (memchr(line, '\0', bytes) != NULL)
            status = err_set("%s:%lld: a zero byte: not a CSV file", s->path, (long long)zin_line_number(in));
        else
            status = append(s, line, bytes);
        if (status != 0) break;
    }
    zin_close(in);
    if (status != 0) return -1;
    if (s->bytes == 0) return err_set("%s: is empty; the first line must be a header", s->path);
    s->at = s->text + (strncmp(s->text, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0);
    s->line = 1;
    return 0;
}

/* A quoted field: at stands behind the opening quote. Writes the unquoted text over the source. */
static int parse_quoted(source_t *s) {
    char *to = s->at;
    int64_t first = s->line;
    for (;; s->at++) {
        if (*s->at == '\0') return err_set("%s:%lld: a quote is opened and not closed", s->path, (long long)first);
        if (*s->at == '\n') s->line++;
        if (*s->at == '"' && *++s->at != '"') break;
        *to++ = *s->at;
    }
    if (s->at[0] == '\r' && s->at[1] == '\n') s->at++;
    if (*s->at != ',' && *s->at != '\n')
        return err_set("%s:%lld: text after a closing quote", s->path, (long long)s->line);
    *to = '\0'; // at or before the closing quote, never the separator
    return 0;
}

/* One field; *last is set when it ends its row. */
static int parse_field(source_t *s, char **field, int *last) {
    char *end;
    if (*s->at == '"') {
        *field = ++s->at;
        TRY(parse_quoted(s));
        end = s->at;
    } else {
        *field = s->at;
        end = s->at + strcspn(s->at, ",\"\n");
        if (*end == '"') return err_set("%s:%lld: a quote inside an unquoted field", s->path, (long long)s->line);
    }
    *last = *end == '\n';
    if (*last && end > *field && end[-1] == '\r') end[-1] = '\0';
    *end = '\0';
    s->at = end + 1;
    return 0;
}

/* Fields of one row are appended to *fields. */
static int parse_row(source_t *s, char ***fields, int64_t *n, int64_t *capacity) {
    int last = 0;
    while (!last) {
        char *field;
        TRY(mem_grow(fields, capacity, *n + 1, sizeof **fields, "a table"));
        TRY(parse_field(s, &field, &last));
        (*fields)[(*n)++] = field;
    }
    s->line++;
    return 0;
}

static int check_names(const csv_t *table, const char *path) {
    for (int32_t i = 0; i < table->columns; i++)
        for (int32_t j = 0; j < i; j++)
            if (strcmp(table->name[i], table->name[j]) == 0)
                return err_set("%s: the column \"%s\" is there twice", path, table->name[i]);
    return 0;
}

static int parse(source_t *s, csv_t *table) {
    int64_t n = 0, capacity = 0;
    TRY(parse_row(s, &table->name, &n, &capacity));
    if (n > INT32_MAX) return err_set("%s: too many columns", s->path);
    table->columns = (int32_t)n;
    TRY(check_names(table, s->path));
    n = capacity = 0;
    while (*s->at != '\0') {
        int64_t before = n, line = s->line;
        TRY(parse_row(s, &table->field, &n, &capacity));
        if (n - before != table->columns)
            return err_set("%s:%lld: %lld fields where the header has %d", s->path, (long long)line,
                           (long long)(n - before), table->columns);
        table->rows++;
    }
    return 0;
}

int csv_read(const char *path, csv_t *table) {
    *table = (csv_t){0};
    source_t source = {.path = path};
    int rc = load(&source);
    table->hidden = source.text;
    if (rc == 0) rc = parse(&source, table);
    if (rc != 0) csv_free(table);
    return rc;
}

int csv_column(const csv_t *table, const char *name, int32_t *column) {
    for (int32_t i = 0; i < table->columns; i++)
        if (strcmp(table->name[i], name) == 0) {
            *column = i;
            return 0;
        }
    return err_set("there is no column \"%s\" in the table (its first column is \"%s\")", name, table->name[0]);
}

const char *csv_at(const csv_t *table, int64_t row, int32_t column) {
    return table->field[row * table->columns + column];
}

void csv_free(csv_t *table) {
    mem_free(table->name);
    mem_free(table->field);
    mem_free(table->hidden);
    *table = (csv_t){0};
}
