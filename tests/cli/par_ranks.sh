# Ranks that fail alone, and more ranks than leaves: what tests/mpi cannot say with one expected output.
set -eu
[ -z "${SERIAL:-}" ] || { echo "built without MPI"; exit 77; }
program=$BUILD/mpi/test_par err=$TMP/par_ranks.err

# A rank fails while the others wait in a barrier, or brings its failure to par_agree: exit 1, one message, no hang.
for how in fail agree; do
    rc=0
    timeout 60 mpirun -n 3 "$program" $how 2>"$err" || rc=$?
    [ $rc = 1 ] || { echo "$how: exit status $rc"; cat "$err"; exit 1; }
    [ "$(grep -c 'this rank fails alone' "$err")" = 1 ] || { echo "$how: not one message"; cat "$err"; exit 1; }
done
grep -qx 'rank 2: this rank fails alone' "$err"

# 64 ranks share 16 leaves: the bits of one rank.
timeout 120 mpirun -n 64 "$program" hash >"$TMP/64.out"
"$program" hash | diff - "$TMP/64.out"
