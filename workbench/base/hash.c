/* XXH3-128 from libxxhash. Numbers enter a hasher as little-endian bytes, so names agree between machines. */
#include "base/hash.h"
#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/num.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>

enum {
    PIECE = 1 << 20,       // bytes read at a time
    MAPPED_PIECE = 1 << 24 // of a map, after which its pages are given back: they count as memory of the process
};

struct hasher {
    XXH3_state_t *state;
};

static hash_t from_xxh(XXH128_hash_t h) {
    return (hash_t){h.high64, h.low64};
}

hash_t hash_bytes(const void *data, size_t bytes, uint64_t seed) {
    return from_xxh(XXH3_128bits_withSeed(data, bytes, seed));
}

hash_t hash_text(const char *text) {
    return hash_bytes(text, strlen(text), 0);
}

int hash_file(const char *path, hash_t *hash) {
    file_map_t map;
    TRY(file_map(path, &map));
    XXH3_state_t *state = XXH3_createState();
    int rc = state == NULL ? err_set("no memory for a hash state") : 0;
    if (rc == 0) XXH3_128bits_reset(state);
    for (size_t at = 0; rc == 0 && at < map.size; at += MAPPED_PIECE) {
        XXH3_128bits_update(state, map.data + at, map.size - at < MAPPED_PIECE ? map.size - at : MAPPED_PIECE);
        file_forget(&map);
    }
    if (rc == 0) *hash = from_xxh(XXH3_128bits_digest(state));
    XXH3_freeState(state);
    file_unmap(&map);
    return rc;
}

/* Reads [first, first + bytes) of an open file through `piece`. */
static int hash_pieces(const char *path, int fd, int64_t first, int64_t bytes, char *piece, XXH3_state_t *state) {
    for (int64_t done = 0; done < bytes;) {
        size_t want = (size_t)(bytes - done < PIECE ? bytes - done : PIECE);
        ssize_t got = pread(fd, piece, want, first + done);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return err_set("%s: cannot be read: %s", path, strerror(errno));
        if (got == 0) return err_set("%s: ends at byte %lld, before it should", path, (long long)(first + done));
        XXH3_128bits_update(state, piece, (size_t)got);
        done += got;
    }
    return 0;
}

int hash_file_part(const char *path, int64_t first, int64_t bytes, hash_t *hash) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return err_set("%s: cannot open: %s", path, strerror(errno));
    char *piece = mem_new(PIECE, 1, "a piece of a file");
    XXH3_state_t *state = XXH3_createState();
    int rc = piece == NULL ? -1 : state == NULL ? err_set("no memory for a hash state") : 0;
    if (rc == 0) {
        XXH3_128bits_reset(state);
        rc = hash_pieces(path, fd, first, bytes, piece, state);
        *hash = from_xxh(XXH3_128bits_digest(state));
    }
    XXH3_freeState(state);
    mem_free(piece);
    close(fd);
    return rc;
}

int hash_compare(hash_t a, hash_t b) {
    if (a.hi != b.hi) return a.hi < b.hi ? -1 : 1;
    return a.lo == b.lo ? 0 : a.lo < b.lo ? -1 : 1;
}

char *hash_print(char text[HASH_TEXT], hash_t hash) {
    snprintf(text, HASH_TEXT, "%016" PRIx64 "%016" PRIx64, hash.hi, hash.lo);
    return text;
}

int hash_parse(const char *text, hash_t *hash) {
    static const char digits[] = "0123456789abcdef";
    uint64_t half[2] = {0, 0};
    if (strlen(text) != HASH_TEXT - 1 || strspn(text, digits) != HASH_TEXT - 1)
        return err_set("'%.40s' is not a hash of 32 hex digits", text);
    for (int i = 0; i < HASH_TEXT - 1; i++)
        half[i / 16] = half[i / 16] << 4 | (uint64_t)(strchr(digits, text[i]) - digits);
    *hash = (hash_t){half[0], half[1]};
    return 0;
}

hasher_t *hasher_create(void) {
    hasher_t *h = mem_new(1, sizeof *h, "a hash state");
    if (h == NULL) return NULL;
    h->state = XXH3_createState();
    if (h->state == NULL) {
        err_set("no memory for a hash state");
        mem_free(h);
        return NULL;
    }
    XXH3_128bits_reset(h->state);
    return h;
}

static void add_u64(hasher_t *h, uint64_t value) {
    uint8_t bytes[8];
    for (int i = 0; i < 8; i++) bytes[i] = (uint8_t)(value >> (8 * i));
    XXH3_128bits_update(h->state, bytes, sizeof bytes);
}

void hasher_add(hasher_t *h, const void *data, size_t bytes) {
    add_u64(h, bytes);
    if (bytes > 0) XXH3_128bits_update(h->state, data, bytes);
}

void hasher_add_text(hasher_t *h, const char *text) {
    hasher_add(h, text, strlen(text));
}

void hasher_add_i64(hasher_t *h, int64_t value) {
    char text[NUM_TEXT];
    snprintf(text, sizeof text, "%" PRId64, value);
    hasher_add_text(h, text);
}

void hasher_add_f64(hasher_t *h, double value) {
    char text[NUM_TEXT];
    hasher_add_text(h, num_print_f64(text, value));
}

hash_t hasher_finish(hasher_t *h) {
    hash_t hash = from_xxh(XXH3_128bits_digest(h->state));
    XXH3_freeState(h->state);
    mem_free(h);
    return hash;
}
