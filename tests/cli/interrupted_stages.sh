# SIGUSR1 in a stage that is not saved half done (store, probe): the program leaves it soon, exit 75, the stage does not
# look complete, and the next run ends with the same bytes.
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
