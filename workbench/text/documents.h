/* Documents of foreign files: one reader for all formats of text/input.h, one document at a time, in bounded memory.
 *
 * JSON lines: one object a line; fields are named by input_rules_t, and null is as good as absent. The text must be
 * there and may be empty. An id is text or an integer, of which the digits are kept as they are written; it is not
 * empty. A source that is empty is none. Ids and sources hold no NUL, texts may (as \u0000). Other fields are passed
 * over. What is not an object by the letter of RFC 8259 is an error with file, line and column: an empty line too,
 * bytes that are not UTF-8, half of a surrogate pair in \u escapes, a wanted key that is there twice, more than 1024
 * objects and arrays inside each other.
 *
 * Text: each file is a document, an empty one too; or each line, an empty one too, without its line end. It is taken as
 * the bytes it is, valid UTF-8 or not, NUL too.
 *
 * In both, LF or CRLF ends a line, and the last one need not be ended; a byte order mark at the start of the file is
 * dropped, elsewhere it is text (and no JSON). Packing (zstd, gzip) is told by the first bytes; a packed file that is
 * cut, damaged, or followed by anything else is an error, and so is a file that is called .zst or .gz and is not
 * packed so (what is left of a broken transfer), and one that has become shorter since it was listed.
 *
 * Tokens: as in the file; marks between documents are not part of them.
 *
 * A document larger than the limit is an error that names the setting; memory is that limit and a constant. */
#ifndef MEMPROBE_DOCUMENTS_H
#define MEMPROBE_DOCUMENTS_H
#include "text/input.h"
#include <stddef.h>
#include <stdint.h>

typedef struct {
    const char *id;        // as in the file, else NAME@WHERE: the unit where the document starts, and +TOKENS when it
                           // starts behind a mark inside of a record, row or document of an index
    const char *source;    // "" when neither the file nor the list names one
    const char *text;      // may hold NUL; NULL: a document of tokens
    size_t bytes;          // of text
    const int32_t *tokens; // NULL: a document of text
    int64_t n;             // tokens
} document_t;              // all of it lives until the next call

typedef struct documents documents_t;
int documents_open(const input_t *input, documents_t **reader);        // the whole input, unless a range is set
int documents_range(documents_t *reader, int64_t first, int64_t last); // those that start in units [first, last)
int documents_next(documents_t *reader, document_t *document);         // 1, 0 at the end, -1 on error (place named)
void documents_close(documents_t *reader);                             // accepts NULL

#endif
