/* Ingest on one rank beside the tokenizer alone, in the same process and by turns: MB of text a second of CPU time, and
 * the share of the tokenizer's rate that ingest reaches; the aim is 90 % on documents of a few KB. Median and spread
 * (largest less least) of five turns. Behind them what the shards take on disk, bytes a token (of 2): the price of a
 * higher share, since most of what ingest does beside the tokenizer is to pack them.
 *
 * The tokenizer reads the documents from memory. `memprobe tokenizer encode --count --lines` prints the same rate for
 * a file of them: it leaves out the time to read, too.
 *
 *     bench_ingest [TOKENIZER [FILE...]]
 *
 * Without arguments the shared GPT-NeoX tokenizer and documentation, manuals and code of this system are taken: text
 * that seldom repeats itself, so that the cache of words is worth what it is worth on a real corpus. It is cut into
 * documents at the first end of a line behind so many bytes. */
#include "base/clock.h"
#include "base/err.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/zio.h"
#include "par/par.h"
#include "text/ingest.h"
#include "text/tokenizer.h"
#include "text/tokens.h"
#include "text/utf8.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 64000000, TURNS = 5 };

typedef struct {
    char *text;
    int64_t bytes, capacity;
} text_t;

typedef struct {
    char *line; // documents, each with its newline
    int64_t bytes, documents;
} lines_t;

static void must(int rc) {
    if (rc != 0) par_fail();
}

/* --- the text ----------------------------------------------------------------------------------------------------- */

static int is_plain(const char *text, size_t bytes) {
    int32_t code = 1;
    for (size_t at = 0; at < bytes && code > 0; at += utf8_next((const uint8_t *)text, at, bytes, &code)) {
    }
    return code > 0;
}

static void add_file(const char *path, int64_t most, text_t *t) {
    zin_t *in;
    char *text;
    size_t bytes;
    must(zin_open(path, &in));
    must(zin_rest(in, &text, &bytes));
    if ((int64_t)bytes > most - t->bytes) bytes = (size_t)(most - t->bytes);
    if (bytes > 0 && is_plain(text, bytes)) {
        must(mem_grow(&t->text, &t->capacity, t->bytes + (int64_t)bytes, 1, "text"));
        memcpy(t->text + t->bytes, text, bytes);
        t->bytes += (int64_t)bytes;
    }
    zin_close(in);
}

/* At most a quarter of all from each kind. */
static void add_files_of_system(text_t *t) {
    static const char *const patterns[] = {"/usr/share/doc/*/README*",     "/usr/share/doc/*/NEWS*",
                                           "/usr/share/doc/*/*.txt*",      "/usr/share/vim/*/doc/*.txt",
                                           "/usr/share/man/man[1-8]/*.gz", "/usr/lib/python3*/*.py",
                                           "/usr/lib/python3*/*/*.py",     NULL};
    for (const char *const *pattern = patterns; *pattern; pattern++) {
        file_list_t list;
        int64_t most = t->bytes + MOST / 4 < MOST ? t->bytes + MOST / 4 : MOST;
        must(file_glob(*pattern, &list));
        for (int64_t i = 0; i < list.count && t->bytes < most; i++) {
            int64_t size;
            if (file_size(list.path[i], &size) == 0) add_file(list.path[i], most, t); // a link may lead nowhere
        }
        file_list_free(&list);
    }
    err_clear();
}

/* Documents of at least so many bytes, their own ends of lines made spaces. */
static lines_t cut(const text_t *t, int64_t least) {
    lines_t lines = {.line = mem_new(t->bytes + 1, 1, "documents"), .bytes = t->bytes + 1};
    must(lines.line ? 0 : -1);
    memcpy(lines.line, t->text, (size_t)t->bytes);
    lines.line[t->bytes] = '\n';
    for (int64_t i = 0, start = 0; i < lines.bytes; i++) {
        if (lines.line[i] != '\n') continue;
        if (i - start < least && i + 1 < lines.bytes) {
            lines.line[i] = ' ';
        } else {
            lines.documents++;
            start = i + 1;
        }
    }
    return lines;
}

/* The same as JSON lines. */
static void write_json(const char *path, const lines_t *lines) {
    FILE *out = fopen(path, "w");
    must(out ? 0 : err_set("%s: cannot be written", path));
    fputs("{\"text\": \"", out);
    for (int64_t i = 0; i < lines->bytes; i++) {
        unsigned char c = (unsigned char)lines->line[i];
        if (c == '\n')
            fputs(i + 1 < lines->bytes ? "\"}\n{\"text\": \"" : "\"}\n", out);
        else if (c == '"' || c == '\\')
            fprintf(out, "\\%c", c);
        else if (c < 0x20)
            fprintf(out, "\\u%04x", c);
        else
            fputc(c, out);
    }
    must(fclose(out) == 0 ? 0 : err_set("%s: cannot be written", path));
}

/* --- rates -------------------------------------------------------------------------------------------------------- */

static int count_tokens(void *user, const int32_t *ids, int64_t n) {
    (void)ids;
    *(int64_t *)user += n;
    return 0;
}

/* MB/s of the tokenizer, document by document, as ingest gives them to it. */
static double rate_of_tokenizer(const char *path, const lines_t *lines) {
    tokenizer_t *tokenizer;
    int64_t tokens = 0;
    must(tokenizer_load(path, &tokenizer));
    double start = clock_cpu();
    for (const char *line = lines->line, *end = line + lines->bytes; line < end;) {
        const char *stop = memchr(line, '\n', (size_t)(end - line));
        must(tokenizer_encode_each(tokenizer, line, (size_t)(stop - line), count_tokens, &tokens));
        line = stop + 1;
    }
    double rate = (double)lines->bytes / (clock_cpu() - start) * 1e-6;
    tokenizer_free(tokenizer);
    return rate;
}

