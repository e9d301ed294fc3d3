/* `memprobe complete`: continues a text with a model: greedily, by chance, or with a beam search. Each token is printed
 * as it comes; with --top a line a token instead, with the likeliest ones and their probabilities. */
#include "base/clock.h"
#include "base/err.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/num.h"
#include "cmd/verbs.h"
#include "model/beam.h"
#include "model/draw.h"
#include "model/model.h"
#include "par/par.h"
#include "tensor/math.h"
#include "text/tokenizer.h"
#include "text/utf8.h"
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TOP_LIMIT = 20, TOKENS_INITIAL = 32, BEAM_LIMIT = 64, SAMPLES_LIMIT = 10000 };

typedef struct {
    const char *model, *tokenizer, *kernels, *text;
    int64_t tokens, top, beam, samples; // tokens 0: as the context leaves room
    draw_spec_t draw;
    precision_t precision;
    int by_chance, help; // by_chance: drawn, not the likeliest
} options_t;

static void print_usage(FILE *out) {
    fprintf(
        out,
        "usage: memprobe complete --model DIR [options] \"text\"\n"
        "Continues the text; - reads it from standard input, every byte. DIR is a checkpoint folder. Without one of\n"
        "the options below the likeliest token is taken each time.\n"
        "  --tokenizer FILE tokenizer.json of the model (default: the one in DIR)\n"
        "  --tokens N       at most N tokens, fewer when the model ends the text (default %d, or what its context\n"
        "                   leaves room for)\n"
        "  --temperature T  draw tokens with weights exp(logit / T) (default 1 with an option of drawing; 0: greedy)\n"
        "  --top-k K        draw from the K likeliest only (0: from all)\n"
        "  --top-p P        draw from the fewest likeliest whose probabilities sum to P or more\n"
        "  --seed S         another seed, other draws (default 0); equal seeds give equal texts\n"
        "  --samples N      N continuations (default 1; at most %d), or the N best of a beam search\n"
        "  --beam B         beam search with B beams (1 to %d; 1: greedy), shown when it has ended\n"
        "  --top K          a line a token, with the K likeliest ones and their probabilities (1 to %d)\n"
        "  --precision P    fp32 (default) or bf16, at up to twice the rate\n"
        "  --kernels NAME   auto (default) or one of: %s\n"
        "  --help           this text\n",
        TOKENS_INITIAL, SAMPLES_LIMIT, BEAM_LIMIT, TOP_LIMIT, tensor_available());
}

static int parse_number(const char *name, const char *text, int64_t low, int64_t high, int64_t *value) {
    if (num_parse_i64(text, value) != 0) return err_context("--%s", name);
    if (*value < low || *value > high)
        return err_set("--%s is %lld, must be %lld to %lld", name, (long long)*value, (long long)low, (long long)high);
    return 0;
}

static int parse_drawing(int c, const char *text, options_t *options) {
    draw_spec_t *draw = &options->draw;
    int64_t seed;
    if (c == 'T') {
        if (num_parse_f64(text, &draw->temperature) != 0) return err_context("--temperature");
        if (draw->temperature < 0 || draw->temperature > 1e6)
            return err_set("--temperature is %s, must be 0 to 1e6", text);
    }
    if (c == 'K') TRY(parse_number("top-k", text, 0, INT32_MAX, &draw->top_k));
    if (c == 'P') {
        if (num_parse_f64(text, &draw->top_p) != 0) return err_context("--top-p");
        if (!(draw->top_p > 0) || draw->top_p > 1) return err_set("--top-p is %s, must be above 0 and at most 1", text);
    }
    if (c == 's') {
        TRY(parse_number("seed", text, 0, INT64_MAX, &seed));
        draw->seed = (uint64_t)seed;
    }
    options->by_chance = 1;
    return 0;
}

