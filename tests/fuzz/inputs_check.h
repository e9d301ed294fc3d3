/* What fuzzers of tokenized formats share: a file of any bytes is refused with a message, or gives the same documents
 * whole and in two parts; the tokens are tokens. */
#ifndef MEMPROBE_FUZZ_INPUTS_CHECK_H
#define MEMPROBE_FUZZ_INPUTS_CHECK_H
#include "base/err.h"
#include "text/documents.h"
#include "text/explain.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static inline void fuzz_path(char path[64], const char *what, const char *ending) {
    snprintf(path, 64, "/tmp/fuzz_%s.%d%s", what, (int)getpid(), ending);
}

static inline void fuzz_write(const char *path, const uint8_t *data, size_t bytes) {
    FILE *out = fopen(path, "wb");
    if (!out || fwrite(data, 1, bytes, out) != bytes || fclose(out) != 0) abort();
}

/* Goes on with the hash of all documents of a range; 0 when all could be read. */
static inline int fuzz_read(const input_t *input, int64_t first, int64_t last, uint64_t *hash) {
    documents_t *reader;
    document_t d;
    int rc;
    err_clear();
    if (documents_open(input, &reader) != 0) return -1;
    rc = documents_range(reader, first, last);
    while (rc == 0 && (rc = documents_next(reader, &d)) == 1) {
        if (d.text || !d.tokens || d.n < 0 || !d.source) abort();
        for (const char *c = d.id; *c; c++) *hash = (*hash ^ (uint8_t)*c) * 1099511628211u;
        for (int64_t i = 0; i < d.n; i++) {
            if (d.tokens[i] < 0) abort();
            *hash = (*hash ^ (uint32_t)d.tokens[i]) * 1099511628211u;
        }
        rc = 0;
    }
    documents_close(reader);
    return rc;
}

static inline void fuzz_input(const input_t *input) {
    uint64_t whole = 1, parts = 1;
    int64_t size = input->size, middle = size / 3;
    int rc = fuzz_read(input, 0, size, &whole);
    if (rc != 0 && err_text()[0] == '\0') abort();
    int in_parts = fuzz_read(input, 0, middle, &parts) != 0 || fuzz_read(input, middle, size, &parts) != 0 ? -1 : 0;
    if (rc != in_parts || (rc == 0 && whole != parts)) abort();
    FILE *nowhere = fopen("/dev/null", "w");
    if (!nowhere || input_explain(input, nowhere) != rc) abort();
    fclose(nowhere);
}

/* list: as in [corpus] documents. */
static inline void fuzz_list(const char *list) {
    input_rules_t rules = input_rules_default();
    inputs_t inputs;
    rules.document_limit = 4096;
    err_clear();
    if (inputs_open(list, &rules, "list", &inputs) != 0) {
        if (err_text()[0] == '\0') abort();
        return;
    }
    fuzz_input(&inputs.input[0]);
    inputs_free(&inputs);
}

#endif
