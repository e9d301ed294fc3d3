/* Documents of a stream of tokens with marks between them; see token_readers.h. The stream goes through a buffer that
 * is as long as the longest document met so far, and so bounded by the limit. */
#include "base/err.h"
#include "base/mem.h"
#include "text/token_readers.h"
#include <string.h>

enum { PIECE = 1 << 18 }; // tokens read at a time

typedef struct {
    token_reader_t reader; // first
    const input_t *input;
    token_file_t file;
    int leads;
    int64_t at, last; // token where the next document may start, and where none may any more
    int32_t *buffer;  // tokens [base, base + n)
    int64_t base, n, capacity;
    char *id;
    size_t id_bytes;
} marks_t;

static void close_marks(void *reader) {
    marks_t *m = reader;
    if (!m) return;
    token_file_close(&m->file);
    mem_free(m->buffer);
    mem_free(m->id);
    mem_free(m);
}

/* Drops what stands before token `from` and reads on behind what is held. 0 at the end of the file. */
static int read_on(marks_t *m, int64_t from) {
    int64_t drop = from - m->base;
    if (drop < 0 || drop > m->n) drop = m->n;
    if (drop < m->n) memmove(m->buffer, m->buffer + drop, (size_t)(m->n - drop) * sizeof *m->buffer);
    m->n -= drop;
    m->base = m->n > 0 ? m->base + drop : from;
    int64_t left = m->file.n - m->base - m->n, piece = left < PIECE ? left : PIECE;
    if (piece == 0) return 0;
    TRY(mem_grow(&m->buffer, &m->capacity, m->n + piece, sizeof *m->buffer, "a document's tokens"));
    TRY(token_file_read(&m->file, m->base + m->n, piece, m->buffer + m->n));
    m->n += piece;
    return 1;
}

/* The first mark at or behind token `from`, the file's length when there is none. What stands from `keep` on stays in
 * the buffer, and is limited; keep -1: nothing, and no mark at or behind `stop` matters. */
static int find_mark(marks_t *m, int64_t keep, int64_t from, int64_t stop, int64_t *mark) {
    for (;;) {
        int64_t held = m->base + m->n;
        if (from >= m->base && from < held) {
            *mark = from + token_find(m->buffer + (from - m->base), held - from, m->input->end);
            if (*mark < held) return 0;
            from = held;
        }
        if (keep >= 0) TRY(token_limit(m->input, "the document at token", keep, from - keep));
        if (keep < 0 && from >= stop) break;
        int rc = read_on(m, keep >= 0 ? keep : from);
        if (rc < 0) return -1;
        if (rc == 0) break;
    }
    *mark = m->file.n;
    return 0;
}

/* Where the first document starts that starts at or behind `first`. */
static int find_start(marks_t *m, int64_t first, int64_t last, int64_t *start) {
    *start = first;
    if (first == 0 || first >= last) return 0;
    TRY(find_mark(m, -1, m->leads ? first : first - 1, last, start));
    if (!m->leads) ++*start;
    return 0;
}

static int set_range(void *reader, int64_t first, int64_t last) {
    marks_t *m = reader;
    if (first < 0 || last < first || last > m->file.n)
        return err_set("%s: tokens %lld .. %lld are no part of its %lld", m->input->path, (long long)first,
                       (long long)last, (long long)m->file.n);
    m->last = last;
    return find_start(m, first, last, &m->at);
}

static int next_document(void *reader, document_t *document) {
    marks_t *m = reader;
    int64_t start = m->at, mark;
    if (start >= m->last) return 0;
    TRY(find_mark(m, start, start, 0, &mark)); // holds token `start` from here on
    int64_t body = start;
    if (m->leads && mark == start) {
        body = start + 1;
        TRY(find_mark(m, start, body, 0, &mark));
    }
    TRY(token_limit(m->input, "the document at token", start, mark - body));
    m->at = m->leads ? mark : mark + 1;
    snprintf(m->id, m->id_bytes, "%s@%lld", m->input->name, (long long)start);
    *document =
        (document_t){.id = m->id, .source = m->input->source, .tokens = m->buffer + (body - m->base), .n = mark - body};
    return 1;
}

int marks_open(const input_t *input, int leads, void **reader) {
    marks_t *m = mem_new(1, sizeof *m, "reader of tokens");
    if (!m) return -1;
    m->reader = (token_reader_t){set_range, next_document, close_marks};
    m->input = input;
    m->leads = leads;
    m->file.fd = -1;
    m->id_bytes = strlen(input->name) + 32;
    m->id = mem_new((int64_t)m->id_bytes, 1, "document id");
    if (!m->id || token_file_open(input->path, input->data, input->width, input->is_signed, &m->file) != 0) {
        close_marks(m);
        return -1;
    }
    m->last = m->file.n;
    *reader = m;
    return 0;
}
