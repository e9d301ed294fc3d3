/* Options, corpus and queries of the verbs that look things up. */
#include "cmd/queries.h"
#include "base/csv.h"
#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/seal.h"
#include "cmd/verbs.h"
#include "par/par.h"
#include <string.h>

enum { LIMIT = 1000, LEAST = 8 };

/* --- options ------------------------------------------------------------------------------------------------------ */

static int positive(const char *option, const char *text, int64_t *value) {
    TRY(num_parse_i64(text, value));
    return *value > 0 ? 0 : err_set("--%s %s: give a number from 1", option, text);
}

static int check(const query_options_t *o) {
    if (!o->corpus) return err_set("--corpus is missing");
    if (!o->file && o->texts == 0) return err_set("nothing to look up: give a QUERY or --queries FILE.csv");
    if (o->file && o->texts > 0) return err_set("give either --queries FILE.csv or queries on the command line");
    return 0;
}

int query_options_parse(int argc, char **argv, query_options_t *o) {
    static const struct option known[] = {
        {"corpus", required_argument, NULL, 'c'},
        {"tokenizer", required_argument, NULL, 't'},
        {"queries", required_argument, NULL, 'q'},
        {"tokens", no_argument, NULL, 'i'},
        {"longest", no_argument, NULL, 'l'},
        {"limit", required_argument, NULL, 'n'},
        {"least", required_argument, NULL, 'm'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    *o = (query_options_t){.verb = argv[0], .limit = LIMIT, .least = LEAST};
    int is_count = strcmp(argv[0], "count") == 0;
    uint64_t seen = 0;
    for (int c; (c = verb_option(argc, argv, known, &seen)) != -1;) {
        if (c == '?') return -1;
        if (is_count && strchr("lnm", c)) return err_set("--longest, --least and --limit belong to memprobe locate");
        if (c == 'c') o->corpus = optarg;
        if (c == 't') o->tokenizer = optarg;
        if (c == 'q') o->file = strcmp(optarg, "-") == 0 ? "/dev/stdin" : optarg;
        if (c == 'i') o->tokens = 1;
        if (c == 'l') o->longest = 1;
        if (c == 'h') o->help = 1;
        if (c == 'n') TRY(positive("limit", optarg, &o->limit));
        if (c == 'm') TRY(positive("least", optarg, &o->least));
    }
    o->texts = argc - optind;
    o->text = argv + optind;
    return o->help ? 0 : check(o);
}

/* --- the corpus --------------------------------------------------------------------------------------------------- */

static int holds(const char *dir, const char *name) {
    char *path = mem_printf("%s/%s", dir, name);
    int found = path && file_exists(path);
    mem_free(path);
    return found;
}

char *query_corpus_dir(const char *path) {
    if (holds(path, "shards.csv")) return mem_strdup(path);
    if (holds(path, "members/shards.csv")) return mem_printf("%s/members", path);
    err_set("%s: neither a folder of token shards nor a stage's folder with one; give CACHE/ingest-... of a study",
            path);
    return NULL;
}

/* The tokenizer in a folder, which may be sealed. 1 when there is none. */
static int tokenizer_in(const char *dir, tokenizer_t **tokenizer) {
    if (!holds(dir, "tokenizer.json")) return 1;
    if (holds(dir, "sums")) TRY(seal_check(dir));
    char *path = mem_printf("%s/tokenizer.json", dir);
    int rc = path ? tokenizer_load(path, tokenizer) : -1;
    mem_free(path);
    return rc;
}

/* The tokenizer that was given, or the one beside the corpus or its folder. */
static int open_tokenizer(const query_options_t *o, const char *dir, tokenizer_t **tokenizer) {
    if (o->tokenizer) return tokenizer_load(o->tokenizer, tokenizer);
    char *above = mem_printf("%s/..", dir);
    int rc = above ? tokenizer_in(dir, tokenizer) : -1;
    if (rc == 1) rc = tokenizer_in(above, tokenizer);
    mem_free(above);
    if (rc != 1) return rc;
    return err_set("%s: no tokenizer.json beside it; give --tokenizer FILE, or ids with --tokens", dir);
}

static int open_all(const query_options_t *o, query_corpus_t *c) {
    c->dir = query_corpus_dir(o->corpus);
    if (!c->dir) return -1;
    c->index_dir = mem_printf("%s/suffix", c->dir);
    if (!c->index_dir) return -1;
    TRY(tokens_open(c->dir, &c->tokens));
    TRY(suffix_open(c->dir, c->index_dir, &c->index));
    if (o->tokens) return 0;
    TRY(open_tokenizer(o, c->dir, &c->tokenizer));
    if (tokenizer_vocab(c->tokenizer) == tokens_vocab(c->tokens)) return 0;
    return err_set("%s: its tokenizer has %d entries, the corpus a vocabulary of %d: they do not belong together",
                   o->corpus, tokenizer_vocab(c->tokenizer), tokens_vocab(c->tokens));
}

int query_corpus_open(const query_options_t *o, query_corpus_t *c) {
    *c = (query_corpus_t){0};
    return par_agree(open_all(o, c));
}

void query_corpus_close(query_corpus_t *c) {
    tokenizer_free(c->tokenizer);
    suffix_close(c->index);
    tokens_close(c->tokens);
    mem_free(c->index_dir);
    mem_free(c->dir);
}

/* --- queries ------------------------------------------------------------------------------------------------------ */

/* Tokens of all queries, one after the other; queries point into them once all are there. */
typedef struct {
    csv_t table;
    int32_t *ids;
    int64_t n, capacity;
} hidden_t;

static int parse_ids(const char *text, int32_t vocab, hidden_t *h) {
    for (const char *at = text + strspn(text, " \t"); *at; at += strspn(at, " \t")) {
        size_t digits = strspn(at, "0123456789");
        int64_t id = 0;
        for (size_t i = 0; i < digits && id <= INT32_MAX; i++) id = 10 * id + (at[i] - '0');
        if (digits == 0 || !strchr(" \t", at[digits]))
            return err_set("\"%s\": token ids are numbers with spaces", text);
        if (id >= vocab)
            return err_set("\"%s\": there is no token %.*s in a vocabulary of %d", text, (int)digits, at, vocab);
        TRY(mem_grow(&h->ids, &h->capacity, h->n + 1, sizeof *h->ids, "tokens of queries"));
        h->ids[h->n++] = (int32_t)id;
        at += digits;
    }
    return 0;
}

/* Names point to where they were read. */
static int add_query(const query_options_t *o, const query_corpus_t *c, char *text, queries_t *q) {
    hidden_t *h = q->hidden;
    int64_t before = h->n;
    if (o->tokens)
        TRY(parse_ids(text, tokens_vocab(c->tokens), h));
    else
        TRY(tokenizer_encode(c->tokenizer, text, strlen(text), &h->ids, &h->n, &h->capacity));
    if (h->n == before) return err_set("query %lld holds no token", (long long)q->n + 1);
    q->name[q->n] = text;
    q->query[q->n++].length = h->n - before;
    return 0;
}

static int read_all(const query_options_t *o, const query_corpus_t *c, queries_t *q) {
    hidden_t *h = q->hidden;
    int32_t column = 0;
    int64_t n = o->texts;
    if (o->file) {
        TRY(csv_read(o->file, &h->table));
        TRY(csv_column(&h->table, o->tokens ? "tokens" : "query", &column));
        n = h->table.rows;
    }
    q->name = mem_new(n, sizeof *q->name, "queries");
    q->query = mem_new(n, sizeof *q->query, "queries");
    if (!q->name || !q->query) return -1;
    for (int64_t i = 0; i < n; i++) {
        if (add_query(o, c, o->file ? h->table.field[i * h->table.columns + column] : o->text[i], q) != 0)
            return o->file ? err_context("%s: row %lld", o->file, (long long)i + 1) : -1;
    }
    return 0;
}

/* Rank 0 reads, for only it may have the file or the standard input; the others get the tokens from it. */
static int share(queries_t *q) {
    hidden_t *h = q->hidden;
    int64_t sizes[] = {q->n, h->n};
    par_broadcast(sizes, sizeof sizes, 0);
    int rc = 0;
    if (par_rank() != 0) {
        q->query = mem_new(sizes[0], sizeof *q->query, "queries");
        rc = q->query ? mem_grow(&h->ids, &h->capacity, sizes[1], sizeof *h->ids, "tokens of queries") : -1;
    }
    TRY(par_agree(rc));
    q->n = sizes[0];
    h->n = sizes[1];
    par_broadcast(q->query, (size_t)q->n * sizeof *q->query,
                  0); // the lengths; where tokens are, each rank knows itself
    par_broadcast(h->ids, (size_t)h->n * sizeof *h->ids, 0);
    for (int64_t i = 0, at = 0; i < q->n; at += q->query[i++].length) q->query[i].token = h->ids + at;
    return 0;
}

int queries_read(const query_options_t *o, const query_corpus_t *c, queries_t *q) {
    *q = (queries_t){.hidden = mem_new(1, sizeof(hidden_t), "queries")};
    int rc = q->hidden ? 0 : -1;
    if (rc == 0 && par_rank() == 0) rc = read_all(o, c, q);
    TRY(par_agree(rc));
    return share(q);
}

void queries_free(queries_t *q) {
    hidden_t *h = q->hidden;
    mem_free(q->name);
    mem_free(q->query);
    if (h) {
        csv_free(&h->table);
        mem_free(h->ids);
    }
    mem_free(h);
}
