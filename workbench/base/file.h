/* Files. Reading: a checked read-only map. Writing: aside, then fsync and rename, so that a file under its final
 * name is always whole. A folder counts as an artifact only when it holds the file DONE. */
#ifndef MEMPROBE_FILE_H
#define MEMPROBE_FILE_H
#include <stddef.h>
#include <stdint.h>

typedef struct {
    const uint8_t *data; // NULL when size is 0
    size_t size;
} file_map_t;

int file_map(const char *path, file_map_t *map);
void file_unmap(file_map_t *map); // accepts an empty map
/* Gives back the memory of the pages that were read so far, which counts as the process's own; the map stays as it is,
 * and what is read again comes from the file again. */
void file_forget(const file_map_t *map);

int file_exists(const char *path);                           // 1 or 0
int file_size(const char *path, int64_t *size);              // message when it is missing
int dir_make(const char *path);                              // with parents; no error when present
int dir_remove(const char *path);                            // whole tree; no error when absent
int dir_remove_files(const char *path, const char *pattern); // the files in it with such names; not in its folders
int file_copy(const char *from, const char *to);

/* The files that match a shell pattern, sorted by name in byte order; a pattern without * ? [ must exist. */
typedef struct {
    int64_t count;
    char **path;
} file_list_t;
int file_glob(const char *pattern, file_list_t *list);
/* Those of a folder, in whose own name nothing is a pattern; there may be none. */
int file_glob_in(const char *dir, const char *pattern, file_list_t *list);
void file_list_free(file_list_t *list);

/* A file being written under "path.part". Every write is checked; commit makes it durable and gives it its name. */
typedef struct file_out file_out_t;
int file_out_open(const char *path, file_out_t **out);
int file_out_write(file_out_t *out, const void *data, size_t bytes);
int file_out_print(file_out_t *out, const char *format, ...) __attribute__((format(printf, 2, 3)));
int file_out_commit(file_out_t *out); // releases out, on failure too (then the partial file is removed)
void file_out_abort(file_out_t *out); // removes the partial file; accepts NULL

int file_write(const char *path, const void *data, size_t bytes); // open, write, commit

int artifact_is_done(const char *dir);                     // 1 when dir/DONE exists
int artifact_mark_done(const char *dir, const char *what); // syncs the folder and writes DONE

#endif
