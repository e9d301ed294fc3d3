/* One copy of a checkpoint for all ranks of a node has the bits of a copy of one's own: hidden states, statistics of
 * the head and greedy continuations, for checkpoints of every family, stored as halves and as floats, in both
 * precisions. A broken tensor is named on every rank. */
#include "base/mem.h"
#include "base/rng.h"
#include "model/model.h"
#include "ranks_check.h"
#include <string.h>

enum { PROMPT = 12, STEPS = 8 };

/* What a model says of a prompt: hidden states, statistics, continuation, in one block. */
static void *answer(const model_t *model, size_t *bytes) {
    const model_spec_t *spec = model_spec(model);
    session_t *s;
    int32_t tokens[PROMPT], sequence = 0;
    int64_t select[PROMPT], n = PROMPT;
    size_t hidden = (size_t)(PROMPT * spec->width) * sizeof(float), stat = PROMPT * sizeof(head_stat_t);
    *bytes = hidden + stat + STEPS * sizeof(int32_t);
    char *block = mem_new((int64_t)*bytes, 1, "answer");
    for (uint64_t i = 0; i < PROMPT; i++) {
        tokens[i] = (int32_t)rng_below(3, RNG_TEST, i, spec->vocab);
        select[i] = (int64_t)i;
    }
    if (!block) par_fail();
    must(session_create(model, 1, PROMPT + STEPS, PROMPT, &s));
    must(session_forward(s, 1, &sequence, &n, tokens, NULL));
    memcpy(block, session_hidden(s), hidden);
    must(session_head(s, PROMPT, select, NULL, NULL, (head_stat_t *)(void *)(block + hidden)));
    must(session_greedy(s, 1, &sequence, tokens, STEPS, NULL, (int32_t *)(void *)(block + hidden + stat), NULL));
    session_free(s);
    return block;
}

/* 1 when the shared copy answers as one's own. */
static int is_same(precision_t precision, const char *dir, const char *spill) {
    model_t *own, *shared;
    size_t n, m;
    int ranks;
    const char *place;
    const tensor_ops_t *ops = tensor_kernels("auto");
    must(model_load_as(precision, dir, ops, &own));
    must(model_share(precision, dir, ops, spill, &shared));
    void *a = answer(own, &n), *b = answer(shared, &m);
    int same = n == m && memcmp(a, b, n) == 0;
    same &= model_shared_bytes(own, &ranks, &place) == 0;
    same &= model_shared_bytes(shared, &ranks, &place) > 0 && ranks == par_size();
    mem_free(a), mem_free(b);
    model_free(own), model_free(shared);
    return same;
}

/* As the golden files store it, and saved again as floats. */
static void check_checkpoint(const char *name, const char *folder) {
    char dir[600], floats[600];
    model_t *model;
    snprintf(dir, sizeof dir, "tests/golden/%s", name);
    snprintf(floats, sizeof floats, "%s/floats", folder);
    must(model_load(dir, tensor_kernels("auto"), &model));
    must(par_rank() == 0 ? dir_make(floats) : 0);
    must(par_rank() == 0 ? model_save(model, floats, NULL) : 0);
    model_free(model);
    par_barrier();
    int ok = is_same(PRECISION_FP32, dir, folder) & is_same(PRECISION_BF16, dir, folder) &
             is_same(PRECISION_FP32, floats, folder) & is_same(PRECISION_BF16, floats, folder);
    verdict(name, ok);
    par_barrier();
}

/* A NaN in the last tensor: some rank finds it, all say so. */
static void check_damaged(const char *folder) {
    char floats[600], path[700];
    model_t *model = NULL;
    file_map_t map;
    snprintf(floats, sizeof floats, "%s/floats", folder);
    snprintf(path, sizeof path, "%s/model.safetensors", floats);
    if (par_rank() == 0) {
        must(file_map(path, &map));
        char *copy = mem_new((int64_t)map.size, 1, "copy");
        size_t size = map.size;
        memcpy(copy, map.data, size);
        file_unmap(&map);
        memset(copy + size - 4, 0xff, 4);
        must(file_write(path, copy, size));
        mem_free(copy);
    }
    par_barrier();
    int rc = model_share(PRECISION_FP32, floats, tensor_kernels("auto"), folder, &model);
    verdict("a NaN is named on every rank", rc == -1 && strstr(err_text(), "holds a NaN or an infinity") != NULL);
}

int main(int argc, char **argv) {
    static const char *const name[] = {"families/gpt2",  "families/gpt_neo",   "families/llama", "families/olmo",
                                       "families/olmo2", "neox/parallel-bf16", "neox/serial-f16"};
    char folder[SHARED_FOLDER];
    par_init(&argc, &argv);
    shared_folder_make(folder);
    for (size_t i = 0; i < sizeof name / sizeof *name; i++) check_checkpoint(name[i], folder);
    check_damaged(folder);
    shared_folder_remove(folder);
    par_finalize();
    return failures != 0;
}
