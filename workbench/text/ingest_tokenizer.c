/* Training a tokenizer on what a model will be trained on: the member documents, and each planted sequence once. Once,
 * not once a copy: the vocabulary would learn the words of much repeated sequences, these would be shorter in tokens
 * than their controls, and what is meant to differ by repetition alone would differ in length too. */
#include "base/err.h"
#include "base/mem.h"
#include "par/par.h"
#include "text/ingest_parts.h"
#include "text/tokenizer.h"
#include <string.h>

static int add_document(void *trainer, const input_t *input, const document_t *document, int held_out) {
    (void)input;
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

/* Tickets are the parts, then one for all planted sequences. */
static int add_texts(const ingest_parts_t *parts, par_tickets_t *tickets, bpe_trainer_t *trainer,
                     ingest_progress_t *progress) {
    ingest_walker_t walker = {.parts = parts, .progress = progress};
    int rc = 0;
    for (int64_t ticket; rc == 0 && (ticket = par_tickets_next(tickets)) >= 0;) {
        int is_part = ticket < parts->n;
        rc = par_tickets_end(tickets, is_part ? ingest_walk(&walker, ticket, add_document, trainer)
                                              : add_planted(&parts->spec->inject, trainer));
    }
    ingest_walker_close(&walker);
    return rc;
}

/* Collective. */
static int feed(const ingest_parts_t *parts, bpe_trainer_t *trainer) {
    par_tickets_t *tickets = NULL;
    ingest_progress_t progress;
    TRY(par_tickets_create(parts->n + 1, &tickets));
    int rc = ingest_progress_create("read words", parts->bytes, 0, &progress);
    if (rc == 0) {
        rc = par_agree(add_texts(parts, tickets, trainer, &progress));
        ingest_progress_free(&progress, rc);
    }
    par_tickets_free(tickets);
    return rc;
}

int ingest_train_tokenizer(const ingest_t *spec, int32_t vocab, const char *json_path) {
    TRY(ingest_check(spec, 1));
    ingest_parts_t parts;
    TRY(ingest_parts_create(spec, NULL, &parts));
    bpe_trainer_t *trainer = NULL; // half the memory: the reader may hold a long document at the same time
    int rc = par_agree(bpe_trainer_create(spec->memory / 2, spec->scratch, &trainer));
    if (rc == 0) rc = feed(&parts, trainer);
    if (rc == 0) rc = bpe_trainer_write(trainer, vocab, json_path);
    bpe_trainer_free(trainer);
    ingest_parts_free(&parts);
    return rc;
}
