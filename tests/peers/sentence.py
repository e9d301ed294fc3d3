#!/usr/bin/env python3
"""Compares `memprobe tokenizer` with the library `tokenizers` on tokenizers of the SentencePiece kind (pip install
tokenizers; not a dependency of the program).

    sentence.py --program build/out/memprobe [--model FILE.model] [PATH...]

makes, from a small tokenizer trained here on the files under each PATH and from a SentencePiece model such as Llama-2's or
Mistral's (pip install transformers sentencepiece), one tokenizer.json in every spelling of the pipeline that memprobe
accepts; encodes with both every character of Unicode, random strings and the files (up to --megabytes), decodes what was
encoded and random ids, and compares. Prints a line a check and exits with 1 if any of them differs. --freeze tests/golden
only writes a small tokenizer and samples of what the library answers, for the unit tests.
"""
import argparse
import copy
import json
import os
import random
import subprocess
import sys
import tempfile
import time

import tokenizers
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
ap.add_argument("--program", default=os.environ.get("MEMPROBE", "build/out/memprobe"))
ap.add_argument("--model", help="a SentencePiece model; its directory must hold nothing but this file as tokenizer.model")
ap.add_argument("--megabytes", type=float, default=10)
ap.add_argument("--strings", type=int, default=20000)
ap.add_argument("--seed", type=int, default=1)
ap.add_argument("--spellings", help="names of the spellings to try, separated by commas (all)")
ap.add_argument("--freeze", metavar="DIR")
ap.add_argument("paths", nargs="*", metavar="PATH")
args = ap.parse_args()
work = tempfile.TemporaryDirectory()
bad = 0
SPACE = "\u2581"


def report(name, ok, detail=""):
    global bad
    bad += not ok
    print(f"{'ok  ' if ok else 'FAIL'}  {name}  {detail}", flush=True)


def memprobe(*words, **more):
    return subprocess.run([args.program, "tokenizer", *words], check=True, stdout=subprocess.PIPE, **more).stdout


# --- tokenizers ---------------------------------------------------------------------------------------------------

def metaspace(scheme, split, replacement=SPACE):
    return {"type": "Metaspace", "replacement": replacement, "prepend_scheme": scheme, "split": split}


REPLACE = {"type": "Replace", "pattern": {"String": " "}, "content": SPACE}
LLAMA = {"type": "Sequence", "normalizers": [{"type": "Prepend", "prepend": SPACE}, REPLACE]}
READ = [{"type": "Replace", "pattern": {"String": SPACE}, "content": " "}, {"type": "ByteFallback"}, {"type": "Fuse"}]
STRIP = READ + [{"type": "Strip", "content": " ", "start": 1, "stop": 0}]
GEMMA = {"type": "Split", "pattern": {"String": " "}, "behavior": "MergedWithPrevious", "invert": False}

# name: normalizer, pre_tokenizer, decoders, changes of the model
SPELLINGS = {
    "llama": (LLAMA, None, STRIP, {}),
    "replace": (REPLACE, None, READ, {}),
    "gemma": (REPLACE, GEMMA, READ, {}),
    "none": (None, None, READ, {}),
    "first": (None, metaspace("first", False), STRIP, {}),
    "always": (None, metaspace("always", False), STRIP, {}),
    "never": (None, metaspace("never", False), [metaspace("never", False)] + READ[1:], {}),
    "split": (None, metaspace("always", True), [metaspace("always", True)], {}),
    "split-first": (None, metaspace("first", True), [metaspace("first", True)] + READ[1:], {}),
    "unk-fused": (LLAMA, None, STRIP, {"byte_fallback": False, "fuse_unk": True}),
    "unk": (None, metaspace("first", False), STRIP, {"byte_fallback": False, "fuse_unk": False}),
    "unk-split": (None, metaspace("first", True), STRIP, {"byte_fallback": False, "fuse_unk": True}),
    "bytes-missing": (LLAMA, None, STRIP, {"fuse_unk": True}),
    "bytes-missing-unfused": (None, metaspace("first", False), STRIP, {"fuse_unk": False}),
    "crossing": (LLAMA, None, STRIP, {}),
    "odd-merges": (LLAMA, None, STRIP, {}),
    "normalized": (LLAMA, None, STRIP, {}),
    "normalized-first": (None, metaspace("first", False), STRIP, {}),
    "underscore": (None, metaspace("always", False, "_"), [metaspace("always", False, "_")], {}),
}


def add_merges(model, pairs):
    for left, right in pairs:
        if left in model["vocab"] and right in model["vocab"] and [left, right] not in model["merges"]:
            model["vocab"].setdefault(left + right, len(model["vocab"]))
            model["merges"].insert(0, [left, right])


