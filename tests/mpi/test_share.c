/* A checkpoint opened for inference, by one process or once for all ranks of a node, has the bits of a model of one's
 * own: hidden states, statistics of the head and greedy continuations, for checkpoints of every family, stored as
 * halves, as floats and as both, in both precisions. It takes the memory that inspect says, and cannot be changed,
 * saved or trained. A broken tensor, and a tied head that is another, is named on every rank. */
#include "base/mem.h"
#include "base/rng.h"
#include "model/backward.h"
#include "model/model.h"
#include "model/safetensors.h"
#include "ranks_check.h"
#include <signal.h>
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

/* 1 when the model answers as one's own, and holds what inspect has said. */
static int is_like(const model_t *model, const void *own, size_t n, const model_held_t *said, int ranks) {
    size_t m;
    const model_held_t held = model_held(model);
    void *theirs = answer(model, &m);
    int same = n == m && memcmp(own, theirs, n) == 0;
    mem_free(theirs);
    return same && held.bytes == said->bytes && strcmp(held.types, said->types) == 0 && held.ranks == ranks;
}

static int is_same(precision_t precision, const char *dir, const char *spill) {
    model_t *own;
    const model_t *alone, *shared;
    model_folder_t folder;
    size_t n;
    const tensor_ops_t *ops = tensor_kernels("auto");
    must(model_inspect(dir, &folder));
    must(model_load(dir, ops, &own));
    must(model_set_precision(own, precision));
    must(model_open(precision, dir, ops, &alone));
    must(model_share(precision, dir, ops, spill, &shared));
    void *answered = answer(own, &n);
    int same = is_like(alone, answered, n, &folder.held[precision], 1) &
               is_like(shared, answered, n, &folder.held[precision], par_size());
    same &= model_held(own).bytes == 0;
    mem_free(answered);
    model_free(own), model_free(alone), model_free(shared);
    return same;
}

static int is_same_in_both(const char *dir, const char *spill) {
    return is_same(PRECISION_FP32, dir, spill) & is_same(PRECISION_BF16, dir, spill);
}

/* Local: all tensors of a file as floats in another file. When `head` is not NULL, the embedding is there once more
 * under that name, its last number changed by `change`. */
static void copy_as_floats(const char *from, const char *to, const char *embed, const char *head, float change) {
    safetensors_t *file;
    safetensors_out_t *out;
    must(safetensors_open(from, &file));
    int32_t n = safetensors_count(file);
    safetensors_entry_t *entry = mem_new(n + 1, sizeof *entry, "tensors"), *written = mem_new(n + 1, sizeof *entry, "");
    if (!entry || !written) par_fail();
    for (int32_t i = 0; i < n; i++) entry[i] = *safetensors_at(file, i);
    if (head) {
        entry[n] = *safetensors_find(file, embed);
        entry[n++].name = head;
    }
    memcpy(written, entry, (size_t)n * sizeof *entry);
    must(safetensors_create(to, "pt", n, written, &out));
    for (int32_t i = 0; i < n; i++) {
        float *x = mem_new(entry[i].elements, sizeof *x, "a tensor");
        must(x ? safetensors_read(file, &entry[i], 0, entry[i].elements, x) : -1);
        if (head && i == n - 1) x[entry[i].elements - 1] += change;
        must(safetensors_write(out, x, entry[i].elements));
        mem_free(x);
    }
    must(safetensors_commit(out));
    mem_free(entry), mem_free(written);
    safetensors_close(file);
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
    verdict(name, is_same_in_both(dir, folder) & is_same_in_both(floats, folder));
    par_barrier();
}

/* One of four files of halves is one of floats. Returns the folder. */
static void make_mixed(const char *folder, char dir[600]) {
    static const char from[] = "tests/golden/neox/serial-f16";
    static const char *const name[] = {"config.json", "model.safetensors.index.json",
                                       "model-00001-of-00004.safetensors", "model-00003-of-00004.safetensors",
                                       "model-00004-of-00004.safetensors"};
    char source[700], target[700];
    snprintf(dir, 600, "%s/mixed", folder);
    if (par_rank() == 0) {
        must(dir_make(dir));
        for (size_t i = 0; i < sizeof name / sizeof *name; i++) {
            snprintf(source, sizeof source, "%s/%s", from, name[i]);
            snprintf(target, sizeof target, "%s/%s", dir, name[i]);
            must(file_copy(source, target));
        }
        snprintf(source, sizeof source, "%s/model-00002-of-00004.safetensors", from);
        snprintf(target, sizeof target, "%s/model-00002-of-00004.safetensors", dir);
        copy_as_floats(source, target, NULL, NULL, 0);
    }
    par_barrier();
}

static int64_t up_to(int64_t n, int64_t unit) {
    return (n + unit - 1) / unit * unit;
}

/* What the weights take, from the shapes and types in the files alone, for a GPT-NeoX of a tied head, each of whose
 * tensors is one weight: a matrix (out, in) has its rows padded to panels of 32, in the type of its file or, in the
 * precision bf16, in 2 bytes and with columns padded to pairs; the embedding always has the type of its file, and is
 * there once more as the head of precision bf16; vectors are floats. Each begins at a line of 64 bytes. */
