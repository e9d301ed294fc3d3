/* Characters to tokens, and where a text may be cut. Most text is ASCII and spaces: for these a table of bits says
 * which pairs some merge joins; all others are looked up in a hash map. */
#include "text/sentence.h"
#include "base/err.h"
#include "base/mem.h"
#include "text/pairmap.h"
#include "text/utf8.h"
#include <string.h>

enum {
    PAGE = 256,
    PAGES = 0x110000 / PAGE,
    SPACE_ROW = 128, // place of the space in the table of pairs, behind ASCII
    ROWS = 129,
    WORDS = (ROWS + 63) / 64,
    INVALID = -1, // the code of a byte that is not UTF-8
};

struct sentence {
    sentence_rules_t rules;
    int uses_bytes, is_fused;
    int32_t byte_id[256];      // of <0xXX>, -1: none
    int32_t unknown;           // -1: none
    int32_t *page[PAGES];      // ids of characters, -1: none; NULL: a page without any
    pairmap_t joined;          // pairs of characters that stand side by side in some merge
    int is_whole;              // no cut is known to be harmless
    int always_known;          // no character can be unknown
    uint64_t row[ROWS][WORDS]; // bit: no cut between the two
    uint8_t *text;             // of the last call that had to write one
    int64_t text_capacity;
};

int sentence_create(const sentence_rules_t *rules, sentence_t **sentence) {
    sentence_t *s = mem_new(1, sizeof *s, "tokenizer");
    if (!s) return -1;
    s->rules = *rules;
    s->unknown = -1;
    for (int32_t i = 0; i < 256; i++) s->byte_id[i] = -1;
    if (pairmap_create(&s->joined, 1 << 12) != 0) {
        sentence_free(s);
        return -1;
    }
    *sentence = s;
    return 0;
}

void sentence_free(sentence_t *s) {
    if (!s) return;
    for (int32_t i = 0; i < PAGES; i++) mem_free(s->page[i]);
    pairmap_free(&s->joined);
    mem_free(s->text);
    mem_free(s);
}

/* --- the vocabulary ---------------------------------------------------------------------------------------------- */

static int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The byte that a token <0xXX> stands for, -1 if it is none. */
static int byte_of(const char *token, size_t bytes) {
    if (bytes != 6 || memcmp(token, "<0x", 3) != 0 || token[5] != '>') return -1;
    int high = hex_digit(token[3]), low = hex_digit(token[4]);
    return high < 0 || low < 0 ? -1 : 16 * high + low;
}

static inline int32_t char_id(const sentence_t *s, int32_t code) {
    if (code == ' ') code = s->rules.space;
    if (code < 0 || !s->page[code / PAGE]) return -1;
    return s->page[code / PAGE][code % PAGE];
}

/* The code of the last character of a text that is not empty. */
static int32_t last_code(const char *text, size_t bytes) {
    int32_t code = INVALID;
    for (size_t at = 0; at < bytes;) at += utf8_next((const uint8_t *)text, at, bytes, &code);
    return code;
}

int sentence_put(sentence_t *s, const char *token, int32_t id) {
    size_t bytes = strlen(token);
    int32_t code;
    int byte = byte_of(token, bytes);
    // The library asks for capital letters when it encodes.
    if (byte >= 0 && !strpbrk(token + 3, "abcdef")) s->byte_id[byte] = id;
    if (bytes == 0 || utf8_next((const uint8_t *)token, 0, bytes, &code) != bytes || code < 0) return 0;
    int32_t **page = &s->page[code / PAGE];
    if (!*page) {
        *page = mem_new(PAGE, sizeof **page, "ids of characters");
        if (!*page) return -1;
        for (int32_t i = 0; i < PAGE; i++) (*page)[i] = -1;
    }
    (*page)[code % PAGE] = id;
    return 0;
}

int sentence_use_bytes(sentence_t *s) {
    s->uses_bytes = 1;
    if (s->rules.space == ' ' || char_id(s, ' ') >= 0) return 0;
    return err_set("model: the vocabulary has no token for the character U+%04X that stands for a space; with "
                   "byte_fallback this is not supported",
                   (unsigned)s->rules.space);
}

