# A study with a checkpoint of every family, each with an external memory: every table has all models, the bytes are the
# same for any kernels and any rank count, lambda = 0 gives the bare model's rates, and what is decoded with the cache is
# what teacher forcing says (verify = all).
. tests/cli/helpers/lib.sh
families="gpt_neox gpt2 gpt_neo llama olmo olmo2"
tiny "$DIR"
ranks 1 ingest --quiet "$DIR/config.ini"; expect 0
tokenizer=$(find "$DIR/cache" -name tokenizer.json | sort | head -n 1)
[ -s "$tokenizer" ] || die "no tokenizer"
sed -i -e '/^\[model.small\]/,/^parallel_residual/d' -e "s|^tokenizer = .*|tokenizer = $DIR/tokenizer.json|" \
    -e '/^models = large/d' "$DIR/config.ini"
cp "$tokenizer" "$DIR/tokenizer.json"
for family in $families; do
    python3 tests/cli/helpers/random_checkpoint.py $family 300 "$DIR/tokenizer.json" "$DIR/$family" || die "$family"
    printf '[model.%s]\ncheckpoint = %s\n' $family "$DIR/$family" >>"$DIR/config.ini"
    ranks 1 inspect "$DIR/$family"; expect 0
    grep -q "a checkpoint of the family $family" "$OUT" || die "inspect does not know $family"
    ranks 1 complete --model "$DIR/$family" --tokens 5 "bago di"; expect 0
done
ranks 1 --no-progress "$DIR/config.ini"; expect 0
tables "$DIR" >"$DIR/first"
for family in $families; do
    [ "$(grep -c "^$family,[0-9]*,bare," "$DIR/results/tiny/rates.csv")" -gt 3 ] || die "no rates of $family"
    zstdcat "$DIR/results/tiny/records.csv.zst" | grep "^$family,bare," | cut -d, -f3- >"$DIR/bare"
    zstdcat "$DIR/results/tiny/records.csv.zst" | grep "^$family,knn:lambda=0," | cut -d, -f3- >"$DIR/zero"
    [ -s "$DIR/bare" ] && cmp -s "$DIR/bare" "$DIR/zero" || die "$family: lambda = 0 is not the bare model"
done
[ "$(zstdcat "$DIR/results/tiny/records.csv.zst" | grep ',bare,' | cut -d, -f9 | sort -u | wc -l)" -gt 6 ] ||
    die "all models say the same"
for run in "reference 1" "avx2 $(has_mpi && echo 3 || echo 1)"; do
    rm -rf "$DIR/results" "$DIR"/cache/store-* "$DIR"/cache/probe-*
    ranks "${run#* }" --no-progress --set run.kernels="${run% *}" "$DIR/config.ini"
    [ "$STATUS" = 0 ] || { grep -q "no kernels" "$ERR" && continue; }
    expect 0
    grep -q "probe llama:" "$ERR" || die "nothing was computed again"
    tables "$DIR" | cmp -s - "$DIR/first" || die "other bytes with $run"
done
# A family that is not known is refused before anything runs.
sed -i 's/"model_type": "olmo2"/"model_type": "olmo3"/' "$DIR/olmo2/config.json"
ranks 1 --no-progress "$DIR/config.ini"
expect 1 "model_type is olmo3; known families: gpt_neox, gpt2, llama, olmo, olmo2, gpt_neo"; one_error
