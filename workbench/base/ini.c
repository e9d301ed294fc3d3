/* The config file, read with inih, and the overrides. inih splits the lines; around it stand the checks that it leaves
 * out: it cuts long lines and long names silently, knows no key twice and shows no empty section. Line numbers come
 * from the reader callback, since the library may be built without them. */
#include "base/err.h"
#include "base/ini_private.h"
#include "base/mem.h"
#include <errno.h>
#include <ini.h>
#include <string.h>

enum { NAME_LIMIT = 49 }; // inih cuts longer section and key names

/* State of one parse, for the two callbacks. */
typedef struct {
    ini_t *ini;
    FILE *file;
    long line;
    int indented; // the present line starts with a blank: it continues the value of the line before
    int failed;
} parse_t;

entry_t *ini_find_entry(const ini_t *ini, const char *section, const char *key) {
    for (int64_t i = 0; i < ini->n_entries; i++)
        if (strcmp(ini->entry[i].section, section) == 0 && strcmp(ini->entry[i].key, key) == 0) return &ini->entry[i];
    return NULL;
}

section_t *ini_find_section(const ini_t *ini, const char *name) {
    for (int64_t i = 0; i < ini->n_sections; i++)
        if (strcmp(ini->section[i].name, name) == 0) return &ini->section[i];
    return NULL;
}

static int add_section(ini_t *ini, const char *name, const char *where) {
    TRY(mem_grow(&ini->section, &ini->section_capacity, ini->n_sections + 1, sizeof *ini->section, "a config"));
    section_t *section = &ini->section[ini->n_sections++];
    section->name = mem_strdup(name);
    section->where = mem_strdup(where);
    return section->name != NULL && section->where != NULL ? 0 : -1;
}

static int add_entry(ini_t *ini, const char *section, const char *key, const char *value, const char *where) {
    TRY(mem_grow(&ini->entry, &ini->entry_capacity, ini->n_entries + 1, sizeof *ini->entry, "a config"));
    entry_t *entry = &ini->entry[ini->n_entries++];
    entry->section = mem_strdup(section);
    entry->key = mem_strdup(key);
    entry->value = mem_strdup(value);
    entry->where = mem_strdup(where);
    return entry->section != NULL && entry->key != NULL && entry->value != NULL && entry->where != NULL ? 0 : -1;
}

static int set_value(entry_t *entry, char *value) {
    if (value == NULL) return -1;
    mem_free(entry->value);
    entry->value = value;
    return 0;
}

/* Reading. */

static int fail(parse_t *p) {
    p->failed = 1;
    return 0; // what inih takes for "error"
}

/* Notes a "[name]" line, so that a section without keys exists too. */
static int note_section(parse_t *p, const char *line) {
    if (p->line == 1 && strncmp(line, "\xEF\xBB\xBF", 3) == 0) line += 3;
    const char *start = line + strspn(line, " \t");
    if (*start != '[') return 0;
    if (start > line)
        return err_set("%s:%ld: a [section] must start at the beginning of its line", p->ini->path, p->line);
    size_t length = strcspn(++start, "]");
    if (start[length] != ']') return err_set("%s:%ld: the section name is not closed by ]", p->ini->path, p->line);
    if (length == 0 || length > NAME_LIMIT)
        return err_set("%s:%ld: a section name must have 1 to %d characters", p->ini->path, p->line, NAME_LIMIT);
    char name[NAME_LIMIT + 1];
    memcpy(name, start, length);
    name[length] = '\0';
    const section_t *before = ini_find_section(p->ini, name);
    if (before != NULL)
        return err_set("%s:%ld: section [%s] is there twice (before: %s); put its keys together", p->ini->path, p->line,
                       name, before->where);
    char *where = mem_printf("%s:%ld", p->ini->path, p->line);
    int rc = where != NULL ? add_section(p->ini, name, where) : -1;
    mem_free(where);
    return rc;
}

/* inih asks for the next line. */
static char *read_line(char *text, int size, void *stream) {
    parse_t *p = stream;
    if (p->failed || fgets(text, size, p->file) == NULL) return NULL;
    p->line++;
    p->indented = text[0] == ' ' || text[0] == '\t';
    size_t length = strlen(text);
    int whole = length > 0 && (text[length - 1] == '\n' || feof(p->file));
    if (!whole) {
        err_set(length + 1 < (size_t)size
                    ? "%s:%ld: a zero byte: not a text file"
                    : "%s:%ld: the line is too long; end it after a comma and go on, indented, in "
                      "the next line",
                p->ini->path, p->line);
        fail(p);
        return NULL;
    }
    if (note_section(p, text) != 0) {
        fail(p);
        return NULL;
    }
    return text;
}

/* inih cuts off " ; comment"; " # comment" is cut off here. */
static void cut_comment(char *value) {
    for (char *at = value; *at != '\0'; at++) {
        if (*at != '#' || (at > value && at[-1] != ' ' && at[-1] != '\t')) continue;
        while (at > value && (at[-1] == ' ' || at[-1] == '\t')) at--;
        *at = '\0';
        return;
    }
}

