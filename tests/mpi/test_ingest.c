/* Ingest on any number of ranks: the printed hashes of all documents and tokens are the same for all of them, for any
 * cut into parts, for packed files, and for work that was left half done; an error of one rank reaches all.
 *     test_ingest            checks, in a folder of their own that is removed
 *     test_ingest FOLDER     leaves tokenizer and corpora in FOLDER, for a comparison of bytes */
#include "base/err.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/zio.h"
#include "par/par.h"
#include "ranks_check.h"
#include "text/ingest.h"
#include "text/tokens.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <zlib.h>

enum { FILES = 7, VOCAB = 400 };
static const int documents[FILES] = {40, 0, 3, 90, 1, 25, 0};
static const int64_t copies[] = {1, 2, 8};
static char folder[400];
static inputs_t inputs;

static char *in_folder(const char *name) {
    char *path = mem_printf("%s/%s", folder, name);
    if (!path) par_fail();
    return path;
}

/* --- inputs ------------------------------------------------------------------------------------------------------ */

static void write_documents(FILE *out, int file) {
    for (int d = 0; d < documents[file]; d++) {
        fprintf(out, "{\"id\": \"%d.%d\", \"source\": \"s%d\", \"text\": \"", file, d, file % 2);
        for (int w = 0; w < (d * 37 + file) % 300; w++) fprintf(out, "word%d ", (w * w + d) % 97);
        fprintf(out, "\"}\n");
    }
}

static void write_packed(const char *text, size_t bytes) {
    char *zst = in_folder("one.jsonl.zst"), *gz = in_folder("one.jsonl.gz");
    zout_t *out;
    must(zout_open(zst, 3, &out));
    must(zout_write(out, text, bytes));
    must(zout_commit(out));
    gzFile file = gzopen(gz, "wb");
    must(file && gzwrite(file, text, (unsigned)bytes) == (int)bytes && gzclose(file) == Z_OK ? 0 : -1);
    mem_free(zst);
    mem_free(gz);
}

/* Many files, and the same documents in one, plain and packed. */
static void write_json(void) {
    char *all = NULL, *path;
    size_t all_bytes = 0;
    FILE *one = open_memstream(&all, &all_bytes);
    for (int file = 0; file < FILES; file++) {
        char name[32], *text = NULL;
        size_t bytes = 0;
        FILE *out = open_memstream(&text, &bytes);
        must(one && out ? 0 : -1);
        write_documents(out, file);
        write_documents(one, file);
        fclose(out);
        snprintf(name, sizeof name, "input-%d.jsonl", file);
        path = in_folder(name);
        must(file_write(path, text, bytes));
        mem_free(path);
        free(text);
    }
    fclose(one);
    path = in_folder("one.jsonl");
    must(file_write(path, all, all_bytes));
    write_packed(all, all_bytes);
    mem_free(path);
    free(all);
}

/* Lines of text, and 300 documents of tokens, each ended by 0. */
static void write_others(void) {
    char *lines = in_folder("lines.txt"), *tokens = in_folder("tokens.bin");
    file_out_t *out;
    must(file_out_open(lines, &out));
    for (int i = 0; i < 200; i++)
        must(file_out_print(out, "%s %d%s", i % 7 ? "a line of text" : "", i, i % 9 ? "\n" : "\r\n"));
    must(file_out_commit(out));
    must(file_out_open(tokens, &out));
    for (int d = 0; d < 300; d++) {
        for (int i = 0; i < d * 13 % 40; i++) {
            int token = 1 + (d * d + 31 * i * i) % (VOCAB - 1);
            must(file_out_write(out, (uint8_t[]){(uint8_t)token, (uint8_t)(token >> 8)}, 2));
        }
        must(file_out_write(out, (uint8_t[]){0, 0}, 2));
    }
    must(file_out_commit(out));
    mem_free(lines);
    mem_free(tokens);
}

