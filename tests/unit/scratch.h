/* What unit tests share: a folder of its own for a test program, small files in it, and checks that print the message
 * of what failed. */
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

static inline void check_ok_at(int rc, const char *what, const char *file, int line) {
    if (rc != 0) print_error("%s: %s\n", what, err_text());
    _assert_int_equal((unsigned long)rc, 0, file, line);
}
#define check_ok(call) check_ok_at(call, #call, __FILE__, __LINE__)

static inline void check_fails_at(int rc, const char *message, const char *file, int line) {
    int named = rc == -1 && strstr(err_text(), message) != NULL;
    if (!named) print_error("must fail with \"%s\", got %d \"%s\"\n", message, rc, rc ? err_text() : "");
    _assert_int_equal((unsigned long)named, 1, file, line);
}
#define check_fails(call, message) check_fails_at(call, message, __FILE__, __LINE__)

static char scratch_dir[256];

/* Set-up and tear-down of cmocka_run_group_tests. */
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

/* Path of a file in the folder; valid until the 64th call from now. */
static inline char *scratch(const char *name) {
    static char path[64][600];
    static int next;
    char *here = path[next++ % 64];
    snprintf(here, sizeof path[0], "%s/%s", scratch_dir, name);
    return here;
}

/* The same for a file in a folder of it. */
static inline char *scratch_in(const char *dir, const char *name) {
    char path[300];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    return scratch(path);
}

/* Path of a file of the sources; valid until the fourth call from now. */
static inline const char *source_path(const char *name) {
    static char path[4][1024];
    static int next;
    const char *root = getenv("ROOT");
    char *here = path[next++ % 4];
    snprintf(here, sizeof path[0], "%s/%s", root != NULL ? root : ".", name);
    return here;
}

static inline const char *scratch_write(const char *name, const char *text) {
    const char *path = scratch(name);
    check_ok(file_write(path, text, strlen(text)));
    return path;
}

/* The message of the last failure holds these words. */
static inline void assert_message(const char *words) {
    if (strstr(err_text(), words) == NULL) fail_msg("the message \"%s\" lacks \"%s\"", err_text(), words);
}

static inline void assert_file(const char *path, const char *text) {
    file_map_t map;
    check_ok(file_map(path, &map));
    assert_int_equal(map.size, strlen(text));
    if (map.size > 0) assert_memory_equal(map.data, text, map.size);
    file_unmap(&map);
}

#endif
