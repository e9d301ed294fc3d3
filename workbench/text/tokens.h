/* A tokenized corpus: an artifact folder with token shards and a document table. A shard is a file of the zstd seekable
 * format (independent frames, a seek table, checksums; `zstd -d` decodes it) that holds u16 or u32 tokens, documents
 * one after the other, each followed by the end token. No shard crosses an input file. A position is an index into the
 * concatenation of all shards in order of name. Any window is read by decoding the frames it touches.
 *
 *     dir/NAME.tok.zst    tokens, little-endian, u16 when vocab <= 65536, else u32; 32768 tokens a frame
 *     dir/NAME.docs       the document table (text/doctable.h): first token, id, source, family; mapped, not read, so
 *                         that a corpus of 10^8 documents costs no memory of its own
 *     dir/NAME.json       what the shard is, its sizes, and the hashes of its tables (text/shard.h)
 *     dir/shards.csv      the shards of the folder
 *     dir/DONE            the seal: the hash of the list
 *
 * A changed bit anywhere in these is found: at open in the tables, at read in the frames. */
#ifndef MEMPROBE_TOKENS_H
#define MEMPROBE_TOKENS_H
#include <stddef.h>
#include <stdint.h>

typedef struct {
    int64_t first;  // position of the first token
    int64_t length; // tokens, without the end token
    const char *id, *source;
    const char *family; // planted sequences: "planted/LEVEL/NUMBER", equal for all copies; else the id
} token_document_t;

typedef struct tokens tokens_t;
int tokens_open(const char *dir, tokens_t **tokens); // local; the folder must be DONE; checks sizes and tables
void tokens_close(tokens_t *tokens);                 // accepts NULL

int64_t tokens_count(const tokens_t *t); // positions, end tokens included
int64_t tokens_documents(const tokens_t *t);
int32_t tokens_vocab(const tokens_t *t);
int32_t tokens_end(const tokens_t *t);                              // the end token
token_document_t tokens_document(const tokens_t *t, int64_t index); // its texts live as long as t
int64_t tokens_document_at(const tokens_t *t, int64_t position);    // index of the document that holds it
/* n tokens from position on; frames are checked as they are decoded and the last few are kept. */
int tokens_read(tokens_t *t, int64_t position, int64_t n, int32_t *out);

/* Writing one shard: documents in order, then commit. The name is of letters, digits, dot, dash and underscore. Several
 * ranks may write shards of one folder at once; when all are committed, one of them seals it. */
typedef struct shard_out shard_out_t;
int shard_out_open(const char *dir, const char *name, int32_t vocab, int32_t end, shard_out_t **out);
int shard_out_add(shard_out_t *out, const char *id, const char *source, const char *family, const int32_t *ids,
                  int64_t n);
/* The same in pieces: a document is begun, its tokens come in runs, it is ended. */
int shard_out_begin(shard_out_t *out, const char *id, const char *source, const char *family);
int shard_out_tokens(shard_out_t *out, const int32_t *ids, int64_t n);
int shard_out_end(shard_out_t *out);
int shard_out_commit(shard_out_t *out); // releases out
void shard_out_abort(shard_out_t *out); // accepts NULL
/* Local: lists the committed shards of dir in dir/shards.csv and marks the folder DONE; tokens_open wants both. */
int tokens_seal(const char *dir);

#endif
