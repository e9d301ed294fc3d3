/* Documents of any format: the table of formats, and the calls that go through it. */
#include "text/documents.h"
#include "base/err.h"
#include "base/mem.h"
#include "text/format.h"

/* Files that nobody named are of the first format whose sniff says so. */
const format_t *const formats[] = {&format_jsonl,  &format_text,    &format_mmidx, &format_llmc,   &format_npy,
                                   &format_pythia, &format_nanogpt, &format_olmo,  &format_tokens, NULL};

struct documents {
    const format_t *format;
    void *reader;
};

int documents_open(const input_t *input, documents_t **reader) {
    *reader = NULL;
    documents_t *r = mem_new(1, sizeof *r, "document reader");
    if (r == NULL) return -1;
    r->format = input->format;
    if (r->format->open(input, &r->reader) != 0) {
        mem_free(r);
        return -1;
    }
    *reader = r;
    return 0;
}

int documents_range(documents_t *reader, int64_t first, int64_t last) {
    return reader->format->range(reader->reader, first, last);
}

int documents_next(documents_t *reader, document_t *document) {
    *document = (document_t){.id = "", .source = ""};
    return reader->format->next(reader->reader, document);
}

void documents_close(documents_t *reader) {
    if (reader == NULL) return;
    reader->format->close(reader->reader);
    mem_free(reader);
}
