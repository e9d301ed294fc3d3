/* The BPE trainer: counts words on each rank, brings the counts together, learns the merges and writes tokenizer.json.
 */
#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "par/par.h"
#include "text/bpe_learn.h"
#include "text/bytelevel.h"
#include "text/pretoken.h"
#include "text/tokenizer.h"
#include <string.h>

enum { LEAST_VOCAB = 257, MOST_VOCAB = 1 << 24 };

struct bpe_trainer {
    words_t words;
    int is_written;
};

int bpe_trainer_create(int64_t memory, const char *scratch, bpe_trainer_t **trainer) {
    (void)memory;
    (void)scratch;
    *trainer = mem_new(1, sizeof **trainer, "BPE trainer");
    return *trainer ? 0 : -1;
}

void bpe_trainer_free(bpe_trainer_t *trainer) {
    if (!trainer) return;
    words_free(&trainer->words);
    mem_free(trainer);
}

int bpe_trainer_add(bpe_trainer_t *trainer, const char *text, size_t bytes) {
    const uint8_t *data = (const uint8_t *)text;
    if (trainer->is_written) return err_set("text was added to a tokenizer trainer after the ranks had met");
    for (size_t at = 0, end; at < bytes; at = end) {
        int64_t number;
        end = pretoken_end(data, at, bytes);
        TRY(words_add(&trainer->words, data + at, end - at, 1, &number));
    }
    return 0;
}

/* --- all ranks --------------------------------------------------------------------------------------------------- */

/* A word in a message: its count and length, then its bytes. */
typedef struct {
    int64_t count, bytes;
} packed_t;

/* The words whose hash gives them to `owner` of `owners` (all: owner 0 of 1), appended to a message. */
static int pack_words(const words_t *words, int32_t owner, int32_t owners, uint8_t **out, int64_t *n,
                      int64_t *capacity) {
    for (int64_t i = 0; i < words->n; i++) {
        const word_t *w = &words->word[i];
        if ((int32_t)((w->hash >> 32) % (uint64_t)owners) != owner) continue;
        packed_t head = {w->count, w->bytes};
        TRY(mem_grow(out, capacity, *n + (int64_t)sizeof head + w->bytes, 1, "words for other ranks"));
        memcpy(*out + *n, &head, sizeof head);
        memcpy(*out + *n + sizeof head, words->text + w->offset, (size_t)w->bytes);
        *n += (int64_t)sizeof head + w->bytes;
    }
    return 0;
}

static int unpack_words(const uint8_t *message, int64_t n, words_t *words) {
    for (int64_t at = 0; at < n;) {
        packed_t head;
        int64_t number;
        memcpy(&head, message + at, sizeof head);
        at += (int64_t)sizeof head;
        TRY(words_add(words, message + at, (size_t)head.bytes, head.count, &number));
        at += head.bytes;
    }
    return 0;
}

/* First every word goes to one owner, who adds up its counts; so no rank ever holds the words of all ranks with their
 * repetitions. *words becomes the words that this rank owns. */
static int words_to_owners(words_t *words) {
    int32_t ranks = par_size();
    uint8_t *send = NULL, *received = NULL;
    int64_t n = 0, capacity = 0, total = 0;
    int64_t *counts = mem_new(ranks, sizeof *counts, "word exchange");
    int rc = counts ? 0 : -1;
    for (int32_t r = 0; r < ranks && rc == 0; r++) {
        int64_t before = n;
        rc = pack_words(words, r, ranks, &send, &n, &capacity);
        counts[r] = n - before;
    }
    TRY_GOTO(par_agree(rc), end);
    TRY_GOTO(par_exchange(send, counts, 1, (void **)&received, &total), end);
    words_free(words);
    TRY_GOTO(par_agree(unpack_words(received, total, words)), end);
end:
    mem_free(counts);
    mem_free(send);
    mem_free(received);
    return rc;
}

/* Then everyone gets the words of all owners. */
static int words_to_all(words_t *words) {
    uint8_t *send = NULL, *all = NULL;
    int64_t n = 0, capacity = 0, total = 0;
    int rc = 0;
    TRY_GOTO(par_agree(pack_words(words, 0, 1, &send, &n, &capacity)), end);
    TRY_GOTO(par_gather_all(send, n, 1, (void **)&all, &total), end);
    words_free(words);
    TRY_GOTO(par_agree(unpack_words(all, total, words)), end);
end:
    mem_free(send);
    mem_free(all);
    return rc;
}

/* --- tokenizer.json ---------------------------------------------------------------------------------------------- */

