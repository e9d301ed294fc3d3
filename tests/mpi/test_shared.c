/* Memory of a node: all its ranks see what each wrote, other nodes see none of it, nothing of it is left in the folder,
 * and a folder without room is passed over; when there is no other, all ranks say so. */
#include "par/par_private.h"
#include "ranks_check.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { ITEMS = 100000 };

static int is_empty(const char *dir) {
    int n = 0;
    DIR *folder = opendir(dir);
    if (!folder) return 0;
    while (readdir(folder)) n++;
    closedir(folder);
    return n == 2; // . and ..
}

/* Item i of node g becomes i + 1000 g. */
static int fill_and_read(par_shared_t *shared, int node) {
    int64_t *item = par_shared_block(shared), first, last;
    int ok = 1;
    par_shared_share(shared, ITEMS, &first, &last);
    for (int64_t i = first; i < last; i++) ok &= item[i] == 0;
    for (int64_t i = first; i < last; i++) item[i] = i + 1000 * node;
    if (par_shared_seal(shared, 0) != 0) return 0;
    for (int64_t i = 0; i < ITEMS; i++) ok &= item[i] == i + 1000 * node;
    return ok;
}

static void check_nodes(const char *name, const char *dir, int ranks) {
    par_shared_t *shared = NULL;
    const char *const place[] = {"/dev/shm/there is no such folder", dir};
    must(par_shared_create_in(ITEMS * sizeof(int64_t), place, 2, ranks, &shared));
    int there = ranks > 0 ? ranks : par_size(), node = par_rank() / there, left = par_size() - node * there;
    int ok = par_shared_ranks(shared) == (left < there ? left : there);
    ok &= strcmp(par_shared_place(shared), par_shared_ranks(shared) == 1 ? "memory" : dir) == 0;
    ok &= is_empty(dir);
    ok &= fill_and_read(shared, node);
    par_shared_free(shared);
    verdict(name, ok);
}

/* In the place of the C library's: it is interrupted, as it may be by any signal, so many times. */
static int interruptions;
int posix_fallocate(int fd, off_t offset, off_t length) {
    if (interruptions > 0) return interruptions--, EINTR;
    return fallocate(fd, 0, offset, length) == 0 ? 0 : errno;
}

static void check_interrupted(const char *dir) {
    par_shared_t *shared = NULL;
    const char *const place[] = {dir};
    interruptions = par_size() > 1 && par_rank() == 0 ? 2 : 0;
    int rc = par_shared_create_in(1 << 20, place, 1, 0, &shared);
    verdict("a signal while room is taken is no lack of room", rc == 0 && interruptions == 0);
    par_shared_free(shared);
}

static int times(const char *text, const char *part) {
    int n = 0;
    while ((text = strstr(text, part))) n++, text++;
    return n;
}

/* The message names each folder once, with what is free there. */
static void check_no_room(const char *name, const char *const *place, int32_t n) {
    par_shared_t *shared = NULL;
    int rc = par_shared_create_in((size_t)1 << 60, place, n, 0, &shared);
    int ok = rc == -1 && shared == NULL && is_empty(place[0]);
    ok &= strstr(err_text(), par_size() > 1 ? "no room for" : "no memory for") != NULL;
    for (int32_t i = 0; i < n && par_size() > 1; i++) {
        char text[SHARED_FOLDER + 10];
        snprintf(text, sizeof text, "%s has ", place[i]);
        ok &= times(err_text(), place[i]) == 1 && times(err_text(), text) == 1;
    }
    verdict(name, ok && times(err_text(), " free") == (par_size() > 1 ? n + 1 : 0)); // "free some"
}

enum { DESCRIPTORS = 256 }; // more than MPI has open

/* A rank that can open no file, as one in a container with a /dev/shm of its own cannot open that of the others: they
 * must not go on without it. It has used up its descriptors, which MPI, having its own, does not notice. */
