# The kernels and the decoder of AArch64 under an emulator: the tests of tensor/ and of whole models pass there with
# NEON, and NEON, the reference there, and every kernel set of this machine compute the same bits.
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

# All that needs no foreign library; the linker takes of it what the tests need.
grep -L 'include [<"]\(base/manifest\|cblas\|ini\|jansson\|mpi\|xxhash\|zlib\|zstd\)\.h' workbench/{base,par,tensor,model}/*.c |
    cat - <(echo $here/no_openblas.c) | grep -v /openblas.c |
    each '$CROSS $flags -c {} -o "$out/$(basename {} .c).o"'
aarch64-linux-gnu-ar rcs "$out/there.a" "$out"/*.o
printf 'tests/unit/test_%s.c\n' model gemm attention math special head norm train_ops vec_neon |
    cat - <(printf '%s\n' $here/fingerprint{,_model}.c) |
    each '$CROSS $flags -I$here -Itests/unit -static {} "$out/there.a" -lm -o "$out/$(basename {} .c)"'
for f in fingerprint fingerprint_model; do
    gcc $flags -Itests/unit $here/$f.c workbench/par/par_serial.c "$BUILD/libmemprobe.a" -lcmocka -lopenblas -lm -o "$out/$f.here"
done

# Two tests compare with another library's long double, which takes long here; fingerprint sees the same functions.
export SKIP="test_float_bounds test_double_bounds"
printf 'test_%s\n' model gemm attention math special head norm train_ops vec_neon |
    each 'qemu-aarch64 "$out/{}" >"$out/{}.log" 2>&1 || { echo "{} fails on AArch64:"; cat "$out/{}.log"; exit 1; }'

# There, "auto" is NEON: test_gemm has seen to that.
for f in fingerprint fingerprint_model; do
    want=$("$out/$f.here" reference)
    echo "$f, reference here: $want"
    for run in "here avx2" "here avx512" "there reference" "there auto"; do
        read -r where kernels <<<"$run"
        if [ "$where" = here ]; then
            got=$("$out/$f.here" "$kernels") || continue # not of this CPU
        else
            got=$(qemu-aarch64 "$out/$f" "$kernels")
        fi
        [ "$got" = "$want" ] || { echo "$kernels $where: other bits: $got"; exit 1; }
    done
done
