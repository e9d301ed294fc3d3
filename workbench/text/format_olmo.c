/* OLMo's token files: u16 or u32 without a header, though they are named .npy, an end mark behind each document.
 * Neither type nor mark can be told from the file, and a wrong one gives tokens that look like any others; so both are
 * named. */
#include "base/err.h"
#include "text/npy.h"
#include "text/token_readers.h"

static int option(input_t *input, const char *text) {
    int rc = token_option_type(input, text);
    return rc != 0 ? rc : token_option_end(input, text);
}

static int check(input_t *input) {
    uint8_t head[16];
    int64_t bytes;
    TRY(token_head(input->path, head, sizeof head, &bytes));
    if (npy_is(head, (size_t)bytes))
        return err_set("%s: has the header of a NumPy array, which OLMo's files lack; use npy:%s", input->path,
                       input->path);
    if (input->is_signed || (input->width != 2 && input->width != 4))
        return err_set("%s: OLMo's files do not say their type; name it: olmo:%s:u16:end=N or :u32:end=N (u32 for "
                       "vocabularies above 65536)",
                       input->path, input->path);
    if (!input->end_given)
        return err_set("%s: OLMo's files do not say which token ends a document; name it: end=N (50279 for OLMo 1 and "
                       "Dolma, 100257 for OLMo 2; eos_token_id of the model) or end=none",
                       input->path);
    return token_check(input, 1);
}

static int open_reader(const input_t *input, void **reader) {
    return marks_open(input, 0, reader);
}

static int explain(const input_t *input, FILE *out) {
    fprintf(out, "tokens of OLMo\n  %lld tokens of type %s (as stated), without a header\n", (long long)input->size,
            token_type_name(input->width, input->is_signed));
    return 0;
}

const format_t format_olmo = {
    .name = "olmo",
    .unit = "tokens",
    .help = "u16 or u32, end=N or end=none",
    .option = option,
    .check = check,
    .open = open_reader,
    .range = token_range,
    .next = token_next,
    .close = token_close,
    .explain = explain,
};
