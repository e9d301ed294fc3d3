/* Pythia's pre-shuffled training data: records of 2049 u16 tokens in the order of training, without a header. They are
 * the documents here, for there are no marks of where texts end: the authors left them out. A window of a record may
 * cross a border of two texts that nobody can see; no window crosses a border of two records. */
#include "base/err.h"
#include "text/token_readers.h"

enum { RECORD = 2049 };

static int check(input_t *input) {
    if (input->record == 0) input->record = RECORD;
    input->width = 2;
    return token_check(input, input->record);
}

static int option(input_t *input, const char *text) {
    int rc = token_option_record(input, text);
    return rc != 0 ? rc : token_option_end(input, text);
}

static int explain(const input_t *input, FILE *out) {
    fprintf(
        out,
        "pre-shuffled records of Pythia\n  %lld records of %lld tokens of type u16; record r begins at byte %lld r\n",
        (long long)input->size, (long long)input->record, (long long)(2 * input->record));
    if (input->end < 0)
        fprintf(out,
                "  note: nothing marks where texts end; each record is taken as a document, and a window of it may "
                "cross a border of two texts\n");
    return 0;
}

const format_t format_pythia = {
    .name = "pythia",
    .unit = "records",
    .help = "record=N, end=N",
    .option = option,
    .check = check,
    .open = units_open_records,
    .range = token_range,
    .next = token_next,
    .close = token_close,
    .explain = explain,
};
