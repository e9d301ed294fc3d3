# Where /dev/shm has no room for the weights of a model, they are in a file of the cache: the same bytes of every table.
# The file has no name while it is used, so that nothing is left of it, not even when a rank is killed; what lies in the
# cache under such a name is never used. Where the cache has no room either, the message says so once.
. tests/cli/helpers/lib.sh
has_mpi || skip "one rank shares memory with nobody"
[ "$(id -u)" = 0 ] || skip "needs root to mount a small /dev/shm"
unshare -m mount -t tmpfs -o size=64k none /dev/shm 2>/dev/null || skip "cannot mount a tmpfs here"
tiny "$DIR/study"
# MPI needs another place for its own shared memory then.
mkdir "$DIR/mpi"
export OMPI_MCA_btl_vader_backing_directory=$DIR/mpi OMPI_MCA_btl_sm_backing_directory=$DIR/mpi OMPI_MCA_osc_sm_backing_directory=$DIR/mpi
# small ARGS...: memprobe on 2 ranks that see a /dev/shm of 64 KB, which holds the small model and not the large one.
small() {
    unshare -m sh -c 'mount -t tmpfs -o size=64k none /dev/shm && exec "$@"' sh \
        timeout 120 mpirun --oversubscribe -n 2 "$MEMPROBE" --no-progress "$@" >"$OUT" 2>"$ERR" </dev/null
    STATUS=$?
}
kept() { find "$DIR/study/cache" -name 'memprobe-*.shared' | grep -q .; }
held() { grep -qE "model $1: .* held as F32, [0-9.]+ kB in $2 for 2 ranks of a node; read and packed in [0-9.e-]+ s" "$ERR" || die "model $1 is not in $2"; }

ranks 2 --no-progress "$DIR/study/config.ini"; expect 0
held small /dev/shm; held large /dev/shm
wanted=$(tables "$DIR/study")
python3 - "$DIR/study/results/tiny/manifest.json" <<'END' || die "the manifest does not say how long models took to load"
import json, sys
for stage in json.load(open(sys.argv[1]))["stages"]:
    loads = stage["name"].startswith(("store", "probe"))
    assert ("load_seconds" in stage) == loads and (not loads or 0 < stage["load_seconds"] < 60), stage
END
! grep -rl seconds "$DIR"/study/results/tiny/*.csv || die "a table has a time in it"

rm -rf "$DIR/study/results" "$DIR/study/cache"
mkdir -p "$DIR/study/cache"
head -c 300000 /dev/urandom >"$DIR/study/cache/memprobe-aaaaaa.shared" # of nobody
touch "$DIR/study/cache/mine.shared"                                   # of somebody
small "$DIR/study/config.ini"; expect 0
held small /dev/shm; held large "$DIR/study/cache"
[ "$(tables "$DIR/study")" = "$wanted" ] || die "other tables"
! kept || die "a file of shared memory is left"
[ -e "$DIR/study/cache/mine.shared" ] || die "a file that is not memprobe's is removed"

# A rank is killed while the file is in use.
rm -rf "$DIR"/study/results "$DIR"/study/cache/store-* "$DIR"/study/cache/probe-*
small --set run.kernels=reference "$DIR/study/config.ini" &
job=$! victim=
while kill -0 $job 2>/dev/null; do
    for pid in $(pgrep -f "no-progress --set run.kernels=reference $DIR"); do
        grep -qs 'memprobe-......\.shared (deleted)$' "/proc/$pid/maps" && victim=$pid && break 2
    done
done
[ -n "$victim" ] && kill -KILL "$victim" || die "no rank was seen to map the file"
wait $job
[ ! -e "$DIR/study/results/tiny/DONE" ] || die "the study was done before its rank was killed"
! kept || die "a killed rank leaves its file"
small "$DIR/study/config.ini"; expect 0
[ "$(tables "$DIR/study")" = "$wanted" ] || die "other tables after a rank was killed"

# No room anywhere: a cache that has 100 KB left.
mkdir "$DIR/full"
mount -t tmpfs -o size=40m none "$DIR/full" || skip "cannot mount a tmpfs here"
trap 'umount "$DIR/full"' EXIT
cp -r "$DIR/study/cache" "$DIR/full/cache"
rm -rf "$DIR"/full/cache/probe-* "$DIR"/full/cache/store-* "$DIR/study/results"
head -c "$(($(df --output=avail -B 1 "$DIR/full" | tail -n 1) - 100000))" /dev/zero >"$DIR/full/filler"
small --set run.cache="$DIR/full/cache" "$DIR/study/config.ini"
expect 1 "the weights of $DIR/full/cache/train-" "have no room for 183.8 kB that they share: /dev/shm has " "set [run] cache to a folder with room"; one_error
[ "$(grep -o '/dev/shm' "$ERR" | wc -l)" = 1 ] || die "the message says it twice"
