# SIGUSR1 in a stage that is not saved half done (store, probe): the program leaves it soon, exit 75, the stage does not
# look complete, and the next run ends with the same bytes. So it does where verdicts alone are probed, be it SIGTERM, or
# on several ranks.
. tests/cli/helpers/lib.sh
big="--set model.large.width=256 --set model.large.layers=12 --set model.large.epochs=0.01 --set probe.context=4,16,40"
tiny "$DIR/study"
sed -i '/^\[model.small\]/,/^lr/d' "$DIR/study/config.ini"
ranks 1 --no-progress $big "$DIR/study/config.ini"
expect 0
want=$(tables "$DIR/study")
for stage in store probe; do
    for folder in $([ $stage = store ] && echo "$DIR"/study/cache/store-* || echo "$DIR"/study/cache/probe-*); do rm -rf "$folder"; done
    "$MEMPROBE" --no-progress $big "$DIR/study/config.ini" >"$OUT" 2>"$ERR" </dev/null &
    pid=$!
    for i in $(seq 1000); do
        ls "$DIR"/study/cache/$stage-*/*.part 2>/dev/null | grep -q . && break
        kill -0 $pid 2>/dev/null || break
        sleep 0.01
    done
    kill -USR1 $pid 2>/dev/null
    wait $pid
    STATUS=$?
    expect 75 "interrupted in stage $stage"
    left=0
    for folder in "$DIR"/study/cache/$stage-*; do [ -e "$folder/DONE" ] || left=$((left + 1)); done
    [ $left -gt 0 ] || die "the interrupted stage looks complete"
    ! ls "$DIR"/study/cache/$stage-*/*.part 2>/dev/null | grep -q . || die "a partial file is left"
    ranks 1 --no-progress $big "$DIR/study/config.ini"
    expect 0
    [ "$(tables "$DIR/study")" = "$want" ] || die "after an interruption in stage $stage other tables"
done

# Verdicts: when some of the records are written, and not all. Small batches make many rounds of it.
verdicts="$big --set probe.measure=verdict --set probe.batch_tokens=64"
rm -r "$DIR/study/results"
ranks 1 --no-progress $verdicts "$DIR/study/config.ini"
expect 0
want=$(tables "$DIR/study")
bare=$(ls -t "$DIR"/study/cache/probe-*/records.bare.bin | head -n 1)
records=$(cat "$bare" | sha256sum)
some() { # of the records are written: how many
    cat "$DIR"/study/cache/probe-*/records.*.bin.part 2>/dev/null | od -An -v -tu8 -w64 | grep -cv '^\( *0\)*$'
}
for run in 1_TERM $(has_mpi && echo 2_USR1); do
    n=${run%_*} signal=${run#*_}
    rm -r "$DIR"/study/cache/probe-* "$DIR/study/results"
    $([ "$n" = 1 ] || echo mpirun -q --oversubscribe -n "$n") "$MEMPROBE" --no-progress $verdicts "$DIR/study/config.ini" >"$OUT" 2>"$ERR" </dev/null &
    pid=$!
    while [ "$(some)" -lt 20 ] && kill -0 $pid 2>/dev/null; do sleep 0.01; done
    seen=$(some)
    kill -$signal $pid 2>/dev/null
    wait $pid
    STATUS=$?
    [ "$seen" -ge 20 ] || die "no record was seen before the signal"
    expect 75 "interrupted in stage probe"
    ! ls "$DIR"/study/cache/probe-*/*.part "$DIR"/study/cache/probe-*/DONE "$DIR"/study/results/tiny/DONE 2>/dev/null | grep -q . ||
        die "an interrupted stage leaves something that looks complete, or half a file"
    ranks "$n" --no-progress $verdicts "$DIR/study/config.ini"
    expect 0
    [ "$(tables "$DIR/study")" = "$want" ] || die "verdicts interrupted by SIG$signal on $n ranks: other tables"
    [ "$(cat "$bare" | sha256sum)" = "$records" ] || die "verdicts interrupted by SIG$signal on $n ranks: other records"
done
