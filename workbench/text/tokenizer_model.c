/* The model of a tokenizer.json: the vocabulary, the merges and the added tokens, read in this order. */
#include "base/err.h"
#include "base/mem.h"
#include "text/bytelevel.h"
#include "text/tokenizer_json.h"
#include <string.h>

enum { MOST_IDS = 1 << 24 }; // far above any vocabulary; bounds what a hostile file can make us reserve

/* The tables while they are being filled. Texts are as written in the file and belong to the JSON tree. */
typedef struct {
    tokenizer_t *t;
    const json_t *model, *vocab, *merges, *added;
    const char **text;  // (limit) by id; NULL: not given yet
    int32_t limit;      // no id can reach it unless there are holes
    json_t *names;      // owned: normal forms of added tokens
    int32_t next_added; // id of the next added token that the vocabulary does not have
} loader_t;

/* A flag of another type would be read as false, and the text otherwise than by whoever wrote it. */
static int check_types(const json_t *model) {
    static const char *const flags[] = {"fuse_unk", "byte_fallback", "ignore_merges"};
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
        const json_t *flag = json_object_get(model, flags[i]);
        if (!json_is_unset(flag) && !json_is_boolean(flag))
            return err_set("model: %s is neither true nor false", flags[i]);
    }
    const json_t *unknown = json_object_get(model, "unk_token");
    return json_is_unset(unknown) || json_is_string(unknown) ? 0 : err_set("model: unk_token is not a text");
}

static int check_model(const json_t *model, loader_t *l) {
    const json_t *type = json_object_get(model, "type"); // early GPT-2 files have none
    if (type && strcmp(json_text_of(model, "type"), "BPE") != 0) {
        return err_set("model type %.80s is not supported; only BPE is", json_text_of(model, "type"));
    }
    TRY(json_check_keys(model, "model",
                        (const char *const[]){"type", "dropout", "unk_token", "continuing_subword_prefix",
                                              "end_of_word_suffix", "fuse_unk", "byte_fallback", "ignore_merges",
                                              "vocab", "merges", NULL}));
    TRY(check_types(model));
    TRY(json_check_unset(model, "model", "dropout"));
    TRY(json_check_unset(model, "model", "continuing_subword_prefix"));
    TRY(json_check_unset(model, "model", "end_of_word_suffix"));
    if (l->t->pipeline.is_sentence) TRY(json_check_false(model, "model", "ignore_merges"));
    l->model = model;
    l->vocab = json_object_get(model, "vocab");
    l->merges = json_object_get(model, "merges");
    if (!json_is_object(l->vocab)) return err_set("model: vocab is missing or is not an object");
    if (!json_is_array(l->merges)) return err_set("model: merges is missing or is not a list");
    return 0;
}

/* --- vocabulary -------------------------------------------------------------------------------------------------- */

/* The id of a token of the vocabulary by its written form, -1 if there is none. */
static int32_t id_of(const loader_t *l, const char *token) {
    const json_t *id = json_object_get(l->vocab, token);
    return id ? (int32_t)json_integer_value(id) : -1;
}

static int put_text(loader_t *l, const char *text, const json_t *id_value, const char *where) {
    json_int_t id = json_integer_value(id_value);
    if (!json_is_integer(id_value)) return err_set("%s: the id of \"%.80s\" is not an integer", where, text);
    if (id < 0 || id >= l->limit) {
        return err_set(
            "%s: \"%.80s\" has id %lld, but there are only %d entries: an id is out of range or ids are missing", where,
            text, (long long)id, l->limit);
    }
    if (l->text[id] && strcmp(l->text[id], text) != 0) {
        return err_set("%s: \"%.80s\" and \"%.80s\" have the same id %lld", where, l->text[id], text, (long long)id);
    }
    l->text[id] = text;
    return 0;
}

static int read_vocab(loader_t *l) {
    size_t entries = json_object_size(l->vocab) + json_array_size(l->added);
    if (entries > MOST_IDS) return err_set("%zu entries, more than the %d supported", entries, MOST_IDS);
    l->limit = (int32_t)entries;
    l->text = mem_new(l->limit, sizeof *l->text, "vocabulary");
    if (!l->text) return -1;
    const char *token;
    json_t *id;
    json_object_foreach((json_t *)l->vocab, token, id) {
        if (!*token) return err_set("vocab: a token is empty");
        TRY(put_text(l, token, id, "vocab"));
    }
    return 0;
}

