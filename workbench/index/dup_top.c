/* The most frequent windows of a rank, and of all ranks; see duplicates_private.h. The order is total: no two windows
 * stand first at the same position. */
#include "base/err.h"
#include "base/mem.h"
#include "index/duplicates_private.h"
#include "par/par.h"
#include <stdlib.h>
#include <string.h>

static int order(const void *a, const void *b) {
    const top_window_t *x = a, *y = b;
    if (x->count != y->count) return x->count > y->count ? -1 : 1;
    return (x->first > y->first) - (x->first < y->first);
}

int top_create(int64_t keep, top_t *top) {
    *top = (top_t){.keep = keep, .window = mem_new(2 * keep, sizeof *top->window, "most frequent windows")};
    return top->window ? 0 : -1;
}

void top_free(top_t *top) {
    mem_free(top->window);
    *top = (top_t){0};
}

void top_sort(top_t *top) {
    qsort(top->window, (size_t)top->n, sizeof *top->window, order);
    if (top->n > top->keep) top->n = top->keep;
}

void top_add(top_t *top, const top_window_t *window) {
    if (top->keep == 0) return;
    if (top->n == 2 * top->keep) top_sort(top);
    top->window[top->n++] = *window;
}

/* Pairs of ranks, then pairs of pairs: what a rank holds at once stays small for any number of ranks. */
int top_reduce(top_t *top) {
    int64_t *count = mem_new(par_size(), sizeof *count, "counts of an exchange");
    TRY(par_agree(count ? 0 : -1));
    int rc = 0, rank = par_rank();
    top_sort(top);
    for (int step = 1; rc == 0 && step < par_size(); step *= 2) {
        void *received = NULL;
        int64_t total = 0;
        int gives = rank % (2 * step) == step;
        memset(count, 0, (size_t)par_size() * sizeof *count);
        if (gives) count[rank - step] = top->n;
        rc = par_exchange(top->window, count, sizeof *top->window, &received, &total);
        if (rc == 0 && gives) top->n = 0;
        for (int64_t i = 0; rc == 0 && i < total; i++) top_add(top, (top_window_t *)received + i);
        if (rc == 0) top_sort(top);
        mem_free(received);
    }
    mem_free(count);
    return rc;
}
