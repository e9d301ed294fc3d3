/* `memprobe tokenizer`: encode, decode and train from the command line, for pipes and for comparison with other
 * implementations. */
#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/num.h"
#include "cmd/texts.h"
#include "cmd/verbs.h"
#include "par/par.h"
#include "text/tokenizer.h"
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char help[] =
    "usage: memprobe tokenizer encode --tokenizer FILE [--lines] [--count] [INPUT|-]\n"
    "       memprobe tokenizer decode --tokenizer FILE [--lines] [IDS|-]\n"
    "       memprobe tokenizer train --vocab N --out FILE [--lines] [--memory BYTES] INPUT...\n"
    "\n"
    "encode prints the ids of each document on a line, separated by spaces, as the library tokenizers gives them with\n"
    "add_special_tokens=False. Special tokens written out in a text are encoded as such.\n"
    "A byte order mark at the start of a file is no text, here as in a study.\n"
    "decode is the inverse: it writes the text of each line of ids; with --lines, each followed by a newline.\n"
    "train learns a byte-level BPE vocabulary of N entries and writes it as tokenizer.json. Under mpirun the ranks "
    "share\n"
    "the inputs. Words that find no room in memory go to $TMPDIR (/tmp) for a while.\n"
    "\n"
    "  --tokenizer FILE  a tokenizer.json: byte-level BPE, or SentencePiece-style BPE as Llama-2's\n"
    "  --lines           documents are lines (without LF or CRLF)\n"
    "  --count           print only the number of tokens and the rate of encoding, MB/s\n"
    "  --vocab N         entries: <|endoftext|>, the 256 bytes, and N - 257 merged tokens\n"
    "  --memory BYTES    that a rank may use for training (1G)\n"
    "  --out FILE        where the trained tokenizer.json goes\n"
    "  --help            this text\n"
    "\n"
    "INPUT is a file or a list as in [corpus] documents: [FORMAT:]PATTERN[:OPTION...], separated by commas; - or none "
    "is\n"
    "standard input. Files may be packed by gzip or zstd. A document is a \"text\" of a file of JSON lines, which is "
    "told\n"
    "by its name (.jsonl, .ndjson, .json), and else the whole file or, with --lines or the option split=line, each "
    "line.\n"
    "Lines are read one at a time, however many there are. IDS is plain text.\n";

enum { LEAST_MEMORY = 1000000 };

typedef struct {
    const char *tokenizer, *out;
    int64_t vocab, memory;
    int lines, count;
    int inputs;
    char **input;
} options_t;

/* --- encode ------------------------------------------------------------------------------------------------------ */

typedef struct {
    tokenizer_t *tokenizer;
    int64_t tokens, bytes;
    double seconds;
    int count;
    int is_inside; // of a line of ids
} encode_t;

static int print_ids(void *state, const int32_t *ids, int64_t n) {
    encode_t *e = state;
    for (int64_t i = 0; i < n; i++) {
        char digits[12];
        int at = sizeof digits;
        int32_t id = ids[i];
        do digits[--at] = (char)('0' + id % 10);
        while ((id /= 10) > 0);
        if (e->is_inside) putchar_unlocked(' ');
        e->is_inside = 1;
        fwrite(digits + at, 1, sizeof digits - (size_t)at, stdout);
    }
    return 0;
}

static int count_ids(void *state, const int32_t *ids, int64_t n) {
    (void)ids;
    ((encode_t *)state)->tokens += n;
    return 0;
}

static int encode_document(void *state, const char *text, size_t bytes) {
    encode_t *e = state;
    double start = clock_wall();
    TRY(tokenizer_encode_each(e->tokenizer, text, bytes, e->count ? count_ids : print_ids, e));
    e->seconds += clock_wall() - start;
    e->bytes += (int64_t)bytes;
    if (!e->count) putchar_unlocked('\n');
    e->is_inside = 0;
    return ferror(stdout) ? verb_flush() : 0; // which says why
}

static char standard_input[] = "-", *const only_standard_input[] = {standard_input};

static int run_encode(const options_t *o) {
    encode_t e = {.count = o->count};
    texts_t *texts = NULL;
    int rc = tokenizer_load(o->tokenizer, &e.tokenizer);
    if (rc == 0) rc = texts_open(o->inputs > 0 ? o->input : only_standard_input, 1, o->lines, &texts);
    for (int64_t i = 0; rc == 0 && i < texts_parts(texts); i++) rc = texts_each(texts, i, encode_document, &e);
    if (rc == 0 && o->count) {
        double rate = e.seconds > 0 ? 1e-6 * (double)e.bytes / e.seconds : 0;
        printf("%lld tokens, %.1f MB/s\n", (long long)e.tokens, rate);
    }
    texts_close(texts);
    tokenizer_free(e.tokenizer);
    return rc;
}

/* --- decode ------------------------------------------------------------------------------------------------------ */

enum { RUN = 4096 }; // ids that are decoded at a time

typedef struct {
    const tokenizer_t *tokenizer;
    FILE *in;
    int32_t ids[RUN];
    int64_t n;          // of them that wait
    int64_t line, byte; // where we are, from 1
    int is_inside;      // what waits goes on with a text
} decode_t;

