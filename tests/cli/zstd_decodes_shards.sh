# `zstd -d` alone turns shards into plain little-endian tokens: those that memprobe's tokenizer gives for the texts, at
# the places that inspect --documents lists. And zstd itself finds nothing wrong with the files.
. tests/cli/helpers/lib.sh
tiny "$DIR"
ranks 1 ingest --quiet "$DIR/config.ini"; expect 0
tokenizer=$(find "$DIR/cache" -name tokenizer.json | head -n 1)
sed -n 's/.*"id": "\([^"]*\)".*"text": "\(.*\)"}$/\1\t\2/p' "$DIR"/part*.jsonl >"$DIR/texts"
[ "$(wc -l <"$DIR/texts")" = 40 ] || die "40 texts expected"
seen=0
for half in members controls; do
    shards=$(echo "$DIR"/cache/ingest-*/$half)
    zstd -qt "$shards"/*.tok.zst || die "zstd finds damage"
    for f in "$shards"/*.tok.zst; do zstd -qdc "$f"; done | od -An -v -tu2 -w2 >"$DIR/tokens"
    ranks 1 inspect --documents "$shards"; expect 0
    # of each document that is not planted: its text, and the decoded tokens at its place
    python3 - "$OUT" "$DIR/texts" "$DIR/tokens" "$DIR/expected" >"$DIR/lines" <<'EOF' || die "documents and tokens differ"
import csv, sys
text = dict(line.rstrip('\n').split('\t') for line in open(sys.argv[2]))
token = open(sys.argv[3]).read().split()
expected = open(sys.argv[4], 'w')
at = 0
for d in csv.DictReader(open(sys.argv[1], newline='')):
    first, length = int(d['first']), int(d['length'])
    assert first == at, d
    at += length + 1
    if d['source'] != 'planted':
        print(text[d['id']])
        expected.write(' '.join(token[first:first + length]) + '\n')
assert at == len(token), (at, len(token))
EOF
    ranks 1 tokenizer encode --tokenizer "$tokenizer" --lines "$DIR/lines"; expect 0
    cmp -s "$OUT" "$DIR/expected" || die "zstd decodes other tokens than the tokenizer gives"
    seen=$((seen + $(wc -l <"$DIR/lines")))
done
[ $seen = 40 ] || die "$seen documents were compared, not 40"
