#!/bin/sh
# The layer check must find each kind of offence.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
mkdir "$dir/base" "$dir/model" "$dir/text" "$dir/index" "$dir/report" "$dir/stats" "$dir/tensor"
try() {
    rm -f "$dir"/*/*.c
    printf '#include %s\n' "$2" >"$dir/$1"
    if scripts/check_layers.sh "$dir" >/dev/null; then echo "check_layers.sh let $2 pass in $1"; exit 1; fi
}
try base/a.c '"model/model.h"'
try base/a.c '<mpi.h>'
try model/a.c '"index/probes.h"'
try text/a.c '"model/model.h"'
try text/a.c '"neighbour.h"'
try text/a.c '"base/ini_private.h"'
try report/a.c '"par/par.h"'
try stats/a.c '"base/file.h"'
try tensor/a.c '"base/file.h"'
rm -f "$dir"/*/*.c
printf '#include "text/tokens.h"\n#include "base/err.h"\n' >"$dir/index/a.c"
scripts/check_layers.sh "$dir"
