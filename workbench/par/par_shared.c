/* Memory that the ranks of a node share, as a file that all map: MPI's own shared windows cannot say beforehand whether
 * there is room, and a page that a full /dev/shm cannot give ends a rank by SIGBUS. So all room is taken before the
 * block is used, and where /dev/shm has too little the block is a file in another folder. */
#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/num.h"
#include "par/par.h"
#include "par/par_private.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

enum { PATH_BYTES = 1024, ENDING = 7, A_WHILE = 60 }; // ENDING: bytes of what follows the X; A_WHILE: seconds
static const char NAME[] = "memprobe-XXXXXX.shared";  // of a file, for mkostemps
static const char PATTERN[] = "memprobe-??????.shared";

struct par_shared {
    par_node_t node;
    void *block;
    size_t bytes;
    char place[PATH_BYTES];
    int is_own; // of this process alone, which shares with nobody and asks nobody
};

/* What a folder's file system says it has free; 0 when it cannot be asked. */
static double free_bytes(const char *folder) {
    struct statvfs fs;
    return statvfs(folder, &fs) == 0 ? (double)fs.f_bavail * (double)fs.f_frsize : 0;
}

/* A file has its name for a moment only, while it is empty and its maker locks it. One that is older than that, empty,
 * and locked by nobody was left by a rank that was killed in that moment. (A process id in the name would not tell:
 * containers that share the folder number their processes each for itself.) */
static void remove_if_left(int folder, const char *name) {
    struct stat st;
    int fd = openat(folder, name, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0) return;
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_uid == geteuid() && st.st_size == 0 &&
        st.st_mtime < time(NULL) - A_WHILE && flock(fd, LOCK_EX | LOCK_NB) == 0)
        unlinkat(folder, name, 0);
    close(fd);
}

/* What cannot be removed does no harm. */
static void sweep(const char *folder) {
    DIR *dir = opendir(folder);
    if (!dir) return;
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;)
        if (fnmatch(PATTERN, entry->d_name, 0) == 0) remove_if_left(dirfd(dir), entry->d_name);
    closedir(dir);
}

/* A new file in the folder; *path is empty when there cannot be one. Returns its descriptor. */
static int create_file(const char *folder, size_t bytes, char path[PATH_BYTES]) {
    int length = snprintf(path, PATH_BYTES, "%s/%s", folder, NAME), fd = -1;
    sweep(folder);
    if (length < PATH_BYTES && free_bytes(folder) > (double)bytes) fd = mkostemps(path, ENDING, O_CLOEXEC);
    if (fd < 0) path[0] = '\0';
    if (fd >= 0) flock(fd, LOCK_EX); // until it is closed; where there are no locks nobody sweeps
    return fd;
}

/* Takes all room of a file now. A signal that only stops the process for a while, or asks it to end soon, must not look
 * like a folder without room. */
static int take_room(int fd, size_t bytes) {
    int error;
    do error = posix_fallocate(fd, 0, (off_t)bytes);
    while (error == EINTR);
    return error == 0;
}

/* Ranks of one node together: a file of `bytes` in the folder that has no name any more. -1, on all of them, when the
 * folder has no room or a rank cannot open the file: in a container it may have a /dev/shm of its own. */
static int open_in(const par_node_t *node, const char *folder, size_t bytes) {
    char path[PATH_BYTES] = "";
    int there, fd = -1;
    if (node->rank == 0) fd = create_file(folder, bytes, path);
    par_node_broadcast(node, path, sizeof path);
    if (path[0] == '\0') return -1;
    if (node->rank > 0) fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    there = par_node_all(node, fd >= 0);
    if (node->rank == 0) {
        unlink(path);
        there = there && take_room(fd, bytes);
    }
    par_node_broadcast(node, &there, sizeof there);
    if (there) return fd;
    if (fd >= 0) close(fd);
    return -1;
}

/* Why no folder would do: what each has free, which may be enough for the one rank that asks and of no use to the
 * others. All ranks of the node say what its first one sees. */
