/* Inputs: the list of [corpus] documents read, its patterns expanded, formats told, names given; and the cut into
 * parts. See input.h. */
#include "text/input.h"
#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/zio.h"
#include "text/format.h"
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FIELDS = 16, HEAD_BYTES = 4096 };

input_rules_t input_rules_default(void) {
    return (input_rules_t){"text", "id", "source | meta.pile_set_name", (int64_t)1 << 30};
}

/* --- the list ---------------------------------------------------------------------------------------------------- */

/* An entry cut at its colons. Fields still hold their backslashes. */
typedef struct {
    const format_t *format; // NULL: not named
    const char *pattern;
    const char *option[FIELDS];
    int options;
} entry_t;

/* Ends the text at the first `separator` that no backslash precedes; returns what follows it, or NULL. */
static char *split(char *text, char separator) {
    for (; *text != '\0'; text++) {
        if (*text == '\\' && text[1] != '\0')
            text++;
        else if (*text == separator) {
            *text = '\0';
            return text + 1;
        }
    }
    return NULL;
}

static char *trim(char *text) {
    while (isspace((unsigned char)*text)) text++;
    size_t n = strlen(text);
    while (n > 0 && isspace((unsigned char)text[n - 1])) text[--n] = '\0';
    return text;
}

/* Takes the backslashes away: all, or in a pattern those that are ours, not the shell's. */
static void unescape(char *text, int is_pattern) {
    char *to = text;
    for (; *text != '\0'; text++) {
        if (*text == '\\' && text[1] != '\0' && (!is_pattern || text[1] == ',' || text[1] == ':'))
            text++;
        else if (*text == '\\' && text[1] != '\0')
            *to++ = *text++;
        *to++ = *text;
    }
    *to = '\0';
}

static int has_wildcard(const char *pattern) {
    for (; *pattern != '\0'; pattern++) {
        if (*pattern == '\\' && pattern[1] != '\0')
            pattern++;
        else if (strchr("*?[", *pattern) != NULL)
            return 1;
    }
    return 0;
}

static const format_t *find_format(const char *name) {
    for (const format_t *const *f = formats; *f != NULL; f++) {
        if (strcmp((*f)->name, name) == 0) return *f;
    }
    return NULL;
}

/* "jsonl, text, ..." for messages. */
static const char *format_names(char *text, size_t bytes) {
    size_t used = 0;
    text[0] = '\0';
    for (const format_t *const *f = formats; *f != NULL && used < bytes; f++) {
        used += (size_t)snprintf(text + used, bytes - used, "%s%s", f > formats ? ", " : "", (*f)->name);
    }
    return text;
}

static int is_word(const char *text) {
    return text[0] != '\0' && strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789_-") == strlen(text);
}

static int parse_entry(char *text, entry_t *entry) {
    char names[256], *rest = split(text, ':');
    *entry = (entry_t){.pattern = text};
    if (rest != NULL && is_word(text)) {
        entry->format = find_format(text);
        if (entry->format == NULL)
            return err_set("there is no format '%s'; there are %s (a file of that name is written ./%s)", text,
                           format_names(names, sizeof names), text);
        entry->pattern = rest;
        rest = split(rest, ':');
    }
    if (entry->pattern[0] == '\0') return err_set("an entry without a file");
    while (rest != NULL) {
        if (entry->options == FIELDS) return err_set("%s: too many options", entry->pattern);
        char *option = rest;
        rest = split(rest, ':');
        unescape(option, 0);
        entry->option[entry->options++] = option;
    }
    return 0;
}

static int ends_with(const char *text, const char *end) {
    size_t n = strlen(text), m = strlen(end);
    return n >= m && strcmp(text + n - m, end) == 0;
}

