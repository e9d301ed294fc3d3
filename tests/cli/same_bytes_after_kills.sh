# Laws 2 and 3: killed with SIGKILL at random moments and restarted, a study ends with the same bytes.
. tests/cli/helpers/lib.sh
n=$(has_mpi && echo 2 || echo 1)
tiny "$DIR/study"
slow="--set model.large.epochs=12 --set model.large.save_every=0.05"
start=$(date +%s%N)
ranks "$n" --no-progress $slow "$DIR/study/config.ini"
expect 0
whole=$((($(date +%s%N) - start) / 1000000))
want=$(tables "$DIR/study")
rm -rf "$DIR/study"
tiny "$DIR/study"
for kill in 1 2 3 4 5 6; do
    delay=$((whole * (RANDOM % 80 + 5) / 100))
    setsid $(has_mpi && echo mpirun --oversubscribe -n 2) "$MEMPROBE" --no-progress $slow "$DIR/study/config.ini" >"$OUT" 2>"$ERR" </dev/null &
    leader=$!
    sleep "$(printf '%d.%03d' $((delay / 1000)) $((delay % 1000)))"
    # mpirun puts its ranks into groups of their own: kill all that descend from it, ranks first
    for p in $(pgrep -P "$leader") "$leader"; do kill -KILL "$p" 2>/dev/null; done
    wait "$leader" 2>/dev/null
    for i in $(seq 50); do pgrep -f "$DIR/study/config.ini" >/dev/null || break; sleep 0.1; done
    echo "killed after $delay ms of $whole"
    ls "$DIR"/study/results/tiny/DONE >/dev/null 2>&1 && finished=yes
done
ranks "$n" --no-progress $slow "$DIR/study/config.ini"
expect 0
[ "$(tables "$DIR/study")" = "$want" ] || die "after kills other tables than without"
! find "$DIR/study" -name '*.part' | grep -q . || die "partial files are left: $(find "$DIR/study" -name '*.part')"
