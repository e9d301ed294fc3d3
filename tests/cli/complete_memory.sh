# A completion takes the memory of the weights once, as their file stores them, and what inspect says of it: neither the
# pages of the file nor floats of it stay beside them. The checkpoint is a hole: all its weights are zero.
. tests/cli/helpers/lib.sh
case $BUILD in *asan*) skip "a sanitized program has memory of its own" ;; esac
python3 -c 'import resource' 2>/dev/null || skip "this python cannot tell the memory of a program"
"$MEMPROBE" tokenizer train --vocab 300 --out "$DIR/tokenizer.json" text:"$ROOT/tests/cli/helpers/lib.sh" 2>/dev/null || die "no tokenizer"
peak() { # of memprobe ARGS..., in bytes
    python3 -c 'import resource, subprocess, sys
status = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL).returncode
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024)
sys.exit(status)' "$MEMPROBE" "$@"
}
base=$(peak complete --model "$ROOT/tests/golden/neox/parallel-bf16" x 2>/dev/null) # no tokenizer: the program itself
for type in F32 BF16; do
    python3 "$ROOT/tests/cli/helpers/empty_checkpoint.py" $type "$DIR/$type" || die "no checkpoint"
    cp "$DIR/tokenizer.json" "$DIR/$type"
    ranks 1 inspect "$DIR/$type"; expect 0
    bytes=$(stat -c %s "$DIR/$type/model.safetensors")
    grep -q "held as $type" "$OUT" || die "not held as $type"
    for precision in fp32 bf16; do
        most=$(peak complete --model "$DIR/$type" --precision $precision --tokens 1 x) || die "$type in $precision fails"
        held=$(sed -n "s/.*[ ]\([0-9.]*\) MB in \(precision \)\?$precision.*/\1/p" "$OUT" | awk '{ printf "%d", $1 * 1000000 }')
        [ "$held" -gt 30000000 ] || die "what does inspect say?"
        echo "$type, $bytes bytes, in $precision: $((most - base)) bytes, inspect says $held"
        # Besides: 16 MB of pages of the file, an embedding's worth of cache and scratch
        [ $((most - base)) -lt $((held + 24000000)) ] || die "more memory than the weights"
    done
done
