/* What `memprobe count` and `memprobe locate` are asked: spans of tokens, from the command line or a CSV file, and the
 * corpus that they are asked of. */
#ifndef MEMPROBE_QUERIES_H
#define MEMPROBE_QUERIES_H
#include "index/suffix.h"
#include "text/tokenizer.h"
#include "text/tokens.h"
#include <stdint.h>

typedef struct {
    const char *verb;                      // for messages
    const char *corpus, *tokenizer, *file; // --corpus, --tokenizer, --queries; NULL: not given
    int tokens;                            // --tokens: queries are ids separated by spaces
    int longest;                           // locate --longest
    int64_t limit, least;                  // locate --limit, --least
    int help, texts;                       // texts: how many queries the command line has
    char **text;
} query_options_t;
/* 0, or -1 with a message about misuse. */
int query_options_parse(int argc, char **argv, query_options_t *options);

/* The corpus of --corpus: a folder of token shards, or a stage's folder with one in members/, and the index in it. */
typedef struct {
    char *dir, *index_dir;
    tokens_t *tokens;
    suffix_t *index;
    tokenizer_t *tokenizer; // NULL with --tokens
} query_corpus_t;
/* Collective. Also when it fails, release with query_corpus_close. */
int query_corpus_open(const query_options_t *options, query_corpus_t *corpus);
void query_corpus_close(query_corpus_t *corpus);
char *query_corpus_dir(const char *path); // the folder with the shards; mem_free

typedef struct {
    int64_t n;
    char **name; // (n) as given; on rank 0
    suffix_query_t *query;
    void *hidden;
} queries_t;
/* Collective. Every query must hold at least one token of the vocabulary. Also when it fails, queries_free. */
int queries_read(const query_options_t *options, const query_corpus_t *corpus, queries_t *queries);
void queries_free(queries_t *queries);

#endif
