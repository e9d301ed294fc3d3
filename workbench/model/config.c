/* config.json of a Hugging Face folder, read into a model_spec_t and written from one, both by the tables of the
 * family. What the decoder does not compute (another activation, quantised or scaled variants) is refused by name: a
 * model that runs but is not the one in the file would be worse than none. */
#include "base/err.h"
#include "base/file.h"
#include "base/num.h"
#include "model/model_private.h"
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The value under "key" or "object.key"; NULL when absent. */
static const json_t *find(const json_t *config, const char *name) {
    const char *dot = strchr(name, '.');
    if (dot == NULL) return json_object_get(config, name);
    char object[64];
    snprintf(object, sizeof object, "%.*s", (int)(dot - name), name);
    return json_object_get(json_object_get(config, object), dot + 1);
}

/* The value under the first of a field's spellings that is there. Two spellings that disagree are refused. */
static int find_one(const char *path, const json_t *config, const char *const *names, const json_t **value,
                    const char **name) {
    *value = NULL;
    *name = names[0];
    for (int i = 0; i < FIELD_NAMES && names[i] != NULL; i++) {
        const json_t *here = find(config, names[i]);
        if (here == NULL) continue;
        int equal =
            *value == NULL || json_equal(here, *value) ||
            (json_is_number(here) && json_is_number(*value) && json_number_value(here) == json_number_value(*value));
        if (!equal) return err_set("%s: %s and %s disagree; keep one", path, *name, names[i]);
        if (*value == NULL) *name = names[i];
        *value = *value == NULL ? here : *value;
    }
    return 0;
}

static int wrong_kind(const char *path, const char *name, const char *kind) {
    return err_set("%s: %s is not %s", path, name, kind);
}

/* The tokens that end a text: one, a list of them, or null. */
static int read_ends(const char *path, const char *name, const json_t *value, spec_ends_t *ends) {
    const size_t n = json_is_array(value) ? json_array_size(value) : !json_is_null(value);
    if (n > SPEC_ENDS) return err_set("%s: %s has %zu tokens, at most %d can be", path, name, n, SPEC_ENDS);
    for (size_t i = 0; i < n; i++) {
        const json_t *token = json_is_array(value) ? json_array_get(value, i) : value;
        if (!json_is_integer(token) || json_integer_value(token) < 0 || json_integer_value(token) > INT32_MAX)
            return wrong_kind(path, name, "a token id");
        ends->token[i] = (int32_t)json_integer_value(token);
    }
    ends->n = (int32_t)n;
    return 0;
}

static const struct {
    const char *name;
    spec_act_t act;
} activation[] = {{"gelu", ACT_GELU},
                  {"gelu_new", ACT_GELU_TANH},
                  {"silu", ACT_SILU},
                  {"gelu_fast", ACT_GELU_TANH},
                  {"gelu_pytorch_tanh", ACT_GELU_TANH},
                  {"swish", ACT_SILU}}; // of one function, the name that is written stands first

static int read_activation(const char *path, const char *name, const json_t *value, spec_act_t *act) {
    const char *text = json_string_value(value);
    for (size_t i = 0; text != NULL && i < sizeof activation / sizeof *activation; i++)
        if (strcmp(activation[i].name, text) == 0) {
            *act = activation[i].act;
            return 0;
        }
    return err_set("%s: %s is %.60s; implemented: gelu, gelu_new, gelu_fast, gelu_pytorch_tanh, silu, swish", path,
                   name, text != NULL ? text : "no text");
}

static int read_scaling(const char *path, const char *name, const json_t *value, int32_t *scaling) {
    const char *text = json_string_value(value);
    *scaling = text != NULL && strcmp(text, "llama3") == 0;
    if (*scaling || (text != NULL && strcmp(text, "default") == 0)) return 0;
    return err_set("%s: %s is %.60s; implemented: default, llama3", path, name, text != NULL ? text : "no text");
}

