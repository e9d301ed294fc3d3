/* One rank without MPI (make serial=1): the twin of par_mpi.c. */
#include "base/err.h"
#include "base/mem.h"
#include "par/par.h"
#include "par/par_private.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

int par_init(int *argc, char ***argv) {
    (void)argc;
    (void)argv;
    return 0;
}

void par_finalize(void) {}

int par_rank(void) {
    return 0;
}

int par_size(void) {
    return 1;
}

_Noreturn void par_abort(int status) {
    _Exit(status);
}

void par_set_cut(int64_t bytes) {
    (void)bytes;
}

void par_swap(const par_message_t *messages, int64_t count) {
    (void)messages;
    (void)count;
    assert(count == 0);
}

void par_barrier(void) {}

void par_broadcast(void *data, size_t bytes, int root) {
    (void)data;
    (void)bytes;
    (void)root;
}

void par_sum_i64(int64_t *values, int64_t n) {
    (void)values;
    (void)n;
}

void par_max_f64(double *values, int64_t n) {
    (void)values;
    (void)n;
}

void par_min_i64(int64_t *values, int64_t n) {
    (void)values;
    (void)n;
}

void par_best(int64_t *value, uint64_t *key) {
    (void)value;
    (void)key;
}

int par_gather_all(const void *mine, int64_t count, size_t item_bytes, void **all, int64_t *total) {
    *all = mem_new(count, item_bytes, "blocks of a gather");
    if (!*all) return -1;
    if (count > 0) memcpy(*all, mine, (size_t)count * item_bytes);
    *total = count;
    return 0;
}

int par_exchange(const void *send, const int64_t *send_count, size_t item_bytes, void **recv, int64_t *recv_total) {
    return par_gather_all(send, send_count[0], item_bytes, recv, recv_total);
}

void par_node_open(int ranks, par_node_t *node) {
    (void)ranks;
    *node = (par_node_t){0, 1, NULL};
}

void par_node_close(par_node_t *node) {
    (void)node;
}

void par_node_broadcast(const par_node_t *node, void *data, size_t bytes) {
    (void)node;
    (void)data;
    (void)bytes;
}

int par_node_all(const par_node_t *node, int ok) {
    (void)node;
    return ok != 0;
}

struct par_tickets {
    int64_t n, next;
};

int par_tickets_create_nodes(int64_t n, int ranks, par_tickets_t **tickets) {
    (void)ranks;
    *tickets = mem_new(1, sizeof **tickets, "tickets");
    if (!*tickets) return -1;
    (*tickets)->n = n;
    return 0;
}

int par_tickets_create(int64_t n, par_tickets_t **tickets) {
    return par_tickets_create_nodes(n, 0, tickets);
}

int64_t par_tickets_next(par_tickets_t *tickets) {
    return tickets->next < tickets->n ? tickets->next++ : -1;
}

void par_tickets_free(par_tickets_t *tickets) {
    mem_free(tickets);
}

struct par_tally {
    int64_t *counter;
};

int par_tally_create_nodes(int32_t counters, int ranks, par_tally_t **tally) {
    (void)ranks;
    par_tally_t *t = mem_new(1, sizeof *t, "a tally");
    if (!t) return -1;
    t->counter = mem_new(counters, sizeof *t->counter, "a tally");
    if (!t->counter) {
        mem_free(t);
        return -1;
    }
    *tally = t;
    return 0;
}

int par_tally_create(int32_t counters, par_tally_t **tally) {
    return par_tally_create_nodes(counters, 0, tally);
}

void par_tally_add(par_tally_t *tally, int32_t counter, int64_t amount) {
    tally->counter[counter] += amount;
}

int64_t par_tally_read(par_tally_t *tally, int32_t counter) {
    return tally->counter[counter];
}

void par_tally_free(par_tally_t *tally) {
    if (!tally) return;
    mem_free(tally->counter);
    mem_free(tally);
}
