/* Asking a config for values, and the check that everything in it was asked for. Every question is remembered, so that
 * the message about a key nobody knows can name the key that was probably meant. */
#include "base/err.h"
#include "base/ini_private.h"
#include "base/mem.h"
#include <string.h>

/* Remembers a question. Out of memory only a suggestion is lost. */
static void note_wish(ini_t *ini, const char *section, const char *key) {
    for (int64_t i = 0; i < ini->n_wishes; i++)
        if (strcmp(ini->wish[i].section, section) == 0 && strcmp(ini->wish[i].key, key) == 0) return;
    if (mem_grow(&ini->wish, &ini->wish_capacity, ini->n_wishes + 1, sizeof *ini->wish, "a config") != 0) return;
    wish_t wish = {mem_strdup(section), mem_strdup(key)};
    if (wish.section != NULL && wish.key != NULL) {
        ini->wish[ini->n_wishes++] = wish;
    } else {
        mem_free(wish.section);
        mem_free(wish.key);
    }
}

const char *ini_get(ini_t *ini, const char *section, const char *key) {
    note_wish(ini, section, key);
    section_t *of = ini_find_section(ini, section);
    if (of != NULL) of->used = 1;
    entry_t *entry = ini_find_entry(ini, section, key);
    if (entry == NULL) return NULL;
    entry->used = 1;
    return entry->value;
}

const char *ini_where(const ini_t *ini, const char *section, const char *key) {
    const entry_t *entry = ini_find_entry(ini, section, key);
    return entry != NULL ? entry->where : ini->path;
}

int ini_has_section(ini_t *ini, const char *section) {
    section_t *of = ini_find_section(ini, section);
    if (of != NULL) of->used = 1;
    return of != NULL;
}

int32_t ini_named_sections(ini_t *ini, const char *kind, const char *const **names) {
    size_t length = strlen(kind);
    int32_t n = 0;
    *names = NULL;
    /* As many as there are sections: never too few, and the array does not move while it is filled. */
    if (mem_grow(&ini->names, &ini->names_capacity, ini->n_sections + 1, sizeof *ini->names, "a config") != 0)
        return -1;
    for (int64_t i = 0; i < ini->n_sections; i++) {
        section_t *section = &ini->section[i];
        if (strncmp(section->name, kind, length) != 0 || section->name[length] != '.') continue;
        section->used = 1;
        ini->names[n++] = section->name + length + 1;
    }
    *names = ini->names;
    return n;
}

static int min3(int a, int b, int c) {
    int least = a < b ? a : b;
    return least < c ? least : c;
}

enum { WORD_LIMIT = 64 };

/* Edits (insert, drop, replace, swap neighbours) that turn a into b: Damerau 1964, optimal string alignment. */
static int distance(const char *a, const char *b) {
    int d[WORD_LIMIT + 1][WORD_LIMIT + 1];
    int n = (int)strlen(a), m = (int)strlen(b);
    if (n > WORD_LIMIT || m > WORD_LIMIT) return WORD_LIMIT;
    for (int i = 0; i <= n; i++) d[i][0] = i;
    for (int j = 0; j <= m; j++) d[0][j] = j;
    for (int i = 1; i <= n; i++)
        for (int j = 1; j <= m; j++) {
            d[i][j] = min3(d[i - 1][j] + 1, d[i][j - 1] + 1, d[i - 1][j - 1] + (a[i - 1] != b[j - 1]));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] && d[i - 2][j - 2] + 1 < d[i][j])
                d[i][j] = d[i - 2][j - 2] + 1;
        }
    return d[n][m];
}

/* Keeps `word` in *best when it is nearer to `text` than what is there, and near enough to be what was meant. */
static void offer(const char *text, const char *word, const char **best, int *best_distance) {
    int limit = (int)strlen(text) / 3 + 1, d = distance(text, word);
    if (d > limit || (*best != NULL && d >= *best_distance)) return;
    *best = word;
    *best_distance = d;
}

static int unknown_key(const ini_t *ini, const entry_t *entry) {
    const char *near = NULL, *elsewhere = NULL;
    int d = 0;
    for (int64_t i = 0; i < ini->n_wishes; i++) {
        const wish_t *wish = &ini->wish[i];
        if (strcmp(wish->section, entry->section) == 0) offer(entry->key, wish->key, &near, &d);
        if (strcmp(wish->key, entry->key) == 0 && elsewhere == NULL) elsewhere = wish->section;
    }
    if (near != NULL)
        return err_set("unknown key [%s] %s (%s): did you mean %s?", entry->section, entry->key, entry->where, near);
    if (elsewhere != NULL)
        return err_set("unknown key [%s] %s (%s): it belongs to section [%s]", entry->section, entry->key, entry->where,
                       elsewhere);
    return err_set("unknown key [%s] %s (%s): memprobe --help-config lists the keys", entry->section, entry->key,
                   entry->where);
}

static int unknown_section(const ini_t *ini, const section_t *section) {
    const char *near = NULL;
    int d = 0;
    for (int64_t i = 0; i < ini->n_wishes; i++) offer(section->name, ini->wish[i].section, &near, &d);
    if (near != NULL)
        return err_set("unknown section [%s] (%s): did you mean [%s]?", section->name, section->where, near);
    return err_set("unknown section [%s] (%s): memprobe --help-config lists the sections", section->name,
                   section->where);
}

int ini_check_used(const ini_t *ini) {
    for (int64_t i = 0; i < ini->n_sections; i++)
        if (!ini->section[i].used) return unknown_section(ini, &ini->section[i]);
    for (int64_t i = 0; i < ini->n_entries; i++)
        if (!ini->entry[i].used) return unknown_key(ini, &ini->entry[i]);
    return 0;
}
