/* Encoding. The way of a text, as in the library `tokenizers`: added tokens that want the text as it is are cut out;
 * the pieces between them are normalized; added tokens that want normalized text are cut out; the pieces left are split
 * into pre-tokens; BPE turns each into ids. Where a piece must be copied on the way it is dealt with in blocks, so that
 * memory grows with the longest word and not with the text; where not, words are read where they stand. */
#include "base/err.h"
#include "base/mem.h"
#include "text/pretoken.h"
#include "text/tokenizer_private.h"
#include "text/unicode.h"
#include "text/utf8.h"
#include <string.h>

enum { RUN = 1 << 14 }; // ids handed on at a time, more for a longer word

typedef struct {
    tokenizer_t *t;
    tokenizer_emit_t emit;
    void *user;
    int64_t n;    // ids in t->run
    int is_first; // what comes next starts the text
    int is_fresh; // what comes next starts a stretch between added tokens; both: which prefixes ask for
} encoder_t;

static int flush(encoder_t *e) {
    int64_t n = e->n;
    e->n = 0;
    return n > 0 ? e->emit(e->user, e->t->run, n) : 0;
}

/* Room for that many more ids. */
static inline int make_room(encoder_t *e, int64_t more) {
    if (e->n + more <= e->t->run_capacity) return 0;
    TRY(flush(e));
    if (more <= e->t->run_capacity) return 0;
    return mem_grow(&e->t->run, &e->t->run_capacity, more < RUN ? RUN : more, sizeof *e->t->run, "token ids");
}

static int encode_token(encoder_t *e, int32_t id) {
    TRY(make_room(e, 1));
    e->t->run[e->n++] = id;
    e->is_first = 0;
    e->is_fresh = 1;
    return 0;
}

static int encode_word(encoder_t *e, const uint8_t *word, size_t bytes) {
    int64_t n;
    TRY(make_room(e, (int64_t)bytes + BPE_SPARE));
    TRY(bpe_encode(e->t->bpe, word, bytes, e->t->run + e->n, &n));
    e->n += n;
    return 0;
}

/* Splits text by the only rule. Some words ahead are found before they are looked up in the cache, which is larger than
 * what is close to the processor. */
static int encode_words_of(encoder_t *e, const uint8_t *text, size_t bytes, pretoken_rule_t rule) {
    enum { AHEAD = 16 };
    bpe_word_t word[AHEAD];
    bpe_t *bpe = e->t->bpe;
    for (size_t at = 0, end = 0; at < bytes; at = end) {
        int32_t words = 0;
        for (size_t start = at; words < AHEAD && start < bytes; start = end) {
            end =
                rule == PRETOKEN_GPT2 ? pretoken_end(text, start, bytes) : pretoken_rule_end(rule, text, start, bytes);
            word[words++] = bpe_expect(bpe, text + start, end - start, bytes - start);
        }
        TRY(make_room(e, (int64_t)(end - at) + BPE_SPARE));
        for (int32_t i = 0; i < words; i++) {
            int64_t n;
            TRY(bpe_encode_expected(bpe, &word[i], e->t->run + e->n, &n));
            e->n += n;
        }
    }
    return 0;
}

/* Splits text by the first rule, each part by the next, and so on; what the last one gives are words. */
static int encode_split(encoder_t *e, const uint8_t *text, size_t bytes, const pretoken_rule_t *rule, int32_t rules) {
    if (rules == 0) return encode_word(e, text, bytes);
    if (rules == 1) return encode_words_of(e, text, bytes, *rule);
    for (size_t at = 0, end; at < bytes; at = end) {
        end = pretoken_rule_end(*rule, text, at, bytes);
        TRY(encode_split(e, text + at, end - at, rule + 1, rules - 1));
    }
    return 0;
}

/* The same for the SentencePiece kind. Where normalized added tokens are looked for, the normalizer has put its space
 * in front already. */
static int encode_sentence(encoder_t *e, const uint8_t *text, size_t bytes) {
    sentence_t *s = e->t->sentence;
    prefix_t prefix = e->t->pipeline.sentence.prefix;
    size_t at = 0, end, word_bytes;
    int is_prefixed = prefix == PREFIX_PIECE && e->is_fresh && e->t->normalized.n == 0;
    if ((prefix == PREFIX_FIRST && e->is_first) || (prefix == PREFIX_ALWAYS && e->is_fresh)) {
        is_prefixed = !sentence_starts_with_space(s, text, bytes);
    }
    e->is_first = e->is_fresh = 0;
    if (is_prefixed) {
        const uint8_t *word;
        TRY(sentence_first_word(s, text, bytes, &word, &word_bytes, &at));
        TRY(encode_word(e, word, word_bytes));
    }
    for (; at < bytes; at = end) {
        end = sentence_word_end(s, text, at, bytes);
        TRY(encode_word(e, text + at, end - at));
    }
    return 0;
}

/* Text without added tokens; a whole piece of it, or the next part of one. */
static int encode_words(encoder_t *e, const uint8_t *text, size_t bytes) {
    tokenizer_t *t = e->t;
    if (bytes == 0) return 0;
    if (t->sentence) return encode_sentence(e, text, bytes);
    int needs_space = e->is_fresh && t->pipeline.add_prefix_space && text[0] != ' ';
    e->is_fresh = 0;
    if (!needs_space) return encode_split(e, text, bytes, t->pipeline.rule, t->pipeline.rules);
    TRY(mem_grow(&t->prefixed, &t->prefixed_capacity, (int64_t)bytes + 1, 1, "text with a space in front"));
    t->prefixed[0] = ' ';
    memcpy(t->prefixed + 1, text, bytes);
    return encode_split(e, t->prefixed, bytes + 1, t->pipeline.rule, t->pipeline.rules);
}