/* A list of inputs, in which % stands for the folder. */
static void open_inputs(const char *list) {
    char *text = NULL;
    size_t bytes = 0;
    FILE *out = open_memstream(&text, &bytes);
    must(out ? 0 : -1);
    for (; *list; list++) {
        if (*list == '%')
            fputs(folder, out);
        else
            fputc(*list, out);
    }
    fclose(out);
    input_rules_t rules = input_rules_default();
    inputs_free(&inputs);
    must(inputs_open(text, &rules, "test", &inputs));
    free(text);
}

static ingest_t spec_of(int64_t part_bytes, int64_t planted) {
    return (ingest_t){.inputs = &inputs,
                      .part_bytes = part_bytes,
                      .held_out = 0.1,
                      .inject = {.per_level = planted, .levels = 3, .copies = copies, .words = 40, .seed = 3},
                      .seed = 3,
                      .memory = 1 << 24,
                      .scratch = folder};
}

/* --- what a reader of the folder sees ---------------------------------------------------------------------------- */

typedef struct {
    hash_t hash;
    int64_t documents, tokens;
} seen_t;

static seen_t see_half(const char *name, const char *half) {
    char *dir = mem_printf("%s/%s/%s", folder, name, half);
    tokens_t *t;
    must(dir ? tokens_open(dir, &t) : -1);
    seen_t seen = {.documents = tokens_documents(t), .tokens = tokens_count(t)};
    int32_t *token = mem_new(seen.tokens, sizeof *token, "test");
    must(token ? tokens_read(t, 0, seen.tokens, token) : -1);
    hasher_t *h = hasher_create();
    if (!h) par_fail();
    for (int64_t i = 0; i < seen.tokens; i++) hasher_add_i64(h, token[i]);
    for (int64_t d = 0; d < seen.documents; d++) {
        const token_document_t document = tokens_document(t, d);
        hasher_add_i64(h, document.first);
        hasher_add_i64(h, document.length);
        hasher_add_text(h, document.id);
        hasher_add_text(h, document.source);
        hasher_add_text(h, document.family);
    }
    mem_free(token);
    tokens_close(t);
    mem_free(dir);
    seen.hash = hasher_finish(h);
    return seen;
}

/* Ingests the inputs at hand into the folder of that name. */
static int ingest_into(const char *name, const ingest_t *spec) {
    char *tokenizer = in_folder("tokenizer.json"), *dir = in_folder(name);
    must(par_agree(par_rank() == 0 ? dir_make(dir) : 0));
    int rc = ingest_run(spec, tokenizer, dir);
    par_barrier();
    mem_free(tokenizer);
    mem_free(dir);
    return rc;
}

static void see(const char *name, seen_t seen[2]) {
    seen[0] = see_half(name, "members");
    seen[1] = see_half(name, "controls");
}

static void print_seen(const char *name, const seen_t seen[2]) {
    char text[HASH_TEXT];
    for (int half = 0; half < 2 && par_rank() == 0; half++)
        printf("%s, %s: %" PRId64 " documents, %" PRId64 " tokens, %s\n", name, half ? "controls" : "members",
               seen[half].documents, seen[half].tokens, hash_print(text, seen[half].hash));
}

static int are_equal(const seen_t a[2], const seen_t b[2]) {
    return hash_compare(a[0].hash, b[0].hash) == 0 && hash_compare(a[1].hash, b[1].hash) == 0;
}

/* Ingests a list in parts of `part` bytes; what is in the folder then must be as `want`. */
static void same_in_parts(const char *list, int64_t part, int64_t planted, const seen_t want[2]) {
    char name[120];
    seen_t seen[2];
    open_inputs(list);
    ingest_t spec = spec_of(part, planted);
    must(ingest_into("again", &spec));
    see("again", seen);
    snprintf(name, sizeof name, "%s in parts of %" PRId64 ", %s", list, part, planted ? "planted" : "nothing planted");
    verdict(name, are_equal(seen, want));
}

/* --- checks ------------------------------------------------------------------------------------------------------ */

