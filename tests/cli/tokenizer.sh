# memprobe tokenizer: train, encode and decode are inverse; documents are files, lines or JSON texts; misuse exits 2.
. tests/cli/helpers/lib.sh
T=$TMP/small.json G=tests/golden/genesis.txt
ranks 1 tokenizer train --vocab 300 --out "$T" "$G"; expect 0
cp "$T" "$TMP/first.json"
ranks 1 tokenizer train --vocab 300 --out "$T" "$G"; expect 0
cmp "$T" "$TMP/first.json" || die "training twice gives two tokenizers"
ranks 1 tokenizer train --vocab 30000 --out "$TMP/none.json" "$G"; expect 1 "at most"
[ ! -e "$TMP/none.json" ] || die "a failed training leaves a file"
head -c 9000 "$G" | sed '$d' >"$TMP/one"; tail -c +$(($(wc -c <"$TMP/one") + 1)) "$G" >"$TMP/two"
ranks 1 tokenizer train --vocab 400 --out "$TMP/1.json" "$TMP/one" "$TMP/two"; expect 0
ranks 3 tokenizer train --vocab 400 --memory 1M --out "$TMP/3.json" "$TMP/one" "$TMP/two"; expect 0
cmp "$TMP/1.json" "$TMP/3.json" || die "three ranks train another tokenizer than one"
: >"$TMP/empty"
ranks 2 tokenizer train --vocab 400 --out "$TMP/none.json" "$TMP/empty"; expect 1 "no text to train"

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
ranks 1 tokenizer train --vocab 300 --memory 10 --out "$T" "$G"; expect 2 "--memory 10"
ranks 1 tokenizer encode --tokenizer "$T" --memory 1G "$G"; expect 2 "belong to train"

# The help is true of what there is, and goes to stdout.
ranks 1 tokenizer --help; expect 0
for word in --tokenizer --lines --count --vocab --memory --out; do
    grep -q -- "^  $word " "$OUT" || die "the help does not say $word"
done

# Inputs of every kind of text give the same ids: packed, by name or by a list, from standard input, under other names.
lines() { ranks 1 tokenizer encode --tokenizer "$T" "$@"; expect 0; cmp "$OUT" "$TMP/want" || die "encode $* gives other ids"; }
piped() { "$MEMPROBE" tokenizer encode --tokenizer "$T" "$@" >"$OUT" 2>"$ERR" || die "encode $* of standard input fails"; }
mkdir "$TMP/many"
for part in 1 2 3; do
    printf 'line %s of a\nfile\n\n' $part >"$TMP/many/$part.txt"
    printf '{"text":"line %s of a"}\n{"text":"file"}\n{"text":""}\n' $part >"$TMP/many/$part.ndjson"
done
gzip -k "$TMP/many/1.txt"
zstd -q "$TMP/many/1.txt"
cp "$TMP/many/1.txt" "$TMP/many/plain"
ranks 1 tokenizer encode --tokenizer "$T" --lines "$TMP/many/1.txt"; expect 0
cp "$OUT" "$TMP/want"
[ "$(wc -l <"$TMP/want")" = 3 ] || die "a file of three lines has other documents"
for name in 1.txt.gz 1.txt.zst plain 1.ndjson; do lines --lines "$TMP/many/$name"; done
lines "text:$TMP/many/1.txt:split=line"
piped --lines <"$TMP/many/1.txt"; cmp "$OUT" "$TMP/want" || die "lines of standard input are other documents"
piped --lines - <"$TMP/many/1.txt.zst"; cmp "$OUT" "$TMP/want" || die "packed standard input is another text"
sed 's/$/\r/' "$TMP/many/1.txt" >"$TMP/crlf"; lines --lines "$TMP/crlf"
# A byte order mark at the start of a file is no text, however it is read; one elsewhere is.
mark=$(printf '\xEF\xBB\xBF')
{ printf %s "$mark"; cat "$TMP/many/1.txt"; } >"$TMP/marked.txt"
for pack in gzip "zstd -q"; do $pack -k "$TMP/marked.txt"; done
cp "$TMP/marked.txt" "$TMP/marked"
for name in marked.txt marked.txt.gz marked.txt.zst marked; do lines --lines "$TMP/$name"; done
piped --lines <"$TMP/marked.txt"; cmp "$OUT" "$TMP/want" || die "a byte order mark of standard input is text"
printf 'a\n%sb\n' "$mark" >"$TMP/second"
ranks 1 tokenizer encode --tokenizer "$T" --lines "$TMP/second"; expect 0
[ "$(wc -w <"$OUT")" -gt 2 ] || die "a mark in the second line is left out"
cp "$OUT" "$TMP/kept"
piped --lines <"$TMP/second"; cmp "$OUT" "$TMP/kept" || die "a mark in the second line of standard input is left out"
printf %s "$mark" >"$TMP/mark"
for input in "$TMP/mark" - "text:$TMP/mark"; do
    "$MEMPROBE" tokenizer encode --tokenizer "$T" "$input" <"$TMP/mark" >"$OUT" 2>"$ERR"; STATUS=$?; expect 0
    [ "$(cat "$OUT")" = "" ] || die "$input: a byte order mark alone is text"
done
ranks 1 tokenizer encode --tokenizer "$T" "$TMP/many/1.txt"; expect 0
cp "$OUT" "$TMP/want"
for name in marked.txt marked.txt.gz marked.txt.zst marked; do lines "$TMP/$name"; done
piped <"$TMP/marked.txt"; cmp "$OUT" "$TMP/want" || die "a byte order mark of standard input is text"
# ... and so does ingest read it, and training.
mkdir "$TMP/marks"
printf '[run]\nname = marks\nresults = %s/results\ncache = %s/cache\nplots = %s/plots\n[corpus]\ndocuments = %s\ntokenizer = %s\nheld_out = 0\n' \
    "$TMP/marks" "$TMP/marks" "$ROOT" "$TMP/marked.txt" "$T" >"$TMP/marks/config.ini"
