/* Clusters as union-find (Tarjan 1975) over the positions of their items; see near_private.h. The root of a cluster is
 * its first item, so labels depend on what is joined only, not on the order. */
#include "base/err.h"
#include "base/mem.h"
#include "index/near_private.h"
#include <stdlib.h>

static int64_t find_member(const near_member_t *member, int64_t n, int64_t position) {
    int64_t low = 0, high = n;
    while (low < high) {
        int64_t middle = low + (high - low) / 2;
        if (member[middle].position < position)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

int64_t near_label(const near_clusters_t *clusters, int64_t position) {
    int64_t at = find_member(clusters->member, clusters->n, position);
    return at < clusters->n && clusters->member[at].position == position ? clusters->member[at].label : position;
}

void near_clusters_free(near_clusters_t *clusters) {
    mem_free(clusters->member);
    *clusters = (near_clusters_t){0};
}

static int by_position(const void *a, const void *b) {
    const near_member_t *x = a, *y = b;
    return (x->position > y->position) - (x->position < y->position);
}

static int64_t root_of(int64_t *parent, int64_t i) {
    while (parent[i] != i) i = parent[i] = parent[parent[i]];
    return i;
}

static void unite(int64_t *parent, int64_t a, int64_t b) {
    a = root_of(parent, a);
    b = root_of(parent, b);
    if (a < b)
        parent[b] = a;
    else
        parent[a] = b;
}

/* Members and both ends of all edges, by position, each once; labels are those of before. */
static near_member_t *collect(const near_clusters_t *clusters, const near_edge_t *edge, int64_t n, int64_t *count) {
    near_member_t *all = mem_new(clusters->n + 2 * n, sizeof *all, "clusters");
    int64_t k = 0;
    if (!all) return NULL;
    for (int64_t i = 0; i < clusters->n; i++) all[k++] = clusters->member[i];
    for (int64_t i = 0; i < n; i++) {
        all[k++] = (near_member_t){edge[i].a, near_label(clusters, edge[i].a)};
        all[k++] = (near_member_t){edge[i].b, near_label(clusters, edge[i].b)};
    }
    qsort(all, (size_t)k, sizeof *all, by_position); // those at one position are equal
    *count = 0;
    for (int64_t i = 0; i < k; i++)
        if (i == 0 || all[i].position != all[*count - 1].position) all[(*count)++] = all[i];
    return all;
}

int near_join(near_clusters_t *clusters, const near_edge_t *edge, int64_t n) {
    int64_t count = 0;
    near_member_t *all = collect(clusters, edge, n, &count);
    int64_t *parent = all ? mem_new(count, sizeof *parent, "clusters") : NULL;
    if (!parent) {
        mem_free(all);
        return -1;
    }
    for (int64_t i = 0; i < count; i++) parent[i] = i;
    for (int64_t i = 0; i < count; i++) unite(parent, i, find_member(all, count, all[i].label));
    for (int64_t i = 0; i < n; i++)
        unite(parent, find_member(all, count, edge[i].a), find_member(all, count, edge[i].b));
    for (int64_t i = 0; i < count; i++) all[i].label = all[root_of(parent, i)].position;
    mem_free(parent);
    mem_free(clusters->member);
    *clusters = (near_clusters_t){count, all};
    return 0;
}
