# The kernels of AArch64 under an emulator: the tests of tensor/ pass there with NEON, and NEON, the reference there and
# every kernel set of this machine compute the same bits.
CROSS=aarch64-linux-gnu-gcc
command -v $CROSS >/dev/null && command -v qemu-aarch64 >/dev/null || {
    echo "no $CROSS or qemu-aarch64 (packages gcc-aarch64-linux-gnu, libc6-dev-arm64-cross, qemu-user)"
    exit 77
}
set -e
here=tests/build/aarch64 out=$TMP/aarch64
mkdir -p "$out"
flags="-std=c17 -O2 -fno-math-errno -fno-trapping-math -ffp-contract=off -Wall -Wextra -Wpedantic -Wconversion -Wshadow
    -Werror -D_GNU_SOURCE -Iworkbench"
for f in workbench/tensor/*.c workbench/base/{clock,err,mem,rng}.c $here/no_openblas.c; do
    [ "$f" = workbench/tensor/openblas.c ] || $CROSS $flags -c "$f" -o "$out/$(basename "$f" .c).o"
done
for t in gemm attention head norm math train_ops; do
    $CROSS $flags -I$here -static tests/unit/test_$t.c "$out"/*.o -lm -o "$out/test_$t"
    qemu-aarch64 "$out/test_$t" || { echo "test_$t fails on AArch64"; exit 1; }
done
$CROSS $flags -static $here/fingerprint.c "$out"/*.o -lm -o "$out/there"
gcc $flags $here/fingerprint.c "$BUILD/libmemprobe.a" -lopenblas -lm -o "$out/here"

want=$("$out/here" reference)
echo "reference here: $want"
for run in "here avx2" "here avx512" "there reference" "there neon"; do
    read -r where kernels <<<"$run"
    prefix=
    if [ "$where" = there ]; then prefix=qemu-aarch64; fi
    got=$($prefix "$out/$where" "$kernels") || { [ "$where" = here ] && continue || exit 1; }
    echo "$kernels $where: $got"
    [ "$got" = "$want" ] || { echo "other bits than the reference here"; exit 1; }
done
