# Law 1: every table has the same bytes with the reference arithmetic and with each kernel set of this CPU.
. tests/cli/helpers/lib.sh
for kernels in reference avx2 avx512 neon; do
    "$MEMPROBE" version | grep '^kernels' | grep -q "$kernels" || continue
    tiny "$DIR/study"
    ranks 1 --no-progress --set run.kernels=$kernels "$DIR/study/config.ini"
    expect 0
    sed -i '/^kernels/d' "$DIR/study/results/tiny/config.ini"
    got=$(tables "$DIR/study")
    [ "${want:=$got}" = "$got" ] || die "$kernels kernels write other tables"
    rm -rf "$DIR/study"
    ran=$((${ran:-0} + 1))
done
[ "$ran" -gt 1 ] || skip "this CPU has only the reference kernels"
