/* Building a suffix index: blocks of whole documents, each sorted by one rank on its own. */
#include "base/err.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"
#include "index/suffix_file.h"
#include "index/suffix_sort.h"
#include "par/par.h"
#include <stdio.h>
#include <string.h>

typedef struct {
    int64_t first, last; // documents
} span_t;

typedef struct {
    tokens_t *corpus;
    const char *dir;
    uint64_t corpus_hash;
    int64_t vocab;
    int64_t blocks, capacity;
    span_t *block;
} build_t;

static int64_t document_end(tokens_t *corpus, int64_t document) {
    token_document_t d = tokens_document(corpus, document);
    return d.first + d.length + 1;
}

/* Cuts wherever the next document would make the block too large. */
static int cut_blocks(build_t *b, int64_t block_tokens) {
    int64_t documents = tokens_documents(b->corpus);
    for (int64_t d = 0; d < documents;) {
        int64_t begin = tokens_document(b->corpus, d).first, last = d + 1;
        if (document_end(b->corpus, d) - begin > SUFFIX_BLOCK_MOST)
            return err_set("document %s has %d tokens or more, too many for a suffix index; split it",
                           tokens_document(b->corpus, d).id, SUFFIX_BLOCK_MOST);
        while (last < documents && document_end(b->corpus, last) - begin <= block_tokens) last++;
        TRY(mem_grow(&b->block, &b->capacity, b->blocks + 1, sizeof *b->block, "blocks of a suffix index"));
        b->block[b->blocks++] = (span_t){d, last};
        d = last;
    }
    return 0;
}

/* --- one block ---------------------------------------------------------------------------------------------------- */

/* The text of a block; what ends a document becomes `vocab`, for the end token may also stand inside a document. */
static int read_text(const build_t *b, span_t span, const suffix_head_t *head, int32_t *text) {
    TRY(tokens_read(b->corpus, head->first, head->tokens, text));
    for (int64_t d = span.first; d < span.last; d++)
        text[document_end(b->corpus, d) - 1 - head->first] = (int32_t)head->vocab;
    return 0;
}

/* A file whose bytes are hashed, piece by piece, on their way. */
typedef struct {
    file_out_t *file;
    uint8_t *piece; // (SUFFIX_PIECE)
    int64_t filled, written;
    uint64_t *check;
    int64_t checks;
} checked_t;

static int put_piece(checked_t *c) {
    if (c->filled == 0) return 0;
    c->check[c->checks++] = hash_bytes(c->piece, (size_t)c->filled, 0).lo;
    int rc = file_out_write(c->file, c->piece, (size_t)c->filled);
    c->filled = 0;
    return rc;
}

static int put(checked_t *c, const void *data, int64_t bytes) {
    for (const uint8_t *from = data; bytes > 0;) {
        int64_t n = SUFFIX_PIECE - c->filled < bytes ? SUFFIX_PIECE - c->filled : bytes;
        memcpy(c->piece + c->filled, from, (size_t)n);
        c->filled += n;
        c->written += n;
        from += n;
        bytes -= n;
        if (c->filled == SUFFIX_PIECE) TRY(put_piece(c));
    }
    return 0;
}

/* Zeros up to the beginning of the next section. */
static int put_gap(checked_t *c, int64_t to) {
    static const uint8_t zero[SUFFIX_ALIGN];
    return put(c, zero, to - c->written);
}

static int put_text(checked_t *c, const suffix_head_t *head, const int32_t *text) {
    if (head->width == 4) return put(c, text, 4 * head->tokens);
    for (int64_t i = 0; i < head->tokens; i++) {
        uint16_t narrow = (uint16_t)text[i];
        TRY(put(c, &narrow, sizeof narrow));
    }
    return 0;
}

static int put_block(checked_t *c, const suffix_head_t *head, const uint32_t *starts, const int32_t *text,
                     const int32_t *order) {
    suffix_layout_t at = suffix_layout(head);
    TRY(put(c, head, sizeof *head));
    TRY(put(c, starts, 4 * (head->vocab + 1)));
    TRY(put_gap(c, at.text));
    TRY(put_text(c, head, text));
    TRY(put_gap(c, at.order));
    TRY(put(c, order, 4 * head->suffixes));
    TRY(put_gap(c, at.checks));
    TRY(put_piece(c));
    TRY(file_out_write(c->file, c->check, (size_t)(8 * c->checks)));
    uint64_t seal = hash_bytes(c->check, (size_t)(8 * c->checks), 0).lo;
    return file_out_write(c->file, &seal, sizeof seal);
}

static int write_block(const char *path, const suffix_head_t *head, const uint32_t *starts, const int32_t *text,
                       const int32_t *order) {
    checked_t c = {.piece = mem_new(SUFFIX_PIECE, 1, "suffix index")};
    c.check = mem_new(suffix_layout(head).pieces, sizeof *c.check, "suffix index");
    int rc = c.piece && c.check ? file_out_open(path, &c.file) : -1;
    if (rc == 0) {
        rc = put_block(&c, head, starts, text, order);
        if (rc == 0)
            rc = file_out_commit(c.file);
        else
            file_out_abort(c.file);
    }
    mem_free(c.piece);
    mem_free(c.check);
    return rc;
}

