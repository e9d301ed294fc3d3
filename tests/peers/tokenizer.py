#!/usr/bin/env python3
"""Compares `memprobe tokenizer` with the library `tokenizers` (pip install tokenizers; not a dependency of the program).

    tokenizer.py --program build/out/memprobe --tokenizer 20B_tokenizer.json [PATH...]

encodes, with both, every character of Unicode, random strings, and the files under each PATH (up to --megabytes of each),
with the given tokenizer, with one trained here, and with one of each style that researchers have (the way Llama-3, Qwen2,
StarCoder ... split text; flags of added tokens), over a vocabulary that was trained across all borders of words, so that a
wrong border shows; decodes what was encoded; trains on the same text with both and compares vocabulary and merges. Prints
a line a check and exits with 1 if any of them differs. --styles picks styles by name; --speed compares only the rates, on
the files, both on one core and one document at a time. --freeze tests/golden only writes samples of what the library
answers, for the unit tests. The program and the tokenizer may also be given as MEMPROBE and TOKENIZER.
"""
import argparse
import gzip
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
import unicodedata

os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ["RAYON_NUM_THREADS"] = "1"
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
import tokenizers

ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
ap.add_argument("--program", default=os.environ.get("MEMPROBE", "build/out/memprobe"))
ap.add_argument("--tokenizer", default=os.environ.get("TOKENIZER", "../shared/data/20B_tokenizer.json"))
ap.add_argument("--megabytes", type=float, default=2)
ap.add_argument("--strings", type=int, default=50000)
ap.add_argument("--vocab", type=int, default=4096)
ap.add_argument("--train-text", help="plain text to train on; else the files under PATH")
ap.add_argument("--styles", help="names, comma-separated; given and trained are the first two")
ap.add_argument("--speed", action="store_true")
ap.add_argument("--no-characters", action="store_true")
ap.add_argument("--freeze", metavar="DIR")
ap.add_argument("paths", nargs="*", metavar="PATH")
args = ap.parse_args()
work = tempfile.TemporaryDirectory()
bad = 0


def report(name, ok, detail=""):
    global bad
    bad += not ok
    print(f"{'ok  ' if ok else 'FAIL'}  {name}  {detail}", flush=True)


def memprobe(*words, **more):
    return subprocess.run([args.program, "tokenizer", *words], check=True, stdout=subprocess.PIPE, **more).stdout


def write_jsonl(texts):
    path = os.path.join(work.name, "documents.jsonl")
    with open(path, "w", encoding="utf-8") as out:
        for text in texts:
            out.write(json.dumps({"text": text}, ensure_ascii=False) + "\n")
    return path


def batches(texts, characters=10_000_000):
    batch, size = [], 0
    for text in texts:
        batch.append(text)
        size += len(text)
        if size > characters:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def compare(name, path, texts):
    """Ids of all texts by both, and memprobe's text of the ids against the library's."""
    library = Tokenizer.from_file(path)
    n = size = tokens = wrong = wrong_back = 0
    seconds = 0.0
    for batch in batches(texts):
        started = time.perf_counter()
        theirs = [library.encode(text, add_special_tokens=False).ids for text in batch]
        seconds += time.perf_counter() - started
        want = [" ".join(map(str, ids)) for ids in theirs]
        ours = memprobe("encode", "--tokenizer", path, write_jsonl(batch)).decode().split("\n")[:-1]
        ours += ["nothing"] * (len(batch) - len(ours))
        for text, got, ids in zip(batch, ours, want):
            if got != ids:
                wrong += 1
                if wrong <= 5:
                    print("      ", ascii(text[:100]), "library", ids[:200], "memprobe", got[:200])
        back = memprobe("decode", "--tokenizer", path, input="\n".join(want).encode())
        wrong_back += back.decode(errors="replace") != "".join(library.decode(ids, skip_special_tokens=False) for ids in theirs)
        n += len(batch)
        size += sum(len(text.encode()) for text in batch)
        tokens += sum(map(len, theirs))
    report(f"encode {name}", not wrong, f"{n} texts, {size / 1e6:.2f} MB, {tokens} tokens, {wrong} differ; "
           f"library {size / 1e6 / max(seconds, 1e-9):.2f} MB/s")
    report(f"decode {name}", not wrong_back)