/* What goes together, and what of it is done. */
static int check_options(options_t *o) {
    if (o->model == NULL) return err_set("which model? Give --model DIR");
    if (par_launched() > 1)
        return err_set("complete runs on one rank: %d would all write the same; leave out mpirun", par_launched());
    if (o->draw.temperature == 0) {
        if (o->draw.top_k > 0 || o->draw.top_p < 1 || o->draw.seed > 0)
            return err_set(
                "--temperature 0 takes the likeliest token; nothing is drawn, leave out --top-k, --top-p and "
                "--seed");
        o->by_chance = 0;
    }
    if (o->beam > 1 && o->by_chance)
        return err_set("--beam searches and draws nothing; leave out --temperature, --top-k, --top-p and --seed");
    if (o->beam > 1 && o->top > 0) return err_set("--top shows the choice of each token; it does not go with --beam");
    if (o->beam > 1 && o->samples > o->beam)
        return err_set("--samples is %lld, a search of %lld beams ends with at most as many texts",
                       (long long)o->samples, (long long)o->beam);
    if (o->beam < 2 && o->samples > 1 && !o->by_chance)
        return err_set(
            "--samples %lld without drawing would give the same text each time; give --temperature or --beam",
            (long long)o->samples);
    return 0;
}

static int parse_options(int argc, char **argv, options_t *options) {
    static const struct option LONG[] = {
        {"model", required_argument, 0, 'm'},       {"tokenizer", required_argument, 0, 'z'},
        {"tokens", required_argument, 0, 'n'},      {"top", required_argument, 0, 't'},
        {"kernels", required_argument, 0, 'k'},     {"help", no_argument, 0, 'h'},
        {"temperature", required_argument, 0, 'T'}, {"top-k", required_argument, 0, 'K'},
        {"top-p", required_argument, 0, 'P'},       {"seed", required_argument, 0, 's'},
        {"beam", required_argument, 0, 'b'},        {"samples", required_argument, 0, 'S'},
        {"precision", required_argument, 0, 'p'},   {0, 0, 0, 0}};
    *options = (options_t){.kernels = "auto", .samples = 1, .draw = {1, 0, 1, 0}};
    uint64_t seen = 0;
    for (int c; (c = verb_option(argc, argv, LONG, &seen)) != -1;) {
        if (c == '?') return -1;
        if (c == 'm') options->model = optarg;
        if (c == 'z') options->tokenizer = optarg;
        if (c == 'k') options->kernels = optarg;
        if (c == 'h') options->help = 1;
        if (c == 'n') TRY(parse_number("tokens", optarg, 1, 1 << 24, &options->tokens));
        if (c == 't') TRY(parse_number("top", optarg, 1, TOP_LIMIT, &options->top));
        if (c == 'b') TRY(parse_number("beam", optarg, 1, BEAM_LIMIT, &options->beam));
        if (c == 'p') TRY(precision_find(optarg, &options->precision));
        if (c == 'S') TRY(parse_number("samples", optarg, 1, SAMPLES_LIMIT, &options->samples));
        if (c == 'T' || c == 'K' || c == 'P' || c == 's') TRY(parse_drawing(c, optarg, options));
    }
    if (options->help) return 0;
    TRY(check_options(options));
    if (optind + 1 != argc) return err_set("give one text to continue, in quotes, or - to read it from standard input");
    if (argv[optind][0] == '\0') return err_set("the text is empty: give one to continue, one word is enough");
    options->text = argv[optind];
    return 0;
}

/* Text that comes in pieces, for a terminal: a token may end inside a character, whose bytes wait for the rest of it.
 */
typedef struct {
    size_t held;
    char byte[3];
} stream_t;

static void stream_put(stream_t *stream, const char *text, size_t bytes) {
    size_t open;
    if (bytes <= 3) { // the character may have begun in an earlier piece
        char joined[6];
        memcpy(joined, stream->byte, stream->held);
        memcpy(joined + stream->held, text, bytes);
        bytes += stream->held;
        open = utf8_open((const uint8_t *)joined, bytes);
        fwrite(joined, 1, bytes - open, stdout);
        memcpy(stream->byte, joined + bytes - open, open);
    } else {
        open = utf8_open((const uint8_t *)text, bytes);
        fwrite(stream->byte, 1, stream->held, stdout);
        fwrite(text, 1, bytes - open, stdout);
        memcpy(stream->byte, text + bytes - open, open);
    }
    stream->held = open;
}