def spell(base, name):
    """The tokenizer in one of the spellings; some have a vocabulary with a peculiarity."""
    normalizer, pre_tokenizer, steps, changes = SPELLINGS[name]
    tokenizer = copy.deepcopy(base)
    model = tokenizer["model"]
    model.update({"unk_token": "<unk>", "fuse_unk": True, "byte_fallback": True, "dropout": None}, **changes)
    tokenizer.update({"normalizer": normalizer, "pre_tokenizer": pre_tokenizer, "post_processor": None,
                      "decoder": {"type": "Sequence", "decoders": steps} if len(steps) > 1 else steps[0]})
    if name.startswith("bytes-missing"):
        for byte in (0xC3, 0x0A, 0xE2):
            token = f"<0x{byte:02X}>"
            model["vocab"][f"[{byte}]"] = model["vocab"].pop(token)
    if name == "crossing":
        add_merges(model, [("e", SPACE), ("e" + SPACE, "t"), (".", SPACE), ("<0x0A>", SPACE)])
    if name == "odd-merges":
        add_merges(model, [("<0x0A>", "a"), ("<0x0A>", "<0x0A>"), ("<unk>", "a")])
    if name.startswith("normalized"):
        for token in tokenizer["added_tokens"]:
            token["normalized"] = True
        end = max(max(model["vocab"].values()), max(t["id"] for t in tokenizer["added_tokens"])) + 1
        for i, text in enumerate(["the end", SPACE + "x" + SPACE, "  ", "qu"]):
            tokenizer["added_tokens"].append({"id": model["vocab"].get(text, end + i), "content": text, "single_word": False, "lstrip": False,
                                              "rstrip": False, "normalized": True, "special": False})
    return tokenizer


def train(texts, vocab):
    tokenizer = Tokenizer(models.BPE(byte_fallback=True, unk_token="<unk>", fuse_unk=True))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always", split=True)
    special = ["<unk>", "<s>", "</s>"] + [f"<0x{byte:02X}>" for byte in range(256)]
    trainer = trainers.BpeTrainer(vocab_size=vocab, special_tokens=special, show_progress=False, limit_alphabet=300)
    tokenizer.train_from_iterator([text.replace("\0", "") for text in texts], trainer)  # memprobe refuses NUL in a token
    tree = json.loads(tokenizer.to_str())
    tree["added_tokens"] = [token for token in tree["added_tokens"] if not token["content"].startswith("<0x")]
    return tree


def convert(path):
    """What transformers makes of a SentencePiece model."""
    from transformers import LlamaTokenizerFast
    tokenizer = LlamaTokenizerFast.from_pretrained(os.path.dirname(os.path.abspath(path)), legacy=False)
    return json.loads(tokenizer.backend_tokenizer.to_str())


# --- texts --------------------------------------------------------------------------------------------------------

def write_jsonl(texts):
    path = os.path.join(work.name, "documents.jsonl")
    with open(path, "w", encoding="utf-8") as out:
        for text in texts:
            out.write(json.dumps({"text": text}, ensure_ascii=False) + "\n")
    return path


def characters():
    """Every character among letters and spaces, some hundred to a text."""
    codes = [c for c in range(1, 0x110000) if not 0xD800 <= c <= 0xDFFF]
    return ["".join(f"a{chr(c)}b {chr(c)}{chr(c)} " for c in codes[i:i + 400]) for i in range(0, len(codes), 400)]


def random_texts(n, seed=1):
    rng = random.Random(seed)
    some = ["<s>", "</s>", "<unk>", "<s", "s>", "<0x0A>", "<0x", " ", "  ", SPACE, SPACE + " ", " " + SPACE, "\n", "\t", "\r\n", "the", " the end",
            "e t", ". ", "a", "\na", "\n\n", " x ", "  x", "qu", "_", "\u00e9", "\u00e3", "\u4e2d", "\u0e01\u0e33", "\U0001f600", "\0", "\ufeff", "\ufffd",
            "\u00a0", "\u3000", "\u2028", "Z", "9", "'s", "quick", " brown", "\u0300", "\u2603"]

    def piece():
        kind = rng.random()
        if kind < 0.6:
            return rng.choice(some)
        if kind < 0.7:
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
                data = file.read(100_000)
            try:
                text = data.decode()
            except UnicodeDecodeError:
                text = data.decode("latin-1")
            left -= len(text.encode())
            texts.append(text)
    return texts


# --- comparisons --------------------------------------------------------------------------------------------------