/* The files of a pattern; of a format in two files the first of each pair, whichever of both the pattern names. */
static int match(const entry_t *entry, file_list_t *files) {
    const char *first = entry->format != NULL ? entry->format->ending : NULL;
    const char *second = entry->format != NULL ? entry->format->second_ending : NULL;
    int by_prefix = first != NULL && !ends_with(entry->pattern, first) && !ends_with(entry->pattern, second);
    char *pattern = mem_printf("%s%s", entry->pattern, by_prefix ? first : "");
    if (pattern == NULL) return -1;
    int rc, wild = has_wildcard(pattern);
    unescape(pattern, wild);
    if (wild) {
        rc = file_glob(pattern, files);
        if (rc == 0 && files->count == 0) rc = err_set("%s matches no file", pattern);
    } else {
        *files = (file_list_t){0, mem_new(1, sizeof *files->path, "a list of files")};
        if (files->path != NULL) files->path[0] = mem_strdup(pattern);
        files->count = files->path != NULL && files->path[0] != NULL;
        rc = files->count == 1 ? 0 : -1;
        if (rc == 0 && !file_exists(pattern)) rc = err_set("%s: no such file, and no shell pattern", pattern);
        if (rc != 0) file_list_free(files);
    }
    mem_free(pattern);
    return rc;
}

/* --- one file ---------------------------------------------------------------------------------------------------- */

/* The first bytes as they are in the file. */
static int read_head(const char *path, uint8_t head[HEAD_BYTES], size_t *bytes) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return err_set("%s: cannot open: %s", path, strerror(errno));
    ssize_t got;
    *bytes = 0;
    do {
        got = read(fd, head + *bytes, HEAD_BYTES - *bytes);
        if (got > 0) *bytes += (size_t)got;
    } while ((got > 0 && *bytes < HEAD_BYTES) || (got < 0 && errno == EINTR));
    int rc = got < 0 ? err_set("%s: cannot read: %s", path, strerror(errno)) : 0;
    close(fd);
    return rc;
}

/* The same, unpacked where that goes: what only looks packed may be tokens. */
static int unpacked_head(const char *path, uint8_t head[HEAD_BYTES], size_t *bytes) {
    TRY(read_head(path, head, bytes));
    if (zin_packing_of(head, *bytes) == PACKED_NOT) return 0;
    zin_t *in = NULL;
    if (zin_open(path, &in) == 0) (void)zin_peek(in, head, HEAD_BYTES, bytes);
    zin_close(in);
    return 0;
}

static int tell_format(const char *path, const format_t **format) {
    uint8_t head[HEAD_BYTES];
    char names[256];
    size_t bytes;
    TRY(unpacked_head(path, head, &bytes));
    for (const format_t *const *f = formats; *f != NULL; f++) {
        if ((*f)->sniff == NULL || (*f)->sniff(path, head, bytes) != 1) continue;
        *format = *f;
        return 0;
    }
    return err_set("%s: neither name nor first bytes tell the format: put it before the path, as in jsonl:%s; there "
                   "are %s",
                   path, path, format_names(names, sizeof names));
}

static int regular_size(const char *path, int64_t *bytes) {
    struct stat file;
    if (stat(path, &file) != 0) return err_set("%s: %s", path, strerror(errno));
    if (S_ISDIR(file.st_mode)) return err_set("%s: is a folder; name its files, as in %s/*.jsonl", path, path);
    if (!S_ISREG(file.st_mode)) return err_set("%s: is not a regular file", path);
    *bytes = file.st_size;
    return 0;
}

static int take_option(input_t *input, const char *option) {
    if (strncmp(option, "source=", 7) == 0) {
        input->source = option + 7;
        return 0;
    }
    int taken = input->format->option != NULL ? input->format->option(input, option) : 0;
    if (taken == 0)
        err_set("'%s' is no option of %s: source=NAME, %s", option, input->format->name, input->format->help);
    return taken == 1 ? 0 : -1;
}

/* Of an option: "end" of "end=0"; a type (u16) has no name. */
static size_t name_length(const char *option) {
    size_t n = strcspn(option, "=");
    return option[n] == '=' ? n : 0;
}

/* Options before the i-th must not say the same thing, for it would take their place in silence. */
static int check_once(const entry_t *entry, int i) {
    const char *option = entry->option[i];
    size_t n = name_length(option);
    for (int before = 0; before < i; before++)
        if (name_length(entry->option[before]) == n && strncmp(entry->option[before], option, n) == 0)
            return err_set("'%s' and '%s': give one of them", entry->option[before], option);
    return 0;
}

