/* par.h on any number of ranks: the printed lines, hashes of sums among them, are the same for all of them.
 *     test_par            all checks
 *     test_par agree      the last rank fails alone and takes it to par_agree: status 1 everywhere
 *     test_par fail       the last rank fails alone while the others wait in a barrier: par_fail ends the job
 *     test_par hash       prints the hash of one sum over 16 leaves (for runs with more ranks than leaves) */
#include "base/err.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/mem.h"
#include "par/par.h"
#include "par/par_private.h"
#include "ranks_check.h"
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- sums over the fixed tree ------------------------------------------------------------------------------------ */

/* Values of very different size, so that another order of additions gives other bits. */
static float leaf_value(int32_t leaf, int64_t i) {
    uint32_t x = (uint32_t)leaf * 2654435761u ^ (uint32_t)i * 40503u;
    x ^= x >> 15;
    x *= 2246822519u;
    x ^= x >> 13;
    float value = (float)(x & 0xffff) + 0.1f;
    for (uint32_t k = 0; k < (x >> 16) % 24; k++) value *= (x >> 31) ? 0.5f : -0.4f;
    return value;
}

static float tree_value(int32_t first, int32_t leaves, int64_t i) {
    if (leaves == 1) return leaf_value(first, i);
    return tree_value(first, leaves / 2, i) + tree_value(first + leaves / 2, leaves / 2, i);
}

static void fill_tree(par_tree_t *tree, int64_t n, float *total) {
    for (int32_t leaf = par_tree_first(tree); leaf < par_tree_last(tree); leaf++) {
        float *g = par_tree_leaf(tree);
        for (int64_t i = 0; i < n; i++) g[i] += leaf_value(leaf, i);
        par_tree_push(tree);
    }
    par_tree_finish(tree, total);
}

static int sum_is_right(int64_t n, int32_t leaves, int64_t round, char text[HASH_TEXT]) {
    par_tree_t *tree;
    if (par_tree_create_rounds(n, leaves, round, &tree) != 0) return 0;
    float *total = mem_new(n, sizeof *total, "test");
    if (!total) par_fail();
    int ok = 1;
    for (int again = 0; again < 2; again++) {
        memset(total, 0xff, (size_t)n * sizeof *total);
        fill_tree(tree, n, total);
        for (int64_t i = 0; i < n; i++) ok &= total[i] == tree_value(0, leaves, i);
    }
    hash_print(text, hash_bytes(total, (size_t)n * sizeof *total, 0));
    mem_free(total);
    par_tree_free(tree);
    return ok;
}

static void check_trees(void) {
    static const int64_t lengths[] = {1, 1500, 20011};
    char text[HASH_TEXT], name[128];
    for (int32_t leaves = 1; leaves <= 64; leaves *= 4)
        for (int i = 0; i < 3; i++)
            for (int64_t round = 4096; round <= 1 << 24; round <<= 12) {
                int ok = sum_is_right(lengths[i], leaves, round, text);
                snprintf(name, sizeof name, "tree of %d leaves, %lld floats by %lld: %s", leaves, (long long)lengths[i],
                         (long long)round, text);
                verdict(name, ok);
            }
}

/* --- collectives ------------------------------------------------------------------------------------------------- */

static void check_shares(void) {
    int ok = 1;
    for (int size = 1; size < 9; size++)
        for (int64_t n = 0; n < 30; n++) {
            int64_t next = 0;
            for (int rank = 0; rank < size; rank++) {
                int64_t first, last;
                par_share_of(n, rank, size, &first, &last);
                ok &= first == next && last - first >= n / size && last - first <= n / size + 1;
                next = last;
            }
            ok &= next == n;
        }
    int64_t first, last;
    par_share_of(INT64_MAX - 1, 63, 64, &first, &last);
    verdict("shares are contiguous and balanced", ok && last == INT64_MAX - 1 && first < last);
}

static void check_reductions(void) {
    enum { N = 100 };
    int64_t sum[N], min[N], size = par_size(), rank = par_rank();
    double max[N];
    for (int i = 0; i < N; i++) {
        sum[i] = (rank + 1) * i;
        min[i] = i - rank;
        max[i] = (double)(i * (rank + 1)) + 0.5;
    }
    par_sum_i64(sum, N);
    par_min_i64(min, N);
    par_max_f64(max, N);
    int ok = 1;
    for (int i = 0; i < N; i++)
        ok &= sum[i] == i * size * (size + 1) / 2 && min[i] == i - (size - 1) && max[i] == (double)(i * size) + 0.5;
    verdict("sum, min, max", ok);

    char text[100];
    for (int i = 0; i < 100; i++) text[i] = (char)(par_rank() == par_size() - 1 ? i : 0);
    par_broadcast(text, sizeof text, par_size() - 1);
    for (int i = 0; i < 100; i++) ok &= text[i] == i;
    verdict("broadcast from the last rank", ok);
}

typedef struct {
    int64_t from, to, number;
} item_t;

static int64_t items_between(int64_t from, int64_t to) {
    return (from * 7 + to * 3) % 5 * (from != 1); // rank 1 sends nothing
}

