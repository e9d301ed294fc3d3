/* Ranks by MPI: the only file that includes <mpi.h>. Every MPI call is checked; one that fails ends the job with MPI's
 * own words, since the other ranks may already wait inside it. Messages are cut to at most `cut` bytes, because MPI-3
 * counts are ints. */
#include "base/err.h"
#include "base/mem.h"
#include "par/par.h"
#include "par/par_private.h"
#include <assert.h>
#include <limits.h>
#include <mpi.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { SWAP_TAG = 1 };
static const int64_t DEFAULT_CUT = INT64_C(1) << 30;

/* This process as MPI knows it; set once by par_init. */
static int world_rank, world_size = 1, mpi_runs;
static int64_t cut = INT64_C(1) << 30;

static void check(int rc, const char *call) {
    if (rc == MPI_SUCCESS) return;
    char text[MPI_MAX_ERROR_STRING] = "unknown error";
    int length;
    MPI_Error_string(rc, text, &length);
    err_set("%s failed: %s", call, text);
    par_fail();
}

static int least(int64_t left) {
    return (int)(left < cut ? left : cut);
}

// --- start and end ------------------------------------------------------------------------------------------------

int par_init(int *argc, char ***argv) {
    int provided;
    if (MPI_Init_thread(argc, argv, MPI_THREAD_FUNNELED, &provided) != MPI_SUCCESS) return err_set("MPI_Init failed");
    mpi_runs = 1;
    check(MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN), "MPI_Comm_set_errhandler");
    check(MPI_Comm_rank(MPI_COMM_WORLD, &world_rank), "MPI_Comm_rank");
    check(MPI_Comm_size(MPI_COMM_WORLD, &world_size), "MPI_Comm_size");
    return 0;
}

void par_finalize(void) {
    if (mpi_runs) check(MPI_Finalize(), "MPI_Finalize");
    mpi_runs = 0;
}

int par_rank(void) {
    return world_rank;
}

int par_size(void) {
    return world_size;
}

_Noreturn void par_abort(int status) {
    if (mpi_runs && world_size > 1) MPI_Abort(MPI_COMM_WORLD, status);
    if (mpi_runs) MPI_Finalize(); // nobody else to end, and no need of MPI_Abort's own words
    _Exit(status);
}

void par_set_cut(int64_t bytes) {
    assert(bytes >= 0 && bytes <= DEFAULT_CUT);
    cut = bytes > 0 ? bytes : DEFAULT_CUT;
}

// --- collectives --------------------------------------------------------------------------------------------------

void par_barrier(void) {
    check(MPI_Barrier(MPI_COMM_WORLD), "MPI_Barrier");
}

void par_broadcast(void *data, size_t bytes, int root) {
    int64_t left = (int64_t)bytes;
    for (char *at = data; left > 0; at += least(left), left -= least(left))
        check(MPI_Bcast(at, least(left), MPI_BYTE, root, MPI_COMM_WORLD), "MPI_Bcast");
}

static void reduce(void *values, int64_t n, MPI_Datatype type, MPI_Op op) {
    for (char *at = values; n > 0; at += (size_t)least(n) * 8, n -= least(n)) // all our types have 8 bytes
        check(MPI_Allreduce(MPI_IN_PLACE, at, least(n), type, op, MPI_COMM_WORLD), "MPI_Allreduce");
}

void par_sum_i64(int64_t *values, int64_t n) {
    reduce(values, n, MPI_INT64_T, MPI_SUM);
}

void par_max_f64(double *values, int64_t n) {
    reduce(values, n, MPI_DOUBLE, MPI_MAX);
}

void par_min_i64(int64_t *values, int64_t n) {
    reduce(values, n, MPI_INT64_T, MPI_MIN);
}

typedef struct {
    int64_t value;
    uint64_t key;
} candidate_t;

static void better(void *from, void *to, int *n, MPI_Datatype *type) {
    (void)type;
    const candidate_t *a = from;
    candidate_t *b = to;
    for (int i = 0; i < *n; i++)
        if (a[i].value > b[i].value || (a[i].value == b[i].value && a[i].key < b[i].key)) b[i] = a[i];
}

void par_best(int64_t *value, uint64_t *key) {
    static MPI_Op op = MPI_OP_NULL; // made once: called for every merge of a tokenizer
    static MPI_Datatype type = MPI_DATATYPE_NULL;
    if (op == MPI_OP_NULL) {
        check(MPI_Op_create(better, 1, &op), "MPI_Op_create");
        check(MPI_Type_contiguous(2, MPI_INT64_T, &type), "MPI_Type_contiguous");
        check(MPI_Type_commit(&type), "MPI_Type_commit");
    }
    candidate_t best = {*value, *key};
    check(MPI_Allreduce(MPI_IN_PLACE, &best, 1, type, op, MPI_COMM_WORLD), "MPI_Allreduce");
    *value = best.value;
    *key = best.key;
}

