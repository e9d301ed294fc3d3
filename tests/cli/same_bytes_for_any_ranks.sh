# Law 2: every table and figure has the same bytes for 1, 2, 3 and 5 ranks.
. tests/cli/helpers/lib.sh
for n in $(has_mpi && echo 1 2 3 5 || echo 1); do
    tiny "$DIR/study"
    ranks "$n" --no-progress "$DIR/study/config.ini"
    expect 0
    got=$(tables "$DIR/study")
    [ "${want:=$got}" = "$got" ] || die "$n ranks write other tables than 1"
    mv "$DIR/study" "$DIR/study-$n"
done
[ "$(zstd -dc "$DIR/study-1/results/tiny/records.csv.zst" | wc -l)" -gt 100 ] || die "hardly any records"
head -n 1 "$DIR/study-1/results/tiny/rates.csv" | grep -q '^model,params,arm,context,suffix,bucket,dup_lo,dup_hi,n,n_eff,hits,rate,ci_lo,ci_hi,control_n,control_hits,control_rate,net,net_lo,net_hi' ||
    die "rates.csv has other columns"
