/* Training a tokenizer on the documents of all ranks: the file is the same for any number of ranks, dealt in any way.
 */
#include "base/err.h"
#include "base/hash.h"
#include "base/rng.h"
#include "par/par.h"
#include "ranks_check.h"
#include "text/tokenizer.h"
#include "text/word_counter.h"
#include "text/word_store.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DOCUMENTS = 200, WORDS = 50, VOCAB = 290, RARE_WORDS = 8000, RARE_VOCAB = 340 };

static char folder[SHARED_FOLDER];

/* Document d: words of two to five syllables, common ones more often. */
static void add_document(bpe_trainer_t *trainer, int64_t d) {
    static const char *const syllable[] = {"the", "ra", "mi", "ne", "so", "lu", "tak", "ing", "'s", "\u00e9", "7"};
    char text[WORDS * 32];
    size_t n = 0;
    for (int64_t w = 0; w < WORDS; w++) {
        int64_t word = rng_below(3, RNG_TEST, (uint64_t)(d * WORDS + w), 40);
        word = word * word / 40; // small ones are common
        n += (size_t)snprintf(text + n, sizeof text - n, " ");
        for (int64_t s = 0; s < 2 + word % 4; s++) {
            n += (size_t)snprintf(text + n, sizeof text - n, "%s", syllable[(word * 7 + s * 5 + word / 4) % 11]);
        }
    }
    if (bpe_trainer_add(trainer, text, n) != 0) par_fail();
}

/* Nearly as many different words as there are words. */
static void add_rare_words(bpe_trainer_t *trainer, int64_t d) {
    for (int64_t w = d; w < RARE_WORDS; w += DOCUMENTS) {
        char text[64];
        size_t n = 0;
        text[n++] = ' ';
        uint64_t value = rng_u64(5, RNG_TEST, (uint64_t)w);
        for (int64_t k = 0, letters = 3 + w % 8; k < letters; k++, value /= 7) text[n++] = "etaoins"[value % 7];
        must(bpe_trainer_add(trainer, text, n));
    }
}

static int is_dealt_here(int64_t d, int deal) {
    int64_t owner = deal == 0 ? d % par_size() : deal == 1 ? par_size() - 1 : d * d * d / 7 % par_size();
    return owner == par_rank();
}

/* Prints the hash of what was written. */
static void write_and_check(bpe_trainer_t *trainer, const char *name, int32_t vocab) {
    char path[512], line[128], text[HASH_TEXT];
    hash_t hash;
    snprintf(path, sizeof path, "%s/trained.json", folder);
    must(bpe_trainer_write(trainer, vocab, path));
    must(hash_file(path, &hash));
    snprintf(line, sizeof line, "%s: %s", name, hash_print(text, hash));
    verdict(line, 1);
    verdict("a second training is refused", bpe_trainer_write(trainer, vocab, path) != 0);
    verdict("text after the training is refused", bpe_trainer_add(trainer, "x", 1) != 0);
    bpe_trainer_free(trainer);
}

static void check(const char *name, int deal) {
    bpe_trainer_t *trainer = NULL;
    must(bpe_trainer_create(1 << 20, folder, &trainer));
    for (int64_t d = 0; d < DOCUMENTS; d++)
        if (is_dealt_here(d, deal)) add_document(trainer, d);
    write_and_check(trainer, name, VOCAB);
}

static void check_memory(const char *name, int64_t memory, int deal) {
    bpe_trainer_t *trainer = NULL;
    must(bpe_trainer_create(memory, folder, &trainer));
    for (int64_t d = 0; d < DOCUMENTS; d++)
        if (is_dealt_here(d, deal)) add_rare_words(trainer, d);
    write_and_check(trainer, name, RARE_VOCAB);
}

static void check_too_little_memory(void) {
    bpe_trainer_t *trainer = NULL;
    must(bpe_trainer_create(100000, folder, &trainer));
    for (int64_t d = 0; d < DOCUMENTS; d++)
        if (is_dealt_here(d, 0)) add_rare_words(trainer, d);
    verdict("too little memory", bpe_trainer_write(trainer, RARE_VOCAB, "/nowhere/none.json") != 0 &&
                                     strstr(err_text(), "use more ranks or allow more memory"));
    bpe_trainer_free(trainer);
}

static void check_nothing(void) {
    bpe_trainer_t *trainer = NULL;
    must(bpe_trainer_create(1 << 20, folder, &trainer));
    verdict("no text at all",
            bpe_trainer_write(trainer, 258, "/nowhere/none.json") != 0 && strstr(err_text(), "no text to train"));
    bpe_trainer_free(trainer);
}

/* Counting in 16 KiB and exchange in rounds of 4 KiB: every word has one owner, who has its count over all ranks. */
static void check_owners(void) {
    enum { DIFFERENT = 3000, ADDS = 30000 };
    static int64_t times[DIFFERENT];
    word_counter_t *counter = NULL;
    word_store_t mine = {0};
    counted_t word;
    char text[32];
    must(word_counter_create(16 << 10, folder, &counter));
    for (uint64_t i = 0; i < ADDS; i++) {
        int64_t w = rng_below(6, RNG_TEST, i, DIFFERENT);
        times[w]++;
        int length = snprintf(text, sizeof text, "word %lld", (long long)w);
        if ((int64_t)(i * i / 5) % par_size() == par_rank())
            must(word_counter_add(counter, (const uint8_t *)text, (size_t)length));
    }
    must(words_to_owners(counter, 1, &mine));
    int64_t spills = word_counter_spills(counter), words = mine.words, ok = 1;
    word_counter_free(counter);
    while (word_store_take(&mine, &word) > 0) {
        snprintf(text, sizeof text, "%.*s", (int)word.bytes, (const char *)word.text);
        int64_t w = strtoll(text + 5, NULL, 10);
        snprintf(text, sizeof text, "word %lld", (long long)w);
        ok &= word.bytes == (int64_t)strlen(text) && memcmp(text, word.text, strlen(text)) == 0;
        ok &= w < DIFFERENT && word.count == times[w];
        if (w < DIFFERENT) times[w] = -1; // not twice
    }
    for (int64_t w = 0; w < DIFFERENT; w++) times[w] = times[w] == -1;
    par_sum_i64(times, DIFFERENT);
    for (int64_t w = 0; w < DIFFERENT; w++) ok &= times[w] == 1;
    verdict("every rank ran out of room", spills > 3);
    verdict("every rank owns its share", words > DIFFERENT / 2 / par_size());
    verdict("one owner a word, with all counts", (int)ok);
    word_store_free(&mine);
}

int main(int argc, char **argv) {
    if (par_init(&argc, &argv) != 0) return 1;
    shared_folder_make(folder);
    check("in turn", 0);
    check("all on the last rank", 1);
    check("unevenly", 2);
    check_nothing();
    check_memory("rare words, much memory", 1 << 26, 0);
    check_memory("rare words, little memory", 1400000, 2);
    check_too_little_memory();
    check_owners();
    shared_folder_remove(folder);
    par_finalize();
    return failures != 0;
}