/* One name of a layer's attention, "global" or "local". */
static int add_layer(const char *path, const char *name, const json_t *value, int64_t layer, uint64_t *local) {
    const char *text = json_string_value(value);
    int is_local = text != NULL && strcmp(text, "local") == 0;
    if (!is_local && (text == NULL || strcmp(text, "global") != 0))
        return err_set("%s: %s: the attention of layer %lld is %.60s; implemented: global, local", path, name,
                       (long long)layer, text != NULL ? text : "no text");
    if (layer >= SPEC_LAYERS) return err_set("%s: %s: more than %d layers", path, name, SPEC_LAYERS);
    local[layer / 64] |= (uint64_t)is_local << (layer % 64);
    return 0;
}

/* [[["global", "local"], 12], ...], or a list with a name for each layer; *layers are how many layers they are for. */
static int read_local(const char *path, const char *name, const json_t *value, int64_t *layers, uint64_t *local) {
    size_t i, k;
    const json_t *item, *kind;
    *layers = 0;
    if (!json_is_array(value)) return wrong_kind(path, name, "a list");
    json_array_foreach(value, i, item) {
        if (!json_is_array(item)) {
            TRY(add_layer(path, name, item, (*layers)++, local));
            continue;
        }
        const json_t *kinds = json_array_get(item, 0), *times = json_array_get(item, 1);
        if (json_array_size(kinds) < 1 || !json_is_integer(times) || json_integer_value(times) > SPEC_LAYERS)
            return wrong_kind(path, name, "a list of [[kinds], times]");
        for (json_int_t t = 0; t < json_integer_value(times); t++)
            json_array_foreach(kinds, k, kind) TRY(add_layer(path, name, kind, (*layers)++, local));
    }
    return 0;
}

/* Both spellings may be there and are not alike; they must say the same. */
static int read_layers(const char *path, const json_t *config, const family_field_t *field, family_config_t *out) {
    uint64_t *local = out->spec.local;
    int found = 0;
    for (int i = 0; i < FIELD_NAMES && field->names[i] != NULL; i++) {
        uint64_t here[SPEC_LAYERS / 64] = {0};
        int64_t layers;
        const json_t *value = find(config, field->names[i]);
        if (value == NULL) continue;
        TRY(read_local(path, field->names[i], value, &layers, here));
        if (layers != out->spec.layers)
            return err_set("%s: %s is for %lld layers of %lld", path, field->names[i], (long long)layers,
                           (long long)out->spec.layers);
        if (found && memcmp(here, local, sizeof here) != 0)
            return err_set("%s: %s and %s disagree; keep one", path, field->names[0], field->names[i]);
        memcpy(local, here, sizeof here);
        found = 1;
    }
    return found ? 0 : err_set("%s: %s is missing", path, field->names[0]);
}

