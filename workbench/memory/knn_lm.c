/* The kNN-LM (Khandelwal et al. 2020, equations 2 and 3): the neighbours' distribution and its blend with the model's,
 *     p(y) = (1 - lambda) p_LM(y) + lambda p_kNN(y),
 * a mixture of probabilities, not of logits. As an attachment it takes each row's query where the keys came from, the
 * last layer's ffn_input, and turns the row's logits into log-probabilities of the blend. */
#include "base/err.h"
#include "base/mem.h"
#include "memory/knn.h"
#include "tensor/math.h"
#include <assert.h>

int64_t knn_distribution(const datastore_t *store, int64_t k, const neighbour_t *neighbours, double temperature,
                         int32_t *token, double *p) {
    int64_t distinct = 0;
    double total = 0;
    for (int64_t i = 0; i < k && neighbours[i].id >= 0; i++) {
        double gap = (double)neighbours[i].distance - (double)neighbours[0].distance;
        double weight = math_exp64(-gap / temperature);
        int32_t value = store->values[neighbours[i].id];
        int64_t at = 0;
        while (at < distinct && token[at] != value) at++;
        if (at == distinct) {
            token[at] = value;
            p[distinct++] = 0;
        }
        p[at] += weight;
        total += weight;
    }
    for (int64_t i = 0; i < distinct; i++) p[i] /= total;
    return distinct;
}

void knn_blend(double lambda, int64_t distinct, const int32_t *token, double *p, int64_t vocab, double lse,
               float *logits) {
    if (lambda == 0 || distinct == 0) return; // not even a rounding: the model without memory
    for (int64_t i = 0; i < distinct; i++) {
        double model = math_exp64((double)logits[token[i]] - lse);
        p[i] = math_log64((1 - lambda) * model + lambda * p[i]);
    }
    double kept = math_log64(1 - lambda);
    for (int64_t y = 0; y < vocab; y++) logits[y] = (float)((double)logits[y] - lse + kept);
    for (int64_t i = 0; i < distinct; i++) logits[token[i]] = (float)p[i];
}

struct knn_lm {
    const datastore_t *store;
    const tensor_ops_t *ops;
    knn_t *knn;
    int64_t k, width, vocab, last_layer;
    double temperature, lambda;
    attachment_t attachment;

    /* Of the last forward call. Neighbours depend on the queries alone, so they are found once for all lambdas. */
    int64_t rows, rows_capacity, slots_capacity;
    float *queries; // (rows, width)
    int64_t *slot;  // (rows) place of the row's neighbours; -1: not searched yet
    int64_t searched, found_capacity;
    int64_t before;     // searched in the forward calls before
    neighbour_t *found; // (searched, k) in order of search

    float *batch; // (batch_rows, width) queries to be searched
    int64_t batch_capacity;
    int32_t *token; // (k)
    double *p;      // (k)
};

static int take_queries(void *user, int64_t layer, int64_t n, const row_t *rows, float *x) {
    knn_lm_t *blend = user;
    (void)rows;
    if (layer != blend->last_layer) return 0;
    blend->before += blend->searched;
    blend->rows = blend->searched = 0;
    TRY(mem_grow(&blend->queries, &blend->rows_capacity, n, (size_t)blend->width * sizeof(float), "kNN-LM queries"));
    TRY(mem_grow(&blend->slot, &blend->slots_capacity, n, sizeof *blend->slot, "kNN-LM rows"));
    memcpy(blend->queries, x, (size_t)(n * blend->width) * sizeof *x);
    for (int64_t r = 0; r < n; r++) blend->slot[r] = -1;
    blend->rows = n;
    return 0;
}

