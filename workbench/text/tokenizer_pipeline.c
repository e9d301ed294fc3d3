/* The pipeline of a tokenizer.json, all but the model: what is done to a text before and after it. */
#include "base/err.h"
#include "text/tokenizer_json.h"
#include <string.h>

static int read_normalizer(const json_t *part, int *is_nfc) {
    *is_nfc = 0;
    if (json_is_unset(part)) return 0;
    if (strcmp(json_text_of(part, "type"), "NFC") != 0) {
        return err_set("normalizer type %.80s is not supported; only null and NFC are", json_text_of(part, "type"));
    }
    *is_nfc = 1;
    return json_check_keys(part, "normalizer", (const char *const[]){"type", NULL});
}

static const char *const byte_level_keys[] = {"type", "add_prefix_space", "trim_offsets", "use_regex", NULL};

static int read_pre_tokenizer(const json_t *part) {
    if (strcmp(json_text_of(part, "type"), "ByteLevel") != 0) {
        return err_set("pre_tokenizer type %.80s is not supported; only ByteLevel (as in GPT-2 and GPT-NeoX) is",
                       json_is_unset(part) ? "null" : json_text_of(part, "type"));
    }
    TRY(json_check_keys(part, "pre_tokenizer", byte_level_keys));
    if (!json_is_false(json_object_get(part, "add_prefix_space"))) {
        return err_set("pre_tokenizer: add_prefix_space other than false is not supported");
    }
    const json_t *regex = json_object_get(part, "use_regex");
    if (regex && !json_is_true(regex)) return err_set("pre_tokenizer: use_regex other than true is not supported");
    return 0;
}

/* Post-processors of type ByteLevel only move offsets, which nobody asks for here. */
static int check_post_processor(const json_t *part) {
    if (json_is_unset(part)) return 0;
    if (strcmp(json_text_of(part, "type"), "ByteLevel") == 0)
        return json_check_keys(part, "post_processor", byte_level_keys);
    return err_set("post_processor type %.80s is not supported; only null and ByteLevel are",
                   json_text_of(part, "type"));
}

static int read_decoder(const json_t *part) {
    if (strcmp(json_text_of(part, "type"), "ByteLevel") == 0) return json_check_keys(part, "decoder", byte_level_keys);
    return err_set("decoder type %.80s is not supported; only ByteLevel is",
                   json_is_unset(part) ? "null" : json_text_of(part, "type"));
}

int tokenizer_read_pipeline(const json_t *root, pipeline_t *pipeline) {
    TRY(read_normalizer(json_object_get(root, "normalizer"), &pipeline->is_nfc));
    TRY(read_pre_tokenizer(json_object_get(root, "pre_tokenizer")));
    TRY(check_post_processor(json_object_get(root, "post_processor")));
    return read_decoder(json_object_get(root, "decoder"));
}
