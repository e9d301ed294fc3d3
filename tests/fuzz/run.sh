#!/bin/bash
# Runs every fuzzer for so many seconds, from the small seeds in tests/fuzz/seeds/NAME; stops at the first finding.
set -eu
cd "$(dirname "$0")/../.."
export OPENBLAS_NUM_THREADS=1 ASAN_OPTIONS=detect_leaks=1
for f in "$BUILD"/fuzz/fuzz_*; do
    [ -x "$f" ] || continue
    name=$(basename "$f")
    work=$(mktemp -d)
    mkdir -p "$work/corpus"
    echo "$name"
    if ! (cd "$work" && "$OLDPWD/$f" -max_total_time="$1" -rss_limit_mb=2048 -timeout=10 -print_final_stats=1 corpus \
        $([ -d "$OLDPWD/tests/fuzz/seeds/$name" ] && echo "$OLDPWD/tests/fuzz/seeds/$name") >log 2>&1); then
        tail -n 60 "$work/log"
        echo "$name: a finding; the input is in $work"
        exit 1
    fi
    grep -E 'stat::number_of_executed_units|stat::peak_rss_mb' "$work/log" | sed 's/^/  /'
    rm -rf "$work"
done
