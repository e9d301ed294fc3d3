# The census of the Bible gives the tables that are committed in results/reference, to the byte; that of the licences, too, where
# corpora/build has them (they come over the network).
. tests/cli/helpers/lib.sh
repeat() { # CONFIG NAME DOCUMENTS TABLE...
    local config=$1 name=$2 documents=$3
    shift 3
    ranks "$(has_mpi && echo 2 || echo 1)" census --no-progress --set run.results="$DIR/results" --set run.cache="$DIR/cache" \
        --set corpus.documents="$documents" "experiments/duplicates/$config"
    expect 0
    for table in "$@"; do
        cmp "$DIR/results/$name/$table" "results/reference/$name/$table" || die "$name: $table differs from the reference"
    done
    drawn=$(sed -n 's/.*Produced by GNUPLOT \([^ ]* patchlevel [^ ]*\) .*/\1/p' "results/reference/$name/census.svg")
    here=$(gnuplot --version | sed 's/^gnuplot //; s/ *$//')
    [ "$drawn" = "$here" ] || return 0
    cmp "$DIR/results/$name/figures/census.svg" "results/reference/$name/census.svg" || die "$name: census.svg differs from the reference"
}
corpora/kjv/build.sh "$DIR/corpus" >"$OUT" 2>"$ERR" || die "the corpus cannot be built"
repeat kjv.ini duplicates-kjv "$DIR/corpus/kjv-*.jsonl.zst" duplicates.csv near_sizes.csv
[ -e corpora/build/licences.done ] || { echo "licences not compared: they are not built"; exit 0; }
repeat config.ini duplicates "$ROOT/corpora/build/licences.jsonl.zst" duplicates.csv near.csv near_sizes.csv
