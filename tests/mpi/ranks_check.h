/* What the tests on many ranks share: checks that all ranks agree on and rank 0 prints, and a folder for all. */
#ifndef MEMPROBE_TEST_RANKS_CHECK_H
#define MEMPROBE_TEST_RANKS_CHECK_H
#include "base/err.h"
#include "base/file.h"
#include "par/par.h"
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

static int failures; // of checks: main returns failures != 0

/* Collective: the check passes when it is ok on every rank. */
static inline void verdict(const char *name, int ok) {
    int64_t all = ok != 0;
    par_min_i64(&all, 1);
    if (par_rank() == 0) printf("[%s] %s\n", all ? "       OK " : "  FAILED  ", name);
    if (!ok) fprintf(stderr, "rank %d: %s: %s\n", par_rank(), name, err_text());
    failures += !all;
}

/* Local: what has to work for the test to go on. */
static inline void must(int rc) {
    if (rc != 0) par_fail();
}

enum { SHARED_FOLDER = 256 };

/* Collective: a new folder under $TMP that all ranks see. */
static inline void shared_folder_make(char dir[SHARED_FOLDER]) {
    const char *tmp = getenv("TMP");
    int rc = 0;
    snprintf(dir, SHARED_FOLDER, "%s/memprobe-mpi.XXXXXX", tmp ? tmp : "/tmp");
    if (par_rank() == 0 && !mkdtemp(dir)) rc = err_set("%s: cannot be made", dir);
    must(par_agree(rc));
    par_broadcast(dir, SHARED_FOLDER, 0);
}

/* Collective: removes it when no rank needs it any more. */
static inline void shared_folder_remove(const char *dir) {
    par_barrier();
    if (par_rank() == 0) must(dir_remove(dir));
}

#endif
