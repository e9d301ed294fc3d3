# The unit tests and a tiny study under the address, leak and undefined-behaviour sanitizers (without MPI, which leaks).
set -e
make --no-print-directory -j"$(nproc)" serial=1 asan=1 ubsan=1 all tests-built
out=build/out-asan-ubsan-serial
unset ASAN_OPTIONS
for t in $out/unit/test_*; do
    case $t in *.o | *.d) continue ;; esac
    "$t" >"$TMP/sanitizers.log" 2>&1 || { tail -n 60 "$TMP/sanitizers.log"; exit 1; }
done
. tests/cli/helpers/lib.sh
tiny "$DIR/study"
MEMPROBE=$out/memprobe ranks 1 --no-progress "$DIR/study/config.ini"
expect 0
! grep -E 'runtime error|AddressSanitizer' "$ERR" || die "a finding"
