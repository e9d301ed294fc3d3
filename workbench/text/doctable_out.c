/* Writing a document table in bounded memory. See doctable.h for the file.
 *
 * Rows are ready when their document begins and go straight to the file. The pool follows all rows, so it waits: in a
 * buffer, and in a file without a name when it outgrows that. Sources are few as a rule; the first ones are remembered
 * so that each is stored once. A shard of more sources than that stores the later ones with each document: correct,
 * only larger. */
#include "base/err.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/mem.h"
#include "text/bytes.h"
#include "text/doctable.h"
#include "text/doctable_file.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    POOL_BUFFER = 1 << 20, // bytes
    SOURCES = 4096,        // remembered
    SOURCE_SLOTS = 8192,   // of their hash table; a power of two, half of it stays empty
    SOURCE_LONGEST = 256,  // bytes of one that is remembered, its NUL included
};

typedef struct {
    const char *text; // in the arena; NULL: free
    uint64_t at;      // in the pool
} source_t;

struct doctable_out {
    char *path;
    file_out_t *file;
    int64_t documents;
    uint64_t pool;   // bytes so far
    uint8_t *buffer; // (POOL_BUFFER) its last bytes
    size_t held;
    FILE *spilled; // those before; NULL: none yet
    int64_t sources;
    source_t *source; // (SOURCE_SLOTS)
    arena_t *texts;
    const char *last_source; // NULL, or the one that was added last: the common case
    uint64_t last_at;
};

static int open_parts(doctable_out_t *o, const char *path) {
    o->path = mem_strdup(path);
    o->buffer = mem_new(POOL_BUFFER, 1, "texts of documents");
    o->source = mem_new(SOURCE_SLOTS, sizeof *o->source, "sources of documents");
    o->texts = arena_create(1 << 16);
    if (o->path == NULL || o->buffer == NULL || o->source == NULL || o->texts == NULL) return -1;
    TRY(file_out_open(path, &o->file));
    uint8_t head[DOCTABLE_HEAD];
    memcpy(head, DOCTABLE_MAGIC, DOCTABLE_MAGIC_BYTES);
    bytes_put_u32(head + DOCTABLE_MAGIC_BYTES, DOCTABLE_VERSION);
    return file_out_write(o->file, head, sizeof head);
}

int doctable_create(const char *path, doctable_out_t **out) {
    doctable_out_t *o = mem_new(1, sizeof *o, "writer of a document table");
    if (o == NULL) return -1;
    if (open_parts(o, path) != 0) {
        doctable_abort(o);
        return -1;
    }
    *out = o;
    return 0;
}

/* --- the pool ----------------------------------------------------------------------------------------------------- */

static int spill_error(const doctable_out_t *o) {
    return err_set("%s: cannot hold its texts in a file beside it: %s; free space on this file system and run again",
                   o->path, strerror(errno));
}

/* A file that has lost its name already: nothing of it is left, however the program ends. */
static int open_spilled(doctable_out_t *o) {
    char *path = mem_printf("%s.XXXXXX", o->path);
    if (path == NULL) return -1;
    int fd = mkstemp(path);
    if (fd >= 0) unlink(path);
    mem_free(path);
    o->spilled = fd >= 0 ? fdopen(fd, "w+b") : NULL;
    if (o->spilled != NULL) return 0;
    int rc = spill_error(o);
    if (fd >= 0) close(fd);
    return rc;
}

static int spill(doctable_out_t *o, const void *data, size_t bytes) {
    if (o->spilled == NULL) TRY(open_spilled(o));
    return fwrite(data, 1, bytes, o->spilled) == bytes ? 0 : spill_error(o);
}

static int pool_add(doctable_out_t *o, const void *text, size_t bytes, uint64_t *at) {
    *at = o->pool;
    o->pool += bytes;
    if (bytes > POOL_BUFFER - o->held) {
        TRY(spill(o, o->buffer, o->held));
        o->held = 0;
    }
    if (bytes > POOL_BUFFER) return spill(o, text, bytes);
    memcpy(o->buffer + o->held, text, bytes);
    o->held += bytes;
    return 0;
}

