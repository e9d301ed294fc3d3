#!/bin/sh
# run_one.sh RANKS PROGRAM: runs an MPI test. Rank 0 prints one cmocka-like line a check; output must be the same for any
# number of ranks: it is compared with tests/mpi/NAME.out when that file exists.
set -eu
name=$(basename "$2")
if [ "$1" = 1 ]; then "$2" >"$TMP/mpi.out"; else mpirun --oversubscribe -n "$1" "$2" >"$TMP/mpi.out"; fi
if [ -f "tests/mpi/$name.out" ]; then diff -u "tests/mpi/$name.out" "$TMP/mpi.out"; fi
