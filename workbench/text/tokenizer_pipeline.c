/* The pipeline of a tokenizer.json, all but the model: what is done to a text before and after it. */
#include "base/err.h"
#include "text/tokenizer_json.h"
#include <string.h>

/* The parts of a Sequence under `key`, one after the other, or the part itself if it is none. */
typedef int (*read_part_t)(const json_t *part, pipeline_t *pipeline);

static int read_parts(const json_t *part, const char *where, const char *key, read_part_t read, pipeline_t *pipeline) {
    if (strcmp(json_text_of(part, "type"), "Sequence") != 0) return read(part, pipeline);
    TRY(json_check_keys(part, where, (const char *const[]){"type", key, NULL}));
    const json_t *parts = json_object_get(part, key), *inner;
    if (!json_is_array(parts)) return err_set("%s: a Sequence without %s", where, key);
    size_t i;
    json_array_foreach(parts, i, inner) TRY(read(inner, pipeline));
    return 0;
}

/* --- normalizer -------------------------------------------------------------------------------------------------- */

static int read_normalizer(const json_t *part, pipeline_t *pipeline) {
    if (json_is_unset(part)) return 0;
    if (strcmp(json_text_of(part, "type"), "NFC") != 0) {
        return err_set("normalizer type %.80s is not supported; only null, NFC and a Sequence of these are",
                       json_text_of(part, "type"));
    }
    pipeline->is_nfc = 1;
    return json_check_keys(part, "normalizer", (const char *const[]){"type", NULL});
}

/* --- pre_tokenizer ----------------------------------------------------------------------------------------------- */

static const char *const byte_level_keys[] = {"type", "add_prefix_space", "trim_offsets", "use_regex", NULL};

static int add_rule(pipeline_t *pipeline, pretoken_rule_t rule) {
    if (pipeline->rules == MOST_RULES) return err_set("pre_tokenizer: more than %d parts that split", MOST_RULES);
    pipeline->rule[pipeline->rules++] = rule;
    return 0;
}

static int read_byte_level(const json_t *part, pipeline_t *pipeline) {
    const json_t *space = json_object_get(part, "add_prefix_space"), *regex = json_object_get(part, "use_regex");
    TRY(json_check_keys(part, "pre_tokenizer", byte_level_keys));
    if (!json_is_boolean(space)) return err_set("pre_tokenizer: ByteLevel does not say add_prefix_space");
    if (regex && !json_is_boolean(regex)) return err_set("pre_tokenizer: use_regex is neither true nor false");
    if (json_is_true(space) && pipeline->rules > 0) {
        return err_set("pre_tokenizer: add_prefix_space after another part that splits is not supported");
    }
    pipeline->add_prefix_space = json_is_true(space);
    return json_is_false(regex) ? 0 : add_rule(pipeline, PRETOKEN_GPT2);
}

/* The known expressions match every character of any text, so that to isolate their matches and to remove what is
 * between them are the same. */
static int read_split(const json_t *part, pipeline_t *pipeline) {
    const char *behavior = json_text_of(part, "behavior");
    const char *regex = json_string_value(json_object_get(json_object_get(part, "pattern"), "Regex"));
    int is_inverted = json_is_true(json_object_get(part, "invert"));
    pretoken_rule_t rule;
    TRY(json_check_keys(part, "pre_tokenizer", (const char *const[]){"type", "pattern", "behavior", "invert", NULL}));
    if (strcmp(behavior, "Isolated") != 0 && !(strcmp(behavior, "Removed") == 0 && is_inverted)) {
        return err_set("pre_tokenizer: Split with behavior %.80s%s is not supported; only Isolated, and Removed with "
                       "invert, are",
                       behavior, is_inverted ? " and invert" : "");
    }
    if (!regex) return err_set("pre_tokenizer: Split by something other than a Regex is not supported");
    if (pretoken_find_rule(regex, &rule) != 0) {
        return err_set("pre_tokenizer: Split by the pattern %.400s is not supported; those of GPT-2, Llama-3 (as in "
                       "OLMo-2) and Qwen2 are",
                       regex);
    }
    return add_rule(pipeline, rule);
}