static void check_exchange(void) {
    int64_t count[256], n = 0, total;
    item_t send[256 * 5], *recv;
    void *block;
    for (int to = 0; to < par_size(); to++) {
        count[to] = items_between(par_rank(), to);
        for (int64_t k = 0; k < count[to]; k++) send[n++] = (item_t){par_rank(), to, k};
    }
    int ok = par_exchange(send, count, sizeof *send, &block, &total) == 0;
    recv = block;
    int64_t at = 0;
    for (int from = 0; from < par_size(); from++)
        for (int64_t k = 0; k < items_between(from, par_rank()); k++, at++)
            ok &= at < total && recv[at].from == from && recv[at].to == par_rank() && recv[at].number == k;
    verdict("exchange", ok && at == total);
    mem_free(block);
}

static void check_gather(void) {
    int64_t mine[8], total, count = (par_rank() * 5 + 2) % 8, *all;
    void *block;
    for (int64_t k = 0; k < count; k++) mine[k] = par_rank() * 100 + k;
    int ok = par_gather_all(mine, count, sizeof *mine, &block, &total) == 0;
    all = block;
    int64_t at = 0;
    for (int rank = 0; rank < par_size(); rank++)
        for (int64_t k = 0; k < (rank * 5 + 2) % 8; k++, at++) ok &= at < total && all[at] == rank * 100 + k;
    verdict("gather", ok && at == total);
    mem_free(block);
}

static void check_tickets(int64_t n, int ranks) {
    par_tickets_t *tickets;
    int64_t *took = mem_new(n, sizeof *took, "test"), ticket;
    if (!took || par_tickets_create_nodes(n, ranks, &tickets) != 0) par_fail();
    int ok = 1;
    while ((ticket = par_tickets_next(tickets)) >= 0) {
        ok &= ticket < n;
        if (ticket < n) took[ticket]++;
    }
    ok &= par_tickets_next(tickets) == -1;
    par_tickets_free(tickets);
    par_sum_i64(took, n);
    for (int64_t i = 0; i < n; i++) ok &= took[i] == 1;
    mem_free(took);
    char name[80];
    snprintf(name, sizeof name, "every one of %lld tickets once, nodes of %d ranks", (long long)n, ranks);
    verdict(name, ok);
}

/* Rank 0 sees all that is added, also by other nodes, while ranks go on adding (nothing, in the end). */
/* The largest value wins wherever it is; among equal ones the smallest key, taken as a number without sign. */
static void check_best(void) {
    int64_t ok = 1, last = par_size() - 1;
    for (int round = 0; round < 1000; round++) {
        int64_t value = 5 - (par_rank() + round) % par_size();
        uint64_t key = UINT64_MAX - (uint64_t)par_rank();
        par_best(&value, &key);
        int64_t owner = (par_size() - round % par_size()) % par_size();
        ok &= value == 5 && key == UINT64_MAX - (uint64_t)owner;
    }
    int64_t value = -3;
    uint64_t key = par_rank() == last ? UINT64_C(1) << 62 : UINT64_MAX;
    par_best(&value, &key);
    ok &= value == -3 && key == UINT64_C(1) << 62;
    verdict("best", (int)ok);
}

static void check_tally(int ranks) {
    par_tally_t *tally;
    if (par_tally_create_nodes(2, ranks, &tally) != 0) par_fail();
    int64_t size = par_size(), all = 0;
    for (int i = 1; i <= 1000; i++) par_tally_add(tally, 1, i * (par_rank() + 1));
    for (int look = 0; look < 100000 && !all; look++) {
        par_tally_add(tally, 0, 0);
        all = par_rank() != 0 || par_tally_read(tally, 1) == 500500 * size * (size + 1) / 2;
        par_min_i64(&all, 1);
    }
    int ok = all && par_tally_read(tally, 0) == 0 && par_tally_read(tally, 1) >= 500500 * (par_rank() + 1);
    par_tally_free(tally);
    char name[80];
    snprintf(name, sizeof name, "a tally of all ranks, nodes of %d ranks", ranks);
    verdict(name, ok);
}

static void check_agreement(void) {
    int ok = par_agree(0) == 0;
    char expected[80];
    /* Ranks above 0 fail if there are any: the lowest failing one speaks. */
    int lowest = par_size() > 1;
    int rc = par_agree(par_rank() >= lowest ? err_set("disk %d is full", par_rank()) : 0);
    if (par_size() > 1)
        snprintf(expected, sizeof expected, "rank 1: disk 1 is full");
    else
        snprintf(expected, sizeof expected, "disk 0 is full");
    ok &= rc == -1 && strcmp(err_text(), expected) == 0;
    ok &= par_agree(rc) == -1 && strcmp(err_text(), expected) == 0;
    verdict("agreement gives the message of the lowest failing rank, once", ok);
    ok = par_agree(err_set("no such key")) == -1 && strcmp(err_text(), "no such key") == 0;
    verdict("agreement on a message that all ranks have names no rank", ok);
}

