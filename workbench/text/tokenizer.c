/* What a tokenizer knows of itself, and decoding. */
#include "text/tokenizer.h"
#include "base/err.h"
#include "base/mem.h"
#include "text/tokenizer_private.h"
#include <string.h>

void tokenizer_free(tokenizer_t *t) {
    if (!t) return;
    mem_free(t->bytes);
    mem_free(t->offset);
    bpe_free(t->bpe);
    added_free(&t->exact);
    added_free(&t->normalized);
    nfc_free(&t->nfc);
    mem_free(t->prefixed);
    mem_free(t->run);
    mem_free(t);
}

int32_t tokenizer_vocab(const tokenizer_t *t) {
    return t->vocab;
}

int32_t tokenizer_end(const tokenizer_t *t) {
    return t->end;
}

int32_t tokenizer_find(const tokenizer_t *t, const char *text) {
    int64_t bytes = (int64_t)strlen(text);
    for (int32_t id = 0; id < t->vocab; id++) {
        if (t->offset[id + 1] - t->offset[id] == bytes && memcmp(t->bytes + t->offset[id], text, (size_t)bytes) == 0)
            return id;
    }
    return -1;
}

int tokenizer_decode(const tokenizer_t *t, const int32_t *ids, int64_t n, char **text, size_t *bytes) {
    int64_t total = 0;
    for (int64_t i = 0; i < n; i++) {
        if (ids[i] < 0 || ids[i] >= t->vocab) {
            return err_set("token id %d at place %lld is outside the vocabulary of %d entries", ids[i], (long long)i,
                           t->vocab);
        }
        total += t->offset[ids[i] + 1] - t->offset[ids[i]];
    }
    char *out = mem_new(total + 1, 1, "decoded text");
    if (!out) return -1;
    *text = out;
    for (int64_t i = 0; i < n; i++) {
        size_t length = (size_t)(t->offset[ids[i] + 1] - t->offset[ids[i]]);
        memcpy(out, t->bytes + t->offset[ids[i]], length);
        out += length;
    }
    *bytes = (size_t)total;
    return 0;
}
