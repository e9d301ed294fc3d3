/* `memprobe count` and `memprobe locate`: how often spans of text or tokens stand in a corpus, and where. */
#include "base/csv.h"
#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "cmd/queries.h"
#include "cmd/verbs.h"
#include "index/lookup.h"
#include "par/par.h"
#include <stdio.h>
#include <string.h>

enum { BATCH_PLACES = 1 << 20, BATCH_MATCHES = 1 << 16 };

static const char count_help[] =
    "usage: memprobe count --corpus DIR [--tokenizer FILE] QUERY...\n"
    "       memprobe count --corpus DIR [--tokenizer FILE] --queries FILE.csv\n"
    "       memprobe count --corpus DIR --tokens \"ID ID ...\"...\n"
    "\n"
    "Prints query,occurrences,documents as CSV: how often each query stands in the corpus, overlapping ones counted, "
    "and\n"
    "in how many documents. The corpus needs its suffix index: memprobe index DIR. Runs under mpirun as well.\n"
    "\n"
    "A query is looked up as the tokens that it is encoded to: the same letters can be other tokens in the middle of "
    "a\n"
    "text, and in most vocabularies a word with a space before it is another token than without.\n"
    "\n"
    "  --corpus DIR      folder of token shards, or CACHE/ingest-... of a study\n"
    "  --tokenizer FILE  tokenizer.json (the one beside the corpus)\n"
    "  --tokens          queries are token ids, separated by spaces\n"
    "  --queries FILE    CSV (also .zst) with a column query, or tokens with --tokens; - is the standard input\n"
    "  --help            this text\n";

static const char locate_help[] =
    "usage: memprobe locate --corpus DIR [--tokenizer FILE] [--limit N] QUERY...\n"
    "       memprobe locate --corpus DIR [--tokenizer FILE] [--limit N] --queries FILE.csv\n"
    "       memprobe locate --corpus DIR [--tokenizer FILE] --longest [--least N] QUERY...\n"
    "\n"
    "Prints query,doc_id,source,offset as CSV: the documents and offsets (in tokens) where each query stands, in order "
    "of\n"
    "the corpus. With --longest a query is a text of any kind, and what is printed are the longest stretches of it "
    "that\n"
    "stand in the corpus word by word: query,start,length,occurrences,documents,doc_id,source,offset,text (start and "
    "length\n"
    "in tokens of the query; document and offset of the first occurrence). A stretch inside a longer one is left out.\n"
    "\n"
    "  --limit N         places a query, at most (1000); says on stderr when there are more\n"
    "  --longest         longest matches instead of places\n"
    "  --least N         tokens of a match, at least (8)\n"
    "  --corpus, --tokenizer, --tokens, --queries: as for memprobe count\n";

static int count(const query_options_t *o, query_corpus_t *c, const queries_t *q) {
    (void)o;
    int64_t *occurrences = mem_new(q->n, sizeof *occurrences, "counts");
    int64_t *documents = mem_new(q->n, sizeof *documents, "counts");
    csv_out_t *out;
    int rc = par_agree(occurrences && documents ? 0 : -1);
    if (rc == 0) rc = lookup_count(c->index, c->tokens, q->query, q->n, occurrences, documents);
    if (rc == 0 && par_rank() == 0) {
        rc = csv_open_stream(stdout, "standard output", "query,occurrences,documents", &out);
        for (int64_t i = 0; i < q->n && rc == 0; i++) {
            csv_text(out, q->name[i]);
            csv_i64(out, occurrences[i]);
            csv_i64(out, documents[i]);
            csv_end(out);
        }
        if (rc == 0) rc = csv_commit(out);
    }
    mem_free(occurrences);
    mem_free(documents);
    return rc;
}

/* The three fields of a place. */
static void put_place(csv_out_t *out, const query_corpus_t *c, int64_t position) {
    token_document_t d = tokens_document(c->tokens, tokens_document_at(c->tokens, position));
    csv_text(out, d.id);
    csv_text(out, d.source);
    csv_i64(out, position - d.first);
}

/* --- places ------------------------------------------------------------------------------------------------------- */

