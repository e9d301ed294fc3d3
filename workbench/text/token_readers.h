/* What the readers of tokenized formats share; private to text/. Two ways to find documents in a file of tokens:
 *
 * marks  A stream of tokens in which a mark stands behind each document, or (llm.c) before each.
 * units  Records, rows or documents of an index, each found by its number. A mark inside of one ends a document too.
 *
 * In both a mark ends the document before it and is no part of any; two marks in a row hold an empty document; tokens
 * behind the last mark are a document. Where marks lead, each of them begins a document, the last one too. */
#ifndef MEMPROBE_TOKEN_READERS_H
#define MEMPROBE_TOKEN_READERS_H
#include "text/format.h"
#include "text/token_file.h"

/* Options, in the manner of format_t.option. */
int token_option_type(input_t *input, const char *option);   // u8 i8 u16 ... u64
int token_option_end(input_t *input, const char *option);    // end=N, end=none
int token_option_record(input_t *input, const char *option); // record=N
/* Nonnegative value of an option NAME=N; 1, 0 when the option is another, -1. */
int token_option_number(const char *option, const char *name, int64_t least, int64_t *value);

/* First bytes of a file: at most `most`, *bytes of them. */
int token_head(const char *path, uint8_t *head, int64_t most, int64_t *bytes);
/* Sets size, and with it unit_bytes, of a file of tokens in units of `record` tokens from byte input->data on. */
int token_check(input_t *input, int64_t record);
/* Refuses an end mark that no token of the file's type can be. */
int token_check_end(const input_t *input);
/* Most tokens of a document: the limit bounds what it takes in memory, whatever its width in the file. */
int64_t token_most(const input_t *input);
/* The message for a document of so many tokens that is larger than the limit; 0 when it is not. */
int token_limit(const input_t *input, const char *what, int64_t number, int64_t tokens);

/* Both kinds of readers begin with this, so that a format may give one or the other; token_range, token_next and
 * token_close are the format's. */
typedef struct {
    int (*range)(void *reader, int64_t first, int64_t last);
    int (*next)(void *reader, document_t *document);
    void (*close)(void *reader);
} token_reader_t;
int token_range(void *reader, int64_t first, int64_t last);
int token_next(void *reader, document_t *document);
void token_close(void *reader);

/* Marks. leads: they stand before the documents. */
int marks_open(const input_t *input, int leads, void **reader);

/* Units. load gives the tokens of one: it says how many there are by units_room, and fills them in. */
typedef struct units units_t;
typedef int units_load_t(void *own, units_t *units, int64_t unit);
/* own: the format's, released by `release` (also when opening fails). count: of units. */
int units_open(const input_t *input, int64_t count, units_load_t *load, void *own, void (*release)(void *own),
               void **reader);
int units_room(units_t *units, int64_t unit, int64_t n, int32_t **tokens); // refuses more than the limit

/* Records of input->record tokens from input->data on. */
int units_open_records(const input_t *input, void **reader);

#endif
