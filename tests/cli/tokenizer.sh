# memprobe tokenizer: train, encode and decode are inverse; documents are files, lines or JSON texts; misuse exits 2.
. tests/cli/helpers/lib.sh
T=$TMP/small.json G=tests/golden/genesis.txt
ranks 1 tokenizer train --vocab 300 --out "$T" "$G"; expect 0
cp "$T" "$TMP/first.json"
ranks 1 tokenizer train --vocab 300 --out "$T" "$G"; expect 0
cmp "$T" "$TMP/first.json" || die "training twice gives two tokenizers"
ranks 1 tokenizer train --vocab 30000 --out "$TMP/none.json" "$G"; expect 1 "at most"
[ ! -e "$TMP/none.json" ] || die "a failed training leaves a file"

ranks 1 tokenizer encode --tokenizer "$T" "$G"; expect 0
[ "$(wc -l <"$OUT")" = 1 ] || die "a file is not one document"
cp "$OUT" "$TMP/ids"
ranks 1 tokenizer decode --tokenizer "$T" "$TMP/ids"; expect 0
cmp "$OUT" "$G" || die "decode is not the inverse of encode"
ranks 1 tokenizer encode --tokenizer "$T" --lines "$G"; expect 0
[ "$(wc -l <"$OUT")" = "$(wc -l <"$G")" ] || die "with --lines, lines are not the documents"
cp "$OUT" "$TMP/ids"
ranks 1 tokenizer decode --tokenizer "$T" --lines "$TMP/ids"; expect 0
cmp "$OUT" "$G" || die "decode --lines is not the inverse of encode --lines"

printf '{"text":"in the\\nbeginning"}\n{"text":""}\n{"text":"<|endoftext|>a"}\n' >"$TMP/three.jsonl"
zstd -q "$TMP/three.jsonl"
for input in "$TMP/three.jsonl" "$TMP/three.jsonl.zst"; do
    ranks 1 tokenizer encode --tokenizer "$T" "$input"; expect 0
    [ "$(wc -l <"$OUT")" = 3 ] || die "$input does not hold three documents"
    [ "$(tail -n 1 "$OUT")" = "0 65" ] || die "the end token is not 0"
done
ranks 1 tokenizer encode --tokenizer "$T" --count "$G"; expect 0
grep -Eqx '[0-9]+ tokens, [0-9.]+ MB/s' "$OUT" || die "--count prints something else"

printf '{"text":"fine"}\n{"text":3}\n' >"$TMP/bad.jsonl"
ranks 1 tokenizer encode --tokenizer "$T" "$TMP/bad.jsonl"; expect 1 "bad.jsonl:2"
ranks 1 tokenizer encode --tokenizer "$TMP/absent.json" "$G"; expect 1 "absent.json"
ranks 1 tokenizer encode --tokenizer "$G" "$G"; expect 1 "genesis.txt"
printf '1 2\n3 999\n' >"$TMP/ids"
ranks 1 tokenizer decode --tokenizer "$T" "$TMP/ids"; expect 1 "line 2: token id 999"
printf '1 x\n' >"$TMP/ids"
ranks 1 tokenizer decode --tokenizer "$T" "$TMP/ids"; expect 1 "line 1: byte 3"
printf '99999999999999999999\n' >"$TMP/ids"
ranks 1 tokenizer decode --tokenizer "$T" "$TMP/ids"; expect 1 "line 1"

ranks 1 tokenizer; expect 2
ranks 1 tokenizer fly; expect 2
ranks 1 tokenizer encode "$G"; expect 2 "--tokenizer"
ranks 1 tokenizer encode --tokenizer "$T" --fly; expect 2 "--fly"
ranks 1 tokenizer encode --tokenizer; expect 2 "--tokenizer"
ranks 1 tokenizer encode --tokenizer "$T" "$G" "$G"; expect 2 "INPUT"
ranks 1 tokenizer train --vocab many --out "$T" "$G"; expect 2 "many"
ranks 1 tokenizer train --vocab 300 "$G"; expect 2 "--out"
