/* Hashes of files by all ranks: the same for any number of them and for files in any state of the cache; what is cached
 * is believed as long as nothing about the file changed, and not a moment longer. */
#include "base/file.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"
#include "cmd/file_hashes.h"
#include "ranks_check.h"
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { FILES = 4, BLOCK = 1000 };
static const int64_t sizes[FILES] = {2500, 0, 1000, 999};
static char folder[SHARED_FOLDER], cache[SHARED_FOLDER + 32], path[FILES][SHARED_FOLDER + 32];
static file_hash_t file[FILES];
static int64_t settle = -1000000000; // every file is old enough

/* Rank 0 writes file f, byte i being i * step, and dates it `age` seconds back. */
static void write_file(int f, int step, int64_t age) {
    if (par_rank() == 0) {
        nanosleep(&(struct timespec){0, 20000000}, NULL); // the system's clock of files ticks every few milliseconds
        uint8_t *text = mem_new(sizes[f], 1, "test");
        must(text ? 0 : -1);
        for (int64_t i = 0; i < sizes[f]; i++) text[i] = (uint8_t)(i * step);
        FILE *out = fopen(path[f], "r+"); // the same inode, if there is one
        if (!out) out = fopen(path[f], "w");
        must(out && fwrite(text, 1, (size_t)sizes[f], out) == (size_t)sizes[f] && fclose(out) == 0 ? 0 : -1);
        static time_t now; // one clock for all calls: a rewritten file gets the very date it had
        if (now == 0) now = time(NULL);
        struct timespec times[2] = {{now - age, 5}, {now - age, 5}};
        must(utimensat(AT_FDCWD, path[f], times, 0));
        mem_free(text);
    }
    par_barrier();
}

static int hash(int remember) {
    for (int f = 0; f < FILES; f++) file[f] = (file_hash_t){.path = path[f]};
    int rc = file_hashes_tuned(file, FILES, cache, remember, BLOCK, settle);
    par_barrier();
    return rc;
}

static int is_hash_of(int f, int step) { // computed in one piece here, on every rank
    uint8_t text[4096];
    for (int64_t i = 0; i < sizes[f]; i++) text[i] = (uint8_t)(i * step);
    hasher_t *h = hasher_create();
    must(h ? 0 : -1);
    hasher_add_i64(h, sizes[f]);
    for (int64_t at = 0; at < sizes[f]; at += BLOCK) {
        int64_t bytes = sizes[f] - at < BLOCK ? sizes[f] - at : BLOCK;
        hash_t block = hash_bytes(text + at, (size_t)bytes, 0);
        hasher_add(h, &block, sizeof block);
    }
    return hash_compare(hasher_finish(h), file[f].hash) == 0;
}

static int known(void) {
    int n = 0;
    for (int f = 0; f < FILES; f++) n += file[f].is_known;
    return n;
}

static void check_cache(void) {
    int ok = hash(0) == 0 && known() == 0 && !file_exists(cache);
    for (int f = 0; f < FILES; f++) ok &= is_hash_of(f, 7);
    verdict("hashes of new files; nothing is written unless asked", ok);
    verdict("nothing is known without a cache", hash(1) == 0 && known() == 0 && file_exists(cache));
    verdict("all is known then", hash(1) == 0 && known() == FILES && is_hash_of(0, 7) && is_hash_of(2, 7));
    write_file(0, 9, 100);
    verdict("other bytes under the same size, date and inode are read", hash(1) == 0 && known() == FILES - 1);
    verdict("and known then", is_hash_of(0, 9) && hash(1) == 0 && known() == FILES && is_hash_of(0, 9));
    write_file(0, 9, 101);
    verdict("another date: read", hash(1) == 0 && known() == FILES - 1 && is_hash_of(0, 9));
    verdict("and known by it", hash(1) == 0 && known() == FILES && is_hash_of(0, 9));
    settle = INT64_C(3600000000000);
    write_file(2, 11, 0);
    verdict("a file of this very moment is hashed", hash(1) == 0 && known() == FILES - 1 && is_hash_of(2, 11));
    verdict("and not remembered", hash(1) == 0 && known() == FILES - 1 && is_hash_of(2, 11));
    write_file(2, 7, 100);
    verdict("nor with an older date", hash(1) == 0 && hash(1) == 0 && known() == FILES - 1 && is_hash_of(2, 7));
    settle = -1000000000;
    verdict("but when it is old enough", hash(1) == 0 && hash(1) == 0 && known() == FILES && is_hash_of(2, 7));
}

static int holds(void) {
    int rc = file_hashes_hold_tuned(file, FILES, BLOCK);
    par_barrier();
    return rc == 0;
}

static int says_changed(int f) {
    return !holds() && strstr(err_text(), path[f]) && strstr(err_text(), "changed while it was read");
}

static void check_hold(void) {
    verdict("files that nobody touched hold", hash(1) == 0 && holds());
    write_file(1, 7, 100);
    write_file(2, 7, 100);
    verdict("written again as they were, too", holds());
    write_file(2, 13, 100);
    verdict("other bytes under the same size, date and inode do not", says_changed(2));
    write_file(2, 7, 99);
    verdict("nor another date", says_changed(2));
    write_file(2, 7, 100);
    if (par_rank() == 0) must(remove(path[3]));
    par_barrier();
    verdict("nor one that is gone", says_changed(3));
    write_file(3, 7, 100);
    verdict("all are hashed anew then", hash(1) == 0 && holds());
}

static void check_trouble(void) {
    if (par_rank() == 0) must(file_write(cache, "path,size\n\"", 11));
    par_barrier();
    verdict("a damaged cache is made again", hash(1) == 0 && known() == 0 && is_hash_of(3, 7));
    verdict("and of use again", hash(1) == 0 && known() == FILES);
    if (par_rank() == 0) remove(path[3]);
    par_barrier();
    verdict("a missing file is an error", hash(1) == -1 && strstr(err_text(), path[3]) != NULL);
    file[0].path = file[1].path = path[0];
    int ok = file_hashes_tuned(file, 2, cache, 1, BLOCK, settle) == 0 && is_hash_of(0, 9);
    verdict("a file may stand in the list twice", ok && hash_compare(file[0].hash, file[1].hash) == 0);
    verdict("no file at all", file_hashes_tuned(file, 0, cache, 1, BLOCK, settle) == 0);
    ok = 1;
    hash_t part;
    if (par_rank() == 0)
        ok = hash_file_part(path[0], 2000, 501, &part) == -1 && strstr(err_text(), "ends at byte 2500");
    verdict("a part behind the end of a file is an error", ok);
}

int main(int argc, char **argv) {
    if (par_init(&argc, &argv) != 0) return 1;
    log_init(LOG_QUIET, par_rank() == 0, 0);
    shared_folder_make(folder);
    snprintf(cache, sizeof cache, "%s/inputs.csv", folder);
    for (int f = 0; f < FILES; f++) {
        snprintf(path[f], sizeof path[f], "%s/file, \"%d\"", folder, f); // a name that the table has to quote
        write_file(f, 7, 100);
    }
    check_cache();
    check_hold();
    check_trouble();
    shared_folder_remove(folder);
    par_finalize();
    return failures != 0;
}
