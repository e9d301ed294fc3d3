/* What a tokenizer knows of itself, and decoding. */
#include "text/tokenizer.h"
#include "base/err.h"
#include "base/mem.h"
#include "text/tokenizer_private.h"
#include "text/utf8.h"
#include <assert.h>
#include <string.h>

void tokenizer_free(tokenizer_t *t) {
    if (!t) return;
    mem_free(t->texts.bytes);
    mem_free(t->texts.offset);
    mem_free(t->first.bytes);
    mem_free(t->first.offset);
    bpe_free(t->bpe);
    sentence_free(t->sentence);
    added_free(&t->exact);
    added_free(&t->normalized);
    nfc_free(&t->nfc);
    mem_free(t->prefixed);
    mem_free(t->run);
    mem_free(t);
}

void tokenizer_set_memory(tokenizer_t *t, int64_t bytes) {
    bpe_set_memory(t->bpe, bytes);
}

int32_t tokenizer_vocab(const tokenizer_t *t) {
    return t->vocab;
}

int32_t tokenizer_end(const tokenizer_t *t) {
    return t->end;
}

/* The text of a token, at the start of a decoded text or inside. */
static const uint8_t *text_of(const tokenizer_t *t, int32_t id, int is_first, size_t *bytes) {
    const token_texts_t *texts = is_first && t->first.offset ? &t->first : &t->texts;
    *bytes = (size_t)(texts->offset[id + 1] - texts->offset[id]);
    return texts->bytes + texts->offset[id];
}

const char *tokenizer_text(const tokenizer_t *t, int32_t id, size_t *bytes) {
    assert(id >= 0 && id < t->vocab);
    return (const char *)text_of(t, id, 0, bytes);
}

/* Added tokens that a normalizer of spaces writes with one in front are known by the text without it. */
static int32_t find_prefixed(const tokenizer_t *t, const char *text) {
    uint8_t space[4];
    size_t bytes = strlen(text), prefix = utf8_write(t->pipeline.sentence.space, space);
    if (t->pipeline.sentence.prefix != PREFIX_PIECE) return -1;
    for (int64_t i = 0; i < t->normalized.n; i++) {
        const added_token_t *token = &t->normalized.token[i];
        if (token->bytes == prefix + bytes && memcmp(token->text + prefix, text, bytes) == 0) return token->id;
    }
    return -1;
}

int32_t tokenizer_find(const tokenizer_t *t, const char *text) {
    size_t wanted = strlen(text), bytes;
    for (int32_t id = 0; id < t->vocab; id++) {
        const char *token = tokenizer_text(t, id, &bytes);
        if (bytes == wanted && memcmp(token, text, bytes) == 0) return id;
    }
    return find_prefixed(t, text);
}

/* How many of the bytes at the start are spaces that the decoder takes away. */
static size_t spaces_to_strip(const tokenizer_t *t, const char *text, size_t bytes) {
    size_t n = 0;
    while (n < bytes && n < (size_t)t->pipeline.sentence.strips && text[n] == ' ') n++;
    return n;
}

static int decode(const tokenizer_t *t, const int32_t *ids, int64_t n, int is_start, char **text, size_t *bytes) {
    size_t total = 0, length;
    for (int64_t i = 0; i < n; i++) {
        if (ids[i] < 0 || ids[i] >= t->vocab) {
            return err_set("token id %d at place %lld is outside the vocabulary of %d entries", ids[i], (long long)i,
                           t->vocab);
        }
        text_of(t, ids[i], is_start && i == 0, &length);
        total += length;
    }
    char *out = mem_new((int64_t)total + 1, 1, "decoded text");
    if (!out) return -1;
    *text = out;
    for (int64_t i = 0; i < n; i++, out += length) {
        const uint8_t *token = text_of(t, ids[i], is_start && i == 0, &length);
        memcpy(out, token, length);
    }
    size_t stripped = is_start ? spaces_to_strip(t, *text, total) : 0;
    *bytes = total - stripped;
    memmove(*text, *text + stripped, *bytes + 1);
    return 0;
}

int tokenizer_decode(const tokenizer_t *t, const int32_t *ids, int64_t n, char **text, size_t *bytes) {
    return decode(t, ids, n, 1, text, bytes);
}

int tokenizer_decode_inside(const tokenizer_t *t, const int32_t *ids, int64_t n, char **text, size_t *bytes) {
    return decode(t, ids, n, 0, text, bytes);
}
