/* Sums of float vectors over a fixed binary tree, whatever the number of ranks (law 1).
 *
 * Node (level, index) of the tree covers the leaves index * 2^level .. (index + 1) * 2^level - 1, and its vector is
 * left + right. A rank folds as it pushes, like a binary counter: when the pushed node is a right child and its left
 * sibling is on top of the stack, the two become their parent. What remains on the stack when all leaves of the rank
 * are in are the largest whole subtrees inside its run of leaves: one of them where ranks are a power of two, two or
 * three as a rule elsewhere. Every rank can compute which these are on every other rank.
 *
 * In par_tree_finish the vector is split over ranks: each receives its segment of all those subtrees, folds them in
 * the same way (so the bits are those of the tree), and sends the total of its segment to all. All ranks share the
 * additions and each sends and receives about the vector's length twice, as in the best all-reduce algorithms. */
#include "base/err.h"
#include "base/mem.h"
#include "par/par.h"
#include "par/par_private.h"
#include <assert.h>
#include <string.h>

typedef struct {
    int32_t level, index, owner;
} node_t;

enum {
    STACK_NODES = 64,     // whole subtrees of a run of fewer than 2^31 leaves
    SEGMENT_FLOATS = 1024 // a shorter segment is not worth a message
};
static const int64_t ROUND_FLOATS = INT64_C(1) << 24; // bounds the inbox of a long vector

struct par_tree {
    int64_t n;
    int64_t round; // floats of the vector that are finished at a time
    int32_t leaves, first, last;
    int32_t next;   // leaf to be pushed next
    int leaf_ready; // slot[top] is zeroed and with the caller
    int32_t slots, top;
    node_t stack[STACK_NODES];
    float *slot[STACK_NODES];
    node_t *all; // the subtrees that remain on each rank's stack, in leaf order
    int64_t all_count;
    float *inbox; // (subtrees of other ranks, longest segment)
    int64_t inbox_width;
    float **folded; // (all_count) work space of the last fold
    par_message_t *message;
};

/* Pushes a node on the stack and folds siblings. vector: the nodes' data beside the stack; NULL when only the shape
 * is wanted. Returns the new height. */
static int32_t push_node(node_t *stack, float **vector, int32_t top, node_t node, int64_t width) {
    assert(top < STACK_NODES);
    stack[top++] = node;
    while (top >= 2) {
        node_t left = stack[top - 2], right = stack[top - 1];
        if (left.level != right.level || (left.index & 1) != 0 || left.index + 1 != right.index) break;
        if (vector) {
            float *sum = vector[top - 2];
            const float *add = vector[top - 1];
            for (int64_t i = 0; i < width; i++) sum[i] = sum[i] + add[i];
        }
        stack[top - 2] = (node_t){left.level + 1, left.index / 2, left.owner};
        top--;
    }
    return top;
}

/* The whole subtrees of leaves first..last-1; *height: the most nodes that are alive at a time. */
static int32_t run_nodes(int64_t first, int64_t last, int32_t owner, node_t *stack, int32_t *height) {
    int32_t top = 0;
    *height = 0;
    for (int64_t leaf = first; leaf < last; leaf++) {
        if (top + 1 > *height) *height = top + 1;
        top = push_node(stack, NULL, top, (node_t){0, (int32_t)leaf, owner}, 0);
    }
    return top;
}

static int64_t segment_width(int64_t length) {
    int64_t width = (length + par_size() - 1) / par_size();
    return width < SEGMENT_FLOATS ? SEGMENT_FLOATS : width;
}

/* Segment of rank r of a stretch of `length` floats. */
static int64_t segment(int64_t length, int rank, int64_t *from) {
    int64_t width = segment_width(length), first = width * rank, end = first + width;
    if (first > length) first = length;
    if (end > length) end = length;
    *from = first;
    return end - first;
}

static int plan(par_tree_t *tree) {
    tree->all = mem_new(tree->leaves, sizeof *tree->all, "plan of a sum over ranks");
    if (!tree->all) return -1;
    for (int rank = 0; rank < par_size(); rank++) {
        node_t stack[STACK_NODES];
        int64_t first, last;
        int32_t height;
        par_share_of(tree->leaves, rank, par_size(), &first, &last);
        int32_t nodes = run_nodes(first, last, rank, stack, &height);
        if (nodes > 0) memcpy(tree->all + tree->all_count, stack, (size_t)nodes * sizeof *stack);
        tree->all_count += nodes;
        if (rank != par_rank()) continue;
        tree->first = tree->next = (int32_t)first;
        tree->last = (int32_t)last;
        tree->slots = height;
    }
    return 0;
}

static int64_t own_nodes(const par_tree_t *tree) {
    int64_t own = 0;
    for (int64_t k = 0; k < tree->all_count; k++) own += tree->all[k].owner == par_rank();
    return own;
}

static int allocate(par_tree_t *tree) {
    TRY(plan(tree));
    for (int32_t i = 0; i < tree->slots; i++)
        if (!(tree->slot[i] = mem_new(tree->n, sizeof(float), "vectors of a sum over ranks"))) return -1;
    int64_t round = tree->n < tree->round ? tree->n : tree->round, from;
    int64_t own = own_nodes(tree), foreign = tree->all_count - own;
    tree->inbox_width = segment(round, par_rank(), &from);
    int64_t messages = own * par_size() + foreign + 2 * (int64_t)par_size();
    tree->inbox = mem_new(foreign * tree->inbox_width, sizeof(float), "inbox of a sum over ranks");
    tree->folded = mem_new(tree->all_count, sizeof *tree->folded, "plan of a sum over ranks");
    tree->message = mem_new(messages, sizeof *tree->message, "messages of a sum over ranks");
    return tree->inbox && tree->folded && tree->message ? 0 : -1;
}

