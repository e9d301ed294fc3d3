# Mistakes in the config: one clear message with file, line and key; exit status 1; nothing is written.
. tests/cli/helpers/lib.sh
tiny "$DIR/study"
ini=$DIR/study/config.ini
check() { # SED-EDIT TEXT...
    sed "$1" "$ini" >"$DIR/bad.ini"
    shift
    for n in ${RANKS:-$(has_mpi && echo 1 2 || echo 1)}; do
        ranks "$n" "$DIR/bad.ini"
        expect 1 "$@"
        one_error
        ! grep -q "rank 0:" "$ERR" || die "a mistake that all ranks meet is told as one rank's"
        [ "$(grep -c . "$ERR")" -le $((n == 1 ? 1 : 12)) ] || die "more than the one message"
    done
    [ ! -e "$DIR/study/cache" ] && [ ! -e "$DIR/study/results" ] || die "something was written"
}
check 's/^suffix = 8/sufix = 8/' "bad.ini:" "sufix" "suffix"
check 's/^suffix = 8/suffix = 0/' "bad.ini:" "suffix"
check 's/^suffix = 8/suffix = eight/' "bad.ini:" "suffix" "eight"
check 's/^layers = 2/layers = 2\nlayers = 3/' "bad.ini:26: [model.large] layers is given twice (before: $DIR/bad.ini:25)"
check 's/^width = 32/width = 33/' "heads"
check 's/^context = 4, 8, 16/context = 4, 8, 600/' "context"
check 's/^\[memory.knn\]/[memroy.knn]/' "memroy.knn"
check 's/^kind = knn-lm/kind = knnlm/' "knnlm" "knn-lm"
check 's/^models = large/models = huge/' "huge"
check 's/^lambda = 0, 0.5/lambda = 0, 1.5/' "lambda" "1.5"
check 's|^documents = .*|documents = /nowhere/*.jsonl|' "/nowhere/*.jsonl"
check 's/^tokenizer = .*/tokenizer = none.json/' "none.json"
check 's/^sequences = .*/sequences = many/' "many"
RANKS=1 # enough: the ways out on several ranks are shown
check "s|^tokenizer = .*|tokenizer = $DIR/study/part0.jsonl|" "bad.ini:" "[corpus] tokenizer: " "part0.jsonl" "no tokenizer.json"
"$MEMPROBE" tokenizer train --vocab 300 --out "$DIR/whole.json" text:"$ROOT/tests/cli/helpers/lib.sh" 2>/dev/null || die "no tokenizer"
sed 's/<|endoftext|>/<|stop|>/' "$DIR/whole.json" >"$DIR/endless.json"
check "s|^tokenizer = .*|tokenizer = $DIR/endless.json|" "bad.ini:" "[corpus] tokenizer: $DIR/endless.json" "[corpus] end_token"
check "s|^tokenizer = .*|tokenizer = $DIR/whole.json\nend_token = <\|stop\|>|" "bad.ini:" "whole.json: the tokenizer has no token '<|stop|>'"
check "s|^tokenizer = .*|tokenizer = train:300\nend_token = <\|stop\|>|" "bad.ini:" "trained here ends documents with <|endoftext|>"
cp "$DIR/study/config.ini" "$DIR/study/kept.ini"
for tokenizer in "$DIR/endless.json
end_token = <|stop|>" "train:300
end_token = <|endoftext|>"; do
    awk -v t="$tokenizer" '/^tokenizer = / { print "tokenizer = " t; next } { print }' "$DIR/study/kept.ini" >"$DIR/bad.ini"
    ranks 1 plan "$DIR/bad.ini"; expect 0
done
check 's/^models = large/models = large, huge/' "huge"
check 's/^models = large/models =/' "bad.ini:" "models" "give a value"
check 's/^lambda = 0, 0.5/lambda = 0.5, 0.5/' "lambda" "once"
check 's/^lambda = 0, 0.5/lambda =/' "bad.ini:" "lambda" "give a value"
check 's/^context = 4, 8, 16/context =/' "bad.ini:" "context" "give a value"
check 's/^results = .*/results =/' "bad.ini:" "results" "give a value"
check 's/^tokenizer = /part = 100\ntokenizer = /' "bad.ini:" "part = 100: at least 4096 bytes"
check 's/^documents = .*/documents =/' "bad.ini:" "documents" "give a value"
check 's/^documents = .*/documents = one.jsonl, two.jsonl/' "bad.ini:" "documents" "one.jsonl: no such file"
check 's/^width = 32/width = 32\nrotary_pct = 0/' "bad.ini:" "rotary_pct"
check 's/^width = 32/width = 65536/' "[model.large]" "head_size"
check 's|^plots = .*|plots = nowhere|' "[run] plots" "source tree" "nowhere/*.gp"
mkdir "$DIR/empty"
check "s|^plots = .*|plots = $DIR/empty|" "[run] plots" "there are none"
ranks 1 "$DIR/absent.ini"
expect 1 "absent.ini"
ranks 1 --set probe.sufix=8 "$ini"
expect 1 "sufix"
ranks 1 --set probe.suffix=8 --set model.large.width=32 --set probe.suffix=16 "$ini"
expect 1 "--set probe.suffix=16: [probe] suffix is given twice (before: --set probe.suffix=8)"
