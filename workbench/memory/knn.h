/* Exact nearest neighbours by squared L2 distance. Order: (distance, entry id), a total order, so the result does not
 * depend on blocking, batch or ranks. A GEMM prefilter with a proven error bound finds candidates; their distances are
 * then computed by the one definition (tensor_ops.distance). */
#ifndef MEMPROBE_KNN_H
#define MEMPROBE_KNN_H
#include "memory/datastore.h"
#include <stdint.h>

typedef struct {
    int64_t id; // entry
    float distance;
} neighbour_t;

/* Reads all keys once. The store must outlive it. */
typedef struct knn knn_t;
int knn_create(const datastore_t *store, const tensor_ops_t *ops, int64_t k, knn_t **knn);
void knn_free(knn_t *knn);
/* The k nearest of each of n queries (n, width): out (n, k), sorted. An entry count below k leaves id -1 and
 * infinite distances at the end. */
int knn_search(knn_t *knn, int64_t n, const float *queries, neighbour_t *out);

/* p_kNN on the distinct values of the neighbours, in order of their nearest: the softmax of -distance / temperature
 * over the neighbours that exist, summed by value. token, p (k) take them; returns how many there are. */
int64_t knn_distribution(const datastore_t *store, int64_t k, const neighbour_t *neighbours, double temperature,
                         int32_t *token, double *p);

/* Turns a row of logits (vocab), whose log-sum-exp is lse, into log-probabilities of (1-lambda) p_LM + lambda p_kNN. p
 * (distinct) is overwritten. lambda 0 or no distinct token leaves the logits untouched. */
void knn_blend(double lambda, int64_t distinct, const int32_t *token, double *p, int64_t vocab, double lse,
               float *logits);

/* The blend as an attachment to one session at a time: it takes the queries at the last layer's ffn_input and
 * blends at the logits; lambda 0 leaves the logits untouched, bit for bit. */
typedef struct knn_lm knn_lm_t;
int knn_lm_create(const datastore_t *store, const model_t *model, int64_t k, double temperature, knn_lm_t **blend);
void knn_lm_free(knn_lm_t *blend);
/* Neighbours depend on the queries only: changing lambda between two session_head calls on the same forward reuses
 * them. */
void knn_lm_set_lambda(knn_lm_t *blend, double lambda);
const attachment_t *knn_lm_attachment(knn_lm_t *blend);
/* Queries searched since it was made: none at lambda 0 or in an empty store, each once for all other lambdas. */
int64_t knn_lm_searched(const knn_lm_t *blend);

#endif
