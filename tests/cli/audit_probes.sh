#!/bin/bash
# memprobe audit: a study's probes with the corpus they were drawn from, tables of ids, arrays of NumPy; the same table
# for any number of ranks; errors say what to do.
. "$ROOT/tests/cli/helpers/lib.sh"
has() { grep -qxF -e "$1" "$OUT" || die "the table lacks: $1"; }
count() { awk -F, -v check="$1" '$1 == check { print $3 }' "$OUT"; }

# A table of ids, with Python's lists in it.
cat >"$DIR/ids.csv" <<'END'
context,suffix,is_member
1 2 3 4,5 6 7 9,1
"[1, 2, 3, 4]","[5, 6, 7, 9]",1
1 2 3 4,5 6 8 8,0
20 21 22 23,30 31 32 33,1
40 41 42 43,9 9 9 9,1
9 50 51 52,9 50 51 52,1
1 2 3 4,5 6 7 9,0
END
ranks 1 audit --near 6 --split 1 --end 52 --list "$DIR/list.csv" --clusters "$DIR/clusters.csv" "$DIR/ids.csv"
expect 0 "7 probes, 5 of them distinct, in 4 clusters"
cat >"$DIR/expected" <<'END'
check,value,probes,of,share,groups,largest
probes,,7,7,1,,
distinct_probes,,5,7,0.7142857142857143,,
distinct_contexts,,4,7,0.5714285714285714,,
distinct_suffixes,,5,7,0.7142857142857143,,
multiplicity,1,4,7,0.5714285714285714,4,1
multiplicity,3,3,7,0.42857142857142855,1,3
equal_probes,,3,7,0.42857142857142855,1,3
equal_contexts,,4,7,0.5714285714285714,1,4
equal_suffixes,,3,7,0.42857142857142855,1,3
context_with_several_suffixes,,4,7,0.5714285714285714,1,4
clusters,,4,7,0.5714285714285714,,
near_probes,6,4,7,0.5714285714285714,1,4
suffix_in_context,,1,7,0.14285714285714285,,
suffix_one_token,,1,7,0.14285714285714285,,
suffix_repeats,,0,7,0,,
suffix_counts,,1,7,0.14285714285714285,,
across_documents,,1,7,0.14285714285714285,,
equal_member_and_control,,3,7,0.42857142857142855,1,3
equal_suffix_of_member_and_control,,3,7,0.42857142857142855,1,3
near_member_and_control,,4,7,0.5714285714285714,1,4
split_equal_probe,1,1,1,1,,
split_equal_context,1,1,1,1,,
split_equal_suffix,1,1,1,1,,
split_near,1,1,1,1,,
END
cmp -s "$OUT" "$DIR/expected" || die "another table: $(diff "$OUT" "$DIR/expected")"
grep -qx "5,suffix_in_context,stands at token 0 of the context" "$DIR/list.csv" || die "the list lacks a row"
grep -qx '6,equal_probes,"one of 3, the first is 0"' "$DIR/list.csv" || die "the list lacks a row"
grep -qx "3,suffix_counts,rises by steps of 1" "$DIR/list.csv" || die "the list lacks a row"
printf 'probe_id,equal_to,cluster\n0,0,0\n1,0,0\n2,2,0\n3,3,1\n4,4,2\n5,5,3\n6,0,0\n' >"$DIR/expected"
cmp -s "$DIR/clusters.csv" "$DIR/expected" || die "other clusters"

# A shorter context sees less; whole rows in one column need --suffix.
ranks 1 audit --context 2 "$DIR/ids.csv"
expect 0
[ "$(count suffix_in_context)" = 0 ] || die "what is cut off still counts"
printf 'id,x\na,1 2 3 4 5\nb,1 2 3 4 5 6\n' >"$DIR/whole.csv"
ranks 1 audit --column x --suffix 2 "$DIR/whole.csv"
expect 0
[ "$(count distinct_contexts)" = 2 ] || die "contexts of rows of different lengths"
ranks 1 audit --column x "$DIR/whole.csv"; expect 1 "give --suffix N"; one_error
ranks 1 audit --column x --suffix 5 "$DIR/whole.csv"; expect 1 "leaves none of its 5"; one_error
ranks 1 audit --suffix 2 "$DIR/whole.csv"; expect 1 "--column NAME"; one_error
ranks 1 audit --column x --suffix 2 --context 4 "$DIR/whole.csv"; expect 1 "has only 3"; one_error
printf 'tokens\n1 2 x\n' >"$DIR/bad.csv"
ranks 1 audit --suffix 1 "$DIR/bad.csv"; expect 1 "row 1" "no token id"; one_error
printf 'tokens\n1 2 4294967296\n' >"$DIR/bad.csv"
ranks 1 audit --suffix 1 "$DIR/bad.csv"; expect 1 "no token id"; one_error
printf 'tokens\n' >"$DIR/bad.csv"
ranks 1 audit --suffix 1 "$DIR/bad.csv"; expect 1 "no probe"; one_error
ranks 1 audit --suffix 1 "$DIR/list.txt"; expect 1 "neither a folder"; one_error
ranks 1 audit --split 7 "$DIR/ids.csv"; expect 1 "some must be left"; one_error

