/* The suffix index of a token corpus: how often, and where, any span of tokens occurs, in time that hardly depends on
 * the size of the corpus.
 *
 * The corpus is cut into blocks of whole documents; each has a file with its tokens and the order of its suffixes.
 * Counts are sums over blocks. No span reaches across the end of a document: what stands there is no token. Overlapping
 * occurrences count.
 *
 *     dir/BLOCK.sfx    block 0, 1, ... (suffix_file.h)
 *     dir/DONE
 *
 * Files are mapped. Every 64 KiB of them is checked when it is first touched, so a search in a large index reads little
 * and still sees any changed bit of what it reads. */
#ifndef MEMPROBE_SUFFIX_H
#define MEMPROBE_SUFFIX_H
#include "text/tokens.h"
#include <stdint.h>

enum { SUFFIX_BLOCK_MOST = 1 << 30 };
/* Collective: blocks are dealt to ranks; a block that is there already is kept. block_tokens: tokens a block, at most
 * (a longer document has a block of its own); building takes 8 bytes of memory a token, and up to 6 for tables of what
 * the text does not repeat; the index 4 bytes beside the 2 or 4 of the token. */
int suffix_build(tokens_t *corpus, const char *corpus_dir, int64_t block_tokens, const char *dir);

typedef struct suffix suffix_t;
/* Local. An index of another corpus than the one in corpus_dir is refused. */
int suffix_open(const char *corpus_dir, const char *dir, suffix_t **index);
void suffix_close(suffix_t *index); // accepts NULL
int32_t suffix_blocks(const suffix_t *index);
int32_t suffix_vocab(const suffix_t *index);
/* The positions of the corpus that a block holds: first .. first+tokens-1. */
void suffix_span(const suffix_t *index, int32_t block, int64_t *first, int64_t *tokens);

typedef struct {
    const int32_t *token;
    int64_t length; // at least 1
} suffix_query_t;
/* Suffixes low .. high-1 of a block begin with the query: high - low occurrences. */
typedef struct {
    int64_t low, high;
} suffix_range_t;
/* Local: the ranges of n queries in a block, many searches under way at once. */
int suffix_find(suffix_t *index, int32_t block, const suffix_query_t *query, int64_t n, suffix_range_t *range);
/* Local: where suffixes low .. low+n-1 of a block stand, as positions of the corpus, in the order of the suffixes. */
int suffix_positions(suffix_t *index, int32_t block, int64_t low, int64_t n, int64_t *position);

/* Local: for each start i of text, how many tokens from there on stand somewhere in the block (longest[i]), and one
 * position of the corpus where they do (at[i], -1 if none). */
int suffix_longest(suffix_t *index, int32_t block, const int32_t *text, int64_t n, int64_t *longest, int64_t *at);

#endif