/* Collective: the places of queries first .. last-1; rank 0 prints. */
static int print_places(query_corpus_t *c, const queries_t *q, int64_t first, int64_t last, int64_t limit,
                        csv_out_t *out) {
    lookup_place_t *place = NULL;
    int64_t n = 0;
    TRY(lookup_places(c->index, q->query + first, last - first, limit, &place, &n));
    for (int64_t i = 0; i < n && out; i++) {
        csv_text(out, q->name[first + place[i].query]);
        put_place(out, c, place[i].position);
        csv_end(out);
    }
    mem_free(place);
    return 0;
}

/* Queries from `first` on whose places, as many as the ranks may find, fit in memory together. */
static int64_t batch_end(const int64_t *occurrences, int64_t first, int64_t n, int64_t limit) {
    int64_t last = first, places = 0;
    while (last < n && (last == first || places < BATCH_PLACES)) {
        int64_t of_query = occurrences[last++];
        places += of_query / par_size() <= limit ? of_query : limit * par_size();
    }
    return last;
}

/* Says what the limit left out. */
static void warn_of_more(const queries_t *q, const int64_t *occurrences, int64_t limit) {
    int64_t cut = 0, most = 0;
    for (int64_t i = 0; i < q->n; i++) {
        cut += occurrences[i] > limit;
        most = occurrences[i] > most ? occurrences[i] : most;
    }
    if (cut > 0)
        log_warn(
            "%lld of %lld queries stand in more than %lld places (one in %lld): only the first are printed; --limit N "
            "prints more",
            (long long)cut, (long long)q->n, (long long)limit, (long long)most);
}

static int locate(const query_options_t *o, query_corpus_t *c, const queries_t *q) {
    csv_out_t *out = NULL;
    const char *header = "query,doc_id,source,offset";
    int64_t *occurrences = mem_new(q->n, sizeof *occurrences, "counts");
    int rc = par_agree(occurrences ? 0 : -1);
    if (rc == 0) rc = lookup_count(c->index, c->tokens, q->query, q->n, occurrences, NULL);
    if (rc == 0) rc = par_agree(par_rank() == 0 ? csv_open_stream(stdout, "standard output", header, &out) : 0);
    for (int64_t i = 0, end; i < q->n && rc == 0; i = end) {
        end = batch_end(occurrences, i, q->n, o->limit);
        rc = print_places(c, q, i, end, o->limit, out);
    }
    if (rc == 0) warn_of_more(q, occurrences, o->limit);
    mem_free(occurrences);
    if (out && rc == 0) return csv_commit(out);
    csv_abort(out);
    return rc;
}

/* --- longest matches ---------------------------------------------------------------------------------------------- */

/* The matches of some queries, in their order. */
typedef struct {
    suffix_query_t *match;
    int64_t *query; // of each match
    int64_t n, matches_held, queries_held;
} matches_t;

static int keep_match(matches_t *m, suffix_query_t match, int64_t query) {
    TRY(mem_grow(&m->match, &m->matches_held, m->n + 1, sizeof *m->match, "longest matches"));
    TRY(mem_grow(&m->query, &m->queries_held, m->n + 1, sizeof *m->query, "longest matches"));
    m->match[m->n] = match;
    m->query[m->n++] = query;
    return 0;
}

/* Adds the matches of a query: starts whose match is not the rest of the one before. Collective. */
static int matches_of(query_corpus_t *c, const queries_t *queries, int64_t query, int64_t least, matches_t *m) {
    const suffix_query_t *q = &queries->query[query];
    int64_t *longest = mem_new(q->length, sizeof *longest, "longest matches");
    int rc = par_agree(longest ? 0 : -1);
    if (rc == 0) rc = lookup_longest(c->index, q->token, q->length, longest);
    for (int64_t i = 0; i < q->length && rc == 0; i++) {
        int is_rest = i > 0 && longest[i - 1] == longest[i] + 1;
        if (!is_rest && longest[i] >= least) rc = keep_match(m, (suffix_query_t){q->token + i, longest[i]}, query);
    }
    mem_free(longest);
    return par_agree(rc);
}

