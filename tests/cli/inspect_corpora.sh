# What inspect says of files of corpora: formats told by their bytes or named, what is counted, hints and refusals.
. tests/cli/helpers/lib.sh
says() { grep -qF -e "$1" "$OUT" || die "stdout does not say: $1"; }
silent() { ! grep -qF -e "$1" "$OUT" || die "stdout says: $1"; }
# tokens CODE FILE NUMBER...: integers as Python's struct packs them, appended
tokens() { python3 -c 'import struct, sys
open(sys.argv[2], "ab").write(struct.pack("<%d%s" % (len(sys.argv) - 3, sys.argv[1]), *map(int, sys.argv[3:])))' "$@"; }

printf '{"text": "one", "source": "web"}\n{"text": "", "source": "books"}\n{"text": "three", "source": "web"}\n' \
    >"$DIR/a.jsonl"
ranks 1 inspect "$DIR/a.jsonl"; expect 0
says "a.jsonl: JSON lines, a document a line"
says "documents 3, of 0 .. 5 bytes, mean 2.7, together 8; 1 empty"
says "sources: books 1, web 2"
says "document a.jsonl@0, 3 bytes: one"
cp "$DIR/a.jsonl" "$DIR/named-otherwise" # what it holds decides
ranks 1 inspect "$DIR/named-otherwise"; expect 0; says "JSON lines"
zstd -q "$DIR/a.jsonl" && gzip -k "$DIR/a.jsonl"
ranks 1 inspect "$DIR/a.jsonl.zst"; expect 0; says "packed by zstd"; says "documents 3"
ranks 1 inspect "$DIR/a.jsonl.gz"; expect 0; says "packed by gzip"; says "documents 3"
printf '{"text": 1}\n' >>"$DIR/a.jsonl"
ranks 1 inspect "$DIR/a.jsonl"; expect 1 "a.jsonl:4"; one_error
ranks 1 inspect "text:$ROOT/README.md:split=line"; expect 0; says "text, a document a line"
ranks 1 inspect "text:$ROOT/README.md:split=word"; expect 1 "split is line or file"; one_error

# Megatron / GPT-NeoX: three sequences in two documents that end with token 0
printf 'MMIDIDX\0\0' >"$DIR/m.idx"
tokens Q "$DIR/m.idx" 1; tokens B "$DIR/m.idx" 8; tokens Q "$DIR/m.idx" 3 3
tokens i "$DIR/m.idx" 2 1 2; tokens q "$DIR/m.idx" 0 4 6 0 2 3; tokens H "$DIR/m.bin" 5 6 0 7 0
for path in "$DIR/m.idx" "mmidx:$DIR/m" "mmidx:$DIR/m.bin"; do
    ranks 1 inspect "$path"; expect 0
    says "m.bin: a Megatron / GPT-NeoX data set"
    says "version 1, 3 sequences in 2 documents; 5 tokens of type u16"
    says "documents 2, of 2 .. 3 tokens, mean 2.5, together 5"
    says "document m.bin@0, 3 tokens: 5 6 0"
    says "2 of 2 documents end with token 0 (GPT-NeoX, Pythia); if it is the end token of the data, say end=0"
done
ranks 1 inspect "mmidx:$DIR/m:end=0"; expect 0; says "document m.bin@0, 2 tokens: 5 6"; silent "if it is the end token"
truncate -s -2 "$DIR/m.bin"
ranks 1 inspect "$DIR/m.idx"; expect 1 "m.idx" "the .bin file has 8 bytes"; one_error
rm "$DIR/m.bin"
ranks 1 inspect "$DIR/m.idx"; expect 1 "m.bin"; one_error

tokens H "$DIR/p.bin" $(seq 4098)
ranks 1 inspect "pythia:$DIR/p.bin"; expect 0
says "2 records of 2049 tokens"; says "nothing marks where texts end"; says "document p.bin@1, 2049 tokens: 2050"
ranks 1 inspect "$DIR/p.bin"; expect 1 "neither name nor first bytes tell the format"; one_error
truncate -s -2 "$DIR/p.bin"
ranks 1 inspect "pythia:$DIR/p.bin"; expect 1 "4097 tokens are no whole number of records of 2049"; one_error

tokens i "$DIR/l.bin" 20240520 1 5 $(yes 0 | head -n 253); tokens H "$DIR/l.bin" 50256 1 2 50256 3
ranks 1 inspect "$DIR/l.bin"; expect 0
says "tokens of llm.c"; says "documents 2, of 1 .. 2 tokens"; says "token 50256 marks where documents end"
tokens H "$DIR/n.bin" 1 2 50256 3 50256
ranks 1 inspect "nanogpt:$DIR/n.bin"; expect 0; says "tokens of nanoGPT"; says "documents 2, of 1 .. 2 tokens"
ranks 1 inspect "tokens:$DIR/n.bin:u16:end=none"; expect 0
says "marks of known models in them: token 50256 (GPT-2) 2 times"
ranks 1 inspect "nanogpt:$DIR/l.bin"; expect 1 "has the header of llm.c"; one_error
ranks 1 inspect "tokens:$DIR/n.bin:u16:end=7"; expect 0; says "token 7 is nowhere in it: is end right?"
says "marks of known models in them: token 50256 (GPT-2) 2 times"
ranks 1 inspect "tokens:$DIR/n.bin:u16:end=3"; expect 0; ! grep -q "is end right" "$OUT" || die "3 is in it"
ranks 1 inspect "tokens:$DIR/n.bin:u16:end=3,llmc:$DIR/l.bin"; expect 0
says "2 files, 1.0 kB together; the heads of all are right, and this is the first"
ranks 1 inspect "tokens:$DIR/n.bin"; expect 1 "do not say their type"; one_error
ranks 1 inspect "token:$DIR/n.bin"; expect 1 "there is no format 'token'"; one_error
cp "$DIR/n.bin" "$DIR/part.npy" # OLMo's files have NumPy's name and no header
ranks 1 inspect "$DIR/part.npy"; expect 1 "neither name nor first bytes tell the format"; one_error
ranks 1 inspect "$DIR/*.npy"; expect 1 "neither name nor first bytes tell the format"; one_error # a pattern
ranks 1 inspect "olmo:$DIR/part.npy:u16:end=50256"; expect 0; says "tokens of OLMo"; says "documents 2"
# A file of zeros is no text with blanks before it.
truncate -s 1M "$DIR/zeros"
ranks 1 inspect "$DIR/zeros"; expect 1 "neither name nor first bytes"; one_error
truncate -s 17M "$DIR/zeros" # more than is looked at
ranks 1 inspect "tokens:$DIR/zeros:u8:end=none"; expect 0
says "documents 1 (no mark is named), its beginning, of 16777216 .. 16777216 tokens"
ranks 1 inspect "tokens:$DIR/zeros:u8:record=1"; expect 0; says "(the first ones; there are more), of 1 .. 1 tokens"
# Nobody waits for a pipe; a line of JSON is no tokenizer, whatever is in it.
mkfifo "$DIR/pipe" "$DIR/pipe.jsonl"
ranks 1 inspect "$DIR/pipe"; expect 1 "a device or pipe, not a regular file"; one_error
ranks 1 inspect "$DIR/pipe.jsonl"; expect 1 "a device or pipe, not a regular file"; one_error
printf '{"id": 123456789012345678901234567890, "text": "a\\u0000b"}' >"$DIR/line.json"
ranks 1 inspect "$DIR/line.json"; expect 0; says "documents 1, of 3 .. 3 bytes"
printf '{"id": "cut o' >"$DIR/line.jsonl"
ranks 1 inspect "$DIR/line.jsonl"; expect 1 "line.jsonl:1: not a JSON object"; one_error
printf '{"id": "\\u001b[31mred\\u0007", "text": "a"}\n{"id": 2, "text": "b"}\n' >"$DIR/colour.jsonl"
ranks 1 inspect "$DIR/colour.jsonl"; expect 0; says "document .[31mred., 1 bytes: a"
mkdir "$DIR/shards" && touch "$DIR/shards/shards.csv" "$DIR/shards/0.docs"
ranks 1 inspect "$DIR/shards/0.docs"; expect 1 "belongs to a shard of a tokenized corpus; inspect the folder"; one_error