void sentence_set_unknown(sentence_t *s, int32_t id, int is_fused) {
    s->unknown = id;
    s->is_fused = is_fused;
}

/* A token that does not stand for the characters it is written in. */
static int is_odd(const sentence_t *s, int32_t id) {
    if (id == s->unknown) return 1;
    for (int32_t i = 0; i < 256 && s->uses_bytes; i++) {
        if (s->byte_id[i] == id) return 1;
    }
    return 0;
}

int sentence_add_merge(sentence_t *s, const char *left, int32_t left_id, const char *right, int32_t right_id) {
    int32_t after;
    size_t bytes = strlen(right);
    if (is_odd(s, left_id) || is_odd(s, right_id)) s->is_whole = 1;
    if (bytes == 0 || !*left) return err_set("one side is empty");
    utf8_next((const uint8_t *)right, 0, bytes, &after);
    uint64_t key = pair_key(last_code(left, strlen(left)), after);
    return pairmap_get(&s->joined, key) >= 0 ? 0 : pairmap_put(&s->joined, key, 1);
}

/* --- where to cut ------------------------------------------------------------------------------------------------ */

/* Whether a word goes on from one character to the next: some merge joins them, or the second may melt into an unknown
 * one before it. */
static int goes_on(const sentence_t *s, int32_t before, int32_t after) {
    if (s->rules.is_split && after == s->rules.space) return 0;
    if (s->is_whole || (!s->always_known && char_id(s, after) < 0)) return 1;
    return before >= 0 && after >= 0 && pairmap_get(&s->joined, pair_key(before, after)) >= 0;
}

static int32_t code_of_row(const sentence_t *s, int32_t row) {
    return row == ' ' || row == SPACE_ROW ? s->rules.space : row;
}

void sentence_finish(sentence_t *s) {
    s->always_known = s->uses_bytes;
    for (int32_t i = 0; i < 256; i++) s->always_known &= s->byte_id[i] >= 0;
    for (int32_t i = 0; i < ROWS; i++) {
        for (int32_t k = 0; k < ROWS; k++) {
            if (goes_on(s, code_of_row(s, i), code_of_row(s, k))) s->row[i][k / 64] |= (uint64_t)1 << k % 64;
        }
    }
}

int sentence_is_border(const sentence_t *s, int32_t before, int32_t after) {
    return !goes_on(s, before, after);
}

int sentence_has_bytes(const sentence_t *s) {
    return s->uses_bytes;
}

int sentence_is_cut(const sentence_t *s) {
    return !s->is_whole;
}

/* The next character: its code, and its row in the table of pairs, -1 when it has none. */
static inline size_t next_char(const sentence_t *s, const uint8_t *text, size_t at, size_t bytes, int32_t *code,
                               int32_t *row) {
    if (text[at] < 0x80) {
        *code = text[at] == ' ' ? s->rules.space : text[at];
        *row = text[at];
        return 1;
    }
    size_t n = utf8_next(text, at, bytes, code);
    *row = *code == s->rules.space ? SPACE_ROW : -1;
    return n;
}

/* The first border at or behind `at` where a word ends, given the character before it. */
static size_t border(const sentence_t *s, const uint8_t *text, size_t at, size_t bytes, int32_t code, int32_t row) {
    while (at < bytes) {
        int32_t before = code, before_row = row;
        size_t n = next_char(s, text, at, bytes, &code, &row);
        int is_more = before_row >= 0 && row >= 0 ? (int)(s->row[before_row][row / 64] >> row % 64 & 1)
                                                  : goes_on(s, before, code);
        if (!is_more) break;
        at += n;
    }
    return at;
}

size_t sentence_word_end(const sentence_t *s, const uint8_t *text, size_t at, size_t bytes) {
    int32_t code, row;
    size_t n = next_char(s, text, at, bytes, &code, &row);
    return border(s, text, at + n, bytes, code, row);
}