int par_tree_create_rounds(int64_t n, int32_t leaves, int64_t round, par_tree_t **result) {
    assert(n >= 0 && round > 0 && leaves > 0 && (leaves & (leaves - 1)) == 0);
    par_tree_t *tree = mem_new(1, sizeof *tree, "sum over ranks");
    int rc = tree ? 0 : -1;
    if (tree) {
        tree->n = n;
        tree->round = round;
        tree->leaves = leaves;
        rc = allocate(tree);
    }
    if (par_agree(rc) != 0) {
        par_tree_free(tree);
        return -1;
    }
    *result = tree;
    return 0;
}

int par_tree_create(int64_t n, int32_t leaves, par_tree_t **tree) {
    return par_tree_create_rounds(n, leaves, ROUND_FLOATS, tree);
}

void par_tree_free(par_tree_t *tree) {
    if (!tree) return;
    for (int32_t i = 0; i < tree->slots; i++) mem_free(tree->slot[i]);
    mem_free(tree->all);
    mem_free(tree->inbox);
    mem_free(tree->folded);
    mem_free(tree->message);
    mem_free(tree);
}

int32_t par_tree_first(const par_tree_t *tree) {
    return tree->first;
}

int32_t par_tree_last(const par_tree_t *tree) {
    return tree->last;
}

float *par_tree_leaf(par_tree_t *tree) {
    assert(tree->next < tree->last);
    float *leaf = tree->slot[tree->top];
    if (!tree->leaf_ready) memset(leaf, 0, (size_t)tree->n * sizeof *leaf);
    tree->leaf_ready = 1;
    return leaf;
}

void par_tree_push(par_tree_t *tree) {
    assert(tree->leaf_ready);
    tree->leaf_ready = 0;
    tree->top = push_node(tree->stack, tree->slot, tree->top, (node_t){0, tree->next++, par_rank()}, tree->n);
}

/* Every rank's segment of floats base .. base + length - 1 of all subtrees, then of the total. */
static void gather_subtrees(par_tree_t *tree, int64_t base, int64_t length) {
    int64_t from, count = 0, own = 0, foreign = 0;
    int64_t width = segment(length, par_rank(), &from);
    for (int64_t k = 0; k < tree->all_count; k++) {
        if (tree->all[k].owner != par_rank()) {
            float *space = tree->inbox + foreign++ * tree->inbox_width;
            tree->folded[k] = space;
            if (width == 0) continue;
            tree->message[count++] =
                (par_message_t){space, width * (int64_t)sizeof(float), tree->all[k].owner, /*receive*/ 1};
            continue;
        }
        float *vector = tree->slot[own++] + base;
        tree->folded[k] = vector + from;
        for (int rank = 0; rank < par_size(); rank++) {
            int64_t theirs, theirs_width = segment(length, rank, &theirs);
            if (rank == par_rank() || theirs_width == 0) continue;
            tree->message[count++] =
                (par_message_t){vector + theirs, theirs_width * (int64_t)sizeof(float), rank, /*receive*/ 0};
        }
    }
    par_swap(tree->message, count);
}

static void spread_total(par_tree_t *tree, float *total, int64_t length) {
    int64_t from, count = 0, width = segment(length, par_rank(), &from);
    if (segment_width(length) >= length) { // one segment only: MPI's broadcast is better than our star
        par_broadcast(total, (size_t)length * sizeof *total, 0);
        return;
    }
    for (int step = 1; step < par_size(); step++) {
        int to = (par_rank() + step) % par_size(), source = (par_rank() - step + par_size()) % par_size();
        int64_t theirs, theirs_width = segment(length, source, &theirs);
        if (width > 0)
            tree->message[count++] = (par_message_t){total + from, width * (int64_t)sizeof(float), to, /*receive*/ 0};
        if (theirs_width > 0)
            tree->message[count++] =
                (par_message_t){total + theirs, theirs_width * (int64_t)sizeof(float), source, /*receive*/ 1};
    }
    par_swap(tree->message, count);
}

void par_tree_finish(par_tree_t *tree, float *total) {
    assert(tree->next == tree->last && !tree->leaf_ready);
    for (int64_t base = 0; base < tree->n; base += tree->round) {
        int64_t length = tree->n - base < tree->round ? tree->n - base : tree->round, from;
        int64_t width = segment(length, par_rank(), &from);
        gather_subtrees(tree, base, length);
        node_t stack[STACK_NODES];
        float *vector[STACK_NODES];
        int32_t top = 0;
        for (int64_t k = 0; k < tree->all_count; k++) {
            vector[top] = tree->folded[k];
            top = push_node(stack, vector, top, tree->all[k], width);
        }
        assert(top == 1);
        if (width > 0) memcpy(total + base + from, vector[0], (size_t)width * sizeof *total);
        spread_total(tree, total + base, length);
    }
    tree->next = tree->first;
    tree->top = 0;
}
