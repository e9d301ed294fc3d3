# Ingest and the training of a tokenizer stay inside [run] memory on a corpus many times as large; a document that may
# not have so much is refused, and the message says what to raise.
. tests/cli/helpers/lib.sh
tiny "$DIR/study"
rm "$DIR"/study/part1.jsonl
sed -i "s/^held_out.*/held_out = 5%\npart = 4M/; s/^\[run\]/[run]\nmemory = 16M/; /^\[inject\]/,/^words/d" "$DIR/study/config.ini"
peak() { # of the run just made, in KB
    sed -n 's/.*peak memory \([0-9.]*\) MB a rank.*/\1/p' "$ERR" | awk '{ printf "%d", $1 * 1000 }'
}
ranks 1 ingest --no-progress "$DIR/study/config.ini"
expect 0
least=$(peak)
# 60 MB of documents of 0.1 to 1000 KB: words of many kinds, so that a tokenizer in training has to leave some on disk
awk 'BEGIN { seed = 7
    for (d = 0; bytes < 90000000; d++) {
        words = d % 200 == 0 ? 100000 : 10 + d % 300
        printf "{\"id\": \"%d\", \"text\": \"", d
        for (i = 0; i < words; i++) {
            seed = (seed * 1103515245 + 12345) % 2147483648
            printf "%x ", int(seed / 128) % (i % 3 ? 4000 : 1000000)
        }
        print "\"}"
        bytes += 6 * words
    } }' </dev/null >"$DIR/study/part0.jsonl"
[ "$(stat -c %s "$DIR/study/part0.jsonl")" -gt 50000000 ] || die "the corpus is too small"
rm -rf "$DIR/study/cache"
# Besides the memory of the setting there is the program: what it took for the corpus of a few KB.
ranks 1 ingest --no-progress "$DIR/study/config.ini"
expect 0
most=$(peak)
echo "peak memory: $least KB for next to nothing, $most KB for 60 MB"
[ $((most - least)) -lt 16000 ] || die "more memory than the setting allows: $least KB, then $most KB"
[ "$(ls "$DIR"/study/cache/ingest-*/members/*.json | wc -l)" -gt 10 ] || die "the corpus is not cut into parts"
# One document of 5 MB: a quarter of 16 MB is 4 MB.
awk 'BEGIN { printf "{\"id\": \"long\", \"text\": \""; for (i = 0; i < 1000000; i++) printf "word "; print "\"}" }' </dev/null >"$DIR/study/part0.jsonl"
ranks 1 ingest --no-progress "$DIR/study/config.ini"
expect 1 "part0.jsonl:1" "[run] memory"
one_error
ranks 1 ingest --no-progress --set run.memory=32M --set corpus.tokenizer="$ROOT/tests/golden/tokenizer_small.json" --set corpus.held_out=0 "$DIR/study/config.ini"
expect 0
