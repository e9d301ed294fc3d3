#!/bin/bash
# Runs every bench program with one OpenBLAS thread and the kernels that OpenBLAS itself would choose.
set -eu
cd "$(dirname "$0")/../.."
export OPENBLAS_NUM_THREADS=1
unset OPENBLAS_CORETYPE
for program in "${BUILD:-build/out}"/bench/bench_*; do
    [ -x "$program" ] || continue
    case $program in *.o | *.d) continue ;; esac
    "$program"
    echo
done
