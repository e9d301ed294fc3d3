# The unit tests and a tiny study under the address and undefined-behaviour sanitizers.
set -e
make --no-print-directory -j"$(nproc)" asan=1 ubsan=1 all tests-built
out=build/out-asan-ubsan
for t in $out/unit/test_*; do
    case $t in *.o | *.d) continue ;; esac
    "$t" >"$TMP/sanitizers.log" 2>&1 || { tail -n 60 "$TMP/sanitizers.log"; exit 1; }
done
. tests/cli/helpers/lib.sh
tiny "$DIR/study"
MEMPROBE=$out/memprobe ranks 1 --no-progress "$DIR/study/config.ini"
expect 0
! grep -E 'runtime error|AddressSanitizer' "$ERR" || die "a finding"
