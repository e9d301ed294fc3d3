/* Hashes: XXH3-128 for fingerprints and content names. Not cryptographic. */
#ifndef MEMPROBE_HASH_H
#define MEMPROBE_HASH_H
#include <stddef.h>
#include <stdint.h>

typedef struct {
    uint64_t hi, lo;
} hash_t;

enum { HASH_TEXT = 33 }; // 32 hex digits and the end

hash_t hash_bytes(const void *data, size_t bytes, uint64_t seed);
hash_t hash_text(const char *text);
int hash_file(const char *path, hash_t *hash); // whole content
/* bytes of the file from `first` on, read piece by piece; an error when it ends before. */
int hash_file_part(const char *path, int64_t first, int64_t bytes, hash_t *hash);
int hash_compare(hash_t a, hash_t b); // <0, 0, >0: a total order (hi, then lo)
char *hash_print(char text[HASH_TEXT], hash_t hash);
int hash_parse(const char *text, hash_t *hash); // 32 lower-case hex digits; an error else

/* The bijection of SplitMix64 (Steele et al., OOPSLA 2014): spreads what differs in any bit over all bits; 0 stays 0.
 */
static inline uint64_t hash_mix(uint64_t x) {
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

/* A hash of many pieces, in order; each piece is hashed with its length, so ("ab","c") differs from ("a","bc"). */
typedef struct hasher hasher_t;
hasher_t *hasher_create(void);
void hasher_add(hasher_t *h, const void *data, size_t bytes);
void hasher_add_text(hasher_t *h, const char *text);
void hasher_add_i64(hasher_t *h, int64_t value);
void hasher_add_f64(hasher_t *h, double value); // by its shortest text
hash_t hasher_finish(hasher_t *h);              // releases h

#endif
