#!/bin/bash
# memprobe index, count and locate: the documents of a corpus are found where they are, held-out ones are not; the same
# answers for any number of ranks and blocks, from the command line and from a file; errors say what to do.
. "$ROOT/tests/cli/helpers/lib.sh"
tiny "$DIR/study"
ranks 1 ingest --quiet --no-progress "$DIR/study/config.ini"
expect 0
corpus=$(echo "$DIR"/study/cache/ingest-*)
tokenizer=$(echo "$DIR"/study/cache/tokenizer-*/tokenizer.json)

ranks 1 count --corpus "$corpus" --tokenizer "$tokenizer" x
expect 1 "memprobe index"
one_error
ranks 1 index "$corpus"
expect 0

# Every document, as a query: members stand at the beginning of themselves, once; the others nowhere.
sed 's/.*"text": "\(.*\)"}/\1/; 1i query' "$DIR"/study/part0.jsonl >"$DIR/queries.csv"
ranks 1 locate --corpus "$corpus" --tokenizer "$tokenizer" --queries "$DIR/queries.csv"
expect 0
cp "$OUT" "$DIR/located"
[ "$(head -n 1 "$DIR/located")" = query,doc_id,source,offset ] || die "another header"
"$MEMPROBE" inspect --documents "$corpus/members" | grep -o 'doc-0-[0-9]*' | sort -u >"$DIR/members"
awk -F, 'NR > 1 { print $2 }' "$DIR/located" | sort >"$DIR/found"
[ "$(wc -l <"$DIR/members")" -gt 10 ] || die "few members"
cmp -s "$DIR/members" "$DIR/found" || die "the members are not what was found: $(diff "$DIR/members" "$DIR/found")"
awk -F, 'NR > 1 && ($3 != "tiny" || $4 != 0) { exit 1 }' "$DIR/located" || die "not at the beginning of the document"
while IFS=, read -r query id source offset; do
    grep -qF "\"id\": \"$id\", \"source\": \"tiny\", \"text\": \"$query\"" "$DIR/study/part0.jsonl" ||
        [ "$id" = doc_id ] || die "the text of another document was found in $id"
done <"$DIR/located"

