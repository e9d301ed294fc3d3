/* Candidates in bounded heaps, gathered and taken greedily; see choose.h. */
#include "index/choose.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/rng.h"
#include "index/windows.h"
#include "par/par.h"
#include <assert.h>
#include <stdlib.h>

typedef struct {
    candidate_t *heap; // the last in order on top
    int64_t n, capacity;
    int dropped; // 1: some candidate is not kept
} list_t;

struct candidates {
    int64_t classes, keep; // keep: of each class on this rank
    uint64_t salt;
    list_t *list; // (classes)
};

/* Fingerprints, or the keys of places, differ, so this is a total order of the windows of a class. */
static int order(const candidate_t *a, const candidate_t *b) {
    if (a->class != b->class) return a->class < b->class ? -1 : 1;
    if (a->key != b->key) return a->key < b->key ? -1 : 1;
    return hash_compare(a->window.fingerprint, b->window.fingerprint);
}

static int order_for_sort(const void *a, const void *b) {
    return order(a, b);
}

/* Square root, rounded up. */
static int64_t root(int64_t x) {
    int64_t r = 0;
    while (r * r < x) r++;
    return r;
}

int candidates_create(int64_t classes, int64_t keep, uint64_t seed, candidates_t **result) {
    candidates_t *c = mem_new(1, sizeof *c, "candidates");
    if (!c) return -1;
    /* A rank owns a random share of the windows: its share of the first `keep`, and six standard deviations more. */
    int64_t share = keep / par_size() + 1;
    c->classes = classes;
    c->keep = par_size() == 1 ? keep : share + 6 * root(share);
    c->salt = rng_u64(seed, RNG_SAMPLE, 0);
    c->list = mem_new(classes, sizeof *c->list, "candidates");
    if (!c->list) {
        mem_free(c);
        return -1;
    }
    *result = c;
    return 0;
}

void candidates_free(candidates_t *c) {
    if (!c) return;
    for (int64_t i = 0; i < c->classes; i++) mem_free(c->list[i].heap);
    mem_free(c->list);
    mem_free(c);
}

static void swap(candidate_t *a, candidate_t *b) {
    candidate_t t = *a;
    *a = *b;
    *b = t;
}

static void sift_up(candidate_t *heap, int64_t at) {
    while (at > 0 && order(&heap[(at - 1) / 2], &heap[at]) < 0) {
        swap(&heap[(at - 1) / 2], &heap[at]);
        at = (at - 1) / 2;
    }
}

static void sift_down(candidate_t *heap, int64_t n) {
    for (int64_t at = 0, child; (child = 2 * at + 1) < n; at = child) {
        if (child + 1 < n && order(&heap[child], &heap[child + 1]) < 0) child++;
        if (order(&heap[at], &heap[child]) >= 0) break;
        swap(&heap[at], &heap[child]);
    }
}

static int add(candidates_t *c, int64_t class, uint64_t key, const census_window_t *window) {
    assert(class >= 0 && class < c->classes);
    list_t *list = &c->list[class];
    candidate_t candidate = {class, key, *window};
    if (list->n == c->keep) {
        list->dropped = 1;
        if (order(&candidate, &list->heap[0]) > 0) return 0;
        list->heap[0] = candidate;
        sift_down(list->heap, list->n);
        return 0;
    }
    TRY(mem_grow(&list->heap, &list->capacity, list->n + 1, sizeof *list->heap, "candidates"));
    list->heap[list->n] = candidate;
    sift_up(list->heap, list->n++);
    return 0;
}

int candidates_add(candidates_t *c, int64_t class, const census_window_t *window) {
    hash_t f = window->fingerprint;
    return add(c, class, hash_mix(hash_mix(f.hi ^ c->salt) + f.lo), window);
}

int candidates_add_place(candidates_t *c, int64_t class, const census_window_t *window) {
    return add(c, class, hash_mix(hash_mix((uint64_t)window->first) ^ c->salt), window); // a bijection
}

/* This rank's candidates in one array, and those that end a list from which others were dropped. */
static int pack(const candidates_t *c, candidate_t **all, int64_t *n, candidate_t **ends, int64_t *n_ends) {
    *n = *n_ends = 0;
    for (int64_t i = 0; i < c->classes; i++) *n += c->list[i].n;
    *all = mem_new(*n, sizeof **all, "candidates");
    *ends = mem_new(c->classes, sizeof **ends, "candidates");
    if (!*all || !*ends) return -1;
    *n = 0;
    for (int64_t i = 0; i < c->classes; i++) {
        for (int64_t k = 0; k < c->list[i].n; k++) (*all)[(*n)++] = c->list[i].heap[k];
        if (c->list[i].dropped) (*ends)[(*n_ends)++] = c->list[i].heap[0];
    }
    return 0;
}

