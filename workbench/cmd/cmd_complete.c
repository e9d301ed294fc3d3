/* `memprobe complete`: continues a text with a model, greedily, and prints each token as it comes. With --top it prints
 * a line a token instead: the token, its log-probability, and the tokens that came next in the model's order. */
#include "base/err.h"
#include "base/mem.h"
#include "base/num.h"
#include "cmd/verbs.h"
#include "model/model.h"
#include "text/tokenizer.h"
#include <getopt.h>
#include <stdio.h>
#include <string.h>

enum { TOP_LIMIT = 20, TOKENS_INITIAL = 32 };

typedef struct {
    const char *model, *kernels, *text;
    int64_t tokens, top;
    int help;
} options_t;

static void print_usage(FILE *out) {
    fprintf(out,
            "usage: memprobe complete --model DIR [options] \"text\"\n"
            "Continues the text greedily. DIR is a checkpoint folder that also holds its tokenizer.json.\n"
            "  --tokens N      at most N tokens, fewer when the model ends the text (default %d)\n"
            "  --top K         a line a token, with the K likeliest ones and their log-probabilities (1 to %d)\n"
            "  --kernels NAME  auto (default) or one of: %s\n"
            "  --help          this text\n",
            TOKENS_INITIAL, TOP_LIMIT, tensor_available());
}

static int parse_number(const char *name, const char *text, int64_t high, int64_t *value) {
    TRY(num_parse_i64(text, value));
    if (*value < 1 || *value > high)
        return err_set("--%s is %lld, must be 1 to %lld", name, (long long)*value, (long long)high);
    return 0;
}

static int parse_options(int argc, char **argv, options_t *options) {
    static const struct option LONG[] = {{"model", required_argument, 0, 'm'}, {"tokens", required_argument, 0, 'n'},
                                         {"top", required_argument, 0, 't'},   {"kernels", required_argument, 0, 'k'},
                                         {"help", no_argument, 0, 'h'},        {0, 0, 0, 0}};
    *options = (options_t){.kernels = "auto", .tokens = TOKENS_INITIAL};
    opterr = 0;
    optind = 1;
    for (int c; (c = getopt_long(argc, argv, ":h", LONG, NULL)) != -1;) {
        if (c == ':') return err_set("%s needs a value", argv[optind - 1]);
        if (c == '?') return err_set("unknown option %s", argv[optind - 1]);
        if (c == 'm') options->model = optarg;
        if (c == 'k') options->kernels = optarg;
        if (c == 'h') options->help = 1;
        if (c == 'n') TRY(parse_number("tokens", optarg, 1 << 24, &options->tokens));
        if (c == 't') TRY(parse_number("top", optarg, TOP_LIMIT, &options->top));
    }
    if (options->help) return 0;
    if (options->model == NULL) return err_set("which model? Give --model DIR");
    if (optind + 1 != argc || argv[optind][0] == '\0') return err_set("give one text to continue, in quotes");
    options->text = argv[optind];
    return 0;
}

/* The first `top` tokens of one row of logits in the model's order: larger first, ties by smaller id. */
typedef struct {
    int64_t top, vocab;
    int32_t token[TOP_LIMIT];
    float logit[TOP_LIMIT];
} top_t;

static int keep_top(void *user, int64_t n, const int64_t *select, const row_t *rows, float *logits) {
    top_t *top = user;
    (void)n, (void)select, (void)rows; // one row
    int64_t held = 0;
    for (int64_t v = 0; v < top->vocab; v++) {
        int64_t at = held;
        while (at > 0 && logits[v] > top->logit[at - 1]) at--;
        if (at >= top->top) continue;
        held = held < top->top ? held + 1 : held;
        for (int64_t i = held - 1; i > at; i--) top->logit[i] = top->logit[i - 1], top->token[i] = top->token[i - 1];
        top->logit[at] = logits[v], top->token[at] = (int32_t)v;
    }
    return 0;
}

/* The token's text in quotes, with control characters and quotes escaped. A model's vocabulary may be larger than its
 * tokenizer's; such an id has no text. */
static int print_quoted(const tokenizer_t *tokenizer, int32_t token) {
    size_t bytes;
    if (token >= tokenizer_vocab(tokenizer)) return printf("<%d>", token) < 0;
    const char *text = tokenizer_text(tokenizer, token, &bytes);
    putchar('"');
    for (size_t i = 0; i < bytes; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c == '"' || c == '\\')
            printf("\\%c", c);
        else if (c == '\n')
            printf("\\n");
        else if (c < 32 || c == 127)
            printf("\\x%02x", c);
        else
            putchar(c);
    }
    putchar('"');
    return 0;
}

