/* See file_hashes.h. Rank 0 looks at files and cache; blocks of the files that it does not know are dealt to ranks by
 * tickets; their hashes meet in a sum, in which each of them has one term that is not zero. */
#include "cmd/file_hashes.h"
#include "base/clock.h"
#include "base/csv.h"
#include "base/err.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/num.h"
#include "par/par.h"
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

static const int64_t block_bytes = INT64_C(64) << 20;
static const int64_t two_seconds = INT64_C(2000000000);
static const double worth_a_line = 5; // seconds of hashing

/* --- looking at files -------------------------------------------------------------------------------------------- */

static int64_t ns_of(struct timespec t) {
    return (int64_t)t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

static int look(file_hash_t *file, int64_t settle_ns) {
    struct stat st;
    if (stat(file->path, &st) != 0) return err_set("%s: %s", file->path, strerror(errno));
    if (!S_ISREG(st.st_mode)) return err_set("%s: not a regular file", file->path);
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    file->size = st.st_size;
    file->mtime = ns_of(st.st_mtim);
    file->inode = (int64_t)st.st_ino;
    file->ctime = ns_of(st.st_ctim);
    int64_t last = file->mtime > file->ctime ? file->mtime : file->ctime;
    file->is_settled = last < ns_of(now) - settle_ns;
    return 0;
}

/* Looks again: *now is what is there. */
static int is_there(const file_hash_t *file, file_hash_t *now) {
    *now = (file_hash_t){.path = file->path};
    return look(now, 0) == 0 && now->size == file->size && now->mtime == file->mtime && now->inode == file->inode;
}

static int changed(const file_hash_t *file) {
    return err_set("%s: changed while it was read; run again when nothing writes to it", file->path);
}

int file_hash_holds(const file_hash_t *file) {
    file_hash_t now;
    return is_there(file, &now) ? 0 : changed(file);
}

/* On rank 0, behind the hashing: contents that changed meanwhile have no hash. All files are looked at, the message is
 * of the last that changed. */
static int drop_changed(const file_hash_t *file, int64_t n, int8_t *is_whole) {
    int rc = 0;
    for (int64_t i = 0; i < n; i++) {
        file_hash_t now;
        if (is_there(&file[i], &now)) continue;
        is_whole[i] = 0;
        rc = changed(&file[i]);
    }
    return rc;
}

/* --- the cache --------------------------------------------------------------------------------------------------- */

static const char *const columns = "path,size,mtime_ns,inode,ctime_ns,hash";

/* Reads the cache; an empty table when there is none of use. */
static void cache_read(const char *path, csv_t *table) {
    static const char *const names[] = {"path", "size", "mtime_ns", "inode", "ctime_ns", "hash"};
    *table = (csv_t){0};
    if (!file_exists(path)) return;
    int rc = csv_read(path, table);
    for (int32_t i = 0; rc == 0 && i < 6; i++)
        if (table->columns != 6 || strcmp(table->name[i], names[i]) != 0) rc = -1;
    if (rc == 0) return;
    log_warn("%s: is damaged and is made again", path);
    err_clear();
    csv_free(table);
    *table = (csv_t){0};
}

static int by_path(const void *a, const void *b) { // rows: arrays of fields
    return strcmp(**(char *const *const *)a, **(char *const *const *)b);
}

/* The rows of the table, sorted by path; mem_free. */
static char ***cache_rows(const csv_t *table) {
    char ***rows = mem_new(table->rows, sizeof *rows, "known hashes");
    if (!rows) return NULL;
    for (int64_t r = 0; r < table->rows; r++) rows[r] = &table->field[r * table->columns];
    qsort(rows, (size_t)table->rows, sizeof *rows, by_path);
    return rows;
}

static int is_number(const char *text, int64_t value) {
    char number[NUM_TEXT];
    snprintf(number, sizeof number, "%" PRId64, value);
    return strcmp(text, number) == 0;
}

/* Takes what the cache knows of the file. full: its absolute path. */
static void take_known(file_hash_t *file, const char *full, char ***rows, int64_t n) {
    char *key[] = {(char *)(uintptr_t)full}, **key_row = key;
    char ***found = n > 0 ? bsearch(&key_row, rows, (size_t)n, sizeof *rows, by_path) : NULL;
    if (!found) return;
    char **field = *found;
    file->is_known = is_number(field[1], file->size) && is_number(field[2], file->mtime) &&
                     is_number(field[3], file->inode) && is_number(field[4], file->ctime) &&
                     hash_parse(field[5], &file->hash) == 0;
}

/* On rank 0. */
static int look_at_all(file_hash_t *file, int64_t n, int64_t settle_ns, char **full, const csv_t *table) {
    char ***rows = cache_rows(table);
    int rc = rows ? 0 : -1;
    for (int64_t i = 0; rc == 0 && i < n; i++) {
        rc = look(&file[i], settle_ns);
        if (rc != 0) break;
        full[i] = realpath(file[i].path, NULL);
        if (full[i])
            take_known(&file[i], full[i], rows, table->rows);
        else
            rc = err_set("%s: %s", file[i].path, strerror(errno));
    }
    mem_free(rows);
    return rc;
}

static void put_row(csv_out_t *out, const char *path, const file_hash_t *file) {
    char text[HASH_TEXT];
    csv_text(out, path);
    csv_i64(out, file->size);
    csv_i64(out, file->mtime);
    csv_i64(out, file->inode);
    csv_i64(out, file->ctime);
    csv_text(out, hash_print(text, file->hash));
    csv_end(out);
}

static int compare_paths(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The new table: rows of files that were not asked for, as they are; then those whose hash is known now. */
static int cache_write(const char *path, const csv_t *table, const file_hash_t *file, char *const *full, int64_t n,
                       const int8_t *is_whole) {
    csv_out_t *out;
    char **asked = mem_new(n, sizeof *asked, "known hashes");
    if (!asked) return -1;
    memcpy(asked, full, (size_t)n * sizeof *asked);
    qsort(asked, (size_t)n, sizeof *asked, compare_paths);
    int rc = csv_open(path, columns, &out);
    if (rc == 0) {
        for (int64_t r = 0; r < table->rows; r++) {
            char **field = &table->field[r * table->columns];
            if (bsearch(&field[0], asked, (size_t)n, sizeof *asked, compare_paths)) continue;
            for (int32_t c = 0; c < table->columns; c++) csv_text(out, field[c]);
            csv_end(out);
        }
        for (int64_t i = 0; i < n; i++) {
            if (is_whole[i] && file[i].is_settled) put_row(out, full[i], &file[i]);
        }
        rc = csv_commit(out);
    }
    mem_free(asked);
    return rc;
}

static int has_news(const file_hash_t *file, int64_t n, const int8_t *is_whole) {
    for (int64_t i = 0; i < n; i++)
        if (!file[i].is_known && is_whole[i] && file[i].is_settled) return 1;
    return 0;
}

/* --- hashing ----------------------------------------------------------------------------------------------------- */

typedef struct {
    int64_t file, first, bytes;
} block_t;

typedef struct {
    block_t *block;
    int64_t n, bytes;
    int64_t *hash; // (n, 3): hi, lo, 1 where a rank has computed it
} blocks_t;

static int64_t blocks_of(const file_hash_t *file, int64_t block) {
    return file->is_known ? 0 : (file->size + block - 1) / block;
}

/* Local, the same on all ranks. */
static int cut_files(const file_hash_t *file, int64_t n, int64_t block, blocks_t *b) {
    int64_t total = 0;
    for (int64_t i = 0; i < n; i++) total += blocks_of(&file[i], block);
    b->block = mem_new(total, sizeof *b->block, "blocks of files");
    b->hash = mem_new(3 * total, sizeof *b->hash, "hashes of blocks");
    if (!b->block || !b->hash) return -1;
    for (int64_t i = 0; i < n; i++) {
        for (int64_t k = 0; k < blocks_of(&file[i], block); k++) {
            int64_t first = k * block, left = file[i].size - first;
            b->block[b->n++] = (block_t){i, first, left < block ? left : block};
        }
        if (!file[i].is_known) b->bytes += file[i].size;
    }
    return 0;
}

static int hash_blocks(const file_hash_t *file, blocks_t *b, par_tickets_t *tickets, par_tally_t *tally) {
    progress_t progress;
    double start = clock_wall();
    progress_start(&progress, "read inputs", b->bytes, "bytes");
    for (int64_t i; (i = par_tickets_next(tickets)) >= 0;) {
        hash_t hash;
        const block_t *block = &b->block[i];
        int rc = par_go_on();
        if (rc == 0) rc = hash_file_part(file[block->file].path, block->first, block->bytes, &hash);
        TRY(par_tickets_end(tickets, rc));
        memcpy(&b->hash[3 * i], &hash, sizeof hash);
        b->hash[3 * i + 2] = 1;
        par_tally_add(tally, 0, block->bytes);
        progress_update(&progress, par_tally_read(tally, 0));
    }
    progress_update(&progress, b->bytes);
    if (clock_wall() - start > worth_a_line) progress_end(&progress);
    return 0;
}

/* From the hashes of its blocks, those of the files that have all; is_whole says which. */
static int join_blocks(file_hash_t *file, int64_t n, const blocks_t *b, int8_t *is_whole) {
    for (int64_t i = 0, at = 0; i < n; i++) {
        is_whole[i] = 1;
        if (file[i].is_known) continue;
        hasher_t *h = hasher_create();
        if (!h) return -1;
        hasher_add_i64(h, file[i].size);
        for (; at < b->n && b->block[at].file == i; at++) {
            is_whole[i] &= b->hash[3 * at + 2] == 1;
            hasher_add(h, &b->hash[3 * at], sizeof(hash_t));
        }
        file[i].hash = hasher_finish(h);
    }
    return 0;
}

/* Collective. What can be known after an error too, is: is_whole. */
static int hash_unknown(file_hash_t *file, int64_t n, int64_t block, int8_t *is_whole) {
    blocks_t b = {0};
    par_tickets_t *tickets = NULL;
    par_tally_t *tally = NULL;
    int rc = par_agree(cut_files(file, n, block, &b));
    if (rc == 0) rc = par_tickets_create(b.n, &tickets);
    if (rc == 0) rc = par_tally_create(1, &tally);
    if (rc == 0) {
        rc = par_agree(hash_blocks(file, &b, tickets, tally));
        par_sum_i64(b.hash, 3 * b.n);
        int joined = par_agree(join_blocks(file, n, &b, is_whole));
        if (rc == 0) rc = joined;
    }
    par_tally_free(tally);
    if (tickets) par_tickets_free(tickets);
    mem_free(b.block);
    mem_free(b.hash);
    return rc;
}

/* Collective: all ranks get what rank 0 saw. The paths stay each rank's own. */
static int share_looks(file_hash_t *file, int64_t n) {
    file_hash_t *seen = mem_new(n, sizeof *seen, "hashes of files");
    int rc = par_agree(seen ? 0 : -1);
    if (rc == 0) {
        if (n > 0) memcpy(seen, file, (size_t)n * sizeof *seen);
        par_broadcast(seen, (size_t)n * sizeof *seen, 0);
        for (int64_t i = 0; i < n; i++) {
            seen[i].path = file[i].path;
            file[i] = seen[i];
        }
    }
    mem_free(seen);
    return rc;
}

/* Collective. full, table: of rank 0. Whole files are remembered after an error or an interruption too. */
static int hash_all(file_hash_t *file, int64_t n, const char *cache, int remember, int64_t block, int64_t settle_ns,
                    char **full, csv_t *table) {
    if (par_rank() == 0) cache_read(cache, table);
    TRY(par_agree(par_rank() == 0 ? look_at_all(file, n, settle_ns, full, table) : 0));
    TRY(share_looks(file, n));
    int64_t unknown = 0;
    for (int64_t i = 0; i < n; i++) unknown += !file[i].is_known;
    if (unknown == 0) return 0;
    int8_t *is_whole = mem_new(n, 1, "hashes of files");
    int rc = par_agree(is_whole ? 0 : -1);
    if (rc == 0) {
        rc = hash_unknown(file, n, block, is_whole);
        char *why = rc == 0 ? NULL : mem_strdup(err_text());
        int rank0 = par_rank() == 0 ? drop_changed(file, n, is_whole) : 0;
        if (par_rank() == 0 && remember && has_news(file, n, is_whole) &&
            cache_write(cache, table, file, full, n, is_whole) != 0)
            rank0 = -1;
        if (rc == 0)
            rc = par_agree(rank0);
        else if (why)
            err_set("%s", why);
        mem_free(why);
    }
    mem_free(is_whole);
    return rc;
}

int file_hashes_tuned(file_hash_t *file, int64_t n, const char *cache, int remember, int64_t block, int64_t settle_ns) {
    csv_t table = {0};
    for (int64_t i = 0; i < n; i++) file[i] = (file_hash_t){.path = file[i].path};
    char **full = mem_new(n, sizeof *full, "paths of inputs");
    int rc = par_agree(full ? 0 : -1);
    if (rc == 0) rc = hash_all(file, n, cache, remember, block, settle_ns, full, &table);
    for (int64_t i = 0; full && i < n; i++) free(full[i]);
    mem_free(full);
    csv_free(&table);
    return rc;
}

int file_hashes(file_hash_t *file, int64_t n, const char *cache, int remember) {
    return file_hashes_tuned(file, n, cache, remember, block_bytes, two_seconds);
}

/* --- looking again ----------------------------------------------------------------------------------------------- */

/* On rank 0: files of another size, date or inode are an error; *touched are those of which only the time of the inode
 * is another, *n_touched of them. */
static int look_again(const file_hash_t *file, int64_t n, file_hash_t *touched, int64_t *n_touched) {
    for (int64_t i = 0; i < n; i++) {
        file_hash_t now;
        if (!is_there(&file[i], &now)) return changed(&file[i]);
        if (now.ctime == file[i].ctime) continue;
        now.hash = file[i].hash;
        now.inode = i; // of use no more: which of the files it is
        touched[(*n_touched)++] = now;
    }
    return 0;
}

/* Collective: hashes the touched ones again. */
static int hash_touched(const file_hash_t *file, file_hash_t *touched, int64_t n, int64_t block) {
    int8_t *is_whole = mem_new(n, 1, "hashes of files");
    hash_t *before = mem_new(n, sizeof *before, "hashes of files");
    int rc = par_agree(is_whole && before ? 0 : -1);
    for (int64_t i = 0; rc == 0 && i < n; i++) {
        touched[i].path = file[touched[i].inode].path;
        before[i] = touched[i].hash;
    }
    if (rc == 0) rc = hash_unknown(touched, n, block, is_whole);
    for (int64_t i = 0; rc == 0 && i < n; i++) {
        if (hash_compare(before[i], touched[i].hash) != 0) rc = changed(&touched[i]);
    }
    mem_free(before);
    mem_free(is_whole);
    return par_agree(rc);
}

int file_hashes_hold_tuned(const file_hash_t *file, int64_t n, int64_t block) {
    int64_t n_touched = 0;
    file_hash_t *touched = mem_new(n, sizeof *touched, "hashes of files");
    int rc = par_agree(touched ? 0 : -1);
    if (rc == 0) rc = par_agree(par_rank() == 0 ? look_again(file, n, touched, &n_touched) : 0);
    if (rc == 0) {
        par_broadcast(&n_touched, sizeof n_touched, 0);
        if (n_touched > 0) {
            par_broadcast(touched, (size_t)n_touched * sizeof *touched, 0);
            rc = hash_touched(file, touched, n_touched, block);
        }
    }
    mem_free(touched);
    return rc;
}

int file_hashes_hold(const file_hash_t *file, int64_t n) {
    return file_hashes_hold_tuned(file, n, block_bytes);
}
