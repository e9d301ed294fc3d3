# The entries that corpora/README.md gives for each format: the same documents, written in all of them, come out as the same
# tokens. The files are tiny; the names and options are those of the README.
. "$(dirname "$0")/helpers/lib.sh"

cd "$DIR" || exit 1
python3 -I - "$ROOT" <<'EOF' || die "cannot write the files"
import struct, sys

seed = 1
def random(n):
    global seed
    seed = (seed * 1103515245 + 12345) % 2**31
    return seed // 65536 % n

documents = [[2 + random(250) for _ in range(100)] for _ in range(24)]
ints = lambda letter, values: struct.pack("<%d%s" % (len(values), letter), *values)
behind = lambda end: [t for d in documents for t in d + [end]]
before = lambda end: [t for d in documents for t in [end] + d]
joined = [t for d in documents for t in d]

def write(name, *data):
    with open(name, "wb") as file:
        file.write(b"".join(data))

def index(name, letter, code, lengths):
    n, size = len(lengths), struct.calcsize(letter)
    places = [size * sum(lengths[:i]) for i in range(n)]
    write(name, b"MMIDIDX\0\0", struct.pack("<QBQQ", 1, code, n, n + 1), ints("i", lengths), ints("q", places), ints("q", range(n + 1)))

def npy(name, kind, letter, rows):
    head = "{'descr': '%s', 'fortran_order': False, 'shape': (%d, %d), }" % (kind, len(rows), len(rows[0]))
    head = head.encode() + b" " * (117 - len(head)) + b"\n"
    write(name, b"\x93NUMPY\x01\x00", struct.pack("<H", len(head)), head, *[ints(letter, row) for row in rows])

write("pile_text_document.bin", ints("H", joined))
index("pile_text_document.idx", "H", 8, [100] * 24)
write("eod_text_document.bin", ints("i", behind(1)))
index("eod_text_document.idx", "i", 4, [101] * 24)
write("document-00000-of-00001.bin", ints("H", joined + joined[:2049 * 2 - 2400]))
write("train.bin", ints("H", behind(50256)))
write("gpt2_train.bin", ints("i", [20240520, 1, 24 * 101] + [0] * 253), ints("H", before(50256)))
write("llama3_train.bin", ints("i", [20240801, 7, 24 * 101] + [0] * 253), ints("I", before(128000)))
write("olmo1.npy", ints("H", behind(50279)))
write("olmo2.npy", ints("I", behind(100257)))
npy("train_prefix.npy", "<u2", "H", [d[:50] for d in documents])
npy("train_suffix.npy", "<i8", "q", [d[50:] for d in documents])
write("marks.bin", ints("I", behind(1)))
write("records.bin", ints("H", joined))
write("wide.bin", ints("q", joined))
EOF

cat >config.ini <<EOF
[run]
name = formats
cache = $DIR/cache
results = $DIR/results
plots = $ROOT/plots
[corpus]
documents = train.bin
tokenizer = tokenizer.json
held_out = 0
[model.none]
train = yes
layers = 1
width = 16
heads = 2
[probe]
context = 8
suffix = 8
EOF
printf '%s\n' "$(awk 'BEGIN { for (i = 0; i < 4000; i++) printf "%c%c%c ", 97 + i % 26, 97 + int(i / 7) % 26, 97 + int(i / 31) % 26 }')" >words.txt
"$MEMPROBE" tokenizer train --vocab 300 --out tokenizer.json words.txt >"$OUT" 2>"$ERR" || die "no tokenizer"

# tokens ENTRY: the member tokens that it gives, all shards one behind the other, into the file tokens.
tokens() {
    rm -rf cache
    ranks 1 ingest --quiet --set "corpus.documents=$1" config.ini
    [ "$STATUS" = 0 ] || die "ingest of $1: exit status $STATUS"
    cat cache/ingest-*/members/*.tok.zst | zstd -q -d >tokens || die "no tokens of $1"
    ranks 1 inspect "$1"
    [ "$STATUS" = 0 ] || die "inspect $1: exit status $STATUS"
}

tokens 'mmidx:pile_text_document'
cp tokens expected
[ "$(wc -c <expected)" = $((24 * 101 * 2)) ] || die "not 24 documents of 100 tokens and the end token"
for entry in 'pile*.idx' 'mmidx:eod_text_document:end=1' 'nanogpt:train.bin' gpt2_train.bin llmc:llama3_train.bin \
    'olmo:olmo1.npy:u16:end=50279' 'olmo:olmo2.npy:u32:end=100257' 'npy:train_prefix.npy:with=train_suffix.npy' \
    'tokens:marks.bin:u32:end=1' 'tokens:records.bin:u16:record=100' 'tokens:wide.bin:i64:record=100:source=web'; do
    tokens "$entry"
    cmp tokens expected || die "$entry gives other tokens"
done
grep -q 'web' cache/ingest-*/members/* || die "source=web did not reach the corpus"

# Documents of other borders: records of Pythia, and one document a file.
tokens 'pythia:document-*.bin'
[ "$(wc -c <tokens)" = $((2 * 2050 * 2)) ] || die "not two records of 2049 tokens"
tokens 'tokens:records.bin:u16:end=none'
[ "$(wc -c <tokens)" = $((2401 * 2)) ] || die "not one document"
ranks 1 inspect mmidx:eod_text_document
grep -q '24 of 24 documents end with token 1.*say end=1' "$OUT" || die "no word of the end token in the data"

# Text, in the styles of the Pile and of Dolma, and by other names.
printf '{"text":"abc def","meta":{"pile_set_name":"PubMed Central"}}\n{"text":"ghi","meta":{"pile_set_name":"ArXiv"}}\n' >00.jsonl
zstd -q 00.jsonl
printf '{"id":"a","text":"abc def","source":"common-crawl","added":"2023"}\n{"id":"b","text":"ghi","source":"wiki"}\n' | gzip >cc.json.gz
printf '{"name":1,"body":"abc def"}\n{"name":2,"body":"ghi"}\n' >own.jsonl
printf 'abc def\nghi\n' | gzip >lines.gz
mkdir texts
printf 'abc def' >texts/1.txt
printf 'ghi' >texts/2.txt
tokens '00.jsonl.zst'
cp tokens expected
grep -q 'sources: ArXiv 1, PubMed Central 1' "$OUT" || die "no sources of the Pile"
tokens cc.json.gz
cmp tokens expected || die "Dolma's style gives other tokens"
for entry in 'texts/*.txt:source=books' 'text:lines.gz:split=line' 'texts/1.txt, texts/2.txt'; do
    rm -rf cache
    ranks 1 ingest --quiet --set "corpus.documents=$entry" config.ini
    [ "$STATUS" = 0 ] || die "ingest of $entry: exit status $STATUS"
    cat cache/ingest-*/members/*.tok.zst | zstd -q -d | cmp - expected || die "$entry gives other tokens"
done
rm -rf cache
ranks 1 ingest --quiet --set corpus.documents=own.jsonl --set corpus.text_field=body --set corpus.id_field=name config.ini
[ "$STATUS" = 0 ] || die "fields by other names: exit status $STATUS"
cat cache/ingest-*/members/*.tok.zst | zstd -q -d | cmp - expected || die "fields by other names give other tokens"
