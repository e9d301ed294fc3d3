# Ingest killed at random moments, or told to stop, goes on and ends with the same bytes as one that was left alone.
. tests/cli/helpers/lib.sh
n=$(has_mpi && echo 2 || echo 1)
tiny "$DIR/study"
cat "$DIR"/study/part*.jsonl | awk '{ for (i = 0; i < 200; i++) { line = $0; sub(/doc-/, "doc-" i "-", line); print line } }' >"$DIR/study/all.jsonl"
zstd -q "$DIR/study/all.jsonl" -o "$DIR/study/all.jsonl.zst"
sed -i "s|^documents = .*|documents = $DIR/study/all.jsonl.zst\npart = 30000|; s/^tokenizer = .*/tokenizer = $(printf %s "$ROOT" | sed 's/[\/&]/\\&/g')\/tests\/golden\/tokenizer_small.json/" "$DIR/study/config.ini"
bytes() { (cd "$DIR/study/cache" && find ingest-* -type f | sort | xargs sha256sum) | sha256sum; }
start=$(date +%s%N)
ranks "$n" ingest --no-progress "$DIR/study/config.ini"
expect 0
whole=$((($(date +%s%N) - start) / 1000000))
want=$(bytes)
[ "$(ls "$DIR"/study/cache/ingest-*/members/*.json | wc -l)" -gt 20 ] || die "the corpus is not cut into parts"
rm -rf "$DIR/study/cache"
halfway=0
for kill in 1 2 3 4 5; do
    delay=$((whole * (RANDOM % 80 + 10) / 100))
    setsid $(has_mpi && echo mpirun --oversubscribe -n 2) "$MEMPROBE" ingest --no-progress "$DIR/study/config.ini" >"$OUT" 2>"$ERR" </dev/null &
    leader=$!
    sleep "$(printf '%d.%03d' $((delay / 1000)) $((delay % 1000)))"
    for p in $(pgrep -P "$leader") "$leader"; do kill -KILL "$p" 2>/dev/null; done
    wait "$leader" 2>/dev/null
    for i in $(seq 50); do pgrep -f "$DIR/study/config.ini" >/dev/null || break; sleep 0.1; done
    ls "$DIR"/study/cache/ingest-*/DONE >/dev/null 2>&1 && rm -rf "$DIR/study/cache"
    ls "$DIR"/study/cache/ingest-*/members/*.json >/dev/null 2>&1 && halfway=$((halfway + 1))
done
if [ $halfway -gt 0 ] && ls "$DIR"/study/cache/ingest-*/members/*.json >/dev/null 2>&1; then
    ranks "$n" plan "$DIR/study/config.ini"
    grep -q '^ingest  *resume ' "$OUT" || die "plan does not say that ingest goes on"
    ranks "$n" ingest --no-progress "$DIR/study/config.ini"
    expect 0 "parts were done before"
else
    ranks "$n" ingest --no-progress "$DIR/study/config.ini"
    expect 0
fi
[ "$(bytes)" = "$want" ] || die "after kills other bytes than without"
! find "$DIR/study" -name '*.part' | grep -q . || die "partial files are left"
# A signal: exit 75 once some parts are there, and the rest is done by the next run.
rm -rf "$DIR/study/cache"
"$MEMPROBE" ingest --no-progress "$DIR/study/config.ini" >"$OUT" 2>"$ERR" </dev/null &
pid=$!
for i in $(seq 1000); do
    ls "$DIR"/study/cache/ingest-*/members/*.json 2>/dev/null | grep -q . && break
    kill -0 $pid 2>/dev/null || break
    sleep 0.01
done
kill -USR1 $pid 2>/dev/null
wait $pid
STATUS=$?
expect 75 "interrupted in stage ingest"
ranks 1 ingest --no-progress "$DIR/study/config.ini"
expect 0 "parts were done before"
[ "$(bytes)" = "$want" ] || die "after a signal other bytes than without"
# What a run notes for the next is not believed once it is damaged.
folder=$(echo "$DIR"/study/cache/ingest-*)
for note in counts.csv inputs.csv; do
    rm "$folder/DONE" "$folder"/members/00010-*.json
    python3 - "$folder/$note" <<'EOF'
import csv, sys
rows = list(csv.reader(open(sys.argv[1])))
row = rows[5 if len(rows) > 5 else 1]
field = 1 if rows[0][1] == "members" else 3
row[field] = str(int(row[field]) + 1)
csv.writer(open(sys.argv[1], "w"), lineterminator="\n").writerows(rows)
EOF
    ranks 1 ingest --no-progress "$DIR/study/config.ini"
    expect 0 "parts were done before"
    [ "$(bytes)" = "$want" ] || die "a damaged $note is believed"
done
