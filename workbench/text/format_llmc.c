/* llm.c's token files: a header of 256 int32 (magic, version, number of tokens), then the tokens; u16 of GPT-2 or u32
 * of Llama 3. Its scripts put the end mark before each document, so a file holds what follows a mark; what stands
 * before the first mark is the rest of a document that began in the file before. */
#include "base/err.h"
#include "base/file.h"
#include "text/bytes.h"
#include "text/token_readers.h"

enum { HEADER = 1024 };

static const struct {
    int32_t magic, version, width;
    int64_t end;
    const char *model;
} kinds[] = {{20240520, 1, 2, 50256, "GPT-2"}, {20240801, 7, 4, 128000, "Llama 3"}};
enum { KINDS = sizeof kinds / sizeof *kinds, EVAL_MAGIC = 20240522, TOKENIZER_MAGIC = 20240328 };

static int find_kind(int32_t magic) {
    int kind = 0;
    while (kind < KINDS && kinds[kind].magic != magic) kind++;
    return kind;
}

static int sniff(const char *path, const uint8_t *head, size_t bytes) {
    (void)path;
    if (bytes < 12) return 0;
    int32_t magic = (int32_t)bytes_get_u32(head);
    return find_kind(magic) < KINDS || magic == EVAL_MAGIC || magic == TOKENIZER_MAGIC;
}

static int read_header(const input_t *input, int *kind, int64_t *tokens) {
    uint8_t head[HEADER];
    int64_t bytes;
    TRY(token_head(input->path, head, HEADER, &bytes));
    if (bytes < HEADER) return err_set("%s: %lld bytes, fewer than the header of llm.c", input->path, (long long)bytes);
    int32_t magic = (int32_t)bytes_get_u32(head), version = (int32_t)bytes_get_u32(head + 4);
    *tokens = (int32_t)bytes_get_u32(head + 8);
    *kind = find_kind(magic);
    if (magic == EVAL_MAGIC) return err_set("%s: llm.c's multiple-choice questions, not training data", input->path);
    if (magic == TOKENIZER_MAGIC) return err_set("%s: llm.c's tokenizer, not training data", input->path);
    if (*kind == KINDS)
        return err_set("%s: begins with %d; llm.c's tokens begin with 20240520 (GPT-2) or 20240801 (Llama 3)",
                       input->path, magic);
    if (version != kinds[*kind].version)
        return err_set("%s: version %d of llm.c's tokens of %s; known is %d", input->path, version, kinds[*kind].model,
                       kinds[*kind].version);
    return 0;
}

static int check(input_t *input) {
    int kind;
    int64_t tokens;
    TRY(read_header(input, &kind, &tokens));
    if (!input->end_given) input->end = kinds[kind].end;
    input->width = kinds[kind].width;
    input->data = HEADER;
    TRY(token_check(input, 1));
    if (input->size == tokens) return 0;
    return err_set("%s: %lld tokens, but its header says %lld: the file is cut off or damaged", input->path,
                   (long long)input->size, (long long)tokens);
}

static int open_reader(const input_t *input, void **reader) {
    return marks_open(input, 1, reader);
}

static int explain(const input_t *input, FILE *out) {
    int kind;
    int64_t tokens;
    TRY(read_header(input, &kind, &tokens));
    fprintf(out, "tokens of llm.c\n  magic %d, version %d (%s): %lld tokens of type %s behind a header of 1024 bytes\n",
            kinds[kind].magic, kinds[kind].version, kinds[kind].model, (long long)tokens,
            token_type_name(input->width, 0));
    return 0;
}

const format_t format_llmc = {
    .name = "llmc",
    .unit = "tokens",
    .help = "end=N or end=none",
    .sniff = sniff,
    .option = token_option_end,
    .check = check,
    .open = open_reader,
    .range = token_range,
    .next = token_next,
    .close = token_close,
    .explain = explain,
};
