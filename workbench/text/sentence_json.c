/* The pipeline of a tokenizer.json of the SentencePiece kind. It comes in two spellings: a normalizer that writes the
 * spaces (Prepend, Replace), or the pre-tokenizer Metaspace. */
#include "base/err.h"
#include "text/tokenizer_json.h"
#include "text/utf8.h"
#include <string.h>

/* The value of a text of one character. */
static int one_char(const json_t *object, const char *where, const char *key, int32_t *code) {
    const char *text = json_text_of(object, key);
    size_t bytes = strlen(text);
    if (bytes == 0 || utf8_next((const uint8_t *)text, 0, bytes, code) != bytes || *code < 0) {
        return err_set("%s: %s is not one character", where, key);
    }
    return 0;
}

/* The steps of a part: the list of a Sequence, or the part alone. */
static size_t steps_of(const json_t *part, const char *list) {
    if (json_is_unset(part)) return 0;
    return strcmp(json_text_of(part, "type"), "Sequence") == 0 ? json_array_size(json_object_get(part, list)) : 1;
}

static const json_t *step_of(const json_t *part, const char *list, size_t i) {
    return strcmp(json_text_of(part, "type"), "Sequence") == 0 ? json_array_get(json_object_get(part, list), i) : part;
}

/* A Replace of one character by another, written {"String": ...}. */
static int read_replace(const json_t *step, const char *where, int32_t *from, int32_t *to) {
    const json_t *pattern = json_object_get(step, "pattern");
    TRY(json_check_keys(step, where, (const char *const[]){"type", "pattern", "content", NULL}));
    if (!json_object_get(pattern, "String")) {
        return err_set("%s: Replace of anything but one character is not supported", where);
    }
    TRY(one_char(pattern, where, "String", from));
    return one_char(step, where, "content", to);
}

/* --- normalizer and pre-tokenizer -------------------------------------------------------------------------------- */

static int read_normalizer(const json_t *part, sentence_rules_t *rules) {
    static const char where[] = "normalizer";
    int32_t prepended = -1, from = -1, to = -1;
    for (size_t i = 0; i < steps_of(part, "normalizers"); i++) {
        const json_t *step = step_of(part, "normalizers", i);
        const char *type = json_text_of(step, "type");
        if (strcmp(type, "Prepend") == 0 && prepended < 0) {
            TRY(json_check_keys(step, where, (const char *const[]){"type", "prepend", NULL}));
            TRY(one_char(step, where, "prepend", &prepended));
        } else if (strcmp(type, "Replace") == 0 && from < 0) {
            TRY(read_replace(step, where, &from, &to));
        } else {
            return err_set("normalizer: %.80s is not supported here; only one Prepend and one Replace are", type);
        }
    }
    if (from < 0 && prepended < 0) return 0;
    if (from != ' ') return err_set("normalizer: only a Replace of the space is supported, with or without Prepend");
    if (prepended >= 0 && prepended != to) {
        return err_set("normalizer: Prepend of another character than Replace writes is not supported");
    }
    rules->space = to;
    rules->is_normalizer = 1;
    rules->prefix = prepended >= 0 ? PREFIX_PIECE : PREFIX_NEVER;
    return 0;
}

/* A Metaspace, which serves as pre-tokenizer and as decoder. */
static int read_metaspace(const json_t *part, const char *where, int32_t *code, prefix_t *prefix, int *is_split) {
    static const struct {
        const char *name;
        prefix_t prefix;
    } schemes[] = {{"always", PREFIX_ALWAYS}, {"first", PREFIX_FIRST}, {"never", PREFIX_NEVER}};
    const json_t *split = json_object_get(part, "split"), *scheme = json_object_get(part, "prepend_scheme");
    TRY(json_check_keys(
        part, where,
        (const char *const[]){"type", "replacement", "add_prefix_space", "prepend_scheme", "split", "str_rep", NULL}));
    TRY(one_char(part, where, "replacement", code));
    const char *name = scheme ? json_text_of(part, "prepend_scheme") : "always";
    size_t i = 0, n = sizeof schemes / sizeof *schemes;
    while (i < n && strcmp(schemes[i].name, name) != 0) i++;
    if (i == n)
        return err_set("%s: prepend_scheme %.80s is not supported; only first, always and never are", where, name);
    *prefix = schemes[i].prefix;
    if (json_is_false(json_object_get(part, "add_prefix_space")) && *prefix != PREFIX_NEVER) {
        return err_set("%s: add_prefix_space false contradicts prepend_scheme %s", where, name);
    }
    *is_split = !json_is_false(split);
    return json_is_unset(split) || json_is_boolean(split) ? 0 : err_set("%s: split is neither true nor false", where);
}

/* Gemma's files split at the space, of which the normalizer has left none. */
static int check_idle_split(const json_t *part, const sentence_rules_t *rules) {
    int32_t code = -1;
    const json_t *pattern = json_object_get(part, "pattern");
    TRY(json_check_keys(part, "pre_tokenizer", (const char *const[]){"type", "pattern", "behavior", "invert", NULL}));
    if (!json_is_unset(json_object_get(part, "invert")) && !json_is_false(json_object_get(part, "invert")))
        return err_set("pre_tokenizer: a Split with invert is not supported here");
    if (json_object_get(pattern, "String") && one_char(pattern, "pre_tokenizer", "String", &code) != 0) code = -1;
    if (code == ' ' && rules->space != ' ') return 0;
    return err_set("pre_tokenizer: a Split that is not at spaces which the normalizer has replaced is not supported");
}

