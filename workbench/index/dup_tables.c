/* duplicates.csv and top.csv, from the files of the lengths; see duplicates.h. Rank 0 alone. */
#include "base/csv.h"
#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "index/duplicates_private.h"
#include "text/tokenizer.h"
#include <string.h>
#include <utf8proc.h>

typedef struct {
    tokens_t *corpus;
    tokenizer_t *tokenizer;
    csv_out_t *buckets, *tops;
    int64_t tokens; // of the corpus
} tables_t;

static void put_buckets(tables_t *t, const length_t *length) {
    const histogram_t *h = &length->histogram;
    int64_t above = 0;
    for (int32_t b = 0; b < CENSUS_BUCKETS; b++) above += h->tokens[b];
    for (int32_t b = 0; b < CENSUS_BUCKETS; b++) {
        int64_t low, high;
        if (h->distinct[b] > 0) {
            census_bucket_range(b, &low, &high);
            csv_i64(t->buckets, length->length);
            csv_i64(t->buckets, b);
            csv_i64(t->buckets, low);
            csv_i64(t->buckets, high);
            csv_i64(t->buckets, h->distinct[b]);
            csv_i64(t->buckets, h->windows[b]);
            csv_i64(t->buckets, h->tokens[b]);
            csv_stat(t->buckets, t->tokens > 0 ? (double)above / (double)t->tokens : 0);
            csv_end(t->buckets);
        }
        above -= h->tokens[b];
    }
}

/* Copies text so that it is UTF-8 without NUL: what is not becomes U+FFFD, byte by byte. */
static char *clean(const char *text, size_t bytes) {
    static const char BAD[] = "\xEF\xBF\xBD";
    char *out = mem_new(3 * (int64_t)bytes + 1, 1, "text of a window");
    size_t n = 0;
    for (size_t i = 0; out && i < bytes;) {
        utf8proc_int32_t code;
        utf8proc_ssize_t used =
            utf8proc_iterate((const utf8proc_uint8_t *)text + i, (utf8proc_ssize_t)(bytes - i), &code);
        int good = used > 0 && code != 0;
        size_t from = good ? (size_t)used : 1, to = good ? from : 3;
        memcpy(out + n, good ? text + i : BAD, to);
        n += to;
        i += from;
    }
    return out;
}

static int put_text(tables_t *t, int64_t position, int64_t n) {
    int32_t *ids = mem_new(n, sizeof *ids, "tokens of a window");
    char *text = NULL, *cleaned = NULL;
    size_t bytes = 0;
    int rc = ids ? tokens_read(t->corpus, position, n, ids) : -1;
    if (rc == 0) rc = tokenizer_decode_inside(t->tokenizer, ids, n, &text, &bytes);
    if (rc == 0) cleaned = clean(text, bytes);
    if (cleaned) csv_text(t->tops, cleaned);
    mem_free(ids);
    mem_free(text);
    mem_free(cleaned);
    return cleaned ? 0 : -1;
}

static int put_tops(tables_t *t, const length_t *length) {
    for (int64_t i = 0; i < length->top.n; i++) {
        const top_window_t *w = &length->top.window[i];
        if (w->first < 0 || w->first > tokens_count(t->corpus) - length->length)
            return err_set("%s: position %lld is not in the corpus; remove the folder and run again", length->dir,
                           (long long)w->first);
        token_document_t d = tokens_document(t->corpus, tokens_document_at(t->corpus, w->first));
        csv_i64(t->tops, length->length);
        csv_i64(t->tops, i + 1);
        csv_i64(t->tops, w->occurrences);
        csv_i64(t->tops, w->documents);
        csv_text(t->tops, d.id);
        csv_text(t->tops, d.source);
        csv_i64(t->tops, w->first - d.first);
        TRY(put_text(t, w->first, length->length));
        csv_end(t->tops);
    }
    return 0;
}

static int put_length(tables_t *t, const duplicates_t *spec, const char *dir, int64_t tokens) {
    length_t *length = mem_new(1, sizeof *length, "a length");
    if (!length) return -1;
    *length = (length_t){.spec = spec, .corpus = t->corpus, .dir = dir, .length = tokens};
    int rc = top_create(spec->top, &length->top);
    if (rc == 0) rc = dup_finished_read(length);
    if (rc == 0) {
        top_sort(&length->top);
        put_buckets(t, length);
        rc = put_tops(t, length);
    }
    top_free(&length->top);
    mem_free(length);
    return rc;
}

static int open_tables(tables_t *t, const char *tokenizer_path, const char *dir) {
    char *buckets = mem_printf("%s/duplicates.csv", dir), *tops = mem_printf("%s/top.csv", dir);
    int rc = buckets && tops ? tokenizer_load(tokenizer_path, &t->tokenizer) : -1;
    if (rc == 0) rc = csv_open(buckets, "length,bucket,dup_lo,dup_hi,distinct,windows,tokens,share", &t->buckets);
    if (rc == 0) rc = csv_open(tops, "length,rank,occurrences,documents,doc_id,source,offset,text", &t->tops);
    mem_free(buckets);
    mem_free(tops);
    return rc;
}

int dup_tables_write(const duplicates_t *spec, tokens_t *corpus, const char *tokenizer_path, const char *dir) {
    tables_t t = {.corpus = corpus, .tokens = tokens_count(corpus) - tokens_documents(corpus)};
    int rc = open_tables(&t, tokenizer_path, dir);
    for (int32_t i = 0; rc == 0 && i < spec->n; i++) rc = put_length(&t, spec, dir, spec->length[i]);
    tokenizer_free(t.tokenizer);
    if (rc == 0) {
        rc = csv_commit(t.buckets);
        if (rc == 0) return csv_commit(t.tops);
        t.buckets = NULL;
    }
    csv_abort(t.buckets);
    csv_abort(t.tops);
    return -1;
}
