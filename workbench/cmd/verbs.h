/* The verbs of the command line, one file each. A verb gets its own name as argv[0] and returns the exit status: 0
 * done, 1 failed, 2 misuse, 75 interrupted and resumable. Only cmd/ prints results and chooses exit statuses. */
#ifndef MEMPROBE_VERBS_H
#define MEMPROBE_VERBS_H

#include <getopt.h>
#include <stdint.h>

enum { EXIT_FAILED = 1, EXIT_MISUSE = 2, EXIT_INTERRUPTED = 75 };

/* Brings what was printed to standard output; an error when it did not get there (a full disk, a closed pipe). */
int verb_flush(void);
/* How a verb of one rank ends: with what it printed brought out, or the message of an error. rc: 0 or -1. Exit status.
 */
int verb_end(int rc);

/* The next option of a verb, as getopt_long gives it: its letter, -1 behind the last. '?' with a message when it is not
 * known, lacks its value, or gives a value once more: *seen, 0 before the first call, is those that gave one. */
int verb_option(int argc, char **argv, const struct option *known, uint64_t *seen);

/* Verbs of a study: cmd_study runs the stages up to the one that argv[0] names. Collective. */
int cmd_study(int argc, char **argv);

/* Lookups in a corpus. Collective. */
int cmd_index(int argc, char **argv);
int cmd_count(int argc, char **argv);
int cmd_locate(int argc, char **argv);
int cmd_audit(int argc, char **argv);

/* Tools: for one rank. */
int cmd_tokenizer(int argc, char **argv);
int cmd_inspect(int argc, char **argv);
int cmd_complete(int argc, char **argv);
int cmd_selftest(int argc, char **argv);
int cmd_version(int argc, char **argv);

#endif