static double seconds_to_load(const char *path) {
    tokenizer_t *tokenizer;
    double start = clock_cpu();
    must(tokenizer_load(path, &tokenizer));
    tokenizer_free(tokenizer);
    return clock_cpu() - start;
}

/* Without the time to load the tokenizer, which is the same for terabytes. */
static double rate_of_ingest(const char *list, const char *tokenizer, const char *dir, const lines_t *lines) {
    input_rules_t rules = input_rules_default();
    inputs_t inputs;
    must(inputs_open(list, &rules, "bench", &inputs));
    ingest_t spec = {.inputs = &inputs, .held_out = 0.05, .seed = 1, .memory = 1 << 30, .scratch = dir};
    double load = seconds_to_load(tokenizer), start = clock_cpu();
    must(ingest_run(&spec, tokenizer, dir));
    double rate = (double)lines->bytes / (clock_cpu() - start - load) * 1e-6;
    inputs_free(&inputs);
    return rate;
}

/* Bytes of the packed tokens in dir, and how many tokens they are. */
static double bytes_a_token(const char *dir) {
    static const char *const halves[] = {"members", "controls"};
    int64_t bytes = 0, tokens = 0;
    for (int half = 0; half < 2; half++) {
        char path[300], pattern[320];
        tokens_t *corpus;
        file_list_t shards;
        snprintf(path, sizeof path, "%s/%s", dir, halves[half]);
        snprintf(pattern, sizeof pattern, "%s/*.tok.zst", path);
        must(tokens_open(path, &corpus));
        must(file_glob(pattern, &shards));
        tokens += tokens_count(corpus);
        for (int64_t i = 0; i < shards.count; i++) {
            int64_t size;
            must(file_size(shards.path[i], &size));
            bytes += size;
        }
        file_list_free(&shards);
        tokens_close(corpus);
    }
    return (double)bytes / (double)tokens;
}

static int by_size(const void *a, const void *b) {
    const double *x = a, *y = b;
    return *x < *y ? -1 : *x > *y;
}

static void print(const double *turn) {
    double sorted[TURNS];
    memcpy(sorted, turn, sizeof sorted);
    qsort(sorted, TURNS, sizeof *sorted, by_size);
    printf(" %8.1f %6.1f", sorted[TURNS / 2], sorted[TURNS - 1] - sorted[0]);
}

static void bench(const char *kind, const char *list, const char *tokenizer, const char *dir, const lines_t *lines) {
    double alone[TURNS], ingest[TURNS], share[TURNS];
    for (int i = 0; i < TURNS; i++) {
        alone[i] = rate_of_tokenizer(tokenizer, lines);
        ingest[i] = rate_of_ingest(list, tokenizer, dir, lines);
        share[i] = 100 * ingest[i] / alone[i];
    }
    printf("%-12s %9.0f", kind, (double)lines->bytes / (double)lines->documents);
    print(alone);
    print(ingest);
    print(share);
    printf(" %13.3f\n", bytes_a_token(dir));
}

static void bench_documents(const text_t *text, int64_t least, const char *tokenizer, const char *dir) {
    char plain[300], json[300], list[400];
    lines_t lines = cut(text, least);
    snprintf(plain, sizeof plain, "%s/text.txt", dir);
    snprintf(json, sizeof json, "%s/text.jsonl", dir);
    must(file_write(plain, lines.line, (size_t)lines.bytes));
    write_json(json, &lines);
    snprintf(list, sizeof list, "text:%s:split=line", plain);
    bench("text", list, tokenizer, dir, &lines);
    snprintf(list, sizeof list, "jsonl:%s", json);
    bench("JSON lines", list, tokenizer, dir, &lines);
    mem_free(lines.line);
}

int main(int argc, char **argv) {
    if (par_init(&argc, &argv) != 0) return 1;
    log_init(LOG_WARN, 1, 0);
    const char *tmp = getenv("TMPDIR"), *shared = getenv("SHARED");
    char dir[256], tokenizer[1024];
    snprintf(tokenizer, sizeof tokenizer, "%s/data/20B_tokenizer.json", shared ? shared : "../shared");
    if (argc > 1) snprintf(tokenizer, sizeof tokenizer, "%s", argv[1]);
    text_t text = {0};
    for (int i = 2; i < argc; i++) add_file(argv[i], MOST, &text);
    if (argc <= 2) add_files_of_system(&text);
    if (!file_exists(tokenizer) || text.bytes < 1000000) {
        printf("ingest: skipped: %s\n", file_exists(tokenizer) ? "no text here" : tokenizer);
    } else {
        snprintf(dir, sizeof dir, "%s/bench-ingest.XXXXXX", tmp ? tmp : "/tmp");
        if (!mkdtemp(dir)) must(err_set("%s: cannot be made", dir));
        printf("ingest, one rank, %.1f MB of text (aim: 90 %% of the tokenizer); each the median and spread of %d\n",
               (double)text.bytes * 1e-6, TURNS);
        printf("%-12s %9s %15s %15s %15s %13s\n", "", "bytes", "tokenizer MB/s", "ingest MB/s", "share %",
               "bytes a token");
        bench_documents(&text, 4000, tokenizer, dir);
        bench_documents(&text, 100, tokenizer, dir);
        must(dir_remove(dir));
    }
    mem_free(text.text);
    par_finalize();
    return 0;
}