// --- blocks of bytes ----------------------------------------------------------------------------------------------

void par_swap(const par_message_t *messages, int64_t count) {
    int64_t pieces = 0;
    for (int64_t i = 0; i < count; i++) pieces += (messages[i].bytes + cut - 1) / cut;
    if (pieces > INT32_MAX) {
        err_set("%lld messages at a time are too many", (long long)pieces);
        par_fail();
    }
    MPI_Request *requests = mem_new(pieces, sizeof(MPI_Request), "requests of messages");
    if (!requests) par_fail(); // the other ranks wait for this one
    int posted = 0;
    for (int64_t i = 0; i < count; i++) {
        int64_t left = messages[i].bytes;
        for (char *at = messages[i].data; left > 0; at += least(left), left -= least(left)) {
            MPI_Request *request = &requests[posted++];
            if (messages[i].receive)
                check(MPI_Irecv(at, least(left), MPI_BYTE, messages[i].peer, SWAP_TAG, MPI_COMM_WORLD, request),
                      "MPI_Irecv");
            else
                check(MPI_Isend(at, least(left), MPI_BYTE, messages[i].peer, SWAP_TAG, MPI_COMM_WORLD, request),
                      "MPI_Isend");
        }
    }
    check(MPI_Waitall(posted, requests, MPI_STATUSES_IGNORE), "MPI_Waitall");
    mem_free(requests);
}

/* Offsets in bytes of every rank's block; returns the total number of items. */
static int64_t offsets(const int64_t *count, size_t item_bytes, int64_t *offset) {
    int64_t total = 0;
    for (int r = 0; r < world_size; r++) {
        offset[r] = total * (int64_t)item_bytes;
        total += count[r];
    }
    return total;
}

/* Pairwise: in step s this rank sends to rank + s and receives from rank - s, so that no rank is flooded. */
static void exchange_blocks(const char *send, const int64_t *send_count, const int64_t *send_offset, char *recv,
                            const int64_t *recv_count, const int64_t *recv_offset, size_t item_bytes) {
    int64_t own = send_count[world_rank] * (int64_t)item_bytes;
    if (own > 0) memcpy(recv + recv_offset[world_rank], send + send_offset[world_rank], (size_t)own);
    for (int step = 1; step < world_size; step++) {
        int to = (world_rank + step) % world_size, from = (world_rank - step + world_size) % world_size;
        par_message_t both[2] = {
            {recv + recv_offset[from], recv_count[from] * (int64_t)item_bytes, from, /*receive*/ 1},
            {(char *)(uintptr_t)send + send_offset[to], send_count[to] * (int64_t)item_bytes, to, /*receive*/ 0}};
        par_swap(both, 2);
    }
}

int par_exchange(const void *send, const int64_t *send_count, size_t item_bytes, void **recv, int64_t *recv_total) {
    int64_t *work = mem_new(3 * (int64_t)world_size, sizeof *work, "counts of an exchange");
    if (par_agree(work ? 0 : -1) != 0) {
        mem_free(work);
        return -1;
    }
    int64_t *recv_count = work, *send_offset = work + world_size, *recv_offset = work + 2 * world_size;
    check(MPI_Alltoall(send_count, 1, MPI_INT64_T, recv_count, 1, MPI_INT64_T, MPI_COMM_WORLD), "MPI_Alltoall");
    offsets(send_count, item_bytes, send_offset);
    *recv_total = offsets(recv_count, item_bytes, recv_offset);
    *recv = mem_new(*recv_total, item_bytes, "blocks of an exchange");
    int rc = par_agree(*recv ? 0 : -1);
    if (rc == 0) {
        exchange_blocks(send, send_count, send_offset, *recv, recv_count, recv_offset, item_bytes);
    } else {
        mem_free(*recv);
        *recv = NULL;
    }
    mem_free(work);
    return rc;
}

/* One call where MPI's counts allow it; else every rank broadcasts its block, cut. */
static void gather_blocks(char *all, const int64_t *count, const int64_t *offset, int64_t total, size_t item_bytes,
                          int *ints) {
    if (total * (int64_t)item_bytes > cut) {
        for (int r = 0; r < world_size; r++) par_broadcast(all + offset[r], (size_t)count[r] * item_bytes, r);
        return;
    }
    int *bytes = ints, *displacement = ints + world_size;
    for (int r = 0; r < world_size; r++) {
        bytes[r] = (int)(count[r] * (int64_t)item_bytes);
        displacement[r] = (int)offset[r];
    }
    check(MPI_Allgatherv(MPI_IN_PLACE, 0, MPI_DATATYPE_NULL, all, bytes, displacement, MPI_BYTE, MPI_COMM_WORLD),
          "MPI_Allgatherv");
}

