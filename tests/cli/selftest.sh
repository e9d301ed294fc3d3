# The selftest passes, alone and on ranks.
. tests/cli/helpers/lib.sh
for n in $(has_mpi && echo 1 3 || echo 1); do
    ranks "$n" selftest
    expect 0
    grep -q "^selftest passed" "$OUT" || die "no verdict"
    [ "$(grep -c '^ok' "$OUT")" = 5 ] || die "not all five checks ran"
done
