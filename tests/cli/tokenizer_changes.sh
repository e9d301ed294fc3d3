# A tokenizer.json that changes: no table may hold texts, and no count stand for a text, that another one made.
. tests/cli/helpers/lib.sh
n=$(has_mpi && echo 2 || echo 1)
tiny "$DIR/study"
ini=$DIR/study/config.ini
# A checkpoint and its tokenizer; the study reads both from where they lie, and trains a model besides.
ranks 1 train --no-progress "$ini"
expect 0
trained=$(grep -l '"hidden_size": *32' "$DIR"/study/cache/train-*/config.json)
cp -r "${trained%/config.json}" "$DIR/model"
cp "$DIR/model/tokenizer.json" "$DIR/tokenizer.json"
rm -r "$DIR/study/cache" "$DIR/model/DONE"
sed -i -e '/^\[model.large\]/,/^parallel_residual/d' -e "/^\[probe\]/i [model.large]\ncheckpoint = $DIR/model" \
    -e "s|^tokenizer = .*|tokenizer = $DIR/tokenizer.json|" "$ini"
printf '[census]\nlengths = 4, 8\n' >>"$ini"
# The same words, merges and number of entries, but other texts behind twenty ids.
other() { sed -e 's/": 27\([0-9]\)/": @\1/; s/": 28\([0-9]\)/": 27\1/; s/": @/": 28/' -i "$1"; }

ranks "$n" --no-progress "$ini"
expect 0
copy=$(ls "$DIR"/study/cache/ingest-*/tokenizer.json)

# The model's own is another now: said before anything runs, of a finished study too.
cp "$DIR/model/tokenizer.json" "$DIR/kept.json"
other "$DIR/model/tokenizer.json"
! cmp -s "$DIR/model/tokenizer.json" "$DIR/kept.json" || die "the test changes nothing"
for verb in plan run ingest; do
    ranks "$n" $verb "$ini"
    expect 1 "model large was made with another tokenizer than the corpus: $DIR/model/tokenizer.json differs from $DIR/tokenizer.json"
    one_error
done
# ... and where the corpus's is trained, as soon as it is there.
ranks 1 ingest --no-progress --set corpus.tokenizer=train:300 "$ini"
expect 0
ranks 1 plan --set corpus.tokenizer=train:300 "$ini"
expect 1 "model large was made with another tokenizer than the corpus: $DIR/model/tokenizer.json differs from $DIR/study/cache/ingest-"
one_error
cp "$DIR/kept.json" "$DIR/model/tokenizer.json"

# The corpus's is another now: all that comes of it is done again.
rm "$DIR/model/tokenizer.json"
other "$DIR/tokenizer.json"
ranks 1 plan "$ini"
expect 0
! grep -q ' done ' "$OUT" || die "a stage of the old tokenizer counts as done"
cp "$DIR/kept.json" "$DIR/tokenizer.json"
ranks 1 plan "$ini"
expect 0
! grep -q ' run ' "$OUT" || die "the old tokenizer again, and not all is done"

# It changes behind ingest, while a model is trained: the texts are still those of the tokenizer that made the tokens.
rm -r "$DIR"/study/cache/{train,duplicates,probe}-* "$DIR/study/results"
slow="--set model.small.epochs=60"
ranks "$n" --no-progress $slow "$ini" &
job=$!
until ls "$DIR"/study/cache/train-* >/dev/null 2>&1 || ! kill -0 $job; do sleep 0.02; done
other "$DIR/tokenizer.json"
wait $job
grep -q '^memprobe: error' "$ERR" && die "a tokenizer that nobody reads any more is an error"
cp "$DIR/study/results/tiny/report.html" "$DIR/changed.html"
cp "$DIR/study/results/tiny/top.csv" "$DIR/changed.csv"
cp "$DIR/kept.json" "$DIR/tokenizer.json"
rm -r "$DIR"/study/cache/{train,duplicates,probe}-* "$DIR/study/results"
ranks "$n" --no-progress $slow "$ini"
expect 0
cmp "$DIR/changed.html" "$DIR/study/results/tiny/report.html" && cmp "$DIR/changed.csv" "$DIR/study/results/tiny/top.csv" ||
    die "texts of another tokenizer"

