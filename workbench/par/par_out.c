/* Output addressed by id: record i stands at byte i * record_bytes, so the bytes of the file do not depend on which
 * rank wrote what, or when. All ranks write into "path.part"; a successful close makes it durable and gives it its
 * name.
 *
 * That every id was put exactly once is checked without gathering anything: a rank refuses an id it has put already
 * (a bitmap), the puts of all ranks must add up to n, and the sum of mix(id) mod 2^64 must be that of 0 .. n-1, which
 * one id put by two ranks in the place of another would change (up to a chance of 2^-64). */
#include "base/err.h"
#include "base/hash.h"
#include "base/mem.h"
#include "par/par.h"
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct par_out {
    char *path, *part;
    int fd;
    size_t record_bytes;
    int64_t n, puts;
    uint64_t mixed; // sum of mix(id) over this rank's puts
    uint8_t *seen;
};

static uint64_t mix(int64_t id) {
    return hash_mix((uint64_t)id + UINT64_C(0x9e3779b97f4a7c15)); // so that 0 counts too
}

static void release(par_out_t *out) {
    if (!out) return;
    if (out->fd >= 0) close(out->fd);
    mem_free(out->path);
    mem_free(out->part);
    mem_free(out->seen);
    mem_free(out);
}

static int prepare(const char *path, size_t record_bytes, int64_t n, par_out_t **result) {
    if (record_bytes == 0 || n < 0 || n > (INT64_MAX >> 1) / (int64_t)record_bytes)
        return err_set("%s: %lld records of %zu bytes are more than a file can hold", path, (long long)n, record_bytes);
    par_out_t *out = mem_new(1, sizeof *out, "output file");
    if (!out) return -1;
    *result = out;
    out->fd = -1;
    out->record_bytes = record_bytes;
    out->n = n;
    out->path = mem_strdup(path);
    out->part = mem_printf("%s.part", path);
    out->seen = mem_new(n / 8 + 1, 1, "bitmap of an output file");
    return out->path && out->part && out->seen ? 0 : -1;
}

static int open_part(par_out_t *out, int flags) {
    out->fd = open(out->part, O_WRONLY | O_CLOEXEC | flags, 0666);
    if (out->fd < 0) return err_set("%s: cannot be opened for writing: %s", out->part, strerror(errno));
    if (flags && ftruncate(out->fd, out->n * (int64_t)out->record_bytes) != 0)
        return err_set("%s: cannot be made %lld bytes long: %s", out->part,
                       (long long)out->n * (long long)out->record_bytes, strerror(errno));
    return 0;
}

int par_out_open(const char *path, size_t record_bytes, int64_t n, par_out_t **result) {
    par_out_t *out = NULL;
    int rc = prepare(path, record_bytes, n, &out);
    rc = par_agree(rc);
    if (rc == 0) rc = par_agree(par_rank() == 0 ? open_part(out, O_CREAT | O_TRUNC) : 0);
    if (rc == 0) {
        rc = par_agree(par_rank() == 0 ? 0 : open_part(out, 0));
        if (rc != 0 && par_rank() == 0) unlink(out->part);
    }
    if (rc != 0) {
        release(out);
        return -1;
    }
    *result = out;
    return 0;
}

int par_out_put(par_out_t *out, int64_t id, const void *record) {
    if (id < 0 || id >= out->n)
        return err_set("%s: record %lld of %lld does not exist", out->path, (long long)id, (long long)out->n);
    uint8_t bit = (uint8_t)(1u << (id & 7));
    if (out->seen[id >> 3] & bit) return err_set("%s: record %lld was put twice", out->path, (long long)id);
    const uint8_t *data = record;
    off_t at = (off_t)id * (off_t)out->record_bytes;
    for (size_t done = 0; done < out->record_bytes;) {
        ssize_t wrote = pwrite(out->fd, data + done, out->record_bytes - done, at + (off_t)done);
        if (wrote < 0 && errno == EINTR) continue;
        if (wrote < 0) return err_set("%s: cannot be written: %s", out->part, strerror(errno));
        done += (size_t)wrote;
    }
    out->seen[id >> 3] |= bit;
    out->puts++;
    out->mixed += mix(id);
    return 0;
}

/* Collective: the same verdict on every rank. */
static int check_ids(const par_out_t *out) {
    int64_t first, last;
    uint64_t expected = 0;
    par_share(out->n, &first, &last);
    for (int64_t id = first; id < last; id++) expected += mix(id);
    uint64_t difference = out->mixed - expected;
    int64_t sums[2] = {out->puts, 0};
    memcpy(&sums[1], &difference, sizeof difference);
    par_sum_i64(sums, 2);
    if (sums[0] != out->n)
        return err_set("%s: %lld records were put, %lld are due", out->path, (long long)sums[0], (long long)out->n);
    if (sums[1] != 0) return err_set("%s: two ranks put the same record and another is missing", out->path);
    return 0;
}

static int make_durable(par_out_t *out) {
    int rc = fsync(out->fd) == 0 ? 0 : err_set("%s: cannot be made durable: %s", out->part, strerror(errno));
    int closed = close(out->fd); // a network file system may report a full disk only here
    out->fd = -1;
    if (rc == 0 && closed != 0) rc = err_set("%s: cannot be closed: %s", out->part, strerror(errno));
    return rc;
}

static int give_name(par_out_t *out) {
    if (rename(out->part, out->path) != 0) {
        int rc = err_set("%s: cannot be renamed to %s: %s", out->part, out->path, strerror(errno));
        unlink(out->part);
        return rc;
    }
    int folder = open(dirname(out->part), O_RDONLY | O_DIRECTORY | O_CLOEXEC); // cuts the name off `part`
    if (folder < 0) return err_set("%s: its folder cannot be opened: %s", out->path, strerror(errno));
    int rc = fsync(folder) == 0 ? 0 : err_set("%s: its folder cannot be made durable: %s", out->path, strerror(errno));
    close(folder);
    return rc;
}

int par_out_close(par_out_t *out, int rc) {
    rc = par_agree(rc);
    if (!out) return rc;
    if (rc == 0) rc = check_ids(out);
    if (rc == 0) rc = par_agree(make_durable(out));
    if (rc != 0 && par_rank() == 0) unlink(out->part);
    if (rc == 0) rc = par_agree(par_rank() == 0 ? give_name(out) : 0);
    release(out);
    return rc;
}
