/* The document table of a shard, NAME.docs: what each document is called and where it starts. Private to text/.
 *
 *     head   "memprobe", "docs", u32 version                       16 bytes
 *     rows   u64 first token, u64 id, u64 source, u64 family       32 bytes a document, in order; the last three are
 *                                                                  places in the pool
 *     pool   texts, each with its NUL, and zeros up to a multiple of 8
 *     foot   u64 documents, u64 tokens, u64 bytes of the pool      24 bytes
 *
 * All little-endian. The file is mapped and used where it lies: rows have a fixed size, so a document is found by its
 * number or by bisection, and a corpus of 10^8 documents costs its readers no memory of their own. Documents lie end to
 * end, each followed by the end token, so that the length of one follows from the first token of the next. A family
 * that is the id is the id's text; a source that was met before is the text of then. */
#ifndef MEMPROBE_DOCTABLE_H
#define MEMPROBE_DOCTABLE_H
#include <stddef.h>
#include <stdint.h>

typedef struct {
    int64_t documents, tokens; // tokens of the shard, end tokens included
    const uint8_t *row;        // (documents, 32 bytes)
    const char *pool;
} doctable_t;

/* Looks through a whole table (~10 GB/s), so that whatever the file holds, no row leads out of it afterwards: first
 * tokens rise from 0, each text lies in the pool and ends there. path is for messages; the bytes are kept, not copied.
 */
int doctable_parse(const char *path, const uint8_t *file, size_t bytes, doctable_t *table);

int64_t doctable_first(const doctable_t *table, int64_t index); // index == documents: the tokens
const char *doctable_id(const doctable_t *table, int64_t index);
const char *doctable_source(const doctable_t *table, int64_t index);
const char *doctable_family(const doctable_t *table, int64_t index);
/* The document that holds a token of the shard (its end token belongs to it). */
int64_t doctable_find(const doctable_t *table, int64_t token);

/* Writing, in bounded memory (about 3 MiB, however many documents): rows go straight to the file, the pool to a
 * nameless file beside it once it has outgrown a buffer. */
typedef struct doctable_out doctable_out_t;
int doctable_create(const char *path, doctable_out_t **out);
int doctable_add(doctable_out_t *out, int64_t first, const char *id, const char *source, const char *family);
int doctable_commit(doctable_out_t *out, int64_t tokens); // releases out
void doctable_abort(doctable_out_t *out);                 // accepts NULL

#endif