# A planted sequence stands eight times, in eight documents.
planted=$("$MEMPROBE" inspect --documents "$corpus/members" | grep -c ,planted/1/0/)
[ "$planted" = 8 ] || die "eight copies were planted, $planted are there"
first=$("$MEMPROBE" inspect --documents "$corpus/members" | awk -F, '$3 == "planted/1/0/0" { print $1, $2 }')
ids=$(cat "$corpus"/members/*.tok.zst | zstd -dc | od -An -v -t u2 -w2 | awk -v at="${first% *}" -v n="${first#* }" 'NR > at && NR <= at + n { printf "%s ", $1 }')
ranks 1 count --corpus "$corpus" --tokens "$ids"
expect 0
grep -q ",8,8$" "$OUT" || die "not counted eight times"

# CSV in, CSV out: any text comes back as it went in, from a file and by a pipe; a table without rows is answered.
printf 'query,note\n"a\nb",x\n"say ""a""",y\na,z\n\377\376a,w\n' >"$DIR/odd.csv"
ranks 1 count --corpus "$corpus" --tokenizer "$tokenizer" --queries "$DIR/odd.csv"
expect 0
{ printf 'query,occurrences,documents\n"a\nb",0,0\n"say ""a""",0,0\na,'; tail -n 2 "$OUT" | head -n 1 | cut -d, -f2-; printf '\377\376a,0,0\n'; } >"$DIR/odd.out"
cmp -s "$OUT" "$DIR/odd.out" || die "the queries did not come back as they are"
"$MEMPROBE" count --corpus "$corpus" --tokenizer "$tokenizer" --queries - <"$DIR/odd.csv" | cmp -s - "$DIR/odd.out" || die "not the same by a pipe"
printf 'tokens\n' >"$DIR/none.csv"
ranks 1 count --corpus "$corpus" --tokens --queries "$DIR/none.csv"
expect 0
[ "$(cat "$OUT")" = query,occurrences,documents ] || die "no queries, but an answer"
if has_mpi; then
    mpirun --oversubscribe -n 3 "$MEMPROBE" count --corpus "$corpus" --tokenizer "$tokenizer" --queries - <"$DIR/odd.csv" | cmp -s - "$DIR/odd.out" || die "not the same by a pipe to three ranks"
    ranks 3 locate --corpus "$corpus" --tokens --queries "$DIR/none.csv"
    expect 0
    ranks 3 count --corpus "$corpus" --tokens --queries "$DIR/nowhere.csv"
    expect 1 "cannot open"
    one_error
fi

# Other ranks, other blocks, the command line: the same.
ranks 1 count --corpus "$corpus" "a" "ba" " do" "zzzz" # with the tokenizer beside it
expect 0
cp "$OUT" "$DIR/counted"
awk -F, 'NR > 1 { n += $2 } END { exit n < 10 }' "$DIR/counted" || die "nothing was counted"
ranks 1 locate --corpus "$corpus" --tokenizer "$tokenizer" --longest --least 2 "bado gukume lano pruste vi woxazy bado"
cp "$OUT" "$DIR/longest"
[ "$(wc -l <"$DIR/longest")" -gt 2 ] || die "no matches"
"$MEMPROBE" locate --corpus "$corpus" --tokenizer "$tokenizer" --longest --least 2 "lano pruste" >"$DIR/longest2"
ranks 1 locate --corpus "$corpus" --tokenizer "$tokenizer" --longest --least 2 "bado gukume lano pruste vi woxazy bado" "lano pruste"
sed 1d "$DIR/longest2" | cat "$DIR/longest" - | cmp -s - "$OUT" || die "two texts at once have other matches than each alone"
if has_mpi; then
    for n in 2 3; do
        rm -r "$corpus/members/suffix"
        ranks $n index --block $((700 * n)) "$corpus"
        expect 0
        ranks $n locate --corpus "$corpus" --tokenizer "$tokenizer" --queries "$DIR/queries.csv"
        cmp -s "$OUT" "$DIR/located" || die "$n ranks locate something else"
        ranks $n count --corpus "$corpus/members" --tokenizer "$tokenizer" "a" "ba" " do" "zzzz"
        cmp -s "$OUT" "$DIR/counted" || die "$n ranks count something else"
        ranks $n locate --corpus "$corpus" --tokenizer "$tokenizer" --longest --least 2 "bado gukume lano pruste vi woxazy bado"
        cmp -s "$OUT" "$DIR/longest" || die "$n ranks find other matches"
    done
fi

# The limit says that it cut.
ranks 1 locate --corpus "$corpus" --tokenizer "$tokenizer" --limit 2 a
expect 0 "only the first are printed"
[ "$(wc -l <"$OUT")" = 3 ] || die "not two places"

# One program at a time; what is being made anew is not done.
(
    exec 9>"$corpus/members/suffix.lock"
    flock 9
    ranks 1 index "$corpus"
    expect 1 "another memprobe is making this index"
) || exit 1
mkdir "$corpus/members/suffix/00000.sfx.part" && rm "$corpus/members/suffix/00000.sfx"
ranks 1 index --block "$(cut -d' ' -f2 "$corpus/members/suffix/of")" "$corpus"
expect 1 "cannot write"
ranks 1 count --corpus "$corpus" --tokens 1
expect 1 "no finished suffix index"
rmdir "$corpus/members/suffix/00000.sfx.part"
ranks 1 index "$corpus"
expect 0

# A damaged index, one of another corpus, wrong ids, misuse.
printf x | dd of="$corpus/members/suffix/00000.sfx" bs=1 seek=70 conv=notrunc status=none
ranks 1 count --corpus "$corpus" --tokens 1
expect 1 "memprobe index again"
ranks 1 count --corpus "$DIR/study" --tokens 1
expect 1 "neither a folder of token shards"
rm -r "$corpus/members/suffix"
ranks 1 index "$corpus"
ranks 1 count --corpus "$corpus" --tokens "1 x"
expect 1 "token ids are numbers"
ranks 1 count --corpus "$corpus" --tokens 300
expect 1 "no token 300"
ranks 1 count --corpus "$corpus" --tokens ""
expect 1 "holds no token"
for misuse in "count" "count --corpus d" "locate --nonsense" "count --limit 3 --corpus d q" "index" "index --block 0 d"; do
    # shellcheck disable=SC2086  # words are meant to be split
    ranks 1 $misuse
    [ "$STATUS" = 2 ] || die "$misuse: exit status $STATUS, not 2"
done
for verb in index count locate; do
    ranks 1 $verb --help
    expect 0
    grep -q "^usage:" "$OUT" || die "$verb --help says nothing"
done
