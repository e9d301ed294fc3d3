# The kernels and the decoder of AArch64 under an emulator: the tests of tensor/ and of whole models and `memprobe
# selftest` pass there with NEON, and NEON, the reference there, and every kernel set of this machine compute the same
# bits.
export CROSS=aarch64-linux-gnu-gcc
command -v $CROSS >/dev/null && command -v qemu-aarch64 >/dev/null || {
    echo "no $CROSS or qemu-aarch64 (packages gcc-aarch64-linux-gnu, libc6-dev-arm64-cross, qemu-user)"
    exit 77
}
set -e -o pipefail
export here=tests/build/aarch64 out=$TMP/aarch64
export flags="-std=c17 -O2 -fno-math-errno -fno-trapping-math -ffp-contract=off -Wall -Wextra -Wpedantic -Wconversion
    -Wshadow -Werror -D_GNU_SOURCE -Iworkbench"
mkdir -p "$out"

# each COMMAND: runs it for every line of its input, {} standing for the line, on all cores.
each() { xargs -P "$(nproc)" -I{} bash -c "$1"; }

# All that needs no foreign library (xxhash is one of a header alone); the linker takes of it what a program needs.
grep -L 'include [<"]\(base/manifest\|cblas\|ini\|jansson\|mpi\|zlib\|zstd\)\.h' workbench/{base,par,tensor,model,memory}/*.c |
    cat - <(printf '%s\n' workbench/cmd/{cmd_selftest,verbs}.c $here/no_openblas.c) |
    each '$CROSS $flags -DXXH_INLINE_ALL -c {} -o "$out/$(basename {} .c).o"'
aarch64-linux-gnu-ar rcs "$out/there.a" "$out"/*.o
tests="model gemm attention math special head norm train_ops vec_neon"
printf '%s\n' $(printf 'tests/unit/test_%s.c ' $tests) $here/{fingerprint,fingerprint_model,selftest}.c |
    each '$CROSS $flags -I$here -Itests/unit -static {} "$out/there.a" -lm -o "$out/$(basename {} .c)"'
for f in fingerprint fingerprint_model; do
    gcc $flags -Itests/unit $here/$f.c workbench/par/par_serial.c "$BUILD/libmemprobe.a" -lcmocka -lopenblas -lm -o "$out/$f.here"
done

# There, "auto" is NEON. Two tests compare with another library's long double, which takes long; fingerprint sees the same
# functions.
export SKIP="test_float_bounds test_double_bounds"
printf '%s\n' $(printf 'test_%s ' $tests) selftest fingerprint{,_model}" "{reference,auto} |
    each 'qemu-aarch64 "$out"/{} >"$out/{}.log" 2>&1 || { echo "{} fails on AArch64:"; cat "$out/{}.log"; exit 1; }'
tail -n 1 "$out/selftest.log" | grep 'kernels neon' # the fastest first

for f in fingerprint fingerprint_model; do
    want=$("$out/$f.here" reference)
    echo "$f, reference here: $want"
    for kernels in avx2 avx512; do
        got=$("$out/$f.here" $kernels) || { [ $? = 2 ] && continue; exit 1; } # 2: not of this CPU
        [ "$got" = "$want" ] || { echo "$kernels here: $got"; exit 1; }
    done
    for kernels in reference auto; do
        got=$(cat "$out/$f $kernels.log")
        [ "$got" = "$want" ] || { echo "$kernels on AArch64: $got"; exit 1; }
    done
done
