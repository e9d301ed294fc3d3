/* Reads tokenizer.json (the format of the library `tokenizers`, version 1.0). The file says how text is treated, and a
 * word of it that is not understood would mean other ids than the model was trained on; so each part is checked, and
 * what is not known is named and refused. First the pipeline around the model is checked; then the vocabulary, the
 * merges and the added tokens are read, in this order. */
#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "text/bytelevel.h"
#include "text/tokenizer_private.h"
#include <jansson.h>
#include <string.h>

enum { MOST_IDS = 1 << 24 }; // far above any vocabulary; bounds what a hostile file can make us reserve

/* The tables while they are being filled. Texts are as written in the file and belong to the JSON tree. */
typedef struct {
    tokenizer_t *t;
    const json_t *vocab, *merges, *added;
    const char **text; // (limit) by id; NULL: not given yet
    int32_t limit;     // no id can reach it unless there are holes
} loader_t;

/* --- small checks ------------------------------------------------------------------------------------------------ */

static const char *text_of(const json_t *object, const char *key) {
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

static int is_unset(const json_t *value) {
    return !value || json_is_null(value);
}

/* Every key of an object must be one of the names, a NULL-terminated list. */
static int check_keys(const json_t *object, const char *where, const char *const *names) {
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)object, key, value) {
        const char *const *name = names;
        while (*name && strcmp(*name, key) != 0) name++;
        if (!*name) return err_set("%s has a part \"%.80s\" that is not supported", where, key);
    }
    return 0;
}

static int check_false(const json_t *object, const char *where, const char *key) {
    const json_t *value = json_object_get(object, key);
    if (is_unset(value) || json_is_false(value)) return 0;
    return err_set("%s: %s other than false is not supported", where, key);
}

static int check_unset(const json_t *object, const char *where, const char *key) {
    const json_t *value = json_object_get(object, key);
    if (is_unset(value) || (json_is_string(value) && json_string_length(value) == 0)) return 0;
    return err_set("%s: %s is not supported; only null is", where, key);
}

/* --- the pipeline ------------------------------------------------------------------------------------------------ */

static int check_normalizer(const json_t *part, int *is_nfc) {
    *is_nfc = 0;
    if (is_unset(part)) return 0;
    if (strcmp(text_of(part, "type"), "NFC") != 0) {
        return err_set("normalizer type %.80s is not supported; only null and NFC are", text_of(part, "type"));
    }
    *is_nfc = 1;
    return check_keys(part, "normalizer", (const char *const[]){"type", NULL});
}

static const char *const byte_level_keys[] = {"type", "add_prefix_space", "trim_offsets", "use_regex", NULL};

static int check_pre_tokenizer(const json_t *part) {
    if (strcmp(text_of(part, "type"), "ByteLevel") != 0) {
        return err_set("pre_tokenizer type %.80s is not supported; only ByteLevel (as in GPT-2 and GPT-NeoX) is",
                       is_unset(part) ? "null" : text_of(part, "type"));
    }
    TRY(check_keys(part, "pre_tokenizer", byte_level_keys));
    if (!json_is_false(json_object_get(part, "add_prefix_space"))) {
        return err_set("pre_tokenizer: add_prefix_space other than false is not supported");
    }
    const json_t *regex = json_object_get(part, "use_regex");
    if (regex && !json_is_true(regex)) return err_set("pre_tokenizer: use_regex other than true is not supported");
    return 0;
}

/* Post-processors of type ByteLevel only move offsets, which nobody asks for here. */
static int check_post_processor(const json_t *part) {
    if (is_unset(part)) return 0;
    if (strcmp(text_of(part, "type"), "ByteLevel") == 0) return check_keys(part, "post_processor", byte_level_keys);
    return err_set("post_processor type %.80s is not supported; only null and ByteLevel are", text_of(part, "type"));
}