/* --- merges ------------------------------------------------------------------------------------------------------ */

/* The two halves of a merge, written "left right" or ["left", "right"]; mem_free both. */
static int split_merge(const json_t *merge, char **left, char **right) {
    if (json_is_array(merge) && json_array_size(merge) == 2) {
        const char *a = json_string_value(json_array_get(merge, 0)), *b = json_string_value(json_array_get(merge, 1));
        if (!a || !b) return err_set("it holds something other than two texts");
        return (*left = mem_strdup(a)) && (*right = mem_strdup(b)) ? 0 : -1;
    }
    const char *text = json_string_value(merge);
    const char *space = text ? strchr(text, ' ') : NULL;
    if (!space || strchr(space + 1, ' ')) return err_set("it is neither \"left right\" nor [\"left\", \"right\"]");
    *left = mem_printf("%.*s", (int)(space - text), text);
    *right = mem_strdup(space + 1);
    return *left && *right ? 0 : -1;
}

/* The entries as characters and bytes, for the spelling of words. */
static int read_characters(loader_t *l, const json_t *model) {
    sentence_t **s = &l->t->sentence;
    TRY(sentence_create(&l->t->pipeline.sentence, s));
    for (int32_t id = 0; id < l->limit; id++) {
        if (l->text[id]) TRY(sentence_put(*s, l->text[id], id));
    }
    if (json_is_true(json_object_get(model, "byte_fallback"))) TRY(sentence_use_bytes(*s));
    const json_t *unknown = json_object_get(model, "unk_token");
    if (json_is_unset(unknown)) return 0;
    int32_t id = json_is_string(unknown) ? id_of(l, json_string_value(unknown)) : -1;
    if (id < 0) return err_set("model: unk_token is not in the vocabulary");
    sentence_set_unknown(*s, id, json_is_true(json_object_get(model, "fuse_unk")));
    return 0;
}

static int read_one_merge(loader_t *l, const char *left, const char *right) {
    char *both = mem_printf("%s%s", left, right);
    if (!both) return -1;
    int32_t a = id_of(l, left), b = id_of(l, right), ab = id_of(l, both);
    mem_free(both);
    if (a < 0 || b < 0) return err_set("\"%.80s\" is not in the vocabulary", a < 0 ? left : right);
    if (ab < 0) return err_set("its result \"%.80s%.80s\" is not in the vocabulary", left, right);
    if (l->t->sentence) TRY(sentence_add_merge(l->t->sentence, left, a, right, b));
    int64_t again;
    TRY(bpe_add_merge(l->t->bpe, a, b, ab, &again));
    return again < 0 ? 0 : err_set("it repeats merge %lld", (long long)again);
}

/* The token of each byte. Where all bytes of valid text have one, nothing is unknown, and what the model says of
 * unknown characters does not matter; where not, they are unk_token, each for itself. */
static int read_bytes(const loader_t *l, int32_t byte_id[256]) {
    int missing = 0;
    for (int32_t byte = 0; byte < 256; byte++) {
        char token[3] = {0};
        bytelevel_encode(&(uint8_t){(uint8_t)byte}, 1, token);
        byte_id[byte] = id_of(l, token);
        if (byte_id[byte] < 0 && byte != 0xC0 && byte != 0xC1 && byte < 0xF5) missing = 1;
    }
    if (!missing || l->t->sentence) return 0;
    TRY(json_check_false(l->model, "model, whose vocabulary lacks bytes", "byte_fallback"));
    const char *unknown = json_string_value(json_object_get(l->model, "unk_token"));
    if (!unknown || !*unknown) return 0;
    TRY(json_check_false(l->model, "model, whose vocabulary lacks bytes", "fuse_unk"));
    int32_t id = id_of(l, unknown);
    if (id < 0) return err_set("model: unk_token is not in the vocabulary");
    for (int32_t byte = 0; byte < 256; byte++) {
        if (byte_id[byte] < 0) byte_id[byte] = id;
    }
    return 0;
}

/* The first line of a merges.txt, which the library drops, got into some lists. */
static int is_heading(const json_t *merge) {
    const char *text = json_string_value(merge);
    return text && strncmp(text, "#version", 8) == 0;
}