# NumPy: contexts and suffixes, and whole rows.
npy() { # FILE ROWS COLUMNS BYTES...
    local head="{'descr': '|u1', 'fortran_order': False, 'shape': ($2, $3), }" file=$1
    shift 3
    { printf '\x93NUMPY\x01\x00\x76\x00'; printf '%-117s\n' "$head"; printf "$(printf '\\x%02x' "$@")"; } >"$file"
}
npy "$DIR/c.npy" 3 2 1 2 1 2 3 4
npy "$DIR/s.npy" 3 2 7 8 9 8 7 8
ranks 1 audit "$DIR/c.npy" "$DIR/s.npy"
expect 0
[ "$(count context_with_several_suffixes) $(count equal_suffixes)" = "2 2" ] || die "the arrays are read otherwise"
cp "$OUT" "$DIR/pair"
npy "$DIR/w.npy" 3 4 1 2 7 8 1 2 9 8 3 4 7 8
ranks 1 audit --suffix 2 "$DIR/w.npy"
expect 0
cmp -s "$OUT" "$DIR/pair" || die "whole rows say something else"
ranks 1 audit "$DIR/c.npy" "$DIR/w.npy"; expect 0
npy "$DIR/t.npy" 2 2 1 2 3 4
ranks 1 audit "$DIR/c.npy" "$DIR/t.npy"; expect 1 "not contexts and suffixes of the same probes"; one_error
ranks 1 audit --suffix 3 "$DIR/c.npy" "$DIR/s.npy"; expect 1 "has 2 tokens"; one_error

# A study: its members stand in the corpus, its controls do not.
tiny "$DIR/study"
ranks 1 census --quiet --no-progress "$DIR/study/config.ini"
expect 0
probes=$(echo "$DIR"/study/cache/census-*) corpus=$(echo "$DIR"/study/cache/ingest-*)
tokenizer=$(echo "$DIR"/study/cache/tokenizer-*/tokenizer.json)
ranks 1 audit --suffix 8 --corpus "$corpus" "$probes"; expect 1 "memprobe index"; one_error
ranks 1 index "$corpus"; expect 0
ranks 1 audit --suffix 8 --corpus "$corpus" --tokenizer "$tokenizer" "$probes"
expect 0
cp "$OUT" "$DIR/table"
members=$(awk -F, '$NF == 1' "$probes/probes.csv" | wc -l)
has "member_not_in_corpus,,0,$members,0,,"
grep -q "^control_in_corpus,,0," "$OUT" || die "controls are in the corpus"
grep -q "^across_documents,,0," "$OUT" || die "a window across documents"
# With one token of context nearly all go on otherwise somewhere.
ranks 1 audit --suffix 8 --context 1 --corpus "$corpus" "$probes"
expect 0
[ "$(count context_with_several_continuations)" -gt "$members" ] || die "every token decides what follows it"
if has_mpi; then
    for n in 2 3; do
        ranks $n audit --suffix 8 --corpus "$corpus" --tokenizer "$tokenizer" "$probes"
        expect 0
        cmp -s "$OUT" "$DIR/table" || die "$n ranks find something else"
    done
fi

# Windows of several lengths are samples of their own: one at a time, by its context, under the numbers of the folder.
mkdir -p "$DIR/each"
cat >"$DIR/each/probes.csv" <<'END'
probe_id,sequence_id,doc_id,source,offset,length,duplicates,documents,bucket,is_member
0,0,a,x,0,4,2,2,4,1
1,1,a,x,4,4,1,1,0,1
2,2,a,x,0,6,2,2,4,1
3,3,a,x,3,6,1,1,0,1
4,4,b,x,0,6,2,2,4,1
5,5,c,x,0,6,0,0,0,0
END
for id in 1 2 3 4  5 6 7 8  1 2 3 4 5 6  4 5 6 19 8 9  1 2 3 4 5 6  20 29 23 22 28 24; do
    printf "\\x$(printf %02x "$id")\\0\\0\\0"
done >"$DIR/each/probes.tokens"
ranks 1 audit --suffix 2 --context 4 --near 6 --split 2 --list "$DIR/list.csv" --clusters "$DIR/clusters.csv" "$DIR/each"
expect 0 "4 probes, 3 of them distinct, in 3 clusters"
for row in '2,equal_probes,"one of 2, the first is 2"' "4,split_near,as probe 2" \
    "2,overlapping_in_document,shares tokens of its document with 3" \
    "3,overlapping_in_document,shares tokens of its document with 2"; do
    grep -qxF -e "$row" "$DIR/list.csv" || die "the list lacks $row: $(cat "$DIR/list.csv")"
done
printf 'probe_id,equal_to,cluster\n2,2,0\n3,3,1\n4,2,0\n5,5,2\n' | cmp -s - "$DIR/clusters.csv" || die "other clusters"
ranks 1 audit --suffix 2 --context 2 "$DIR/each"; expect 0 "2 probes, 2 of them distinct, in 2 clusters"
ranks 1 audit --suffix 2 "$DIR/each"; expect 1 "choose one by --context: 2, 4"; one_error
ranks 1 audit --suffix 2 --context 3 "$DIR/each"; expect 1 "choose one by --context: 2, 4"; one_error
ranks 1 audit --suffix 4 "$DIR/each"; expect 1 "choose one by --context: 2"; one_error
ranks 1 audit --suffix 6 --context 1 "$DIR/each"; expect 1 "a suffix of 6 tokens leaves none"; one_error
ranks 1 audit "$DIR/each"; expect 1 "give --suffix N"; one_error

for misuse in "audit" "audit a b c" "audit --suffix 0 x" "audit --nonsense x" "audit x --split"; do
    # shellcheck disable=SC2086  # words are meant to be split
    ranks 1 $misuse
    [ "$STATUS" = 2 ] || die "$misuse: exit status $STATUS, not 2"
done
ranks 1 audit --help
expect 0
grep -q "^usage:" "$OUT" || die "--help says nothing"