static int read_field(const char *path, const json_t *config, const family_field_t *field, family_config_t *out) {
    const json_t *value;
    const char *name;
    char *at = (char *)out + field->offset;
    if (field->kind == FIELD_LOCAL) return read_layers(path, config, field, out);
    TRY(find_one(path, config, field->names, &value, &name));
    if (json_is_null(value) && field->initial == 0 && (field->kind == FIELD_INT || field->kind == FIELD_BOUND))
        value = NULL;
    if (value == NULL && isnan(field->initial)) return err_set("%s: %s is missing", path, name);
    double number = value == NULL ? field->initial : json_number_value(value);
    int is_number = value == NULL || json_is_number(value);
    switch (field->kind) {
    case FIELD_INT:
        if (value != NULL && !json_is_integer(value)) return wrong_kind(path, name, "an integer");
        *(int64_t *)(void *)at = value != NULL ? (int64_t)json_integer_value(value) : (int64_t)field->initial;
        return 0;
    case FIELD_REAL:
        if (!is_number) return wrong_kind(path, name, "a number");
        *(double *)(void *)at = number;
        return 0;
    case FIELD_FLOAT:
        if (!is_number || !(fabs(number) < 1e30)) return wrong_kind(path, name, "a number");
        *(float *)(void *)at = (float)number;
        return 0;
    case FIELD_BOUND:
        if (value != NULL && !(number > 0 && number < 1e30)) return wrong_kind(path, name, "a number above 0, or null");
        *(float *)(void *)at = (float)number;
        return 0;
    case FIELD_BIAS:
        if (value != NULL && !json_is_boolean(value)) return wrong_kind(path, name, "true or false");
        *(spec_bias_t *)(void *)at = (value != NULL ? json_is_true(value) : field->initial != 0) ? BIAS_ALL : BIAS_NONE;
        return 0;
    case FIELD_ACT:
        if (value != NULL) return read_activation(path, name, value, (spec_act_t *)(void *)at);
        *(spec_act_t *)(void *)at = (spec_act_t)field->initial;
        return 0;
    case FIELD_SCALING:
        if (value != NULL) return read_scaling(path, name, value, (int32_t *)(void *)at);
        *(int32_t *)(void *)at = (int32_t)field->initial;
        return 0;
    case FIELD_LOCAL:
        return 0; // above
    case FIELD_BOOL:
        if (value != NULL && !json_is_boolean(value)) return wrong_kind(path, name, "true or false");
        *(int32_t *)(void *)at = value != NULL ? json_is_true(value) : field->initial != 0;
        return 0;
    case FIELD_TOKEN:
        if (value != NULL) return read_ends(path, name, value, (spec_ends_t *)(void *)at);
        *(spec_ends_t *)(void *)at =
            (spec_ends_t){field->initial >= 0, {field->initial > 0 ? (int32_t)field->initial : 0}};
        return 0;
    }
    return 0;
}

static int check_constant(const char *path, const json_t *config, const family_constant_t *constant) {
    for (int i = 0; i < FIELD_NAMES && constant->names[i] != NULL; i++) {
        const json_t *here = find(config, constant->names[i]);
        if (here == NULL) continue;
        json_t *want = json_loads(constant->value, JSON_DECODE_ANY, NULL);
        int equal = json_is_number(here) && json_is_number(want) ? json_number_value(here) == json_number_value(want)
                                                                 : json_equal(here, want);
        json_decref(want);
        if (equal) continue;
        char *text = json_dumps(here, JSON_ENCODE_ANY | JSON_COMPACT);
        err_set("%s: %s is %.100s: %s", path, constant->names[i], text != NULL ? text : "?", constant->why);
        free(text);
        return -1;
    }
    return 0;
}

/* The rotary embedding's object is read by its fields; so what is none would be passed over, and one for some of the
 * layers too. Of two objects transformers takes the older whole, with defaults for what it lacks. */
static int check_rotary(const char *path, const json_t *config) {
    static const char *const names[] = {"rope_scaling", "rope_parameters"};
    int found = 0;
    for (int i = 0; i < 2; i++) {
        json_t *object = json_object_get(config, names[i]), *value;
        const char *key;
        if (object == NULL || json_is_null(object)) continue;
        if (!json_is_object(object)) return wrong_kind(path, names[i], "an object, or null");
        json_object_foreach(object, key, value) {
            if (!json_is_object(value)) continue;
            return err_set("%s: %s.%.60s is an object; one rotary embedding for all layers is implemented", path,
                           names[i], key);
        }
        found++;
    }
    return found < 2 ? 0 : err_set("%s: %s and %s are both there; keep one", path, names[0], names[1]);
}

/* The rotary part: transformers computes int(head_size * share). */
static int64_t rotary_dims(int64_t head_size, double share) {
    return share >= 0 && share <= 1 ? (int64_t)((double)head_size * share) : -1;
}