ranks 1 ingest --quiet "$TMP/marks/config.ini"; expect 0
for shard in "$TMP"/marks/cache/ingest-*/members/*.tok.zst; do zstd -qdc "$shard"; done | od -An -v -tu2 -w2 | tr -d ' ' | head -n -1 | tr '\n' ' ' |
    sed 's/ $/\n/' | cmp - "$TMP/want" || die "ingest takes another text than encode"
{ printf %s "$mark"; cat "$G"; } >"$TMP/marked.txt"
ranks 1 tokenizer train --vocab 300 --out "$TMP/marked.json" "$TMP/marked.txt"; expect 0
cmp "$TMP/marked.json" "$T" || die "training takes a byte order mark for text"
{ cat "$TMP/many/1.txt"; printf %s "$mark"; } >"$TMP/marked.txt"
ranks 1 tokenizer encode --tokenizer "$T" "$TMP/marked.txt"; expect 0
cmp -s "$OUT" "$TMP/want" && die "a mark at the end is left out"
ranks 1 tokenizer encode --tokenizer "$T" "text:$TMP/many/*.txt:split=line"; expect 0
[ "$(wc -l <"$OUT")" = 9 ] || die "a pattern of three files does not give their nine lines"
ranks 1 tokenizer encode --tokenizer "$T" "$TMP/many/1.txt,$TMP/many/2.ndjson"; expect 0
[ "$(wc -l <"$OUT")" = 4 ] || die "a list of a text and three JSON lines is not four documents"
ranks 1 tokenizer encode --tokenizer "$T" --lines "$TMP/many/1.txt,$TMP/many/2.ndjson"; expect 1 "split=line"
ranks 1 tokenizer encode --tokenizer "$T" "tokens:$TMP/many/plain:u16:end=0"; expect 1 "tokens, not text"
ranks 1 tokenizer encode --tokenizer "$T" "$TMP/no*"; expect 1 "matches no file"

# Any bytes come back, with a byte-level vocabulary and with one of the SentencePiece kind.
S=tests/golden/sentence_small.json
for i in $(seq 0 255) $(seq 255 -1 0); do printf "\\x$(printf %x "$i")"; done >"$TMP/bytes"
gzip -n9 <"$G" >>"$TMP/bytes"
for tokenizer in "$T" "$S"; do
    for input in "$TMP/bytes" "$G"; do
        "$MEMPROBE" tokenizer encode --tokenizer "$tokenizer" <"$input" 2>"$ERR" >"$TMP/ids" || die "encode of $input fails"
        ranks 1 tokenizer decode --tokenizer "$tokenizer" "$TMP/ids"; expect 0
        cmp "$OUT" "$input" || die "$tokenizer: decode is not the inverse of encode"
    done
done
ranks 1 tokenizer encode --tokenizer "$S" --lines "$G"; expect 0
cp "$OUT" "$TMP/ids"
ranks 1 tokenizer decode --tokenizer "$S" --lines "$TMP/ids"; expect 0
cmp "$OUT" "$G" || die "decode --lines is not the inverse of encode --lines for the SentencePiece kind"

# A text of many tokens is decoded in runs; only its start loses a space.
awk 'BEGIN { for (i = 0; i < 20000; i++) printf " the"; printf "\n" }' >"$TMP/long"
ranks 1 tokenizer encode --tokenizer "$S" "$TMP/long"; expect 0
cp "$OUT" "$TMP/ids"
ranks 1 tokenizer decode --tokenizer "$S" "$TMP/ids"; expect 0
cmp "$OUT" "$TMP/long" || die "a long text does not come back"

# Ranks share the inputs and learn the same.
if has_mpi; then
    ranks 1 tokenizer train --vocab 300 --out "$TMP/one.json" "text:$TMP/many/*.txt:split=line" "$G"; expect 0
    ranks 3 tokenizer train --vocab 300 --out "$TMP/three.json" "text:$TMP/many/*.txt:split=line" "$G"; expect 0
    cmp "$TMP/one.json" "$TMP/three.json" || die "three ranks learn another vocabulary"
    ranks 2 tokenizer train --vocab 300 --out "$TMP/none2.json" -; expect 1 "standard input"
    ranks 2 tokenizer encode --tokenizer "$T" "$T"; expect 2 "run on one rank"
    [ ! -s "$OUT" ] || die "two ranks write the same ids"
    ranks 2 tokenizer decode --tokenizer "$T" "$T"; expect 2 "run on one rank"
fi
ranks 1 tokenizer train --vocab 300 --out "$TMP/none.json" "tokens:$TMP/many/plain:u16:end=0"; expect 1 "tokens, not text"

ranks 1 inspect "$T"; expect 0
for text in "byte-level BPE" "vocabulary 300" "pre-tokens: GPT-2" "normalizer: none" "added tokens: 1" 'end token 0 <|endoftext|>'; do
    grep -qF "$text" "$OUT" || die "inspect of a byte-level tokenizer does not say: $text"
done
ranks 1 inspect "$S"; expect 0
for text in "SentencePiece" "vocabulary 420" "U+2581" "end token 2 </s>"; do
    grep -qF "$text" "$OUT" || die "inspect of a SentencePiece tokenizer does not say: $text"
done