static int check_decoder(const json_t *part) {
    if (strcmp(text_of(part, "type"), "ByteLevel") == 0) return check_keys(part, "decoder", byte_level_keys);
    return err_set("decoder type %.80s is not supported; only ByteLevel is",
                   is_unset(part) ? "null" : text_of(part, "type"));
}

static int check_pipeline(const json_t *root, tokenizer_t *t) {
    if (!json_is_object(root)) return err_set("the file does not hold a JSON object");
    TRY(check_keys(root, "the file",
                   (const char *const[]){"version", "truncation", "padding", "added_tokens", "normalizer",
                                         "pre_tokenizer", "post_processor", "decoder", "model", NULL}));
    if (json_object_get(root, "version") && strcmp(text_of(root, "version"), "1.0") != 0) {
        return err_set("version %.80s is not supported; only 1.0 is", text_of(root, "version"));
    }
    TRY(check_unset(root, "the file", "truncation"));
    TRY(check_unset(root, "the file", "padding"));
    TRY(check_normalizer(json_object_get(root, "normalizer"), &t->is_nfc));
    TRY(check_pre_tokenizer(json_object_get(root, "pre_tokenizer")));
    TRY(check_post_processor(json_object_get(root, "post_processor")));
    return check_decoder(json_object_get(root, "decoder"));
}

