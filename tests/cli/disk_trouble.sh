# A full disk and a folder that cannot be written: one message with the path, exit 1, no hang, nothing that looks complete.
. tests/cli/helpers/lib.sh
[ "$(id -u)" = 0 ] || skip "needs root to mount a small tmpfs"
mkdir "$DIR/small" "$DIR/sealed"
mount -t tmpfs -o size=160k none "$DIR/small" 2>/dev/null || skip "cannot mount a tmpfs here"
trap 'umount "$DIR/small" "$DIR/sealed" 2>/dev/null' EXIT
tiny "$DIR/study"
for n in $(has_mpi && echo 1 2 || echo 1); do
    ranks "$n" --no-progress --set run.cache="$DIR/small/cache" "$DIR/study/config.ini"
    expect 1 "$DIR/small/" "No space left"; one_error
    [ ! -e "$DIR/study/results/tiny/DONE" ] || die "results look complete"
    rm -rf "$DIR"/small/*
done
mount -t tmpfs -o ro none "$DIR/sealed" || skip "cannot mount a read-only tmpfs here"
for n in $(has_mpi && echo 1 2 || echo 1); do
    ranks "$n" --no-progress --set run.results="$DIR/sealed/results" "$DIR/study/config.ini"
    expect 1 "$DIR/sealed/results" "Read-only"; one_error
done
touch "$DIR/file"
ranks 1 --no-progress --set run.results="$DIR/file" "$DIR/study/config.ini"
expect 1 "$DIR/file"; one_error
