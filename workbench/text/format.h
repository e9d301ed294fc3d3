/* The table of foreign formats; one file format_*.c each. Private to text/.
 *
 * A reader gives the documents of an input that start inside a range of its units, in order and in bounded memory.
 * Contents are hostile: whatever a file holds, a reader answers with documents or with a message. */
#ifndef MEMPROBE_FORMAT_H
#define MEMPROBE_FORMAT_H
#include "text/documents.h"
#include "text/input.h"
#include <stdio.h>

struct format {
    const char *name; // as written before the colon
    const char *unit; // "bytes", "tokens", "records", "rows", "documents"
    const char *help; // one line
    /* Of formats in two files that the list names by PREFIX (or either file): what each adds to it, ".bin" and ".idx";
     * input_t path and second are filled in before check. Else NULL. */
    const char *ending, *second_ending;
    /* 1 when a file that nobody named is of this format; head: its first bytes, unpacked, at most 4096. May be NULL. */
    int (*sniff)(const char *path, const uint8_t *head, size_t bytes);
    /* An option of the list ("u16", "end=50256") into input: 1 taken, 0 not one of ours, -1 bad value. May be NULL.
     * The option's text lives as long as input: parts of it may be kept. */
    int (*option)(input_t *input, const char *option);
    int (*check)(input_t *input); // fills size, unit_bytes and what the head says; path is a regular file of bytes
    int (*open)(const input_t *input, void **reader);
    int (*range)(void *reader, int64_t first, int64_t last); // forward is cheap, also in a compressed stream
    int (*next)(void *reader, document_t *document);         // 1, 0 at the end of the range, -1
    void (*close)(void *reader);
    int (*explain)(const input_t *input, FILE *out); // for memprobe inspect: what it is, sizes, the first documents
};

extern const format_t format_jsonl, format_text, format_mmidx, format_pythia, format_nanogpt, format_llmc, format_olmo,
    format_tokens, format_npy;
extern const format_t *const formats[]; // NULL at the end

#endif
