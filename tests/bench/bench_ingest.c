/* Ingest on one rank beside the tokenizer alone, in the same process: MB of text a second of CPU time, and the share of
 * the tokenizer's rate that ingest reaches; the aim is 90 %. The text is that of a file (argv[1], default the King
 * James Bible of the corpora folder), repeated to 64 MB, as lines of text and as JSON lines; the tokenizer is
 * GPT-NeoX's (argv[2]). */
#include "base/clock.h"
#include "base/err.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "par/par.h"
#include "text/ingest.h"
#include "text/tokenizer.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const size_t text_bytes = 64000000;

static void must(int rc) {
    if (rc != 0) par_fail();
}

static int count_tokens(void *user, const int32_t *ids, int64_t n) {
    (void)ids;
    *(int64_t *)user += n;
    return 0;
}

/* MB/s of the tokenizer, line by line, as ingest gives it the documents. */
static double rate_of_tokenizer(const char *path, const char *text, int64_t *tokens) {
    tokenizer_t *tokenizer;
    must(tokenizer_load(path, &tokenizer));
    *tokens = 0;
    double start = clock_cpu();
    for (const char *line = text, *end = text + text_bytes; line < end;) {
        const char *stop = memchr(line, '\n', (size_t)(end - line));
        if (!stop) stop = end;
        must(tokenizer_encode_each(tokenizer, line, (size_t)(stop - line), count_tokens, tokens));
        line = stop + 1;
    }
    double rate = (double)text_bytes / (clock_cpu() - start) * 1e-6;
    tokenizer_free(tokenizer);
    return rate;
}

/* Without the time to load the tokenizer, which is the same for terabytes. */
static double rate_of_ingest(const char *list, const char *tokenizer, const char *dir) {
    input_rules_t rules = input_rules_default();
    inputs_t inputs;
    must(inputs_open(list, &rules, "bench", &inputs));
    ingest_t spec = {.inputs = &inputs, .held_out = 0.05, .seed = 1, .memory = 1 << 30, .scratch = dir};
    double start = clock_cpu();
    tokenizer_t *loaded;
    must(tokenizer_load(tokenizer, &loaded));
    tokenizer_free(loaded);
    double load = clock_cpu() - start;
    start = clock_cpu();
    must(ingest_run(&spec, tokenizer, dir));
    double rate = (double)text_bytes / (clock_cpu() - start - load) * 1e-6;
    inputs_free(&inputs);
    return rate;
}

/* The text as JSON lines, a document a line. */
static void write_json(const char *path, const char *text) {
    FILE *out = fopen(path, "w");
    must(out ? 0 : err_set("%s: cannot be written", path));
    fputs("{\"text\": \"", out);
    for (size_t i = 0; i < text_bytes; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c == '\n')
            fputs("\"}\n{\"text\": \"", out);
        else if (c == '"' || c == '\\')
            fprintf(out, "\\%c", c);
        else if (c < 0x20)
            fprintf(out, "\\u%04x", c);
        else
            fputc(c, out);
    }
    fputs("\"}\n", out);
    must(fclose(out) == 0 ? 0 : err_set("%s: cannot be written", path));
}

int main(int argc, char **argv) {
    if (par_init(&argc, &argv) != 0) return 1;
    log_init(LOG_WARN, 1, 0);
    const char *source = argc > 1 ? argv[1] : "corpora/build/kjv.txt",
               *tokenizer = argc > 2 ? argv[2] : "shared/data/20B_tokenizer.json", *tmp = getenv("TMPDIR");
    if (!file_exists(source) || !file_exists(tokenizer)) {
        printf("ingest: skipped: %s is not there\n", file_exists(source) ? tokenizer : source);
        return 0;
    }
    char dir[200], lines[300], json[300];
    snprintf(dir, sizeof dir, "%s/bench-ingest.XXXXXX", tmp ? tmp : "/tmp");
    if (!mkdtemp(dir)) must(err_set("%s: cannot be made", dir));
    file_map_t map;
    must(file_map(source, &map));
    char *text = mem_new((int64_t)text_bytes, 1, "text");
    must(text && map.size > 0 ? 0 : err_set("%s: no text", source));
    for (size_t i = 0; i < text_bytes; i++) text[i] = (char)map.data[i % map.size];
    file_unmap(&map);
    snprintf(lines, sizeof lines, "%s/text.txt", dir);
    snprintf(json, sizeof json, "%s/text.jsonl", dir);
    must(file_write(lines, text, text_bytes));
    write_json(json, text);
    int64_t tokens;
    double alone = rate_of_tokenizer(tokenizer, text, &tokens);
    printf("ingest, one rank, %.0f MB of %s, %.1f M tokens (aim: 90 %% of the tokenizer)\n", (double)text_bytes * 1e-6,
           source, (double)tokens * 1e-6);
    printf("%-26s %8s %8s\n", "", "MB/s", "share");
    printf("%-26s %8.1f\n", "tokenizer", alone);
    static const char *const kind[] = {"text, a document a line", "JSON lines"};
    for (int i = 0; i < 2; i++) {
        char list[400];
        snprintf(list, sizeof list, i ? "jsonl:%s" : "text:%s:split=line", i ? json : lines);
        double rate = rate_of_ingest(list, tokenizer, dir);
        printf("%-26s %8.1f %7.0f%%\n", kind[i], rate, 100 * rate / alone);
    }
    mem_free(text);
    must(dir_remove(dir));
    par_finalize();
    return 0;
}