static int encode_normalized(encoder_t *e, const uint8_t *text, size_t bytes) {
    added_walk_t walk = {0};
    size_t from = 0, before;
    for (int32_t id; added_next(&e->t->normalized, text, bytes, &walk, &before, &id); from = walk.taken) {
        TRY(encode_words(e, text + from, before - from));
        TRY(encode_token(e, id));
    }
    return encode_words(e, text + from, bytes - from);
}

/* The first place after `from` where a piece may be cut in two that are encoded apart with the same result; `bytes` if
 * there is none. The characters on both sides of such a place are ones that NFC leaves alone whatever stands before
 * them (any in ASCII is), so nothing composes or moves across; pre-tokens end there by every rule; and no added token
 * holds the two bytes that meet there. */
static size_t find_cut(const tokenizer_t *t, const uint8_t *text, size_t from, size_t bytes) {
    int32_t before = -1, after; // `from` may be inside a character, whose bytes then count as invalid
    for (size_t at = from; at < bytes; before = after) {
        size_t n = utf8_next(text, at, bytes, &after);
        if (before >= 0 && after >= 0 && pretoken_is_border(before, after) && unicode_is_inert(before) &&
            unicode_is_inert(after) && !added_may_lie_across(&t->normalized, text[at - 1], text[at])) {
            return at;
        }
        at += n;
    }
    return bytes;
}

/* The same for the SentencePiece kind: where a word ends. */
static size_t find_sentence_cut(const tokenizer_t *t, const uint8_t *text, size_t from, size_t bytes) {
    int32_t before = -1, after, space = t->pipeline.sentence.space;
    while (from < bytes && (text[from] & 0xC0) == 0x80) from++;
    for (size_t at = from; at < bytes; before = after) {
        uint8_t left[4], right[4];
        size_t n = utf8_next(text, at, bytes, &after);
        if (after == ' ') after = space;
        if (before >= 0 && after >= 0 && sentence_is_border(t->sentence, before, after)) {
            size_t last = utf8_write(before, left) - 1;
            utf8_write(after, right);
            if (!added_may_lie_across(&t->normalized, left[last], right[0])) return at;
        }
        at += n;
    }
    return bytes;
}

/* A piece whose normalized text is needed, because added tokens are looked for in it. */
static int encode_normalized_sentence(encoder_t *e, const uint8_t *text, size_t bytes) {
    tokenizer_t *t = e->t;
    for (size_t at = 0, end; at < bytes; at = end) {
        const uint8_t *block;
        size_t block_bytes;
        end = bytes - at <= t->block ? bytes : find_sentence_cut(t, text, at + t->block, bytes);
        TRY(sentence_normalize(t->sentence, text + at, end - at, at == 0, &block, &block_bytes));
        TRY(encode_normalized(e, block, block_bytes));
    }
    return 0;
}

/* A piece between two added tokens of the text as it is. */
static int encode_piece(encoder_t *e, const uint8_t *text, size_t bytes) {
    tokenizer_t *t = e->t;
    if (t->pipeline.sentence.is_normalizer && t->normalized.n > 0) return encode_normalized_sentence(e, text, bytes);
    if (!t->pipeline.is_nfc && !t->pipeline.add_prefix_space) return encode_normalized(e, text, bytes);
    for (size_t at = 0, end; at < bytes; at = end) {
        end = bytes - at <= t->block ? bytes : find_cut(t, text, at + t->block, bytes);
        const uint8_t *block = text + at;
        size_t block_bytes = end - at;
        if (t->pipeline.is_nfc) TRY(nfc_normalize(&t->nfc, block, block_bytes, &block, &block_bytes));
        TRY(encode_normalized(e, block, block_bytes));
    }
    return 0;
}

int tokenizer_encode_each(tokenizer_t *t, const char *text, size_t bytes, tokenizer_emit_t emit, void *user) {
    const uint8_t *data = (const uint8_t *)text;
    encoder_t e = {.t = t, .emit = emit, .user = user, .is_first = 1, .is_fresh = 1};
    added_walk_t walk = {0};
    size_t from = 0, before;
    for (int32_t id; added_next(&t->exact, data, bytes, &walk, &before, &id); from = walk.taken) {
        TRY(encode_piece(&e, data + from, before - from));
        TRY(encode_token(&e, id));
    }
    TRY(encode_piece(&e, data + from, bytes - from));
    return flush(&e);
}

typedef struct {
    int32_t **ids;
    int64_t *n, *capacity;
} id_list_t;

static int append_ids(void *user, const int32_t *ids, int64_t n) {
    const id_list_t *list = user;
    TRY(mem_grow(list->ids, list->capacity, *list->n + n, sizeof **list->ids, "token ids"));
    memcpy(*list->ids + *list->n, ids, (size_t)n * sizeof *ids);
    *list->n += n;
    return 0;
}

int tokenizer_encode(tokenizer_t *t, const char *text, size_t bytes, int32_t **ids, int64_t *n, int64_t *capacity) {
    return tokenizer_encode_each(t, text, bytes, append_ids, &(id_list_t){ids, n, capacity});
}