/* What follows from other fields when the file does not say it. */
static int derive(const char *path, family_config_t *out) {
    model_spec_t *spec = &out->spec;
    if (spec->head_size == 0) {
        if (spec->heads < 1 || spec->width < 1 || spec->width % spec->heads != 0)
            return err_set("%s: %lld heads do not divide width %lld", path, (long long)spec->heads,
                           (long long)spec->width);
        spec->head_size = spec->width / spec->heads;
    }
    if (spec->kv_heads == 0) spec->kv_heads = spec->heads;
    if (spec->ffn == 0 && spec->width > 0 && spec->width <= INT64_MAX / 4) spec->ffn = 4 * spec->width;
    spec->rotary_dims = spec->learned_positions ? 0 : rotary_dims(spec->head_size, out->rotary_share);
    double factor = spec->rotary_scaling.factor;
    if (!out->scaling && factor != 0 && factor != 1)
        return err_set("%s: the rotary embedding has a factor of %g, but its type is default or missing", path, factor);
    if (!out->scaling)
        spec->rotary_scaling = (rotary_scaling_t){0};
    else if (spec->rotary_scaling.factor == 0)
        return err_set("%s: the rotary embedding is scaled as llama3, but its factor is missing or 0", path);
    return 0;
}

static int read_config(const char *path, const json_t *config, model_spec_t *spec) {
    family_config_t out = {.rotary_share = 1};
    const char *name = json_string_value(json_object_get(config, "model_type"));
    const family_t *family = name != NULL ? family_find(name) : NULL;
    if (family == NULL)
        return err_set("%s: model_type is %.60s; known families: %s", path, name != NULL ? name : "missing",
                       family_names());
    out.spec = family->traits;
    for (int32_t i = 0; i < family->constants; i++) TRY(check_constant(path, config, &family->constant[i]));
    for (int32_t i = 0; i < family->fields; i++) TRY(read_field(path, config, &family->field[i], &out));
    out.spec.family = family->name;
    if (!out.spec.learned_positions) TRY(check_rotary(path, config));
    TRY(derive(path, &out));
    if (spec_check(&out.spec) != 0) return err_context("%s", path);
    *spec = out.spec;
    return 0;
}

int spec_read(const char *path, model_spec_t *spec) {
    file_map_t map;
    json_error_t error;
    TRY(file_map(path, &map));
    int rc = 0;
    json_t *config = json_loadb((const char *)map.data, map.size, JSON_REJECT_DUPLICATES, &error);
    if (config == NULL)
        rc = err_set("%s:%d: %s", path, error.line, error.text);
    else
        rc = read_config(path, config, spec);
    json_decref(config);
    file_unmap(&map);
    return rc;
}

/* The share of a head that gives back exactly `dims` when it is read. */
static double rotary_share(const model_spec_t *spec) {
    double share = (double)spec->rotary_dims / (double)spec->head_size;
    while (rotary_dims(spec->head_size, share) < spec->rotary_dims) share = nextafter(share, 1);
    return share;
}

static int write_text(file_out_t *out, const char *name, const char *text) {
    return file_out_print(out, "  \"%s\": %s,\n", name, text);
}

static int write_activation(file_out_t *out, const char *name, spec_act_t act) {
    size_t i = 0;
    while (activation[i].act != act) i++;
    return file_out_print(out, "  \"%s\": \"%s\",\n", name, activation[i].name);
}

static int write_layers(file_out_t *out, const char *name, const model_spec_t *spec) {
    TRY(file_out_print(out, "  \"%s\": [[[", name));
    for (int64_t l = 0; l < spec->layers; l++)
        TRY(file_out_print(out, "%s\"%s\"", l > 0 ? ", " : "", spec_is_local(spec, l) ? "local" : "global"));
    return file_out_print(out, "], 1]],\n");
}