static int no_room(const par_shared_t *s, const char *const *place, int32_t n) {
    char free_text[NUM_TEXT], bytes[NUM_TEXT], why[2 * PATH_BYTES] = "";
    for (int32_t i = 0; i < n; i++) {
        size_t used = strlen(why);
        snprintf(why + used, sizeof why - used, "%s%s has %s free", i > 0 ? ", " : "", place[i],
                 num_print_bytes(free_text, free_bytes(place[i])));
    }
    par_node_broadcast(&s->node, why, sizeof why);
    return err_set("the ranks of a node have no room for %s that they share: %s; free some, or set [run] cache to a "
                   "folder with room in which all of them can open files",
                   num_print_bytes(bytes, (double)s->bytes), why);
}

/* A node of one rank shares with nobody. */
static int map_alone(par_shared_t *s) {
    s->block = mmap(NULL, s->bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    snprintf(s->place, sizeof s->place, "memory");
    if (s->block != MAP_FAILED) return 0;
    char bytes[NUM_TEXT];
    return err_set("no memory for %s in one piece; use a machine with more, or end what else takes it",
                   num_print_bytes(bytes, (double)s->bytes));
}

static int map_shared(par_shared_t *s, const char *const *place, int32_t n) {
    int fd = -1;
    for (int32_t i = 0; i < n && fd < 0; i++) {
        fd = open_in(&s->node, place[i], s->bytes);
        snprintf(s->place, sizeof s->place, "%s", place[i]);
    }
    if (fd < 0) return no_room(s, place, n);
    s->block = mmap(NULL, s->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    int error = errno;
    close(fd);
    if (s->block != MAP_FAILED) return 0;
    return err_set("%zu bytes of shared memory cannot be mapped: %s", s->bytes, strerror(error));
}

/* Hands the block over, or nothing. */
static int hand_over(par_shared_t *s, int rc, par_shared_t **out) {
    if (rc != 0) {
        par_shared_free(s);
        return -1;
    }
    madvise(s->block, s->bytes, MADV_HUGEPAGE); // a wish
    *out = s;
    return 0;
}

int par_shared_create_in(size_t bytes, const char *const *place, int32_t n, int ranks, par_shared_t **out) {
    par_shared_t *s = mem_new(1, sizeof *s, "shared memory");
    *out = NULL;
    TRY(par_agree(s ? 0 : -1));
    *s = (par_shared_t){.bytes = bytes > 0 ? bytes : 1, .block = MAP_FAILED};
    par_node_open(ranks, &s->node);
    int rc = par_agree(s->node.ranks == 1 ? map_alone(s) : map_shared(s, place, n));
    par_node_close(&s->node);
    return hand_over(s, rc, out);
}

int par_shared_create_own(size_t bytes, par_shared_t **out) {
    par_shared_t *s = mem_new(1, sizeof *s, "memory of a process");
    *out = NULL;
    if (!s) return -1;
    *s = (par_shared_t){.bytes = bytes > 0 ? bytes : 1, .block = MAP_FAILED, .node = {.ranks = 1}, .is_own = 1};
    return hand_over(s, map_alone(s), out);
}

int par_shared_create(size_t bytes, const char *spill, par_shared_t **shared) {
    const char *const place[] = {"/dev/shm", spill};
    return par_shared_create_in(bytes, place, spill ? 2 : 1, 0, shared);
}

int par_shared_sweep(const char *spill) {
    return dir_remove_files(spill, PATTERN);
}

void *par_shared_block(const par_shared_t *s) {
    return s->block;
}

const char *par_shared_place(const par_shared_t *s) {
    return s->place;
}

size_t par_shared_bytes(const par_shared_t *s) {
    return s->bytes;
}

int par_shared_ranks(const par_shared_t *s) {
    return s->node.ranks;
}

void par_shared_share(const par_shared_t *s, int64_t n, int64_t *first, int64_t *last) {
    par_share_of(n, s->node.rank, s->node.ranks, first, last);
}

int par_shared_seal(par_shared_t *s, int rc) {
    if (!s->is_own) rc = par_agree(rc);
    if (rc == 0) mprotect(s->block, s->bytes, PROT_READ);
    return rc;
}

void par_shared_free(par_shared_t *s) {
    if (s == NULL) return;
    if (s->block != MAP_FAILED) munmap(s->block, s->bytes);
    mem_free(s);
}
