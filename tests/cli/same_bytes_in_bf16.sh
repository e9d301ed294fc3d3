# A model probed in bf16 gives the same bytes with every kernel set, by the instruction or without, and on any number of
# ranks; one training serves both precisions; fp32 stays what it is.
. tests/cli/helpers/lib.sh
study() {
    rm -rf "$DIR/study"
    tiny "$DIR/study"
    [ -z "$1" ] || sed -i 's/^\[model.large\]/[model.small-bf16]\nprecision = bf16\ntrain = yes\nlayers = 1\nwidth = 16\nheads = 2\ncontext = 64\nbatch = 16\nepochs = 2\nlr = 1e-2\n&\nprecision = bf16/' \
        "$DIR/study/config.ini"
}
for kernels in reference avx2 avx512; do
    "$MEMPROBE" version | grep '^kernels' | grep -q "$kernels" || continue
    study bf16
    ranks 1 --no-progress --set run.kernels=$kernels "$DIR/study/config.ini"
    expect 0
    grep -q '"small-bf16": "bf16"' "$DIR/study/results/tiny/manifest.json" || die "the manifest does not tell the precision"
    got=$(tables "$DIR/study")
    [ "${want:=$got}" = "$got" ] || die "$kernels kernels write other tables"
done
n=$(ls -d "$DIR"/study/cache/train-* | wc -l)
[ "$n" = 2 ] || die "$n models were trained, not 2"
if has_mpi; then
    study bf16
    ranks 3 --no-progress "$DIR/study/config.ini"
    expect 0
    [ "$want" = "$(tables "$DIR/study")" ] || die "3 ranks write other tables"
fi
records() { zstdcat "$DIR/study/results/tiny/records.csv.zst" | grep "^$1," | sed 's/^[^,]*,//'; }
[ "$(records small)" != "$(records small-bf16)" ] || die "bf16 changes nothing"
records small >"$DIR/beside"
ranks 1 plan "$DIR/study/config.ini"
grep -q '^bf16: ' "$OUT" || die "the plan does not tell of bf16"
study ''
ranks 1 --no-progress "$DIR/study/config.ini"
expect 0
records small | cmp - "$DIR/beside" || die "a model of bf16 beside it changes a model of fp32"
ranks 1 --set model.small.precision=fp16 "$DIR/study/config.ini"
expect 1 'precision fp16: known: fp32, bf16'
one_error
