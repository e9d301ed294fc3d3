/* Ranks. The only user of <mpi.h> is par_mpi.c; par_serial.c serves the same header with one rank, so that the whole
 * program also builds and passes its tests without MPI (make serial=1). Nothing here knows what is computed.
 *
 * Every call is marked collective (all ranks must call it, in the same order) or local. Collective calls that can fail
 * return the same value on every rank. Counts are int64_t; messages longer than MPI's int counts are cut inside.
 *
 * Failure has two ways out. A rank that fails where others do not wait for it keeps its error and takes it to the next
 * par_agree: then all ranks return -1 with the message of the lowest failing rank. Where others are already inside a
 * collective call, it must call par_fail, which ends the job. */
#ifndef MEMPROBE_PAR_H
#define MEMPROBE_PAR_H
#include <stddef.h>
#include <stdint.h>

int par_init(int *argc, char ***argv); // collective
void par_finalize(void);               // collective

/* Local, at any time: how many processes the launcher (mpirun) started. For programs of one rank, which would all write
 * the same. */
int par_launched(void);

int par_rank(void); // local
int par_size(void); // local

/* Local: prints "memprobe: [rank R] MESSAGE" of err_text() and ends all ranks with exit status 1. Does not return. */
_Noreturn void par_fail(void);

/* Collective: 0 when every rank brings 0; else -1 on all, with err_text() set to the message of the lowest rank that
 * brought -1 (prefixed "rank R: " unless all ranks brought this message). The usual end of a piece of local work:
 *     int rc = local_work();
 *     TRY(par_agree(rc)); */
int par_agree(int rc);

/* Local: watch SIGINT, SIGTERM and SIGUSR1; the handler only sets a flag. A second SIGINT ends the process at once. */
void par_watch_signals(void);
/* Collective: 1 on all ranks when any of them was signalled: time to save and leave (exit status 75). */
int par_interrupted(void);

/* For loops of stages that are begun anew after an interruption. Local: 0, or -1 with a message once this rank was
 * signalled. That error takes all ranks out of the stage as any other does; there par_left_early (collective) tells
 * it from a failure: 1 on all ranks when any of them left by it. */
int par_go_on(void);
int par_left_early(void);

void par_barrier(void);                                 // collective
void par_broadcast(void *data, size_t bytes, int root); // collective
void par_sum_i64(int64_t *values, int64_t n);           // collective: element-wise sum on all ranks; exact
void par_max_f64(double *values, int64_t n);            // collective: for times and memory, never for results
void par_min_i64(int64_t *values, int64_t n);           // collective
/* Collective: the best of all ranks' candidates on all ranks: the largest value, among equal ones the smallest key. */
void par_best(int64_t *value, uint64_t *key);

/* Collective: blocks of whole items to every rank. send holds the items for rank 0, then rank 1, ...; send_count[r]
 * items of item_bytes go to r. *recv (mem_free) holds the items from rank 0, then rank 1, ..., *recv_total of them. */
int par_exchange(const void *send, const int64_t *send_count, size_t item_bytes, void **recv, int64_t *recv_total);

/* Collective: every rank's block on every rank, in rank order. *all: mem_free. */
int par_gather_all(const void *mine, int64_t count, size_t item_bytes, void **all, int64_t *total);

/* Local share of n items: contiguous and balanced; rank r owns [*first, *last). Depends on n, rank and size only. */
void par_share(int64_t n, int64_t *first, int64_t *last);

/* Tickets: items 0..n-1 handed out one after the other to whoever asks. Create and free are collective, next is local.
 * Which rank gets which ticket is not repeatable: results must not depend on it. */
typedef struct par_tickets par_tickets_t;
int par_tickets_create(int64_t n, par_tickets_t **tickets);
int64_t par_tickets_next(par_tickets_t *tickets);    // -1 when none is left
int par_tickets_end(par_tickets_t *tickets, int rc); // local, returns rc; after a failure takes all that are left
void par_tickets_free(par_tickets_t *tickets);

