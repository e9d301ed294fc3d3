#!/usr/bin/env python3
"""Compares what memprobe reads of tokenized corpora with what their makers write.

    formats.py --build build/out [--shared ../shared]

Writes the same random documents in every format: Megatron data sets by megatron-core's own builder (pip install --no-deps
megatron-core; needs torch; left out with a message when it is not there) and by the documented layout as GPT-NeoX does,
Pythia's records, nanoGPT's and llm.c's files as their scripts write them, OLMo's memory maps and NumPy arrays by numpy.
All documents, ids and tokens, must be those that were written, read whole and in parts; `memprobe inspect` must count
them right. Prints a line a check and exits with 1 if any of them differs.
"""
import argparse
import os
import random
import re
import struct
import subprocess
import sys
import tempfile

import numpy as np

ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
ap.add_argument("--build", default=os.environ.get("BUILD", "build/out"))
ap.add_argument("--shared", default=os.environ.get("SHARED", "../shared"))
ap.add_argument("--documents", type=int, default=3000)
ap.add_argument("--seed", type=int, default=1)
args = ap.parse_args()
work = tempfile.TemporaryDirectory()
rng = random.Random(args.seed)
bad = 0


def path(name):
    return os.path.join(work.name, name)


def run(*command):
    done = subprocess.run([os.path.join(args.build, command[0]), *command[1:]], capture_output=True, text=True)
    return done.stdout if done.returncode == 0 else "exit %d: %s" % (done.returncode, done.stderr.strip())


def report(name, ok, detail=""):
    global bad
    bad += not ok
    print("%-4s  %s%s" % ("ok" if ok else "BAD", name, "" if ok else ": " + detail))


def check(name, listed, expected, source=""):
    """expected: (id, tokens) of all documents in order"""
    want = ["%s\t%s\t%s" % (i, source, " ".join(map(str, t))) for i, t in expected]
    for part in ([], ["9000"], ["70000"]):
        got = run("peers/formats_dump", listed, *part)
        lines = got.split("\n")[:-1]
        first = next((k for k in range(len(want)) if k >= len(lines) or lines[k] != want[k]), len(want))
        report("%s, %s" % (name, "parts of %s bytes" % part[0] if part else "default parts"), lines == want,
               "%d documents, not %d; the first that differs is %d: %s" %
               (len(lines), len(want), first, lines[first][:200] if first < len(lines) else got[:300]))
    lengths = [len(t) for _, t in expected]
    said = run("memprobe", "inspect", listed)
    found = re.search(r"documents (\d+), of (\d+) \.\. (\d+) tokens, mean ([\d.]+), together (\d+)", said)
    want = (len(lengths), min(lengths), max(lengths), "%.1f" % (sum(lengths) / len(lengths)), sum(lengths))
    report("%s, inspect" % name, bool(found) and tuple(map(str, want)) == found.groups(), said[:500])


def documents(vocab, mark=None, empty=True):
    """Lengths as of real texts: mostly short, a few long; some empty; the mark is in none."""
    some = []
    for _ in range(args.documents):
        n = int(rng.lognormvariate(4, 1.2)) + (0 if empty and rng.random() < 0.05 else 1)
        n = 0 if empty and rng.random() < 0.02 else n
        some.append([t if t != mark else t - 1 for t in (rng.randrange(vocab) for _ in range(n))])
    return some


def positions(some):
    at, out = 0, []
    for t in some:
        out.append(at)
        at += len(t) + 1
    return out


