/* Writing files so that a name never stands for half a file: the bytes go to "path.part", are checked and flushed to
 * the disk, and only then take the name. The folder is flushed too, else a crash could forget the rename. */
#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { BUFFER_BYTES = 1 << 18 };

struct file_out {
    char *path, *part;
    uint8_t *buffer;
    size_t held; // bytes in buffer
    int fd;
    int failed; // errno of the first write that failed: commit fails with it
};

static int write_error(const char *path, int why) {
    const char *hint = "";
    if (why == ENOSPC) hint = "; free space on this file system and run again: nothing incomplete was left";
    if (why == EDQUOT) hint = "; the disk quota is used up: free space and run again, nothing incomplete was left";
    return err_set("%s: cannot write: %s%s", path, strerror(why), hint);
}

static void out_release(file_out_t *out) {
    if (out->fd >= 0) close(out->fd);
    mem_free(out->path);
    mem_free(out->part);
    mem_free(out->buffer);
    mem_free(out);
}

int file_out_open(const char *path, file_out_t **result) {
    *result = NULL;
    file_out_t *out = mem_new(1, sizeof *out, "an output file");
    if (out == NULL) return -1;
    out->fd = -1;
    out->path = mem_strdup(path);
    out->part = mem_printf("%s.part", path);
    out->buffer = mem_new(BUFFER_BYTES, 1, "an output buffer");
    int rc = out->path == NULL || out->part == NULL || out->buffer == NULL ? -1 : 0;
    if (rc == 0) {
        out->fd = open(out->part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
        if (out->fd < 0) rc = write_error(path, errno);
    }
    if (rc != 0)
        out_release(out);
    else
        *result = out;
    return rc;
}

static int write_all(file_out_t *out, const uint8_t *data, size_t bytes) {
    while (bytes > 0) {
        ssize_t wrote = write(out->fd, data, bytes);
        if (wrote < 0 && errno == EINTR) continue;
        if (wrote < 0) {
            out->failed = errno;
            return write_error(out->path, errno);
        }
        data += wrote;
        bytes -= (size_t)wrote;
    }
    return 0;
}

static int flush_buffer(file_out_t *out) {
    size_t held = out->held;
    out->held = 0;
    return write_all(out, out->buffer, held);
}

int file_out_write(file_out_t *out, const void *data, size_t bytes) {
    if (bytes > BUFFER_BYTES - out->held) TRY(flush_buffer(out));
    if (bytes >= BUFFER_BYTES) return write_all(out, data, bytes);
    if (bytes > 0) memcpy(out->buffer + out->held, data, bytes);
    out->held += bytes;
    return 0;
}

int file_out_print(file_out_t *out, const char *format, ...) {
    char text[512];
    va_list args;
    va_start(args, format);
    int length = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (length < 0) return err_set("%s: a text could not be formatted", out->path);
    if ((size_t)length < sizeof text) return file_out_write(out, text, (size_t)length);
    char *longer = mem_new((int64_t)length + 1, 1, "a line of output");
    if (longer == NULL) return -1;
    va_start(args, format);
    vsnprintf(longer, (size_t)length + 1, format, args);
    va_end(args);
    int rc = file_out_write(out, longer, (size_t)length);
    mem_free(longer);
    return rc;
}

/* Flushes the entries of a folder. Some network file systems refuse to sync a folder; there is nothing to add then. */
static int sync_dir(const char *dir) {
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return err_set("%s: cannot open the folder: %s", dir, strerror(errno));
    int why = fsync(fd) == 0 ? 0 : errno;
    close(fd);
    if (why != 0 && why != EINVAL && why != ENOTSUP && why != EBADF)
        return err_set("%s: cannot sync the folder: %s", dir, strerror(why));
    return 0;
}

static int sync_parent(const char *path) {
    char *dir = mem_strdup(path);
    if (dir == NULL) return -1;
    char *slash = strrchr(dir, '/');
    if (slash == dir) slash++;
    if (slash != NULL) *slash = '\0';
    int rc = sync_dir(slash != NULL ? dir : ".");
    mem_free(dir);
    return rc;
}

int file_out_commit(file_out_t *out) {
    int rc = out->failed ? write_error(out->path, out->failed) : flush_buffer(out);
    if (rc == 0 && fsync(out->fd) != 0 && errno != EINVAL && errno != ENOTSUP) rc = write_error(out->path, errno);
    /* NFS reports a full disk as late as close. */
    int closed = close(out->fd);
    out->fd = -1;
    if (rc == 0 && closed != 0) rc = write_error(out->path, errno);
    if (rc == 0 && rename(out->part, out->path) != 0)
        rc = err_set("%s: cannot be renamed to its final name: %s", out->part, strerror(errno));
    if (rc != 0)
        unlink(out->part);
    else
        rc = sync_parent(out->path);
    out_release(out);
    return rc;
}

void file_out_abort(file_out_t *out) {
    if (out == NULL) return;
    unlink(out->part);
    out_release(out);
}

int file_write(const char *path, const void *data, size_t bytes) {
    file_out_t *out;
    TRY(file_out_open(path, &out));
    if (file_out_write(out, data, bytes) != 0) {
        file_out_abort(out);
        return -1;
    }
    return file_out_commit(out);
}

int artifact_mark_done(const char *dir, const char *what) {
    TRY(sync_dir(dir));
    char *path = mem_printf("%s/DONE", dir);
    char *text = mem_printf("%s\n", what);
    int rc = path != NULL && text != NULL ? file_write(path, text, strlen(text)) : -1;
    mem_free(path);
    mem_free(text);
    return rc;
}
