/* Writing a token shard, and sealing a folder of them. See tokens.h for the files and seekable.h for the format.
 *
 * Frames are cut every SHARD_FRAME tokens, whatever the documents, so that a position finds its frame by division. The
 * description NAME.json is written last: a shard without it does not exist. */
#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "text/bytes.h"
#include "text/doctable.h"
#include "text/seekable.h"
#include "text/shard.h"
#include "text/tokens.h"
#include <assert.h>
#include <string.h>

/* Of zstd: level 1, which for u16 gets a hash table of 8 KB in place of 32, so that it stays in the nearest cache.
 * Files become 6 % larger and are packed in four fifths of the time, and packing is most of what ingest does beside the
 * tokenizer (tests/bench/bench_ingest). Level 3 makes files 4 % smaller than level 1 and takes nearly twice as long.
 * u32 tokens gain little by a smaller table. */
enum { SHARD_LEVEL = 1, U16_HASH_LOG = 11 };

struct shard_out {
    char *token_path, *docs_path, *meta_path;
    shard_meta_t meta;
    file_out_t *file;
    doctable_out_t *docs;
    ZSTD_CCtx *encoder;
    seek_out_t table;
    int32_t width;
    int64_t filled;  // tokens in the frame being filled
    uint8_t *frame;  // (SHARD_FRAME, width)
    uint8_t *packed; // room for any packed frame
    size_t packed_room;
    int in_document; // between begin and end
    char *id;        // of that document, for messages
    int64_t id_room;
    int64_t document_tokens; // given to it so far
};

static int name_check(const char *dir, const char *name) {
    const char *legal = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    if (name[0] != '\0' && name[0] != '.' && strspn(name, legal) == strlen(name)) return 0;
    return err_set("%s: '%s' cannot name a shard: use letters, digits, dot, dash and underscore", dir, name);
}

static int encoder_set(shard_out_t *o, ZSTD_cParameter parameter, int value) {
    size_t rc = ZSTD_CCtx_setParameter(o->encoder, parameter, value);
    return ZSTD_isError(rc) ? err_set("%s: zstd: %s", o->token_path, ZSTD_getErrorName(rc)) : 0;
}

static int encoder_create(shard_out_t *o) {
    o->packed_room = ZSTD_compressBound((size_t)(SHARD_FRAME * o->width));
    o->frame = mem_new(SHARD_FRAME, (size_t)o->width, "frame of tokens");
    o->packed = mem_new((int64_t)o->packed_room, 1, "packed frame");
    if (o->frame == NULL || o->packed == NULL) return -1;
    o->encoder = ZSTD_createCCtx();
    if (o->encoder == NULL) return err_set("%s: no memory for a zstd encoder", o->token_path);
    TRY(encoder_set(o, ZSTD_c_checksumFlag, 1));
    TRY(encoder_set(o, ZSTD_c_compressionLevel, SHARD_LEVEL));
    return o->width == 2 ? encoder_set(o, ZSTD_c_hashLog, U16_HASH_LOG) : 0;
}

static int open_files(shard_out_t *o, const char *dir, const char *name) {
    o->token_path = mem_printf("%s/%s.tok.zst", dir, name);
    o->docs_path = mem_printf("%s/%s.docs", dir, name);
    o->meta_path = mem_printf("%s/%s.json", dir, name);
    if (o->token_path == NULL || o->docs_path == NULL || o->meta_path == NULL) return -1;
    TRY(encoder_create(o));
    TRY(file_out_open(o->token_path, &o->file));
    return doctable_create(o->docs_path, &o->docs);
}

int shard_out_open(const char *dir, const char *name, int32_t vocab, int32_t end, shard_out_t **out) {
    TRY(name_check(dir, name));
    if (vocab <= 0 || end < 0 || end >= vocab) {
        return err_set("%s/%s: an end token of %d does not fit a vocabulary of %d: a tokenizer needs <|endoftext|>",
                       dir, name, end, vocab);
    }
    shard_out_t *o = mem_new(1, sizeof *o, "shard writer");
    if (o == NULL) return -1;
    o->meta = (shard_meta_t){.vocab = vocab, .end = end};
    o->width = shard_width(vocab);
    if (open_files(o, dir, name) != 0) {
        shard_out_abort(o);
        return -1;
    }
    *out = o;
    return 0;
}

static int flush_frame(shard_out_t *o) {
    size_t bytes = (size_t)(o->filled * o->width);
    size_t packed = ZSTD_compress2(o->encoder, o->packed, o->packed_room, o->frame, bytes);
    if (ZSTD_isError(packed)) return err_set("%s: zstd: %s", o->token_path, ZSTD_getErrorName(packed));
    TRY(seek_out_add(&o->table, o->packed, packed, bytes));
    TRY(file_out_write(o->file, o->packed, packed));
    o->filled = 0;
    return 0;
}

/* Writes n tokens as the file has them, and returns a number whose bit 31 is set when one of them is negative or above
 * the last of the vocabulary. width is a constant at every call, so that the loop does not ask for it. */
__attribute__((always_inline)) static inline uint32_t narrow(const int32_t *ids, int64_t n, uint32_t last,
                                                             const int width, uint8_t *to) {
    uint32_t outside = 0;
    for (int64_t i = 0; i < n; i++) {
        const uint32_t id = (uint32_t)ids[i];
        if (width == 2)
            bytes_put_u16(to + 2 * i, (uint16_t)id);
        else
            bytes_put_u32(to + 4 * i, id);
        outside |= id | (last - id);
    }
    return outside;
}