/* Candidates of all ranks, sorted; each class ends at its first end. */
static void cut(candidate_t *all, int64_t n, const candidate_t *ends, int64_t n_ends, choice_t *choice) {
    int64_t kept = 0, at = 0, end = 0;
    for (int64_t class = 0; class < choice->classes; class ++) {
        choice->first[class] = kept;
        choice->complete[class] = end == n_ends || ends[end].class != class;
        for (; at < n && all[at].class == class; at++)
            if (choice->complete[class] || order(&all[at], &ends[end]) <= 0) all[kept++] = all[at];
        while (end < n_ends && ends[end].class == class) end++;
    }
    choice->first[choice->classes] = kept;
}

int candidates_gather(candidates_t *c, choice_t *choice) {
    *choice = (choice_t){.classes = c->classes};
    candidate_t *mine = NULL, *ends = NULL;
    void *all = NULL, *all_ends = NULL;
    int64_t n, n_ends, total = 0, total_ends = 0;
    int rc = par_agree(pack(c, &mine, &n, &ends, &n_ends));
    if (rc == 0) rc = par_gather_all(mine, n, sizeof *mine, &all, &total);
    if (rc == 0) rc = par_gather_all(ends, n_ends, sizeof *ends, &all_ends, &total_ends);
    choice->first = mem_new(c->classes + 1, sizeof *choice->first, "classes of candidates");
    choice->complete = mem_new(c->classes, sizeof *choice->complete, "classes of candidates");
    if (rc == 0) rc = par_agree(choice->first && choice->complete ? 0 : -1);
    if (rc == 0) {
        qsort(all, (size_t)total, sizeof(candidate_t), order_for_sort);
        qsort(all_ends, (size_t)total_ends, sizeof(candidate_t), order_for_sort);
        cut(all, total, all_ends, total_ends, choice);
        choice->candidate = all;
        all = NULL;
    }
    mem_free(mine);
    mem_free(ends);
    mem_free(all);
    mem_free(all_ends);
    if (rc != 0) choice_free(choice);
    return rc;
}

void choice_free(choice_t *choice) {
    mem_free(choice->candidate);
    mem_free(choice->first);
    mem_free(choice->complete);
    *choice = (choice_t){0};
}

/* Taken positions by cell = position / length, in a hash table: a cell holds at most one start of windows that do not
 * overlap, and only the cells beside a position can hold one that overlaps it. */
typedef struct {
    int64_t slots;     // a power of two
    int64_t *position; // (slots) -1: free
} cells_t;

static int64_t *cell_find(const cells_t *cells, int64_t cell, int64_t length) {
    uint64_t mask = (uint64_t)cells->slots - 1, slot = hash_mix((uint64_t)cell) & mask;
    while (cells->position[slot] >= 0 && cells->position[slot] / length != cell) slot = (slot + 1) & mask;
    return &cells->position[slot];
}

static int overlaps(const cells_t *cells, int64_t position, int64_t length) {
    for (int64_t cell = position / length - 1; cell <= position / length + 1; cell++) {
        if (cell < 0) continue;
        int64_t other = *cell_find(cells, cell, length);
        if (other >= 0 && other > position - length && other < position + length) return 1;
    }
    return 0;
}

int choice_take(const choice_t *choice, int64_t class, int64_t length, int64_t want, const uint8_t *barred,
                int64_t *taken, int64_t *n) {
    cells_t cells = {.slots = 16};
    int64_t first = choice->first[class], last = choice->first[class + 1];
    int64_t most = want < last - first ? want : last - first;
    while (cells.slots < 2 * most) cells.slots *= 2;
    cells.position = mem_new(cells.slots, sizeof *cells.position, "positions of a sample");
    if (!cells.position) return -1;
    for (int64_t i = 0; i < cells.slots; i++) cells.position[i] = -1;
    *n = 0;
    for (int64_t i = first; i < last && *n < want; i++) {
        int64_t position = choice->candidate[i].window.first;
        if ((barred && barred[i]) || overlaps(&cells, position, length)) continue;
        *cell_find(&cells, position / length, length) = position;
        taken[(*n)++] = i;
    }
    mem_free(cells.position);
    return *n < want && !choice->complete[class];
}