static int write_ends(file_out_t *out, const char *name, const spec_ends_t *ends) {
    if (ends->n == 0) return write_text(out, name, "null");
    TRY(file_out_print(out, "  \"%s\": %s", name, ends->n > 1 ? "[" : ""));
    for (int32_t i = 0; i < ends->n; i++) TRY(file_out_print(out, "%s%d", i > 0 ? ", " : "", ends->token[i]));
    return file_out_print(out, "%s,\n", ends->n > 1 ? "]" : "");
}

static int write_scaling(file_out_t *out, const rotary_scaling_t *to) {
    char text[4][NUM_TEXT];
    if (to->factor == 0) return 0;
    return file_out_print(out,
                          "  \"rope_scaling\": {\"rope_type\": \"llama3\", \"factor\": %s, \"low_freq_factor\": %s, "
                          "\"high_freq_factor\": %s, \"original_max_position_embeddings\": %s},\n",
                          num_print_f64(text[0], to->factor), num_print_f64(text[1], to->low),
                          num_print_f64(text[2], to->high), num_print_f64(text[3], to->original));
}

static int write_field(file_out_t *out, const family_field_t *field, const family_config_t *config) {
    const char *at = (const char *)config + field->offset, *name = field->names[0];
    char text[NUM_TEXT];
    if (strchr(name, '.') != NULL) return 0; // in an object, which is written as a whole
    switch (field->kind) {
    case FIELD_INT:
        return file_out_print(out, "  \"%s\": %lld,\n", name, (long long)*(const int64_t *)(const void *)at);
    case FIELD_REAL:
        return write_text(out, name, num_print_f64(text, *(const double *)(const void *)at));
    case FIELD_FLOAT:
        return write_text(out, name, num_print_f32(text, *(const float *)(const void *)at));
    case FIELD_BOUND: {
        float bound = *(const float *)(const void *)at;
        return write_text(out, name, bound > 0 ? num_print_f32(text, bound) : "null");
    }
    case FIELD_BOOL:
        return write_text(out, name, *(const int32_t *)(const void *)at ? "true" : "false");
    case FIELD_BIAS:
        return write_text(out, name, *(const spec_bias_t *)(const void *)at == BIAS_ALL ? "true" : "false");
    case FIELD_TOKEN:
        return write_ends(out, name, (const spec_ends_t *)(const void *)at);
    case FIELD_ACT:
        return write_activation(out, name, *(const spec_act_t *)(const void *)at);
    case FIELD_LOCAL:
        return write_layers(out, name, &config->spec);
    case FIELD_SCALING:
        return 0; // in an object
    }
    return 0;
}

static int write_config(const family_t *family, const family_config_t *config, file_out_t *out) {
    TRY(file_out_print(out, "{\n  \"architectures\": [\"%s\"],\n  \"model_type\": \"%s\",\n", family->architecture,
                       family->name));
    for (int32_t i = 0; i < family->fields; i++) TRY(write_field(out, &family->field[i], config));
    TRY(write_scaling(out, &config->spec.rotary_scaling));
    for (int32_t i = 0; i < family->constants; i++)
        if (family->constant[i].written)
            TRY(file_out_print(out, "  \"%s\": %s,\n", family->constant[i].names[0], family->constant[i].value));
    /* Documents are separated by one token, which begins a text as it ends one. */
    if (config->spec.ends.n > 0) TRY(file_out_print(out, "  \"bos_token_id\": %d,\n", config->spec.ends.token[0]));
    return file_out_print(out, "  \"torch_dtype\": \"float32\"\n}\n");
}

int spec_write(const model_spec_t *spec, const char *path) {
    TRY(spec_check(spec));
    file_out_t *out;
    family_config_t config = {.spec = *spec, .rotary_share = rotary_share(spec)};
    config.spec.kv_heads = spec_kv_heads(spec);
    TRY(file_out_open(path, &out));
    if (write_config(family_find(spec->family), &config, out) != 0) {
        file_out_abort(out);
        return -1;
    }
    return file_out_commit(out);
}
