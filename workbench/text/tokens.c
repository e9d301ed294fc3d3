/* Reading a tokenized corpus: shards side by side as one row of tokens, frames decoded on demand. See tokens.h.
 *
 * At open everything but the frames is checked against everything else: the list of the folder, the description of each
 * shard, sizes, the seek table, the document table. Frames are checked when they are decoded. Files stay mapped; what a
 * corpus takes of memory of its own grows with its shards, not with its documents or tokens. */
#include "text/tokens.h"
#include "base/csv.h"
#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "text/bytes.h"
#include "text/doctable.h"
#include "text/seekable.h"
#include "text/shard.h"
#include <assert.h>
#include <string.h>

typedef struct {
    char *path; // of the tokens
    shard_meta_t meta;
    file_map_t file;
    seek_table_t table;
    file_map_t docs_file;
    doctable_t docs;
    int64_t first;    // position of its first token
    int64_t document; // index of its first document
} shard_t;

enum { CACHED = 32 }; // decoded frames kept: 2 MiB of u16, 4 MiB of u32

typedef struct {
    int64_t shard, frame; // what it holds; shard -1: nothing
    int64_t used;         // time of last use
    uint8_t *content;     // (SHARD_FRAME, width); NULL: never used
} cached_t;

struct tokens {
    int64_t shards, count, documents;
    shard_t *shard;
    ZSTD_DCtx *decoder;
    cached_t cache[CACHED];
    cached_t *latest; // of the cache
    int64_t clock;
};

/* --- opening ------------------------------------------------------------------------------------------------------ */

static int size_check(const char *path, int64_t size, int64_t expected) {
    if (size == expected) return 0;
    return err_set("%s: %lld bytes where its shard had %lld: the file is cut short or was replaced; "
                   "remove its folder ingest-* and run again",
                   path, (long long)size, (long long)expected);
}

static int present_check(const char *path) {
    if (file_exists(path)) return 0;
    return err_set(
        "%s: missing, but its shard is listed in the shards.csv beside it; remove its folder ingest-* and run again",
        path);
}

static int open_meta(const char *dir, const char *name, shard_t *s) {
    char *path = mem_printf("%s/%s.json", dir, name);
    if (path == NULL) return -1;
    file_map_t map = {0};
    int rc = present_check(path);
    if (rc == 0) rc = file_map(path, &map);
    if (rc == 0) rc = shard_meta_parse(path, (const char *)map.data, map.size, &s->meta);
    file_unmap(&map);
    mem_free(path);
    return rc;
}

/* Every frame is full but the last, so that a division finds a position. */
static int frames_check(const shard_t *s) {
    int64_t left = s->meta.tokens * shard_width(s->meta.vocab), full = SHARD_FRAME * shard_width(s->meta.vocab);
    for (int64_t i = 0; i < s->table.frames; i++) {
        int64_t content = left < full ? left : full;
        if (content == 0 || seek_table_frame(&s->table, i).content != content) left = INT64_MIN / 2;
        left -= content;
    }
    if (left == 0) return 0;
    return err_set(
        "%s: its seek table does not hold the %lld tokens of the shard; remove its folder ingest-* and run again",
        s->path, (long long)s->meta.tokens);
}

static int open_file(const char *dir, const char *name, shard_t *s) {
    s->path = mem_printf("%s/%s.tok.zst", dir, name);
    if (s->path == NULL) return -1;
    TRY(present_check(s->path));
    TRY(file_map(s->path, &s->file));
    TRY(size_check(s->path, (int64_t)s->file.size, s->meta.token_bytes));
    size_t tail = (size_t)s->meta.table_bytes;
    if (hash_compare(hash_bytes(s->file.data + s->file.size - tail, tail, 0), s->meta.table_hash) != 0) {
        return err_set("%s: its seek table is damaged; remove its folder ingest-* and run again", s->path);
    }
    TRY(seek_table_parse(s->path, s->file.data, s->file.size, &s->table));
    return frames_check(s);
}

