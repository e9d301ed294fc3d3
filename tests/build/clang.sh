# The program and the tests build without a warning with clang too, and its program gives the same bits.
command -v clang >/dev/null || { echo "clang is not installed (make deps dev=1)"; exit 77; }
set -e
make --no-print-directory -j"$(nproc)" CC=clang all tests-built
build/out-clang/memprobe selftest
. tests/cli/helpers/lib.sh
tiny "$DIR/study"
ranks 1 --no-progress "$DIR/study/config.ini"
expect 0
want=$(tables "$DIR/study")
rm -rf "$DIR/study"
tiny "$DIR/study"
MEMPROBE=build/out-clang/memprobe ranks 1 --no-progress "$DIR/study/config.ini"
expect 0
[ "$(tables "$DIR/study")" = "$want" ] || die "the program that clang built writes other tables"