def megatron(some):
    try:
        import warnings
        warnings.filterwarnings("ignore")
        import torch
        from megatron.core.datasets.indexed_dataset import IndexedDatasetBuilder
    except ImportError:
        print("skip  Megatron's own builder: no megatron-core or torch in this Python")
        return
    for dtype in (np.uint8, np.int8, np.int16, np.int32, np.int64, np.uint16):
        name = "mcore-%s" % np.dtype(dtype).name
        top = np.iinfo(dtype).max
        fit = [[t % top for t in d] for d in some]
        builder = IndexedDatasetBuilder(path(name + ".bin"), dtype=dtype)
        for d in fit:  # a document of up to three sequences
            a, b = sorted((rng.randrange(len(d) + 1), rng.randrange(len(d) + 1)))
            lengths = [n for n in (a, b - a, len(d) - b) if n > 0]
            builder.add_document(np.array(d, dtype=dtype), lengths)
        builder.finalize(path(name + ".idx"))
        check("megatron-core %s" % np.dtype(dtype).name, "mmidx:" + path(name),
              [("%s.bin@%d" % (name, k), d) for k, d in enumerate(fit)])
    builder = IndexedDatasetBuilder(path("merged.bin"), dtype=np.uint16)
    builder.add_index(path("mcore-uint16"))
    builder.add_index(path("mcore-uint16"))
    builder.finalize(path("merged.idx"))
    twice = [[t % 65535 for t in d] for d in some + some]
    check("megatron-core, merged, told by its magic", path("merged.idx"),
          [("merged.bin@%d" % k, d) for k, d in enumerate(twice)])
    builder = IndexedDatasetBuilder(path("modes.bin"), dtype=np.uint16, multimodal=True)
    builder.add_document(np.array([1, 2], dtype=np.uint16), [2], [0])
    builder.finalize(path("modes.idx"))
    said = run("memprobe", "inspect", "mmidx:" + path("modes"))
    report("megatron-core, multimodal is refused", "multimodal" in said, said)


def neox(some):
    """MMapIndexedDatasetBuilder of GPT-NeoX: the end token is the last of each document, a sequence a document."""
    flat = [d + [0] for d in some]
    sizes = np.array([len(d) for d in flat], dtype=np.int32)
    pointers = np.concatenate([[0], np.cumsum(sizes[:-1].astype(np.int64) * 2)]).astype(np.int64)
    with open(path("neox.idx"), "wb") as f:
        f.write(b"MMIDIDX\x00\x00" + struct.pack("<Q", 1) + struct.pack("<B", 8))
        f.write(struct.pack("<Q", len(sizes)) + struct.pack("<Q", len(sizes) + 1))
        f.write(sizes.tobytes() + pointers.tobytes() + np.arange(len(sizes) + 1, dtype=np.int64).tobytes())
    np.concatenate([np.array(d, dtype=np.uint16) for d in flat]).tofile(path("neox.bin"))
    check("GPT-NeoX", "mmidx:" + path("neox"), [("neox.bin@%d" % k, d) for k, d in enumerate(flat)])
    check("GPT-NeoX, end=0", "mmidx:%s:end=0:source=pile" % path("neox"),
          [("neox.bin@%d" % k, d) for k, d in enumerate(some)], "pile")
    said = run("memprobe", "inspect", path("neox.idx"))
    report("GPT-NeoX, inspect says that documents end with 0",
           "note: %d of %d documents end with token 0" % (len(flat), len(flat)) in said and "end=0" in said, said)


def pythia():
    records = np.array([[rng.randrange(2, 50277) for _ in range(2049)] for _ in range(64)], dtype=np.uint16)
    records.tofile(path("document.bin"))
    check("Pythia", "pythia:" + path("document.bin"),
          [("document.bin@%d" % k, r) for k, r in enumerate(records.tolist())])
    said = run("memprobe", "inspect", "pythia:" + path("document.bin"))
    report("Pythia, inspect says that no borders are known", "nothing marks where texts end" in said, said)


def nanogpt(some):
    """data/openwebtext/prepare.py: ids.append(eot), written into a memory map of uint16."""
    flat = np.array([t for d in some for t in d + [50256]], dtype=np.uint16)
    m = np.memmap(path("train.bin"), dtype=np.uint16, mode="w+", shape=flat.shape)
    m[:] = flat
    m.flush()
    del m
    check("nanoGPT", "nanogpt:" + path("train.bin"),
          [("train.bin@%d" % p, d) for p, d in zip(positions(some), some)])
    flat.tofile(path("raw"))
    check("raw u16", "tokens:%s:u16:end=50256" % path("raw"), [("raw@%d" % p, d) for p, d in zip(positions(some), some)])


