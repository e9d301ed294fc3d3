# What inspect says of each kind of input and what it refuses; complete gives the same text with every kernel.
. tests/cli/helpers/lib.sh
says() { grep -qF -e "$1" "$OUT" || die "stdout does not say: $1"; }

ranks 1 inspect "$ROOT/tests/golden/neox/serial-f16"; expect 0
says "a checkpoint of the family gpt_neox"
says "layers 3, width 40, heads 2 of 20, ffn 36, serial residual"
says "parameters 31108, without embeddings 29108"
says "files 4 with 39 tensors in F16"
# Panels of 32 rows, lines of 64 bytes; in bf16 the embedding is there once more as the head (test_share does the sum)
says "memory of a node, once for all its ranks: 86.3 kB in precision fp32, held as F16; 91.5 kB in bf16, as BF16 and F16"
ranks 1 inspect "$ROOT/tests/golden/neox/parallel-bf16/model.safetensors"; expect 0
says "28 tensors"
says "BF16 [61, 32]"
for family in gpt2 gpt_neo llama olmo olmo2; do
    ranks 1 inspect "$ROOT/tests/golden/families/$family"; expect 0
    says "a checkpoint of the family $family"
    cat "$OUT" >>"$DIR/families"
done
cp "$DIR/families" "$OUT"
says "parameters 23664, without embeddings 21720" # GPT-2: 53 + 28 rows of 24 are embeddings
says "positions are learned"
says "scores are not scaled"
says "1 of the layers see the last 5 positions only"
says "heads 4 of 8 (keys and values: 2 heads)"
says "memory of a rank: keys and values 256 bytes a position of a text; rotary table" # LLaMA: 2 layers x 2 x 16 floats
says "rotary embedding stretched as in Llama 3: factor 8, from a context of 16"
says "queries, keys and values are clipped to 0.7"
says "layer norm without gain and bias before"
says "RMS norm after attention and ffn"
says "queries and keys are normed"

cp -r "$ROOT/tests/golden/neox/serial-f16" "$DIR/damaged"
chmod -R u+w "$DIR/damaged"
sed -i 's/"eos_token_id": 0/"eos_token_id": null/' "$DIR/damaged/config.json"
ranks 1 inspect "$DIR/damaged"; expect 0; says "head tied to the embedding, no end token"
sed -i 's/"eos_token_id": null/"eos_token_id": 0/' "$DIR/damaged/config.json"
ranks 1 inspect "$DIR/damaged"; expect 0; says "head tied to the embedding, end token 0"
sed 's/"eos_token_id": 0/"eos_token_id": [0, 7]/' "$DIR/damaged/config.json" >"$DIR/two" && mv "$DIR/two" "$DIR/damaged/config.json"
ranks 1 inspect "$DIR/damaged"; expect 0; says "head tied to the embedding, end tokens 0 7"
sed -i 's/"vocab_size": 50/"vocab_size": 52/' "$DIR/damaged/config.json"
ranks 1 inspect "$DIR/damaged"
expect 1 "gpt_neox.embed_in.weight has the shape [50, 40]; config.json calls for [52, 40]"; one_error
sed -i 's/"vocab_size": 52/"vocab_size": 50/' "$DIR/damaged/config.json"
truncate -s -1 "$DIR/damaged/model-00002-of-00004.safetensors"
ranks 1 inspect "$DIR/damaged"; expect 1 "model-00002-of-00004.safetensors" "truncated"; one_error
rm "$DIR/damaged/model-00002-of-00004.safetensors"
ranks 1 inspect "$DIR/damaged"; expect 1 "model-00002-of-00004.safetensors"; one_error
ranks 1 inspect "$ROOT/Makefile"; expect 1 "neither name nor first bytes tell the format"; one_error
ranks 1 inspect "$DIR"; expect 1 "not a folder that memprobe knows"; one_error
ranks 1 inspect "$DIR/absent"; expect 1 "no such file"; one_error
ranks 1 inspect; expect 2 "usage"
ranks 1 inspect a b; expect 2 "usage"

