/* gnuplot as a child process. posix_spawn and not fork: a rank of an MPI program must not copy its address space. Names
 * from the study reach gnuplot as data and as arguments of a script, never as gnuplot commands. */
#include "report/gnuplot.h"
#include "base/err.h"
#include "base/log.h"
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdint.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

enum { SAID_BYTES = 1500, ARGUMENTS = 16 };

/* Everything that comes out of the pipe is read, so that gnuplot never waits for us; the beginning is kept. */
static void read_said(int fd, char said[SAID_BYTES]) {
    char buffer[512];
    size_t kept = 0;
    ssize_t got;
    while ((got = read(fd, buffer, sizeof buffer)) != 0) {
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) break;
        size_t n = (size_t)got < SAID_BYTES - 1 - kept ? (size_t)got : SAID_BYTES - 1 - kept;
        memcpy(said + kept, buffer, n);
        kept += n;
    }
    said[kept] = '\0';
}

static int spawn(char *const argv[], int write_end, pid_t *child) {
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, write_end, STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, write_end, STDERR_FILENO);
    int why = posix_spawnp(child, argv[0], &actions, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    return why;
}

int gnuplot_run(const char *script, const char *const *argument) {
    const char *words[ARGUMENTS + 4] = {"gnuplot", "-c", script};
    for (int i = 0; i < ARGUMENTS && argument[i] != NULL; i++) words[3 + i] = argument[i];
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) return err_set("no pipe for gnuplot: %s", strerror(errno));
    pid_t child;
    int why = spawn((char *const *)(uintptr_t)words, ends[1], &child);
    close(ends[1]);
    if (why != 0) {
        close(ends[0]);
        return err_set(
            "gnuplot cannot be started: %s; install it (Debian: apt install gnuplot-nox) or put it on the PATH, "
            "then run again: the tables are done",
            strerror(why));
    }
    char said[SAID_BYTES];
    read_said(ends[0], said);
    close(ends[0]);
    int status;
    while (waitpid(child, &status, 0) < 0)
        if (errno != EINTR) return err_set("gnuplot was lost: %s", strerror(errno));
    if (WIFSIGNALED(status)) return err_set("gnuplot %s was killed by signal %d", script, WTERMSIG(status));
    if (WEXITSTATUS(status) != 0) return err_set("gnuplot %s failed (%d): %s", script, WEXITSTATUS(status), said);
    if (said[0] != '\0') log_debug("gnuplot %s: %s", script, said);
    return 0;
}