def compare_marked(name, path):
    """A plain file that begins with a byte order mark: the library gets its text, which is what comes behind the mark."""
    text = "\ufeff \u00e9\ufeffin the beginning\n"
    marked = os.path.join(work.name, "marked.txt")
    with open(marked, "w", encoding="utf-8") as out:
        out.write("\ufeff" + text)
    want = Tokenizer.from_file(path).encode(text, add_special_tokens=False).ids
    got = memprobe("encode", "--tokenizer", path, marked).decode()
    report(f"byte order mark, {name}", got == " ".join(map(str, want)) + "\n")


def characters():
    """Each character after a letter, a space, a digit, a mark and itself: finds any difference of classes or normal forms."""
    return [f"a{c}b {c}'s 1{c}2 .{c}'{c} e{c}\u0301\u0323 {c}{c}\n {c}" for c in map(chr, range(1, 0x110000))
            if not 0xD800 <= ord(c) <= 0xDFFF]


SOME = ["<|endoftext|>", "<|padding|>", "  ", "\n", "\t", "\r\n", "'s", "'ll", "'", " ", "\u00a0", "\u0085", "\u2028", "\u3000", "\u200b",
        "e\u0301", "\u1100\u1161\u11a8", "\uac00\u11a8", "\u212b", "\u0958", "\U0001d15e", "\u0f73", "a", "Z", "9", "\u0669", "\u00b2", "\u2167",
        "_", "\U0001f600", "\u4e2d", "\u0e01\u0e33", "\0", "\ufeff", "\ufffd", "the", " quick", "\u0300", "\u0315", "\u05b0", "\u0323", "\u0344"]
# Where the styles differ: letters in both cases, numbers, newlines after marks, contractions, added tokens.
EDGES = ["'S", "'RE", "'Ve", "'lL", "'\u017f", "\u017f", "\r", "\n", " ", " ", "x", "Ab", "1", "12", "1234", "\u00bd", ".", "!?", "-", "/",
         "\U00011de3", "\U00016ff5", "\u00e9", "\u1e9e", "\u4e2d\u6587", "\u0301", "<l>", "<r>", "<b>", "<n>", "<|end_of_text|>", "in", "ing"]


def random_texts(n, longest=30, seed=1, some=SOME):
    rng = random.Random(seed)

    def piece():
        kind = rng.random()
        if kind < 0.5:
            return rng.choice(some)
        if kind < 0.6:
            return rng.choice(EDGES)
        if kind < 0.7:
            return rng.choice(some) * rng.randrange(1, 20)
        top = rng.choice([0x80, 0x250, 0x800, 0x3000, 0x10000, 0x110000])
        code = rng.randrange(top)
        return "" if 0xD800 <= code <= 0xDFFF else chr(code)
    return ["".join(piece() for _ in range(rng.randrange(0, longest))) for _ in range(n)]


def file_text(name):
    """UTF-8 where it is that, but for the odd byte in a catalogue of translations; else Latin-1. Unpacked."""
    with (gzip.open if name.endswith(".gz") else open)(name, "rb") as file:
        data = file.read(200_000)
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data.decode(errors="replace") if name.endswith(".mo") else data.decode("latin-1")


def file_texts(top, megabytes):
    """Files of a folder, in order of name but spread over the whole of it."""
    names = [top] if os.path.isfile(top) else sorted(os.path.join(d, f) for d, _, fs in os.walk(top) for f in fs)
    random.Random(1).shuffle(names)
    left = megabytes * 1e6
    for name in names:
        if left <= 0:
            return
        if not os.path.isfile(name) or os.path.islink(name):
            continue
        text = file_text(name)
        left -= len(text.encode())
        yield text


def library_trainer(texts, vocab):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(vocab_size=vocab, special_tokens=["<|endoftext|>"], show_progress=False,
                                  initial_alphabet=pre_tokenizers.ByteLevel.alphabet())
    tokenizer.train_from_iterator(texts, trainer)
    return json.loads(tokenizer.to_str())


def merges_of(tokenizer):
    return [merge.split(" ") if isinstance(merge, str) else merge for merge in tokenizer["model"]["merges"]]


def compare_trainers(texts, vocab):
    path = os.path.join(work.name, "trained.json")
    memprobe("train", "--vocab", str(vocab), "--out", path, write_jsonl(texts))
    with open(path, encoding="utf-8") as file:
        ours = json.load(file)
    theirs = library_trainer(texts, vocab)
    a, b = merges_of(ours), merges_of(theirs)
    same = next((i for i in range(min(len(a), len(b))) if a[i] != b[i]), min(len(a), len(b)))
    report(f"train {vocab}", a == b and ours["model"]["vocab"] == theirs["model"]["vocab"],
           f"{len(a)} merges, library {len(b)}, the first {same} equal")
    if a != b:
        print("       first difference", a[same:same + 3], b[same:same + 3])
    return path


