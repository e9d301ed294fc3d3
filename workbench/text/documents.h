/* Documents of foreign files: one reader for all formats, one document at a time, in bounded memory. */
#ifndef MEMPROBE_DOCUMENTS_H
#define MEMPROBE_DOCUMENTS_H
#include <stddef.h>
#include <stdint.h>

typedef struct {
    const char *id;     // unique within the corpus; "FILE:LINE" when the file has none
    const char *source; // "" when the file has none
    const char *text;   // UTF-8, may hold NUL
    size_t bytes;
} document_t;

/* JSON lines (.jsonl, plain or zstd), one object a line: {"text": ..., "id": ..., "source": ...}. "text" must be there
 * and may be empty; "id" is text or an integer; without "source" the Pile's meta.pile_set_name is taken; other fields
 * are passed over. CRLF and a byte order mark at the start of the file are accepted. Anything else that is not a JSON
 * object by the letter is an error with file and line: an empty line, bytes that are not UTF-8, a key given twice, a
 * number that no double or 64-bit integer holds. Texts and ids live until the next call. */
typedef struct documents documents_t;
int documents_open(const char *path, documents_t **reader);
int documents_next(documents_t *reader, document_t *document); // 1, 0 at the end, -1 on error (file and line named)
void documents_close(documents_t *reader);                     // accepts NULL

#endif