static int read_digits(const json_t *part, pipeline_t *pipeline) {
    const json_t *each = json_object_get(part, "individual_digits");
    TRY(json_check_keys(part, "pre_tokenizer", (const char *const[]){"type", "individual_digits", NULL}));
    if (!json_is_boolean(each)) return err_set("pre_tokenizer: Digits does not say individual_digits");
    return add_rule(pipeline, json_is_true(each) ? PRETOKEN_EACH_NUMBER : PRETOKEN_NUMBERS);
}

static int read_pre_tokenizer(const json_t *part, pipeline_t *pipeline) {
    static const struct {
        const char *type;
        read_part_t read;
    } known[] = {{"ByteLevel", read_byte_level}, {"Split", read_split}, {"Digits", read_digits}};
    const char *type = json_is_unset(part) ? "null" : json_text_of(part, "type");
    if (pipeline->is_byte_level) {
        return err_set(
            "pre_tokenizer: type %.80s after ByteLevel, where it would see bytes in disguise, is not supported", type);
    }
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (strcmp(type, known[i].type) != 0) continue;
        pipeline->is_byte_level = i == 0;
        return known[i].read(part, pipeline);
    }
    return err_set(
        "pre_tokenizer type %.80s is not supported; only ByteLevel, Split, Digits and a Sequence of these are", type);
}

/* --- post_processor ---------------------------------------------------------------------------------------------- */

/* Templates say where special tokens go, and none are added here; but the text itself must be there once. */
static int check_template(const json_t *part) {
    const json_t *single = json_object_get(part, "single"), *piece;
    size_t i;
    int texts = 0;
    json_array_foreach(single, i, piece) {
        const json_t *sequence = json_object_get(piece, "Sequence");
        if (sequence) texts += strcmp(json_text_of(sequence, "id"), "A") == 0 ? 1 : 2;
    }
    if (texts == 1) return 0;
    return err_set("post_processor: a TemplateProcessing that does not hold the text A exactly once is not supported");
}

/* The others only add special tokens or move offsets, which nobody asks for here. */
static int check_post_processor(const json_t *part, pipeline_t *pipeline) {
    static const char *const known[] = {"ByteLevel", "RobertaProcessing", "BertProcessing"};
    (void)pipeline;
    if (json_is_unset(part)) return 0;
    const char *type = json_text_of(part, "type");
    if (strcmp(type, "TemplateProcessing") == 0) return check_template(part);
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (strcmp(type, known[i]) == 0) return 0;
    }
    return err_set("post_processor type %.80s is not supported; only null, ByteLevel, TemplateProcessing, "
                   "RobertaProcessing, BertProcessing and a Sequence of these are",
                   type);
}

/* --- decoder ----------------------------------------------------------------------------------------------------- */

static int check_decoder(const json_t *part, pipeline_t *pipeline) {
    (void)pipeline;
    if (strcmp(json_text_of(part, "type"), "ByteLevel") == 0) return json_check_keys(part, "decoder", byte_level_keys);
    return err_set("decoder type %.80s is not supported; only ByteLevel is",
                   json_is_unset(part) ? "null" : json_text_of(part, "type"));
}

int tokenizer_read_pipeline(const json_t *root, pipeline_t *pipeline) {
    if ((pipeline->is_sentence = sentence_is_kind(root))) return sentence_read_pipeline(root, &pipeline->sentence);
    TRY(read_parts(json_object_get(root, "normalizer"), "normalizer", "normalizers", read_normalizer, pipeline));
    TRY(read_parts(json_object_get(root, "pre_tokenizer"), "pre_tokenizer", "pretokenizers", read_pre_tokenizer,
                   pipeline));
    if (!pipeline->is_byte_level) return err_set("pre_tokenizer: a Sequence without ByteLevel is not supported");
    TRY(read_parts(json_object_get(root, "post_processor"), "post_processor", "processors", check_post_processor,
                   pipeline));
    return check_decoder(json_object_get(root, "decoder"), pipeline);
}
