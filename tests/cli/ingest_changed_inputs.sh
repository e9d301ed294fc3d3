# An input that changes after it was hashed: ingest fails when it has read it and leaves nothing to go on with, and a
# file that was put in the place of another, with its size and its date, is another corpus.
. "$(dirname "$0")/helpers/lib.sh"

tiny "$DIR/study"
cat "$DIR"/study/part*.jsonl >"$DIR/some"
for i in $(seq 400); do sed "s/\"doc-/\"doc-$i-/" "$DIR/some"; done >"$DIR/all.jsonl"
set -- "$DIR/study/config.ini" --set corpus.documents="$DIR/all.jsonl" --set corpus.part=200k --no-progress
swap() { # same size, same date
    touch -r "$DIR/all.jsonl" "$DIR/date"
    printf '{"id": "d%sc-1' "$1" | dd of="$DIR/all.jsonl" conv=notrunc status=none
    touch -r "$DIR/date" "$DIR/all.jsonl"
}
sum_of() { cat "$DIR"/study/cache/ingest-*/members/*.docs | cksum; }

"$MEMPROBE" ingest "$@" >"$OUT" 2>"$ERR" </dev/null &
pid=$!
stop_in_ingest $pid
swap a
kill -CONT $pid 2>/dev/null
wait $pid
STATUS=$?
expect 1 "all.jsonl: changed while it was read"
one_error
[ -z "$(ls "$DIR"/study/cache/ingest-*/members/*.json 2>/dev/null)" ] || die "shards of a file that changed are left"

# A signal leaves no time to look at all files: the parts that it leaves, which the next run goes on with, are of the file
# as it was hashed, whatever became of that in between.
ranks 1 ingest "$@"
expect 0
clean=$(cat "$DIR"/study/cache/ingest-*/members/*.zst | cksum)
rm -r "$DIR"/study/cache/ingest-*
cp "$DIR/all.jsonl" "$DIR/good.jsonl"
"$MEMPROBE" ingest "$@" >"$OUT" 2>"$ERR" </dev/null &
pid=$!
stop_in_ingest $pid
sed 's/ba/zz/' "$DIR/good.jsonl" >"$DIR/all.jsonl" # other words, the same lengths
there=$(ls "$DIR"/study/cache/ingest-*/members/*.json | wc -l)
kill -CONT $pid 2>/dev/null
while kill -0 $pid 2>/dev/null && [ "$(ls "$DIR"/study/cache/ingest-*/members/*.json 2>/dev/null | wc -l)" -le $((there + 1)) ]; do
    sleep 0.003
done
kill -TERM $pid 2>/dev/null
wait $pid
cp "$DIR/good.jsonl" "$DIR/all.jsonl"
ranks 1 ingest "$@"
expect 0
[ "$(cat "$DIR"/study/cache/ingest-*/members/*.zst | cksum)" = "$clean" ] || die "parts of two files in one corpus"
rm -r "$DIR"/study/cache/ingest-*

# So does a list of probes that changes before the probes are read from it.
rows() { printf 'doc_id,offset\ndoc-1-0-1,%d\ndoc-1-0-2,0\n' "$1" >"$DIR/list.csv"; }
rows 0
"$MEMPROBE" census "$@" --set probe.sample="file:$DIR/list.csv" >"$OUT" 2>"$ERR" </dev/null &
pid=$!
stop_in_ingest $pid
rows 1
kill -CONT $pid 2>/dev/null
wait $pid
STATUS=$?
expect 1 "list.csv: changed while it was read"
one_error
[ ! -e "$(echo "$DIR"/study/cache/census-*)" ] || die "probes of a list that changed are left"
rm -r "$DIR"/study/cache/ingest-*

swap o
ranks 1 ingest "$@"
expect 0
first=$(sum_of)
swap e
ranks 1 ingest "$@"
expect 0
[ "$(ls -d "$DIR"/study/cache/ingest-* | wc -l)" = 2 ] || die "another file of the same size and date is taken for the first"
rm -r "$DIR"/study/cache/ingest-*
swap o
ranks 1 ingest "$@"
expect 0
[ "$(sum_of)" = "$first" ] || die "the first file again gives other ids"
