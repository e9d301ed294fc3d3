/* JSON lines as foreign bytes: what is read is text, and what is refused has a message. */
#include "base/err.h"
#include "base/file.h"
#include "text/documents.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes) {
    char path[64];
    documents_t *reader = NULL;
    document_t document;
    int got = 0;
    snprintf(path, sizeof path, "/tmp/fuzz_documents.%d", (int)getpid());
    FILE *out = fopen(path, "wb");
    if (!out || fwrite(data, 1, bytes, out) != bytes || fclose(out) != 0) abort();
    err_clear();
    input_rules_t rules = input_rules_default();
    inputs_t inputs = {0};
    if (inputs_open_file(path, "jsonl", &rules, &inputs) == 0 && documents_open(&inputs.input[0], &reader) == 0) {
        while ((got = documents_next(reader, &document)) == 1) {
            if (strlen(document.id) == 0 || document.text[document.bytes] != '\0' || !document.source) abort();
        }
        documents_close(reader);
    } else {
        got = -1;
    }
    inputs_free(&inputs);
    if (got < 0 && err_text()[0] == '\0') abort();
    remove(path);
    return 0;
}
