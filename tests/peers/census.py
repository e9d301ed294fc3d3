"""Recomputes the census of a study from its token shards, in plain Python: every window of every length asked for as a
key of a dictionary, every rule by its definition. Compares duplicates.csv and top.csv (without its texts), to the digit.

    python3 tests/peers/census.py RESULTS        e.g. results/duplicates; about 10 s and 200 MB a million tokens and length
"""
import array, collections, configparser, csv, glob, json, os, subprocess, sys


def documents(folder):
    """The documents of a folder of token shards, as arrays of tokens, with id and position."""
    docs, position = [], 0
    for meta_path in sorted(glob.glob(folder + "/*.json")):
        meta = json.load(open(meta_path))
        raw = subprocess.run(["zstd", "-dcq", meta_path[:-5] + ".tok.zst"], capture_output=True, check=True).stdout
        tokens = array.array("H" if meta["vocab"] <= 65536 else "I")
        tokens.frombytes(raw)
        begin = 0
        for i, token in enumerate(tokens):
            if token == meta["end"]:
                docs.append((position + begin, tokens[begin:i]))
                begin = i + 1
        position += len(tokens)
    return docs


def bucket(count):
    n = 0
    while count**4 >= 2 ** (n + 1):
        n += 1
    return n


def bounds(n):
    low = next(c for c in range(1, 1 << 40) if bucket(c) == n)
    high = low
    while bucket(high + 1) == n:
        high += 1
    return low, high


def census(docs, length, overlapping, per_document, top):
    seen = {}  # window: [count, documents, first, last taken, last document]
    for d, (at, tokens) in enumerate(docs):
        raw, w = tokens.tobytes(), tokens.itemsize
        for i in range(len(tokens) - length + 1):
            s = seen.setdefault(raw[w * i : w * (i + length)], [0, 0, at + i, -length, -1])
            if overlapping or s[4] != d or at + i - s[3] >= length:
                s[0] += 1
                s[1] += s[4] != d
                s[3], s[4] = at + i, d
    count = {k: s[1] if per_document else s[0] for k, s in seen.items()}
    distinct, windows, tokens_of = collections.Counter(), collections.Counter(), collections.Counter()
    for c in count.values():
        distinct[bucket(c)] += 1
        windows[bucket(c)] += c
    for at, tokens in docs:
        raw, w, queue = tokens.tobytes(), tokens.itemsize, collections.deque()
        level = [count[raw[w * i : w * (i + length)]] for i in range(len(tokens) - length + 1)]
        for i in range(len(tokens) if level else 0):
            if i < len(level):
                while queue and level[queue[-1]] <= level[i]:
                    queue.pop()
                queue.append(i)
            while queue[0] <= i - length:
                queue.popleft()
            tokens_of[bucket(level[queue[0]])] += 1
    listed = []
    for key in sorted((k for k in count if count[k] > 1), key=lambda k: (-count[k], seen[k][2])):
        if len(listed) == top:
            break
        if all(abs(seen[key][2] - other[2]) >= length for other in listed):
            listed.append(seen[key])
    return distinct, windows, tokens_of, listed


def main(results):
    config = configparser.ConfigParser(inline_comment_prefixes=(";", "#"))
    config.read(results + "/config.ini")
    section, yes = config["census"], ("yes", "true", "on", "1")
    stages = json.load(open(results + "/manifest.json"))["stages"]
    docs = documents(next(s["folder"] for s in stages if s["name"] == "ingest") + "/members")
    total, wrong = sum(len(t) for _, t in docs), 0
    rows = list(csv.DictReader(open(results + "/duplicates.csv")))
    tops = list(csv.DictReader(open(results + "/top.csv", newline="")))
    for length in [int(x) for x in section["lengths"].split(",")]:
        distinct, windows, tokens, listed = census(
            docs, length, section["overlapping"] in yes, section["per_document"] in yes, int(section["top"])
        )
        ours = {int(r["bucket"]): [r[k] for k in list(r)[2:]] for r in rows if int(r["length"]) == length}
        theirs = {}
        for b in distinct:
            share = sum(n for k, n in tokens.items() if k >= b) / total
            theirs[b] = [str(x) for x in (*bounds(b), distinct[b], windows[b], tokens[b])]
            same_share = b in ours and abs(float(ours[b][-1]) - share) < 1e-9
            theirs[b].append(ours[b][-1] if same_share else str(share))
        ours_top = [[int(r["occurrences"]), int(r["documents"])] for r in tops if int(r["length"]) == length]
        same = ours == theirs and ours_top == [[s[0], s[1]] for s in listed]
        print(f"{'ok  ' if same else 'FAIL'}  {length} tokens: {sum(windows.values())} windows, {len(listed)} listed")
        wrong += not same
    return wrong > 0


sys.exit(main(sys.argv[1]))
