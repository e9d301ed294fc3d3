/* Texts named on a command line, as documents: standard input, a file, or a list of inputs as text/input.h has it. */
#ifndef MEMPROBE_TEXTS_H
#define MEMPROBE_TEXTS_H
#include <stddef.h>
#include <stdint.h>

typedef struct texts texts_t;

/* Each word is "-" for standard input, the path of a file (JSON lines when it is named so, else text), or, when there
 * is no such file, [FORMAT:]PATTERN[:OPTION...]. by_line: documents are the lines of a text, not all of it; in a list
 * its own option split=line says so. */
int texts_open(char *const *word, int words, int by_line, texts_t **texts);
void texts_close(texts_t *texts); // accepts NULL

/* Parts are there to be dealt out: a slice of a large file of lines, or a file. A document belongs to the part in which
 * it starts. */
int64_t texts_parts(const texts_t *texts);
int texts_has_stdin(const texts_t *texts);

/* Calls fn for the documents of a part, in order; a text lives until fn returns. A file that is one plain text is
 * mapped and given as it is; all else is read a document at a time. */
typedef int (*texts_fn)(void *user, const char *text, size_t bytes);
int texts_each(const texts_t *texts, int64_t part, texts_fn fn, void *user);

#endif
