/* What a config is made of; for ini.c (reading) and ini_use.c (asking) only. */
#ifndef MEMPROBE_INI_PRIVATE_H
#define MEMPROBE_INI_PRIVATE_H
#include "base/ini.h"

typedef struct {
    char *section, *key, *value;
    char *where; // "config.ini:12" or "--set"
    int used;
} entry_t;

typedef struct {
    char *name, *where;
    int used;
} section_t;

/* A key that was asked for: what a misspelt one may have meant. */
typedef struct {
    char *section, *key;
} wish_t;

struct ini {
    char *path;
    entry_t *entry;
    section_t *section;
    wish_t *wish;
    const char **names; // result of ini_named_sections
    int64_t n_entries, n_sections, n_wishes;
    int64_t entry_capacity, section_capacity, wish_capacity, names_capacity;
};

entry_t *ini_find_entry(const ini_t *ini, const char *section, const char *key);
section_t *ini_find_section(const ini_t *ini, const char *name);

#endif
