/* The checkpoints that a study was given: hashed by all ranks and remembered, as the inputs are. */
#include "base/err.h"
#include "base/file.h"
#include "cmd/plan.h"
#include "par/par.h"
#include <stdio.h>
#include <string.h>

static int add_file(const plan_t *plan, const char *path, plan_weights_t *weights) {
    file_hash_t *file = &weights->file[weights->files++];
    file->path = arena_strdup(plan->arena, path);
    return file->path ? 0 : -1;
}

/* Local: the files of a checkpoint folder that decide what the model says: weights, config, and the index that says
 * which tensor is read from which file. The tokenizer is compared with the corpus's when it is loaded. */
static int list_weights(const plan_t *plan, int32_t i, plan_weights_t *weights) {
    char path[4096];
    file_list_t files = {0};
    const char *dir = plan->study->model[i].checkpoint;
    if (file_glob_in(dir, "*.safetensors", &files) != 0 || files.count == 0) {
        file_list_free(&files);
        return err_set(
            "%s: no *.safetensors: a checkpoint is a Hugging Face folder with config.json, *.safetensors and "
            "tokenizer.json",
            dir);
    }
    weights->file = arena_new(plan->arena, files.count + 2, sizeof *weights->file, "hashes of a checkpoint");
    int rc = weights->file ? 0 : -1;
    for (int64_t f = 0; rc == 0 && f < files.count; f++) rc = add_file(plan, files.path[f], weights);
    file_list_free(&files);
    snprintf(path, sizeof path, "%s/config.json", dir);
    if (rc == 0) rc = add_file(plan, path, weights);
    snprintf(path, sizeof path, "%s/model.safetensors.index.json", dir);
    if (rc == 0 && file_exists(path)) rc = add_file(plan, path, weights);
    return rc;
}

int plan_weights_hash(plan_t *plan, int32_t i, int remember, hash_t *hash) {
    char cache[4096];
    plan_weights_t *weights = &plan->weights[i];
    for (int32_t other = 0; other < i; other++) // the same folder, to be probed in another precision
        if (plan->weights[other].files > 0 &&
            strcmp(plan->study->model[other].checkpoint, plan->study->model[i].checkpoint) == 0)
            *weights = plan->weights[other];
    if (weights->files == 0) {
        TRY(par_agree(list_weights(plan, i, weights)));
        int64_t seen[2] = {weights->files, -weights->files};
        par_min_i64(seen, 2);
        if (seen[0] != -seen[1])
            return err_set(
                "%s: some ranks see %lld files of the checkpoint, others %lld; put it where all nodes see it",
                plan->study->model[i].checkpoint, (long long)seen[0], (long long)-seen[1]);
        snprintf(cache, sizeof cache, "%s/inputs.csv", plan->study->run.cache);
        TRY(file_hashes(weights->file, weights->files, cache, remember));
    }
    hasher_t *h = hasher_create();
    if (!h) return -1;
    hasher_add_text(h, "checkpoint");
    hasher_add_i64(h, 3);
    for (int64_t f = 0; f < weights->files; f++) { // the names too: they say which file is read
        hasher_add_text(h, strrchr(weights->file[f].path, '/') + 1);
        hasher_add(h, &weights->file[f].hash, sizeof(hash_t));
    }
    *hash = hasher_finish(h);
    return 0;
}

/* Local: are the files still the same ones? One more may be the one that was read. */
static int list_holds(const plan_t *plan, int32_t i) {
    const plan_weights_t *then = &plan->weights[i];
    plan_weights_t now = {0};
    if (then->files == 0) return 0;
    TRY(list_weights(plan, i, &now));
    int same = now.files == then->files;
    for (int64_t f = 0; same && f < now.files; f++) same = strcmp(now.file[f].path, then->file[f].path) == 0;
    if (same) return 0;
    return err_set("%s: files came or went while it was read; run again when nothing writes to it",
                   plan->study->model[i].checkpoint);
}

int plan_weights_hold(const plan_t *plan, int32_t i) {
    TRY(par_agree(list_holds(plan, i)));
    return file_hashes_hold(plan->weights[i].file, plan->weights[i].files);
}
