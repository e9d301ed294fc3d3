/* How easy a window is without having memorized it: its description length, in 64ths of a bit. From left to right, a
 * token is either spelled, at -log2 of its share of the training text, or it and its followers are copied from earlier
 * in the window, at the log2 of how many places there are and of how many tokens it is; each step costs a bit that says
 * which. (A parse as of Ziv and Lempel 1977, longest match first, with the prices of a unigram model.) Frequent words,
 * repetition and lists make windows cheap, as they make them easy for any model.
 *
 * In integers throughout, so it is the same on any machine; nothing of it depends on how often the window itself
 * occurs, but through the shares of its tokens. */
#ifndef MEMPROBE_MATCH_H
#define MEMPROBE_MATCH_H
#include "text/tokens.h"
#include <stdint.h>

enum { MATCH_BIT = 64 };

/* Collective: the price of each token, spelled, (vocab); mem_free. */
int match_prices(tokens_t *corpus, int32_t **price);
int64_t match_length(const int32_t *price, const int32_t *token, int64_t n); // local: of a window
int64_t match_log2(uint64_t x);                                              // of x >= 1, rounded down

/* Local: gives each of n members, in order, the candidate nearest to it in value, of the first each * (i + 1) ones for
 * member i, that none before it was given; the smaller of two as near. given[i]: its index, -1 if there is none. What a
 * member is given does not depend on those behind it. */
int match_nearest(const int64_t *member, int64_t n, const int64_t *candidate, int64_t candidates, int64_t each,
                  int64_t *given);

#endif