static int read_merges(loader_t *l) {
    int32_t byte_id[256];
    TRY(read_bytes(l, byte_id));
    int64_t n = (int64_t)json_array_size(l->merges);
    l->t->bpe = bpe_create(byte_id, n);
    if (!l->t->bpe) return -1;
    if (l->t->sentence) bpe_set_spelling(l->t->bpe, sentence_spell, l->t->sentence);
    for (int64_t i = 0; i < n; i++) {
        char *left = NULL, *right = NULL;
        if (is_heading(json_array_get(l->merges, (size_t)i))) continue;
        int rc = split_merge(json_array_get(l->merges, (size_t)i), &left, &right);
        if (rc == 0) rc = read_one_merge(l, left, right);
        mem_free(left);
        mem_free(right);
        if (rc != 0) return err_context("merge %lld", (long long)i);
    }
    if (l->t->sentence) sentence_finish(l->t->sentence);
    return 0;
}

/* With ignore_merges a word that the vocabulary has is that token. Tokens with characters outside the byte alphabet are
 * no words of any text. */
static int read_wholes(loader_t *l) {
    const char *token;
    json_t *id;
    json_object_foreach((json_t *)l->vocab, token, id) {
        size_t length = strlen(token), bytes;
        char *written = mem_new(2 * (int64_t)length + 1, 1, "token");
        uint8_t *word = mem_new((int64_t)length, 1, "token");
        int rc = written && word ? 0 : -1;
        if (rc == 0) {
            bytes = bytelevel_decode(token, length, word);
            written[bytelevel_encode(word, bytes, written)] = '\0';
            if (strcmp(written, token) == 0) {
                rc = bpe_add_whole(l->t->bpe, word, bytes, (int32_t)json_integer_value(id));
            }
        }
        mem_free(written);
        mem_free(word);
        TRY(rc);
    }
    return 0;
}

/* --- added tokens ------------------------------------------------------------------------------------------------ */

/* The library goes by the order of added tokens: one that the model's vocabulary does not have gets the next id. */
static int check_added_id(loader_t *l, const char *text, const json_t *id_value) {
    TRY(put_text(l, text, id_value, "added_tokens"));
    int32_t id = (int32_t)json_integer_value(id_value), known = id_of(l, text);
    if (known >= 0 && known != id) return err_set("\"%.80s\" has id %d here, but %d in vocab", text, id, known);
    if (known < 0 && id != l->next_added++) {
        return err_set("\"%.80s\" has id %d, but the library would give it %d", text, id, l->next_added - 1);
    }
    return 0;
}

/* A token decodes to its normal form, as in the library. */
static int rename_token(loader_t *l, int32_t id, const uint8_t *text, size_t bytes) {
    json_t *name = json_stringn((const char *)text, bytes);
    if (!name || json_array_append_new(l->names, name) != 0)
        return err_set("no memory for a token of %zu bytes", bytes);
    l->text[id] = json_string_value(name);
    return 0;
}

/* An added token as the normalizer leaves it. */
static int normalize_added(loader_t *l, const json_t *token, int32_t id, const uint8_t **bytes, size_t *length) {
    tokenizer_t *t = l->t;
    if (t->pipeline.is_nfc) {
        TRY(nfc_normalize(&t->nfc, *bytes, *length, bytes, length));
        return rename_token(l, id, *bytes, *length);
    }
    if (!t->pipeline.sentence.is_normalizer) return 0;
    if (json_is_true(json_object_get(token, "lstrip")) || json_is_true(json_object_get(token, "rstrip"))) {
        return err_set("lstrip and rstrip with normalized are not supported where the normalizer writes spaces");
    }
    TRY(sentence_normalize(t->sentence, *bytes, *length, 1, bytes, length));
    return rename_token(l, id, *bytes, *length);
}

