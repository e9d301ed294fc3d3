#!/bin/sh
# Runs the quickstart study on two ranks. Argument: the program. Further arguments go to it.
set -eu
program=$1
shift
cd "$(dirname "$0")/../.."
if [ "$(id -u)" = 0 ]; then export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1; fi
export OPENBLAS_NUM_THREADS=1
exec mpirun --oversubscribe --bind-to none -n 2 "$program" "$@" experiments/quickstart/config.ini