int par_gather_all(const void *mine, int64_t count, size_t item_bytes, void **all, int64_t *total) {
    int64_t *counts = mem_new(2 * (int64_t)world_size, sizeof *counts, "counts of a gather");
    int *ints = mem_new(2 * (int64_t)world_size, sizeof *ints, "counts of a gather");
    int rc = par_agree(counts && ints ? 0 : -1);
    if (rc == 0) {
        int64_t *offset = counts + world_size;
        check(MPI_Allgather(&count, 1, MPI_INT64_T, counts, 1, MPI_INT64_T, MPI_COMM_WORLD), "MPI_Allgather");
        *total = offsets(counts, item_bytes, offset);
        char *blocks = mem_new(*total, item_bytes, "blocks of a gather");
        rc = par_agree(blocks ? 0 : -1);
        if (rc == 0) {
            if (count > 0) memcpy(blocks + offset[world_rank], mine, (size_t)count * item_bytes);
            gather_blocks(blocks, counts, offset, *total, item_bytes, ints);
            *all = blocks;
        } else {
            mem_free(blocks);
        }
    }
    mem_free(counts);
    mem_free(ints);
    return rc;
}

// --- tickets ------------------------------------------------------------------------------------------------------

/* Two levels, so that nobody with work to do ever waits for a rank that computes: most tickets are dealt to the nodes
 * by their number of ranks and handed out inside a node by an atomic counter in shared memory. The last eighth is
 * common to all nodes, behind a counter of rank 0 that is reached by MPI only when a node has run dry; there a slow
 * transport may have to wait until rank 0 enters MPI, which it does at each ticket of its own. */
struct par_tickets {
    MPI_Comm node;
    MPI_Win shared, common;    // MPI_WIN_NULL where not needed
    _Atomic int64_t *taken;    // of this node's own tickets
    int64_t first, last;       // this node's own tickets
    int64_t common_first, end; // the common ones
    int64_t *common_taken;     // window memory (rank 0)
};

static MPI_Comm split_node(int ranks) {
    MPI_Comm node;
    if (ranks > 0)
        check(MPI_Comm_split(MPI_COMM_WORLD, world_rank / ranks, world_rank, &node), "MPI_Comm_split");
    else
        check(MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_SHARED, world_rank, MPI_INFO_NULL, &node),
              "MPI_Comm_split_type");
    check(MPI_Comm_set_errhandler(node, MPI_ERRORS_RETURN), "MPI_Comm_set_errhandler");
    return node;
}

void par_node_open(int ranks, par_node_t *node) {
    MPI_Comm *comm = mem_new(1, sizeof *comm, "communicator of a node");
    if (!comm) par_fail();
    *comm = split_node(ranks);
    check(MPI_Comm_rank(*comm, &node->rank), "MPI_Comm_rank");
    check(MPI_Comm_size(*comm, &node->ranks), "MPI_Comm_size");
    node->comm = comm;
}

void par_node_close(par_node_t *node) {
    check(MPI_Comm_free(node->comm), "MPI_Comm_free");
    mem_free(node->comm);
}

void par_node_broadcast(const par_node_t *node, void *data, size_t bytes) {
    assert(bytes <= INT_MAX);
    check(MPI_Bcast(data, (int)bytes, MPI_BYTE, 0, *(MPI_Comm *)node->comm), "MPI_Bcast");
}

int par_node_all(const par_node_t *node, int ok) {
    int all = ok != 0;
    check(MPI_Allreduce(MPI_IN_PLACE, &all, 1, MPI_INT, MPI_MIN, *(MPI_Comm *)node->comm), "MPI_Allreduce");
    return all;
}

/* Zeroed counters in memory that the ranks of a node share. */
static _Atomic int64_t *create_shared_counters(MPI_Comm node, int64_t n, MPI_Win *window) {
    int node_rank, unit;
    check(MPI_Comm_rank(node, &node_rank), "MPI_Comm_rank");
    MPI_Aint bytes = node_rank == 0 ? (MPI_Aint)n * (MPI_Aint)sizeof(int64_t) : 0;
    void *base;
    check(MPI_Win_allocate_shared(bytes, sizeof(int64_t), MPI_INFO_NULL, node, &base, window),
          "MPI_Win_allocate_shared");
    check(MPI_Win_set_errhandler(*window, MPI_ERRORS_RETURN), "MPI_Win_set_errhandler");
    check(MPI_Win_shared_query(*window, 0, &bytes, &unit, &base), "MPI_Win_shared_query");
    _Atomic int64_t *counter = base;
    for (int64_t i = 0; node_rank == 0 && i < n; i++) atomic_store(&counter[i], 0);
    return counter;
}