static int read_one_added(loader_t *l, const json_t *token) {
    static const char *const keys[] = {"id",     "content",    "single_word", "lstrip",
                                       "rstrip", "normalized", "special",     NULL};
    const json_t *content = json_object_get(token, "content"), *normalized = json_object_get(token, "normalized");
    if (!json_is_string(content) || json_string_length(content) == 0) return err_set("it has no content");
    const char *text = json_string_value(content);
    TRY(json_check_keys(token, text, keys));
    TRY(json_check_false(token, text, "single_word"));
    if (!json_is_boolean(normalized)) return err_set("\"%.80s\" does not say whether it is normalized", text);
    TRY(check_added_id(l, text, json_object_get(token, "id")));

    const uint8_t *bytes = (const uint8_t *)text;
    size_t length = json_string_length(content);
    int is_normalized = json_is_true(normalized);
    int32_t id = (int32_t)json_integer_value(json_object_get(token, "id"));
    if (is_normalized) TRY(normalize_added(l, token, id, &bytes, &length));
    added_token_t added = {.text = (uint8_t *)bytes,
                           .bytes = length,
                           .id = id,
                           .lstrip = json_is_true(json_object_get(token, "lstrip")),
                           .rstrip = json_is_true(json_object_get(token, "rstrip"))};
    return added_put(is_normalized ? &l->t->normalized : &l->t->exact, &added);
}

static int read_added(loader_t *l) {
    l->next_added = (int32_t)json_object_size(l->vocab);
    for (size_t i = 0; i < json_array_size(l->added); i++) {
        if (read_one_added(l, json_array_get(l->added, i)) != 0) return err_context("added token %zu", i);
    }
    TRY(added_sort(&l->t->exact));
    return added_sort(&l->t->normalized);
}

static int fill_texts(const loader_t *l, int64_t total, int is_first, token_texts_t *texts) {
    const sentence_rules_t *rules = l->t->pipeline.is_sentence ? &l->t->pipeline.sentence : NULL;
    int64_t at = 0;
    texts->bytes = mem_new(total, 1, "token texts");
    texts->offset = mem_new((int64_t)l->t->vocab + 1, sizeof *texts->offset, "token texts");
    if (!texts->bytes || !texts->offset) return -1;
    for (int32_t id = 0; id < l->t->vocab; id++) {
        const char *text = l->text[id];
        uint8_t *out = texts->bytes + at;
        at += (int64_t)(rules ? sentence_decode(rules, text, strlen(text), is_first, out)
                              : bytelevel_decode(text, strlen(text), out));
        texts->offset[id + 1] = at;
    }
    return 0;
}

/* Texts by id for decoding, once all ids are known to be there. */
static int read_texts(loader_t *l) {
    tokenizer_t *t = l->t;
    int64_t total = 0;
    for (int32_t id = 0; id < l->limit; id++) {
        if (l->text[id]) t->vocab = id + 1;
    }
    for (int32_t id = 0; id < t->vocab; id++) {
        if (!l->text[id]) return err_set("no token has id %d, though others have larger ids", id);
        total += (int64_t)strlen(l->text[id]);
    }
    if (t->vocab == 0) return err_set("the vocabulary is empty");
    TRY(fill_texts(l, total, 0, &t->texts));
    return t->pipeline.sentence.drops_in_first ? fill_texts(l, total, 1, &t->first) : 0;
}

static int read_tables(const json_t *root, loader_t *l) {
    TRY(check_model(json_object_get(root, "model"), l));
    l->added = json_object_get(root, "added_tokens");
    if (!json_is_unset(l->added) && !json_is_array(l->added)) return err_set("added_tokens is not a list");
    TRY(read_vocab(l));
    if (l->t->pipeline.is_sentence) TRY(read_characters(l, json_object_get(root, "model")));
    TRY(read_merges(l));
    if (json_is_true(json_object_get(json_object_get(root, "model"), "ignore_merges"))) TRY(read_wholes(l));
    TRY(bpe_get_ready(l->t->bpe));
    TRY(read_added(l));
    TRY(read_texts(l));
    static const char *const end[] = {"<|endoftext|>", "<|end_of_text|>", "</s>", "<eos>"};
    l->t->end = -1;
    for (size_t i = 0; i < sizeof end / sizeof *end && l->t->end < 0; i++) l->t->end = tokenizer_find(l->t, end[i]);
    return 0;
}

int tokenizer_read_model(const json_t *root, tokenizer_t *t) {
    loader_t l = {.t = t, .names = json_array()};
    int rc = l.names ? read_tables(root, &l) : err_set("no memory for added tokens");
    json_decref(l.names);
    mem_free(l.text);
    return rc;
}
