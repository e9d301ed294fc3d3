# The serial twin: without MPI the program builds, passes the tests of ranks with one, and writes the same tables.
set -e
make --no-print-directory -j"$(nproc)" serial=1 all tests-built
if ldd build/out-serial/memprobe | grep -q libmpi; then echo "the serial program needs MPI"; exit 1; fi
for t in build/out-serial/mpi/test_*; do
    [ -x "$t" ] || continue
    case $t in *.o | *.d) continue ;; esac
    tests/mpi/run_one.sh 1 "$t"
done
. tests/cli/helpers/lib.sh
tiny "$DIR/study"
ranks "$(nproc)" --no-progress "$DIR/study/config.ini"
expect 0
want=$(tables "$DIR/study")
rm -rf "$DIR/study"
tiny "$DIR/study"
MEMPROBE=build/out-serial/memprobe ranks 1 --no-progress "$DIR/study/config.ini"
expect 0
[ "$(tables "$DIR/study")" = "$want" ] || die "the serial program writes other tables"
