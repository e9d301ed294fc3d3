/* A byte for each position of a corpus, in a file that all ranks write, each its own part; see duplicates_private.h. */
#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "index/duplicates_private.h"
#include "par/par.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static int make_file(const char *path, int64_t positions) {
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (fd < 0) return err_set("%s: cannot be made: %s", path, strerror(errno));
    int rc = ftruncate(fd, positions) == 0 ? 0 : err_set("%s: %s: is the disk full?", path, strerror(errno));
    close(fd);
    return rc;
}

static int open_file(const char *path, int64_t positions, int flags, levels_t *levels) {
    int64_t size;
    levels->path = mem_strdup(path);
    levels->fd = levels->path ? open(path, flags | O_CLOEXEC) : -1;
    if (!levels->path) return -1;
    if (levels->fd < 0) return err_set("%s: cannot be opened: %s", path, strerror(errno));
    TRY(file_size(path, &size));
    if (size == positions) return 0;
    return err_set("%s: %lld bytes where the corpus has %lld positions; remove the folder and run again", path,
                   (long long)size, (long long)positions);
}

int levels_open(const char *path, int64_t positions, int make, levels_t *levels) {
    *levels = (levels_t){.fd = -1};
    TRY(par_agree(make && par_rank() == 0 ? make_file(path, positions) : 0));
    int rc = par_agree(open_file(path, positions, O_RDWR, levels));
    if (rc != 0) levels_close(levels);
    return rc;
}

int levels_open_read(const char *path, int64_t positions, levels_t *levels) {
    *levels = (levels_t){.fd = -1};
    int rc = open_file(path, positions, O_RDONLY, levels);
    if (rc != 0) levels_close(levels);
    return rc;
}

void levels_close(levels_t *levels) {
    if (levels->fd >= 0) close(levels->fd);
    mem_free(levels->path);
    *levels = (levels_t){.fd = -1};
}

int levels_read(const levels_t *levels, int64_t position, int64_t n, uint8_t *out) {
    for (int64_t done = 0; done < n;) {
        ssize_t got = pread(levels->fd, out + done, (size_t)(n - done), position + done);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0)
            return err_set("%s: cannot be read: %s", levels->path, got < 0 ? strerror(errno) : "it ends too soon");
        done += got;
    }
    return 0;
}

int levels_write(const levels_t *levels, int64_t position, int64_t n, const uint8_t *from) {
    for (int64_t done = 0; done < n;) {
        ssize_t put = pwrite(levels->fd, from + done, (size_t)(n - done), position + done);
        if (put < 0 && errno == EINTR) continue;
        if (put <= 0) return err_set("%s: cannot be written: %s", levels->path, strerror(errno));
        done += put;
    }
    return 0;
}

int levels_sync(const levels_t *levels) {
    if (fsync(levels->fd) == 0) return 0;
    return err_set("%s: cannot be written: %s", levels->path, strerror(errno));
}
