/* What the files of par/ share among themselves, and two hooks for their tests. par_mpi.c and par_serial.c each define
 * the functions of the first group; the rest of par/ is written on top of them and of par.h, and never sees MPI. */
#ifndef MEMPROBE_PAR_PRIVATE_H
#define MEMPROBE_PAR_PRIVATE_H
#include <stddef.h>
#include <stdint.h>

_Noreturn void par_abort(int status); // ends all ranks

/* A message of a swap: to be sent to, or received from, rank `peer`. */
typedef struct {
    void *data;
    int64_t bytes;
    int peer;
    int receive; // 1: data is filled; 0: data is sent
} par_message_t;

/* Local, and complete when it returns: posts all messages at once and waits for them. Between two ranks the k-th
 * message sent meets the k-th received; both sides must list them in one order and with equal sizes. */
void par_swap(const par_message_t *messages, int64_t count);

/* The ranks of this node; `ranks` > 0: as if every so many consecutive ranks were a node. Collective. */
typedef struct {
    int rank, ranks;
    void *comm;
} par_node_t;
void par_node_open(int ranks, par_node_t *node);
void par_node_close(par_node_t *node);
void par_node_broadcast(const par_node_t *node, void *data, size_t bytes); // from the node's rank 0, to all ranks of it
int par_node_all(const par_node_t *node,
                 int ok); // 1 on all ranks of the node when each brings what is not 0; waits for all

/* Share of n items of any rank: what par_share gives to rank `rank` of `size`. */
void par_share_of(int64_t n, int rank, int size, int64_t *first, int64_t *last);

/* For tests: messages longer than this are cut (as those beyond MPI's int counts must be). */
void par_set_cut(int64_t bytes);

/* For tests: a tree that is finished `round` floats of the vector at a time. */
struct par_tree;
int par_tree_create_rounds(int64_t n, int32_t leaves, int64_t round, struct par_tree **tree);

/* For tests: tickets as if every `ranks` consecutive ranks were a node of their own; 0: the real nodes. */
struct par_tickets;
int par_tickets_create_nodes(int64_t n, int ranks, struct par_tickets **tickets);

/* For tests: shared memory, likewise, in the first of the n folders that has room. */
struct par_shared;
int par_shared_create_in(size_t bytes, const char *const *place, int32_t n, int ranks, struct par_shared **shared);

/* For tests: a tally, likewise. */
struct par_tally;
int par_tally_create_nodes(int32_t counters, int ranks, struct par_tally **tally);

#endif
