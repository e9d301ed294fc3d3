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
# The same under a limit of address space (ulimit -v), which also counts what is never touched: the program, its
# libraries and what MPI maps. How much that is, the corpus of a few KB tells: the least limit, to 4 MB, under which it
# is ingested. A sanitized program reserves terabytes.
within() { # within KB [ARGS...]: all over again under that limit
    local limit=$1
    shift
    rm -rf "$DIR/study/cache"
    (ulimit -v "$limit" && ranks 1 ingest --no-progress "$@" "$DIR/study/config.ini" && exit "$STATUS")
    STATUS=$?
}
space=
case $BUILD in *asan*) ;; *)
    low=0 space=1048576
    while [ $((space - low)) -gt 4096 ]; do
        middle=$(((low + space) / 2))
        within $middle
        if [ "$STATUS" = 0 ]; then space=$middle; else low=$middle; fi
    done
esac
# 60 MB of documents of 0.1 to 3900 KB, nearly the most that is taken: words of letters, a hundred thousand kinds,
# nearly the most from which a tokenizer can be trained
awk 'BEGIN { seed = 7
    for (d = 0; bytes < 90000000; d++) {
        words = d == 1 ? 700000 : d % 200 == 0 ? 100000 : 10 + d % 300
        printf "{\"id\": \"%d\", \"text\": \"", d
        for (i = 0; i < words; i++) {
            seed = (seed * 16807) % 2147483647
            printf "%x ", int(seed / 128) % (i % 3 ? 4000 : 100000)
        }
        print "\"}"
        bytes += 6 * words
    } }' </dev/null | tr 0-9 g-p >"$DIR/study/part0.jsonl"
[ "$(stat -c %s "$DIR/study/part0.jsonl")" -gt 50000000 ] || die "the corpus is too small"
# Besides the memory of the setting there is the program: what it took for the corpus of a few KB. Of address space a
# fifth of the setting more: allocators take it in steps.
limit=unlimited
[ -z "$space" ] || limit=$((space + 16384 + 16384 / 5))
within $limit
expect 0
echo "address space: $space KB for next to nothing, 60 MB within $limit KB"
most=$(peak)
echo "peak memory: $least KB for next to nothing, $most KB for 60 MB"
[ $((most - least)) -lt 16000 ] || die "more memory than the setting allows: $least KB, then $most KB"
[ "$(ls "$DIR"/study/cache/ingest-*/members/*.json | wc -l)" -gt 10 ] || die "the corpus is not cut into parts"
# A terminal is told how many bytes and documents there are so far.
rm -rf "$DIR/study/cache"
script -qec "$MEMPROBE ingest $DIR/study/config.ini" /dev/null >"$OUT" </dev/null
grep -qE 'ingest: [0-9]+%, [0-9.]+[kM]? of [0-9.]+M bytes, [0-9.]+k? documents read, [0-9.]+[kM]? bytes/s' "$OUT" ||
    die "progress does not count bytes and documents"
# One document of 5 MB: a quarter of 16 MB is 4 MB.
awk 'BEGIN { printf "{\"id\": \"long\", \"text\": \""; for (i = 0; i < 1000000; i++) printf "word "; print "\"}" }' </dev/null >"$DIR/study/part0.jsonl"
ranks 1 ingest --no-progress "$DIR/study/config.ini"
expect 1 "part0.jsonl:1" "[run] memory"
one_error
ranks 1 ingest --no-progress --set run.memory=32M --set corpus.tokenizer="$ROOT/tests/golden/tokenizer_small.json" --set corpus.held_out=0 "$DIR/study/config.ini"
expect 0
# It is the setting that keeps the limit of address space: a document that a larger one takes finds no room.
if [ -n "$space" ]; then
    awk 'BEGIN { printf "{\"id\": \"long\", \"text\": \""; for (i = 0; i < 8000000; i++) printf "word "; print "\"}" }' </dev/null >"$DIR/study/part0.jsonl"
    within $limit --set run.memory=1G
    expect 1 "no memory for a line"
    one_error
fi