/* PREFIX.bin and PREFIX.idx from either of them. */
static int set_paths(arena_t *texts, input_t *input, const char *path) {
    const char *first = input->format->ending, *second = input->format->second_ending;
    input->path = arena_strdup(texts, path);
    if (input->path == NULL) return -1;
    if (first == NULL) return 0;
    size_t prefix = strlen(path);
    if (ends_with(path, first)) prefix -= strlen(first);
    if (ends_with(path, second)) prefix -= strlen(second);
    char *a = mem_printf("%.*s%s", (int)prefix, path, first), *b = mem_printf("%.*s%s", (int)prefix, path, second);
    if (a != NULL && b != NULL) {
        input->path = arena_strdup(texts, a);
        input->second = arena_strdup(texts, b);
    }
    mem_free(a);
    mem_free(b);
    return input->path != NULL && input->second != NULL ? 0 : -1;
}

static int open_input(const entry_t *entry, const char *path, inputs_t *inputs, const input_rules_t *rules,
                      input_t *input) {
    *input = (input_t){.format = entry->format, .source = "", .size = -1, .end = -1, .rules = rules};
    int64_t bytes = 0;
    TRY(regular_size(path, &bytes));
    if (input->format == NULL) TRY(tell_format(path, &input->format));
    TRY(set_paths(inputs->texts, input, path));
    TRY(regular_size(input->path, &input->bytes));
    if (input->second != NULL) TRY(regular_size(input->second, &bytes));
    for (int i = 0; i < entry->options; i++) {
        if (take_option(input, entry->option[i]) != 0 || check_once(entry, i) != 0) return err_context("%s", path);
    }
    TRY(input->format->check(input));
    if (input->second != NULL) {
        TRY(regular_size(input->second, &bytes));
        input->bytes += bytes;
    }
    return 0;
}

/* --- all of them ------------------------------------------------------------------------------------------------- */

/* The absolute path without empty and "." parts: what is the same file by its letters gets the same text. */
static char *plain_path(arena_t *texts, const char *path) {
    char *here = path[0] != '/' ? getcwd(NULL, 0) : NULL;
    char *whole = mem_printf("%s/%s", here != NULL ? here : "", path);
    char *plain = whole != NULL ? arena_new(texts, (int64_t)strlen(whole) + 2, 1, "a path") : NULL;
    if (plain != NULL) {
        char *to = plain, *rest;
        for (char *part = strtok_r(whole, "/", &rest); part != NULL; part = strtok_r(NULL, "/", &rest)) {
            if (strcmp(part, ".") == 0) continue;
            *to++ = '/';
            memcpy(to, part, strlen(part));
            to += strlen(part);
        }
    }
    mem_free(whole);
    free(here);
    return plain;
}

