# One rank of several is killed: the job ends with an error, without a hang, and the next run finishes the study.
. tests/cli/helpers/lib.sh
has_mpi || skip "built without MPI"
tiny "$DIR/study"
timeout 120 mpirun --oversubscribe -n 3 "$MEMPROBE" --no-progress --set model.large.epochs=60 "$DIR/study/config.ini" >"$OUT" 2>"$ERR" </dev/null &
job=$!
for i in $(seq 500); do ls "$DIR"/study/cache/train-*/ 2>/dev/null | grep -q . && break; sleep 0.02; done
victim=$(pgrep -f "memprobe --no-progress --set model.large.epochs=60 $DIR" | tail -n 1)
kill -KILL "$victim"
wait $job
STATUS=$?
[ $STATUS != 124 ] || die "the job hangs after a rank was killed"
[ $STATUS != 0 ] || die "the job claims success after a rank was killed"
ranks 3 --no-progress "$DIR/study/config.ini"
expect 0
