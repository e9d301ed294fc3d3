#!/bin/bash
# Runs every test and prints one line a test; the last line is "N passed, N failed, N skipped". Environment: BUILD (folder
# of the built programs), SERIAL=1 (built without MPI), ONLY=pattern (names of tests to run), SHARED (real inputs).
set -u
cd "$(dirname "$0")/.."
export BUILD=$(realpath "${BUILD:-build/out}") SHARED=${SHARED:-$(realpath -m ../shared)} ROOT=$PWD
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OPENBLAS_NUM_THREADS=1
export OMPI_MCA_rmaps_base_oversubscribe=1 OMPI_MCA_btl_base_warn_component_unused=0 OMPI_MCA_hwloc_base_binding_policy=none
# Open MPI and its unloaded plugins keep memory until the end: with it, sanitized builds do not look for leaks.
[ -n "${SERIAL:-}" ] || export ASAN_OPTIONS=detect_leaks=0
export TMP=$(mktemp -d "${TMPDIR:-/tmp}/memprobe-test.XXXXXX")
trap 'rm -rf "$TMP"' EXIT
passed=0 failed=0 skipped=0

# The number in a line such as "[  PASSED  ] 12 test(s)." of the log; 0 without one.
cmocka_count() { sed -n "s/^\[ *$1 *\] \([0-9]*\) test(s).*/\1/p" "$log" | awk '{ n += $1 } END { print n + 0 }'; }

# run NAME COMMAND...: exit 0 passes, 77 skips (its last line says why), anything else fails and shows its output.
# A cmocka program counts each of its tests.
run() {
    local name=$1 log=$TMP/log rc start
    shift
    case $name in ${ONLY:-*}) ;; *) return ;; esac
    start=$(date +%s%N)
    timeout 600 "$@" >"$log" 2>&1 </dev/null
    rc=$?
    local seconds=$((($(date +%s%N) - start) / 1000000))
    local ok=$(cmocka_count PASSED) bad=$(cmocka_count FAILED) skip=$(cmocka_count SKIPPED)
    if [ $rc = 77 ]; then
        skipped=$((skipped + 1))
        printf 'skip  %-44s %s\n' "$name" "$(tail -n 1 "$log")"
    elif [ $rc = 0 ]; then
        passed=$((passed + (ok > 0 ? ok : 1))) skipped=$((skipped + skip))
        printf 'ok    %-44s %4d ms%s\n' "$name" $seconds "$([ "$ok" -gt 1 ] && echo "  ($ok tests)")"
    else
        passed=$((passed + ok)) failed=$((failed + (bad > 0 ? bad : 1)))
        printf 'FAIL  %-44s exit %d\n' "$name" $rc
        sed 's/^/      | /' "$log" | tail -n 60
    fi
}

run layers scripts/check_layers.sh
run layers-can-fail tests/cli/helpers/layers_can_fail.sh
run format tests/cli/helpers/format.sh
for t in "$BUILD"/unit/test_*; do [ -x "$t" ] && run "unit/$(basename "$t")" "$t"; done
for t in "$BUILD"/mpi/test_*; do
    [ -x "$t" ] && for n in $([ -n "${SERIAL:-}" ] && echo 1 || echo 1 2 3 5); do
        run "mpi/$(basename "$t") -n $n" tests/mpi/run_one.sh "$n" "$t"
    done
done
[ "$BUILD" = "$(realpath -m build/out)" ] && for t in tests/build/*.sh; do run "build/$(basename "$t" .sh)" bash "$t"; done
for t in tests/cli/*.sh; do run "cli/$(basename "$t" .sh)" bash "$t"; done

echo "$passed passed, $failed failed, $skipped skipped"
[ $failed = 0 ]