static int by_text(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* A file that two entries match would be there twice. */
static int check_twice(char *const *path, int64_t n) {
    char **sorted = mem_new(n, sizeof *sorted, "a list of files");
    if (sorted == NULL) return -1;
    memcpy(sorted, path, (size_t)n * sizeof *sorted);
    qsort(sorted, (size_t)n, sizeof *sorted, by_text);
    int rc = 0;
    for (int64_t i = 1; rc == 0 && i < n; i++) {
        if (strcmp(sorted[i - 1], sorted[i]) == 0) rc = err_set("%s is matched by two entries", sorted[i]);
    }
    mem_free(sorted);
    return rc;
}

/* Bytes of the folder that all paths share, its slash included. */
static size_t common_folder(char *const *path, int64_t n) {
    size_t common = strlen(path[0]);
    for (int64_t i = 1; i < n; i++) {
        size_t same = 0;
        while (same < common && path[i][same] == path[0][same]) same++;
        common = same;
    }
    while (common > 0 && path[0][common - 1] != '/') common--;
    return common;
}

static int give_names(inputs_t *inputs) {
    char **path = mem_new(inputs->count, sizeof *path, "a list of files");
    int rc = path != NULL ? 0 : -1;
    for (int64_t i = 0; rc == 0 && i < inputs->count; i++) {
        path[i] = plain_path(inputs->texts, inputs->input[i].path);
        if (path[i] == NULL) rc = -1;
    }
    if (rc == 0) rc = check_twice(path, inputs->count);
    size_t folder = rc == 0 ? common_folder(path, inputs->count) : 0;
    for (int64_t i = 0; rc == 0 && i < inputs->count; i++) inputs->input[i].name = path[i] + folder;
    mem_free(path);
    return rc;
}

static int add_entry(const entry_t *entry, const file_list_t *files, const input_rules_t *rules, inputs_t *inputs,
                     int64_t *capacity) {
    for (int64_t i = 0; i < files->count; i++) {
        TRY(mem_grow(&inputs->input, capacity, inputs->count + 1, sizeof *inputs->input, "a list of inputs"));
        TRY(open_input(entry, files->path[i], inputs, rules, &inputs->input[inputs->count]));
        inputs->count++;
    }
    return 0;
}

/* The copy of the rules that inputs point to. */
static const input_rules_t *keep_rules(const input_rules_t *rules, inputs_t *inputs) {
    input_rules_t *kept = arena_new(inputs->texts, 1, sizeof *kept, "rules of reading");
    if (kept == NULL) return NULL;
    kept->text_field = arena_strdup(inputs->texts, rules->text_field);
    kept->id_field = arena_strdup(inputs->texts, rules->id_field);
    kept->source_field = arena_strdup(inputs->texts, rules->source_field);
    kept->document_limit = rules->document_limit;
    inputs->rules = *kept;
    return kept->text_field != NULL && kept->id_field != NULL && kept->source_field != NULL ? kept : NULL;
}

static const input_rules_t *start(const input_rules_t *rules, inputs_t *inputs) {
    *inputs = (inputs_t){0};
    inputs->texts = arena_create(1 << 16);
    return inputs->texts != NULL ? keep_rules(rules, inputs) : NULL;
}

static int finish(int rc, inputs_t *inputs) {
    if (rc == 0) rc = give_names(inputs);
    if (rc != 0) inputs_free(inputs);
    return rc;
}

int inputs_open(const char *list, const input_rules_t *rules, const char *where, inputs_t *inputs) {
    const input_rules_t *kept = start(rules, inputs);
    char *rest = kept != NULL ? arena_strdup(inputs->texts, list) : NULL;
    int64_t capacity = 0;
    int rc = rest != NULL ? 0 : -1;
    while (rc == 0 && rest != NULL) {
        entry_t entry;
        file_list_t files = {0};
        char *text = rest;
        rest = split(text, ',');
        rc = parse_entry(trim(text), &entry);
        if (rc == 0) rc = match(&entry, &files);
        if (rc == 0) rc = add_entry(&entry, &files, kept, inputs, &capacity);
        file_list_free(&files);
    }
    rc = finish(rc, inputs);
    return rc == 0 ? 0 : err_context("%s", where);
}

static int open_file(const char *path, const entry_t *entry, const input_rules_t *rules, inputs_t *inputs) {
    const input_rules_t *kept = start(rules, inputs);
    char *copy = mem_strdup(path);
    file_list_t files = {1, &copy};
    int64_t capacity = 0;
    int rc = kept != NULL && copy != NULL ? 0 : -1;
    if (rc == 0) rc = add_entry(entry, &files, kept, inputs, &capacity);
    mem_free(copy);
    return finish(rc, inputs);
}

int inputs_open_file(const char *path, const char *format, const input_rules_t *rules, inputs_t *inputs) {
    entry_t entry = {.format = format != NULL ? find_format(format) : NULL};
    char names[256];
    if (format != NULL && entry.format == NULL)
        return err_set("there is no format '%s'; there are %s", format, format_names(names, sizeof names));
    return open_file(path, &entry, rules, inputs);
}

int inputs_open_texts(const char *path, int by_line, const input_rules_t *rules, inputs_t *inputs) {
    entry_t entry = {0};
    if (tell_format(path, &entry.format) != 0) entry.format = &format_text; // a file that cannot be read fails below
    if (entry.format == &format_text) entry.option[entry.options++] = by_line ? "split=line" : "split=file";
    return open_file(path, &entry, rules, inputs);
}

void inputs_free(inputs_t *inputs) {
    mem_free(inputs->input);
    arena_free(inputs->texts);
    *inputs = (inputs_t){0};
}

const char *input_format(const input_t *input) {
    return input->format->name;
}

int input_measure(const input_t *input, int64_t *size) {
    *size = input->size;
    return input->size >= 0 ? 0 : zin_measure(input->path, size);
}

/* --- parts ------------------------------------------------------------------------------------------------------- */

typedef struct {
    part_t *part;
    int64_t n, capacity;
} parts_t;

static int add_part(parts_t *parts, part_t part) {
    TRY(mem_grow(&parts->part, &parts->capacity, parts->n + 1, sizeof part, "parts of the inputs"));
    parts->part[parts->n++] = part;
    return 0;
}

/* Bytes of all that an input holds, as far as its units tell. */
static int input_weight(const input_t *input, int64_t *bytes) {
    if (input->size < 0) return err_set("%s: its size is not known", input->path);
    if (!__builtin_mul_overflow(input->size, input->unit_bytes, bytes) && *bytes < INT64_MAX / 4) return 0;
    return err_set("%s: larger than any file can be", input->path);
}

static int total_weight(const inputs_t *inputs, int64_t *total) {
    *total = 0;
    for (int64_t i = 0; i < inputs->count; i++) {
        int64_t bytes = 0;
        TRY(input_weight(&inputs->input[i], &bytes));
        if (__builtin_add_overflow(*total, bytes, total)) return err_set("the inputs are larger than any files can be");
    }
    return 0;
}

static int64_t default_part(int64_t total) {
    const int64_t least = 16 << 20, most = 1 << 30;
    int64_t bytes = total / 1024;
    return bytes < least ? least : bytes > most ? most : bytes;
}

/* Slices of nearly the same size. */
static int cut_one(parts_t *parts, int64_t index, const input_t *input, int64_t slices) {
    if (slices > input->size) slices = input->size;
    if (slices < 1) slices = 1;
    int64_t each = input->size / slices, more = input->size % slices, at = 0;
    for (int64_t s = 0; s < slices; s++) {
        int64_t last = at + each + (s < more);
        TRY(add_part(parts, (part_t){index, 1, at, last}));
        at = last;
    }
    return 0;
}

/* Whole inputs follow each other in one part as long as they stay below part_bytes together. */
static int cut_all(const inputs_t *inputs, int64_t part_bytes, parts_t *parts) {
    part_t run = {0};
    int64_t run_bytes = 0;
    for (int64_t i = 0; i < inputs->count; i++) {
        const input_t *input = &inputs->input[i];
        int64_t bytes = 0;
        TRY(input_weight(input, &bytes));
        if (run.inputs > 0 && run_bytes + bytes > part_bytes) {
            TRY(add_part(parts, run));
            run.inputs = 0;
        }
        if (bytes > part_bytes) {
            TRY(cut_one(parts, i, input, bytes / part_bytes + (bytes % part_bytes > 0)));
        } else if (run.inputs > 0) {
            run = (part_t){run.input, run.inputs + 1, 0, 0};
            run_bytes += bytes;
        } else {
            run = (part_t){i, 1, 0, input->size};
            run_bytes = bytes;
        }
    }
    return run.inputs > 0 ? add_part(parts, run) : 0;
}

int inputs_cut(const inputs_t *inputs, int64_t part_bytes, part_t **list, int64_t *n) {
    parts_t parts = {0};
    int64_t total;
    TRY(total_weight(inputs, &total));
    int rc = cut_all(inputs, part_bytes > 0 ? part_bytes : default_part(total), &parts);
    if (rc != 0) {
        mem_free(parts.part);
        parts = (parts_t){0};
    }
    *list = parts.part;
    *n = parts.n;
    return rc;
}