/* The text of a match; empty when queries are ids. */
static int put_text(csv_out_t *out, const query_corpus_t *c, const suffix_query_t *match) {
    char *text = NULL;
    size_t bytes;
    if (c->tokenizer) TRY(tokenizer_decode_inside(c->tokenizer, match->token, match->length, &text, &bytes));
    csv_text(out, text ? text : "");
    mem_free(text);
    return 0;
}

/* Collective; rank 0 prints. */
static int print_matches(query_corpus_t *c, const queries_t *q, const matches_t *m, csv_out_t *out) {
    int64_t *counts = mem_new(2 * m->n, sizeof *counts, "counts"), places = 0;
    lookup_place_t *place = NULL;
    int rc = par_agree(counts ? 0 : -1);
    if (rc == 0) rc = lookup_count(c->index, c->tokens, m->match, m->n, counts, counts + m->n);
    if (rc == 0) rc = lookup_places(c->index, m->match, m->n, 1, &place, &places);
    for (int64_t i = 0; i < m->n && rc == 0 && out; i++) {
        csv_text(out, q->name[m->query[i]]);
        csv_i64(out, m->match[i].token - q->query[m->query[i]].token);
        csv_i64(out, m->match[i].length);
        csv_i64(out, counts[i]);
        csv_i64(out, counts[m->n + i]);
        put_place(out, c, place[i].position);
        rc = put_text(out, c, &m->match[i]);
        csv_end(out);
    }
    mem_free(place);
    mem_free(counts);
    return par_agree(rc);
}

/* Matches of many queries are counted together, for to prepare the counting of documents costs as much as many counts.
 */
static int locate_longest(const query_options_t *o, query_corpus_t *c, const queries_t *q) {
    csv_out_t *out = NULL;
    matches_t m = {0};
    const char *header = "query,start,length,occurrences,documents,doc_id,source,offset,text";
    int rc = par_agree(par_rank() == 0 ? csv_open_stream(stdout, "standard output", header, &out) : 0);
    for (int64_t i = 0; i < q->n && rc == 0; i++) {
        rc = matches_of(c, q, i, o->least, &m);
        if (rc == 0 && (m.n >= BATCH_MATCHES || i + 1 == q->n)) {
            rc = print_matches(c, q, &m, out);
            m.n = 0;
        }
    }
    mem_free(m.match);
    mem_free(m.query);
    if (out && rc == 0) return csv_commit(out);
    csv_abort(out);
    return rc;
}

/* --- the verbs ---------------------------------------------------------------------------------------------------- */

typedef int answer_t(const query_options_t *o, query_corpus_t *c, const queries_t *q);

static int look_up(const query_options_t *o, answer_t *answer) {
    query_corpus_t corpus;
    queries_t queries = {0};
    int rc = query_corpus_open(o, &corpus);
    if (rc == 0) rc = queries_read(o, &corpus, &queries);
    if (rc == 0) rc = par_agree(answer(o, &corpus, &queries));
    queries_free(&queries);
    query_corpus_close(&corpus);
    return rc;
}

static int run(int argc, char **argv, const char *help, answer_t *answer, answer_t *longest) {
    query_options_t options;
    if (query_options_parse(argc, argv, &options) != 0) {
        fprintf(stderr, "memprobe %s: error: %s; see memprobe %s --help\n", argv[0], err_text(), argv[0]);
        return EXIT_MISUSE;
    }
    if (options.help) {
        fputs(help, stdout);
        return verb_end(0);
    }
    if (par_init(&argc, &argv) != 0) return EXIT_FAILED;
    log_init(LOG_WARN, par_rank() == 0, 0);
    int rc = look_up(&options, options.longest ? longest : answer);
    if (rc != 0 && par_rank() == 0) fprintf(stderr, "memprobe: error: %s\n", err_text());
    par_finalize();
    return rc == 0 ? 0 : EXIT_FAILED;
}

int cmd_count(int argc, char **argv) {
    return run(argc, argv, count_help, count, count);
}

int cmd_locate(int argc, char **argv) {
    return run(argc, argv, locate_help, locate, locate_longest);
}