/* An indented line goes on with the value of the line before. Only after a comma: a key indented by taste would
 * otherwise end up inside the value above it. */
static int continue_value(parse_t *p, entry_t *entry, const char *value) {
    size_t length = strlen(entry->value);
    if (length == 0 || entry->value[length - 1] != ',')
        return err_set("%s:%ld: the line is indented, so it would continue the value of %s, which does not end in a "
                       "comma; start a key at the beginning of its line",
                       p->ini->path, p->line, entry->key);
    return set_value(entry, mem_printf("%s %s", entry->value, value));
}

static int take_value(parse_t *p, const char *section, const char *key, char *value) {
    ini_t *ini = p->ini;
    cut_comment(value);
    if (section[0] == '\0')
        return err_set("%s:%ld: the key %s stands before the first [section]", ini->path, p->line, key);
    if (key[0] == '\0' || strlen(key) > NAME_LIMIT - 1)
        return err_set("%s:%ld: a key must have 1 to %d characters", ini->path, p->line, NAME_LIMIT - 1);
    entry_t *before = ini_find_entry(ini, section, key);
    if (before != NULL && p->indented && before == &ini->entry[ini->n_entries - 1])
        return continue_value(p, before, value);
    if (before != NULL)
        return err_set("%s:%ld: [%s] %s is given twice (before: %s)", ini->path, p->line, section, key, before->where);
    char *where = mem_printf("%s:%ld", ini->path, p->line);
    int rc = where != NULL ? add_entry(ini, section, key, value, where) : -1;
    mem_free(where);
    return rc;
}

/* inih hands over a pair. */
static int take_pair(void *user, const char *section, const char *key, const char *value) {
    parse_t *p = user;
    if (p->failed) return 0;
    char *copy = mem_strdup(value);
    int rc = copy != NULL ? take_value(p, section, key, copy) : -1;
    mem_free(copy);
    return rc == 0 ? 1 : fail(p);
}

int ini_read(const char *path, ini_t **result) {
    *result = NULL;
    ini_t *ini = mem_new(1, sizeof *ini, "a config");
    if (ini == NULL) return -1;
    parse_t p = {.ini = ini, .file = fopen(path, "r")};
    ini->path = mem_strdup(path);
    int rc = 0;
    if (p.file == NULL)
        rc = err_set("%s: cannot open the config: %s", path, strerror(errno));
    else if (ini->path == NULL)
        rc = -1;
    else {
        int bad = ini_parse_stream(read_line, &p, take_pair, &p);
        if (p.failed)
            rc = -1;
        else if (ferror(p.file))
            rc = err_set("%s: cannot be read: is it a folder?", path);
        else if (bad != 0)
            rc = err_set("%s:%d: neither [section] nor key = value", path, bad);
    }
    if (p.file != NULL) fclose(p.file);
    if (rc != 0)
        ini_free(ini);
    else
        *result = ini;
    return rc;
}

int ini_override(ini_t *ini, const char *text) {
    const char *equals = strchr(text, '='), *dot = NULL;
    for (const char *at = text; equals != NULL && at < equals; at++)
        if (*at == '.') dot = at;
    if (dot == NULL || dot == text || dot + 1 == equals)
        return err_set("--set %s: write it as section.key=value", text);
    char *section = mem_printf("%.*s", (int)(dot - text), text);
    char *key = mem_printf("%.*s", (int)(equals - dot - 1), dot + 1);
    int rc = section != NULL && key != NULL ? 0 : -1;
    if (rc == 0 && ini_find_section(ini, section) == NULL) rc = add_section(ini, section, "--set");
    if (rc == 0) {
        entry_t *entry = ini_find_entry(ini, section, key);
        if (entry != NULL && strcmp(entry->where, "--set") == 0) {
            rc = err_set("--set %s: [%s] %s is given twice (before: --set %s.%s=%s)", text, section, key, section, key,
                         entry->value);
        } else if (entry == NULL) {
            rc = add_entry(ini, section, key, equals + 1, "--set");
        } else {
            rc = set_value(entry, mem_strdup(equals + 1));
            mem_free(entry->where);
            entry->where = mem_strdup("--set");
            if (entry->where == NULL) rc = -1;
        }
    }
    mem_free(section);
    mem_free(key);
    return rc;
}

void ini_free(ini_t *ini) {
    if (ini == NULL) return;
    for (int64_t i = 0; i < ini->n_entries; i++) {
        mem_free(ini->entry[i].section);
        mem_free(ini->entry[i].key);
        mem_free(ini->entry[i].value);
        mem_free(ini->entry[i].where);
    }
    for (int64_t i = 0; i < ini->n_sections; i++) {
        mem_free(ini->section[i].name);
        mem_free(ini->section[i].where);
    }
    for (int64_t i = 0; i < ini->n_wishes; i++) {
        mem_free(ini->wish[i].section);
        mem_free(ini->wish[i].key);
    }
    mem_free(ini->entry);
    mem_free(ini->section);
    mem_free(ini->wish);
    mem_free(ini->names);
    mem_free(ini->path);
    mem_free(ini);
}
