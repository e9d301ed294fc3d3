/* `memprobe selftest` alone, for a target that lacks the libraries of the whole program. */
#include "cmd/verbs.h"

int main(int argc, char **argv) {
    return cmd_selftest(argc, argv);
}
