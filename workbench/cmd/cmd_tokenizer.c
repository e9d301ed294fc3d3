/* `memprobe tokenizer`: encode, decode and train from the command line, for pipes and for comparison with other
 * implementations. */
#include "base/clock.h"
#include "base/err.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/num.h"
#include "cmd/verbs.h"
#include "par/par.h"
#include "text/documents.h"
#include "text/tokenizer.h"
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char help[] =
    "usage: memprobe tokenizer encode --tokenizer FILE [--lines] [--count] [INPUT|-]\n"
    "       memprobe tokenizer decode --tokenizer FILE [--lines] [INPUT|-]\n"
    "       memprobe tokenizer train --vocab N --out FILE [--memory BYTES] INPUT...\n"
    "\n"
    "encode prints the ids of each document on a line, separated by spaces. A document is the whole input; with\n"
    "--lines each line of it (without its newline); in a file whose name ends in .jsonl or .jsonl.zst each \"text\".\n"
    "decode is the inverse: it writes the text of each line of ids; with --lines, each followed by a newline.\n"
    "train learns a byte-level BPE vocabulary of N entries and writes it as tokenizer.json; under mpirun the ranks "
    "share\n"
    "the inputs. Words that find no room in memory go to $TMPDIR (/tmp) for a while.\n"
    "\n"
    "  --tokenizer FILE  a byte-level BPE tokenizer.json\n"
    "  --lines           documents are lines\n"
    "  --count           print only the number of tokens and the rate of encoding, MB/s\n"
    "  --vocab N         entries: <|endoftext|>, the 256 bytes, and N - 257 merged tokens\n"
    "  --memory BYTES    that a rank may use for training (1G)\n"
    "  --out FILE        where the trained tokenizer.json goes\n"
    "  --help            this text\n"
    "INPUT - or none is standard input, plain text. Special tokens written out in a text are encoded as such.\n";

enum { LEAST_MEMORY = 1000000 };

typedef struct {
    const char *tokenizer, *out;
    int64_t vocab, memory;
    int lines, count;
    int inputs;
    char **input;
} options_t;

/* --- inputs ------------------------------------------------------------------------------------------------------ */

typedef int document_fn(void *state, const char *text, size_t bytes);

static int ends_with(const char *text, const char *end) {
    size_t n = strlen(text), m = strlen(end);
    return n >= m && strcmp(text + n - m, end) == 0;
}

static int each_line(const char *text, size_t bytes, document_fn *fn, void *state) {
    for (size_t at = 0; at < bytes;) {
        const char *newline = memchr(text + at, '\n', bytes - at);
        size_t n = newline ? (size_t)(newline - text) - at : bytes - at;
        TRY(fn(state, text + at, n));
        at += n + 1;
    }
    return 0;
}

static int each_in_text(const char *text, size_t bytes, int lines, document_fn *fn, void *state) {
    return lines ? each_line(text, bytes, fn, state) : fn(state, text ? text : "", bytes);
}

static int each_of_stdin(int lines, document_fn *fn, void *state) {
    char *text = NULL;
    int64_t capacity = 0;
    size_t bytes = 0, got;
    int rc = 0;
    do {
        TRY_GOTO(mem_grow(&text, &capacity, (int64_t)bytes + 65536, 1, "standard input"), end);
        got = fread(text + bytes, 1, (size_t)capacity - bytes, stdin);
        bytes += got;
    } while (got > 0);
    if (ferror(stdin)) TRY_GOTO(err_set("standard input: %s", strerror(errno)), end);
    rc = each_in_text(text, bytes, lines, fn, state);
end:
    mem_free(text);
    return rc;
}

static int each_of_jsonl(const char *path, document_fn *fn, void *state) {
    documents_t *reader = NULL;
    document_t document;
    input_rules_t rules = input_rules_default();
    inputs_t inputs;
    int got;
    TRY(inputs_open_file(path, "jsonl", &rules, &inputs));
    int rc = documents_open(&inputs.input[0], &reader);
    while (rc == 0 && (got = documents_next(reader, &document)) != 0) {
        rc = got < 0 ? -1 : fn(state, document.text, document.bytes);
    }
    documents_close(reader);
    inputs_free(&inputs);
    return rc;
}

/* Calls fn for every document of an input. */
static int each_document(const char *path, int lines, document_fn *fn, void *state) {
    if (strcmp(path, "-") == 0) return each_of_stdin(lines, fn, state);
    if (ends_with(path, ".jsonl") || ends_with(path, ".jsonl.zst")) return each_of_jsonl(path, fn, state);
    file_map_t map;
    TRY(file_map(path, &map));
    int rc = each_in_text((const char *)map.data, map.size, lines, fn, state);
    file_unmap(&map);
    return rc;
}

