/* Reading JSON lines on one core: MB/s of lines, plain, zstd and gzip, as documents and as bare lines, and beside it
 * jansson on the same lines. The texts are copyright files of the system, each a document. Reading must not be what
 * limits ingest: tokenizing goes at some 80 MB/s. Rates are by processor time, so that a busy machine shows less. */
#include "base/clock.h"
#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/zio.h"
#include "text/documents.h"
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

enum { MOST = 40000000, REPEATS = 3 };
static const char *const names[] = {"plain", "zstd", "gzip"};
static char folder[] = "/tmp/bench_documents.XXXXXX", path[3][64];

static void must(int rc) {
    if (rc == 0) return;
    fprintf(stderr, "%s\n", err_text());
    exit(1);
}

/* A line of the text, when it is UTF-8. */
static void add_line(char **lines, int64_t *bytes, int64_t *capacity, const file_map_t *map) {
    json_t *line = json_pack("{s:o?}", "text", json_stringn((const char *)map->data, map->size));
    char *text = line != NULL && json_object_size(line) == 1 ? json_dumps(line, JSON_COMPACT) : NULL;
    size_t n = text != NULL ? strlen(text) : 0;
    if (n > 0) {
        must(mem_grow(lines, capacity, *bytes + (int64_t)n + 1, 1, "lines"));
        memcpy(*lines + *bytes, text, n);
        (*lines)[*bytes + (int64_t)n] = '\n';
        *bytes += (int64_t)n + 1;
    }
    free(text);
    json_decref(line);
}

static char *make_lines(int64_t *bytes) {
    char *lines = NULL;
    int64_t capacity = 0;
    file_list_t list;
    must(file_glob("/usr/share/doc/*/copyright", &list));
    for (int64_t i = 0; list.count > 0 && *bytes < MOST; i = (i + 1) % list.count) {
        file_map_t map;
        if (file_map(list.path[i], &map) != 0) continue;
        add_line(&lines, bytes, &capacity, &map);
        file_unmap(&map);
        if (i == list.count - 1 && *bytes == 0) break; // none can be read
    }
    file_list_free(&list);
    return lines;
}

static void write_files(const char *lines, int64_t bytes) {
    zout_t *out;
    if (mkdtemp(folder) == NULL) must(err_set("%s: cannot be made", folder));
    for (int i = 0; i < 3; i++) snprintf(path[i], sizeof path[i], "%s/%s", folder, names[i]);
    must(file_write(path[0], lines, (size_t)bytes));
    must(zout_open(path[1], 3, &out));
    must(zout_write(out, lines, (size_t)bytes));
    must(zout_commit(out));
    gzFile gz = gzopen(path[2], "wb6");
    if (gz == NULL || gzwrite(gz, lines, (unsigned)bytes) != bytes || gzclose(gz) != Z_OK)
        must(err_set("%s: cannot be written", path[2]));
}

static int64_t read_lines(const char *file) {
    zin_t *in;
    char *line;
    size_t n;
    int64_t count = 0;
    must(zin_open(file, &in));
    while (zin_line(in, &line, &n) == 1) count++;
    zin_close(in);
    return count;
}

static int64_t read_documents(const char *file) {
    inputs_t inputs;
    documents_t *reader;
    document_t document;
    input_rules_t rules = input_rules_default();
    int64_t count = 0;
    int rc;
    must(inputs_open_file(file, "jsonl", &rules, &inputs));
    must(documents_open(&inputs.input[0], &reader));
    while ((rc = documents_next(reader, &document)) == 1) count++;
    must(rc);
    documents_close(reader);
    inputs_free(&inputs);
    return count;
}

static int64_t read_jansson(const char *file) {
    zin_t *in;
    char *line;
    size_t n;
    int64_t count = 0;
    must(zin_open(file, &in));
    while (zin_line(in, &line, &n) == 1) {
        json_error_t error;
        json_t *value = json_loadb(line, n, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);
        if (json_string_value(json_object_get(value, "text")) == NULL) must(err_set("%s", error.text));
        json_decref(value);
        count++;
    }
    zin_close(in);
    return count;
}

/* MB/s, the best of some. */
static double rate(int64_t (*read)(const char *file), const char *file, int64_t bytes, int64_t count) {
    double best = 0;
    for (int i = 0; i < REPEATS; i++) {
        double start = clock_cpu();
        if (read(file) != count) must(err_set("%s: another number of documents", file));
        double mb = 1e-6 * (double)bytes / (clock_cpu() - start);
        best = mb > best ? mb : best;
    }
    return best;
}

int main(void) {
    int64_t bytes = 0;
    char *lines = make_lines(&bytes);
    if (bytes == 0) {
        printf("documents: this machine has no /usr/share/doc\n");
        return 0;
    }
    write_files(lines, bytes);
    mem_free(lines);
    int64_t count = read_lines(path[0]);
    printf("JSON lines, %lld documents, %.0f MB (MB/s of a core)\n", (long long)count, 1e-6 * (double)bytes);
    printf("  %-8s %9s %9s %9s %9s\n", "", "lines", "documents", "jansson", "ratio");
    for (int i = 0; i < 3; i++) {
        double bare = rate(read_lines, path[i], bytes, count), ours = rate(read_documents, path[i], bytes, count);
        double theirs = rate(read_jansson, path[i], bytes, count);
        printf("  %-8s %9.0f %9.0f %9.0f %9.1f\n", names[i], bare, ours, theirs, ours / theirs);
    }
    must(dir_remove(folder));
    return 0;
}