static void train(void) {
    char *path = in_folder("tokenizer.json"), text[HASH_TEXT];
    hash_t hash;
    for (int64_t part = 0; part <= 50000; part += 50000) {
        open_inputs("%/input-*.jsonl");
        ingest_t spec = spec_of(part, 6);
        must(ingest_train_tokenizer(&spec, VOCAB, path));
        must(hash_file(path, &hash));
        if (par_rank() == 0) printf("tokenizer: %s\n", hash_print(text, hash));
        par_barrier();
    }
    mem_free(path);
}

static void check_json(void) {
    for (int64_t planted = 0; planted <= 6; planted += 6) {
        seen_t seen[2];
        const char *name = planted ? "planted" : "plain";
        open_inputs("%/input-*.jsonl");
        ingest_t spec = spec_of(0, planted);
        must(ingest_into(name, &spec));
        see(name, seen);
        print_seen(name, seen);
        same_in_parts("%/input-*.jsonl", 30000, planted, seen);
        same_in_parts("%/one.jsonl", 50000, planted, seen);
        same_in_parts("%/one.jsonl.zst", 60000, planted, seen);
        same_in_parts("%/one.jsonl.gz", 80000, planted, seen);
    }
}

static void check_others(void) {
    static const char *const list[] = {"text:%/lines.txt:split=line", "tokens:%/tokens.bin:u16:end=0:source=numbers"};
    for (int i = 0; i < 2; i++)
        for (int64_t planted = 0; planted <= 6; planted += 6) {
            seen_t seen[2];
            open_inputs(list[i]);
            ingest_t spec = spec_of(0, planted);
            must(ingest_into("whole", &spec));
            see("whole", seen);
            print_seen(list[i], seen);
            same_in_parts(list[i], 1501, planted, seen);
        }
}

