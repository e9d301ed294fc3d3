/* Reading of scratch files through a window, and the merge of sorted streams by a heap of their present words. */
#include "text/word_stream.h"
#include "base/err.h"
#include "base/hash.h"
#include "base/mem.h"
#include "text/words.h"
#include <errno.h>
#include <string.h>
#include <unistd.h>

int counted_compare(const counted_t *a, const counted_t *b) {
    if (a->hash != b->hash) return a->hash < b->hash ? -1 : 1;
    if (a->bytes != b->bytes) return a->bytes < b->bytes ? -1 : 1;
    return a->bytes == 0 ? 0 : memcmp(a->text, b->text, (size_t)a->bytes);
}

void counted_write(uint8_t *to, const counted_t *word) {
    memcpy(to, &word->hash, 8);
    memcpy(to + 8, &word->count, 8);
    memcpy(to + 16, &word->bytes, 8);
    if (word->bytes > 0) memcpy(to + COUNTED_HEAD, word->text, (size_t)word->bytes);
}

int64_t counted_read(const uint8_t *from, int64_t length, counted_t *word) {
    if (length < COUNTED_HEAD) return -1;
    memcpy(&word->hash, from, 8);
    memcpy(&word->count, from + 8, 8);
    memcpy(&word->bytes, from + 16, 8);
    word->text = from + COUNTED_HEAD;
    return word->bytes >= 0 && word->bytes <= length - COUNTED_HEAD ? COUNTED_HEAD + word->bytes : -1;
}

uint64_t counted_check(const counted_t *word) {
    uint64_t head = hash_mix((uint64_t)word->count) ^ word->hash;
    return hash_mix(words_hash(word->text, (size_t)word->bytes) ^ hash_mix(head));
}

/* --- one stream -------------------------------------------------------------------------------------------------- */

/* Makes the window hold `need` bytes from source->at on, or all that is left of the file. */
static int fill(word_source_t *s, int64_t need) {
    if (s->fd < 0 || s->filled - s->at >= need) return 0;
    if (s->at > 0) memmove(s->block, s->block + s->at, (size_t)(s->filled - s->at));
    s->filled -= s->at;
    s->at = 0;
    TRY(mem_grow(&s->block, &s->capacity, need, 1, "window of a scratch file"));
    while (s->filled < s->capacity && s->offset < s->end) {
        ssize_t got = pread(s->fd, s->block + s->filled, (size_t)(s->capacity - s->filled), s->offset);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return err_set("a scratch file of words cannot be read: %s", strerror(errno));
        if (got == 0) return err_set("a scratch file of words has become shorter than it was written");
        s->filled += got;
        s->offset += got;
    }
    return 0;
}

static int damaged(void) {
    return err_set("a scratch file of words is not what was written: the disk of the scratch folder cannot be trusted");
}

int word_source_next(word_source_t *s) {
    TRY(fill(s, COUNTED_HEAD));
    if (s->at == s->filled) return s->fd >= 0 && s->checked != s->check ? damaged() : 0;
    counted_t head;
    if (counted_read(s->block + s->at, s->filled - s->at, &head) < 0) {
        int64_t left = s->filled - s->at + (s->end - s->offset);
        if (s->filled - s->at < COUNTED_HEAD || head.bytes < 0 || head.bytes > left - COUNTED_HEAD) return damaged();
        TRY(fill(s, COUNTED_HEAD + head.bytes));
    }
    int64_t length = counted_read(s->block + s->at, s->filled - s->at, &s->word);
    if (length < 0) return damaged();
    s->at += length;
    if (s->fd >= 0) s->checked += counted_check(&s->word);
    return 1;
}

/* --- many -------------------------------------------------------------------------------------------------------- */

static int is_before(const word_merge_t *m, int32_t a, int32_t b) {
    return counted_compare(&m->source[a].word, &m->source[b].word) < 0;
}

static void push(word_merge_t *m, int32_t source) {
    int32_t i = m->heap_n++;
    for (; i > 0 && is_before(m, source, m->heap[(i - 1) / 2]); i = (i - 1) / 2) m->heap[i] = m->heap[(i - 1) / 2];
    m->heap[i] = source;
}

static int32_t pop(word_merge_t *m) {
    int32_t top = m->heap[0], last = m->heap[--m->heap_n], i = 0;
    for (int32_t child; (child = 2 * i + 1) < m->heap_n; i = child) {
        if (child + 1 < m->heap_n && is_before(m, m->heap[child + 1], m->heap[child])) child++;
        if (!is_before(m, m->heap[child], last)) break;
        m->heap[i] = m->heap[child];
    }
    m->heap[i] = last;
    return top;
}

static int advance(word_merge_t *m, int32_t source) {
    int got = word_source_next(&m->source[source]);
    if (got > 0) push(m, source);
    return got < 0 ? -1 : 0;
}

int word_merge_start(word_merge_t *m, word_source_t *source, int64_t sources) {
    *m = (word_merge_t){.source = source, .held = -1};
    m->heap = mem_new(sources, sizeof *m->heap, "merge of words");
    if (!m->heap) return -1;
    for (int64_t i = 0; i < sources; i++) TRY(advance(m, (int32_t)i));
    return 0;
}

int word_merge_next(word_merge_t *m, counted_t *word) {
    if (m->held >= 0) TRY(advance(m, m->held));
    m->held = -1;
    if (m->heap_n == 0) return 0;
    m->held = pop(m);
    *word = m->source[m->held].word;
    while (m->heap_n > 0 && counted_compare(&m->source[m->heap[0]].word, word) == 0) {
        int32_t same = pop(m);
        word->count += m->source[same].word.count;
        TRY(advance(m, same));
    }
    return 1;
}

void word_merge_end(word_merge_t *m) {
    mem_free(m->heap);
    *m = (word_merge_t){0};
}
