/* Which rows are equal, and which share a long run of tokens: sorting by hash for the first, a table of runs and
 * union-find for the second. Tokens decide, hashes only find. */
#include "base/err.h"
#include "base/hash.h"
#include "base/mem.h"
#include "index/audit_private.h"
#include <stdlib.h>
#include <string.h>

/* --- equal parts -------------------------------------------------------------------------------------------------- */

typedef struct {
    hash_t hash;
    const int32_t *token;
    int64_t length, row;
} part_t;

static int same_part(const part_t *a, const part_t *b) {
    return hash_compare(a->hash, b->hash) == 0 && a->length == b->length &&
           memcmp(a->token, b->token, (size_t)a->length * sizeof *a->token) == 0;
}

static int by_content(const void *a, const void *b) {
    const part_t *x = a, *y = b;
    int order = hash_compare(x->hash, y->hash);
    if (order != 0) return order;
    if (x->length != y->length) return x->length < y->length ? -1 : 1;
    order = memcmp(x->token, y->token, (size_t)x->length * sizeof *x->token);
    if (order != 0) return order;
    return (x->row > y->row) - (x->row < y->row);
}

int audit_group_equal(const audit_set_t *set, audit_part_t which, int64_t *group) {
    part_t *part = mem_new(set->n, sizeof *part, "audit of probes");
    if (!part) return -1;
    for (int64_t i = 0; i < set->n; i++) {
        part_t *p = &part[i];
        p->token = which == AUDIT_SUFFIX ? audit_suffix(set, i) : audit_context(set, i);
        p->length = which == AUDIT_SUFFIX    ? set->row[i].suffix
                    : which == AUDIT_CONTEXT ? set->row[i].context
                                             : audit_length(set, i);
        p->hash = hash_bytes(p->token, (size_t)p->length * sizeof *p->token, 0);
        p->row = i;
    }
    qsort(part, (size_t)set->n, sizeof *part, by_content);
    for (int64_t i = 0; i < set->n; i++) // the lowest row of equal ones comes first
        group[part[i].row] = i > 0 && same_part(&part[i - 1], &part[i]) ? group[part[i - 1].row] : part[i].row;
    mem_free(part);
    return 0;
}

/* --- shared runs -------------------------------------------------------------------------------------------------- */

/* Where a run was met first. Runs of one row only would fill the table as well, so it is as large as the set. */
typedef struct {
    uint32_t tag, at; // bits of its hash; its first token + 1, 0: free
} slot_t;

typedef struct {
    const audit_set_t *set;
    int64_t near;
    uint64_t mask;
    slot_t *slot;
    int64_t *parent; // (n) a lower row of the same cluster, or itself
    int64_t *room;   // (near)
} runs_t;

static int64_t find(int64_t *parent, int64_t i) {
    while (parent[i] != i) i = parent[i] = parent[parent[i]];
    return i;
}

static void unite(int64_t *parent, int64_t a, int64_t b) {
    a = find(parent, a);
    b = find(parent, b);
    if (a < b)
        parent[b] = a;
    else
        parent[a] = b;
}

static int64_t row_at(const audit_set_t *set, int64_t token) {
    int64_t low = 0, high = set->n - 1;
    while (low < high) {
        int64_t middle = low + (high - low + 1) / 2;
        if (set->row[middle].first <= token)
            low = middle;
        else
            high = middle - 1;
    }
    return low;
}

/* A run of row i that starts at a token of the set. */
static void enter_run(runs_t *r, int64_t i, int64_t at, uint64_t hash) {
    const int32_t *run = r->set->token + at;
    uint64_t mixed = hash_mix(hash), s = mixed & r->mask;
    uint32_t tag = (uint32_t)(mixed >> 32);
    for (; r->slot[s].at > 0; s = (s + 1) & r->mask) {
        if (r->slot[s].tag != tag) continue;
        int64_t other = (int64_t)r->slot[s].at - 1;
        if (memcmp(r->set->token + other, run, (size_t)r->near * sizeof *run) != 0) continue;
        int64_t row = row_at(r->set, other);
        if (row != i && find(r->parent, row) != find(r->parent, i) && audit_period(run, r->near, r->room) == 0)
            unite(r->parent, row, i);
        return;
    }
    r->slot[s] = (slot_t){tag, (uint32_t)(at + 1)};
}

/* All runs of a row; their hashes are polynomials modulo 2^64. */
static void enter_row(runs_t *r, int64_t i) {
    static const uint64_t BASE = UINT64_C(0x9e3779b97f4a7c15);
    const int32_t *token = audit_context(r->set, i);
    uint64_t hash = 0, leaves = 1;
    for (int64_t k = 0; k < r->near; k++) leaves *= BASE;
    for (int64_t k = 0, length = audit_length(r->set, i); k < length; k++) {
        hash = hash * BASE + (uint64_t)(uint32_t)token[k] + 1;
        if (k >= r->near) hash -= leaves * ((uint64_t)(uint32_t)token[k - r->near] + 1);
        if (k + 1 >= r->near) enter_run(r, i, r->set->row[i].first + k + 1 - r->near, hash);
    }
}

int audit_group_near(const audit_set_t *set, int64_t near, const int64_t *same, int64_t *group) {
    runs_t r = {.set = set, .near = near, .parent = group};
    int64_t runs = 0, slots = 64;
    for (int64_t i = 0; i < set->n; i++)
        if (same[i] == i && audit_length(set, i) >= near) runs += audit_length(set, i) - near + 1;
    while (slots < runs + runs / 2) slots *= 2;
    const audit_row_t *last = &set->row[set->n - 1];
    if (last->first + last->context + last->suffix >= UINT32_MAX)
        return err_set("more than %lld tokens of probes: audit them in parts", (long long)UINT32_MAX);
    r.mask = (uint64_t)slots - 1;
    r.slot = mem_new(slots, sizeof *r.slot, "runs of tokens in probes");
    r.room = mem_new(near, sizeof *r.room, "runs of tokens in probes");
    int rc = r.slot && r.room ? 0 : -1;
    for (int64_t i = 0; i < set->n; i++) group[i] = same[i];
    for (int64_t i = 0; i < set->n && rc == 0; i++)
        if (same[i] == i) enter_row(&r, i);
    for (int64_t i = 0; i < set->n && rc == 0; i++) group[i] = find(group, i);
    mem_free(r.slot);
    mem_free(r.room);
    return rc;
}
