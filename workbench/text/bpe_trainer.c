/* The BPE trainer: counts words on each rank, gives each word to the rank that owns it, learns the merges and writes
 * tokenizer.json. */
#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "par/par.h"
#include "text/bpe_learn.h"
#include "text/bytelevel.h"
#include "text/pretoken.h"
#include "text/tokenizer.h"
#include "text/word_counter.h"
#include "text/word_store.h"
#include <string.h>

enum { LEAST_VOCAB = 257, MOST_VOCAB = 1 << 24 };

/* Of the memory: half to count words in, an eighth to exchange them; the rest for those that are exchanged. */
enum { COUNTING_SHARE = 2, EXCHANGE_SHARE = 8 };

struct bpe_trainer {
    int64_t memory;
    word_counter_t *counter; // NULL when it was used
};

int bpe_trainer_create(int64_t memory, const char *scratch, bpe_trainer_t **result) {
    bpe_trainer_t *trainer = mem_new(1, sizeof *trainer, "BPE trainer");
    if (!trainer) return -1;
    trainer->memory = memory;
    if (word_counter_create(memory / COUNTING_SHARE, scratch, &trainer->counter) != 0) {
        bpe_trainer_free(trainer);
        return -1;
    }
    *result = trainer;
    return 0;
}

void bpe_trainer_free(bpe_trainer_t *trainer) {
    if (!trainer) return;
    word_counter_free(trainer->counter);
    mem_free(trainer);
}

int bpe_trainer_add(bpe_trainer_t *trainer, const char *text, size_t bytes) {
    const uint8_t *data = (const uint8_t *)text;
    if (!trainer->counter) return err_set("text was added to a tokenizer trainer that has been used");
    for (size_t at = 0, end; at < bytes; at = end) {
        end = pretoken_end(data, at, bytes);
        TRY(word_counter_add(trainer->counter, data + at, end - at));
    }
    return 0;
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
    TRY(par_agree(trainer->counter ? 0 : err_set("a tokenizer trainer was used twice")));
    word_store_t words = {0};
    bpe_model_t model = {0};
    int rc = words_to_owners(trainer->counter, trainer->memory / EXCHANGE_SHARE, &words);
    word_counter_free(trainer->counter);
    trainer->counter = NULL;
    if (rc == 0) rc = bpe_learn(&words, vocab, trainer->memory, &model);
    if (rc == 0) rc = par_agree(par_rank() == 0 ? write_file(&model, json_path) : 0);
    word_store_free(&words);
    bpe_model_free(&model);
    return rc;
}
