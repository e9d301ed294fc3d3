/* tokenizer.json as foreign bytes. What loads must also work: a text of every byte and the added tokens' beginnings is
 * encoded, and what comes out decodes. */
#include "base/err.h"
#include "base/mem.h"
#include "text/tokenizer_private.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes) {
    tokenizer_t *t;
    if (tokenizer_parse(data, bytes, &t) != 0) {
        if (err_text()[0] == '\0') abort(); // every refusal has its message
        return 0;
    }
    int32_t *ids = NULL;
    int64_t n = 0, capacity = 0;
    char *text;
    size_t length;
    size_t sample = bytes < 4096 ? bytes : 4096;
    if (tokenizer_encode(t, (const char *)data, sample, &ids, &n, &capacity) == 0) {
        for (int64_t i = 0; i < n; i++) {
            if (ids[i] < 0 || ids[i] >= tokenizer_vocab(t)) abort();
        }
        if (tokenizer_decode(t, ids, n, &text, &length) != 0) abort();
        mem_free(text);
    }
    mem_free(ids);
    tokenizer_free(t);
    return 0;
}