static int read_pre_tokenizer(const json_t *part, sentence_rules_t *rules) {
    const char *type = json_text_of(part, "type");
    if (json_is_unset(part)) return 0;
    if (strcmp(type, "Split") == 0) return check_idle_split(part, rules);
    if (strcmp(type, "Metaspace") != 0) return err_set("pre_tokenizer type %.80s is not supported", type);
    if (rules->is_normalizer) return err_set("a normalizer together with the pre_tokenizer Metaspace is not supported");
    return read_metaspace(part, "pre_tokenizer", &rules->space, &rules->prefix, &rules->is_split);
}

/* --- decoder ----------------------------------------------------------------------------------------------------- */

static int read_strip(const json_t *step, sentence_rules_t *rules, int is_fused) {
    int32_t code;
    const json_t *start = json_object_get(step, "start"), *stop = json_object_get(step, "stop");
    TRY(json_check_keys(step, "decoder", (const char *const[]){"type", "content", "start", "stop", NULL}));
    TRY(one_char(step, "decoder", "content", &code));
    if (!is_fused) return err_set("decoder: Strip is supported behind Fuse only");
    if (code != ' ' || !json_is_integer(start) || json_integer_value(start) < 0 ||
        json_integer_value(start) > INT32_MAX || json_integer_value(stop) != 0) {
        return err_set("decoder: only a Strip of spaces at the start is supported");
    }
    rules->strips = (int32_t)json_integer_value(start);
    return 0;
}

static int read_decoder_space(const json_t *step, sentence_rules_t *rules) {
    int is_split;
    prefix_t prefix;
    if (strcmp(json_text_of(step, "type"), "Metaspace") == 0) {
        TRY(read_metaspace(step, "decoder", &rules->read_space, &prefix, &is_split));
        rules->drops_in_first = prefix != PREFIX_NEVER;
        return 0;
    }
    int32_t to;
    TRY(read_replace(step, "decoder", &rules->read_space, &to));
    return to == ' ' ? 0 : err_set("decoder: only a Replace by the space is supported");
}

/* The steps in the order in which they are understood, each at most once. */
static int read_decoder(const json_t *part, sentence_rules_t *rules) {
    enum { SPACE, BYTES, FUSE, STRIP };
    static const struct {
        const char *type;
        int place;
    } known[] = {{"Replace", SPACE}, {"Metaspace", SPACE}, {"ByteFallback", BYTES}, {"Fuse", FUSE}, {"Strip", STRIP}};
    enum { KNOWN = sizeof known / sizeof *known };
    int done = -1, is_fused = 0;
    rules->read_space = -1;
    if (json_is_unset(part)) return err_set("decoder type null is not supported");
    for (size_t i = 0; i < steps_of(part, "decoders"); i++) {
        const json_t *step = step_of(part, "decoders", i);
        const char *type = json_text_of(step, "type");
        size_t k = 0;
        while (k < KNOWN && strcmp(known[k].type, type) != 0) k++;
        if (k == KNOWN) return err_set("decoder type %.80s is not supported here", type);
        if (known[k].place <= done) {
            return err_set("decoder: %s out of the order Replace or Metaspace, ByteFallback, Fuse, Strip is not "
                           "supported",
                           type);
        }
        done = known[k].place;
        if (done == SPACE) TRY(read_decoder_space(step, rules));
        if (done == BYTES) rules->reads_bytes = 1;
        if (done == FUSE) is_fused = 1;
        if (done == STRIP) TRY(read_strip(step, rules, is_fused));
    }
    return 0;
}

/* --- the whole --------------------------------------------------------------------------------------------------- */

/* A template only adds special tokens, which nobody asks for here. */
static int check_post_processor(const json_t *part) {
    if (json_is_unset(part) || strcmp(json_text_of(part, "type"), "TemplateProcessing") == 0) return 0;
    return err_set("post_processor type %.80s is not supported here; only null and TemplateProcessing are",
                   json_text_of(part, "type"));
}

int sentence_is_kind(const json_t *root) {
    const json_t *pre_tokenizer = json_object_get(root, "pre_tokenizer"), *decoder = json_object_get(root, "decoder");
    const char *type = json_text_of(pre_tokenizer, "type");
    if (strcmp(type, "Metaspace") == 0) return 1;
    int is_plain = json_is_unset(pre_tokenizer) || strcmp(type, "Split") == 0;
    return is_plain && !json_is_unset(decoder) && strcmp(json_text_of(decoder, "type"), "ByteLevel") != 0;
}

int sentence_read_pipeline(const json_t *root, sentence_rules_t *rules) {
    *rules = (sentence_rules_t){.space = ' '};
    TRY(read_normalizer(json_object_get(root, "normalizer"), rules));
    TRY(read_pre_tokenizer(json_object_get(root, "pre_tokenizer"), rules));
    TRY(check_post_processor(json_object_get(root, "post_processor")));
    return read_decoder(json_object_get(root, "decoder"), rules);
}
