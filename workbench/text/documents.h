/* Documents of foreign files: one reader for all formats of text/input.h, one document at a time, in bounded memory.
 *
 * JSON lines: one object a line; fields are named by input_rules_t. The text must be there and may be empty; an id is
 * text or an integer; other fields are passed over. Text: the file, or each line of it without its line end. In both,
 * CRLF ends a line as LF does and a byte order mark at the start of the file is dropped. JSON that is not an object by
 * the letter is an error with file and line: an empty line, bytes that are not UTF-8, a wanted key given twice. Text is
 * taken as the bytes it is, valid UTF-8 or not, NUL too. Compression (zstd, gzip) is told by the first bytes. Tokens:
 * as in the file; marks between documents are not part of them. A document larger than the limit is an error that names
 * the setting. */
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