# --- styles ---------------------------------------------------------------------------------------------------------

GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
GPT2_SHORT = r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
LLAMA3 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+"
          r"|\s+(?!\S)|\s+")
QWEN2 = LLAMA3.replace("{1,3}", "")


def split(regex, behavior="isolated", invert=False):
    return pre_tokenizers.Split(Regex(regex), behavior, invert)


def byte_level(space=False, regex=True):
    return pre_tokenizers.ByteLevel(add_prefix_space=space, use_regex=regex)


def sequence(*parts):
    return pre_tokenizers.Sequence(list(parts))


FLAGS = [AddedToken("<l>", lstrip=True, normalized=False), AddedToken("<r>", rstrip=True, normalized=False),
         AddedToken("<b>", lstrip=True, rstrip=True, normalized=True), AddedToken("<n>", rstrip=True, normalized=True),
         AddedToken("  ", normalized=False), AddedToken("ing", normalized=True), AddedToken("x Ab", normalized=True),
         AddedToken("e\u0301", normalized=True), AddedToken("e\u0301 a", normalized=True)]
SPACES = [AddedToken(" " * n, normalized=True) for n in range(12, 1, -1)]
END = [AddedToken("<|end_of_text|>", special=True, normalized=False)]

# name: pre-tokenizer, NFC, ignore_merges, added tokens, template
STYLES = {
    "gpt2": (byte_level(), False, False, END, False),
    "gpt2-split": (sequence(split(GPT2), byte_level(regex=False)), False, False, END, False),
    "gpt2-short": (sequence(split(GPT2_SHORT), byte_level(regex=False)), False, False, END, False),
    "gpt2-space": (byte_level(space=True), False, False, END + FLAGS[:4], False),
    "neox": (byte_level(), True, False, SPACES + END, False),
    "neox-space": (byte_level(space=True), True, False, FLAGS, False),
    "llama3": (sequence(split(LLAMA3), byte_level(regex=False)), False, True, END, True),
    "olmo2": (sequence(split(LLAMA3, "removed", True), byte_level(regex=False)), False, False, END, False),
    "qwen2": (sequence(split(QWEN2), byte_level(regex=False)), True, False, END, False),
    "starcoder": (sequence(pre_tokenizers.Digits(individual_digits=True), byte_level()), False, False, END, False),
    "numbers": (sequence(pre_tokenizers.Digits(individual_digits=False), byte_level()), False, False, END, False),
    "flags": (sequence(split(LLAMA3), byte_level(regex=False)), True, True, FLAGS + END, False),
}


def train_across(texts, vocab):
    """A model whose merges know no borders of words."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = byte_level(regex=False)
    tokenizer.train_from_iterator(texts, trainers.BpeTrainer(vocab_size=vocab, show_progress=False,
                                                             initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
    return json.loads(tokenizer.to_str())["model"]


def style(name, model):
    """The tokenizer.json of a style."""
    pre, nfc, ignore_merges, added, template = STYLES[name]
    tokenizer = Tokenizer.from_str(json.dumps({"added_tokens": [], "model": model | {"ignore_merges": ignore_merges}}))
    if nfc:
        tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_tokens(added)
    if template:
        end = "<|end_of_text|>"
        tokenizer.post_processor = processors.Sequence([
            processors.ByteLevel(trim_offsets=False),
            processors.TemplateProcessing(single=f"{end} $A", pair=f"$A {end} $B", special_tokens=[(end, tokenizer.token_to_id(end))])])
    return json.loads(tokenizer.to_str())


def speed(label, path, texts):
    """Single calls on documents, both on one core, the best of three by processor time, so that a busy machine shows less.
    memprobe's is the time of the program, reading included, less that on a short text."""
    library = Tokenizer.from_file(path)
    size = sum(len(text.encode()) for text in texts) / 1e6

    def program(documents):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        memprobe("encode", "--count", "--tokenizer", path, documents)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    def encode_all():
        started = time.process_time()
        for text in texts:
            library.encode(text, add_special_tokens=False)
        return time.process_time() - started

    short = os.path.join(work.name, "short.jsonl")
    with open(short, "w", encoding="utf-8") as out:
        out.write('{"text": "short"}\n')
    documents = write_jsonl(texts)
    theirs = min(encode_all() for _ in range(3))
    ours = min(program(documents) for _ in range(3)) - min(program(short) for _ in range(3))
    print(f"speed {label}: {len(texts)} texts, {size:.2f} MB; memprobe {size / ours:.1f} MB/s, library {size / theirs:.2f} MB/s, "
          f"ratio {theirs / ours:.1f}", flush=True)


