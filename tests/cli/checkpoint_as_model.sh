# A model that was trained before, given as checkpoint: the same rates as in the study that trained it. With it, a memory
# at lambda = 1: a token that is no neighbour's has probability 0, and log-probability -inf is a result, not a damage.
. tests/cli/helpers/lib.sh
tiny "$DIR/study"
ranks 1 --no-progress "$DIR/study/config.ini"
expect 0
trained=$(grep -l '"hidden_size": *32' "$DIR"/study/cache/train-*/config.json)
trained=${trained%/config.json}
[ -d "$trained" ] || die "which checkpoint is the large model's?"
sed -e "/^\[model.small\]/,/^parallel_residual/d" -e "/^\[probe\]/i [model.large]\ncheckpoint = $trained" \
    -e "s|^tokenizer = .*|tokenizer = $trained/tokenizer.json|" -e 's/^name = tiny/name = again/' \
    -e 's/^lambda = .*/lambda = 0, 1/' "$DIR/study/config.ini" >"$DIR/study/again.ini"
n=$(has_mpi && echo 2 || echo 1)
ranks "$n" --no-progress "$DIR/study/again.ini"
expect 0
bare() { grep '^large,[0-9]*,bare,' "$DIR/study/results/$1/rates.csv"; }
[ -n "$(bare tiny)" ] && [ "$(bare tiny)" = "$(bare again)" ] || die "other rates from the checkpoint"
zstdcat "$DIR/study/results/again/records.csv.zst" | grep '^large,knn:lambda=1,' | grep -q -e '-inf' || die "no probability 0 at lambda = 1"
# What cannot work is said before anything runs.
rm -rf "$DIR/study/cache/probe-"*
ranks 1 --no-progress --set probe.context=4,60 "$DIR/study/again.ini"
expect 1 "sees at most 64 tokens"
one_error
! ls "$DIR"/study/cache/probe-* >/dev/null 2>&1 || die "something ran"
ranks 1 --no-progress --set model.large.checkpoint="$DIR/nowhere" "$DIR/study/again.ini"
expect 1 "$DIR/nowhere" "Hugging Face folder"
one_error
# The weights are hashed by all ranks, and remembered: the next run need not read them all.
rm -rf "$DIR/study/cache/probe-"* "$DIR/study/results"
cp -r "$trained" "$DIR/model"
sed -i "s|^checkpoint = .*|checkpoint = $DIR/model|" "$DIR/study/again.ini"
sleep 2.1 # what changed just now is not remembered
ranks "$n" --no-progress "$DIR/study/again.ini"
expect 0
for file in model.safetensors config.json; do
    grep -q "^$DIR/model/$file," "$DIR/study/cache/inputs.csv" || die "the hash of $file is not remembered"
done
cp -r "$DIR/model" "$DIR/model[1]" # a name that is a pattern, too
ranks 1 plan --set model.large.checkpoint="$DIR/model[1]" "$DIR/study/again.ini"; expect 0
# Which file is read, its name and the index say: with other names, or another index, it is another model.
named() { ranks 1 plan "$DIR/study/again.ini"; expect 0; grep '^probe large ' "$OUT" | grep -o '[^ ]*$'; }
cp "$DIR/model/model.safetensors" "$DIR/model/model_2.safetensors"
printf ' ' >>"$DIR/model/model_2.safetensors"
before=$(named)
mv "$DIR/model/model.safetensors" "$DIR/model/base.safetensors" # still the first of two
mv "$DIR/model/model_2.safetensors" "$DIR/model/model.safetensors"
[ -n "$before" ] && [ "$(named)" != "$before" ] || die "weights of another name are taken for the same model"
mv "$DIR/model/base.safetensors" "$DIR/model/model.safetensors"
before=$(named)
echo '{"weight_map": {}}' >"$DIR/model/model.safetensors.index.json"
[ "$(named)" != "$before" ] || die "another index is taken for the same model"
rm "$DIR/model/model.safetensors.index.json"
# Weights that change between their hash and their reading are not those that the results would be named by: the training
# of another model takes the time in between.
printf '[model.other]\ntrain = yes\nlayers = 1\nwidth = 16\nheads = 2\ncontext = 64\nbatch = 16\nepochs = 60\n' >>"$DIR/study/again.ini"
kept=$(ls -d "$DIR"/study/cache/train-*)
# meanwhile TEXT COMMAND...: the command runs between them, and the run must end with an error that says this.
meanwhile() {
    local text=$1 job
    shift
    rm -rf "$DIR/study/cache/probe-"* "$DIR/study/results"
    ranks "$n" --no-progress "$DIR/study/again.ini" &
    job=$!
    while kill -0 $job 2>/dev/null; do # the new folder of the training
        [ "$(ls -d "$DIR"/study/cache/train-*)" != "$kept" ] && break
        sleep 0.02
    done
    "$@"
    wait $job
    grep -q "^memprobe: error:.*$text" "$ERR" || die "after $*, no word of: $text"
    [ ! -e "$DIR/study/results/tiny/DONE" ] && [ ! -e "$DIR/study/results/again/DONE" ] || die "the study claims to be done"
    ls -d "$DIR"/study/cache/train-* | grep -vxF "$kept" | xargs rm -r
}
replace() { cp "$DIR/model/model.safetensors" "$DIR/model/new" && mv "$DIR/model/new" "$DIR/model/model.safetensors"; }
meanwhile "model/model.safetensors: changed while it was read" replace
meanwhile "model: files came or went while it was read" cp "$DIR/model/model.safetensors" "$DIR/model/more.safetensors"
