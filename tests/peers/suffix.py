#!/usr/bin/env python3
"""Compares `memprobe count` and `memprobe locate` with tokengrams (pip install tokengrams numpy).

    suffix.py --build build/out [--megabytes 8] [--windows 10000] PATH...

Tokenizes the files under each PATH, a document each, and looks up windows of 1 to 100 tokens at random places, every
fourth with one token changed, in both: occurrences must be the same. The peer searches the tokens of the whole corpus with
the end of a document as a token like others, so only windows without it are asked, and no match crosses a border.
Documents and places of the windows must be those that the peer's positions lie in. Prints a line a check, and times; exits
with 1 if any check fails.
"""
import argparse
import bisect
import csv
import glob
import json
import os
import random
import subprocess
import sys
import tempfile
import time

import numpy as np
from tokengrams import MemmapIndex

ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
ap.add_argument("--build", default=os.environ.get("BUILD", "build/out"))
ap.add_argument("--megabytes", type=float, default=8)
ap.add_argument("--windows", type=int, default=10000)
ap.add_argument("--seed", type=int, default=1)
ap.add_argument("paths", nargs="+", metavar="PATH")
args = ap.parse_args()
program = os.path.abspath(os.path.join(args.build, "memprobe"))
work = tempfile.TemporaryDirectory()
rng = random.Random(args.seed)
bad = 0
CONFIG = """[run]
name = peer
results = {0}/results
cache = {0}/cache
[corpus]
documents = {0}/text.jsonl
tokenizer = train:4096
held_out = 5%
[model.small]
train = yes
layers = 1
width = 16
heads = 2
context = 64
[probe]
context = 32
suffix = 32
"""


def path(name):
    return os.path.join(work.name, name)


def report(name, ok, detail=""):
    global bad
    bad += not ok
    print(f"{'ok  ' if ok else 'FAIL'}  {name}  {detail}", flush=True)


def memprobe(*words):
    start = time.perf_counter()
    out = subprocess.run([program, *words], check=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True).stdout
    return out, time.perf_counter() - start


def rows(text):
    return list(csv.reader(text.splitlines()))[1:]


def files():
    for top in args.paths:
        for folder, folders, names in os.walk(top):
            folders.sort()
            for name in sorted(names):
                if os.path.isfile(os.path.join(folder, name)):
                    yield os.path.join(folder, name)


def write_documents():
    left = args.megabytes * 1e6
    with open(path("text.jsonl"), "w") as out:
        for name in files():
            with open(name, "rb") as file:
                text = file.read(1 << 18).decode("utf-8", "ignore").replace("\0", "")
            if text and left > 0:
                out.write(json.dumps({"id": name, "source": "peer", "text": text}) + "\n")
                left -= len(text)


# --- the corpus, as memprobe tokenized it -------------------------------------------------------------------------------

write_documents()
with open(path("config.ini"), "w") as file:
    file.write(CONFIG.format(work.name))
memprobe("ingest", "--quiet", "--no-progress", path("config.ini"))
corpus = glob.glob(path("cache/ingest-*/members"))[0]
tokens = np.frombuffer(b"".join(
    subprocess.run(["zstd", "-dcq", name], check=True, stdout=subprocess.PIPE).stdout
    for name in sorted(glob.glob(corpus + "/*.tok.zst"))), dtype="<u2")
documents = rows(memprobe("inspect", "--documents", corpus)[0])
firsts, ids = [int(row[0]) for row in documents], [row[2] for row in documents]
end = int(tokens[-1])
print(f"{len(tokens)} tokens, {len(ids)} documents", flush=True)
tokens.tofile(path("tokens.bin"))

start = time.perf_counter()
peer = MemmapIndex.build(path("tokens.bin"), path("tokens.idx"))
built = time.perf_counter() - start
ours = memprobe("index", corpus)[1]
print(f"built in {ours:.2f} s, tokengrams in {built:.2f} s (all cores): {built / ours:.1f} x")

# --- windows ------------------------------------------------------------------------------------------------------------

windows = {}
while len(windows) < args.windows:
    at, length = rng.randrange(len(tokens)), rng.randint(1, 100) if len(windows) % 2 else rng.randint(1, 8)
    window = tokens[at:at + length].tolist()
    if len(windows) % 4 == 3:
        window[rng.randrange(len(window))] = rng.randrange(4096)
    if end not in window:
        windows[" ".join(map(str, window))] = window
names, windows = list(windows), list(windows.values())


def ask(verb, times, *words):
    with open(path("windows.csv"), "w") as file:
        file.write("tokens\n" + "\n".join(names * times) + "\n")
    text, seconds = memprobe(verb, "--corpus", corpus, "--tokens", "--queries", path("windows.csv"), *words)
    return rows(text), seconds


expected = [peer.count(w) for w in windows]
counted, once = ask("count", 1)
report("queries", [row[0] for row in counted] == names)
wrong = [i for i, row in enumerate(counted) if int(row[1]) != expected[i]]
report(f"occurrences of {len(windows)} windows, {expected.count(0)} of them nowhere", not wrong,
       f"first: {names[wrong[0]]}" if wrong else "")
REPEATS = 30
many = ask("count", 1 + REPEATS)[1]
start = time.perf_counter()
for _ in range(REPEATS):
    for w in windows:
        peer.count(w)
theirs = time.perf_counter() - start
ours = max(many - once, 1e-3)
queries = REPEATS * len(windows) / 1e6
print(f"{queries / ours:.2f} M windows/s, from CSV to CSV, with documents; tokengrams {queries / theirs:.2f} M/s, "
      f"occurrences only: {theirs / ours:.1f} x")

# --- documents and places -----------------------------------------------------------------------------------------------

places = {}
for row in ask("locate", 1, "--limit", str(len(tokens)))[0]:
    places.setdefault(row[0], []).append((row[1], int(row[3])))
wrong_places = wrong_documents = positions = 0
for i, window in enumerate(windows):
    at = sorted(peer.positions(window)) if expected[i] else []
    holds = [bisect.bisect_right(firsts, p) - 1 for p in at]
    wrong_documents += int(counted[i][2]) != len(set(holds))
    wrong_places += places.get(names[i], []) != [(ids[d], p - firsts[d]) for d, p in zip(holds, at)]
    positions += len(at)
report("documents", wrong_documents == 0, f"{wrong_documents} windows differ" if wrong_documents else "")
report(f"{positions} places", wrong_places == 0, f"{wrong_places} windows differ" if wrong_places else "")
sys.exit(bad != 0)
