/* What all verbs begin and end with. */
#include "cmd/verbs.h"
#include "base/err.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

int verb_flush(void) {
    errno = 0;
    if (fflush(stdout) == 0 && !ferror(stdout)) return 0;
    return err_set("standard output cannot be written%s%s", errno ? ": " : "", errno ? strerror(errno) : "");
}

int verb_end(int rc) {
    if (rc == 0) rc = verb_flush();
    if (rc == 0) return 0;
    fprintf(stderr, "memprobe: error: %s\n", err_text());
    return EXIT_FAILED;
}

int verb_option(int argc, char **argv, const struct option *known, uint64_t *seen) {
    int at = -1; // row of a long option; the one short one, -h, has no value
    opterr = 0;
    if (*seen == 0) optind = 1;
    *seen |= 1; // has begun; the other bits are rows
    int c = getopt_long(argc, argv, ":h", known, &at);
    if (c == ':') err_set("%s needs a value", argv[optind - 1]);
    if (c == '?') err_set("there is no option %s", argv[optind - 1]);
    if (c == ':' || c == '?') return '?';
    if (c == -1 || at < 0 || known[at].has_arg == no_argument) return c;
    if (*seen >> (at + 1) & 1) {
        err_set("--%s is given twice", known[at].name);
        return '?';
    }
    *seen |= UINT64_C(1) << (at + 1);
    return c;
}