/* ids holds a token outside the vocabulary. */
static int vocab_error(const shard_out_t *o, const int32_t *ids) {
    int64_t i = 0;
    while ((uint32_t)ids[i] < o->meta.vocab) i++;
    return err_set("%s: document '%s': token %lld is %d, outside the vocabulary of %lld", o->token_path, o->id,
                   (long long)(o->document_tokens + i), ids[i], (long long)o->meta.vocab);
}

static int put_tokens(shard_out_t *o, const int32_t *ids, int64_t n) {
    const uint32_t last = (uint32_t)o->meta.vocab - 1;
    for (int64_t take; n > 0; ids += take, n -= take) {
        int64_t room = SHARD_FRAME - o->filled;
        uint8_t *to = o->frame + o->filled * o->width;
        take = n < room ? n : room;
        uint32_t outside = o->width == 2 ? narrow(ids, take, last, 2, to) : narrow(ids, take, last, 4, to);
        if (outside >> 31 != 0) return vocab_error(o, ids);
        o->filled += take;
        o->document_tokens += take;
        o->meta.tokens += take;
        if (o->filled == SHARD_FRAME) TRY(flush_frame(o));
    }
    return 0;
}

int shard_out_begin(shard_out_t *o, const char *id, const char *source, const char *family) {
    assert(!o->in_document);
    size_t bytes = strlen(id) + 1;
    TRY(mem_grow(&o->id, &o->id_room, (int64_t)bytes, 1, "name of a document"));
    memcpy(o->id, id, bytes);
    TRY(doctable_add(o->docs, o->meta.tokens, id, source, family));
    o->meta.documents++;
    o->document_tokens = 0;
    o->in_document = 1;
    return 0;
}

int shard_out_tokens(shard_out_t *o, const int32_t *ids, int64_t n) {
    assert(o->in_document);
    return put_tokens(o, ids, n);
}

int shard_out_end(shard_out_t *o) {
    assert(o->in_document);
    const int32_t end = (int32_t)o->meta.end;
    TRY(put_tokens(o, &end, 1));
    o->in_document = 0;
    return 0;
}

int shard_out_add(shard_out_t *o, const char *id, const char *source, const char *family, const int32_t *ids,
                  int64_t n) {
    TRY(shard_out_begin(o, id, source, family));
    TRY(shard_out_tokens(o, ids, n));
    return shard_out_end(o);
}

static int commit_tokens(shard_out_t *o) {
    if (o->filled > 0) TRY(flush_frame(o));
    uint8_t *tail = NULL;
    size_t bytes = 0;
    TRY(seek_out_render(&o->table, &tail, &bytes));
    o->meta.table_bytes = (int64_t)bytes;
    o->meta.token_bytes = o->table.packed + (int64_t)bytes;
    o->meta.table_hash = hash_bytes(tail, bytes, 0);
    int rc = file_out_write(o->file, tail, bytes);
    mem_free(tail);
    if (rc != 0) return -1;
    file_out_t *file = o->file;
    o->file = NULL;
    return file_out_commit(file);
}

static int commit_docs(shard_out_t *o) {
    doctable_out_t *docs = o->docs;
    o->docs = NULL;
    TRY(doctable_commit(docs, o->meta.tokens));
    TRY(file_size(o->docs_path, &o->meta.docs_bytes));
    return hash_file(o->docs_path, &o->meta.docs_hash);
}

static int commit_meta(shard_out_t *o) {
    char *text = NULL;
    TRY(shard_meta_render(&o->meta, &text));
    int rc = file_write(o->meta_path, text, strlen(text));
    mem_free(text);
    return rc;
}

int shard_out_commit(shard_out_t *o) {
    assert(!o->in_document);
    int rc = commit_tokens(o) == 0 && commit_docs(o) == 0 && commit_meta(o) == 0 ? 0 : -1;
    shard_out_abort(o); // what is committed is no longer in its hands
    return rc;
}

void shard_out_abort(shard_out_t *o) {
    if (o == NULL) return;
    file_out_abort(o->file);
    doctable_abort(o->docs);
    ZSTD_freeCCtx(o->encoder);
    seek_out_free(&o->table);
    mem_free(o->frame);
    mem_free(o->packed);
    mem_free(o->id);
    mem_free(o->token_path);
    mem_free(o->docs_path);
    mem_free(o->meta_path);
    mem_free(o);
}

/* --- the seal ---------------------------------------------------------------------------------------------------- */

static int list_shard(const char *path, shard_list_t *list) {
    file_map_t map;
    shard_meta_t meta;
    TRY(file_map(path, &map));
    int rc = shard_meta_parse(path, (const char *)map.data, map.size, &meta);
    file_unmap(&map);
    if (rc != 0) return -1;
    const char *slash = strrchr(path, '/');
    char *name = mem_strdup(slash + 1);
    if (name == NULL) return -1;
    name[strlen(name) - strlen(".json")] = '\0';
    rc = shard_list_add(list, name, &meta);
    mem_free(name);
    return rc;
}

static int list_shards(const char *dir, shard_list_t *list) {
    file_list_t files = {0};
    TRY(shard_list_begin(list));
    int rc = file_glob_in(dir, "*.json", &files);
    for (int64_t i = 0; rc == 0 && i < files.count; i++) rc = list_shard(files.path[i], list);
    file_list_free(&files);
    return rc;
}

int tokens_seal(const char *dir) {
    shard_list_t list = {0};
    char *path = mem_printf("%s/shards.csv", dir);
    int rc = path == NULL ? -1 : list_shards(dir, &list);
    if (rc == 0) rc = file_write(path, list.text, (size_t)list.bytes);
    char seal[SHARD_SEAL];
    if (rc == 0) rc = artifact_mark_done(dir, shard_list_seal(&list, seal));
    mem_free(list.text);
    mem_free(path);
    return rc;
}