/* --- encode ------------------------------------------------------------------------------------------------------ */

typedef struct {
    tokenizer_t *tokenizer;
    int32_t *ids;
    int64_t capacity, tokens, bytes;
    double seconds;
    int count;
} encode_t;

static void print_ids(const int32_t *ids, int64_t n) {
    for (int64_t i = 0; i < n; i++) {
        char digits[12];
        int at = sizeof digits;
        int32_t id = ids[i];
        do digits[--at] = (char)('0' + id % 10);
        while ((id /= 10) > 0);
        if (i > 0) putchar_unlocked(' ');
        fwrite(digits + at, 1, sizeof digits - (size_t)at, stdout);
    }
    putchar_unlocked('\n');
}

static int encode_document(void *state, const char *text, size_t bytes) {
    encode_t *e = state;
    int64_t n = 0;
    double start = clock_wall();
    TRY(tokenizer_encode(e->tokenizer, text, bytes, &e->ids, &n, &e->capacity));
    e->seconds += clock_wall() - start;
    e->tokens += n;
    e->bytes += (int64_t)bytes;
    if (!e->count) print_ids(e->ids, n);
    return 0;
}

static int run_encode(const options_t *o) {
    encode_t e = {.count = o->count};
    TRY(tokenizer_load(o->tokenizer, &e.tokenizer));
    int rc = each_document(o->inputs ? o->input[0] : "-", o->lines, encode_document, &e);
    if (rc == 0 && o->count) {
        double rate = e.seconds > 0 ? 1e-6 * (double)e.bytes / e.seconds : 0;
        printf("%lld tokens, %.1f MB/s\n", (long long)e.tokens, rate);
    }
    mem_free(e.ids);
    tokenizer_free(e.tokenizer);
    return rc;
}

/* --- decode ------------------------------------------------------------------------------------------------------ */

typedef struct {
    const tokenizer_t *tokenizer;
    int32_t *ids;
    int64_t capacity, line;
    int lines;
} decode_t;

/* The next id in text[*at ...); 1 when there is one, 0 at the end. */
static int next_id(const char *text, size_t bytes, size_t *at, int32_t *id) {
    while (*at < bytes && (text[*at] == ' ' || text[*at] == '\t' || text[*at] == '\r')) ++*at;
    if (*at == bytes) return 0;
    int64_t value = 0;
    size_t from = *at;
    for (; *at < bytes && text[*at] >= '0' && text[*at] <= '9' && value <= INT32_MAX; ++*at) {
        value = 10 * value + (text[*at] - '0');
    }
    int is_end = *at == bytes || text[*at] == ' ' || text[*at] == '\t' || text[*at] == '\r';
    if (*at == from || !is_end || value > INT32_MAX) return err_set("byte %zu: not a token id", from + 1);
    *id = (int32_t)value;
    return 1;
}

static int decode_line(void *state, const char *text, size_t bytes) {
    decode_t *d = state;
    int64_t n = 0;
    int32_t id = 0;
    size_t at = 0, decoded_bytes;
    int got;
    char *decoded;
    d->line++;
    while ((got = next_id(text, bytes, &at, &id)) > 0) {
        TRY(mem_grow(&d->ids, &d->capacity, n + 1, sizeof *d->ids, "token ids"));
        d->ids[n++] = id;
    }
    if (got < 0 || tokenizer_decode(d->tokenizer, d->ids, n, &decoded, &decoded_bytes) != 0) {
        return err_context("line %lld", (long long)d->line);
    }
    fwrite(decoded, 1, decoded_bytes, stdout);
    mem_free(decoded);
    if (d->lines) putchar_unlocked('\n');
    return 0;
}

static int run_decode(const options_t *o) {
    tokenizer_t *tokenizer;
    TRY(tokenizer_load(o->tokenizer, &tokenizer));
    decode_t d = {.tokenizer = tokenizer, .lines = o->lines};
    int rc = each_document(o->inputs ? o->input[0] : "-", 1, decode_line, &d);
    mem_free(d.ids);
    tokenizer_free(tokenizer);
    return rc;
}

/* --- train ------------------------------------------------------------------------------------------------------- */

static int train_document(void *state, const char *text, size_t bytes) {
    return bpe_trainer_add(state, text, bytes);
}

/* Inputs are dealt to the ranks. */
static int train_on_inputs(const options_t *o, par_tickets_t *tickets, bpe_trainer_t *trainer) {
    for (int64_t i; (i = par_tickets_next(tickets)) >= 0;) {
        TRY(par_tickets_end(tickets, each_document(o->input[i], o->lines, train_document, trainer)));
    }
    return 0;
}