/* The end of a text: what is left is shown as it is. */
static void stream_end(stream_t *stream) {
    fwrite(stream->byte, 1, stream->held, stdout);
    stream->held = 0;
    putchar('\n');
}

/* A model's vocabulary may be larger than its tokenizer's; such an id has no text. */
static void stream_token(stream_t *stream, const tokenizer_t *tokenizer, int32_t token) {
    size_t bytes;
    char number[16];
    if (token >= tokenizer_vocab(tokenizer)) {
        stream_put(stream, number, (size_t)snprintf(number, sizeof number, "<%d>", token));
        return;
    }
    const char *text = tokenizer_text(tokenizer, token, &bytes);
    stream_put(stream, text, bytes);
}

/* The token's text in quotes, with control characters, quotes and what is no whole character escaped. */
static void print_quoted(const tokenizer_t *tokenizer, int32_t token) {
    size_t bytes;
    if (token >= tokenizer_vocab(tokenizer)) {
        printf("<%d>", token);
        return;
    }
    const char *text = tokenizer_text(tokenizer, token, &bytes);
    putchar('"');
    for (size_t i = 0, n; i < bytes; i += n) {
        int32_t code;
        n = utf8_next((const uint8_t *)text, i, bytes, &code);
        if (code == '"' || code == '\\')
            printf("\\%c", (char)code);
        else if (code == '\n')
            printf("\\n");
        else if (code < 32 || (code >= 127 && code < 160))
            for (size_t j = i; j < i + n; j++) printf("\\x%02x", (unsigned char)text[j]);
        else
            fwrite(text + i, 1, n, stdout);
    }
    putchar('"');
}

/* A text being continued. */
typedef struct {
    const options_t *options;
    const tokenizer_t *tokenizer;
    const model_spec_t *spec;
    session_t *session;
    int64_t tokens; // to come
    draw_t *draw;   // NULL: greedy
    uint32_t sample, step;

    /* Of the last row of logits. */
    int32_t token; // drawn, and its logit
    float logit;
    int64_t n_top;
    int32_t top[TOP_LIMIT];
    float top_logit[TOP_LIMIT];
} text_t;

static int read_logits(void *user, int64_t n, const int64_t *select, const row_t *rows, float *logits) {
    text_t *t = user;
    (void)n, (void)select, (void)rows; // one row
    t->n_top = draw_first(t->spec->vocab, logits, t->options->top, t->top, t->top_logit);
    if (t->draw == NULL || !tensor_is_finite(t->spec->vocab, logits)) return 0; // session_head says what is wrong
    t->token = draw_token(t->draw, logits, t->sample, t->step);
    t->logit = logits[t->token];
    return 0;
}

static void print_choice(const text_t *t, const char *mark, int32_t token, float logit, float lse) {
    fputs(mark, stdout);
    print_quoted(t->tokenizer, token);
    printf(" %.3g%%", 100 * math_exp64((double)logit - (double)lse));
}

/* The likeliest tokens with the model's own probabilities, those of temperature 1. A star marks the token drawn, which
 * need not be among them. */
static void print_line(const text_t *t, float lse) {
    int shown = t->draw == NULL;
    printf("%4lld  ", (long long)t->step + 1);
    for (int64_t i = 0; i < t->n_top; i++) {
        int drawn = t->draw != NULL && t->top[i] == t->token;
        shown |= drawn;
        fputs(i ? "  |  " : "", stdout);
        print_choice(t, drawn ? "*" : "", t->top[i], t->top_logit[i], lse);
    }
    if (!shown) print_choice(t, "  |  *", t->token, t->logit, lse);
    putchar('\n');
}