# The copy in the cache is another: the next stage that reads it says so, and so does count.
rm -r "$DIR/study/results"
cp "$copy" "$DIR/copy.json"
"$MEMPROBE" index "$(dirname "$copy")" >/dev/null 2>&1 || die "no index"
other "$copy"
ranks "$n" --no-progress $slow "$ini"
expect 1 "ingest-" "tokenizer.json: not what was written" "remove its folder and run again"
one_error
ranks 1 count --corpus "$(dirname "$copy")" "bago"
expect 1 "tokenizer.json: not what was written"
one_error
for stage in duplicates train probe; do
    rm -rf "$DIR"/study/cache/$stage-*
    ranks 1 --no-progress $slow "$ini"
    expect 1 "tokenizer.json: not what was written"
    one_error
    ! ls "$DIR"/study/cache/$stage-*/DONE >/dev/null 2>&1 || die "stage $stage looks complete"
    cp "$DIR/copy.json" "$copy"
    ranks 1 --no-progress $slow "$ini"
    expect 0
    other "$copy"
done
cp "$DIR/copy.json" "$copy"
ranks 1 count --corpus "$(dirname "$copy")" "bago"
expect 0

# A trained one that changes before ingest has read it.
rm -r "$DIR"/study/cache/ingest-*
other "$(ls "$DIR"/study/cache/tokenizer-*/tokenizer.json)"
ranks "$n" ingest --no-progress --set corpus.tokenizer=train:300 "$ini"
expect 1 "tokenizer-" "tokenizer.json: not what was written"
one_error

# It changes while ingest reads it: nothing is left to go on with.
cat "$DIR"/study/part*.jsonl >"$DIR/some"
for i in $(seq 400); do sed "s/\"doc-/\"doc-$i-/" "$DIR/some"; done >"$DIR/all.jsonl"
set -- "$ini" --set corpus.documents="$DIR/all.jsonl" --set corpus.part=200k --no-progress
"$MEMPROBE" ingest "$@" >"$OUT" 2>"$ERR" </dev/null &
job=$!
stop_in_ingest $job
made=$(ls "$DIR"/study/cache/ingest-*/members/*.json | head -n 1)
cmp "$DIR/tokenizer.json" "${made%/members/*}/tokenizer.json" || die "tokens are made by another file than the copy beside them"
other "$DIR/tokenizer.json"
kill -CONT $job 2>/dev/null
wait $job
STATUS=$?
expect 1 "$DIR/tokenizer.json: changed while it was read"
one_error
[ -z "$(ls "$DIR"/study/cache/ingest-*/members/*.json 2>/dev/null)" ] || die "tokens of a tokenizer that changed are left"

# It changes before the texts of the most duplicated windows are written: they are those of the tokens.
cp "$DIR/kept.json" "$DIR/tokenizer.json"
rm -r "$DIR"/study/cache/duplicates-*
ranks 1 ingest "$@"
expect 0
for change in other :; do
    rm -rf "$DIR"/study/cache/duplicates-*
    "$MEMPROBE" census "$@" >"$OUT" 2>"$ERR" </dev/null &
    job=$!
    while [ -z "$(ls -d "$DIR"/study/cache/duplicates-* 2>/dev/null)" ] && kill -0 $job 2>/dev/null; do sleep 0.01; done
    kill -STOP $job 2>/dev/null
    [ ! -e "$(echo "$DIR"/study/cache/duplicates-*/top.csv)" ] || die "the windows were written before the tokenizer could be changed"
    $change "$DIR/tokenizer.json"
    kill -CONT $job 2>/dev/null
    wait $job
    STATUS=$?
    expect 0
    cp "$DIR"/study/cache/duplicates-*/top.csv "$DIR/top.$change.csv"
    cp "$DIR/kept.json" "$DIR/tokenizer.json"
done
grep -q 'ba' "$DIR/top.:.csv" || die "no text in the table"
cmp "$DIR/top.other.csv" "$DIR/top.:.csv" || die "texts of another tokenizer in the table of duplicates"
