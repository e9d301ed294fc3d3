# The demo gives the tables and figures that are committed in results/reference/quickstart, to the byte.
. tests/cli/helpers/lib.sh
LIMIT=570 # seconds; a busy machine trains slowly
corpora/kjv/build.sh "$DIR/corpus" >"$OUT" 2>"$ERR" || die "the corpus cannot be built"
ranks "$(has_mpi && echo 2 || echo 1)" --no-progress --set run.results="$DIR/results" --set run.cache="$DIR/cache" \
    --set corpus.documents="$DIR/corpus/kjv-nt.jsonl.zst" experiments/quickstart/config.ini
expect 0
for table in probes.csv rates.csv fits.csv; do
    cmp "$DIR/results/quickstart/$table" "results/reference/quickstart/$table" || die "$table differs from the reference"
done
drawn=$(sed -n 's/.*Produced by GNUPLOT \([^ ]* patchlevel [^ ]*\) .*/\1/p' results/reference/quickstart/duplicates.svg)
here=$(gnuplot --version | sed 's/^gnuplot //; s/ *$//')
[ "$drawn" = "$here" ] || { echo "figures not compared: gnuplot $here here, $drawn in the reference"; exit 0; }
for figure in results/reference/quickstart/*.svg; do
    cmp "$DIR/results/quickstart/figures/$(basename "$figure")" "$figure" || die "$(basename "$figure") differs from the reference"
done