static size_t bytes_by_hand(const char *dir, precision_t precision) {
    int64_t bytes = 0;
    for (int f = 1; f <= 4; f++) {
        char path[700];
        safetensors_t *file;
        snprintf(path, sizeof path, "%s/model-0000%d-of-00004.safetensors", dir, f);
        must(safetensors_open(path, &file));
        for (int32_t i = 0; i < safetensors_count(file); i++) {
            const safetensors_entry_t *e = safetensors_at(file, i);
            int64_t panels = up_to(e->shape[0], 32), number = strcmp(e->dtype, "F32") == 0 ? 4 : 2;
            int is_embed = strcmp(e->name, "gpt_neox.embed_in.weight") == 0;
            int is_bf16 = e->rank == 2 && precision == PRECISION_BF16;
            if (e->rank == 1) bytes += up_to(4 * e->shape[0], 64);
            if (e->rank == 2 && (is_embed || !is_bf16)) bytes += up_to(panels * e->shape[1] * number, 64);
            if (is_bf16) bytes += up_to(panels * up_to(e->shape[1], 2) * 2, 64);
        }
        safetensors_close(file);
    }
    return (size_t)bytes;
}

static void check_mixed(const char *folder) {
    char dir[600];
    model_folder_t said;
    make_mixed(folder, dir);
    must(model_inspect(dir, &said));
    int ok = strcmp(said.held[PRECISION_FP32].types, "F16 and F32") == 0;
    ok &= strcmp(said.held[PRECISION_BF16].types, "BF16 and F16") == 0; // the embedding is among the halves
    ok &= said.held[PRECISION_FP32].bytes == bytes_by_hand(dir, PRECISION_FP32);
    ok &= said.held[PRECISION_BF16].bytes == bytes_by_hand(dir, PRECISION_BF16);
    verdict("halves and floats in one checkpoint", ok & is_same_in_both(dir, folder));
}

static int is_refused(int rc, const char *what) {
    return rc == -1 && strstr(err_text(), "inference only") != NULL && strstr(err_text(), what) != NULL;
}

/* The compiler refuses all but the saving, unless told not to look. */
static void check_misuse(const char *folder) {
    static const char dir[] = "tests/golden/neox/parallel-bf16";
    char path[600];
    const model_t *model;
    backward_t *backward;
    must(model_share(PRECISION_FP32, dir, tensor_kernels("auto"), folder, &model));
    model_t *forced = (model_t *)(uintptr_t)model;
    snprintf(path, sizeof path, "%s/misuse-%d", folder, par_rank());
    int ok = is_refused(model_save(model, path, NULL), "cannot be saved") && !file_exists(path);
    ok &= is_refused(model_pack(forced), "cannot be packed");
    ok &= is_refused(model_set_precision(forced, PRECISION_BF16), "precision cannot be set");
    ok &= is_refused(backward_create(forced, 1, 4, &backward), "cannot be trained");
    ok &= model_precision(model) == PRECISION_FP32;
    model_free(model);
    verdict("a model for inference is not packed, saved or trained", ok);
}

/* A tied head that is stored as well: the embedding again, or another matrix. */
static void check_tied_head(const char *folder) {
    static const char embed[] = "gpt_neox.embed_in.weight", head[] = "embed_out.weight";
    const tensor_ops_t *ops = tensor_kernels("auto");
    model_t *model;
    const model_t *other = NULL;
    char floats[600], tied[600], path[2][700];
    snprintf(floats, sizeof floats, "%s/floats", folder);
    snprintf(tied, sizeof tied, "%s/tied", folder);
    snprintf(path[0], sizeof path[0], "%s/model.safetensors", floats);
    snprintf(path[1], sizeof path[1], "%s/model.safetensors", tied);
    must(model_load("tests/golden/neox/serial-f16", ops, &model));
    if (par_rank() == 0) {
        must(dir_make(tied));
        must(model_save(model, floats, NULL));
        must(model_save(model, tied, NULL));
        copy_as_floats(path[0], path[1], embed, head, 0);
    }
    par_barrier();
    int ok = is_same_in_both(tied, folder);
    par_barrier();
    if (par_rank() == 0) copy_as_floats(path[0], path[1], embed, head, 1);
    par_barrier();
    static const char why[] = "tensor embed_out.weight differs from it";
    ok &= model_share(PRECISION_FP32, tied, ops, folder, &other) == -1 && strstr(err_text(), why);
    ok &= model_share(PRECISION_BF16, tied, ops, folder, &other) == -1 && strstr(err_text(), why);
    ok &= model_open(PRECISION_FP32, tied, ops, &other) == -1 && strstr(err_text(), why);
    model_free(model);
    ok &= model_load(tied, ops, &model) == -1 && strstr(err_text(), why);
    verdict("a tied head that is stored must be the embedding", ok);
    par_barrier();
}

/* A NaN in the last tensor: some rank finds it, all say so. */
static void check_damaged(const char *folder) {
    char floats[600], path[700];
    const model_t *model = NULL;
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

/* A signal to one rank while weights are read takes all out of it. Comes last: the signal is remembered. */
static void check_interrupted(const char *folder) {
    static const char dir[] = "tests/golden/neox/parallel-bf16";
    const model_t *model = NULL;
    par_watch_signals();
    if (par_rank() == par_size() - 1) must(raise(SIGTERM));
    int rc = model_share(PRECISION_FP32, dir, tensor_kernels("auto"), folder, &model);
    verdict("a signal ends the reading of weights", rc == -1 && par_left_early() && model == NULL);
}

int main(int argc, char **argv) {
    static const char *const name[] = {"families/gpt2",  "families/gpt_neo",   "families/llama", "families/olmo",
                                       "families/olmo2", "neox/parallel-bf16", "neox/serial-f16"};
    char folder[SHARED_FOLDER];
    par_init(&argc, &argv);
    shared_folder_make(folder);
    for (size_t i = 0; i < sizeof name / sizeof *name; i++) check_checkpoint(name[i], folder);
    check_mixed(folder);
    check_misuse(folder);
    check_tied_head(folder);
    check_damaged(folder);
    check_interrupted(folder);
    shared_folder_remove(folder);
    par_finalize();
    return failures != 0;
}
