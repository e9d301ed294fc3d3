/* Content hashes of files that may be terabytes in all: computed by all ranks and remembered in the study's cache.
 *
 * A file is cut into blocks of fixed size, its hash is one over its size and the hashes of its blocks; so the work can
 * be shared and the result depends on no rank count. The cache CACHE/inputs.csv saves the reading: a hash is
 * taken from it when path, size, inode and both times of the last change are the same: that of the contents, which
 * whoever copies a file over another may set back (cp -p, rsync -t), and that of the inode, which nobody can. A file
 * that changed less than two seconds before its hash began is not remembered, since a later change inside one tick of
 * the file system's clock would not show. A cache that is missing or damaged only costs time. */
#ifndef MEMPROBE_FILE_HASHES_H
#define MEMPROBE_FILE_HASHES_H
#include "base/hash.h"
#include <stdint.h>

typedef struct {
    const char *path; // set by the caller; all else is filled
    hash_t hash;
    int64_t size, mtime, inode; // mtime: ns since the epoch
    int64_t ctime;              // of the last change of the inode
    int32_t is_known;           // from the cache
    int32_t is_settled;         // old enough to be remembered
} file_hash_t;

/* Collective. The files must be the same on all ranks; one may stand there twice. cache: path of the table.
 * remember: write it (rank 0), also when an interruption ended the work, so that whole files are not read again. */
int file_hashes(file_hash_t *file, int64_t n, const char *cache, int remember);
/* Collective, after the files were read again: an error when one of them is no longer what was hashed. Looks at sizes
 * and times; reads a file only when nothing but the time of its inode is another, as after a backup or chmod. */
int file_hashes_hold(const file_hash_t *file, int64_t n);

/* Local: the same for one file by its size, the time of its contents and its inode alone. */
int file_hash_holds(const file_hash_t *file);

/* For tests: with blocks of another size, and another time until a file is remembered. */
int file_hashes_tuned(file_hash_t *file, int64_t n, const char *cache, int remember, int64_t block, int64_t settle_ns);
int file_hashes_hold_tuned(const file_hash_t *file, int64_t n, int64_t block);

#endif
