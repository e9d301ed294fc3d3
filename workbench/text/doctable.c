/* Reading a document table where it lies. See doctable.h for the file. */
#include "text/doctable.h"
#include "base/err.h"
#include "text/bytes.h"
#include "text/doctable_file.h"
#include <assert.h>
#include <string.h>

static int damaged(const char *path, const char *what) {
    return err_set("%s: %s: the document table is damaged; remove its folder ingest-* and run again", path, what);
}

static int check_head(const char *path, const uint8_t *file, size_t bytes) {
    if (bytes < DOCTABLE_HEAD + DOCTABLE_FOOT || memcmp(file, DOCTABLE_MAGIC, DOCTABLE_MAGIC_BYTES) != 0) {
        return damaged(path, "does not begin like one");
    }
    uint32_t version = bytes_get_u32(file + DOCTABLE_MAGIC_BYTES);
    if (version == DOCTABLE_VERSION) return 0;
    return err_set("%s: document table of version %u, but this memprobe reads version %d; remove its folder ingest-* "
                   "and run again",
                   path, version, DOCTABLE_VERSION);
}

/* What no row may break, gathered without a branch so that the pass runs at the speed of memory. */
static int check_rows(const char *path, const doctable_t *t, uint64_t pool) {
    uint64_t tokens = (uint64_t)t->tokens, before = 0;
    uint64_t wrong = t->documents > 0 && doctable_first(t, 0) != 0;
    for (int64_t i = 0; i < t->documents; i++) {
        const uint8_t *row = t->row + DOCTABLE_ROW * i;
        uint64_t first = bytes_get_u64(row + DOCTABLE_FIRST);
        wrong |= (uint64_t)(i > 0 && first <= before) | (first >= tokens);
        wrong |= (uint64_t)(bytes_get_u64(row + DOCTABLE_ID) >= pool) | (bytes_get_u64(row + DOCTABLE_SOURCE) >= pool) |
                 (bytes_get_u64(row + DOCTABLE_FAMILY) >= pool);
        before = first;
    }
    return wrong ? damaged(path, "a row leads out of it, or documents are not in order") : 0;
}

int doctable_parse(const char *path, const uint8_t *file, size_t bytes, doctable_t *table) {
    *table = (doctable_t){0};
    TRY(check_head(path, file, bytes));
    const uint8_t *foot = file + bytes - DOCTABLE_FOOT;
    uint64_t documents = bytes_get_u64(foot), tokens = bytes_get_u64(foot + 8), pool = bytes_get_u64(foot + 16);
    uint64_t room = bytes - DOCTABLE_HEAD - DOCTABLE_FOOT;
    if (documents > room / DOCTABLE_ROW || pool != room - DOCTABLE_ROW * documents || tokens > INT64_MAX ||
        (documents == 0) != (tokens == 0)) {
        return damaged(path, "its counts do not make its size");
    }
    *table = (doctable_t){.documents = (int64_t)documents,
                          .tokens = (int64_t)tokens,
                          .row = file + DOCTABLE_HEAD,
                          .pool = (const char *)file + DOCTABLE_HEAD + DOCTABLE_ROW * documents};
    if (pool > 0 && table->pool[pool - 1] != '\0') return damaged(path, "its last text has no end");
    return check_rows(path, table, pool);
}

static uint64_t field(const doctable_t *t, int64_t index, int at) {
    assert(index >= 0 && index < t->documents);
    return bytes_get_u64(t->row + DOCTABLE_ROW * index + at);
}

int64_t doctable_first(const doctable_t *t, int64_t index) {
    return index == t->documents ? t->tokens : (int64_t)field(t, index, DOCTABLE_FIRST);
}

const char *doctable_id(const doctable_t *t, int64_t index) {
    return t->pool + field(t, index, DOCTABLE_ID);
}

const char *doctable_source(const doctable_t *t, int64_t index) {
    return t->pool + field(t, index, DOCTABLE_SOURCE);
}

const char *doctable_family(const doctable_t *t, int64_t index) {
    return t->pool + field(t, index, DOCTABLE_FAMILY);
}

/* Every second step guesses by proportion, which lands close where documents are of like lengths (each step is a miss
 * of the cache in a large table); the others halve, so that no lengths make it slow. */
int64_t doctable_find(const doctable_t *t, int64_t token) {
    assert(token >= 0 && token < t->tokens);
    int64_t low = 0, high = t->documents, low_first = 0, high_first = t->tokens;
    for (int halve = 0; high - low > 1; halve = !halve) {
        double share = (double)(token - low_first) / (double)(high_first - low_first);
        int64_t middle = low + (halve ? (high - low) / 2 : (int64_t)(share * (double)(high - low)));
        middle = middle <= low ? low + 1 : middle >= high ? high - 1 : middle;
        int64_t first = doctable_first(t, middle);
        if (first <= token) {
            low = middle;
            low_first = first;
        } else {
            high = middle;
            high_first = first;
        }
    }
    return low;
}