/* Zeroed counters of rank 0 that every rank reaches by MPI, inside an epoch that lasts until free_common_counters. */
static int64_t *create_common_counters(int64_t n, MPI_Win *window) {
    MPI_Aint bytes = world_rank == 0 ? (MPI_Aint)n * (MPI_Aint)sizeof(int64_t) : 0;
    int64_t *counter;
    check(MPI_Win_allocate(bytes, sizeof(int64_t), MPI_INFO_NULL, MPI_COMM_WORLD, &counter, window),
          "MPI_Win_allocate");
    check(MPI_Win_set_errhandler(*window, MPI_ERRORS_RETURN), "MPI_Win_set_errhandler");
    for (int64_t i = 0; world_rank == 0 && i < n; i++) counter[i] = 0;
    check(MPI_Win_lock_all(0, *window), "MPI_Win_lock_all");
    check(MPI_Win_sync(*window), "MPI_Win_sync");
    return counter;
}

static void free_common_counters(MPI_Win *window) {
    check(MPI_Win_unlock_all(*window), "MPI_Win_unlock_all");
    check(MPI_Win_free(window), "MPI_Win_free");
}

/* Collective: 1 when all ranks are on one node. */
static int is_one_node(MPI_Comm node) {
    int node_size;
    check(MPI_Comm_size(node, &node_size), "MPI_Comm_size");
    int64_t one = node_size == world_size;
    par_min_i64(&one, 1);
    return one != 0;
}

/* Lets MPI serve the ranks that reach for counters of this one: slow transports do so inside MPI calls only. */
static void serve_others(void) {
    int flag;
    check(MPI_Iprobe(MPI_ANY_SOURCE, MPI_ANY_TAG, MPI_COMM_WORLD, &flag, MPI_STATUS_IGNORE), "MPI_Iprobe");
}

int par_tickets_create_nodes(int64_t n, int ranks, par_tickets_t **tickets) {
    assert(n >= 0);
    par_tickets_t *t = mem_new(1, sizeof *t, "tickets");
    if (par_agree(t ? 0 : -1) != 0) {
        mem_free(t);
        return -1;
    }
    t->node = split_node(ranks);
    t->shared = t->common = MPI_WIN_NULL;
    int node_rank, node_size;
    check(MPI_Comm_rank(t->node, &node_rank), "MPI_Comm_rank");
    check(MPI_Comm_size(t->node, &node_size), "MPI_Comm_size");
    /* Ranks of the nodes before this one, in order of their lowest rank: the node's place in the deal. */
    int64_t mine = node_rank == 0 ? node_size : 0, before = 0;
    check(MPI_Exscan(&mine, &before, 1, MPI_INT64_T, MPI_SUM, MPI_COMM_WORLD), "MPI_Exscan");
    if (world_rank == 0) before = 0; // Exscan leaves it undefined there
    check(MPI_Bcast(&before, 1, MPI_INT64_T, 0, t->node), "MPI_Bcast");
    t->common_first = node_size == world_size ? n : n - n / 8;
    t->end = n;
    int64_t ignore;
    par_share_of(t->common_first, (int)before, world_size, &t->first, &ignore);
    par_share_of(t->common_first, (int)before + node_size - 1, world_size, &ignore, &t->last);
    t->taken = create_shared_counters(t->node, 1, &t->shared);
    if (!is_one_node(t->node)) t->common_taken = create_common_counters(1, &t->common);
    par_barrier(); // the counters are zero before anyone takes a ticket
    *tickets = t;
    return 0;
}

int par_tickets_create(int64_t n, par_tickets_t **tickets) {
    return par_tickets_create_nodes(n, 0, tickets);
}

int64_t par_tickets_next(par_tickets_t *t) {
    if (atomic_load(t->taken) < t->last - t->first) {
        int64_t ticket = t->first + atomic_fetch_add(t->taken, 1);
        if (ticket < t->last) {
            if (t->common != MPI_WIN_NULL) serve_others();
            return ticket;
        }
    }
    if (t->common == MPI_WIN_NULL) return -1;
    int64_t one = 1, taken;
    check(MPI_Fetch_and_op(&one, &taken, MPI_INT64_T, 0, 0, MPI_SUM, t->common), "MPI_Fetch_and_op");
    check(MPI_Win_flush(0, t->common), "MPI_Win_flush");
    return taken < t->end - t->common_first ? t->common_first + taken : -1;
}