static void check_blind_rank(const char *dir) {
    par_shared_t *shared = NULL;
    const char *const place[] = {dir, dir};
    const int is_blind = par_size() > 1 && par_rank() == par_size() - 1;
    int used[DESCRIPTORS], n = 0;
    struct rlimit before, few;
    must(getrlimit(RLIMIT_NOFILE, &before));
    few = before;
    few.rlim_cur = DESCRIPTORS;
    if (is_blind) must(setrlimit(RLIMIT_NOFILE, &few));
    while (is_blind && n < DESCRIPTORS && (used[n] = dup(STDERR_FILENO)) >= 0) n++;
    int rc = par_shared_create_in(1 << 20, place, 2, 0, &shared);
    while (n > 0) close(used[--n]);
    if (is_blind) must(setrlimit(RLIMIT_NOFILE, &before));
    par_barrier();
    verdict("a rank that cannot open the file: all know", rc == (par_size() > 1 ? -1 : 0) && is_empty(dir));
    par_shared_free(shared);
}

/* Files as a rank leaves that was killed while they had a name, and such as it did not leave. */
static int leave(const char *dir, const char *name, int hours, int bytes) {
    char path[SHARED_FOLDER + 40];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    int fd = open(path, O_CREAT | O_RDWR, 0600);
    must(fd < 0 || ftruncate(fd, bytes) != 0);
    const struct timespec then = {.tv_sec = time(NULL) - 3600 * hours}, times[] = {then, then};
    must(futimens(fd, times));
    return fd;
}

static int is_left(const char *dir, const char *name) {
    char path[SHARED_FOLDER + 40];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    return unlink(path) == 0;
}

static void check_sweep(const char *dir) {
    static const char *const kept[] = {"memprobe-young1.shared", "memprobe-filled.shared", "memprobe-locked.shared",
                                       "memprobe-longer-.shared", "memprobe-others.shared"};
    enum { KEPT = sizeof kept / sizeof kept[0] };
    par_shared_t *shared = NULL;
    const char *const place[] = {dir};
    int fd[KEPT] = {0}, sweeps = par_size() > 1, ok = 1;
    if (par_rank() == 0) {
        close(leave(dir, "memprobe-killed.shared", 1, 0));
        for (int i = 0; i < KEPT; i++) fd[i] = leave(dir, kept[i], i == 0 ? 0 : 1, i == 1 ? 1 : 0);
        must(flock(fd[2], LOCK_EX));
        if (geteuid() == 0) must(fchown(fd[4], 1, 1)); // only root can make a file of another user
    }
    par_barrier();
    must(par_shared_create_in(1 << 20, place, 1, 0, &shared));
    par_shared_free(shared);
    if (par_rank() == 0) {
        ok &= is_left(dir, "memprobe-killed.shared") == !sweeps;
        for (int i = 0; i < KEPT; i++) {
            ok &= is_left(dir, kept[i]) == (i < 4 || geteuid() == 0 || !sweeps);
            close(fd[i]);
        }
    }
    par_barrier();
    verdict("what a killed rank left is removed, and nothing else", ok && is_empty(dir));
}

static void check_seal(void) {
    par_shared_t *shared = NULL;
    must(par_shared_create(1, NULL, &shared));
    int rc = par_shared_seal(shared, par_rank() == par_size() - 1 ? err_set("rank broke") : 0);
    verdict("one rank fails to fill: all know", rc == -1 && strstr(err_text(), "broke") != NULL);
    par_shared_free(shared);
}

int main(int argc, char **argv) {
    char dir[SHARED_FOLDER];
    par_init(&argc, &argv);
    shared_folder_make(dir);
    check_nodes("one node", dir, 0);
    check_nodes("nodes of 1", dir, 1);
    check_nodes("nodes of 2", dir, 2);
    check_interrupted(dir);
    const char *const place[] = {dir, "/dev/shm"};
    check_no_room("no room: every rank says so", place, 1);
    check_no_room("no room in either of two folders", place, 2);
    check_blind_rank(dir);
    check_sweep(dir);
    check_seal();
    shared_folder_remove(dir);
    par_finalize();
    return failures != 0;
}
