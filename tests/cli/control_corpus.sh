#!/bin/bash
# [corpus] controls: documents of the user's own take the place of held-out ones. All documents are members, the controls
# of the probes come out of the other files, a change there touches neither ingest nor training.
. "$ROOT/tests/cli/helpers/lib.sh"
tiny "$DIR/study"
config=$DIR/study/config.ini
sed -i '/^held_out/d; /^sequences/d' "$config"
mkdir "$DIR/theirs"
tiny "$DIR/theirs"
# The same words in another order: what no member holds.
awk -F '"text": "' '{ n = split($2, w, " "); text = ""; for (i = n - 1; i > 0; i--) text = text w[i] " "
    printf "{\"id\": \"other-%d\", \"source\": \"tiny\", \"text\": \"%s.\"}\n", NR, text }' "$DIR"/theirs/part0.jsonl >"$DIR/other.jsonl"
run() { ranks "$1" "$2" --quiet --no-progress --set "corpus.controls=$DIR/other.jsonl" "${@:3}" "$config"; }
newest() { ls -td "$DIR"/study/cache/"$1"-* | head -n 1; }

run 1 report
expect 0
[ "$("$MEMPROBE" inspect --documents "$(newest ingest)/members" | grep -c 'doc-[01]-')" = 40 ] || die "not all documents are members"
csv=$DIR/study/results/tiny/probes.csv
awk -F, 'NR > 1 && ($10 == 1) != ($3 ~ /^doc-/) { exit 1 } NR > 1 && $10 == 0 && $3 !~ /^other-/ { exit 1 }' "$csv" || die "controls of another origin"
[ "$(grep -c ',0$' "$csv")" -ge 10 ] || die "few controls"
grep -qx "held_out = 0" "$DIR/study/results/tiny/config.ini" || die "the resolved config holds documents out"
tables "$DIR/study" >"$DIR/tables"
run 1 report
expect 0
run 1 plan
[ "$(grep -c ' done ' "$OUT")" -gt 8 ] && ! grep -q ' run ' "$OUT" || die "a second run does something"

# Other controls: other probes, nothing else from the beginning.
sed -i '3d' "$DIR/other.jsonl"
run 1 plan
expect 0
grep -q "^ingest *done" "$OUT" || die "ingest depends on the controls"
grep -q "^train large *done" "$OUT" || die "training depends on the controls"
grep -q "^controls *run" "$OUT" || die "the controls are those of before"
grep -q "^census and probes *run" "$OUT" || die "the probes do not depend on the controls"

if has_mpi; then
    rm -r "$DIR/study/cache" "$DIR/study/results"
    run 1 census
    one=$(newest census)
    (cd "$one" && sha256sum probes.csv probes.tokens matching.csv) >"$DIR/one"
    rm -r "$DIR/study/cache"
    run 3 census
    expect 0
    (cd "$(newest census)" && sha256sum -c --quiet "$DIR/one") || die "three ranks draw other probes"
fi

# Controls of a source that no member has: none fits, which is said with what to do about it.
sed 's/"tiny"/"elsewhere"/' "$DIR/other.jsonl" >"$DIR/elsewhere.jsonl"
ranks 1 census --quiet --no-progress --set "corpus.controls=$DIR/elsewhere.jsonl" "$config"
expect 0 "probes have no control" "or given as [corpus] controls" "add controls of these sources"

# An id that a document and a control share does not say which of them a list means.
sed 's/"other-/"doc-0-/' "$DIR/other.jsonl" >"$DIR/same_ids.jsonl"
printf 'doc_id,offset\ndoc-1-1,0\ndoc-0-5,0\n' >"$DIR/list.csv"
ranks 1 census --quiet --no-progress --set "corpus.controls=$DIR/same_ids.jsonl" --set "probe.sample=file:$DIR/list.csv" "$config"
expect 1 "list.csv: row 2" "one of the controls have the id \"doc-0-5\""; one_error

run 1 plan --set corpus.held_out=5%; expect 1 "take the place of held-out documents"; one_error
run 1 plan --set inject.sequences=3; expect 1 "planted sequences bring controls of their own"; one_error
ranks 1 plan --set "corpus.controls=$DIR/nothing*.jsonl" "$config"; expect 1 "[corpus] controls"; one_error
: >"$DIR/other.jsonl"
run 1 census; expect 1 "other.jsonl"; one_error
