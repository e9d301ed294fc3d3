/* A list of chunks; each word is its count and length in base 128, then its text. */
#include "text/word_store.h"
#include "base/err.h"
#include "base/mem.h"
#include <string.h>

enum { CHUNK_BYTES = 1 << 18, HEAD_BYTES = 20 };

struct word_chunk {
    word_chunk_t *next;
    uint8_t *block;
    int64_t at, filled, capacity;
};

static int add_chunk(word_store_t *s, int64_t need) {
    word_chunk_t *chunk = mem_new(1, sizeof *chunk, "words");
    if (!chunk) return -1;
    chunk->capacity = need > CHUNK_BYTES ? need : CHUNK_BYTES;
    chunk->block = mem_new(chunk->capacity, 1, "words");
    if (!chunk->block) {
        mem_free(chunk);
        return -1;
    }
    if (s->last) s->last->next = chunk;
    if (!s->first) s->first = chunk;
    s->last = chunk;
    s->memory += chunk->capacity;
    return 0;
}

static void put_number(word_chunk_t *chunk, int64_t value) {
    uint64_t left = (uint64_t)value;
    for (; left >= 128; left >>= 7) chunk->block[chunk->filled++] = (uint8_t)(left | 128);
    chunk->block[chunk->filled++] = (uint8_t)left;
}

static int64_t take_number(word_chunk_t *chunk) {
    uint64_t value = 0, byte = 128;
    for (int shift = 0; byte >= 128; shift += 7) {
        byte = chunk->block[chunk->at++];
        value |= (byte & 127) << shift;
    }
    return (int64_t)value;
}

int word_store_add(word_store_t *s, const counted_t *word) {
    int64_t need = HEAD_BYTES + word->bytes;
    if (!s->last || s->last->capacity - s->last->filled < need) TRY(add_chunk(s, need));
    word_chunk_t *chunk = s->last;
    put_number(chunk, word->count);
    put_number(chunk, word->bytes);
    if (word->bytes > 0) memcpy(chunk->block + chunk->filled, word->text, (size_t)word->bytes);
    chunk->filled += word->bytes;
    s->words++;
    s->text_bytes += word->bytes;
    return 0;
}

static void drop_first(word_store_t *s) {
    word_chunk_t *chunk = s->first;
    s->first = chunk->next;
    if (!s->first) s->last = NULL;
    s->memory -= chunk->capacity;
    mem_free(chunk->block);
    mem_free(chunk);
}

int word_store_take(word_store_t *s, counted_t *word) {
    while (s->first && s->first->at == s->first->filled) drop_first(s);
    if (!s->first) return 0;
    word_chunk_t *chunk = s->first;
    int64_t count = take_number(chunk), bytes = take_number(chunk);
    *word = (counted_t){.count = count, .bytes = bytes, .text = chunk->block + chunk->at};
    chunk->at += bytes;
    s->words--;
    s->text_bytes -= bytes;
    return 1;
}

void word_store_free(word_store_t *s) {
    while (s->first) drop_first(s);
    *s = (word_store_t){0};
}