def write_samples(path, library, texts):
    with open(path, "w", encoding="utf-8") as out:
        for text in texts:
            ids = library.encode(text, add_special_tokens=False).ids
            out.write(json.dumps({"text": text, "ids": ids}, separators=(",", ":")) + "\n")


def freeze(folder):
    """tokenizer_20b.jsonl: texts and ids of the given tokenizer. tokenizer_small.json: what the library trains on genesis.txt
    (the first verses of the King James Bible, in the public domain); tokenizer_small.jsonl: texts and ids of that.
    tokenizer_styles.json: a model trained across borders of words, texts, and for each style the tokenizer.json without
    vocabulary and merges, and the ids of the texts."""
    with open(os.path.join(folder, "genesis.txt"), encoding="utf-8") as file:
        genesis = file.read()
    small = os.path.join(folder, "tokenizer_small.json")
    with open(small, "w", encoding="utf-8") as out:
        json.dump(library_trainer([genesis], 500), out, ensure_ascii=False, separators=(",", ":"))
        out.write("\n")
    texts = random_texts(70, some=SOME) + characters()[300:1300:33]
    for name, path in (("tokenizer_20b.jsonl", args.tokenizer), ("tokenizer_small.jsonl", small)):
        write_samples(os.path.join(folder, name), Tokenizer.from_file(path), texts)
    edges = random_texts(3000, 12, 2, EDGES)
    model = train_across(genesis.split("\n") + edges, 700)
    flags = ["<r>    x", "<r>  <l>  <b>   <n>  x  <l>", " <b> <b> ", "x<n>\u3000\n<l>", "  <l>  ", "e\u0301 a e\u0301 b"]
    texts = flags + edges[:66] + texts[:28]
    frozen = {"model": model, "texts": texts, "styles": {}}
    for name in STYLES:
        whole = style(name, model)
        library = Tokenizer.from_str(json.dumps(whole))
        del whole["model"]["vocab"], whole["model"]["merges"]
        ids = [library.encode(text, add_special_tokens=False).ids for text in texts]
        frozen["styles"][name] = {"tokenizer": whole, "ids": ids}
    with open(os.path.join(folder, "tokenizer_styles.json"), "w", encoding="utf-8") as out:
        json.dump(frozen, out, separators=(",", ":"))
        out.write("\n")


if args.freeze:
    freeze(args.freeze)
    sys.exit()
print("tokenizers", tokenizers.__version__, "Unicode of Python", unicodedata.unidata_version)
wanted = args.styles.split(",") if args.styles else ["given", "trained", *STYLES]
paths = {}
if "given" in wanted:
    paths["given"] = args.tokenizer
some_files = [text for top in args.paths for text in file_texts(top, 0.5)]
if "trained" in wanted and (args.train_text or some_files):
    train_texts = [open(args.train_text, encoding="utf-8").read()] if args.train_text else some_files
    paths["trained"] = compare_trainers(train_texts, args.vocab)
if any(name in STYLES for name in wanted):
    lines = [line for text in some_files for line in text.split("\n\n")]
    across = train_across(lines[:20000] + random_texts(20000, 12, 2, EDGES), args.vocab)
    for name in STYLES:
        if name in wanted:
            paths[name] = os.path.join(work.name, f"{name}.json")
            with open(paths[name], "w", encoding="utf-8") as out:
                json.dump(style(name, across), out)
for label, path in paths.items():
    if args.speed:
        for top in args.paths:
            speed(f"{label} {top}", path, list(file_texts(top, args.megabytes)))
        continue
    if not args.no_characters and label in ("given", "trained", "llama3", "starcoder"):  # all rules and tables
        compare(f"characters, {label}", path, characters())
    compare(f"random strings, {label}", path, random_texts(args.strings, 12, 3) + random_texts(args.strings // 10, 60, 4))
    compare_marked(label, path)
    for top in args.paths:
        compare(f"{top}, {label}", path, file_texts(top, args.megabytes))
sys.exit(bad != 0)
