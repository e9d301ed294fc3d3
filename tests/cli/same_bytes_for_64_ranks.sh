# Law 2 on many more ranks than cores, leaves of the gradient tree, files or probes.
. tests/cli/helpers/lib.sh
has_mpi || skip "built without MPI"
tiny "$DIR/study"
ranks 1 --no-progress "$DIR/study/config.ini"
expect 0
want=$(tables "$DIR/study")
rm -rf "$DIR/study"
tiny "$DIR/study"
ranks 64 --no-progress "$DIR/study/config.ini"
expect 0
[ "$(tables "$DIR/study")" = "$want" ] || die "64 ranks write other tables than 1"
