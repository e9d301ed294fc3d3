/* From documents to shards. See ingest_encode.h. Tokens go from the tokenizer into the shard in runs, so that a long
 * document costs its text and no more. */
#include "text/ingest_encode.h"
#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "text/shard.h"
#include <string.h>

/* --- the tokenizer ----------------------------------------------------------------------------------------------- */

int ingest_find_end(const tokenizer_t *tokenizer, const char *path, const char *text, int32_t *end) {
    int is_named = text != NULL && text[0] != '\0';
    *end = is_named ? tokenizer_find(tokenizer, text) : tokenizer_end(tokenizer);
    if (*end >= 0) return 0;
    if (is_named)
        return err_set("%s: the tokenizer has no token '%s', which has to follow each document: see [corpus] end_token",
                       path, text);
    return err_set("%s: the tokenizer has none of the tokens that usually end a document (<|endoftext|>, "
                   "<|end_of_text|>, </s>, <eos>): name the one to put behind each in [corpus] end_token",
                   path);
}

int ingest_encoder_load(const ingest_t *spec, const char *path, ingest_encoder_t *e) {
    TRY(tokenizer_load(path, &e->tokenizer));
    if (spec->memory > 0) tokenizer_set_memory(e->tokenizer, spec->memory / 4);
    e->vocab = tokenizer_vocab(e->tokenizer);
    return ingest_find_end(e->tokenizer, path, spec->end_token, &e->end);
}

void ingest_encoder_free(ingest_encoder_t *e) {
    tokenizer_free(e->tokenizer);
    e->tokenizer = NULL;
}

/* --- documents --------------------------------------------------------------------------------------------------- */

/* A document takes minutes when it is large enough: signals are looked for between runs too. */
static int emit_tokens(void *shard, const int32_t *ids, int64_t n) {
    TRY(par_go_on());
    return shard_out_tokens(shard, ids, n);
}

static int put_text(ingest_encoder_t *e, shard_out_t *shard, const char *text, size_t bytes) {
    return tokenizer_encode_each(e->tokenizer, text, bytes, emit_tokens, shard);
}

/* Tokens of a foreign file are taken as they are: each must be one that the tokenizer knows. */
static int put_tokens(const ingest_encoder_t *e, shard_out_t *shard, const int32_t *tokens, int64_t n) {
    uint32_t vocab = (uint32_t)e->vocab, largest = 0; // negative ones are larger than any
    for (int64_t i = 0; i < n; i++) largest = (uint32_t)tokens[i] > largest ? (uint32_t)tokens[i] : largest;
    for (int64_t i = 0; largest >= vocab && i < n; i++) {
        if ((uint32_t)tokens[i] < vocab) continue;
        return err_set(
            "token %lld of the document is %d, but the tokenizer's are 0 to %d: give the tokenizer.json that "
            "the file was made with in [corpus] tokenizer, and see that the width of its tokens is right",
            (long long)i, tokens[i], e->vocab - 1);
    }
    return shard_out_tokens(shard, tokens, n);
}

static int put_document(ingest_encoder_t *e, shard_out_t *shard, const document_t *d) {
    TRY(shard_out_begin(shard, d->id, d->source, d->id));
    TRY(d->text != NULL ? put_text(e, shard, d->text, d->bytes) : put_tokens(e, shard, d->tokens, d->n));
    return shard_out_end(shard);
}

/* One copy of a planted sequence (copy >= 0), or its twin among the controls. */
static int put_planted(ingest_encoder_t *e, shard_out_t *shard, planted_t planted, int control) {
    char *text = NULL;
    char *family =
        mem_printf("%s/%d/%lld", control ? "planted-control" : "planted", planted.level, (long long)planted.number);
    char *id = family == NULL ? NULL
               : control      ? mem_strdup(family)
                              : mem_printf("%s/%lld", family, (long long)planted.copy);
    int rc = id == NULL ? -1 : inject_text(&e->parts->spec->inject, planted.level, planted.number, control, &text);
    if (rc == 0) rc = shard_out_begin(shard, id, "planted", family);
    if (rc == 0) rc = put_text(e, shard, text, strlen(text));
    if (rc == 0) rc = shard_out_end(shard);
    mem_free(text);
    mem_free(id);
    mem_free(family);
    return rc;
}

static int put_planted_after(ingest_encoder_t *e, int64_t ordinal) {
    planted_t *planted = NULL;
    int64_t n = 0;
    TRY(inject_at(&e->parts->spec->inject, ordinal, e->counts->total, &planted, &n));
    int rc = 0;
    for (int64_t i = 0; rc == 0 && i < n; i++) rc = put_planted(e, e->members, planted[i], 0);
    mem_free(planted);
    return rc;
}

