/* Options and checks that the tokenized formats share; see token_readers.h. */
#include "base/err.h"
#include "base/file.h"
#include "base/num.h"
#include "text/token_readers.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

int token_option_type(input_t *input, const char *option) {
    const token_type_t *type = token_type_named(option);
    if (!type) return 0;
    input->width = type->width;
    input->is_signed = type->is_signed;
    return 1;
}

int token_option_number(const char *option, const char *name, int64_t least, int64_t *value) {
    size_t length = strlen(name);
    if (strncmp(option, name, length) != 0 || option[length] != '=') return 0;
    if (num_parse_i64(option + length + 1, value) != 0) return err_context("%s", name);
    if (*value < least || *value > INT32_MAX)
        return err_set("%s is %lld; it may be %lld .. 2147483647", name, (long long)*value, (long long)least);
    return 1;
}

int token_option_end(input_t *input, const char *option) {
    if (strcmp(option, "end=none") == 0) {
        input->end = -1;
        input->end_given = 1;
        return 1;
    }
    int rc = token_option_number(option, "end", 0, &input->end);
    if (rc == 1) input->end_given = 1;
    return rc;
}

int token_option_record(input_t *input, const char *option) {
    return token_option_number(option, "record", 1, &input->record);
}

int token_head(const char *path, uint8_t *head, int64_t most, int64_t *bytes) {
    TRY(file_size(path, bytes));
    if (*bytes > most) *bytes = most;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return err_set("%s: cannot open: %s", path, strerror(errno));
    int rc = token_file_bytes(fd, path, 0, head, *bytes);
    close(fd);
    return rc;
}

int token_check_end(const input_t *input) {
    int bits = 8 * input->width - (input->is_signed != 0);
    if (input->end < 0 || bits >= 31 || input->end < INT64_C(1) << bits) return 0;
    return err_set("%s: end=%lld is no %s token: is the type right?", input->path, (long long)input->end,
                   token_type_name(input->width, input->is_signed));
}

int token_check(input_t *input, int64_t record) {
    token_file_t file;
    TRY(token_check_end(input));
    TRY(token_file_open(input->path, input->data, input->width, input->is_signed, &file));
    int64_t n = file.n;
    token_file_close(&file);
    if (n % record != 0)
        return err_set("%s: %lld tokens are no whole number of records of %lld: the file is cut off, or its records "
                       "have another length (record=N)",
                       input->path, (long long)n, (long long)record);
    input->size = n / record;
    input->unit_bytes = record * input->width;
    return 0;
}

int64_t token_most(const input_t *input) {
    return input->rules->document_limit / (int64_t)sizeof(int32_t);
}

int token_limit(const input_t *input, const char *what, int64_t number, int64_t tokens) {
    if (tokens <= token_most(input)) return 0;
    return err_set("%s: %s %lld has more than %lld tokens, more than [run] memory has room for%s", input->path, what,
                   (long long)number, (long long)token_most(input),
                   input->end >= 0 ? ": is end right? Else raise it" : ": raise it, or name the mark by end=N");
}
