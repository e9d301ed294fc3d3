/* What a shard says about itself: NAME.json. Private to text/.
 *
 * The file has one spelling: what shard_meta_render makes of its values. Reading parses the values, renders them again
 * and compares bytes, so any change of the file shows; its last field, a hash of all before it, ties the values
 * together. The hashes in it do the same for the seek table and the document table. */
#ifndef MEMPROBE_SHARD_H
#define MEMPROBE_SHARD_H
#include "base/hash.h"
#include <stddef.h>
#include <stdint.h>

enum {
    SHARD_VERSION = 3,
    SHARD_FRAME = 32768, // tokens a frame: half of it costs 2 % more bytes, twice of it twice the time of a short read
};

typedef struct {
    int64_t vocab, end; // tokens are 0 .. vocab-1; end closes each document
    int64_t documents, tokens;
    int64_t token_bytes; // size of NAME.tok.zst
    int64_t table_bytes; // its tail: everything behind the frames
    hash_t table_hash;
    int64_t docs_bytes; // size of NAME.docs
    hash_t docs_hash;
    hash_t check; // of the values above, as written; filled by both functions
} shard_meta_t;

int shard_width(int64_t vocab); // bytes a token: 2 or 4

int shard_meta_render(shard_meta_t *meta, char **text); // mem_free
int shard_meta_parse(const char *path, const char *text, size_t bytes, shard_meta_t *meta);

/* The text of dir/shards.csv: a header, then one row a shard, in order of name. Starts zeroed; mem_free of text. */
typedef struct {
    char *text;
    int64_t bytes, capacity;
} shard_list_t;
int shard_list_begin(shard_list_t *list);
int shard_list_add(shard_list_t *list, const char *name, const shard_meta_t *meta);
/* What dir/DONE says: the hash of the list, else a list that was cut behind a row would pass for a smaller corpus. */
enum { SHARD_SEAL = 64 };
char *shard_list_seal(const shard_list_t *list, char seal[SHARD_SEAL]);

#endif
