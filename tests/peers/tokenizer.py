#!/usr/bin/env python3
"""Compares `memprobe tokenizer` with the library `tokenizers` (pip install tokenizers; not a dependency of the program).

    tokenizer.py --program build/out/memprobe --tokenizer 20B_tokenizer.json [PATH...]

encodes, with both, every character of Unicode, random strings, and the files under each PATH (up to --megabytes), with
the given tokenizer and with one trained here; decodes what was encoded; trains on the same text with both and compares
vocabulary and merges. Prints a line a check and exits with 1 if any of them differs. --freeze tests/golden
only writes samples of what the library answers, for the unit tests. The program and the tokenizer may also be given as MEMPROBE and TOKENIZER.
"""
import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
import unicodedata

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
import tokenizers

ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
ap.add_argument("--program", default=os.environ.get("MEMPROBE", "build/out/memprobe"))
ap.add_argument("--tokenizer", default=os.environ.get("TOKENIZER", "../shared/data/20B_tokenizer.json"))
ap.add_argument("--megabytes", type=float, default=8)
ap.add_argument("--strings", type=int, default=50000)
ap.add_argument("--vocab", type=int, default=4096)
ap.add_argument("--train-text", help="plain text to train on; else the files under PATH")
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


def compare(name, path, texts):
    """Ids of all texts by both, and memprobe's text of the ids against the library's."""
    library = Tokenizer.from_file(path)
    started = time.perf_counter()
    theirs = [library.encode(text, add_special_tokens=False).ids for text in texts]
    seconds = time.perf_counter() - started
    lines = memprobe("encode", "--tokenizer", path, write_jsonl(texts)).decode().split("\n")
    ours = [[int(word) for word in line.split()] for line in lines[:-1]]
    wrong = [i for i in range(len(texts)) if i >= len(ours) or ours[i] != theirs[i]]
    size = sum(len(text.encode()) for text in texts)
    report(f"encode {name}", not wrong and len(ours) == len(texts),
           f"{len(texts)} texts, {size / 1e6:.2f} MB, {sum(map(len, theirs))} tokens, {len(wrong)} differ; "
           f"library {size / 1e6 / seconds:.2f} MB/s")
    for i in wrong[:5]:
        print("      ", ascii(texts[i][:100]), "library", theirs[i][:30], "memprobe", ours[i][:30] if i < len(ours) else None)
    back = memprobe("decode", "--tokenizer", path, input="\n".join(" ".join(map(str, ids)) for ids in theirs).encode())
    want = "".join(library.decode(ids, skip_special_tokens=False) for ids in theirs)
    report(f"decode {name}", back.decode(errors="replace") == want)
    return wrong


def characters():
    """Each character after a letter, a space, a digit, a mark and itself: finds any difference of classes or normal forms."""
    return [f"a{c}b {c}'s 1{c}2 .{c}'s e{c}\u0301\u0323 {c}{c}  {c}" for c in map(chr, range(1, 0x110000))
            if not 0xD800 <= ord(c) <= 0xDFFF]


def random_texts(n):
    rng = random.Random(1)
    some = ["<|endoftext|>", "<|padding|>", "  ", "\n", "\t", "\r\n", "'s", "'ll", "'", " ", "\u00a0", "\u0085", "\u2028", "\u3000", "\u200b",
            "e\u0301", "\u1100\u1161\u11a8", "\uac00\u11a8", "\u212b", "\u0958", "\U0001d15e", "\u0f73", "a", "Z", "9", "\u0669", "\u00b2", "\u2167", "_",
            "\U0001f600", "\u4e2d", "\u0e01\u0e33", "\0", "\ufeff", "\ufffd", "the", " quick", "\u0300", "\u0315", "\u05b0", "\u0323", "\u0344"]

    def piece():
        kind = rng.random()
        if kind < 0.5:
            return rng.choice(some)
        if kind < 0.65:
            return rng.choice(some) * rng.randrange(1, 40)
        top = rng.choice([0x80, 0x250, 0x800, 0x3000, 0x10000, 0x110000])
        code = rng.randrange(top)
        return "" if 0xD800 <= code <= 0xDFFF else chr(code)
    return ["".join(piece() for _ in range(rng.randrange(0, 30))) for _ in range(n)]


def file_texts(paths, megabytes):
    """Files in order of name, decoded as UTF-8 where they are that and as Latin-1 where not."""
    texts, left = [], megabytes * 1e6
    for top in paths:
        names = [top] if os.path.isfile(top) else sorted(os.path.join(d, f) for d, _, fs in os.walk(top) for f in fs)
        for name in names:
            if left <= 0:
                return texts
            if not os.path.isfile(name):
                continue
            with open(name, "rb") as file:
                data = file.read(200_000)
            try:
                text = data.decode()
            except UnicodeDecodeError:
                text = data.decode("latin-1")
            left -= len(text.encode())
            texts.append(text)
    return texts


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


def freeze(folder):
    """tokenizer_20b.jsonl: texts and ids of the given tokenizer. tokenizer_small.json: what the library trains on genesis.txt
    (the first verses of the King James Bible, in the public domain); tokenizer_small.jsonl: texts and ids of that."""
    with open(os.path.join(folder, "genesis.txt"), encoding="utf-8") as file:
        trained = library_trainer([file.read()], 500)
    small = os.path.join(folder, "tokenizer_small.json")
    with open(small, "w", encoding="utf-8") as out:
        json.dump(trained, out, ensure_ascii=False, separators=(",", ":"))
        out.write("\n")
    texts = random_texts(70) + characters()[300:1300:33]
    for name, path in (("tokenizer_20b.jsonl", args.tokenizer), ("tokenizer_small.jsonl", small)):
        library = Tokenizer.from_file(path)
        with open(os.path.join(folder, name), "w", encoding="utf-8") as out:
            for text in texts:
                ids = library.encode(text, add_special_tokens=False).ids
                out.write(json.dumps({"text": text, "ids": ids}, separators=(",", ":")) + "\n")


if args.freeze:
    freeze(args.freeze)
    sys.exit()
texts = file_texts(args.paths, args.megabytes)
print("tokenizers", tokenizers.__version__, "Unicode of Python", unicodedata.unidata_version)
train_texts = [open(args.train_text, encoding="utf-8").read()] if args.train_text else texts
trained = compare_trainers(train_texts, args.vocab) if train_texts else None
for label, path in (("given", args.tokenizer), ("trained", trained)):
    if path:
        compare(f"characters, {label}", path, characters())
        compare(f"random strings, {label}", path, random_texts(args.strings))
        if texts:
            compare(f"files, {label}", path, texts)
sys.exit(bad != 0)