tiny "$DIR"
ranks 1 train --quiet "$DIR/config.ini"; expect 0
model=$(dirname "$(find "$DIR/cache" -name model.safetensors | sort | head -n 1)")
shards=$(dirname "$(find "$DIR/cache" -name shards.csv | sort | head -n 1)")
ranks 1 inspect "$model"; expect 0; says "a checkpoint of the family gpt_neox"
ranks 1 inspect "$model/tokenizer.json"; expect 0; says "vocabulary 300"
ranks 1 inspect "$shards"; expect 0; says "a tokenized corpus"
ranks 1 inspect --documents "$shards"; expect 0; says "first,length,id,source,family"; says ",planted-control/1/2,planted,planted-control/1/2"
# documents lie end to end, each followed by its end token, over all shards; the tokens are those of `zstd -d`
bytes=$(for f in "$shards"/*.tok.zst; do zstd -qdc "$f"; done | wc -c)
python3 - "$OUT" "$bytes" <<'EOF' || die "documents do not lie end to end"
import csv, sys
at = 0
for d in csv.DictReader(open(sys.argv[1], newline='')):
    assert int(d['first']) == at, d
    at += int(d['length']) + 1
assert at == int(sys.argv[2]) // 2, (at, sys.argv[2])
EOF
ranks 1 inspect --documents "$DIR"; expect 1 "not a finished token corpus"; one_error
ranks 1 inspect --documents; expect 2 "usage"

ranks 1 complete --model "$model" --tokens 12 "bago di"; expect 0
grep -q '^bago di.' "$OUT" || die "the text is not continued"
cp "$OUT" "$DIR/first"
for kernels in reference avx2 avx512; do
    ranks 1 complete --model "$model" --tokens 12 --kernels $kernels "bago di"
    [ "$STATUS" = 0 ] || grep -q "no kernels" "$ERR" || die "kernels $kernels"
    [ "$STATUS" != 0 ] || cmp -s "$OUT" "$DIR/first" || die "kernels $kernels continue with another text"
done
# Each token of a list ends a text, and is not shown.
cp -r "$model" "$DIR/ends"
chmod -R u+w "$DIR/ends"
next=$("$MEMPROBE" tokenizer encode --tokenizer "$model/tokenizer.json" "$DIR/first" | awk '{ print $(NF - 1) }')
sed "s/\"eos_token_id\": [0-9]*/\"eos_token_id\": [0, $next]/" "$model/config.json" >"$DIR/ends/config.json"
for beam in "" "--beam 2"; do
    ranks 1 complete --model "$DIR/ends" $beam --tokens 12 "bago di"; expect 0
    [ "$(head -c 7 "$OUT")" = "bago di" ] || die "not the text that is continued ($beam)"
    [ "$(wc -c <"$OUT")" -lt "$(wc -c <"$DIR/first")" ] || die "token $next does not end the text ($beam)"
    ! "$MEMPROBE" tokenizer encode --tokenizer "$model/tokenizer.json" "$OUT" | grep -qw "$next" || die "the end is shown ($beam)"
done
ranks 1 complete --model "$model" --tokens 3 --top 2 "bago di"; expect 0
[ "$(grep -c ' | ' "$OUT")" -ge 1 ] || die "no table of tokens"
ranks 1 complete --model "$model" --tokens 100 "bago di"; expect 1 "exceed the model's context of 64"; one_error
cp "$ERR" "$DIR/exceeds"
[ ! -s "$OUT" ] || die "a failed completion writes to stdout"
ranks 1 complete --model "$DIR/absent" x; expect 1 "absent: there is no such folder"; one_error
ranks 1 complete --model "$model/config.json" x; expect 1 "config.json: is no folder"; one_error
ranks 1 complete x; expect 2 "--model"
ranks 1 complete --model "$model" ""; expect 2 "the text is empty"
if has_mpi; then ranks 2 complete --model "$model" x; expect 2 "complete runs on one rank"; fi

# Without --tokens as many as the context has room for.
fits=$(sed -n 's/.*give --tokens \([0-9]*\) or fewer.*/\1/p' <"$DIR/exceeds")
[ "$fits" = 61 ] || die "how many tokens fit? $fits"
long=$(yes badigokume | head -n 8 | tr '\n' ' ')
ranks 1 complete --model "$model" --tokens 63 "$long"; expect 1 "give --tokens"
fits=$(sed -n 's/.*give --tokens \([0-9]*\) or fewer.*/\1/p' "$ERR")
[ "$fits" -lt 32 ] || die "the text is too short for the test: $fits"
ranks 1 complete --model "$model" --top 1 "$long"; expect 0
[ "$(wc -l <"$OUT")" = "$fits" ] || die "not $fits tokens"
ranks 1 complete --model "$model" --top 1 "bago di"; expect 0
[ "$(wc -l <"$OUT")" = 32 ] || die "not 32 tokens"
ranks 1 complete --model "$model" "$long$long$long"; expect 1 "nothing can follow; give a shorter text"; one_error

# A tokenizer elsewhere; bytes that are no text are continued as they are.
mkdir "$DIR/without"
cp "$model/config.json" "$model/model.safetensors" "$DIR/without"
ranks 1 complete --model "$DIR/without" x; expect 1 "holds no tokenizer.json; give --tokenizer FILE"; one_error
ranks 1 complete --model "$DIR/without" --tokenizer "$model/tokenizer.json" --tokens 12 "bago di"; expect 0
cmp -s "$OUT" "$DIR/first" || die "another text with --tokenizer"
bad=$(printf 'ab\377\376 cd')
ranks 1 complete --model "$model" --tokens 2 "$bad"; expect 0
[ "$(head -c 7 "$OUT")" = "$bad" ] || die "the text is not repeated byte by byte"

# Someone at a terminal is told how long the model took; a script is not. What cannot be written is said, and ends it.
[ ! -s "$ERR" ] || die "a script is told more than it asked for"
script -qec "$MEMPROBE complete --model $model --tokens 2 x" /dev/null >"$OUT" </dev/null
grep -qE "million parameters held as F32, 60.4 kB; read and packed in [0-9.e-]+ s" "$OUT" || die "nothing said at a terminal"
for verb in "complete --model $model x" "inspect $model" version; do
    "$MEMPROBE" $verb >/dev/full 2>"$ERR"; STATUS=$?
    expect 1 "standard output cannot be written: No space left on device"; one_error
done
(trap '' PIPE; timeout 60 "$MEMPROBE" complete --model "$model" --samples 10000 --temperature 1 x 2>"$ERR"; echo $? >"$DIR/status") | head -n 1 >"$OUT"
STATUS=$(cat "$DIR/status"); expect 1 "standard output cannot be written: Broken pipe"; one_error
# A token is shown when it is there: each is a write of its own.
python3 - "$MEMPROBE" "$model" <<'EOF' || die "the tokens do not come one by one"
import os, subprocess, sys
out, into = os.pipe2(os.O_DIRECT) # where each write is read alone
program = subprocess.Popen([sys.argv[1], 'complete', '--model', sys.argv[2], '--tokens', '12', 'bago di'], stdout=into)
os.close(into)
writes = 0
while os.read(out, 65536):
    writes += 1
sys.exit(program.wait() != 0 or not 12 <= writes <= 14)
EOF
ranks 1 complete --model "$model" --top 21 x; expect 2 "--top is 21"
ranks 1 complete --model "$model"; expect 2 "one text"

# By chance: a seed gives the same text with all kernels, another seed another; K = 1 is greedy.
drawn() { ranks 1 complete --model "$model" --tokens 12 "$@" "bago di"; }
for kernels in auto reference avx2 avx512; do
    drawn --temperature 1.5 --top-k 50 --top-p 0.95 --seed 7 --kernels $kernels
    [ "$STATUS" = 0 ] || grep -q "no kernels" "$ERR" || die "kernels $kernels"
    [ $kernels != auto ] || cp "$OUT" "$DIR/drawn"
    [ "$STATUS" != 0 ] || cmp -s "$OUT" "$DIR/drawn" || die "kernels $kernels draw another text"
done
drawn --temperature 1.5 --top-k 50 --top-p 0.95 --seed 8; expect 0
cmp -s "$OUT" "$DIR/drawn" && die "another seed draws the same text"
for greedy in "--top-k 1" "--temperature 0" "--beam 1" "--top-p 1e-9"; do
    drawn $greedy; expect 0
    cmp -s "$OUT" "$DIR/first" || die "$greedy is not greedy"
done
drawn --seed 8; expect 0
cp "$OUT" "$DIR/all"
cmp -s "$OUT" "$DIR/first" && die "drawn from all tokens, the likeliest each time"
drawn --seed 8 --top-k 0 --top-p 1 --temperature 1; expect 0
cmp -s "$OUT" "$DIR/all" || die "top-k 0 and top-p 1 leave something out"
drawn --samples 3 --seed 1; expect 0
[ "$(grep -c '^--- [123]$' "$OUT")" = 3 ] || die "not three samples"
for i in 1 2 3; do sed -n "/^--- $i\$/,/^--- $((i + 1))\$/p" "$OUT" | grep -av '^---' | cksum; done >"$DIR/texts"
[ "$(sort -u "$DIR/texts" | wc -l)" = 3 ] || die "samples that are the same"
drawn --seed 1; expect 0
[ "$(cksum <"$OUT")" = "$(head -n 1 "$DIR/texts")" ] || die "the first sample is another text when more follow"
drawn --beam 4 --samples 4; expect 0
[ "$(grep -c '^--- [1234]  log p -' "$OUT")" = 4 ] || die "not four texts of the search"
printf 'bago di' >"$DIR/prompt"
ranks 1 complete --model "$model" -; expect 1 "standard input holds no text"; one_error # /dev/null
"$MEMPROBE" complete --model "$model" --tokens 12 - <"$DIR/prompt" >"$OUT" || die "standard input is refused"
cmp -s "$OUT" "$DIR/first" || die "standard input is continued otherwise"
drawn --top 3; expect 0; grep -qE '^   1  "[^%]*" [0-9.e-]+%  \|  ' "$OUT" || die "no probabilities"
# Each step draws for itself: of two tokens of nearly one probability now the first, now the second.
drawn --top 2 --top-k 2 --temperature 1e6 --seed 3; expect 0
grep -aq '^ *[0-9]*  \*' "$OUT" && grep -aq '|  \*' "$OUT" || die "all steps draw the same"
drawn --top 2 --beam 1; expect 0; grep -q ' | ' "$OUT" || die "no table of tokens with --beam 1"
# The probabilities are the model's: those that the search says of the same two tokens.
ranks 1 complete --model "$model" --tokens 1 --top 2 "bago di"; expect 0
cp "$OUT" "$DIR/top"
ranks 1 complete --model "$model" --tokens 1 --beam 2 --samples 2 "bago di"; expect 0
python3 - "$DIR/top" "$OUT" <<'EOF' || die "other probabilities than those of the search"
import math, re, sys
top, found = (open(path, errors='replace').read() for path in sys.argv[1:])
shown = [math.log(float(p) / 100) for p in re.findall(r'" ([0-9.e-]+)%', top)]
log_p = [float(p) for p in re.findall(r'log p (-[0-9.]+)', found)]
sys.exit(not (len(shown) == len(log_p) == 2 and all(abs(a - b) < 0.01 for a, b in zip(shown, log_p))))
EOF
drawn --top 1 --temperature 50; expect 0; grep -qE '\*".*" [0-9.e-]+%' "$OUT" || die "the token drawn is not marked"
drawn --temperature -1; expect 2 "--temperature is -1, must be 0 to 1e6"
drawn --temperature 0 --top-k 3; expect 2 "--temperature 0 takes the likeliest token"
drawn --top-k -1; expect 2 "--top-k is -1"
drawn --top-p one; expect 2 "--top-p: \"one\" is not a number"
ranks 1 complete --model "$model" --tokens 1e3 x; expect 2 "--tokens: \"1e3\" is not a whole number"
drawn --temperature nan; expect 2 "--temperature: \"nan\" is not a number"
drawn --top-p 0; expect 2 "--top-p is 0, must be above 0 and at most 1"
drawn --seed -1; expect 2 "--seed is -1"
drawn --beam 65; expect 2 "--beam is 65, must be 1 to 64"
drawn --beam 4 --seed 1; expect 2 "--beam searches and draws nothing"
drawn --beam 4 --top 2; expect 2 "it does not go with --beam"
drawn --beam 4 --samples 5; expect 2 "at most as many texts"
drawn --samples 2; expect 2 "the same text each time"
