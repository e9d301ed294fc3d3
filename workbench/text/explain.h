/* What `memprobe inspect` says of a foreign file: its format by its own words, then what its first documents are. */
#ifndef MEMPROBE_EXPLAIN_H
#define MEMPROBE_EXPLAIN_H
#include "text/input.h"
#include <stdio.h>

/* Local. Reads at most about the first 64 MiB of documents, and says so where there are more. */
int input_explain(const input_t *input, FILE *out);

#endif
