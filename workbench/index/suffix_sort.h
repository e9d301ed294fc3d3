/* Suffix sorting of integer strings by induced sorting (Nong, Zhang and Chan, DCC 2009), linear in time whatever the
 * text repeats. Private to index/. */
#ifndef MEMPROBE_SUFFIX_SORT_H
#define MEMPROBE_SUFFIX_SORT_H
#include "index/suffix.h"

/* Sorts the suffixes of text[0 .. n-1], symbols 0 .. symbols-1, 0 < n <= SUFFIX_BLOCK_MOST: order[i] is where the i-th
 * smallest starts; a suffix that is the beginning of another comes before it. order has room for n. Beside it, memory
 * for 3 integers a symbol, or as many for each different LMS substring of the text: less than 1.5 a token. */
int suffix_sort(const int32_t *text, int64_t n, int64_t symbols, int32_t *order);

#endif