static int changed(const input_t *input) {
    return err_set("%s: changed while it was read: other documents than a moment ago; run ingest again when nothing "
                   "writes to it",
                   input->path);
}

static int encode_document(void *self, const input_t *input, const document_t *d, int held_out) {
    ingest_encoder_t *e = self;
    if (put_document(e, held_out ? e->controls : e->members, d) != 0)
        return err_context("%s: document '%s'", input->path, d->id);
    e->held += held_out;
    e->member += !held_out;
    if (held_out || e->counts->total == 0) return 0;
    if (e->member > e->counts->members[e->part]) return changed(input);
    return put_planted_after(e, e->counts->before[e->part] + e->member - 1);
}

/* --- shards ------------------------------------------------------------------------------------------------------ */

static int open_shard(const ingest_encoder_t *e, const char *folder, const char *name, shard_out_t **shard) {
    char *dir = mem_printf("%s/%s", e->dir, folder);
    int rc = dir == NULL ? -1 : shard_out_open(dir, name, e->vocab, e->end, shard);
    mem_free(dir);
    return rc;
}

/* Both shards come to their end: committed when rc is 0, else dropped. */
static int close_shards(ingest_encoder_t *e, int rc) {
    shard_out_t *shard[] = {e->members, e->controls};
    e->members = e->controls = NULL;
    for (int i = 0; i < 2; i++) {
        if (rc == 0 && shard[i] != NULL)
            rc = shard_out_commit(shard[i]);
        else
            shard_out_abort(shard[i]);
    }
    return rc;
}

static int counts_fit(const ingest_encoder_t *e) {
    const ingest_counts_t *c = e->counts;
    return c->total == 0 || (e->member == c->members[e->part] && e->held == c->held[e->part]);
}

static int inputs_hold(const ingest_encoder_t *e, const part_t *part) {
    const ingest_t *spec = e->parts->spec;
    for (int64_t i = 0; spec->holds != NULL && i < part->inputs; i++) TRY(spec->holds(spec->user, part->input + i));
    return 0;
}

int ingest_encode_part(ingest_encoder_t *e, int64_t part) {
    char *name = ingest_shard_name(e->parts, part);
    e->part = part;
    e->member = e->held = 0;
    int rc = name == NULL ? -1 : open_shard(e, "members", name, &e->members);
    if (rc == 0) rc = open_shard(e, "controls", name, &e->controls);
    if (rc == 0) rc = ingest_walk(&e->walker, part, encode_document, e);
    if (rc == 0 && !counts_fit(e)) rc = changed(ingest_part_input(e->parts, part));
    if (rc == 0) rc = inputs_hold(e, &e->parts->part[part]);
    mem_free(name);
    return close_shards(e, rc);
}

/* Their shard's name sorts behind the digits of the others. */
int ingest_encode_controls(ingest_encoder_t *e) {
    const inject_t *inject = &e->parts->spec->inject;
    TRY(open_shard(e, "controls", "planted", &e->controls));
    int rc = 0;
    for (int32_t level = 0; level < inject->levels; level++) {
        for (int64_t number = 0; rc == 0 && number < inject->per_level; number++) {
            rc = put_planted(e, e->controls, (planted_t){level, number, 0}, 1);
        }
    }
    return close_shards(e, rc);
}

/* --- what is done ------------------------------------------------------------------------------------------------ */

static int has_size(const char *dir, const char *half, const char *name, const char *ending, int64_t bytes) {
    int64_t size = -1;
    char *path = mem_printf("%s/%s/%s%s", dir, half, name, ending);
    int ok = path != NULL && file_exists(path) && file_size(path, &size) == 0 && size == bytes;
    mem_free(path);
    return ok;
}

/* A shard's description is written last, so where it is there the shard was whole once; the sizes tell whether somebody
 * took a file away. Bits that changed are found by those who read the corpus. */
static int shard_is_done(const ingest_encoder_t *e, const char *half, const char *name) {
    file_map_t map = {NULL, 0};
    shard_meta_t meta;
    char *path = mem_printf("%s/%s/%s.json", e->dir, half, name);
    int ok = path != NULL && file_exists(path) && file_map(path, &map) == 0 &&
             shard_meta_parse(path, (const char *)map.data, map.size, &meta) == 0 && meta.vocab == e->vocab &&
             meta.end == e->end && has_size(e->dir, half, name, ".tok.zst", meta.token_bytes) &&
             has_size(e->dir, half, name, ".docs", meta.docs_bytes);
    file_unmap(&map);
    mem_free(path);
    return ok;
}

int ingest_part_is_done(const ingest_encoder_t *e, int64_t part) {
    char *name = ingest_shard_name(e->parts, part);
    int ok = name != NULL && shard_is_done(e, "members", name) && shard_is_done(e, "controls", name);
    mem_free(name);
    err_clear();
    return ok;
}
