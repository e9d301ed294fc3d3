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

/* The end token: a number, a list of which the first counts, or null. */
static int read_token(const char *path, const char *name, const json_t *value, int32_t *token) {
    if (json_is_array(value)) value = json_array_get(value, 0);
    if (value == NULL || json_is_null(value)) {
        *token = -1;
        return 0;
    }
    if (!json_is_integer(value) || json_integer_value(value) < 0 || json_integer_value(value) > INT32_MAX)
        return wrong_kind(path, name, "a token id");
    *token = (int32_t)json_integer_value(value);
    return 0;
}

static int read_field(const char *path, const json_t *config, const family_field_t *field, family_config_t *out) {
    const json_t *value;
    const char *name;
    char *at = (char *)out + field->offset;
    TRY(find_one(path, config, field->names, &value, &name));
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
    case FIELD_BOOL:
        if (value != NULL && !json_is_boolean(value)) return wrong_kind(path, name, "true or false");
        *(int32_t *)(void *)at = value != NULL ? json_is_true(value) : field->initial != 0;
        return 0;
    case FIELD_TOKEN:
        if (value != NULL) return read_token(path, name, value, (int32_t *)(void *)at);
        *(int32_t *)(void *)at = (int32_t)field->initial;
        return 0;
    }
    return 0;
}

static int check_constant(const char *path, const json_t *config, const family_constant_t *constant) {
    for (int i = 0; i < FIELD_NAMES && constant->names[i] != NULL; i++) {
        const json_t *here = find(config, constant->names[i]);
        if (here == NULL) continue;
        json_t *want = json_loads(constant->value, JSON_DECODE_ANY, NULL);
        int equal = json_equal(here, want);
        json_decref(want);
        if (equal) continue;
        char *text = json_dumps(here, JSON_ENCODE_ANY | JSON_COMPACT);
        err_set("%s: %s is %.100s: %s", path, constant->names[i], text != NULL ? text : "?", constant->why);
        free(text);
        return -1;
    }
    return 0;
}

/* The rotary part: transformers computes int(head_size * share). */
static int64_t rotary_dims(int64_t head_size, double share) {
    return share >= 0 && share <= 1 ? (int64_t)((double)head_size * share) : -1;
}

static int read_config(const char *path, const json_t *config, model_spec_t *spec) {
    family_config_t out = {.spec = {.end_token = -1}};
    const char *name = json_string_value(json_object_get(config, "model_type"));
    const family_t *family = name != NULL ? family_find(name) : NULL;
    if (family == NULL)
        return err_set("%s: model_type is %.60s; known families: %s", path, name != NULL ? name : "missing",
                       family_names());
    for (int32_t i = 0; i < family->constants; i++) TRY(check_constant(path, config, &family->constant[i]));
    for (int32_t i = 0; i < family->fields; i++) TRY(read_field(path, config, &family->field[i], &out));
    out.spec.family = family->name;
    if (out.spec.heads < 1 || out.spec.width < 1 || out.spec.width % out.spec.heads != 0)
        return err_set("%s: %lld heads do not divide width %lld", path, (long long)out.spec.heads,
                       (long long)out.spec.width);
    out.spec.head_size = out.spec.width / out.spec.heads;
    out.spec.rotary_dims = rotary_dims(out.spec.head_size, out.rotary_share);
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

static int write_field(file_out_t *out, const family_field_t *field, const family_config_t *config) {
    const char *at = (const char *)config + field->offset, *name = field->names[0];
    char text[NUM_TEXT];
    switch (field->kind) {
    case FIELD_INT:
        return file_out_print(out, "  \"%s\": %lld,\n", name, (long long)*(const int64_t *)(const void *)at);
    case FIELD_REAL:
        return file_out_print(out, "  \"%s\": %s,\n", name, num_print_f64(text, *(const double *)(const void *)at));
    case FIELD_FLOAT:
        return file_out_print(out, "  \"%s\": %s,\n", name, num_print_f32(text, *(const float *)(const void *)at));
    case FIELD_BOOL:
        return file_out_print(out, "  \"%s\": %s,\n", name, *(const int32_t *)(const void *)at ? "true" : "false");
    case FIELD_TOKEN: {
        int32_t token = *(const int32_t *)(const void *)at;
        if (token < 0) return file_out_print(out, "  \"%s\": null,\n", name);
        return file_out_print(out, "  \"%s\": %d,\n", name, token);
    }
    }
    return 0;
}

static int write_config(const family_t *family, const family_config_t *config, file_out_t *out) {
    TRY(file_out_print(out, "{\n  \"architectures\": [\"%s\"],\n  \"model_type\": \"%s\",\n", family->architecture,
                       family->name));
    for (int32_t i = 0; i < family->fields; i++) TRY(write_field(out, &family->field[i], config));
    for (int32_t i = 0; i < family->constants; i++)
        if (family->constant[i].written)
            TRY(file_out_print(out, "  \"%s\": %s,\n", family->constant[i].names[0], family->constant[i].value));
    /* Documents are separated by one token, which begins a text as it ends one. */
    if (config->spec.end_token >= 0) TRY(file_out_print(out, "  \"bos_token_id\": %d,\n", config->spec.end_token));
    return file_out_print(out, "  \"torch_dtype\": \"float32\"\n}\n");
}

int spec_write(const model_spec_t *spec, const char *path) {
    TRY(spec_check(spec));
    file_out_t *out;
    family_config_t config = {.spec = *spec, .rotary_share = rotary_share(spec)};
    TRY(file_out_open(path, &out));
    if (write_config(family_find(spec->family), &config, out) != 0) {
        file_out_abort(out);
        return -1;
    }
    return file_out_commit(out);
}