void par_tickets_free(par_tickets_t *t) {
    if (!t) return;
    if (t->common != MPI_WIN_NULL) free_common_counters(&t->common);
    check(MPI_Win_free(&t->shared), "MPI_Win_free");
    check(MPI_Comm_free(&t->node), "MPI_Comm_free");
    mem_free(t);
}

// --- tallies ------------------------------------------------------------------------------------------------------

/* Ranks on rank 0's node add to counters in shared memory. The others send their sums to rank 0, the next ones when the
 * last have left, so that nobody waits for a rank that computes. */
struct par_tally {
    MPI_Comm node;
    MPI_Win shared, common; // common: MPI_WIN_NULL where all ranks are on one node
    int32_t counters;
    int is_far;             // from rank 0: on another node
    _Atomic int64_t *here;  // (counters) of this node
    int64_t *come_in;       // (counters) of the other nodes: window memory of rank 0
    int64_t *pending, *out; // (counters) not yet sent; on their way: not to be touched before MPI is done with them
    MPI_Request request;    // of those on their way
};

int par_tally_create_nodes(int32_t counters, int ranks, par_tally_t **tally) {
    assert(counters > 0);
    par_tally_t *t = mem_new(1, sizeof *t, "a tally");
    int64_t *sums = mem_new(2 * (int64_t)counters, sizeof *sums, "a tally");
    if (par_agree(t && sums ? 0 : -1) != 0) {
        mem_free(t);
        mem_free(sums);
        return -1;
    }
    *t = (par_tally_t){.node = split_node(ranks), .counters = counters, .pending = sums, .out = sums + counters};
    t->shared = t->common = MPI_WIN_NULL;
    t->request = MPI_REQUEST_NULL;
    int first = world_rank; // the lowest rank of the node
    check(MPI_Bcast(&first, 1, MPI_INT, 0, t->node), "MPI_Bcast");
    t->is_far = first != 0;
    t->here = create_shared_counters(t->node, counters, &t->shared);
    if (!is_one_node(t->node)) t->come_in = create_common_counters(counters, &t->common);
    par_barrier(); // the counters are zero before anyone adds
    *tally = t;
    return 0;
}

int par_tally_create(int32_t counters, par_tally_t **tally) {
    return par_tally_create_nodes(counters, 0, tally);
}

/* Sends what is pending, unless earlier sums are still on their way. */
static void send_pending(par_tally_t *t) {
    int done, any = 0;
    check(MPI_Test(&t->request, &done, MPI_STATUS_IGNORE), "MPI_Test");
    for (int32_t i = 0; i < t->counters; i++) any |= t->pending[i] != 0;
    if (!done || !any) return;
    memcpy(t->out, t->pending, (size_t)t->counters * sizeof *t->out);
    memset(t->pending, 0, (size_t)t->counters * sizeof *t->pending);
    check(MPI_Raccumulate(t->out, t->counters, MPI_INT64_T, 0, 0, t->counters, MPI_INT64_T, MPI_SUM, t->common,
                          &t->request),
          "MPI_Raccumulate");
}

void par_tally_add(par_tally_t *t, int32_t counter, int64_t amount) {
    assert(counter >= 0 && counter < t->counters);
    atomic_fetch_add(&t->here[counter], amount);
    if (t->common == MPI_WIN_NULL) return;
    if (t->is_far) {
        t->pending[counter] += amount;
        send_pending(t);
    } else {
        serve_others();
    }
}

int64_t par_tally_read(par_tally_t *t, int32_t counter) {
    assert(counter >= 0 && counter < t->counters);
    int64_t sum = atomic_load(&t->here[counter]);
    if (world_rank != 0 || t->common == MPI_WIN_NULL) return sum;
    check(MPI_Win_sync(t->common), "MPI_Win_sync");
    return sum + t->come_in[counter];
}

void par_tally_free(par_tally_t *t) {
    if (!t) return;
    check(MPI_Wait(&t->request, MPI_STATUS_IGNORE), "MPI_Wait");
    if (t->common != MPI_WIN_NULL) free_common_counters(&t->common);
    check(MPI_Win_free(&t->shared), "MPI_Win_free");
    check(MPI_Comm_free(&t->node), "MPI_Comm_free");
    mem_free(t->pending);
    mem_free(t);
}