static int map_docs(const char *path, shard_t *s) {
    TRY(present_check(path));
    TRY(file_map(path, &s->docs_file));
    const file_map_t *file = &s->docs_file;
    TRY(size_check(path, (int64_t)file->size, s->meta.docs_bytes));
    if (hash_compare(hash_bytes(file->data, file->size, 0), s->meta.docs_hash) != 0) {
        return err_set("%s: the document table is damaged; remove its folder ingest-* and run again", path);
    }
    TRY(doctable_parse(path, file->data, file->size, &s->docs));
    if (s->docs.documents == s->meta.documents && s->docs.tokens == s->meta.tokens) return 0;
    return err_set("%s: a table of %lld documents and %lld tokens where the shard has %lld and %lld; "
                   "remove its folder ingest-* and run again",
                   path, (long long)s->docs.documents, (long long)s->docs.tokens, (long long)s->meta.documents,
                   (long long)s->meta.tokens);
}

static int open_docs(const char *dir, const char *name, shard_t *s) {
    char *path = mem_printf("%s/%s.docs", dir, name);
    if (path == NULL) return -1;
    int rc = map_docs(path, s);
    mem_free(path);
    return rc;
}

static int open_shard(const char *dir, const char *name, shard_t *s) {
    TRY(open_meta(dir, name, s));
    TRY(open_file(dir, name, s));
    return open_docs(dir, name, s);
}

static int join_shards(tokens_t *t) {
    for (int64_t i = 0; i < t->shards; i++) {
        shard_t *s = &t->shard[i];
        if (s->meta.vocab != t->shard[0].meta.vocab || s->meta.end != t->shard[0].meta.end) {
            return err_set("%s: another vocabulary or end token than %s has; remove its folder ingest-* and run again",
                           s->path, t->shard[0].path);
        }
        s->first = t->count;
        s->document = t->documents;
        t->count += s->meta.tokens;
        t->documents += s->meta.documents;
    }
    return 0;
}

/* DONE must be the seal of the list. */
static int seal_check(const char *dir, const shard_list_t *list) {
    char seal[SHARD_SEAL];
    file_map_t map = {0};
    char *path = mem_printf("%s/DONE", dir);
    int rc = path == NULL ? -1 : file_map(path, &map);
    size_t bytes = strlen(shard_list_seal(list, seal));
    if (rc == 0 && (map.size != bytes + 1 || memcmp(map.data, seal, bytes) != 0 || map.data[bytes] != '\n')) {
        rc = err_set("%s: not the seal of the shards.csv beside it: one of them is damaged or was replaced; "
                     "remove its folder ingest-* and run again",
                     path);
    }
    file_unmap(&map);
    mem_free(path);
    return rc;
}

/* The list must be what its shards would make of it, and whole. */
static int list_check(const char *dir, const char *path, const csv_t *rows, const tokens_t *t) {
    shard_list_t list;
    file_map_t map = {0};
    int rc = shard_list_begin(&list);
    for (int64_t i = 0; rc == 0 && i < t->shards; i++) {
        rc = shard_list_add(&list, csv_at(rows, i, 0), &t->shard[i].meta);
    }
    if (rc == 0) rc = file_map(path, &map);
    if (rc == 0 && (map.size != (size_t)list.bytes || memcmp(map.data, list.text, map.size) != 0)) {
        rc = err_set("%s: does not agree with the shards it lists: it is damaged, or a shard was replaced; "
                     "remove its folder ingest-* and run again",
                     path);
    }
    if (rc == 0) rc = seal_check(dir, &list);
    file_unmap(&map);
    mem_free(list.text);
    return rc;
}