static void check_signals(void) {
    par_watch_signals();
    int last = par_rank() == par_size() - 1;
    int ok = par_interrupted() == 0 && par_go_on() == 0;
    if (last) raise(SIGUSR1);
    verdict("a signal to one rank is seen by all", ok && par_interrupted() == 1);
    ok = par_left_early() == 0 && (par_go_on() != 0) == last;
    verdict("a signalled rank leaves its loop, and all know it", ok && par_left_early() == 1);
}

/* --- output by id ------------------------------------------------------------------------------------------------- */

/* Puts the records of this rank's tickets; `skip`: an id that nobody puts, `twice`: one that this rank puts too. */
static int write_records(const char *path, int64_t n, int64_t skip, int64_t twice) {
    par_out_t *out;
    if (par_out_open(path, 2 * sizeof(int64_t), n, &out) != 0) return -1;
    int rc = 0;
    for (int64_t id = par_rank(); id < n; id += par_size())
        if (id != skip && rc == 0) rc = par_out_put(out, id, (int64_t[]){id, id * id});
    if (twice >= 0 && rc == 0) rc = par_out_put(out, twice, (int64_t[]){twice, 0});
    return par_out_close(out, rc);
}

static int nothing_is_left(const char *path) {
    par_barrier();
    char part[512];
    snprintf(part, sizeof part, "%s.part", path);
    return !file_exists(path) && !file_exists(part);
}

static void check_output(const char *folder) {
    enum { N = 1000 };
    char path[400], missing[450];
    snprintf(path, sizeof path, "%s/par_out_%d.bin", folder, par_size());
    int ok = write_records(path, N, N - 1, -1) == -1 && nothing_is_left(path);
    verdict("a missing record leaves no file", ok && strstr(err_text(), "999 records were put, 1000 are due"));
    ok = write_records(path, N, -1, par_rank() == 0 ? 0 : -1) == -1 && nothing_is_left(path);
    verdict("a record put twice by one rank leaves no file", ok && strstr(err_text(), "record 0 was put twice"));
    ok = write_records(path, N, 7, par_rank() == (7 + 1) % par_size() ? 6 : -1) == -1 && nothing_is_left(path);
    verdict("a record put twice, another missing: no file",
            ok && (strstr(err_text(), "record 6 was put twice") || strstr(err_text(), "put the same record")));
    ok = write_records(path, N, -1, par_rank() == 0 ? N : -1) == -1 && nothing_is_left(path);
    verdict("a record that does not exist leaves no file", ok && strstr(err_text(), "record 1000 of 1000"));
    snprintf(missing, sizeof missing, "%s/no_such_folder/x", folder);
    verdict("a folder that is missing is an error", write_records(missing, N, -1, -1) == -1);

    ok = write_records(path, N, -1, -1) == 0;
    par_barrier();
    file_map_t map;
    if (ok && file_map(path, &map) == 0) {
        ok = map.size == N * 2 * sizeof(int64_t);
        for (int64_t id = 0; ok && id < N; id++) {
            int64_t record[2];
            memcpy(record, map.data + (size_t)id * sizeof record, sizeof record);
            ok = record[0] == id && record[1] == id * id;
        }
        file_unmap(&map);
    } else {
        ok = 0;
    }
    verdict("all records: the file is there and right", ok);
    par_barrier();
    if (par_rank() == 0) remove(path);
}

// ---------------------------------------------------------------------------------------------------------------------

static int fail_alone(const char *how) {
    int last = par_rank() == par_size() - 1;
    if (strcmp(how, "fail") == 0) {
        if (last) {
            err_set("this rank fails alone");
            par_fail();
        }
        par_barrier();
        return 0; // not reached where there are several ranks
    }
    int rc = par_agree(last ? err_set("this rank fails alone") : 0);
    if (par_rank() == 0) fprintf(stderr, "%s\n", err_text());
    par_finalize();
    return rc == 0 ? 0 : 1;
}

int main(int argc, char **argv) {
    if (par_init(&argc, &argv) != 0) return 1;
    const char *folder = getenv("TMP");
    if (argc > 1 && strcmp(argv[1], "hash") != 0) return fail_alone(argv[1]);
    if (argc > 1) {
        char text[HASH_TEXT];
        int ok = sum_is_right(70001, 16, 1 << 24, text);
        verdict(text, ok);
        par_finalize();
        return failures != 0;
    }
    check_shares();
    for (int64_t cut = 0; cut <= 16; cut += 16) { // long messages whole, then cut into pieces of 16 bytes
        par_set_cut(cut);
        check_reductions();
        check_exchange();
        check_gather();
    }
    check_best();
    par_set_cut(0);
    check_trees();
    for (int ranks = 0; ranks < 4; ranks++) check_tickets(1000, ranks);
    check_tickets(0, 0);
    check_tickets(3, 1);
    for (int ranks = 0; ranks < 4; ranks++) check_tally(ranks);
    check_agreement();
    check_output(folder ? folder : "/tmp");
    check_signals();
    par_finalize();
    return failures != 0;
}