def llmc(some, model, magic, version, dtype, mark):
    """dev/data/data_common.py: write_datafile; fineweb.py: the mark, then the document."""
    flat = np.array([t for d in some for t in [mark] + d], dtype=dtype)
    header = np.zeros(256, dtype=np.int32)
    header[0], header[1], header[2] = magic, version, len(flat)
    with open(path("fineweb.bin"), "wb") as f:
        f.write(header.tobytes())
        f.write(flat.tobytes())
    check("llm.c %s" % model, path("fineweb.bin"),
          [("fineweb.bin@%d" % p, d) for p, d in zip(positions(some), some)])


def olmo(some, dtype, mark):
    flat = np.array([t for d in some for t in d + [mark]], dtype=dtype)
    m = np.memmap(path("part-0.npy"), dtype=dtype, mode="w+", shape=flat.shape)
    m[:] = flat
    m.flush()
    del m
    check("OLMo %s" % np.dtype(dtype).name,
          "olmo:%s:u%d:end=%d" % (path("part-0.npy"), 8 * np.dtype(dtype).itemsize, mark),
          [("part-0.npy@%d" % p, d) for p, d in zip(positions(some), some)])


def numpy_arrays():
    for dtype in "u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8":
        top = min(np.iinfo(dtype).max, 2**31 - 1)
        a = np.array([[rng.randrange(top + 1) for _ in range(37)] for _ in range(500)], dtype=dtype)
        b = np.array([[rng.randrange(top + 1)] for _ in range(500)], dtype=dtype)
        for version in (1, 0), (2, 0), (3, 0):
            for name, array in ("a.npy", a), ("b.npy", b), ("flat.npy", a.ravel()):
                with open(path(name), "wb") as f:
                    np.lib.format.write_array(f, array, version=version)
            if version == (1, 0) or dtype == "u2":
                check("NumPy %s v%d" % (dtype, version[0]), path("a.npy"),
                      [("a.npy@%d" % k, r) for k, r in enumerate(a.tolist())])
        check("NumPy %s with another" % dtype, "npy:%s:with=%s" % (path("a.npy"), path("b.npy")),
              [("a.npy@%d" % k, r) for k, r in enumerate(np.concatenate([a, b], axis=1).tolist())])
        check("NumPy %s of one dimension" % dtype, path("flat.npy"), [("flat.npy@0", a.ravel().tolist())])
    for name, array in (("big-endian", a.astype(">u2")), ("floats", a.astype("<f4")), ("bools", a > 0),
                        ("Fortran order", np.asfortranarray(a)), ("3 dimensions", a.reshape(5, 100, 37)),
                        ("0 dimensions", np.array(7)),
                        ("structured", np.zeros(3, dtype=[("x", "<u2")])), ("objects", np.array([1, None], dtype=object))):
        np.save(path("refused.npy"), array, allow_pickle=True)
        said = run("memprobe", "inspect", path("refused.npy"))
        report("NumPy, refused: %s" % name, said.startswith("exit 1") and "refused.npy" in said, said)


def benchmark():
    folder = os.path.join(args.shared, "data", "lm-extraction-benchmark")
    names = [os.path.join(folder, n) for n in ("train_prefix.npy", "train_suffix.npy")]
    if not all(map(os.path.exists, names)):
        print("skip  lm-extraction-benchmark: not in %s" % folder)
        return
    both = np.concatenate([np.load(n) for n in names], axis=1)
    check("lm-extraction-benchmark", "npy:%s:with=%s" % tuple(names),
          [("train_prefix.npy@%d" % k, r) for k, r in enumerate(both.tolist())])


few = documents(50257, 50256)
megatron(documents(65535, empty=False))
neox([[t or 1 for t in d] for d in documents(50277)])
pythia()
nanogpt(few)
llmc(few, "GPT-2", 20240520, 1, np.uint16, 50256)
llmc(documents(128256, 128000), "Llama 3", 20240801, 7, np.uint32, 128000)
olmo(documents(50280, 50279), np.uint16, 50279)
olmo(documents(100278, 100257), np.uint32, 100257)
numpy_arrays()
benchmark()
print("%s" % ("%d differences" % bad if bad else "all as written"))
sys.exit(bad > 0)
