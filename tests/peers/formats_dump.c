/* The C half of formats.py: the documents of a list of inputs as lines "id TAB source TAB tokens", or their text's
 * length in place of tokens.
 *
 *     formats_dump LIST [BYTES]
 *
 * BYTES: read in parts of about so many, as ranks would. With --time in its place only the rate is printed. */
#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "text/documents.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    int quiet;
    int64_t documents, tokens;
    uint64_t sum;
} dump_t;

static void print_document(dump_t *dump, const document_t *d) {
    dump->documents++;
    dump->tokens += d->n;
    if (dump->quiet) {
        for (int64_t i = 0; i < d->n; i++) dump->sum += (uint64_t)d->tokens[i];
        return;
    }
    printf("%s\t%s\t", d->id, d->source);
    if (d->text) printf("%zu bytes", d->bytes);
    for (int64_t i = 0; i < d->n; i++) printf("%s%d", i > 0 ? " " : "", d->tokens[i]);
    putchar('\n');
}

static int dump_range(const input_t *input, int64_t first, int64_t last, dump_t *dump) {
    documents_t *reader;
    document_t d;
    TRY(documents_open(input, &reader));
    int rc = documents_range(reader, first, last);
    while (rc == 0 && (rc = documents_next(reader, &d)) == 1) {
        print_document(dump, &d);
        rc = 0;
    }
    documents_close(reader);
    return rc;
}

static int dump_parts(const inputs_t *inputs, int64_t part_bytes, dump_t *dump) {
    part_t *part;
    int64_t parts;
    TRY(inputs_cut(inputs, part_bytes, &part, &parts));
    int rc = 0;
    for (int64_t p = 0; rc == 0 && p < parts; p++) {
        for (int64_t i = 0; rc == 0 && i < part[p].inputs; i++) {
            const input_t *input = &inputs->input[part[p].input + i];
            int64_t first = part[p].inputs > 1 ? 0 : part[p].first,
                    last = part[p].inputs > 1 ? input->size : part[p].last;
            rc = dump_range(input, first, last, dump);
        }
    }
    mem_free(part);
    return rc;
}

int main(int argc, char **argv) {
    if (argc < 2 || argc > 3) {
        fprintf(stderr, "usage: formats_dump LIST [BYTES | --time]\n");
        return 2;
    }
    input_rules_t rules = input_rules_default();
    inputs_t inputs = {0};
    dump_t dump = {.quiet = argc == 3 && strcmp(argv[2], "--time") == 0};
    double start = clock_wall();
    int rc = inputs_open(argv[1], &rules, "formats_dump", &inputs);
    if (rc == 0) rc = dump_parts(&inputs, argc == 3 && !dump.quiet ? atoll(argv[2]) : 0, &dump);
    int64_t bytes = 0;
    for (int64_t i = 0; i < inputs.count; i++) bytes += inputs.input[i].bytes;
    inputs_free(&inputs);
    if (rc != 0) fprintf(stderr, "formats_dump: error: %s\n", err_text());
    double seconds = clock_wall() - start;
    if (rc == 0 && dump.quiet)
        printf("%lld documents, %lld tokens of sum %llu, %.3f GB in %.3f s: %.2f GB/s\n", (long long)dump.documents,
               (long long)dump.tokens, (unsigned long long)dump.sum, (double)bytes / 1e9, seconds,
               (double)bytes / 1e9 / seconds);
    return rc == 0 && fflush(stdout) == 0 ? 0 : 1;
}
