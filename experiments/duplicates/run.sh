#!/bin/sh
# Runs the census of both corpora on two ranks. Argument: the program. Further arguments go to it.
set -eu
program=$1
shift
cd "$(dirname "$0")/../.."
if [ "$(id -u)" = 0 ]; then export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1; fi
for config in config.ini kjv.ini; do
    mpirun --oversubscribe --bind-to none -n 2 "$program" census "$@" "experiments/duplicates/$config"
done
