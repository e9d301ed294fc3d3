/* Training a tokenizer on the documents of all ranks: the file is the same for any number of ranks, dealt in any way.
 */
#include "base/err.h"
#include "base/hash.h"
#include "base/rng.h"
#include "par/par.h"
#include "ranks_check.h"
#include "text/tokenizer.h"
#include <stdio.h>
#include <string.h>

enum { DOCUMENTS = 200, WORDS = 50, VOCAB = 290 };

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

/* Trains with document d on rank owner(d); prints the hash of what was written. */
static void check(const char *name, int deal) {
    bpe_trainer_t *trainer = NULL;
    must(bpe_trainer_create(1 << 20, folder, &trainer));
    for (int64_t d = 0; d < DOCUMENTS; d++) {
        int64_t owner = deal == 0 ? d % par_size() : deal == 1 ? par_size() - 1 : d * d * d / 7 % par_size();
        if (owner == par_rank()) add_document(trainer, d);
    }
    char path[512], line[128], text[HASH_TEXT];
    hash_t hash;
    snprintf(path, sizeof path, "%s/trained.json", folder);
    must(bpe_trainer_write(trainer, VOCAB, path));
    must(hash_file(path, &hash));
    snprintf(line, sizeof line, "%s: %s", name, hash_print(text, hash));
    verdict(line, 1);
    verdict("a second training is refused", bpe_trainer_write(trainer, VOCAB, path) != 0);
    verdict("text after the training is refused", bpe_trainer_add(trainer, "x", 1) != 0);
    bpe_trainer_free(trainer);
}

static void check_nothing(void) {
    bpe_trainer_t *trainer = NULL;
    must(bpe_trainer_create(1 << 20, folder, &trainer));
    verdict("no text at all",
            bpe_trainer_write(trainer, 258, "/nowhere/none.json") != 0 && strstr(err_text(), "no text to train"));
    bpe_trainer_free(trainer);
}

int main(int argc, char **argv) {
    if (par_init(&argc, &argv) != 0) return 1;
    shared_folder_make(folder);
    check("in turn", 0);
    check("all on the last rank", 1);
    check("unevenly", 2);
    check_nothing();
    shared_folder_remove(folder);
    par_finalize();
    return failures != 0;
}