/* Tallies: counters that all ranks add to while rank 0 looks on, for progress; never for results. Create and free are
 * collective, add and read local, and neither ever waits: what ranks of other nodes add comes in with some delay, in
 * full only if they go on adding (0 will do). Reading is for rank 0; others see what their own node added. */
typedef struct par_tally par_tally_t;
int par_tally_create(int32_t counters, par_tally_t **tally);
void par_tally_add(par_tally_t *tally, int32_t counter, int64_t amount);
int64_t par_tally_read(par_tally_t *tally, int32_t counter);
void par_tally_free(par_tally_t *tally); // accepts NULL

/* Memory that the ranks of a node share: one zeroed block a node, however many ranks it has. It lies in /dev/shm where
 * that has room, else in a file of the folder `spill` (NULL: none); its name is gone before anything is written, so
 * that nothing is left of it however the job ends. Ranks fill it together, then seal it: from then on it can only be
 * read. */
typedef struct par_shared par_shared_t;
int par_shared_create(size_t bytes, const char *spill, par_shared_t **shared); // collective
/* Local, also before par_init: a block of this process alone. Its seal is local, too. */
int par_shared_create_own(size_t bytes, par_shared_t **shared);
void *par_shared_block(const par_shared_t *shared);       // local, aligned to a page
const char *par_shared_place(const par_shared_t *shared); // local: "/dev/shm", `spill`, "memory"
size_t par_shared_bytes(const par_shared_t *shared);      // local
int par_shared_ranks(const par_shared_t *shared);         // local: of this node
/* Local: removes from the folder `spill`, where nobody else is at work, what a rank left that was killed between making
 * its file and taking away its name: a file without contents. */
int par_shared_sweep(const char *spill);
/* Local: this rank's share of n items among the ranks of its node, as par_share. */
void par_shared_share(const par_shared_t *shared, int64_t n, int64_t *first, int64_t *last);
int par_shared_seal(par_shared_t *shared, int rc); // collective: works as par_agree does
void par_shared_free(par_shared_t *shared);        // local; accepts NULL

/* Sums of float vectors whose bits do not depend on the number of ranks: a fixed binary tree over `leaves` virtual
 * shards, a power of two. Each rank owns a contiguous run of leaves, fills them in ascending order, and adjacent
 * subtrees are folded (left + right, element by element) as they become complete; subtrees of different ranks meet in
 * par_tree_finish.
 *
 *     par_tree_create(n, leaves, &tree);                     // collective
 *     for (leaf = par_tree_first(tree); leaf < par_tree_last(tree); leaf++) {
 *         float *g = par_tree_leaf(tree);                    // (n) zeroed, to be filled
 *         ...
 *         par_tree_push(tree);
 *     }
 *     par_tree_finish(tree, total);                          // collective; total (n) on every rank; ready for reuse */
typedef struct par_tree par_tree_t;
int par_tree_create(int64_t n, int32_t leaves, par_tree_t **tree);
int32_t par_tree_first(const par_tree_t *tree);
int32_t par_tree_last(const par_tree_t *tree);
float *par_tree_leaf(par_tree_t *tree);
void par_tree_push(par_tree_t *tree);
void par_tree_finish(par_tree_t *tree, float *total);
void par_tree_free(par_tree_t *tree); // local; accepts NULL

/* Output addressed by id: record i stands at byte i * record_bytes, so the bytes of the file do not depend on who
 * wrote what when. Open and close are collective, put is local and may be called in any order. The file appears under
 * its name at a successful close, and only if every id in 0..n-1 was put exactly once over all ranks. */
typedef struct par_out par_out_t;
int par_out_open(const char *path, size_t record_bytes, int64_t n, par_out_t **out);
int par_out_put(par_out_t *out, int64_t id, const void *record);
int par_out_close(par_out_t *out, int rc); // rc: this rank's own state; works as par_agree does; releases out

#endif
