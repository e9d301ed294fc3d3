#!/bin/sh
# The layer law: a file of workbench/ may include only from its own layer and those before it, folders of one layer do
# not know each other, and only workbench/par/par_mpi.c includes <mpi.h>. Prints each offence; exit 1 if there is one.
set -eu
root=${1:-workbench}
cd "$root"
grep -rn --include='*.[ch]' '^#include' . | sed 's|^\./||' | awk -F: '
BEGIN {
    n = split("base 1 par 2 tensor 3 text 4 index 4 model 4 memory 5 probe 6 stats 6 report 7 cmd 8 main.c 9", w, " ")
    for (i = 1; i < n; i += 2) layer[w[i]] = w[i + 1]
    # DESIGN.md names one use across folders of a layer: the token shards are what index/ and model/ read.
    allowed["index text"] = allowed["model text"] = 1
}
{
    split($1, from, "/"); line = $0; sub(/^[^:]*:[^:]*:/, "", line)
    if (line ~ /<mpi\.h>/ && $1 != "par/par_mpi.c") { print $1 ":" $2 ": only par/par_mpi.c may include <mpi.h>"; bad = 1 }
    if (line !~ /^#include "/) next
    gsub(/^#include "|".*$/, "", line); split(line, to, "/")
    if (!(to[1] in layer)) { print $1 ":" $2 ": include by folder, as in \"base/err.h\", not \"" line "\""; bad = 1; next }
    a = layer[from[1]]; b = layer[to[1]]
    if (a == "") { print $1 ": no layer is known for this folder"; bad = 1; next }
    if (b > a || (b == a && from[1] != to[1] && !((from[1] " " to[1]) in allowed))) {
        print $1 ":" $2 ": " from[1] "/ (layer " a ") may not include " to[1] "/ (layer " b ")"; bad = 1
    }
}
END { exit bad }'
