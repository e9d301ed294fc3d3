/* Encode and decode. The way of a text, as in the library `tokenizers`: added tokens that want the text as it is are
 * cut out; the pieces between them are normalized; added tokens that want normalized text are cut out; the pieces left
 * are split into pre-tokens; BPE turns each into ids. */
#include "text/tokenizer.h"
#include "base/err.h"
#include "base/mem.h"
#include "text/pretoken.h"
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
    mem_free(t);
}

int32_t tokenizer_vocab(const tokenizer_t *t) {
    return t->vocab;
}

int32_t tokenizer_end(const tokenizer_t *t) {
    return t->end;
}

/* A mem_grow array of ids that is being appended to. */
typedef struct {
    int32_t **ids;
    int64_t *n, *capacity;
} id_list_t;

static inline int id_list_room(id_list_t out, int64_t more) {
    if (*out.n + more <= *out.capacity) return 0;
    return mem_grow(out.ids, out.capacity, *out.n + more, sizeof **out.ids, "token ids");
}

static int encode_words(tokenizer_t *t, const uint8_t *text, size_t bytes, id_list_t out) {
    for (size_t at = 0, end; at < bytes; at = end) {
        int64_t n;
        end = pretoken_end(text, at, bytes);
        TRY(id_list_room(out, (int64_t)(end - at)));
        TRY(bpe_encode(t->bpe, text + at, end - at, *out.ids + *out.n, &n));
        *out.n += n;
    }
    return 0;
}

static int encode_normalized(tokenizer_t *t, const uint8_t *text, size_t bytes, id_list_t out) {
    size_t at = 0, start, end;
    int32_t id;
    while (added_find(&t->normalized, text, at, bytes, &start, &end, &id)) {
        TRY(encode_words(t, text + at, start - at, out));
        TRY(id_list_room(out, 1));
        (*out.ids)[(*out.n)++] = id;
        at = end;
    }
    return encode_words(t, text + at, bytes - at, out);
}

static int encode_piece(tokenizer_t *t, const uint8_t *text, size_t bytes, id_list_t out) {
    if (t->pipeline.is_nfc) TRY(nfc_normalize(&t->nfc, text, bytes, &text, &bytes));
    return encode_normalized(t, text, bytes, out);
}

int tokenizer_encode(tokenizer_t *t, const char *text, size_t bytes, int32_t **ids, int64_t *n, int64_t *capacity) {
    const uint8_t *data = (const uint8_t *)text;
    id_list_t out = {ids, n, capacity};
    size_t at = 0, start, end;
    int32_t id;
    while (added_find(&t->exact, data, at, bytes, &start, &end, &id)) {
        TRY(encode_piece(t, data + at, start - at, out));
        TRY(id_list_room(out, 1));
        (*out.ids)[(*out.n)++] = id;
        at = end;
    }
    return encode_piece(t, data + at, bytes - at, out);
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