static int open_shards(const char *dir, const char *path, const csv_t *rows, tokens_t *t) {
    if (rows->rows == 0) return err_set("%s: lists no shard; remove its folder ingest-* and run again", path);
    t->shard = mem_new(rows->rows, sizeof *t->shard, "list of shards");
    if (t->shard == NULL) return -1;
    while (t->shards < rows->rows) {
        const char *name = csv_at(rows, t->shards, 0);
        TRY(open_shard(dir, name, &t->shard[t->shards++]));
    }
    TRY(list_check(dir, path, rows, t));
    return join_shards(t);
}

static int open_folder(const char *dir, tokens_t *t) {
    if (!artifact_is_done(dir)) {
        return err_set("%s: not a finished token corpus (no file DONE in it); remove its folder ingest-* and run again",
                       dir);
    }
    csv_t rows = {0};
    char *path = mem_printf("%s/shards.csv", dir);
    if (path == NULL) return -1;
    int rc = csv_read(path, &rows);
    if (rc == 0) rc = open_shards(dir, path, &rows, t);
    csv_free(&rows);
    mem_free(path);
    return rc;
}

static int open_decoder(tokens_t *t) {
    t->decoder = ZSTD_createDCtx();
    if (t->decoder == NULL) return err_set("no memory for a zstd decoder");
    for (int i = 0; i < CACHED; i++) t->cache[i].shard = -1;
    t->latest = &t->cache[0];
    return 0;
}

int tokens_open(const char *dir, tokens_t **tokens) {
    tokens_t *t = mem_new(1, sizeof *t, "token corpus");
    if (t == NULL) return -1;
    if (open_decoder(t) != 0 || open_folder(dir, t) != 0) {
        tokens_close(t);
        return -1;
    }
    *tokens = t;
    return 0;
}

void tokens_close(tokens_t *t) {
    if (t == NULL) return;
    for (int64_t i = 0; i < t->shards; i++) {
        file_unmap(&t->shard[i].file);
        file_unmap(&t->shard[i].docs_file);
        mem_free(t->shard[i].path);
    }
    for (int i = 0; i < CACHED; i++) mem_free(t->cache[i].content);
    ZSTD_freeDCtx(t->decoder);
    mem_free(t->shard);
    mem_free(t);
}

/* --- asking ------------------------------------------------------------------------------------------------------- */

int64_t tokens_count(const tokens_t *t) {
    return t->count;
}

int64_t tokens_documents(const tokens_t *t) {
    return t->documents;
}

int32_t tokens_vocab(const tokens_t *t) {
    return (int32_t)t->shard[0].meta.vocab;
}

int32_t tokens_end(const tokens_t *t) {
    return (int32_t)t->shard[0].meta.end;
}

/* The shard that holds a position: the last that starts at or before it (an empty shard starts where the next does). */
static int64_t shard_by_first(const tokens_t *t, int64_t position) {
    int64_t low = 0, high = t->shards;
    while (high - low > 1) {
        int64_t middle = low + (high - low) / 2;
        if (t->shard[middle].first <= position)
            low = middle;
        else
            high = middle;
    }
    return low;
}

/* The same for a document. */
static int64_t shard_by_document(const tokens_t *t, int64_t index) {
    int64_t low = 0, high = t->shards;
    while (high - low > 1) {
        int64_t middle = low + (high - low) / 2;
        if (t->shard[middle].document <= index)
            low = middle;
        else
            high = middle;
    }
    return low;
}

token_document_t tokens_document(const tokens_t *t, int64_t index) {
    assert(index >= 0 && index < t->documents);
    const shard_t *s = &t->shard[shard_by_document(t, index)];
    int64_t i = index - s->document, first = doctable_first(&s->docs, i);
    return (token_document_t){.first = s->first + first,
                              .length = doctable_first(&s->docs, i + 1) - first - 1,
                              .id = doctable_id(&s->docs, i),
                              .source = doctable_source(&s->docs, i),
                              .family = doctable_family(&s->docs, i)};
}

int64_t tokens_document_at(const tokens_t *t, int64_t position) {
    assert(position >= 0 && position < t->count);
    const shard_t *s = &t->shard[shard_by_first(t, position)];
    return s->document + doctable_find(&s->docs, position - s->first);
}

