/* The tokenizer of a study: what can be said of it before anything runs, and whether the checkpoints speak its tokens.
 */
#include "base/err.h"
#include "base/file.h"
#include "cmd/plan.h"
#include "par/par.h"
#include "text/tokenizer.h"
#include <stdio.h>
#include <string.h>

/* A tokenizer that is trained here ends documents with this. */
static const char trained_end[] = "<|endoftext|>";

static int check_trained(const study_t *study) {
    const char *end = study->corpus.end_token;
    if (*end == '\0' || strcmp(end, trained_end) == 0) return 0;
    return err_set("%s: [corpus] end_token = %s: a tokenizer that is trained here ends documents with %s; leave it out",
                   ini_where(study->ini, "corpus", "end_token"), end, trained_end);
}

int plan_tokenizer_check(plan_t *plan) {
    const study_corpus_t *corpus = &plan->study->corpus;
    tokenizer_t *tokenizer;
    int32_t end;
    if (corpus->train_vocab) return check_trained(plan->study);
    int rc = tokenizer_load(corpus->tokenizer, &tokenizer);
    if (rc == 0) {
        plan->vocab = tokenizer_vocab(tokenizer);
        rc = ingest_find_end(tokenizer, corpus->tokenizer, corpus->end_token, &end);
        tokenizer_free(tokenizer);
    }
    return rc == 0 ? 0 : err_context("%s: [corpus] tokenizer", ini_where(plan->study->ini, "corpus", "tokenizer"));
}

int plan_tokenizer_fits(const plan_t *plan, int32_t i, const char *dir, const char *tokenizer) {
    char path[4096];
    hash_t theirs, ours;
    snprintf(path, sizeof path, "%s/tokenizer.json", dir);
    if (!file_exists(path)) return 0;
    TRY(hash_file(path, &theirs));
    TRY(hash_file(tokenizer, &ours));
    if (hash_compare(theirs, ours) == 0) return 0;
    return err_set(
        "model %s was made with another tokenizer than the corpus: %s differs from %s; set [corpus] tokenizer "
        "to the model's own file",
        plan->study->model[i].name, path, tokenizer);
}

int plan_vocab_fits(const plan_t *plan, int32_t i, int64_t theirs, int32_t ours) {
    if (theirs >= ours) return 0;
    return err_set("model %s knows %lld tokens, the corpus has %d: they were made with different tokenizers",
                   plan->study->model[i].name, (long long)theirs, (int)ours);
}

/* On rank 0: the one in the corpus's folder is there once ingest is done. */
static int fit_all(const plan_t *plan) {
    for (int32_t i = 0; i < plan->study->n_models; i++) {
        const study_model_t *model = &plan->study->model[i];
        if (!model->train) TRY(plan_tokenizer_fits(plan, i, model->checkpoint, plan->tokenizer));
    }
    return 0;
}

int plan_tokenizers_fit(const plan_t *plan) {
    int is_there = par_rank() == 0 && plan->study->n_models > 0 && artifact_is_done(plan->ingest_dir);
    return par_agree(is_there ? fit_all(plan) : 0);
}
