/* A folder of its own for a test program, and small files in it. */
#ifndef MEMPROBE_TEST_SCRATCH_H
#define MEMPROBE_TEST_SCRATCH_H
#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* cmocka needs the four standard headers above. */
#include <cmocka.h>

static char scratch_dir[256];

static inline int scratch_make(void **state) {
    (void)state;
    const char *tmp = getenv("TMP");
    snprintf(scratch_dir, sizeof scratch_dir, "%s/memprobe-unit.XXXXXX", tmp != NULL ? tmp : "/tmp");
    return mkdtemp(scratch_dir) != NULL ? 0 : -1;
}

static inline int scratch_remove(void **state) {
    (void)state;
    return dir_remove(scratch_dir);
}

/* Path of a file in the folder; valid until the eighth call from now. */
static inline const char *scratch(const char *name) {
    static char path[8][512];
    static int next;
    char *here = path[next++ % 8];
    snprintf(here, sizeof path[0], "%s/%s", scratch_dir, name);
    return here;
}

static inline const char *scratch_write(const char *name, const char *text) {
    const char *path = scratch(name);
    assert_int_equal(file_write(path, text, strlen(text)), 0);
    return path;
}

/* The message of the last failure holds these words. */
static inline void assert_message(const char *words) {
    if (strstr(err_text(), words) == NULL) fail_msg("the message \"%s\" lacks \"%s\"", err_text(), words);
}

static inline void assert_file(const char *path, const char *text) {
    file_map_t map;
    assert_int_equal(file_map(path, &map), 0);
    assert_int_equal(map.size, strlen(text));
    if (map.size > 0) assert_memory_equal(map.data, text, map.size);
    file_unmap(&map);
}

#endif
