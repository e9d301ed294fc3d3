# A line of 200 MB is a document like any other, as JSON lines and as text, plain and packed: ingest gives as many tokens as
# the tokenizer gives for it alone. Where [run] memory is too small for it, the message names line and setting.
. tests/cli/helpers/lib.sh
case $BUILD in *asan* | *ubsan* | *coverage*) skip "takes minutes in such a build" ;; esac
[ "$(df --output=avail -B 1000000 "$DIR" | tail -n 1)" -gt 1500 ] || skip "no room for files of 200 MB"
tiny "$DIR"
tokenizer=$ROOT/tests/golden/tokenizer_small.json
sed -i "/^\[inject\]/,/^words/d; s|^tokenizer = .*|tokenizer = $tokenizer|; s/^held_out = .*/held_out = 0/" "$DIR/config.ini"

yes "$(tr -s '\n"\\' ' ' <tests/golden/genesis.txt)" | tr '\n' ' ' | head -c 200000000 >"$DIR/line.txt"
ranks 1 tokenizer encode --tokenizer "$tokenizer" --count "$DIR/line.txt"; expect 0
want=$(sed 's/ tokens.*//' "$OUT")
[ "$want" -gt 50000000 ] || die "$want tokens of 200 MB"
{ printf '{"id":"long","text":"' && cat "$DIR/line.txt" && printf '"}\n{"id":"short","text":"a"}\n'; } >"$DIR/long.jsonl"
zstd -q -1 "$DIR/long.jsonl"
gzip -1 -c "$DIR/line.txt" >"$DIR/line.gz" && rm "$DIR/line.txt"

for entry in "$DIR/long.jsonl" "$DIR/long.jsonl.zst" "text:$DIR/line.gz:split=line"; do
    rm -rf "$DIR/cache"
    ranks 1 ingest --quiet --set corpus.documents="$entry" "$DIR/config.ini"; expect 0
    ranks 1 inspect --documents "$(echo "$DIR"/cache/ingest-*/members)"; expect 0
    grep -qE "^0,$want,(long|line\.gz@0)," "$OUT" || die "$entry: no document of $want tokens"
done
ranks 1 ingest --quiet --set run.memory=512M --set corpus.documents="$DIR/long.jsonl" "$DIR/config.ini"
expect 1 "long.jsonl:1: longer than" "raise [run] memory"; one_error
