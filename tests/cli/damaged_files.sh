# Damaged inputs and artifacts: one message that names the file, exit 1, no table that looks complete.
. tests/cli/helpers/lib.sh
tiny "$DIR/study"
ranks 1 --no-progress "$DIR/study/config.ini"
expect 0
cp -r "$DIR/study" "$DIR/whole"
fresh() { rm -rf "$DIR/study" && cp -r "$DIR/whole" "$DIR/study"; }
rerun() { ranks "${2:-1}" --no-progress --set "$1" "$DIR/study/config.ini"; }
no_results() { [ ! -e "$DIR/study/results/tiny/DONE" ] || die "results look complete"; }

# a truncated token shard, met by the next stage that reads it
shard=$(ls "$DIR"/study/cache/ingest-*/members/*.tok.zst | head -n 1)
truncate -s -7 "$shard"
rerun probe.per_bucket=5
expect 1 "$(basename "$shard")" "remove its folder ingest-* and run again"; one_error
rm -r "$DIR"/study/cache/ingest-*
rerun probe.per_bucket=5
expect 0
fresh
# one flipped bit in its middle
python3 - "$(ls "$DIR"/study/cache/ingest-*/members/*.tok.zst | head -n 1)" <<'EOF'
import sys
b = bytearray(open(sys.argv[1], 'rb').read()); b[len(b) // 2] ^= 16; open(sys.argv[1], 'wb').write(b)
EOF
rerun probe.per_bucket=5
expect 1 ".tok.zst"; one_error
fresh
# a checkpoint that was trained here
truncate -s -100 "$(ls "$DIR"/study/cache/train-*/model.safetensors | head -n 1)"
rerun probe.suffix=7
expect 1 "model.safetensors"; one_error
# one whose tensor has another shape than its config says
fresh
model=$(ls -d "$DIR"/study/cache/train-*/ | head -n 1)
cp -r "$model" "$DIR/model"
sed -i 's/"intermediate_size": *\([0-9]*\)/"intermediate_size": 40/' "$DIR/model/config.json"
sed -e '/^\[model.small\]/,/^\[model.large\]/{/^\[model/!d}' -e "s|^\[model.small\]|[model.small]\ncheckpoint = $DIR/model|" "$DIR/study/config.ini" >"$DIR/study/other.ini"
ranks 1 --no-progress "$DIR/study/other.ini"
expect 1 "model.safetensors" "40"; one_error
# damaged input text: the rank that has the file fails, all stop, one message
fresh
printf '{"id": "x", "text": "half a li' >>"$DIR/study/part1.jsonl"
for n in $(has_mpi && echo 1 2 3 || echo 1); do
    rerun probe.suffix=7 "$n"
    expect 1 "part1.jsonl:21"; one_error
done
# one digit in a table of the census, a bit in the probes, in their records: met by the next stage that reads them
fresh
echo "[census]
lengths = 4, 8
near = yes" >>"$DIR/study/config.ini"
ranks 1 --no-progress "$DIR/study/config.ini"
expect 0
rm -rf "$DIR/whole"
cp -r "$DIR/study" "$DIR/whole"
for f in duplicates-*/duplicates.csv duplicates-*/top.csv duplicates-*/levels near-*/near.csv near-*/near_sizes.csv \
    census-*/probes.csv census-*/probes.tokens census-*/matching.csv probe-*/records.bare.bin \
    train-*/model.safetensors store-*/keys.f32 store-*/values.u32; do
    fresh
    file=$(ls "$DIR"/study/cache/$f | head -n 1)
    python3 - "$file" <<'EOF2'
import sys
b = bytearray(open(sys.argv[1], 'rb').read())
i = next(i for i in range(len(b) // 2, len(b)) if 48 <= b[i] <= 57 or not sys.argv[1].endswith('.csv'))
b[i] ^= 1
open(sys.argv[1], 'wb').write(b)
EOF2
    rm -r "$DIR/study/results"
    case $f in *levels) rm -r "$DIR"/study/cache/near-* ;; census* | train* | store*) rm -r "$DIR"/study/cache/probe-* ;; esac
    rerun run.seed=1 $(has_mpi && echo 2)
    expect 1 "$(basename "$file"): not what was written" "remove its folder"; one_error; no_results
done
