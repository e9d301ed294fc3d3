/* The INI file of a study and the overrides of the command line, with a note of what was asked for: a key that
 * nobody reads is an error, so a misspelt key cannot pass silently. Read with inih. Comments start with ; or #. */
#ifndef MEMPROBE_INI_H
#define MEMPROBE_INI_H
#include <stdint.h>
#include <stdio.h>

typedef struct ini ini_t;

int ini_read(const char *path, ini_t **ini); // a key given twice is an error
/* "probe.suffix=16", once a key; the section may hold a dot. */
int ini_override(ini_t *ini, const char *section_key_value);
void ini_free(ini_t *ini); // accepts NULL

/* Value of a key, NULL when it is absent; marks it as used. The text belongs to ini. */
const char *ini_get(ini_t *ini, const char *section, const char *key);
/* "config.ini:12" or "--set": where the value came from, for messages. */
const char *ini_where(const ini_t *ini, const char *section, const char *key);

int ini_has_section(ini_t *ini, const char *section); // 1 or 0; marks it as used
/* Names of the sections "kind.NAME", in file order, without "kind."; returns how many; *names belongs to ini. */
int32_t ini_named_sections(ini_t *ini, const char *kind, const char *const **names);
/* Error for the first section or key that no ini_get asked for. */
int ini_check_used(const ini_t *ini);

/* Options by table. A row describes one key: its type, where its value goes in a struct, its default and range.
 * The same table fills structs, prints --help-config and the resolved config.ini. */
typedef enum { OPT_INT, OPT_REAL, OPT_BOOL, OPT_TEXT, OPT_INTS, OPT_REALS } opt_kind_t;
enum { OPT_LIST = 64 };
typedef struct {
    int32_t n;
    int64_t v[OPT_LIST];
} opt_ints_t;
typedef struct {
    int32_t n;
    double v[OPT_LIST];
} opt_reals_t;
typedef struct {
    const char *key;
    opt_kind_t kind;
    size_t offset;       // of an int64_t, double, int32_t (bool), const char *, opt_ints_t or opt_reals_t
    const char *initial; // default as text; NULL: the key must be given
    double min, max;     // for numbers and for each element of a list; ignored for text and bool
    const char *help;
} opt_t;

/* Fills target from [section] by the rows; a list's elements are comma-separated. Messages name file, line and key. */
int opt_fill(const opt_t *rows, int32_t n, ini_t *ini, const char *section, void *target);
void opt_print_help(const opt_t *rows, int32_t n, const char *section, FILE *out);
/* "key = value" lines of a filled struct, for the resolved config. */
void opt_print_values(const opt_t *rows, int32_t n, const void *target, FILE *out);

#endif
