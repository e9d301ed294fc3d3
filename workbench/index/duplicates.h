/* The census of a whole corpus at several window lengths: how many windows occur how often, how much of the text lies
 * in them, and what the most frequent ones say. (The census behind a probe set is census.h: one length, and every
 * window is shown to the sampler.)
 *
 * duplicates.csv has a row for every length x bucket that some window falls into:
 *   length           tokens of a window
 *   bucket           index floor(4 log2 count) of the window's count
 *   dup_lo, dup_hi   the counts of the bucket, both included
 *   distinct         different windows with such a count
 *   windows          their counts, summed
 *   tokens           tokens of the corpus whose most frequent window (of those that hold the token) is in this bucket
 *   share            tokens of this bucket and all higher ones / tokens of the corpus: what part of the text lies in
 *                    some window that occurs dup_lo times or more. At dup_lo = 2 it is the share that is duplicated
 * Tokens of documents shorter than a window are in no row, but count as tokens of the corpus; end tokens are not
 * counted.
 *
 * top.csv lists the most frequent windows of each length, those with a count of 2 and more:
 *   length, rank     rank 1 is the most frequent; of equal counts, the one that stands first in the corpus
 *   occurrences      counted again by comparing tokens, in a pass of its own: no collision of fingerprints is in it
 *   documents        that hold it
 *   doc_id, source, offset   where it stands first; offset in tokens of its document
 *   text             the window as text. Bytes that are no UTF-8 (a window may begin or end inside a character) and NUL
 *                    become U+FFFD
 * A window that overlaps a listed one (both by their first places) is passed over: else the list would be one text,
 * shifted token by token.
 *
 * What a count is:
 *   overlapping = yes   every place where the window stands
 *   overlapping = no    places are taken from left to right within a document; one that overlaps the place taken before
 *                       it (it begins fewer than `length` tokens behind that place's begin) does not count. This is
 *                       the largest number of places that do not overlap
 *   per_document = yes  the number of documents that hold the window
 * Windows lie within one document.
 *
 * How it stays cheap: a window of 100 tokens can only occur twice where its first 50 do. So the lengths are counted in
 * rising order, and behind the first one only those windows are looked at that consist of windows which stood at more
 * than one position at the length before; the others stand at one, and need no table. What is known of each position is
 * a file of a byte a token (duplicates_private.h), not memory.
 *
 * One length takes as many rounds as the memory setting demands, one more pass over the corpus than rounds. A finished
 * round and a finished length leave a small file in the folder, so that an interrupted census goes on from there, with
 * any number of ranks. A small file, or the levels of a finished length, that changed in between is an error.
 * Nothing that is written depends on ranks or rounds. */
#ifndef MEMPROBE_DUPLICATES_H
#define MEMPROBE_DUPLICATES_H
#include "text/tokens.h"
#include <stdint.h>

typedef struct {
    int32_t n;             // lengths
    const int64_t *length; // (n) rising
    int32_t overlapping, per_document;
    int64_t top;    // windows listed a length, at most
    int64_t memory; // bytes a rank may use for counting
} duplicates_t;

/* Collective. Writes dir/duplicates.csv, dir/top.csv and dir/levels, which says of each position of the corpus how
 * often the window of the last length that begins there occurs: a byte, 0 for a window that stands there only, else 1 +
 * its bucket. tokenizer_path: a tokenizer.json, for the texts. */
int duplicates_run(const duplicates_t *spec, tokens_t *corpus, const char *tokenizer_path, const char *dir);

#endif
