#!/bin/sh
# The layer law: a file of workbench/ may include only from its own layer and those before it, folders of one layer do
# not know each other, and only workbench/par/par_mpi.c includes <mpi.h>. Two more: what a folder may not know though
# its layer would allow it, and headers called _private, which stay in their folder. Prints each offence; exit 1 if
# there is one.
set -eu
root=${1:-workbench}
cd "$root"
grep -rn --include='*.[ch]' '^ *# *include' . | sed 's|^\./||' | awk -F: '
function offence(words) { print $1 ":" $2 ": " words; bad = 1 }
BEGIN {
    n = split("base 1 par 2 tensor 3 text 4 index 4 model 4 memory 5 probe 6 stats 6 report 7 cmd 8 main.c 9", w, " ")
    for (i = 1; i < n; i += 2) layer[w[i]] = w[i + 1]
    # The one use across folders of a layer: token shards are what index/ and model/ read.
    allowed["index text"] = allowed["model text"] = 1
    # Kernels know neither ranks nor files, statistics know numbers only, and rank 0 alone reports.
    n = split("tensor par tensor base/file.h stats par stats tensor stats text stats index stats model stats memory " \
              "stats base/file.h report par", w, " ")
    for (i = 1; i < n; i += 2) hidden[w[i] " " w[i + 1]] = 1
}
{
    split($1, from, "/"); line = $0; sub(/^[^:]*:[^:]*: *# */, "", line)
    if (line ~ /<mpi\.h>/ && $1 != "par/par_mpi.c") offence("only par/par_mpi.c may include <mpi.h>")
    if (line !~ /^include "/) next
    gsub(/^include "|".*$/, "", line); split(line, to, "/")
    if (!(to[1] in layer)) { offence("include by folder, as in \"base/err.h\", not \"" line "\""); next }
    a = layer[from[1]]; b = layer[to[1]]
    if (a == "") { offence("no layer is known for this folder"); next }
    if (from[1] != to[1] && line ~ /_private\.h$/) offence("\"" line "\" is for " to[1] "/ only")
    if (b > a || (b == a && from[1] != to[1] && !((from[1] " " to[1]) in allowed)))
        offence(from[1] "/ (layer " a ") may not include " to[1] "/ (layer " b ")")
    else if ((from[1] " " to[1]) in hidden || (from[1] " " line) in hidden)
        offence(from[1] "/ may not know \"" line "\"")
}
END { exit bad }'
