# What cannot be printed is an error of every verb, be it a table, an answer or a help text: exit 1 and one message.
. tests/cli/helpers/lib.sh
tiny "$DIR/study"
ini=$DIR/study/config.ini
ranks 1 --no-progress --set model.large.epochs=0.1 --set model.small.epochs=0.1 "$ini"
expect 0
corpus=$(echo "$DIR"/study/cache/ingest-*)
census=$(echo "$DIR"/study/cache/census-*)
model=$(dirname "$(ls "$DIR"/study/cache/train-*/model.safetensors | head -n 1)")
ranks 1 index "$corpus"
expect 0
echo "bago di" >"$DIR/text"
echo "1 2 3" >"$DIR/ids"

# full ARGS...: the same command that works fails where nothing can be written.
full() {
    ranks 1 "$@"
    expect 0
    [ -s "$OUT" ] || die "memprobe $* prints nothing"
    timeout 60 "$MEMPROBE" "$@" >/dev/full 2>"$ERR" </dev/null
    STATUS=$?
    echo "memprobe $*" >"$OUT"
    expect 1 "No space left on device"
    one_error
}
for verb in run plan ingest census train store probe report tokenizer index count locate audit inspect complete selftest; do
    full $verb --help
done
full --help
full help
full --version
full version
full selftest
full run --help-config
full plan "$ini"
full run --quiet --set model.large.epochs=0.1 --set model.small.epochs=0.1 "$ini"
full tokenizer encode --tokenizer "$corpus/tokenizer.json" "$DIR/text"
full tokenizer encode --count --tokenizer "$corpus/tokenizer.json" "$DIR/text"
full tokenizer decode --tokenizer "$corpus/tokenizer.json" "$DIR/ids"
full count --corpus "$corpus" "bago"
full locate --corpus "$corpus" "b"
full locate --longest --least 1 --corpus "$corpus" "bago"
full audit --suffix 8 "$census"
full inspect "$corpus/members"
full inspect --documents "$corpus/members"
full complete --model "$model" --tokens 3 "bago di"