static int print_plain(const tokenizer_t *tokenizer, int32_t token) {
    size_t bytes;
    if (token >= tokenizer_vocab(tokenizer)) return printf("<%d>", token) < 0;
    const char *text = tokenizer_text(tokenizer, token, &bytes);
    fwrite(text, 1, bytes, stdout);
    return 0;
}

static int print_line(const tokenizer_t *tokenizer, int64_t step, const head_stat_t *stat, const top_t *top) {
    printf("%4lld  ", (long long)step + 1);
    for (int64_t i = 0; i < top->top && i < top->vocab; i++) {
        fputs(i ? "  |  " : "", stdout);
        TRY(print_quoted(tokenizer, top->token[i]));
        printf(" %.3f", (double)(top->logit[i] - stat->lse));
    }
    putchar('\n');
    return 0;
}

/* The prompt is fed in one piece, then a token at a time. */
static int generate(const model_t *model, const tokenizer_t *tokenizer, const options_t *options, int64_t prompt,
                    const int32_t *ids) {
    const model_spec_t *spec = model_spec(model);
    session_t *session;
    top_t top = {.top = options->top, .vocab = spec->vocab};
    const attachment_t attach = {.user = &top, .logits = keep_top};
    int32_t sequence = 0, next;
    int64_t n = prompt;
    TRY(session_create(model, 1, prompt + options->tokens, prompt, &session));
    int rc = 0;
    for (int64_t step = 0; step < options->tokens && rc == 0; step++, ids = &next, n = 1) {
        head_stat_t stat;
        int64_t last = n - 1;
        rc = session_forward(session, 1, &sequence, &n, ids, NULL);
        if (rc == 0) rc = session_head(session, 1, &last, NULL, options->top > 0 ? &attach : NULL, &stat);
        if (rc != 0) break;
        next = stat.argmax;
        if (options->top > 0) rc = print_line(tokenizer, step, &stat, &top);
        if (next == spec->end_token) break;
        if (options->top == 0) rc = print_plain(tokenizer, next);
        fflush(stdout);
    }
    session_free(session);
    return rc;
}

static int complete_with(const model_t *model, tokenizer_t *tokenizer, const options_t *options) {
    const model_spec_t *spec = model_spec(model);
    int32_t *ids = NULL;
    int64_t n = 0, capacity = 0;
    if (tokenizer_vocab(tokenizer) > spec->vocab)
        return err_set("the tokenizer has %d entries, the model's vocabulary %lld; they do not belong together",
                       tokenizer_vocab(tokenizer), (long long)spec->vocab);
    int rc = tokenizer_encode(tokenizer, options->text, strlen(options->text), &ids, &n, &capacity);
    if (rc == 0 && n + options->tokens > spec->context)
        rc = err_set("%lld tokens of text and %lld to come exceed the model's context of %lld; give a smaller --tokens",
                     (long long)n, (long long)options->tokens, (long long)spec->context);
    if (rc == 0) {
        if (options->top == 0) fputs(options->text, stdout);
        rc = generate(model, tokenizer, options, n, ids);
        if (options->top == 0) putchar('\n');
    }
    mem_free(ids);
    return rc;
}

static int complete(const options_t *options) {
    const tensor_ops_t *ops = tensor_kernels(options->kernels);
    model_t *model = NULL;
    tokenizer_t *tokenizer = NULL;
    char *path = mem_printf("%s/tokenizer.json", options->model);
    int rc = ops != NULL && path != NULL ? 0 : -1;
    if (rc == 0) rc = tokenizer_load(path, &tokenizer);
    if (rc == 0) rc = model_load(options->model, ops, &model);
    if (rc == 0) rc = complete_with(model, tokenizer, options);
    mem_free(path);
    tokenizer_free(tokenizer);
    model_free(model);
    return rc;
}

int cmd_complete(int argc, char **argv) {
    options_t options;
    if (parse_options(argc, argv, &options) != 0) {
        fprintf(stderr, "memprobe: error: %s\n", err_text());
        print_usage(stderr);
        return EXIT_MISUSE;
    }
    if (options.help) {
        print_usage(stdout);
        return 0;
    }
    if (complete(&options) != 0) {
        fflush(stdout);
        fprintf(stderr, "memprobe: error: %s\n", err_text());
        return EXIT_FAILED;
    }
    return fflush(stdout) == 0 ? 0 : EXIT_FAILED;
}