static const char head[] = "{\n"
                           "  \"version\": \"1.0\",\n"
                           "  \"truncation\": null,\n"
                           "  \"padding\": null,\n"
                           "  \"added_tokens\": [\n"
                           "    {\n"
                           "      \"id\": 0,\n"
                           "      \"content\": \"<|endoftext|>\",\n"
                           "      \"single_word\": false,\n"
                           "      \"lstrip\": false,\n"
                           "      \"rstrip\": false,\n"
                           "      \"normalized\": false,\n"
                           "      \"special\": true\n"
                           "    }\n"
                           "  ],\n"
                           "  \"normalizer\": null,\n"
                           "  \"pre_tokenizer\": {\n"
                           "    \"type\": \"ByteLevel\",\n"
                           "    \"add_prefix_space\": false,\n"
                           "    \"trim_offsets\": true,\n"
                           "    \"use_regex\": true\n"
                           "  },\n"
                           "  \"post_processor\": null,\n"
                           "  \"decoder\": {\n"
                           "    \"type\": \"ByteLevel\",\n"
                           "    \"add_prefix_space\": true,\n"
                           "    \"trim_offsets\": true,\n"
                           "    \"use_regex\": true\n"
                           "  },\n"
                           "  \"model\": {\n"
                           "    \"type\": \"BPE\",\n"
                           "    \"dropout\": null,\n"
                           "    \"unk_token\": null,\n"
                           "    \"continuing_subword_prefix\": null,\n"
                           "    \"end_of_word_suffix\": null,\n"
                           "    \"fuse_unk\": false,\n"
                           "    \"byte_fallback\": false,\n"
                           "    \"ignore_merges\": false,\n"
                           "    \"vocab\": {\n"
                           "      \"<|endoftext|>\": 0";

/* The written form of a token, with the two characters escaped that JSON would misread. */
static int write_token(file_out_t *out, const words_t *tokens, int32_t id) {
    const word_t *w = &tokens->word[id];
    char *text = mem_new(2 * w->bytes, 1, "token text");
    if (!text) return -1;
    size_t n = bytelevel_encode(tokens->text + w->offset, (size_t)w->bytes, text), from = 0;
    int rc = 0;
    for (size_t i = 0; i < n && rc == 0; i++) {
        if (text[i] != '"' && text[i] != '\\') continue;
        rc = file_out_write(out, text + from, i - from);
        if (rc == 0) rc = file_out_write(out, "\\", 1);
        from = i;
    }
    if (rc == 0) rc = file_out_write(out, text + from, n - from);
    mem_free(text);
    return rc;
}

static int write_model(file_out_t *out, const bpe_model_t *model) {
    TRY(file_out_write(out, head, sizeof head - 1));
    for (int32_t id = 1; id < (int32_t)model->tokens.n; id++) {
        TRY(file_out_print(out, ",\n      \""));
        TRY(write_token(out, &model->tokens, id));
        TRY(file_out_print(out, "\": %d", id));
    }
    TRY(file_out_print(out, "\n    },\n    \"merges\": ["));
    for (int64_t i = 0; i < model->merges; i++) {
        TRY(file_out_print(out, "%s\n      \"", i == 0 ? "" : ","));
        TRY(write_token(out, &model->tokens, model->merge[i].left));
        TRY(file_out_print(out, " "));
        TRY(write_token(out, &model->tokens, model->merge[i].right));
        TRY(file_out_print(out, "\""));
    }
    return file_out_print(out, "%s]\n  }\n}\n", model->merges == 0 ? "" : "\n    ");
}

static int write_file(const bpe_model_t *model, const char *path) {
    file_out_t *out;
    TRY(file_out_open(path, &out));
    if (write_model(out, model) != 0) {
        file_out_abort(out);
        return -1;
    }
    return file_out_commit(out);
}

int bpe_trainer_write(bpe_trainer_t *trainer, int32_t vocab, const char *json_path) {
    if (vocab < LEAST_VOCAB || vocab > MOST_VOCAB) {
        return err_set(
            "a vocabulary of %d entries: it must have at least %d (<|endoftext|> and the 256 bytes) and at most %d",
            vocab, LEAST_VOCAB, MOST_VOCAB);
    }
    if (trainer->is_written) return err_set("a tokenizer trainer was used twice");
    trainer->is_written = 1;
    bpe_model_t model = {0};
    TRY(words_to_owners(&trainer->words));
    TRY(words_to_all(&trainer->words));
    if (trainer->words.n == 0) return err_set("there is no text to train a tokenizer on");
    int rc = 0;
    if (par_rank() == 0) rc = bpe_learn(&trainer->words, vocab, &model);
    if (par_rank() == 0 && rc == 0) rc = write_file(&model, json_path);
    bpe_model_free(&model);
    return par_agree(rc);
}
