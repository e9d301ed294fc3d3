/* What all verbs of one rank end with. */
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