/* When the file was written, in ns; -1: there is none. */
static int64_t written(const char *path) {
    struct stat st;
    char *full = in_folder(path);
    int64_t ns = stat(full, &st) == 0 ? (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec : -1;
    mem_free(full);
    return ns;
}

static void remove_in_folder(const char *path) {
    char *full = in_folder(path);
    if (par_rank() == 0) must(dir_remove(full));
    par_barrier();
    mem_free(full);
}

static void write_in_folder(const char *path, const char *text) {
    char *full = in_folder(path);
    if (par_rank() == 0) must(file_write(full, text, strlen(text)));
    par_barrier();
    mem_free(full);
}

/* Work of a run that was killed: a shard without description, one that lost a file, a half-written one, no seal. */
static void check_resume(void) {
    seen_t before[2], after[2];
    open_inputs("%/one.jsonl.zst");
    ingest_t spec = spec_of(25000, 6);
    spec.key = "first";
    must(ingest_into("begun", &spec));
    see("begun", before);
    static const char *const kept = "begun/members/00000-one.json", *const again = "begun/controls/00003-one.json";
    int64_t kept_before = written(kept), again_before = written(again), counts_before = written("begun/counts.csv"),
            sizes_before = written("begun/inputs.csv");
    int ok = kept_before > 0 && again_before > 0 && counts_before > 0 && sizes_before > 0;
    par_barrier(); // everyone has looked
    remove_in_folder("begun/members/00001-one.json");
    remove_in_folder("begun/members/00002-one.tok.zst");
    remove_in_folder("begun/members/00003-one.docs");
    write_in_folder("begun/members/00004-one.json", "{");
    write_in_folder("begun/members/00005-one.tok.zst.part", "half");
    remove_in_folder("begun/members/DONE");
    remove_in_folder("begun/controls/shards.csv");
    must(ingest_into("begun", &spec));
    see("begun", after);
    verdict("work goes on to the same end", ok && are_equal(before, after));
    verdict("parts that were whole are kept, with counts and sizes", written(kept) == kept_before &&
                                                                         written("begun/counts.csv") == counts_before &&
                                                                         written("begun/inputs.csv") == sizes_before);
    verdict("others are done again, and nothing half written stays",
            written(again) != again_before && written("begun/members/00005-one.tok.zst.part") == -1);
    spec.key = "second";
    must(ingest_into("begun", &spec));
    see("begun", after);
    verdict("work that was begun with another key is not taken",
            are_equal(before, after) && written(kept) != kept_before);
    spec.key = NULL;
    kept_before = written(kept);
    par_barrier();
    must(ingest_into("begun", &spec));
    verdict("nor any without a key", written(kept) != kept_before && written("begun/key") == -1);
}

/* Ids in many rounds, as when there are more of them than memory. */
static void check_ids(void) {
    write_in_folder("same.jsonl", "{\"id\": \"x\", \"text\": \"\"}\n{\"id\": \"3.17\", \"text\": \"\"}\n");
    open_inputs("%/one.jsonl, %/same.jsonl");
    for (int64_t memory = 1000; memory <= 1 << 24; memory <<= 14) {
        ingest_t spec = spec_of(100000, 0);
        spec.memory = memory;
        err_clear();
        verdict("an id of another file", ingest_into("again", &spec) == -1 &&
                                             strstr(err_text(), "same.jsonl, document 2, has the id of ") != NULL &&
                                             strstr(err_text(), "one.jsonl, document ") != NULL &&
                                             strstr(err_text(), "'3.17'") != NULL);
    }
    verdict("a corpus with an error is not sealed", written("again/members/DONE") == -1);
}

/* One file is bad: whichever rank meets it, all come back with its message. */
static void refuses(const char *name, const char *list, const char *words) {
    open_inputs(list);
    ingest_t spec = spec_of(50000, 6);
    err_clear();
    verdict(name, ingest_into("again", &spec) == -1 && strstr(err_text(), words) != NULL);
}

static void check_errors(void) {
    write_in_folder("bad.jsonl", "{\"id\": \"x\", \"text\": \"\"}\n{\"id\":\n");
    refuses("a line that is not JSON", "%/input-*.jsonl, %/bad.jsonl", "bad.jsonl:2");
    write_in_folder("wide.bin", "ab0ucd0u"); // "ab" is 25185, "0u" is 30000
    refuses("a token that the tokenizer lacks", "tokens:%/wide.bin:u16:end=30000", "token 0 of the document is 25185");
    open_inputs("tokens:%/tokens.bin:u16:end=0, %/one.jsonl");
    ingest_t spec = spec_of(0, 0);
    char *tokenizer = in_folder("none.json");
    verdict("no tokenizer is trained on tokens", ingest_train_tokenizer(&spec, VOCAB, tokenizer) == -1 &&
                                                     strstr(err_text(), "tokens.bin: holds tokens") != NULL);
    mem_free(tokenizer);
    open_inputs("%/one.jsonl");
    spec.end_token = "<end>";
    verdict("an end token that the tokenizer lacks",
            ingest_into("again", &spec) == -1 && strstr(err_text(), "no token '<end>'") != NULL);
    /* The second way over the files fails on rank 0 alone, which cannot make the folder. */
    char *file = in_folder("tokenizer.json");
    spec.end_token = NULL;
    err_clear();
    verdict("a folder that cannot be made",
            ingest_run(&spec, file, file) == -1 && strstr(err_text(), "tokenizer.json") != NULL);
    mem_free(file);
}

int main(int argc, char **argv) {
    if (par_init(&argc, &argv) != 0) return 1;
    log_init(LOG_WARN, par_rank() == 0, 0);
    if (argc > 1)
        snprintf(folder, sizeof folder, "%s", argv[1]);
    else
        shared_folder_make(folder);
    if (par_rank() == 0) {
        must(dir_make(folder));
        write_json();
        write_others();
    }
    par_barrier();
    train();
    check_json();
    check_others();
    check_resume();
    if (argc == 1) {
        check_ids();
        check_errors();
        shared_folder_remove(folder);
    }
    inputs_free(&inputs);
    par_finalize();
    return failures != 0;
}
