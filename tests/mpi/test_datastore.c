/* Building a datastore on any number of ranks: the printed hashes of its files are the same for all, and every entry is
 * what one window of its document alone gives. A rank that fails leaves no file and one message on all ranks. */
#include "base/err.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/rng.h"
#include "memory/datastore.h"
#include "par/par.h"
#include "ranks_check.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { VOCAB = 61, CONTEXT = 32, WIDTH = 32 };
static const model_spec_t shape = {.family = "gpt_neox",
                                   .vocab = VOCAB,
                                   .layers = 2,
                                   .width = WIDTH,
                                   .heads = 2,
                                   .head_size = 16,
                                   .ffn = 128,
                                   .context = CONTEXT,
                                   .rotary_dims = 8,
                                   .rotary_base = 10000,
                                   .norm_eps = 1e-5f,
                                   .parallel_residual = 1,
                                   .ends = {1, {0}}};

/* Documents around the length of the context, short ones, an empty one; enough for many batches. */
static const int64_t lengths[] = {1, 32, 33, 64, 5, 0, 100, 31, 2};
enum { DOCUMENTS = 120, LENGTHS = sizeof lengths / sizeof *lengths };

/* Collective. */
static tokens_t *make_corpus(const char *dir) {
    char path[400], id[32];
    int32_t ids[128];
    shard_out_t *out = NULL;
    tokens_t *corpus = NULL;
    int rc = 0;
    snprintf(path, sizeof path, "%s/corpus", dir);
    if (par_rank() == 0) {
        rc = dir_make(path);
        if (rc == 0) rc = shard_out_open(path, "a", VOCAB, 0, &out);
        for (int32_t d = 0; d < DOCUMENTS && rc == 0; d++) {
            for (int32_t i = 0; i < 128; i++)
                ids[i] = 1 + (int32_t)rng_below(2, RNG_TEST, (uint64_t)(d * 128 + i), VOCAB - 1);
            snprintf(id, sizeof id, "d%d", (int)d);
            rc = shard_out_add(out, id, "test", id, ids, lengths[d % LENGTHS]);
        }
        if (rc == 0) rc = shard_out_commit(out);
        if (rc == 0) rc = tokens_seal(path);
    }
    must(par_agree(rc));
    must(tokens_open(path, &corpus));
    return corpus;
}

typedef struct {
    float x[CONTEXT * WIDTH];
} keys_t;

static int copy_keys(void *user, int64_t layer, int64_t n, const row_t *rows, float *x) {
    (void)rows;
    if (layer == shape.layers - 1) memcpy(((keys_t *)user)->x, x, (size_t)(n * WIDTH) * sizeof *x);
    return 0;
}

/* Local: the store against its definition, one window a forward call. */
static int store_is_right(const model_t *model, tokens_t *corpus, int64_t stride, const char *dir) {
    datastore_t store;
    session_t *session;
    keys_t keys;
    const attachment_t copy = {.user = &keys, .ffn_input = copy_keys};
    int64_t entry = 0;
    int right = 1;
    must(datastore_open(dir, &store));
    must(session_create(model, 1, CONTEXT, CONTEXT, &session));
    for (int64_t d = 0; d < tokens_documents(corpus); d++) {
        const token_document_t document = tokens_document(corpus, d);
        for (int64_t i = 0; i < document.length; i++) {
            int32_t token[CONTEXT], value;
            const int32_t sequence = 0;
            if (i % CONTEXT == 0) {
                int64_t n = document.length - i < CONTEXT ? document.length - i : CONTEXT;
                must(tokens_read(corpus, document.first + i, n, token));
                session_reset(session, 0);
                must(session_forward(session, 1, &sequence, &n, token, &copy));
            }
            if (i % stride != 0) continue;
            must(tokens_read(corpus, document.first + i + 1, 1, &value));
            right = right && entry < store.n && store.values[entry] == value &&
                    store.position[entry] == document.first + i + 1 &&
                    memcmp(store.keys + entry * WIDTH, keys.x + i % CONTEXT * WIDTH, WIDTH * sizeof(float)) == 0;
            entry++;
        }
    }
    right = right && entry == store.n;
    session_free(session);
    datastore_close(&store);
    return right;
}

static void print_hashes(const char *dir) {
    static const char *const names[] = {"keys.f32", "values.u32", "positions.i64", "meta.json"};
    for (int i = 0; i < 4 && par_rank() == 0; i++) {
        char path[500], text[HASH_TEXT];
        hash_t hash;
        snprintf(path, sizeof path, "%s/%s", dir, names[i]);
        must(hash_file(path, &hash));
        printf("%s %s\n", names[i], hash_print(text, hash));
    }
}

static void check_stride(const model_t *model, tokens_t *corpus, const char *folder, int64_t stride) {
    char dir[400], name[60];
    snprintf(dir, sizeof dir, "%s/store%d", folder, (int)stride);
    must(par_agree(par_rank() == 0 ? dir_make(dir) : 0));
    must(datastore_build(model, corpus, stride, "store", dir));
    print_hashes(dir);
    snprintf(name, sizeof name, "every entry is its window's, stride %d", (int)stride);
    verdict(name, store_is_right(model, corpus, stride, dir));
}

/* Weights that are not finite: the forward call fails wherever it runs. */
static void check_failure(model_t *model, tokens_t *corpus, const char *folder) {
    char dir[400], path[500];
    int64_t n;
    snprintf(dir, sizeof dir, "%s/broken", folder);
    snprintf(path, sizeof path, "%s/keys.f32", dir);
    must(par_agree(par_rank() == 0 ? dir_make(dir) : 0));
    float *parameters = model_parameters(model, &n);
    for (int64_t i = 0; i < n; i++) parameters[i] = __builtin_nanf("");
    must(model_pack(model));
    int rc = datastore_build(model, corpus, 1, "store", dir);
    verdict("a failure is one message on all ranks", rc == -1 && strstr(err_text(), "NaN") != NULL);
    par_barrier();
    char part[520];
    snprintf(part, sizeof part, "%s.part", path);
    verdict("and leaves no file", !file_exists(path) && !file_exists(part));
}

int main(int argc, char **argv) {
    char folder[SHARED_FOLDER];
    model_t *model = NULL;
    if (par_init(&argc, &argv) != 0) return 1;
    shared_folder_make(folder);
    must(model_create(&shape, tensor_kernels("auto"), 1, &model));
    tokens_t *corpus = make_corpus(folder);
    check_stride(model, corpus, folder, 1);
    check_stride(model, corpus, folder, 3);
    check_failure(model, corpus, folder);
    tokens_close(corpus);
    model_free(model);
    shared_folder_remove(folder);
    par_finalize();
    return failures != 0;
}