/* Where the suffixes that begin with each token start. */
static void count_starts(const suffix_head_t *head, const int32_t *text, uint32_t *starts) {
    for (int64_t i = 0; i < head->tokens; i++) starts[text[i]]++;
    uint32_t sum = 0;
    for (int64_t t = 0; t <= head->vocab; t++) {
        uint32_t n = starts[t];
        starts[t] = sum;
        sum += n;
    }
}

static int build_block(const build_t *b, int64_t number, const char *path) {
    span_t span = b->block[number];
    int64_t first = tokens_document(b->corpus, span.first).first;
    suffix_head_t head = {.magic = "MPSUFFIX", .version = SUFFIX_VERSION, .corpus = b->corpus_hash, .block = number};
    head.vocab = b->vocab;
    head.width = b->vocab <= UINT16_MAX ? 2 : 4;
    head.first = first;
    head.tokens = document_end(b->corpus, span.last - 1) - first;
    head.suffixes = head.tokens - (span.last - span.first);
    int32_t *text = mem_new(head.tokens, sizeof *text, "suffix index: tokens of a block");
    int32_t *order = mem_new(head.tokens, sizeof *order, "suffix index: order of a block");
    uint32_t *starts = mem_new(head.vocab + 1, sizeof *starts, "suffix index: first tokens");
    int rc = text && order && starts ? read_text(b, span, &head, text) : -1;
    if (rc == 0) rc = suffix_sort(text, head.tokens, head.vocab + 1, order);
    if (rc == 0) {
        count_starts(&head, text, starts);
        rc = write_block(path, &head, starts, text, order);
    }
    mem_free(text);
    mem_free(order);
    mem_free(starts);
    return rc;
}

/* --- all blocks --------------------------------------------------------------------------------------------------- */

static int build_blocks(const build_t *b, par_tickets_t *tickets, progress_t *progress) {
    for (int64_t i; (i = par_tickets_next(tickets)) >= 0;) {
        char *path = suffix_path(b->dir, i);
        int rc = path ? par_go_on() : -1;
        if (rc == 0 && !file_exists(path)) rc = build_block(b, i, path);
        mem_free(path);
        TRY(par_tickets_end(tickets, rc));
        progress_update(progress, document_end(b->corpus, b->block[i].last - 1));
    }
    return 0;
}

/* Blocks of an index of another corpus, or cut in another way, are not ours to keep; and until all are there the index
 * is not done, even if it was before. On rank 0. */
static int prepare(const build_t *b, int64_t block_tokens) {
    char *done = mem_printf("%s/DONE", b->dir), *path = mem_printf("%s/of", b->dir),
         *text = mem_printf("%016llx %lld\n", (unsigned long long)b->corpus_hash, (long long)block_tokens);
    file_map_t map = {0};
    int rc = done && path && text ? 0 : -1;
    int same = rc == 0 && file_exists(path) && file_map(path, &map) == 0 && map.size == strlen(text) &&
               memcmp(map.data, text, map.size) == 0;
    file_unmap(&map);
    if (rc == 0 && !same) rc = dir_remove(b->dir);
    if (rc == 0 && !same) rc = dir_make(b->dir);
    if (rc == 0 && !same) rc = file_write(path, text, strlen(text));
    if (rc == 0 && remove(done) != 0 && file_exists(done)) rc = err_set("%s: cannot be removed", done);
    mem_free(done);
    mem_free(path);
    mem_free(text);
    return rc;
}

int suffix_build(tokens_t *corpus, const char *corpus_dir, int64_t block_tokens, const char *dir) {
    build_t b = {.corpus = corpus, .dir = dir, .vocab = tokens_vocab(corpus)};
    par_tickets_t *tickets = NULL;
    progress_t progress;
    int rc = suffix_corpus_hash(corpus_dir, &b.corpus_hash);
    if (rc == 0) rc = cut_blocks(&b, block_tokens);
    if (rc == 0 && par_rank() == 0) rc = prepare(&b, block_tokens);
    rc = par_agree(rc);
    if (rc == 0) rc = par_tickets_create(b.blocks, &tickets);
    if (rc == 0) {
        progress_start(&progress, "suffix index", tokens_count(corpus), "tokens");
        rc = par_agree(build_blocks(&b, tickets, &progress));
        if (rc == 0) progress_update(&progress, tokens_count(corpus));
        if (rc == 0) progress_end(&progress);
        par_tickets_free(tickets);
    }
    if (rc == 0) rc = par_agree(par_rank() == 0 ? artifact_mark_done(dir, "suffix index") : 0);
    mem_free(b.block);
    return rc;
}
