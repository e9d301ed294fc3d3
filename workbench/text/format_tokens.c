/* Raw tokens of any integer type. The type is named, and so is how documents are found: end=N, a mark behind each;
 * record=N, each N tokens are one; end=none, the file is one. */
#include "base/err.h"
#include "text/npy.h"
#include "text/token_readers.h"

static int option(input_t *input, const char *text) {
    int rc = token_option_type(input, text);
    if (rc == 0) rc = token_option_end(input, text);
    return rc != 0 ? rc : token_option_record(input, text);
}

static int check(input_t *input) {
    uint8_t head[16];
    int64_t bytes;
    TRY(token_head(input->path, head, sizeof head, &bytes));
    if (npy_is(head, (size_t)bytes))
        return err_set("%s: has the header of a NumPy array; use npy:%s", input->path, input->path);
    if (input->width == 0)
        return err_set("%s: raw tokens do not say their type; name it: tokens:%s:u16:end=N (u8 i8 u16 i16 u32 i32 u64 "
                       "i64)",
                       input->path, input->path);
    if (!input->end_given && input->record == 0)
        return err_set("%s: raw tokens do not say where documents end; name it: end=N (a mark behind each), record=N "
                       "(N tokens each) or end=none (the file is one)",
                       input->path);
    return token_check(input, input->record > 0 ? input->record : 1);
}

static int open_reader(const input_t *input, void **reader) {
    return input->record > 0 ? units_open_records(input, reader) : marks_open(input, 0, reader);
}

static int explain(const input_t *input, FILE *out) {
    const char *type = token_type_name(input->width, input->is_signed);
    fprintf(out, "raw tokens\n");
    if (input->record > 0)
        fprintf(out, "  %lld records of %lld tokens of type %s (as stated), without a header\n", (long long)input->size,
                (long long)input->record, type);
    else
        fprintf(out, "  %lld tokens of type %s (as stated), without a header\n", (long long)input->size, type);
    return 0;
}

const format_t format_tokens = {
    .name = "tokens",
    .unit = "tokens",
    .help = "u8 i8 u16 i16 u32 i32 u64 or i64, and end=N, record=N or end=none",
    .option = option,
    .check = check,
    .open = open_reader,
    .range = token_range,
    .next = token_next,
    .close = token_close,
    .explain = explain,
};
