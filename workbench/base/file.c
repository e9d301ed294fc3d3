/* Reading files and folders: maps, sizes, globs, trees. Writing is in file_out.c. */
#include "base/file.h"
#include "base/err.h"
#include "base/mem.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <glob.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

int file_map(const char *path, file_map_t *map) {
    *map = (file_map_t){NULL, 0};
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); // a pipe that nobody writes to is refused, not waited for
    if (fd < 0) return err_set("%s: cannot open: %s", path, strerror(errno));
    struct stat st;
    int rc = 0;
    if (fstat(fd, &st) != 0)
        rc = err_set("%s: cannot stat: %s", path, strerror(errno));
    else if (!S_ISREG(st.st_mode))
        rc = err_set("%s: is %s, not a regular file", path, S_ISDIR(st.st_mode) ? "a folder" : "a device or pipe");
    else if (st.st_size > 0) {
        void *data = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
        if (data == MAP_FAILED)
            rc = err_set("%s: cannot map %lld bytes: %s", path, (long long)st.st_size, strerror(errno));
        else
            *map = (file_map_t){data, (size_t)st.st_size};
    }
    close(fd);
    return rc;
}

void file_unmap(file_map_t *map) {
    if (map->data != NULL) munmap((void *)(uintptr_t)map->data, map->size);
    *map = (file_map_t){NULL, 0};
}

void file_forget(const file_map_t *map) {
    if (map->data != NULL) madvise((void *)(uintptr_t)map->data, map->size, MADV_DONTNEED);
}

int file_exists(const char *path) {
    struct stat st;
    return stat(path, &st) == 0;
}

int file_size(const char *path, int64_t *size) {
    struct stat st;
    if (stat(path, &st) != 0) return err_set("%s: %s", path, strerror(errno));
    if (!S_ISREG(st.st_mode)) return err_set("%s: not a regular file", path);
    *size = st.st_size;
    return 0;
}

/* One folder of a path. Another rank may make it at the same moment, so "exists" is looked at after the attempt. */
static int make_one(const char *path) {
    if (mkdir(path, 0777) == 0) return 0;
    int why = errno;
    struct stat st;
    if (stat(path, &st) == 0)
        return S_ISDIR(st.st_mode) ? 0 : err_set("%s: is a file where a folder is needed; move it away", path);
    return err_set("%s: cannot make the folder: %s", path, strerror(why));
}

int dir_make(const char *path) {
    char *part = mem_strdup(path);
    if (part == NULL) return -1;
    int rc = part[0] == '\0' ? err_set("a folder to make has an empty path") : 0;
    for (char *at = part; rc == 0 && *at != '\0'; at++) {
        if (*at != '/' || at == part) continue;
        *at = '\0';
        rc = make_one(part);
        *at = '/';
    }
    if (rc == 0) rc = make_one(part);
    mem_free(part);
    return rc;
}

int dir_remove(const char *path) {
    struct stat st;
    if (lstat(path, &st) != 0) return errno == ENOENT ? 0 : err_set("%s: %s", path, strerror(errno));
    if (!S_ISDIR(st.st_mode)) {
        return unlink(path) == 0 || errno == ENOENT ? 0 : err_set("%s: cannot remove: %s", path, strerror(errno));
    }
    DIR *dir = opendir(path);
    if (dir == NULL) return errno == ENOENT ? 0 : err_set("%s: cannot read the folder: %s", path, strerror(errno));
    int rc = 0;
    for (struct dirent *entry; rc == 0 && (entry = readdir(dir)) != NULL;) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
        char *child = mem_printf("%s/%s", path, entry->d_name);
        rc = child != NULL ? dir_remove(child) : -1;
        mem_free(child);
    }
    closedir(dir);
    if (rc == 0 && rmdir(path) != 0 && errno != ENOENT) rc = err_set("%s: cannot remove: %s", path, strerror(errno));
    return rc;
}

int dir_remove_files(const char *path, const char *pattern) {
    DIR *dir = opendir(path);
    if (dir == NULL) return err_set("%s: cannot read the folder: %s", path, strerror(errno));
    int rc = 0;
    for (struct dirent *entry; rc == 0 && (entry = readdir(dir)) != NULL;) {
        if (fnmatch(pattern, entry->d_name, 0) != 0) continue;
        if (unlinkat(dirfd(dir), entry->d_name, 0) != 0 && errno != ENOENT && errno != EISDIR)
            rc = err_set("%s/%s: cannot remove: %s", path, entry->d_name, strerror(errno));
    }
    closedir(dir);
    return rc;
}

int file_copy(const char *from, const char *to) {
    file_map_t map;
    TRY(file_map(from, &map));
    int rc = file_write(to, map.data, map.size);
    file_unmap(&map);
    return rc;
}

static int by_name(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static int list_fill(file_list_t *list, char **path, size_t count) {
    list->path = mem_new((int64_t)count, sizeof *list->path, "a list of files");
    if (list->path == NULL) return -1;
    for (size_t i = 0; i < count; i++) {
        list->path[i] = mem_strdup(path[i]);
        if (list->path[i] == NULL) return -1;
        list->count++;
    }
    /* glob sorts by locale; byte order is the same on every machine. */
    qsort(list->path, count, sizeof *list->path, by_name);
    return 0;
}

int file_glob(const char *pattern, file_list_t *list) {
    *list = (file_list_t){0, NULL};
    int rc;
    if (strpbrk(pattern, "*?[") == NULL) {
        if (!file_exists(pattern)) return err_set("%s: no such file, and no shell pattern", pattern);
        char *path = mem_strdup(pattern);
        rc = path != NULL ? list_fill(list, &path, 1) : -1;
        mem_free(path);
    } else {
        glob_t found;
        int status = glob(pattern, GLOB_NOSORT | GLOB_ERR, NULL, &found);
        if (status == GLOB_NOMATCH)
            rc = list_fill(list, NULL, 0);
        else if (status != 0)
            rc = err_set("%s: cannot read a folder of the pattern: %s", pattern, strerror(errno));
        else
            rc = list_fill(list, found.gl_pathv, found.gl_pathc);
        globfree(&found);
    }
    if (rc != 0) file_list_free(list);
    return rc;
}

int file_glob_in(const char *dir, const char *pattern, file_list_t *list) {
    *list = (file_list_t){0, NULL};
    char *whole = mem_new(2 * (int64_t)strlen(dir) + 1 + (int64_t)strlen(pattern) + 1, 1, "file pattern"), *to = whole;
    if (whole == NULL) return -1;
    for (const char *from = dir; *from != '\0'; from++) {
        if (strchr("*?[]\\", *from) != NULL) *to++ = '\\';
        *to++ = *from;
    }
    *to++ = '/';
    strcpy(to, pattern);
    int rc = file_glob(whole, list);
    mem_free(whole);
    return rc;
}

void file_list_free(file_list_t *list) {
    for (int64_t i = 0; i < list->count; i++) mem_free(list->path[i]);
    mem_free(list->path);
    *list = (file_list_t){0, NULL};
}

int artifact_is_done(const char *dir) {
    char *path = mem_printf("%s/DONE", dir);
    int done = path != NULL && file_exists(path);
    mem_free(path);
    return done;
}