/* Sequence 0 holds the prompt but its last token `last`; one of several texts continues in sequence 1. */
static int generate(text_t *t, int32_t last, stream_t *stream) {
    const attachment_t attach = {.user = t, .logits = read_logits};
    const int32_t sequence = t->options->samples > 1;
    const int64_t one = 1, row = 0;
    if (sequence > 0) session_copy(t->session, 0, sequence);
    for (t->step = 0; t->step < t->tokens; t->step++) {
        head_stat_t stat;
        const attachment_t *reader = t->options->top > 0 || t->draw != NULL ? &attach : NULL;
        TRY(session_forward(t->session, 1, &sequence, &one, &last, NULL));
        TRY(session_head(t->session, 1, &row, NULL, reader, &stat));
        last = t->draw != NULL ? t->token : stat.argmax;
        if (t->options->top > 0) print_line(t, stat.lse);
        if (spec_is_end(&t->spec->ends, last)) break;
        if (t->options->top == 0) stream_token(stream, t->tokenizer, last);
        TRY(verb_flush());
    }
    return 0;
}

/* One or several continuations of the prompt ids (n), whose text is `text`. */
static int sample(const model_t *model, text_t *t, const char *text, size_t bytes, int64_t n, const int32_t *ids) {
    const options_t *o = t->options;
    const int64_t rows = n < SESSION_PROMPT ? n : SESSION_PROMPT;
    TRY(session_create(model, o->samples > 1 ? 2 : 1, n + t->tokens, rows, &t->session));
    if (o->by_chance) TRY(draw_create(&o->draw, t->spec->vocab, &t->draw));
    TRY(session_prompt(t->session, 0, n - 1, ids, 0));
    for (t->sample = 0; t->sample < o->samples; t->sample++) {
        stream_t stream = {.held = 0};
        if (o->samples > 1) printf("--- %lld\n", (long long)t->sample + 1);
        if (o->top == 0) stream_put(&stream, text, bytes);
        TRY(generate(t, ids[n - 1], &stream));
        if (o->top == 0) stream_end(&stream);
    }
    return 0;
}

/* The best texts of a beam search; with more than one, each below a line with its log-probability. */
static int search(const model_t *model, text_t *t, const char *text, size_t bytes, int64_t n, const int32_t *ids) {
    const options_t *o = t->options;
    const beam_text_t *found;
    beam_t *beam;
    TRY(beam_create(model, (int32_t)o->beam, n, t->tokens, &t->spec->ends, &beam));
    int32_t texts = beam_search(beam, n, ids, &found);
    for (int64_t i = 0; i < texts && i < o->samples; i++) {
        stream_t stream = {.held = 0};
        if (o->samples > 1)
            printf("--- %lld  log p %.3f, %lld tokens, %.3f a token\n", (long long)i + 1, found[i].log_p,
                   (long long)found[i].length, found[i].score);
        stream_put(&stream, text, bytes);
        for (int64_t j = 0; j < found[i].length && !spec_is_end(&t->spec->ends, found[i].token[j]); j++)
            stream_token(&stream, t->tokenizer, found[i].token[j]);
        stream_end(&stream);
    }
    beam_free(beam);
    return texts < 0 ? -1 : 0;
}

/* How many tokens are to follow the n of the text. */
static int count_tokens(const options_t *o, int64_t context, int64_t n, int64_t *tokens) {
    const int64_t room = context - n;
    if (n == 0) return err_set("the text has no tokens; there is nothing to continue");
    if (room < 1)
        return err_set(
            "the text has %lld tokens and the model a context of %lld: nothing can follow; give a shorter text",
            (long long)n, (long long)context);
    if (o->tokens > room)
        return err_set("%lld tokens of text and %lld to come exceed the model's context of %lld; give --tokens %lld or "
                       "fewer",
                       (long long)n, (long long)o->tokens, (long long)context, (long long)room);
    *tokens = o->tokens > 0 ? o->tokens : room < TOKENS_INITIAL ? room : TOKENS_INITIAL;
    return 0;
}

