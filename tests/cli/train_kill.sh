# Training killed by SIGKILL again and again, its state saved after every step: the weights and loss.csv come out as if
# nothing had happened, on another number of ranks too.
set -eu
[ -z "${SERIAL:-}" ] || { echo "built without MPI"; exit 77; }
program=$BUILD/mpi/test_train state=$TMP/killed/state.bin
mkdir -p "$TMP/whole" "$TMP/killed"
"$program" run "$TMP/whole" >"$TMP/whole.out"

file_number() { stat -c %i "$state" 2>/dev/null || echo none; }

# Each run is killed a little later after it has saved its first state: in the middle of a step, or of the next saving.
resumed=0
for ms in 0 1 2 3 5 8 13; do
    before=$(file_number)
    [ "$before" = none ] || resumed=$((resumed + 1))
    "$program" run "$TMP/killed" >"$TMP/killed.out" 2>&1 &
    while kill -0 $! 2>/dev/null && [ "$(file_number)" = "$before" ]; do sleep 0.002; done
    sleep "0.$(printf %03d $ms)"
    kill -KILL $! 2>/dev/null || { echo "done before it was killed"; cat "$TMP/killed.out"; exit 1; }
    wait $! 2>/dev/null || true
done
[ $resumed -ge 5 ] || { echo "only $resumed runs had a state to go on from"; exit 1; }
mpirun -n 2 "$program" run "$TMP/killed" >"$TMP/killed.out"
diff "$TMP/whole.out" "$TMP/killed.out"
