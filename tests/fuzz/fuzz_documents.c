/* JSON lines as foreign bytes, plain or packed: what is read is text, what is refused has a message, parts give the
 * documents of the whole, and on each line the scanner and jansson agree. */
#include "../unit/json_check.h"
#include "base/err.h"
#include "base/zio.h"
#include "text/documents.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static char path[64];

static void check_failed(void) {
    if (err_text()[0] == '\0') abort();
}

/* Reads a range; returns its documents, or -1. */
static int64_t read_range(documents_t *reader, int64_t first, int64_t last) {
    document_t d;
    int64_t n = 0;
    int got;
    if (documents_range(reader, first, last) != 0) return -1;
    while ((got = documents_next(reader, &d)) == 1) {
        if (strlen(d.id) == 0 || d.text[d.bytes] != '\0' || strlen(d.source) + strlen(d.text) > 1u << 30) abort();
        n++;
    }
    return got < 0 ? -1 : n;
}

static void read_documents(const char *format, size_t bytes) {
    documents_t *reader = NULL;
    input_rules_t rules = input_rules_default();
    inputs_t inputs = {0};
    rules.document_limit = 1 << 20; // packed zeros must not take the memory of the machine
    err_clear();
    if (inputs_open_file(path, format, &rules, &inputs) != 0 || documents_open(&inputs.input[0], &reader) != 0) {
        check_failed();
        inputs_free(&inputs);
        return;
    }
    int64_t middle = 1 + (int64_t)bytes / 2, all = read_range(reader, 0, INT64_MAX);
    if (all < 0) check_failed();
    int64_t before = read_range(reader, 0, middle), behind = before < 0 ? -1 : read_range(reader, middle, INT64_MAX);
    int whole = inputs.input[0].size == 1; // a document a file has one unit
    if (!whole && (all < 0) != (before < 0 || behind < 0)) abort();
    if (!whole && all >= 0 && before + behind != all) abort();
    documents_close(reader);
    inputs_free(&inputs);
}

static void compare_lines(void) {
    zin_t *in;
    char *line;
    size_t n;
    if (zin_open(path, &in) != 0) return;
    zin_limit(in, 1 << 20, "");
    while (zin_line(in, &line, &n) == 1) {
        if (json_check(line, n) >= 0) continue;
        fprintf(stderr, "%s: %.*s\n", err_text(), (int)n, line);
        abort();
    }
    zin_close(in);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes) {
    snprintf(path, sizeof path, "/tmp/fuzz_documents.%d", (int)getpid());
    FILE *out = fopen(path, "wb");
    if (!out || fwrite(data, 1, bytes, out) != bytes || fclose(out) != 0) abort();
    read_documents("jsonl", bytes);
    read_documents("text", bytes);
    compare_lines();
    remove(path);
    return 0;
}