def random_ids(library, rng):
    """Ids in which bytes come as whole characters: of bytes that are not UTF-8 the library makes U+FFFD, memprobe does not."""
    ids = []
    for _ in range(rng.randrange(12)):
        token = rng.randrange(rng.choice([20, 400, library.get_vocab_size()]))
        if not library.id_to_token(token).startswith("<0x"):
            ids.append(token)
            continue
        character = [library.token_to_id(f"<0x{byte:02X}>") for byte in chr(rng.choice([10, 32, 97, 0xE9, 0x4E2D, 0x1F600])).encode()]
        ids += [byte for byte in character if None not in character]
    return ids


def compare(name, path, texts):
    library = Tokenizer.from_file(path)
    started = time.perf_counter()
    theirs = [library.encode(text, add_special_tokens=False).ids for text in texts]
    seconds = time.perf_counter() - started
    documents = write_jsonl(texts)
    lines = memprobe("encode", "--tokenizer", path, documents).decode().split("\n")
    ours = [[int(word) for word in line.split()] for line in lines[:-1]]
    wrong = [i for i in range(len(texts)) if i >= len(ours) or ours[i] != theirs[i]]
    size = sum(len(text.encode()) for text in texts)
    rate = memprobe("encode", "--count", "--tokenizer", path, documents).decode().split(", ")[1].strip()
    report(f"encode {name}", not wrong and len(ours) == len(texts),
           f"{len(texts)} texts, {size / 1e6:.2f} MB, {sum(map(len, theirs))} tokens, {len(wrong)} differ; "
           f"memprobe {rate}, library {size / 1e6 / seconds:.2f} MB/s")
    for i in wrong[:5]:
        at = next((k for k in range(min(len(ours[i]), len(theirs[i]))) if ours[i][k] != theirs[i][k]), 0)
        print("      ", ascii(texts[i][:100]), f"at {at}: library", theirs[i][at:at + 8], "memprobe", ours[i][at:at + 8])
    decode(name, path, library, theirs)


def decode(name, path, library, sequences):
    """The texts are compared one after the other, because a newline could not tell them apart."""
    back = memprobe("decode", "--tokenizer", path, input="\n".join(" ".join(map(str, ids)) for ids in sequences).encode())
    want = "".join(library.decode(ids, skip_special_tokens=False) for ids in sequences).encode()
    same = next((i for i in range(min(len(back), len(want))) if back[i] != want[i]), min(len(back), len(want)))
    report(f"decode {name}", back == want, f"{len(sequences)} texts, {len(want)} bytes, the first {same} equal")


def compare_all(label, base, texts):
    wanted = args.spellings.split(",") if args.spellings else SPELLINGS
    for name in wanted:
        path = os.path.join(work.name, f"{label}-{name}.json")
        with open(path, "w", encoding="utf-8") as out:
            json.dump(spell(base, name), out, ensure_ascii=False)
        library = Tokenizer.from_file(path)
        compare(f"characters, {label} {name}", path, characters())
        compare(f"random strings, {label} {name}", path, random_texts(args.strings, args.seed))
        if texts:
            compare(f"files, {label} {name}", path, texts)
        rng = random.Random(2)
        decode(f"random ids, {label} {name}", path, library, [random_ids(library, rng) for _ in range(2000)])


def freeze(folder):
    """sentence_small.json: trained on genesis.txt (the first verses of the King James Bible, in the public domain), spelled as
    Llama-2; sentence_small.jsonl: texts and ids in each spelling."""
    with open(os.path.join(folder, "genesis.txt"), encoding="utf-8") as file:
        base = train([file.read()], 420)
    with open(os.path.join(folder, "sentence_small.json"), "w", encoding="utf-8") as out:
        json.dump(spell(base, "llama"), out, ensure_ascii=False, separators=(",", ":"))
        out.write("\n")
    texts = [text for text in random_texts(90, 7) if len(text) < 60][:30] + ["", " ", "  ", "In the beginning", " In  the beginning ", "the</s>the", "</s>", "</s> the"]
    with open(os.path.join(folder, "sentence_small.jsonl"), "w", encoding="utf-8") as out:
        for name in ("llama", "replace", "first", "always", "never", "split"):
            tree = spell(base, name)
            library = Tokenizer.from_str(json.dumps(tree))
            rows = []
            for text in texts:
                ids = library.encode(text, add_special_tokens=False).ids
                rows.append([text, ids, library.decode(ids, skip_special_tokens=False)])
            pipeline = {key: tree[key] for key in ("normalizer", "pre_tokenizer", "decoder")}
            out.write(json.dumps({"pipeline": pipeline, "samples": rows}, separators=(",", ":")) + "\n")


if args.freeze:
    freeze(args.freeze)
    sys.exit()
files = file_texts(args.paths, args.megabytes)
print("tokenizers", tokenizers.__version__)
if files:
    compare_all("trained", train(files, 2000), files)
if args.model:
    compare_all("model", convert(args.model), files)
sys.exit(bad != 0)
