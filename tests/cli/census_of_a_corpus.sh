# A study of the corpus alone: no models, a section [census]. The same bytes for any number of ranks and any memory, after
# kills, and beside models; mistakes are told.
. tests/cli/helpers/lib.sh
study() { # DIR: the tiny corpus, with much planted text, and a census of it
    tiny "$1"
    sed -i '/^\[model.small\]/,$d; s/^sequences = .*/sequences = 6 per level/; s/^held_out = .*/held_out = 0/' "$1/config.ini"
    cat >>"$1/config.ini" <<END
[census]
lengths = 6, 10, 16, 30
top = 8
near = yes
shingle = 3
END
}
census() { # DIR: one hash over all that the census left in the results
    (cd "$1/results/tiny" && for f in duplicates.csv top.csv near.csv near_sizes.csv figures/census.csv figures/*.svg DONE; do
        [ -s "$f" ] || echo "missing $f"
        sha256sum "$f"
    done) | sha256sum
}
study "$DIR/study"
ini=$DIR/study/config.ini
ranks 1 census --no-progress "$ini"
expect 0
grep -q '^ *30 ' "$OUT" || die "stdout does not show the length 30"
[ "$(head -n 1 "$DIR/study/results/tiny/duplicates.csv")" = "length,bucket,dup_lo,dup_hi,distinct,windows,tokens,share" ] || die "another header"
# Each planted text is there as often as its level says: 6 distinct texts, so 8 copies must be among the windows of 30.
awk -F, '$1 == 30 && $3 == 8 { n += $5 } END { exit n < 6 }' "$DIR/study/results/tiny/duplicates.csv" || die "the planted copies are not found"
want=$(census "$DIR/study")
for f in duplicates.csv top.csv near.csv near_sizes.csv figures/census.csv figures/census.svg figures/census_share.svg DONE; do
    [ -s "$DIR/study/results/tiny/$f" ] || die "$f is missing"
done
ranks 1 --no-progress "$ini"
expect 0 "every stage is done"
for n in $(has_mpi && echo 2 3 || echo 1); do
    rm -rf "$DIR/study"
    study "$DIR/study"
    ranks "$n" run --no-progress --set run.memory=1M "$ini"
    expect 0
    [ "$(census "$DIR/study")" = "$want" ] || die "other tables on $n ranks"
    ! ls "$DIR"/study/cache/duplicates-*/length-* 2>/dev/null | grep -q . || die "files of rounds are left"
done
for kill in 1 2 3 4 5 6; do
    rm -rf "$DIR"/study/results "$DIR"/study/cache/duplicates-* "$DIR"/study/cache/near-*
    for again in 1 2; do
        "$MEMPROBE" census --no-progress "$ini" >"$OUT" 2>"$ERR" </dev/null &
        pid=$!
        sleep "0.$((RANDOM % 20 + 2))"
        kill -$([ $((kill % 2)) = 0 ] && echo KILL || echo USR1) $pid 2>/dev/null
        wait $pid
        STATUS=$?
        case $STATUS in 0 | 75 | 137 | 138) ;; *) die "exit status $STATUS" ;; esac
    done
    ranks 1 census --no-progress "$ini"
    expect 0
    [ "$(census "$DIR/study")" = "$want" ] || die "other tables after an interruption"
done
# A corpus that says nothing twice has no figure of shares, and one without any window no figure.
ranks 1 census --no-progress --set inject.sequences=0 --set census.lengths=50 "$ini"
expect 0
[ ! -e "$DIR/study/results/tiny/figures/census_share.svg" ] || die "a figure of an earlier run is left"
[ -s "$DIR/study/results/tiny/figures/census.svg" ] || die "census.svg is missing"
ranks 1 census --no-progress --set inject.sequences=0 --set census.lengths=5000 "$ini"
expect 0
[ ! -e "$DIR/study/results/tiny/figures/census.svg" ] || die "a figure of an earlier run is left"
# Mistakes.
bad() { # SED-EDIT TEXT...
    sed "$1" "$ini" >"$DIR/bad.ini"
    shift
    ranks 1 census "$DIR/bad.ini"
    expect 1 "$@"
    one_error
}
bad '/^\[census\]/,$d' "[model.NAME]" "[census]"
bad 's/^lengths = .*/lengths = 6, 6/' "bad.ini:" "[census] lengths" "rising"
bad 's/^lengths = .*/lengths = 0/' "bad.ini:" "lengths"
bad 's/^shingle = .*/shingle = 31/' "bad.ini:" "[census] shingle"
bad 's/^near = .*/near = perhaps/' "bad.ini:" "near"
ranks 1 train "$ini"
expect 1 "train" "[model.NAME]"
# Beside models: the tables of the probes are what they are without it.
tiny "$DIR/beside"
ranks 1 --no-progress "$DIR/beside/config.ini"
expect 0
tables=$(cd "$DIR/beside/results/tiny" && sha256sum probes.csv rates.csv fits.csv records.csv.zst)
printf '[census]\nlengths = 6, 30\n' >>"$DIR/beside/config.ini"
ranks 1 --no-progress "$DIR/beside/config.ini"
expect 0
[ "$(cd "$DIR/beside/results/tiny" && sha256sum probes.csv rates.csv fits.csv records.csv.zst)" = "$tables" ] || die "the census changes the tables of probes"
[ -s "$DIR/beside/results/tiny/top.csv" ] || die "no top.csv beside models"
grep -q '^\[census\]' "$DIR/beside/results/tiny/config.ini" || die "the resolved config lacks [census]"