/* Writes what waits. Only the start of a text needs more than one token at a time: there spaces may be dropped. */
static int decode_run(decode_t *d) {
    char *text;
    size_t bytes;
    for (int64_t i = 0; d->is_inside && i < d->n; i++) {
        if (d->ids[i] >= tokenizer_vocab(d->tokenizer)) {
            return err_set("token id %d is outside the vocabulary of %d entries", d->ids[i],
                           tokenizer_vocab(d->tokenizer));
        }
        const char *token = tokenizer_text(d->tokenizer, d->ids[i], &bytes);
        fwrite(token, 1, bytes, stdout);
    }
    if (!d->is_inside) {
        TRY(tokenizer_decode(d->tokenizer, d->ids, d->n, &text, &bytes));
        fwrite(text, 1, bytes, stdout);
        mem_free(text);
    }
    d->is_inside = 1;
    d->n = 0;
    return ferror(stdout) ? verb_flush() : 0; // which says why
}

static int next_char(decode_t *d) {
    d->byte++;
    return getc_unlocked(d->in);
}

/* One line of ids. 1 when there was one, 0 at the end. */
static int decode_line(decode_t *d) {
    int c = next_char(d);
    if (c == EOF) return 0;
    d->n = d->is_inside = 0;
    while (c != '\n' && c != EOF) {
        if (c == ' ' || c == '\t' || c == '\r') {
            c = next_char(d);
            continue;
        }
        int64_t value = 0, from = d->byte;
        for (; c >= '0' && c <= '9' && value <= INT32_MAX; c = next_char(d)) value = 10 * value + (c - '0');
        int is_end = c == EOF || c == '\n' || c == ' ' || c == '\t' || c == '\r';
        if (d->byte == from || !is_end || value > INT32_MAX)
            return err_set("byte %lld: not a token id", (long long)from);
        if (d->n == RUN) TRY(decode_run(d));
        d->ids[d->n++] = (int32_t)value;
    }
    TRY(decode_run(d));
    return 1;
}

static int decode_lines(decode_t *d, int lines) {
    for (int got = 1; got > 0;) {
        d->line++;
        d->byte = 0;
        got = decode_line(d);
        if (got < 0) return err_context("line %lld", (long long)d->line);
        if (got > 0 && lines) putchar_unlocked('\n');
    }
    return 0;
}

static int run_decode(const options_t *o) {
    tokenizer_t *tokenizer;
    const char *path = o->inputs > 0 && strcmp(o->input[0], "-") != 0 ? o->input[0] : NULL;
    TRY(tokenizer_load(o->tokenizer, &tokenizer));
    decode_t d = {.tokenizer = tokenizer, .in = path ? fopen(path, "r") : stdin};
    int rc = d.in ? decode_lines(&d, o->lines) : err_set("%s: cannot open: %s", path, strerror(errno));
    if (rc == 0 && ferror(d.in)) rc = err_set("%s: cannot read", path ? path : "standard input");
    if (path && d.in) fclose(d.in);
    tokenizer_free(tokenizer);
    return rc;
}

/* --- train ------------------------------------------------------------------------------------------------------- */

static int train_document(void *state, const char *text, size_t bytes) {
    return bpe_trainer_add(state, text, bytes);
}

/* Parts of the inputs are dealt to the ranks; what is learned does not depend on who got which. */
static int train_on_parts(const texts_t *texts, par_tickets_t *tickets, bpe_trainer_t *trainer) {
    for (int64_t i; (i = par_tickets_next(tickets)) >= 0;) {
        TRY(par_tickets_end(tickets, texts_each(texts, i, train_document, trainer)));
    }
    return 0;
}

static int open_texts(const options_t *o, texts_t **texts) {
    TRY(texts_open(o->input, o->inputs, o->lines, texts));
    if (!texts_has_stdin(*texts) || par_size() == 1) return 0;
    return err_set("standard input reaches one rank only: train on it without mpirun, or from a file");
}

static int train_on_ranks(const options_t *o) {
    bpe_trainer_t *trainer = NULL;
    par_tickets_t *tickets = NULL;
    texts_t *texts = NULL;
    const char *scratch = getenv("TMPDIR");
    int rc = par_agree(open_texts(o, &texts));
    if (rc == 0) rc = par_agree(bpe_trainer_create(o->memory, scratch ? scratch : "/tmp", &trainer));
    if (rc == 0) rc = par_tickets_create(texts_parts(texts), &tickets);
    if (rc == 0) {
        rc = par_agree(train_on_parts(texts, tickets, trainer));
        par_tickets_free(tickets);
    }
    if (rc == 0) rc = bpe_trainer_write(trainer, (int32_t)o->vocab, o->out);
    bpe_trainer_free(trainer);
    texts_close(texts);
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
    uint64_t seen = 0;
    for (int c; (c = verb_option(argc, argv, known, &seen)) != -1;) {
        if (c == '?') return -1;
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
    if (par_launched() > 1)
        return err_set("encode and decode run on one rank: %d would all write the same; leave out mpirun",
                       par_launched());
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
    return verb_end(wants_help ? 0 : actions[action].run(&o));
}
