/* nanoGPT's train.bin and val.bin: u16 tokens without a header, GPT-2's end mark 50256 behind each document. Data
 * without marks (its characters of Shakespeare) are read with end=none, as one document. llm.c calls its files the
 * same; their header, read as text, would be a document of its own. */
#include "base/err.h"
#include "text/token_readers.h"

enum { GPT2_END = 50256 };

static int check(input_t *input) {
    uint8_t head[16];
    int64_t bytes;
    TRY(token_head(input->path, head, sizeof head, &bytes));
    if (format_llmc.sniff(input->path, head, (size_t)bytes))
        return err_set("%s: has the header of llm.c, which nanoGPT's files lack; use llmc:%s", input->path,
                       input->path);
    if (!input->end_given) input->end = GPT2_END;
    input->width = 2;
    return token_check(input, 1);
}

static int open_reader(const input_t *input, void **reader) {
    return marks_open(input, 0, reader);
}

static int explain(const input_t *input, FILE *out) {
    fprintf(out, "tokens of nanoGPT\n  %lld tokens of type u16, without a header\n", (long long)input->size);
    return 0;
}

const format_t format_nanogpt = {
    .name = "nanogpt",
    .unit = "tokens",
    .help = "end=N or end=none",
    .option = token_option_end,
    .check = check,
    .open = open_reader,
    .range = token_range,
    .next = token_next,
    .close = token_close,
    .explain = explain,
};
