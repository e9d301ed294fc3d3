# SIGUSR1, as a batch system sends it before the time limit, saves the state: exit 75, and the next run ends with the same bytes.
. tests/cli/helpers/lib.sh
tiny "$DIR/study"
long="--set model.large.epochs=60"
"$MEMPROBE" --no-progress $long "$DIR/study/config.ini" >"$OUT" 2>"$ERR" </dev/null &
pid=$!
for i in $(seq 300); do ls "$DIR"/study/cache/train-*/ 2>/dev/null | grep -q . && break; sleep 0.02; done
sleep 0.3
kill -USR1 $pid
wait $pid
STATUS=$?
[ $STATUS != 0 ] || skip "the study was faster than the signal"
expect 75 "interrupted" "the state is saved" # by training itself, not only by a later stage
[ ! -e "$DIR/study/results/tiny/DONE" ] || die "an interrupted study looks complete"
ranks 1 --no-progress $long "$DIR/study/config.ini"
expect 0
got=$(tables "$DIR/study")
rm -rf "$DIR/study"
tiny "$DIR/study"
ranks 1 --no-progress $long "$DIR/study/config.ini"
[ "$(tables "$DIR/study")" = "$got" ] || die "an interrupted study ends with other tables"
