/* One JSON object of foreign bytes, read in one pass over its text: the whole is checked by the letter of RFC 8259 and
 * of UTF-8, a few values are picked out, nothing is allocated. For files that are a million such objects; config.json
 * and its like are read with jansson.
 *
 * Escapes are resolved in the text itself, where the result is never longer. What is refused beyond the grammar: a key
 * on the way to a wanted value that is there twice (which of both would be meant?), an escape \uD800 ... \uDFFF that is
 * no half of a pair, more than JSON_DEPTH objects and arrays inside each other. Numbers are checked by their grammar
 * only, of any length; other keys may be there twice. */
#ifndef MEMPROBE_JSON_SCAN_H
#define MEMPROBE_JSON_SCAN_H
#include <stddef.h>
#include <stdint.h>

enum { JSON_PATHS = 32, JSON_PATH_PARTS = 8, JSON_DEPTH = 1024 };

typedef struct {
    int32_t parts;
    const char *part[JSON_PATH_PARTS];
    size_t bytes[JSON_PATH_PARTS];
} json_path_t;

/* Which values are wanted. Start with a zeroed one. */
typedef struct {
    int32_t n;
    json_path_t path[JSON_PATHS];
} json_paths_t;
/* "meta.name" is the key name in the object of the key meta. The text must live as long as paths. */
int json_paths_add(json_paths_t *paths, const char *text, size_t bytes);

typedef enum {
    JSON_ABSENT,
    JSON_IS_NULL,
    JSON_IS_TEXT,
    JSON_IS_INTEGER, // neither point nor exponent
    JSON_IS_OTHER,
} json_kind_t;

typedef struct {
    json_kind_t kind;
    char *text; // of text: unescaped; of an integer: its digits as they stand there. Ended by \0; may hold NUL as well
    size_t bytes;
} json_value_t;

/* value: one for each path. text is changed, also on failure; the message names the column, in bytes from 1. */
int json_scan(const json_paths_t *paths, char *text, size_t bytes, json_value_t *value);

#endif
