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