/* --- reading ------------------------------------------------------------------------------------------------------ */

/* The place of the cache that holds a frame, or the one that was not used for longest. */
static cached_t *cache_slot(tokens_t *t, int64_t shard, int64_t frame) {
    cached_t *oldest = &t->cache[0];
    for (int i = 0; i < CACHED; i++) {
        cached_t *c = &t->cache[i];
        if (c->shard == shard && c->frame == frame) return c;
        if (c->used < oldest->used) oldest = c;
    }
    return oldest;
}

/* The content of a frame: from the cache, or decoded into it. */
static int frame_get(tokens_t *t, int64_t shard, int64_t frame, const uint8_t **content) {
    const shard_t *s = &t->shard[shard];
    cached_t *slot = t->latest;
    if (slot->shard != shard || slot->frame != frame) slot = cache_slot(t, shard, frame);
    if (slot->shard != shard || slot->frame != frame) {
        slot->shard = -1; // whatever happens, it no longer holds what it did
        if (slot->content == NULL) {
            slot->content = mem_new(SHARD_FRAME, (size_t)shard_width(s->meta.vocab), "decoded frame");
            if (slot->content == NULL) return -1;
        }
        TRY(seek_frame_decode(s->path, s->file.data, &s->table, frame, t->decoder, slot->content));
        slot->shard = shard;
        slot->frame = frame;
    }
    slot->used = ++t->clock;
    t->latest = slot;
    *content = slot->content;
    return 0;
}

/* Each widens n tokens and returns the largest. */
static uint32_t widen_u16(const uint8_t *from, int64_t n, int32_t *to) {
    uint16_t largest = 0;
    for (int64_t i = 0; i < n; i++) {
        uint16_t id = bytes_get_u16(from + 2 * i);
        largest = id > largest ? id : largest;
        to[i] = id;
    }
    return largest;
}

static uint32_t widen_u32(const uint8_t *from, int64_t n, int32_t *to) {
    uint32_t largest = 0;
    for (int64_t i = 0; i < n; i++) {
        uint32_t id = bytes_get_u32(from + 4 * i);
        largest = id > largest ? id : largest;
        to[i] = (int32_t)id;
    }
    return largest;
}

/* n tokens of one frame, from its token in_frame on. */
static int read_frame(tokens_t *t, int64_t shard, int64_t frame, int64_t in_frame, int64_t n, int32_t *out) {
    const uint8_t *content = NULL;
    TRY(frame_get(t, shard, frame, &content));
    const shard_t *s = &t->shard[shard];
    int32_t width = shard_width(s->meta.vocab);
    uint32_t largest = (width == 2 ? widen_u16 : widen_u32)(content + in_frame * width, n, out);
    if (largest < s->meta.vocab) return 0;
    return err_set(
        "%s: frame %lld holds token %u, outside the vocabulary of %lld; remove its folder ingest-* and run again",
        s->path, (long long)frame, largest, (long long)s->meta.vocab);
}

int tokens_read(tokens_t *t, int64_t position, int64_t n, int32_t *out) {
    if (position < 0 || n < 0 || position > t->count - n) {
        return err_set("%lld tokens from position %lld asked for of a corpus of %lld", (long long)n,
                       (long long)position, (long long)t->count);
    }
    while (n > 0) {
        int64_t shard = shard_by_first(t, position);
        int64_t in_shard = position - t->shard[shard].first, frame = in_shard / SHARD_FRAME;
        int64_t in_frame = in_shard % SHARD_FRAME, shard_left = t->shard[shard].meta.tokens - in_shard;
        int64_t take = SHARD_FRAME - in_frame;
        take = take < shard_left ? take : shard_left;
        take = take < n ? take : n;
        TRY(read_frame(t, shard, frame, in_frame, take, out));
        position += take;
        out += take;
        n -= take;
    }
    return 0;
}
