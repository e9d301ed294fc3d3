# [probe] measure = verdict: the same rates, fits, figures and verdicts as measure = all, with generation compared and for
# any ranks; what is not measured is empty; a study that changes the setting probes again, and does nothing else again.
. tests/cli/helpers/lib.sh
tiny "$DIR/study"
ini=$DIR/study/config.ini results=$DIR/study/results/tiny
sed -i 's/^epochs = 2/epochs = 60/' "$ini" # so that some probes are extracted
columns() { zstdcat "$results/records.csv.zst" | cut -d, -f"$1"; }
whole() { cat "$results"/{probes,rates,fits}.csv "$results"/figures/*.{csv,svg} "$results/report.html" | sha256sum; }
stages() { find "$DIR/study/cache" -name DONE | sort; }
ranks 1 --no-progress "$ini"
expect 0
all=$(whole)
columns 1-6 >"$DIR/verdicts"
grep -q ',1,8$' "$DIR/verdicts" || die "nothing is extracted"
grep -q ',0,[1-7]$' "$DIR/verdicts" || die "every probe misses at once"
! columns 7 | grep -q '^$' || die "measure = all leaves cells empty"
stages >"$DIR/before"
for n in $(has_mpi && echo 1 3 || echo 1); do
    rm -r "$results"
    ranks "$n" --no-progress --set probe.measure=verdict "$ini"
    expect 0 "generation gives the same verdicts" "probe small: 144 windows in " # not the tokens of measure = all
    [ "$(grep -c "generation gives the same verdicts" "$ERR")" = 3 ] || die "not all arms were generated as well"
    [ "$(whole)" = "$all" ] || die "on $n ranks verdicts alone make other tables, figures or pages"
    columns 1-6 | cmp - "$DIR/verdicts" || die "other verdicts on $n ranks"
    [ "$(columns 7- | tail -n +2 | sort -u)" = ',,,,,' ] || die "cells that were not measured are not empty"
    grep -q '^measure *= verdict' "$results/config.ini" || die "the resolved config does not tell what was measured"
    got=$(columns 1- | sha256sum)
    [ "${want:=$got}" = "$got" ] || die "$n ranks write other records"
    new=$(stages | comm -13 "$DIR/before" -)
    [ "$(grep -c /probe- <<<"$new")" = "$(grep -c . <<<"$new")" ] || die "more than the probes was done again: $new"
    [ "$(grep -c . <<<"$new")" = 3 ] || die "not all probes were done again: $new"
    for done in $new; do rm -r "$(dirname "$done")"; done
done
ranks 1 plan --set probe.measure=verdict "$ini"
expect 0
grep -q '^verdicts: ' "$OUT" || die "the plan does not tell what it counts for verdicts"
flop() { sed -n 's/^probe small  *run  *\([^ ]*\) .*/\1/p' "$OUT"; }
ranks 1 plan --set probe.suffix=7 "$ini"
expect 0
flop >"$DIR/flop"
ranks 1 plan --set probe.suffix=7 --set probe.measure=verdict "$ini"
expect 0
awk -v all="$(cat "$DIR/flop")" -v verdicts="$(flop)" 'BEGIN { exit !(verdicts > 0 && verdicts < 0.8 * all) }' ||
    die "the plan thinks that verdicts cost as much as all measures"
ranks 1 --set probe.measure=some "$ini"
expect 1 "measure = some: known: all, verdict"
one_error