static int pool_write(doctable_out_t *o) {
    if (o->spilled != NULL) {
        TRY(spill(o, o->buffer, o->held));
        if (fflush(o->spilled) != 0 || fseek(o->spilled, 0, SEEK_SET) != 0) return spill_error(o);
        while ((o->held = fread(o->buffer, 1, POOL_BUFFER, o->spilled)) > 0) {
            TRY(file_out_write(o->file, o->buffer, o->held));
        }
        return ferror(o->spilled) ? spill_error(o) : 0;
    }
    return file_out_write(o->file, o->buffer, o->held);
}

/* The slot of a source: where it is, or where it would go. */
static source_t *source_slot(doctable_out_t *o, const char *source, size_t bytes) {
    uint64_t slot = hash_bytes(source, bytes, 0).lo;
    for (;; slot++) {
        source_t *s = &o->source[slot % SOURCE_SLOTS];
        if (s->text == NULL || strcmp(s->text, source) == 0) return s;
    }
}

static int add_source(doctable_out_t *o, const char *source, uint64_t *at) {
    if (o->last_source != NULL && strcmp(source, o->last_source) == 0) {
        *at = o->last_at;
        return 0;
    }
    size_t bytes = strlen(source) + 1;
    if (bytes > SOURCE_LONGEST) return pool_add(o, source, bytes, at);
    source_t *s = source_slot(o, source, bytes);
    if (s->text == NULL && o->sources == SOURCES) return pool_add(o, source, bytes, at);
    if (s->text == NULL) {
        TRY(pool_add(o, source, bytes, &s->at));
        s->text = arena_strdup(o->texts, source);
        if (s->text == NULL) return -1;
        o->sources++;
    }
    o->last_source = s->text;
    *at = o->last_at = s->at;
    return 0;
}

int doctable_add(doctable_out_t *o, int64_t first, const char *id, const char *source, const char *family) {
    uint64_t id_at = 0, source_at = 0, family_at = 0;
    TRY(pool_add(o, id, strlen(id) + 1, &id_at));
    TRY(add_source(o, source, &source_at));
    family_at = id_at;
    if (strcmp(family, id) != 0) TRY(pool_add(o, family, strlen(family) + 1, &family_at));
    uint8_t row[DOCTABLE_ROW];
    bytes_put_u64(row + DOCTABLE_FIRST, (uint64_t)first);
    bytes_put_u64(row + DOCTABLE_ID, id_at);
    bytes_put_u64(row + DOCTABLE_SOURCE, source_at);
    bytes_put_u64(row + DOCTABLE_FAMILY, family_at);
    o->documents++;
    return file_out_write(o->file, row, sizeof row);
}

/* --- the end ------------------------------------------------------------------------------------------------------ */

static int write_end(doctable_out_t *o, int64_t tokens) {
    static const uint8_t zeros[8];
    uint64_t at = 0;
    TRY(pool_add(o, zeros, (8 - o->pool % 8) % 8, &at));
    TRY(pool_write(o));
    uint8_t foot[DOCTABLE_FOOT];
    bytes_put_u64(bytes_put_u64(bytes_put_u64(foot, (uint64_t)o->documents), (uint64_t)tokens), o->pool);
    return file_out_write(o->file, foot, sizeof foot);
}

int doctable_commit(doctable_out_t *o, int64_t tokens) {
    int rc = write_end(o, tokens);
    if (rc == 0) {
        file_out_t *file = o->file;
        o->file = NULL;
        rc = file_out_commit(file);
    }
    doctable_abort(o); // what is committed is no longer in its hands
    return rc;
}

void doctable_abort(doctable_out_t *o) {
    if (o == NULL) return;
    file_out_abort(o->file);
    if (o->spilled != NULL) fclose(o->spilled);
    arena_free(o->texts);
    mem_free(o->source);
    mem_free(o->buffer);
    mem_free(o->path);
    mem_free(o);
}