static int complete_with(const model_t *model, tokenizer_t *tokenizer, const options_t *options, const char *text,
                         size_t bytes) {
    const model_spec_t *spec = model_spec(model);
    text_t t = {.options = options, .tokenizer = tokenizer, .spec = spec};
    int32_t *ids = NULL;
    int64_t n = 0, capacity = 0;
    if (tokenizer_vocab(tokenizer) > spec->vocab)
        return err_set("the tokenizer has %d entries, the model's vocabulary %lld; they do not belong together",
                       tokenizer_vocab(tokenizer), (long long)spec->vocab);
    int rc = tokenizer_encode(tokenizer, text, bytes, &ids, &n, &capacity);
    if (rc == 0) rc = count_tokens(options, spec->context, n, &t.tokens);
    if (rc == 0) rc = (options->beam > 1 ? search : sample)(model, &t, text, bytes, n, ids);
    session_free(t.session);
    draw_free(t.draw);
    mem_free(ids);
    return rc;
}

/* Everything standard input has to say. */
static int read_stdin(char **text, size_t *bytes) {
    int64_t room = 0;
    *bytes = 0;
    do TRY(mem_grow(text, &room, (int64_t)*bytes + 4096, 1, "text"));
    while (!feof(stdin) && !ferror(stdin) && (*bytes += fread(*text + *bytes, 1, (size_t)room - *bytes, stdin)));
    if (ferror(stdin)) return err_set("standard input cannot be read");
    if (*bytes == 0) return err_set("standard input holds no text to continue");
    return 0;
}

static int load_tokenizer(const options_t *options, tokenizer_t **tokenizer) {
    if (options->tokenizer) return tokenizer_load(options->tokenizer, tokenizer);
    char *path = mem_printf("%s/tokenizer.json", options->model);
    int rc = path != NULL ? 0 : -1;
    if (rc == 0 && !file_exists(path))
        rc = err_set("%s: holds no tokenizer.json; give --tokenizer FILE, or make it of other files of the model by "
                     "transformers: AutoTokenizer.from_pretrained(DIR).save_pretrained(DIR)",
                     options->model);
    if (rc == 0) rc = tokenizer_load(path, tokenizer);
    mem_free(path);
    return rc;
}

static int check_folder(const char *dir) {
    struct stat info;
    if (stat(dir, &info) != 0)
        return err_set(
            "%s: there is no such folder; a model is a Hugging Face folder on this machine, with config.json "
            "and *.safetensors",
            dir);
    return S_ISDIR(info.st_mode) ? 0 : err_set("%s: is no folder; give the one that it is in", dir);
}

/* Someone who waits at a terminal is told what for. */
static int open_model(const options_t *options, const tensor_ops_t *ops, const model_t **model) {
    char bytes[NUM_TEXT];
    double start = clock_wall();
    TRY(model_open(options->precision, options->model, ops, model));
    const model_held_t held = model_held(*model);
    log_init(LOG_INFO, isatty(STDERR_FILENO), 0);
    log_info("%s: %.3g million parameters held as %s, %s; read and packed in %.3g s", options->model,
             1e-6 * (double)spec_parameters(model_spec(*model), 1), held.types,
             num_print_bytes(bytes, (double)held.bytes), clock_wall() - start);
    return 0;
}

static int complete(const options_t *options) {
    const tensor_ops_t *ops = tensor_kernels(options->kernels);
    const model_t *model = NULL;
    tokenizer_t *tokenizer = NULL;
    char *input = NULL;
    size_t bytes = strlen(options->text);
    int rc = ops != NULL ? check_folder(options->model) : -1;
    if (rc == 0) rc = load_tokenizer(options, &tokenizer);
    if (rc == 0 && strcmp(options->text, "-") == 0) rc = read_stdin(&input, &bytes);
    if (rc == 0) rc = open_model(options, ops, &model);
    if (rc == 0) rc = complete_with(model, tokenizer, options, input ? input : options->text, bytes);
    mem_free(input);
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
        return verb_end(0);
    }
    int rc = complete(&options);
    if (rc != 0) fflush(stdout); // the text up to the error comes before it
    return verb_end(rc);
}
