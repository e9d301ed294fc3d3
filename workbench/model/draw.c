/* Drawing from a row of logits. Tokens are taken from a heap in their order, only as many as the draw has to see: with
 * a peaked distribution that is a handful out of fifty thousand. */
#include "model/draw.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/rng.h"
#include "tensor/math.h"

struct draw {
    draw_spec_t spec;
    int64_t vocab;
    const float *logits; // of the row being looked at
    double *weight;      // (vocab) by token
    double total;        // of all weights, summed by id
    int32_t *heap;       // (vocab) `left` tokens in a heap, then those taken from it, the first at the end
    int64_t left;
};

int draw_create(const draw_spec_t *spec, int64_t vocab, draw_t **out) {
    if (!(spec->temperature > 0) || spec->temperature > 1e6)
        return err_set("temperature %g: must be above 0 and at most 1e6", spec->temperature);
    if (!(spec->top_p > 0) || spec->top_p > 1) return err_set("top-p %g: must be above 0 and at most 1", spec->top_p);
    if (spec->top_k < 0) return err_set("top-k %lld: must be 0 or more", (long long)spec->top_k);
    draw_t *d = mem_new(1, sizeof *d, "draw");
    if (d == NULL) return -1;
    d->spec = *spec;
    d->vocab = vocab;
    d->weight = mem_new(vocab, sizeof *d->weight, "weights of tokens");
    d->heap = mem_new(vocab, sizeof *d->heap, "order of tokens");
    if (d->weight == NULL || d->heap == NULL) {
        draw_free(d);
        return -1;
    }
    *out = d;
    return 0;
}

void draw_free(draw_t *d) {
    if (d == NULL) return;
    mem_free(d->weight);
    mem_free(d->heap);
    mem_free(d);
}

/* Does token a come before token b? A total order. */
static int before(const float *logits, int32_t a, int32_t b) {
    return logits[a] > logits[b] || (logits[a] == logits[b] && a < b);
}

static void sink(draw_t *d, int64_t at) {
    int32_t token = d->heap[at];
    for (int64_t child; (child = 2 * at + 1) < d->left; at = child) {
        if (child + 1 < d->left && before(d->logits, d->heap[child + 1], d->heap[child])) child++;
        if (before(d->logits, token, d->heap[child])) break;
        d->heap[at] = d->heap[child];
    }
    d->heap[at] = token;
}

static void begin_row(draw_t *d, const float *logits) {
    float largest = logits[0];
    for (int64_t v = 1; v < d->vocab; v++) largest = logits[v] > largest ? logits[v] : largest;
    d->logits = logits;
    d->total = 0;
    d->left = d->vocab;
    for (int64_t v = 0; v < d->vocab; v++) {
        d->weight[v] = math_exp64(((double)logits[v] - (double)largest) / d->spec.temperature);
        d->total += d->weight[v];
        d->heap[v] = (int32_t)v;
    }
    for (int64_t at = d->vocab / 2; at-- > 0;) sink(d, at);
}

/* The token at place i of the order. */
static int32_t at(draw_t *d, int64_t i) {
    while (d->vocab - d->left <= i) {
        int32_t first = d->heap[0];
        d->heap[0] = d->heap[--d->left];
        d->heap[d->left] = first;
        sink(d, 0);
    }
    return d->heap[d->vocab - 1 - i];
}

/* How many tokens of the order are kept, and the sum of their weights. */
static int64_t keep(draw_t *d, double *mass) {
    int64_t n = d->vocab;
    *mass = d->total;
    if (d->spec.top_k > 0 && d->spec.top_k < n) {
        n = d->spec.top_k;
        *mass = 0;
        for (int64_t i = 0; i < n; i++) *mass += d->weight[at(d, i)];
    }
    if (d->spec.top_p == 1) return n;
    double enough = d->spec.top_p * *mass, sum = d->weight[at(d, 0)];
    int64_t kept = 1;
    while (kept < n && sum < enough) sum += d->weight[at(d, kept++)];
    *mass = sum;
    return kept;
}

int32_t draw_token(draw_t *d, const float *logits, uint32_t sample, uint32_t step) {
    double mass, sum = 0;
    begin_row(d, logits);
    int64_t n = keep(d, &mass);
    double u = rng_unit(d->spec.seed, RNG_DRAW, (uint64_t)sample << 32 | step) * mass;
    int32_t token = at(d, 0);
    /* The sums are of another order than the mass and may end a last bit below it: then the last possible token. */
    for (int64_t i = 0; i < n && d->weight[at(d, i)] > 0; i++) {
        token = at(d, i);
        sum += d->weight[token];
        if (u < sum) break;
    }
    return token;
}

int64_t draw_kept(draw_t *d, const float *logits, int32_t *token, double *probability) {
    double mass;
    begin_row(d, logits);
    int64_t n = keep(d, &mass);
    for (int64_t i = 0; i < n; i++) {
        token[i] = at(d, i);
        probability[i] = d->weight[token[i]] / mass;
    }
    return n;
}

int64_t draw_first(int64_t vocab, const float *logits, int64_t n, int32_t *token, float *logit) {
    int64_t held = 0;
    for (int64_t v = 0; v < vocab; v++) {
        int64_t place = held;
        while (place > 0 && logits[v] > logit[place - 1]) place--;
        if (place >= n) continue;
        held += held < n;
        for (int64_t i = held - 1; i > place; i--) logit[i] = logit[i - 1], token[i] = token[i - 1];
        logit[place] = logits[v];
        token[place] = (int32_t)v;
    }
    return held;
}
