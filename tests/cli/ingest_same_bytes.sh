# Ingest writes the same files, byte for byte, on any number of ranks, and leaves nothing half written.
. tests/cli/helpers/lib.sh
has_mpi || skip "one rank only"
for n in 1 2 5; do
    mpirun --oversubscribe -n $n "$BUILD/mpi/test_ingest" "$DIR/ranks" >"$OUT" 2>"$ERR" </dev/null || die "failed on $n ranks"
    [ -z "$(find "$DIR/ranks" -name '*.part')" ] || die "partial files are left"
    [ "$(find "$DIR/ranks" -type f | wc -l)" -gt 40 ] || die "files are missing"
    mv "$DIR/ranks" "$DIR/ranks-$n"
    diff -r "$DIR/ranks-1" "$DIR/ranks-$n" >"$OUT" || die "other bytes on $n ranks"
done
