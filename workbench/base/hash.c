/* XXH3-128 from libxxhash. Numbers enter a hasher as little-endian bytes, so names agree between machines. */
#include "base/hash.h"
#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/num.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <xxhash.h>

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
    *hash = hash_bytes(map.data, map.size, 0);
    file_unmap(&map);
    return 0;
}

int hash_compare(hash_t a, hash_t b) {
    if (a.hi != b.hi) return a.hi < b.hi ? -1 : 1;
    return a.lo == b.lo ? 0 : a.lo < b.lo ? -1 : 1;
}

char *hash_print(char text[HASH_TEXT], hash_t hash) {
    snprintf(text, HASH_TEXT, "%016" PRIx64 "%016" PRIx64, hash.hi, hash.lo);
    return text;
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
