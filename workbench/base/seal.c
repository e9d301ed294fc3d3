/* Checksums of the files of an artifact; see seal.h. */
#include "base/seal.h"
#include "base/err.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/mem.h"
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const char SUMS[] = "sums";

/* Names of no file of the artifact: folders, the seal and the marker, what is hidden or was given up half-way. */
static int is_part(const char *name) {
    size_t n = strlen(name);
    return name[0] != '.' && strcmp(name, SUMS) != 0 && strcmp(name, "DONE") != 0 &&
           !(n > 5 && strcmp(name + n - 5, ".part") == 0);
}

static int put_sum(file_out_t *out, const char *dir, const char *name) {
    char text[HASH_TEXT], *path = mem_printf("%s/%s", dir, name);
    struct stat info;
    hash_t hash;
    int rc = path ? 0 : -1;
    if (rc == 0 && stat(path, &info) != 0) rc = err_set("%s: %s", path, strerror(errno));
    if (rc == 0 && S_ISREG(info.st_mode)) {
        rc = hash_file(path, &hash);
        if (rc == 0) rc = file_out_print(out, "%s  %s\n", hash_print(text, hash), name);
    }
    mem_free(path);
    return rc;
}

static int by_name(const void *a, const void *b) {
    return strcmp((*(struct dirent *const *)a)->d_name, (*(struct dirent *const *)b)->d_name);
}

int seal_write(const char *dir) {
    struct dirent **entry = NULL;
    file_out_t *out = NULL;
    int n = scandir(dir, &entry, NULL, NULL); // sorted below: alphasort goes by the locale
    if (n < 0) return err_set("%s: %s", dir, strerror(errno));
    qsort(entry, (size_t)n, sizeof(struct dirent *), by_name);
    char *path = mem_printf("%s/%s", dir, SUMS);
    int rc = path ? file_out_open(path, &out) : -1;
    for (int i = 0; i < n; i++) {
        if (rc == 0 && is_part(entry[i]->d_name)) rc = put_sum(out, dir, entry[i]->d_name);
        free(entry[i]);
    }
    free(entry);
    mem_free(path);
    if (rc == 0) return file_out_commit(out);
    file_out_abort(out);
    return -1;
}

/* One line of the seal, without its end. */
static int check_line(const char *dir, const char *line, size_t bytes) {
    enum { DIGITS = HASH_TEXT - 1 };
    char text[HASH_TEXT] = {0}, *path = NULL;
    hash_t told, found;
    if (bytes <= DIGITS + 2) return err_set("%s/%s: damaged; remove the folder and run again", dir, SUMS);
    memcpy(text, line, DIGITS);
    if (hash_parse(text, &told) != 0 || memcmp(line + DIGITS, "  ", 2) != 0 || memchr(line, 0, bytes))
        return err_set("%s/%s: damaged; remove the folder and run again", dir, SUMS);
    path = mem_printf("%s/%.*s", dir, (int)(bytes - DIGITS - 2), line + DIGITS + 2);
    if (!path) return -1;
    int rc = hash_file(path, &found);
    if (rc == 0 && hash_compare(told, found) != 0)
        rc = err_set("%s: not what was written: its checksum differs; remove its folder and run again", path);
    mem_free(path);
    return rc;
}

int seal_check(const char *dir) {
    char *path = mem_printf("%s/%s", dir, SUMS);
    file_map_t map = {0};
    int rc = path ? file_map(path, &map) : -1;
    mem_free(path);
    if (rc != 0) return err_context("remove the folder and run again");
    const char *text = (const char *)map.data;
    if (map.size == 0 || text[map.size - 1] != '\n')
        rc = err_set("%s/%s: cut off; remove the folder and run again", dir, SUMS);
    for (size_t at = 0; at < map.size && rc == 0;) {
        size_t bytes = (size_t)((const char *)memchr(text + at, '\n', map.size - at) - (text + at));
        rc = check_line(dir, text + at, bytes);
        at += bytes + 1;
    }
    file_unmap(&map);
    return rc;
}