/* Searches those of the rows that were not searched before, in one batch. */
static int search_rows(void *user, int64_t n, const int64_t *select) {
    knn_lm_t *blend = user;
    int64_t fresh = 0, width = blend->width, first = blend->searched;
    if (blend->lambda == 0 || blend->store->n == 0) return 0;
    TRY(mem_grow(&blend->batch, &blend->batch_capacity, n, (size_t)width * sizeof(float), "kNN-LM queries"));
    for (int64_t i = 0; i < n; i++) {
        assert(select[i] >= 0 && select[i] < blend->rows);
        if (blend->slot[select[i]] >= 0) continue;
        memcpy(blend->batch + fresh * width, blend->queries + select[i] * width, (size_t)width * sizeof(float));
        blend->slot[select[i]] = first + fresh++;
    }
    if (fresh == 0) return 0;
    TRY(mem_grow(&blend->found, &blend->found_capacity, first + fresh, (size_t)blend->k * sizeof *blend->found,
                 "kNN-LM neighbours"));
    TRY(knn_search(blend->knn, fresh, blend->batch, blend->found + first * blend->k));
    blend->searched += fresh;
    return 0;
}

static int blend_logits(void *user, int64_t n, const int64_t *select, const row_t *rows, float *logits) {
    knn_lm_t *blend = user;
    (void)rows;
    if (blend->lambda == 0 || blend->store->n == 0) return 0;
    TRY(search_rows(blend, n, select));
    for (int64_t i = 0; i < n; i++, logits += blend->vocab) {
        const neighbour_t *neighbours = blend->found + blend->slot[select[i]] * blend->k;
        head_stat_t stat;
        blend->ops->head_row(blend->vocab, logits, -1, &stat);
        int64_t distinct =
            knn_distribution(blend->store, blend->k, neighbours, blend->temperature, blend->token, blend->p);
        knn_blend(blend->lambda, distinct, blend->token, blend->p, blend->vocab, (double)stat.lse, logits);
    }
    return 0;
}

static int check_store(const datastore_t *store, const model_spec_t *spec) {
    if (store->width != spec->width)
        return err_set("the datastore's keys have %lld numbers, the model's width is %lld: it was built with another "
                       "model",
                       (long long)store->width, (long long)spec->width);
    for (int64_t i = 0; i < store->n; i++)
        if (store->values[i] < 0 || store->values[i] >= spec->vocab)
            return err_set("datastore entry %lld: token %d is not in the model's vocabulary of %lld", (long long)i,
                           (int)store->values[i], (long long)spec->vocab);
    return 0;
}

int knn_lm_create(const datastore_t *store, const model_t *model, int64_t k, double temperature, knn_lm_t **result) {
    const model_spec_t *spec = model_spec(model);
    *result = NULL;
    if (!(temperature > 0)) return err_set("a kNN-LM temperature of %g; it must be above 0", temperature);
    TRY(check_store(store, spec));
    knn_lm_t *blend = mem_new(1, sizeof *blend, "kNN-LM");
    if (!blend) return -1;
    *blend = (knn_lm_t){.store = store,
                        .ops = model_ops(model),
                        .k = k,
                        .width = spec->width,
                        .vocab = spec->vocab,
                        .last_layer = spec->layers - 1,
                        .temperature = temperature};
    blend->attachment =
        (attachment_t){.user = blend, .ffn_input = take_queries, .select = search_rows, .logits = blend_logits};
    blend->token = mem_new(k, sizeof *blend->token, "kNN-LM tokens");
    blend->p = mem_new(k, sizeof *blend->p, "kNN-LM probabilities");
    if (!blend->token || !blend->p || knn_create(store, blend->ops, k, &blend->knn) != 0) {
        knn_lm_free(blend);
        return -1;
    }
    *result = blend;
    return 0;
}

void knn_lm_free(knn_lm_t *blend) {
    if (!blend) return;
    knn_free(blend->knn);
    mem_free(blend->queries);
    mem_free(blend->slot);
    mem_free(blend->found);
    mem_free(blend->batch);
    mem_free(blend->token);
    mem_free(blend->p);
    mem_free(blend);
}

void knn_lm_set_lambda(knn_lm_t *blend, double lambda) {
    assert(lambda >= 0 && lambda <= 1);
    blend->lambda = lambda;
}

const attachment_t *knn_lm_attachment(knn_lm_t *blend) {
    return &blend->attachment;
}

int64_t knn_lm_searched(const knn_lm_t *blend) {
    return blend->before + blend->searched;
}
