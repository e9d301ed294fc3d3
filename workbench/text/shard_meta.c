/* NAME.json, what a shard says about itself, and the rows of shards.csv. See shard.h. */
#include "base/err.h"
#include "base/mem.h"
#include "text/seekable.h"
#include "text/shard.h"
#include <jansson.h>
#include <stdio.h>
#include <string.h>

int shard_width(int64_t vocab) {
    return vocab <= 65536 ? 2 : 4;
}

int shard_meta_render(shard_meta_t *meta, char **text) {
    char table[HASH_TEXT], docs[HASH_TEXT], check[HASH_TEXT];
    char *values = mem_printf(
        "{\n"
        "  \"format\": \"memprobe-shard\",\n"
        "  \"version\": %d,\n"
        "  \"vocab\": %lld,\n"
        "  \"end\": %lld,\n"
        "  \"width\": %d,\n"
        "  \"frame_tokens\": %d,\n"
        "  \"documents\": %lld,\n"
        "  \"tokens\": %lld,\n"
        "  \"token_bytes\": %lld,\n"
        "  \"table_bytes\": %lld,\n"
        "  \"table_hash\": \"%s\",\n"
        "  \"docs_bytes\": %lld,\n"
        "  \"docs_hash\": \"%s\",\n",
        SHARD_VERSION, (long long)meta->vocab, (long long)meta->end, shard_width(meta->vocab), SHARD_FRAME,
        (long long)meta->documents, (long long)meta->tokens, (long long)meta->token_bytes, (long long)meta->table_bytes,
        hash_print(table, meta->table_hash), (long long)meta->docs_bytes, hash_print(docs, meta->docs_hash));
    if (values == NULL) return -1;
    meta->check = hash_text(values);
    *text = mem_printf("%s  \"check\": \"%s\"\n}\n", values, hash_print(check, meta->check));
    mem_free(values);
    return *text == NULL ? -1 : 0;
}

/* 32 hex digits; the spelling is checked by rendering again. */
static int parse_hash(const json_t *value, hash_t *hash) {
    const char *text = json_string_value(value);
    if (text == NULL || strlen(text) != HASH_TEXT - 1) return -1;
    uint64_t half[2] = {0, 0};
    for (int i = 0; i < HASH_TEXT - 1; i++) {
        const char *digits = "0123456789abcdef", *digit = strchr(digits, text[i]);
        if (digit == NULL) return -1;
        half[i / 16] = half[i / 16] << 4 | (uint64_t)(digit - digits);
    }
    *hash = (hash_t){.hi = half[0], .lo = half[1]};
    return 0;
}

static int parse_count(const json_t *value, int64_t *count) {
    if (!json_is_integer(value) || json_integer_value(value) < 0) return -1;
    *count = json_integer_value(value);
    return 0;
}

static int parse_values(const json_t *root, shard_meta_t *m) {
    TRY(parse_count(json_object_get(root, "vocab"), &m->vocab));
    TRY(parse_count(json_object_get(root, "end"), &m->end));
    TRY(parse_count(json_object_get(root, "documents"), &m->documents));
    TRY(parse_count(json_object_get(root, "tokens"), &m->tokens));
    TRY(parse_count(json_object_get(root, "token_bytes"), &m->token_bytes));
    TRY(parse_count(json_object_get(root, "table_bytes"), &m->table_bytes));
    TRY(parse_hash(json_object_get(root, "table_hash"), &m->table_hash));
    TRY(parse_count(json_object_get(root, "docs_bytes"), &m->docs_bytes));
    TRY(parse_hash(json_object_get(root, "docs_hash"), &m->docs_hash));
    int fits = m->vocab > 0 && m->vocab <= INT32_MAX && m->end < m->vocab && m->documents <= m->tokens &&
               m->tokens <= (int64_t)SEEK_FRAMES_MAX * SHARD_FRAME && m->table_bytes <= m->token_bytes;
    return fits ? 0 : -1;
}

static int parse_object(const char *path, const json_t *root, const char *text, size_t bytes, shard_meta_t *meta) {
    const char *format = json_string_value(json_object_get(root, "format"));
    if (format == NULL || strcmp(format, "memprobe-shard") != 0) {
        return err_set("%s: not the description of a token shard; remove its folder ingest-* and run again", path);
    }
    json_int_t version = json_integer_value(json_object_get(root, "version"));
    if (version != SHARD_VERSION) {
        return err_set("%s: token shard of format version %lld, but this memprobe reads version %d; "
                       "remove its folder ingest-* and run again",
                       path, (long long)version, SHARD_VERSION);
    }
    char *again = NULL;
    int same = parse_values(root, meta) == 0 && shard_meta_render(meta, &again) == 0 && strlen(again) == bytes &&
               memcmp(again, text, bytes) == 0;
    mem_free(again);
    return same ? 0 : err_set("%s: the file is damaged or was edited; remove its folder ingest-* and run again", path);
}

int shard_meta_parse(const char *path, const char *text, size_t bytes, shard_meta_t *meta) {
    json_error_t error;
    *meta = (shard_meta_t){0};
    json_t *root = json_loadb(text, bytes, JSON_REJECT_DUPLICATES, &error);
    if (root == NULL) {
        return err_set("%s: the file is damaged (line %d: %s); remove its folder ingest-* and run again", path,
                       error.line, error.text);
    }
    int rc = parse_object(path, root, text, bytes, meta);
    json_decref(root);
    return rc;
}

static int append(shard_list_t *list, const char *text) {
    int64_t n = (int64_t)strlen(text);
    TRY(mem_grow(&list->text, &list->capacity, list->bytes + n + 1, 1, "list of shards"));
    memcpy(list->text + list->bytes, text, (size_t)n + 1);
    list->bytes += n;
    return 0;
}

int shard_list_begin(shard_list_t *list) {
    *list = (shard_list_t){0};
    return append(list, "name,documents,tokens,check\n");
}

char *shard_list_seal(const shard_list_t *list, char seal[SHARD_SEAL]) {
    char hash[HASH_TEXT];
    snprintf(seal, SHARD_SEAL, "token shards %s", hash_print(hash, hash_bytes(list->text, (size_t)list->bytes, 0)));
    return seal;
}

int shard_list_add(shard_list_t *list, const char *name, const shard_meta_t *meta) {
    char check[HASH_TEXT];
    char *row = mem_printf("%s,%lld,%lld,%s\n", name, (long long)meta->documents, (long long)meta->tokens,
                           hash_print(check, meta->check));
    int rc = row == NULL ? -1 : append(list, row);
    mem_free(row);
    return rc;
}
