/* Training a tokenizer on what a model will be trained on: the member documents, and each planted sequence once. Once,
 * not once a copy: the vocabulary would learn the words of much repeated sequences, these would be shorter in tokens
 * than their controls, and what is meant to differ by repetition alone would differ in length too. */
#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "par/par.h"
#include "text/ingest_parts.h"
#include "text/tokenizer.h"
#include <string.h>

static int add_document(void *trainer, const document_t *document, int held_out) {
    return held_out ? 0 : bpe_trainer_add(trainer, document->text, document->bytes);
}

static int add_planted(const inject_t *inject, bpe_trainer_t *trainer) {
    for (int32_t level = 0; level < inject->levels; level++) {
        for (int64_t number = 0; number < inject->per_level; number++) {
            char *text = NULL;
            TRY(inject_text(inject, level, number, 0, &text));
            int rc = bpe_trainer_add(trainer, text, strlen(text));
            mem_free(text);
            TRY(rc);
        }
    }
    return 0;
}

/* Tickets are the files, then one for all planted sequences. */
static int add_texts(const ingest_t *spec, par_tickets_t *tickets, bpe_trainer_t *trainer) {
    progress_t progress;
    progress_start(&progress, "read words", spec->inputs->count, "files");
    for (int64_t ticket; (ticket = par_tickets_next(tickets)) >= 0;) {
        int is_file = ticket < spec->inputs->count;
        TRY(par_tickets_end(tickets, is_file ? ingest_walk(spec, ticket, add_document, trainer)
                                             : add_planted(&spec->inject, trainer)));
        progress_update(&progress, is_file ? ticket + 1 : ticket);
    }
    progress_update(&progress, spec->inputs->count);
    progress_end(&progress);
    return 0;
}

int ingest_train_tokenizer(const ingest_t *spec, int32_t vocab, const char *json_path) {
    TRY(ingest_check(spec));
    par_tickets_t *tickets = NULL;
    bpe_trainer_t *trainer = NULL;
    int rc = par_agree(bpe_trainer_create(spec->memory, spec->scratch, &trainer));
    if (rc == 0) rc = par_tickets_create(spec->inputs->count + 1, &tickets);
    if (rc == 0) {
        rc = par_agree(add_texts(spec, tickets, trainer));
        par_tickets_free(tickets);
    }
    if (rc == 0) rc = bpe_trainer_write(trainer, vocab, json_path);
    bpe_trainer_free(trainer);
    return rc;
}
