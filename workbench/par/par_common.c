/* The part of par/ that is the same with and without MPI: shares, agreement on errors, signals. */
#include "base/err.h"
#include "par/par.h"
#include "par/par_private.h"
#include <assert.h>
#include <ctype.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MESSAGE_BYTES = 4096 };

static volatile sig_atomic_t signalled;
static int left_early; // this rank was told by par_go_on to leave

void par_share_of(int64_t n, int rank, int size, int64_t *first, int64_t *last) {
    assert(n >= 0 && rank >= 0 && rank < size);
    int64_t each = n / size, more = n % size; // the first `more` ranks take one item more
    *first = rank * each + (rank < more ? rank : more);
    *last = *first + each + (rank < more);
}

void par_share(int64_t n, int64_t *first, int64_t *last) {
    par_share_of(n, par_rank(), par_size(), first, last);
}

_Noreturn void par_fail(void) {
    fflush(stdout);
    fprintf(stderr, "memprobe: [rank %d] %s\n", par_rank(), err_text());
    fflush(stderr);
    par_abort(1);
}

/* A message that went through par_agree already says whose it is: a second prefix would name the wrong rank. */
static int names_a_rank(const char *text) {
    if (strncmp(text, "rank ", 5) != 0 || !isdigit((unsigned char)text[5])) return 0;
    const char *p = text + 5;
    while (isdigit((unsigned char)*p)) p++;
    return p[0] == ':' && p[1] == ' ';
}

int par_agree(int rc) {
    int64_t lowest = rc == 0 ? par_size() : par_rank();
    par_min_i64(&lowest, 1);
    if (lowest == par_size()) return 0;
    if (par_size() == 1) return -1;
    char text[MESSAGE_BYTES] = "";
    if (lowest == par_rank()) snprintf(text, sizeof text, "%s", err_text());
    par_broadcast(text, sizeof text, (int)lowest);
    text[sizeof text - 1] = '\0';
    int64_t alike = rc != 0 && strncmp(err_text(), text, sizeof text - 1) == 0; // then it is no rank's own trouble
    par_min_i64(&alike, 1);
    if (alike || names_a_rank(text)) return err_set("%s", text);
    return err_set("rank %d: %s", (int)lowest, text);
}

/* Ctrl-C twice: at once. A batch system may send its signal more than once, so the others only ask. */
static void on_signal(int number) {
    if (number == SIGINT && signalled) {
        signal(SIGINT, SIG_DFL);
        raise(SIGINT);
    }
    signalled = 1;
}

void par_watch_signals(void) {
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = on_signal;
    action.sa_flags = SA_RESTART; // system calls of libraries go on; the program looks at the flag between batches
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGUSR1, &action, NULL);
}

static int any_rank(int mine) {
    int64_t none = mine ? 0 : 1;
    par_min_i64(&none, 1);
    return none == 0;
}

int par_interrupted(void) {
    return any_rank(signalled);
}

int par_go_on(void) {
    if (!signalled) return 0;
    left_early = 1;
    return err_set("interrupted by a signal");
}

int par_left_early(void) {
    return any_rank(left_early);
}

int par_tickets_end(par_tickets_t *tickets, int rc) {
    while (rc != 0 && par_tickets_next(tickets) >= 0) {
    }
    return rc;
}

/* A program built without MPI can be launched many times over, too. */
int par_launched(void) {
    static const char *const names[] = {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE"}; // Open MPI; MPICH and its kin
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const char *text = getenv(names[i]);
        if (text != NULL && atoi(text) > 1) return atoi(text);
    }
    return 1;
}
