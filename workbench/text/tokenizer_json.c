/* Reads tokenizer.json (the format of the library `tokenizers`, version 1.0). The file says how text is treated, and a
 * word of it that is not understood would mean other ids than the model was trained on; so each part is checked, and
 * what is not known is named and refused: first the pipeline around the model, then the model. */
#include "text/tokenizer_json.h"
#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include <string.h>

enum { BLOCK = 1 << 16 }; // fits the second-level cache

const char *json_text_of(const json_t *object, const char *key) {
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

int json_is_unset(const json_t *value) {
    return !value || json_is_null(value);
}

int json_check_keys(const json_t *object, const char *where, const char *const *names) {
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)object, key, value) {
        const char *const *name = names;
        while (*name && strcmp(*name, key) != 0) name++;
        if (!*name) return err_set("%s has a part \"%.80s\" that is not supported", where, key);
    }
    return 0;
}

int json_check_false(const json_t *object, const char *where, const char *key) {
    const json_t *value = json_object_get(object, key);
    if (json_is_unset(value) || json_is_false(value)) return 0;
    return err_set("%s: %s other than false is not supported", where, key);
}

int json_check_unset(const json_t *object, const char *where, const char *key) {
    const json_t *value = json_object_get(object, key);
    if (json_is_unset(value) || (json_is_string(value) && json_string_length(value) == 0)) return 0;
    return err_set("%s: %s is not supported; only null is", where, key);
}

static int load_tree(const json_t *root, tokenizer_t *t) {
    if (!json_is_object(root)) return err_set("the file does not hold a JSON object");
    if (!json_is_object(json_object_get(root, "model")))
        return err_set("there is no \"model\" in it: this is no tokenizer.json");
    TRY(json_check_keys(root, "the file",
                        (const char *const[]){"version", "truncation", "padding", "added_tokens", "normalizer",
                                              "pre_tokenizer", "post_processor", "decoder", "model", NULL}));
    if (json_object_get(root, "version") && strcmp(json_text_of(root, "version"), "1.0") != 0) {
        return err_set("version %.80s is not supported; only 1.0 is", json_text_of(root, "version"));
    }
    TRY(json_check_unset(root, "the file", "truncation"));
    TRY(json_check_unset(root, "the file", "padding"));
    TRY(tokenizer_read_pipeline(root, &t->pipeline));
    return tokenizer_read_model(root, t);
}

int tokenizer_parse(const void *json, size_t bytes, tokenizer_t **tokenizer) {
    json_error_t error;
    if (bytes == 0) return err_set("the file is empty");
    json_t *root = json_loadb(json, bytes, JSON_REJECT_DUPLICATES, &error);
    if (!root) return err_set("line %d: %s: this is no tokenizer.json, or a damaged one", error.line, error.text);
    tokenizer_t *t = mem_new(1, sizeof *t, "tokenizer");
    int rc = -1;
    if (t) {
        t->block = BLOCK;
        rc = load_tree(root, t);
    }
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