int sentence_first_word(sentence_t *s, const uint8_t *text, size_t bytes, const uint8_t **word, size_t *word_bytes,
                        size_t *next) {
    size_t end = border(s, text, 0, bytes, s->rules.space, SPACE_ROW);
    TRY(mem_grow(&s->text, &s->text_capacity, (int64_t)end + 1, 1, "first word of a text"));
    s->text[0] = ' ';
    memcpy(s->text + 1, text, end);
    *word = s->text;
    *word_bytes = end + 1;
    *next = end;
    return 0;
}

int sentence_starts_with_space(const sentence_t *s, const uint8_t *text, size_t bytes) {
    int32_t code, row;
    if (bytes == 0) return 0;
    next_char(s, text, 0, bytes, &code, &row);
    return code == s->rules.space;
}

/* --- characters to tokens ---------------------------------------------------------------------------------------- */

/* The tokens <0xXX> of the bytes of a character; 0 when one is missing. */
static int put_bytes(const sentence_t *s, const uint8_t *bytes, size_t count, int32_t *ids, int64_t *n) {
    if (!s->uses_bytes) return 0;
    for (size_t i = 0; i < count; i++) {
        if (s->byte_id[bytes[i]] < 0) return 0;
    }
    for (size_t i = 0; i < count; i++) ids[(*n)++] = s->byte_id[bytes[i]];
    return 1;
}

/* An unknown token is written when the next known character comes, behind the bytes of any in between: this odd order
 * is the library's. */
int sentence_spell(const void *user, const uint8_t *word, size_t bytes, int32_t *ids, int64_t *n) {
    const sentence_t *s = user;
    int is_pending = 0;
    *n = 0;
    for (size_t at = 0, length; at < bytes; at += length) {
        int32_t code;
        length = utf8_next(word, at, bytes, &code);
        int32_t id = char_id(s, code);
        if (id >= 0) {
            if (is_pending) ids[(*n)++] = s->unknown;
            is_pending = 0;
            ids[(*n)++] = id;
        } else if (!put_bytes(s, word + at, length, ids, n)) {
            if (s->unknown < 0 && code < 0) return err_set("the vocabulary has no token for the byte 0x%02X", word[at]);
            if (s->unknown < 0) return err_set("the vocabulary has no token for the character U+%04X", (unsigned)code);
            if (is_pending && !s->is_fused) ids[(*n)++] = s->unknown;
            is_pending = 1;
        }
    }
    if (is_pending) ids[(*n)++] = s->unknown;
    return 0;
}

/* --- text as a normalizer leaves it, and back -------------------------------------------------------------------- */

int sentence_normalize(sentence_t *s, const uint8_t *text, size_t bytes, int is_start, const uint8_t **out,
                       size_t *out_bytes) {
    int is_prefixed = s->rules.prefix == PREFIX_PIECE && is_start && bytes > 0;
    uint8_t space[4];
    size_t length = utf8_write(s->rules.space, space), spaces = (size_t)is_prefixed, n = 0;
    for (size_t i = 0; i < bytes; i++) spaces += text[i] == ' ';
    TRY(mem_grow(&s->text, &s->text_capacity, (int64_t)(bytes + spaces * length + 1), 1, "normalized text"));
    if (is_prefixed) {
        memcpy(s->text, space, length);
        n = length;
    }
    for (size_t i = 0; i < bytes; i++) {
        if (text[i] == ' ') {
            memcpy(s->text + n, space, length);
            n += length;
        } else {
            s->text[n++] = text[i];
        }
    }
    *out = s->text;
    *out_bytes = n;
    return 0;
}

size_t sentence_decode(const sentence_rules_t *rules, const char *token, size_t bytes, int is_first, uint8_t *out) {
    int byte = rules->reads_bytes ? byte_of(token, bytes) : -1;
    size_t n = 0;
    if (byte >= 0) {
        out[0] = (uint8_t)byte;
        return 1;
    }
    for (size_t at = 0, length; at < bytes; at += length) {
        int32_t code;
        length = utf8_next((const uint8_t *)token, at, bytes, &code);
        if (code == rules->read_space && code >= 0) {
            if (!(is_first && rules->drops_in_first)) out[n++] = ' ';
            continue;
        }
        memcpy(out + n, token + at, length);
        n += length;
    }
    return n;
}
