/* Ingest on any number of ranks: the printed hashes of all documents and tokens are the same for all of them, and an
 * error of one rank reaches all.
 *     test_ingest            checks, in a folder of their own that is removed
 *     test_ingest FOLDER     leaves tokenizer and corpus in FOLDER, for a comparison of bytes */
#include "base/err.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"
#include "par/par.h"
#include "ranks_check.h"
#include "text/ingest.h"
#include "text/tokens.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FILES = 7 };
static const int documents[FILES] = {40, 0, 3, 90, 1, 25, 0};
static const int64_t copies[] = {1, 2, 8};
static char folder[400];
static char *paths[FILES];
static file_list_t inputs = {FILES, paths};

static char *in_folder(const char *name) {
    char *path = mem_printf("%s/%s", folder, name);
    if (!path) par_fail();
    return path;
}

static void write_file(int file) {
    file_out_t *out;
    must(file_out_open(paths[file], &out));
    for (int d = 0; d < documents[file]; d++) {
        must(file_out_print(out, "{\"id\": \"%d.%d\", \"source\": \"s%d\", \"text\": \"", file, d, file % 2));
        for (int w = 0; w < (d * 37 + file) % 300; w++) must(file_out_print(out, "word%d ", (w * w + d) % 97));
        must(file_out_print(out, "\"}\n"));
    }
    must(file_out_commit(out));
}

static ingest_t spec_of(void) {
    return (ingest_t){.inputs = &inputs,
                      .held_out = 0.1,
                      .inject = {.per_level = 6, .levels = 3, .copies = copies, .words = 40, .seed = 3},
                      .seed = 3,
                      .memory = 1 << 24,
                      .scratch = folder};
}

/* What a reader of the folder sees. */
static hash_t hash_half(const char *half) {
    char *dir = in_folder(half);
    tokens_t *t;
    must(tokens_open(dir, &t));
    int64_t n = tokens_count(t);
    int32_t *token = mem_new(n, sizeof *token, "test");
    must(token ? tokens_read(t, 0, n, token) : -1);
    hasher_t *h = hasher_create();
    if (!h) par_fail();
    for (int64_t i = 0; i < n; i++) hasher_add_i64(h, token[i]);
    for (int64_t d = 0; d < tokens_documents(t); d++) {
        const token_document_t document = tokens_document(t, d);
        hasher_add_i64(h, document.first);
        hasher_add_i64(h, document.length);
        hasher_add_text(h, document.id);
        hasher_add_text(h, document.source);
        hasher_add_text(h, document.family);
    }
    if (par_rank() == 0) {
        printf("%s: %" PRId64 " documents, %" PRId64 " tokens\n", half, tokens_documents(t), n);
    }
    mem_free(token);
    tokens_close(t);
    mem_free(dir);
    return hasher_finish(h);
}

static void ingest_all(void) {
    ingest_t spec = spec_of();
    char *tokenizer = in_folder("tokenizer.json"), text[HASH_TEXT];
    hash_t hash;
    must(ingest_train_tokenizer(&spec, 400, tokenizer));
    must(ingest_run(&spec, tokenizer, folder));
    must(hash_file(tokenizer, &hash));
    if (par_rank() == 0) printf("tokenizer: %s\n", hash_print(text, hash));
    for (int half = 0; half < 2; half++) {
        hash = hash_half(half ? "controls" : "members");
        if (par_rank() == 0) printf("  %s\n", hash_print(text, hash));
    }
    mem_free(tokenizer);
}

/* One file is bad: whichever rank meets it, all come back with its message. */
static void one_bad_file(const char *name, const char *text, const char *words) {
    char *good = paths[2], *tokenizer = in_folder("tokenizer.json"), *bad = in_folder("bad.jsonl");
    if (par_rank() == 0) must(file_write(bad, text, strlen(text)));
    par_barrier();
    paths[2] = bad;
    ingest_t spec = spec_of();
    err_clear();
    verdict(name, ingest_run(&spec, tokenizer, folder) == -1 && strstr(err_text(), words) != NULL);
    par_barrier();
    paths[2] = good;
    mem_free(tokenizer);
    mem_free(bad);
}

/* The second way over the files fails on rank 0 alone, which cannot make the folder. */
static void folder_is_a_file(void) {
    ingest_t spec = spec_of();
    char *tokenizer = in_folder("tokenizer.json");
    err_clear();
    verdict("a folder that cannot be made",
            ingest_run(&spec, tokenizer, tokenizer) == -1 && strstr(err_text(), "tokenizer.json") != NULL);
    mem_free(tokenizer);
}

static void make_inputs(const char *where) {
    if (where)
        snprintf(folder, sizeof folder, "%s", where);
    else
        shared_folder_make(folder);
    if (par_rank() == 0) must(dir_make(folder));
    for (int file = 0; file < FILES; file++) {
        paths[file] = mem_printf("%s/input-%d.jsonl", folder, file);
        if (!paths[file]) par_fail();
        if (par_rank() == 0) write_file(file);
    }
    par_barrier();
}

int main(int argc, char **argv) {
    if (par_init(&argc, &argv) != 0) return 1;
    log_init(LOG_WARN, par_rank() == 0, 0);
    make_inputs(argc > 1 ? argv[1] : NULL);
    ingest_all();
    if (argc == 1) {
        one_bad_file("a line that is not JSON", "{\"id\": \"x\", \"text\": \"\"}\n{\"id\":\n", "bad.jsonl:2");
        one_bad_file("an id of another file", "{\"id\": \"3.17\", \"text\": \"\"}\n",
                     "document 18, has the id of"); // 3.17 is document 18 of file 3, and comes later
        folder_is_a_file();
        shared_folder_remove(folder);
    }
    for (int file = 0; file < FILES; file++) mem_free(paths[file]);
    par_finalize();
    return failures != 0;
}
