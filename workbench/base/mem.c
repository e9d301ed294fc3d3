/* Checked memory on top of aligned_alloc, and the arena: a list of chunks from which blocks are cut in order. */
#include "base/mem.h"
#include "base/err.h"
#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { ALIGN = 64, HUGE_PAGE = 1 << 21, HUGE_FROM = 1 << 25 };

/* Bytes of count elements, rounded up to whole lines; 0 when that does not fit in a size_t. */
static size_t block_bytes(int64_t count, size_t size) {
    size_t bytes;
    if (count < 0 || __builtin_mul_overflow((uint64_t)count, size, &bytes) || bytes > PTRDIFF_MAX - ALIGN) return 0;
    return bytes == 0 ? ALIGN : (bytes + ALIGN - 1) / ALIGN * ALIGN;
}

/* Large blocks begin with a huge page and ask for more of them: work that jumps about in them would else wait for the
 * translation of addresses as long as for the memory itself. */
static void *block_pages(size_t bytes) {
    if (bytes < HUGE_FROM) return aligned_alloc(ALIGN, bytes);
    void *block = NULL; // aligned_alloc would want a multiple of the alignment
    if (posix_memalign(&block, HUGE_PAGE, bytes) != 0) return NULL;
#ifdef MADV_HUGEPAGE
    madvise(block, bytes / HUGE_PAGE * HUGE_PAGE, MADV_HUGEPAGE); // a wish: may be refused
#endif
    return block;
}

static void *block_raw(int64_t count, size_t size, const char *what) {
    size_t bytes = block_bytes(count, size);
    void *block = bytes > 0 ? block_pages(bytes) : NULL;
    if (block == NULL)
        err_set("no memory for %s: %lld x %zu bytes; use more nodes or a smaller setting", what, (long long)count,
                size);
    return block;
}

void *mem_new(int64_t count, size_t size, const char *what) {
    void *block = block_raw(count, size, what);
    if (block != NULL) memset(block, 0, block_bytes(count, size));
    return block;
}

void mem_free(void *block) {
    free(block);
}

int mem_grow(void *array, int64_t *capacity, int64_t need, size_t size, const char *what) {
    assert(*capacity >= 0 && size > 0);
    if (need <= *capacity) return 0;
    int64_t larger = *capacity < 16 ? 16 : *capacity;
    while (larger < need) larger = larger > INT64_MAX / 2 ? need : 2 * larger;
    void *old;
    memcpy(&old, array, sizeof old);
    char *block = block_raw(larger, size, what);
    if (block == NULL) return -1;
    size_t kept = (size_t)*capacity * size;
    if (kept > 0) memcpy(block, old, kept);
    memset(block + kept, 0, block_bytes(larger, size) - kept);
    free(old);
    memcpy(array, &block, sizeof block);
    *capacity = larger;
    return 0;
}

int mem_shrink(void *array, int64_t count, size_t size, const char *what) {
    void *old;
    memcpy(&old, array, sizeof old);
    void *block = realloc(old, block_bytes(count, size)); // no copy where blocks are pages
    if (block == NULL) return err_set("no memory for %s: %lld x %zu bytes", what, (long long)count, size);
    if ((uintptr_t)block % ALIGN != 0) { // realloc knows nothing of our alignment
        void *aligned = block_raw(count, size, what);
        if (aligned != NULL) memcpy(aligned, block, (size_t)count * size);
        free(block);
        block = aligned;
    }
    memcpy(array, &block, sizeof block);
    return block == NULL ? -1 : 0;
}

char *mem_strdup(const char *text) {
    size_t bytes = strlen(text) + 1;
    char *copy = block_raw((int64_t)bytes, 1, "a text");
    if (copy != NULL) memcpy(copy, text, bytes);
    return copy;
}

char *mem_printf(const char *format, ...) {
    va_list args;
    va_start(args, format);
    int length = vsnprintf(NULL, 0, format, args);
    va_end(args);
    assert(length >= 0);
    char *text = block_raw((int64_t)length + 1, 1, "a text");
    if (text == NULL) return NULL;
    va_start(args, format);
    vsnprintf(text, (size_t)length + 1, format, args);
    va_end(args);
    return text;
}

/* The arena. */

typedef struct chunk {
    struct chunk *before; // NULL for the first
    char *data;
    size_t size, used;
} chunk_t;

struct arena {
    size_t chunk_bytes;
    chunk_t *last; // the one that is being filled
};

arena_t *arena_create(size_t chunk_bytes) {
    arena_t *arena = mem_new(1, sizeof *arena, "an arena");
    if (arena != NULL) arena->chunk_bytes = chunk_bytes < ALIGN ? ALIGN : chunk_bytes;
    return arena;
}

static int arena_grow(arena_t *arena, size_t bytes, const char *what) {
    chunk_t *chunk = mem_new(1, sizeof *chunk, "an arena");
    if (chunk == NULL) return -1;
    chunk->size = bytes > arena->chunk_bytes ? bytes : arena->chunk_bytes;
    chunk->data = block_raw((int64_t)chunk->size, 1, what);
    if (chunk->data == NULL) {
        mem_free(chunk);
        return -1;
    }
    chunk->before = arena->last;
    arena->last = chunk;
    return 0;
}

void *arena_new(arena_t *arena, int64_t count, size_t size, const char *what) {
    size_t bytes = block_bytes(count, size);
    if (bytes == 0) {
        err_set("no memory for %s: %lld x %zu bytes", what, (long long)count, size);
        return NULL;
    }
    chunk_t *chunk = arena->last;
    if (chunk == NULL || chunk->size - chunk->used < bytes) {
        if (arena_grow(arena, bytes, what) != 0) return NULL;
        chunk = arena->last;
    }
    void *block = chunk->data + chunk->used;
    chunk->used += bytes;
    return memset(block, 0, bytes);
}

char *arena_strdup(arena_t *arena, const char *text) {
    size_t bytes = strlen(text) + 1;
    char *copy = arena_new(arena, (int64_t)bytes, 1, "a text");
    if (copy != NULL) memcpy(copy, text, bytes);
    return copy;
}

void arena_free(arena_t *arena) {
    if (arena == NULL) return;
    for (chunk_t *chunk = arena->last, *before; chunk != NULL; chunk = before) {
        before = chunk->before;
        mem_free(chunk->data);
        mem_free(chunk);
    }
    mem_free(arena);
}
