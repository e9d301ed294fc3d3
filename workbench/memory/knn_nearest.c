/* Choosing the k nearest. See memory/knn_nearest.h. The order is total, so what is chosen does not depend on how. */
#include "memory/knn_nearest.h"
#include <math.h>
#include <string.h>

enum { SPARE = 64 }; // places beyond 2 k: with a small k a selection should still be worth its while

int64_t nearest_capacity(int64_t k) {
    return 2 * k + SPARE;
}

/* By distance, then by id. */
static int is_before(neighbour_t a, neighbour_t b) {
    return a.distance < b.distance || (a.distance == b.distance && a.id < b.id);
}

static void swap(neighbour_t *a, neighbour_t *b) {
    neighbour_t kept = *a;
    *a = *b;
    *b = kept;
}

/* The middle one of the first, the middle and the last of x. */
static neighbour_t pivot_of(const neighbour_t *x, int64_t n) {
    neighbour_t a = x[0], b = x[n / 2], c = x[n - 1];
    if (is_before(b, a)) swap(&a, &b);
    return is_before(c, a) ? a : is_before(c, b) ? c : b;
}

/* Hoare's partition: returns how many stand in the first part, none of which is after one of the second; both parts
 * have some. n >= 2 and no two are equal. */
static int64_t partition(neighbour_t *x, int64_t n) {
    neighbour_t pivot = pivot_of(x, n);
    for (int64_t i = 0, j = n - 1;; i++, j--) {
        while (is_before(x[i], pivot)) i++;
        while (is_before(pivot, x[j])) j--;
        if (i >= j) return j + 1 < n ? j + 1 : n - 1;
        swap(&x[i], &x[j]);
    }
}

/* Hoare's selection: brings the k first of n to the front. */
static void select_first(neighbour_t *x, int64_t n, int64_t k) {
    while (n > 1 && k > 0 && k < n) {
        int64_t left = partition(x, n);
        if (k <= left) {
            n = left;
        } else {
            x += left, n -= left, k -= left;
        }
    }
}

/* Restores the heap (last of the order on top) of n neighbours below place i. */
static void sift_down(neighbour_t *heap, int64_t n, int64_t i) {
    neighbour_t moved = heap[i];
    for (int64_t child; (child = 2 * i + 1) < n; i = child) {
        if (child + 1 < n && is_before(heap[child], heap[child + 1])) child++;
        if (!is_before(moved, heap[child])) break;
        heap[i] = heap[child];
    }
    heap[i] = moved;
}

static void sort(neighbour_t *x, int64_t n) {
    for (int64_t i = n / 2 - 1; i >= 0; i--) sift_down(x, n, i);
    for (int64_t left = n - 1; left > 0; left--) {
        swap(&x[0], &x[left]);
        sift_down(x, left, 0);
    }
}

int nearest_offer(nearest_t *nearest, int64_t k, neighbour_t key) {
    if (key.distance > nearest->worst) return 0; // of equal ones the ids decide
    nearest->place[nearest->held++] = key;
    if (nearest->held < nearest_capacity(k)) return 0;
    select_first(nearest->place, nearest->held, k);
    nearest->held = k;
    float worst = 0;
    for (int64_t i = 0; i < k; i++)
        if (nearest->place[i].distance > worst) worst = nearest->place[i].distance;
    int smaller = worst < nearest->worst;
    nearest->worst = worst;
    return smaller;
}

void nearest_finish(nearest_t *nearest, int64_t k, neighbour_t *out) {
    int64_t n = nearest->held < k ? nearest->held : k;
    select_first(nearest->place, nearest->held, k);
    sort(nearest->place, n);
    memcpy(out, nearest->place, (size_t)n * sizeof *out);
    for (int64_t i = n; i < k; i++) out[i] = (neighbour_t){-1, INFINITY};
    nearest->held = 0;
    nearest->worst = INFINITY;
}
