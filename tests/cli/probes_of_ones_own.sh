#!/bin/bash
# The other ways to draw probes: uniform over positions, and a list of one's own. The whole study runs on them; a list is
# known by its contents; errors name the key and the row.
. "$ROOT/tests/cli/helpers/lib.sh"
tiny "$DIR/study"
config=$DIR/study/config.ini
run() { ranks 1 "$1" --quiet --no-progress --set "probe.sample=$2" "${@:3}" "$config"; }
probes() { ls -td "$DIR"/study/cache/census-* | head -n 1; }

run report uniform --set probe.probes=50
expect 0
few=$(probes)
[ "$(grep -c ',1$' "$few/probes.csv")" = 50 ] || die "not 50 members"
[ -s "$few/census.csv" ] || die "no census"
cp "$DIR/study/results/tiny/rates.csv" "$DIR/rates"
awk -F, 'NR > 1 { n[$3 "," $1 "," $4] += $9 } END { for (k in n) if (n[k] != 50) exit 1 }' "$DIR/rates" ||
    die "the buckets of a model, arm and context do not hold the 50 members"
run census uniform --set probe.probes=80
expect 0
[ "$(probes)" != "$few" ] || die "the number of probes does not count"
cut -d, -f3,5,10 "$few/probes.csv" | sort >"$DIR/few"
cut -d, -f3,5,10 "$(probes)/probes.csv" | sort >"$DIR/many"
[ -z "$(comm -23 "$DIR/few" "$DIR/many")" ] || die "80 do not hold the 50"

# Those 50 as a list: the same probes, the same rates; a copy of the list elsewhere changes nothing.
cp "$few/probes.csv" "$DIR/list.csv"
run report "file:$DIR/list.csv"
expect 0
listed=$(probes)
cut -d, -f3- "$few/probes.csv" >"$DIR/expected"
cut -d, -f3- "$listed/probes.csv" | cmp -s - "$DIR/expected" || die "the list gives other probes"
cmp -s "$few/probes.tokens" "$listed/probes.tokens" || die "the list gives other tokens"
mv "$DIR/list.csv" "$DIR/moved.csv"
run plan "file:$DIR/moved.csv"
expect 0
grep -q "^census and probes *done" "$OUT" || die "a list that was moved is another"
sed -i 2d "$DIR/moved.csv"
run plan "file:$DIR/moved.csv"
grep -q "^census and probes *run" "$OUT" || die "a list that was changed is the same"

# Errors.
run plan "file:$DIR/moved.csv" --set probe.windows=each; expect 1 "a list has windows of one length"; one_error
run plan duplicates --set probe.windows=all; expect 1 "known: longest, each"; one_error
run plan "file:$DIR/nowhere.csv"; expect 1 "[probe] sample" "there is no file"; one_error
run plan random; expect 1 "known: duplicates, uniform, file:PATH"; one_error
printf 'doc_id,offset\nnobody,0\n' >"$DIR/bad.csv"
run census "file:$DIR/bad.csv"; expect 1 "bad.csv: row 1" "no document \"nobody\""; one_error
printf 'tokens\n1 2 3\n' >"$DIR/bad.csv"
run census "file:$DIR/bad.csv"; expect 1 "probe 0 has 3 tokens"; one_error
run plan "file:$DIR/bad.csv,$DIR/none.npy"; expect 1 "there is no file \"$DIR/none.npy\""; one_error

# Controls that are as easy as their members: other controls for the same members; the results say how like they are.
run report duplicates
expect 0
plain=$(probes)
cmp -s "$plain/matching.csv" "$DIR/study/results/tiny/matching.csv" || die "no matching.csv among the results"
run report duplicates --set probe.match=compressibility
expect 0
matched=$(probes)
[ "$matched" != "$plain" ] || die "the match does not count"
cmp -s "$matched/matching.csv" "$DIR/study/results/tiny/matching.csv" || die "the results keep the old matching.csv"
grep ',1$' "$plain/probes.csv" >"$DIR/expected"
grep ',1$' "$matched/probes.csv" | cmp -s - "$DIR/expected" || die "other members"
far() { awk -F, '$2 == "tiny" { print $8 }' "$1/matching.csv"; }
awk -v plain="$(far "$plain")" -v matched="$(far "$matched")" 'BEGIN { exit !(matched < plain / 2) }' ||
    die "matched controls are $(far "$matched") bits from their members, others $(far "$plain")"
run plan duplicates --set probe.match=zlib; expect 1 "[probe] match" "known: source, compressibility"; one_error

# Windows of its own for each context: as many samples, each by its own counts; generation gives the same verdicts.
run report duplicates --set probe.windows=each
expect 0
each=$(probes)
cut -d, -f6 "$each/probes.csv" | sort -n | uniq -c | awk '$2 != "length" { print $2 }' | paste -sd' ' >"$DIR/lengths"
[ "$(cat "$DIR/lengths")" = "12 16 24" ] || die "windows of $(cat "$DIR/lengths") tokens, not 12, 16 and 24"
awk -F, 'NR > 1 && $6 == 24' "$plain/probes.csv" | cut -d, -f3- >"$DIR/expected"
awk -F, 'NR > 1 && $6 == 24' "$each/probes.csv" | cut -d, -f3- | cmp -s - "$DIR/expected" || die "the longest are others"
awk -F, 'NR == FNR { if (FNR > 1 && $10 == 1) n[$6 - 8 "," $9]++; next }
    FNR > 1 { k = $4 "," $6; if ($9 != n[k]) exit 1; seen[k] = 1 }
    END { for (k in n) if (!(k in seen)) exit 1 }' "$each/probes.csv" "$DIR/study/results/tiny/rates.csv" ||
    die "the rates of a context are not those of its probes"
records=$(zstd -dc "$DIR/study/results/tiny/records.csv.zst" | awk -F, '$1 == "small" && $2 == "bare"' | wc -l)
[ "$records" = "$(($(wc -l <"$each/probes.csv") - 1))" ] || die "$records records of the small model, not one a probe"
[ -s "$DIR/study/results/tiny/report.html" ] || die "no page"
ranks 1 audit --suffix 8 "$each"
expect 1 "choose one by --context: 4, 8, 16"
ranks 1 audit --suffix 8 --context 8 "$each"
expect 0
grep -q "^distinct_probes,," "$OUT" || die "no audit of probes of several lengths"
