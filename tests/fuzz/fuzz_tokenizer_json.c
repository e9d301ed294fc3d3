/* tokenizer.json as foreign bytes. What loads must also work: a text of every byte and the added tokens' beginnings is
 * encoded, and what comes out decodes; and blocks as small as can be give the same. */
#include "base/err.h"
#include "base/mem.h"
#include "text/tokenizer_private.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

typedef struct {
    int32_t *ids;
    int64_t n, capacity;
} list_t;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes) {
    tokenizer_t *t;
    if (tokenizer_parse(data, bytes, &t) != 0) {
        if (err_text()[0] == '\0') abort(); // every refusal has its message
        return 0;
    }
    list_t whole = {0}, cut = {0};
    char *text;
    size_t length;
    size_t sample = bytes < 4096 ? bytes : 4096;
    int rc = tokenizer_encode(t, (const char *)data, sample, &whole.ids, &whole.n, &whole.capacity);
    if (rc == 0) {
        for (int64_t i = 0; i < whole.n; i++) {
            if (whole.ids[i] < 0 || whole.ids[i] >= tokenizer_vocab(t)) abort();
        }
        if (tokenizer_decode(t, whole.ids, whole.n, &text, &length) != 0) abort();
        mem_free(text);
    }
    t->block = 1;
    if (tokenizer_encode(t, (const char *)data, sample, &cut.ids, &cut.n, &cut.capacity) != rc) abort();
    if (rc == 0 &&
        (cut.n != whole.n || (cut.n > 0 && memcmp(cut.ids, whole.ids, (size_t)cut.n * sizeof *cut.ids) != 0)))
        abort();
    mem_free(whole.ids);
    mem_free(cut.ids);
    tokenizer_free(t);
    return 0;
}