static int train_on_ranks(const options_t *o) {
    bpe_trainer_t *trainer = NULL;
    par_tickets_t *tickets = NULL;
    const char *scratch = getenv("TMPDIR");
    int rc = par_agree(bpe_trainer_create(o->memory, scratch ? scratch : "/tmp", &trainer));
    if (rc == 0) rc = par_tickets_create(o->inputs, &tickets);
    if (rc == 0) {
        rc = par_agree(train_on_inputs(o, tickets, trainer));
        par_tickets_free(tickets);
    }
    if (rc == 0) rc = bpe_trainer_write(trainer, (int32_t)o->vocab, o->out);
    bpe_trainer_free(trainer);
    return rc;
}

/* A failure that all ranks meet is told by rank 0. */
static int run_train(const options_t *o) {
    TRY(par_init(NULL, NULL));
    log_init(LOG_WARN, par_rank() == 0, isatty(STDERR_FILENO));
    int rc = train_on_ranks(o), speaks = par_rank() == 0;
    par_finalize();
    if (rc != 0 && !speaks) exit(EXIT_FAILED);
    return rc;
}

/* --- command line ------------------------------------------------------------------------------------------------ */

static int misuse(const char *what) {
    fprintf(stderr, "memprobe tokenizer: error: %s; see memprobe tokenizer --help\n", what);
    return EXIT_MISUSE;
}

static const struct {
    const char *name;
    int (*run)(const options_t *options);
    int is_train;
} actions[] = {{"encode", run_encode, 0}, {"decode", run_decode, 0}, {"train", run_train, 1}};
enum { ACTIONS = sizeof actions / sizeof actions[0] };

/* 0, or -1 with a message. */
static int parse_options(int argc, char **argv, options_t *o, int *wants_help) {
    static const struct option known[] = {
        {"tokenizer", required_argument, NULL, 't'},
        {"out", required_argument, NULL, 'o'},
        {"vocab", required_argument, NULL, 'v'},
        {"memory", required_argument, NULL, 'm'},
        {"lines", no_argument, NULL, 'l'},
        {"count", no_argument, NULL, 'c'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    opterr = 0;
    optind = 1;
    for (int c; (c = getopt_long(argc, argv, ":h", known, NULL)) != -1;) {
        if (c == 't') o->tokenizer = optarg;
        if (c == 'o') o->out = optarg;
        if (c == 'l') o->lines = 1;
        if (c == 'c') o->count = 1;
        if (c == 'h') *wants_help = 1;
        if (c == 'v') {
            TRY(num_parse_i64(optarg, &o->vocab));
            if (o->vocab < 1 || o->vocab > INT32_MAX) return err_set("--vocab %s is out of range", optarg);
        }
        if (c == 'm') {
            TRY(num_parse_i64(optarg, &o->memory));
            if (o->memory < LEAST_MEMORY) return err_set("--memory %s: less than 1M", optarg);
        }
        if (c == ':') return err_set("%s needs a value", argv[optind - 1]);
        if (c == '?') return err_set("there is no option %s", argv[optind - 1]);
    }
    o->inputs = argc - optind;
    o->input = argv + optind;
    return 0;
}

static int check_options(options_t *o, int is_train) {
    if (is_train) {
        if (!o->vocab || !o->out) return err_set("train needs --vocab and --out");
        if (o->inputs == 0) return err_set("train needs at least one INPUT");
        if (!o->memory) o->memory = 1 << 30;
        if (o->tokenizer || o->count) return err_set("train takes neither --tokenizer nor --count");
        return 0;
    }
    if (!o->tokenizer) return err_set("--tokenizer is missing");
    if (o->vocab || o->out || o->memory) return err_set("--vocab, --memory and --out belong to train");
    if (o->inputs > 1) return err_set("one INPUT at a time");
    return 0;
}

int cmd_tokenizer(int argc, char **argv) {
    options_t o = {0};
    int wants_help = argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0);
    int action = 0;
    if (!wants_help) {
        if (argc < 2) return misuse("encode, decode or train?");
        while (action < ACTIONS && strcmp(actions[action].name, argv[1]) != 0) action++;
        if (action == ACTIONS) return misuse("the first word is none of encode, decode, train");
        if (parse_options(argc - 1, argv + 1, &o, &wants_help) != 0) return misuse(err_text());
    }
    if (!wants_help && check_options(&o, actions[action].is_train) != 0) return misuse(err_text());
    if (wants_help) fputs(help, stdout);
    int rc = wants_help ? 0 : actions[action].run(&o);
    if (rc == 0 && (fflush(stdout) != 0 || ferror(stdout))) rc = err_set("standard output: %s", strerror(errno));
    if (rc != 0) fprintf(stderr, "memprobe: error: %s\n", err_text());
    return rc == 0 ? 0 : EXIT_FAILED;
}