static int check_model(const json_t *model, loader_t *l) {
    if (!json_is_object(model)) return err_set("model is missing");
    const json_t *type = json_object_get(model, "type"); // early GPT-2 files have none
    if (type && strcmp(text_of(model, "type"), "BPE") != 0) {
        return err_set("model type %.80s is not supported; only BPE is", text_of(model, "type"));
    }
    TRY(check_keys(model, "model",
                   (const char *const[]){"type", "dropout", "unk_token", "continuing_subword_prefix",
                                         "end_of_word_suffix", "fuse_unk", "byte_fallback", "ignore_merges", "vocab",
                                         "merges", NULL}));
    TRY(check_unset(model, "model", "dropout"));
    TRY(check_unset(model, "model", "unk_token"));
    TRY(check_unset(model, "model", "continuing_subword_prefix"));
    TRY(check_unset(model, "model", "end_of_word_suffix"));
    TRY(check_false(model, "model", "byte_fallback"));
    TRY(check_false(model, "model", "ignore_merges"));
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

static int read_one_merge(loader_t *l, const char *left, const char *right) {
    char *both = mem_printf("%s%s", left, right);
    if (!both) return -1;
    int32_t a = id_of(l, left), b = id_of(l, right), ab = id_of(l, both);
    mem_free(both);
    if (a < 0 || b < 0) return err_set("\"%.80s\" is not in the vocabulary", a < 0 ? left : right);
    if (ab < 0) return err_set("its result \"%.80s%.80s\" is not in the vocabulary", left, right);
    int64_t again;
    TRY(bpe_add_merge(l->t->bpe, a, b, ab, &again));
    return again < 0 ? 0 : err_set("it repeats merge %lld", (long long)again);
}

static int read_merges(loader_t *l) {
    int32_t byte_id[256];
    for (int32_t byte = 0; byte < 256; byte++) {
        char token[3] = {0};
        bytelevel_encode(&(uint8_t){(uint8_t)byte}, 1, token);
        byte_id[byte] = id_of(l, token);
    }
    int64_t n = (int64_t)json_array_size(l->merges);
    l->t->bpe = bpe_create(byte_id, n);
    if (!l->t->bpe) return -1;
    for (int64_t i = 0; i < n; i++) {
        char *left = NULL, *right = NULL;
        int rc = split_merge(json_array_get(l->merges, (size_t)i), &left, &right);
        if (rc == 0) rc = read_one_merge(l, left, right);
        mem_free(left);
        mem_free(right);
        if (rc != 0) return err_context("merge %lld", (long long)i);
    }
    return 0;
}

/* --- added tokens ------------------------------------------------------------------------------------------------ */

static int read_one_added(loader_t *l, const json_t *token) {
    static const char *const keys[] = {"id",     "content",    "single_word", "lstrip",
                                       "rstrip", "normalized", "special",     NULL};
    const json_t *content = json_object_get(token, "content"), *normalized = json_object_get(token, "normalized");
    if (!json_is_string(content) || json_string_length(content) == 0) return err_set("it has no content");
    const char *text = json_string_value(content);
    TRY(check_keys(token, text, keys));
    TRY(check_false(token, text, "single_word"));
    TRY(check_false(token, text, "lstrip"));
    TRY(check_false(token, text, "rstrip"));
    if (!json_is_boolean(normalized)) return err_set("\"%.80s\" does not say whether it is normalized", text);
    TRY(put_text(l, text, json_object_get(token, "id"), "added_tokens"));
    int32_t id = (int32_t)json_integer_value(json_object_get(token, "id")), known = id_of(l, text);
    if (known >= 0 && known != id) return err_set("\"%.80s\" has id %d here, but %d in vocab", text, id, known);

    const uint8_t *bytes = (const uint8_t *)text;
    size_t length = json_string_length(content);
    if (!json_is_true(normalized)) return added_put(&l->t->exact, bytes, length, id);
    if (l->t->is_nfc) TRY(nfc_normalize(&l->t->nfc, bytes, length, &bytes, &length));
    return added_put(&l->t->normalized, bytes, length, id);
}

static int read_added(loader_t *l) {
    for (size_t i = 0; i < json_array_size(l->added); i++) {
        if (read_one_added(l, json_array_get(l->added, i)) != 0) return err_context("added token %zu", i);
    }
    TRY(added_sort(&l->t->exact));
    return added_sort(&l->t->normalized);
}

/* --- the whole --------------------------------------------------------------------------------------------------- */

/* Texts by id for decoding, once all ids are known to be there. */
static int fill_texts(loader_t *l) {
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
    t->bytes = mem_new(total, 1, "token texts");
    t->offset = mem_new((int64_t)t->vocab + 1, sizeof *t->offset, "token texts");
    if (!t->bytes || !t->offset) return -1;
    t->end = -1;
    for (int32_t id = 0; id < t->vocab; id++) {
        const char *text = l->text[id];
        t->offset[id + 1] = t->offset[id] + (int64_t)bytelevel_decode(text, strlen(text), t->bytes + t->offset[id]);
        if (strcmp(text, "<|endoftext|>") == 0) t->end = id;
    }
    return 0;
}

static int load_tree(const json_t *root, tokenizer_t *t) {
    loader_t l = {.t = t};
    TRY(check_pipeline(root, t));
    TRY(check_model(json_object_get(root, "model"), &l));
    l.added = json_object_get(root, "added_tokens");
    if (!is_unset(l.added) && !json_is_array(l.added)) return err_set("added_tokens is not a list");
    int rc = 0;
    TRY_GOTO(read_vocab(&l), end);
    TRY_GOTO(read_merges(&l), end);
    TRY_GOTO(read_added(&l), end);
    TRY_GOTO(fill_texts(&l), end);
end:
    mem_free(l.text);
    return rc;
}

int tokenizer_parse(const void *json, size_t bytes, tokenizer_t **tokenizer) {
    json_error_t error;
    if (bytes == 0) return err_set("the file is empty");
    json_t *root = json_loadb(json, bytes, JSON_REJECT_DUPLICATES, &error);
    if (!root) return err_set("line %d: %s", error.line, error.text);
    tokenizer_t *t = mem_new(1, sizeof *t, "tokenizer");
    int rc = t ? load_tree(root, t) : -1;
    json_decref(root);
    if (rc == 0) {
        *tokenizer = t;
    } else {
        tokenizer_free(t);
    }
    return rc;
}

int tokenizer_load(const char *path, tokenizer_t **tokenizer) {
    file_map_t map;
    TRY(file_map(path, &map));
    int rc = tokenizer_parse(map.data, map.size, tokenizer);
    file_unmap(&map);
    return rc == 0 ? 0 : err_context("%s", path);
}
