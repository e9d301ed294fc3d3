#!/usr/bin/env python3
"""Recomputes a finished study another way (needs numpy, torch, transformers, scipy, statsmodels, and the zstd program).

    study.py RESULTS [SAMPLE]     RESULTS holds manifest.json and the tables, SAMPLE probes a model are decoded (24)

Corpus and probes by brute force over the decoded shards; decoding by transformers in single and double precision and by
its generate(); the memory by plain distances; intervals and fits by statsmodels, from records and probes alone. A
verdict may differ only where a margin is lost in the rounding of single precision. Exit status 1: something differs.
"""
import configparser
import csv
import glob
import io
import itertools
import json
import os
import subprocess
import sys

import numpy as np
import scipy.stats
import statsmodels.api as sm
import torch
from statsmodels.stats.proportion import confint_proportions_2indep, proportion_confint
from tokenizers import Tokenizer
from transformers import GPTNeoXForCausalLM
from transformers.utils import logging

failures = 0


def check(what, good, detail=""):
    global failures
    failures += not good
    print(f"{'ok  ' if good else 'FAIL'}  {what}{'' if good and not detail else ': ' + str(detail)}", flush=True)


def same(a, b, relative=2e-8):  # tables hold nine digits
    return abs(a - b) <= relative * max(abs(a), abs(b)) + 1e-12


def zstd(path):
    return subprocess.run(["zstd", "-dcq", path], check=True, capture_output=True).stdout


def table(path):
    text = zstd(path).decode() if path.endswith(".zst") else open(path, encoding="utf-8", newline="").read()
    return list(csv.DictReader(io.StringIO(text)))


def inspect_documents(folder):
    program = os.environ.get("BUILD", "build/out") + "/memprobe"
    text = subprocess.run([program, "inspect", "--documents", folder], check=True, capture_output=True).stdout.decode()
    return csv.DictReader(io.StringIO(text, newline=""))


class Study:
    def __init__(self, results):
        self.results = results
        self.stage = {s["name"]: s["folder"] for s in json.load(open(f"{results}/manifest.json"))["stages"]}
        self.config = configparser.ConfigParser(interpolation=None, inline_comment_prefixes=(";",), strict=True)
        self.config.read(f"{results}/config.ini")
        self.contexts = self.numbers("probe", "context")
        self.suffix = int(self.config["probe"]["suffix"])
        self.models = [s[6:] for s in self.config.sections() if s.startswith("model.")]
        self.memories = [s[7:] for s in self.config.sections() if s.startswith("memory.")]
        self.probes = table(f"{results}/probes.csv")
        self.records = table(f"{results}/records.csv.zst")
        self.length = max(self.contexts) + self.suffix
        tokens = open(self.stage["census and probes"] + "/probes.tokens", "rb").read()
        self.windows = np.frombuffer(tokens, "<i4").reshape(len(self.probes), self.length)

    def numbers(self, section, key, kind=int):
        return [kind(float(x)) for x in self.config[section][key].split(",")]

    def checkpoint(self, model):
        return self.stage.get(f"train {model}") or self.config[f"model.{model}"]["checkpoint"]


class Corpus:
    """One half of the ingested corpus, all tokens decoded: documents (first, length, id, source, family)."""

    def __init__(self, folder):
        parts, self.documents, at, good = [], [], 0, True
        listed = iter(inspect_documents(folder))
        for shard in table(f"{folder}/shards.csv"):
            meta = json.load(open(f"{folder}/{shard['name']}.json"))
            tokens = np.frombuffer(zstd(f"{folder}/{shard['name']}.tok.zst"), "<u%d" % meta["width"]).astype("<i4")
            next_first = 0
            for d in itertools.islice(listed, int(shard["documents"])):
                first, length = int(d["first"]) - at, int(d["length"])
                good &= first == next_first and tokens[first + length] == meta["end"]
                next_first = first + length + 1
                self.documents.append((at + first, length, d["id"], d["source"], d["family"]))
            good &= next_first == len(tokens) == int(shard["tokens"])
            parts.append(tokens)
            at += len(tokens)
        good &= next(listed, None) is None
        self.tokens = np.concatenate(parts)
        self.bytes = self.tokens.tobytes()
        self.first = np.array([d[0] for d in self.documents])
        self.by_id = {d[2]: d for d in self.documents}
        name = os.path.basename(folder)
        check(f"{name}: {len(self.documents)} documents lie end to end, each with its end token", good)

    def of(self, document):
        return self.tokens[document[0]:document[0] + document[1]]

    def find(self, window):
        """Positions of all occurrences within a document."""
        found, needle, at = [], window.astype("<i4").tobytes(), -1
        while (at := self.bytes.find(needle, at + 1)) >= 0:
            if at % 4 == 0:
                d = self.documents[int(np.searchsorted(self.first, at // 4, "right")) - 1]
                if at // 4 + len(window) <= d[0] + d[1]:
                    found.append(at // 4)
        return found

    def document_at(self, position):
        return int(np.searchsorted(self.first, position, "right")) - 1


def bucket_of(count):
    return (count ** 4).bit_length() - 1  # floor(log2 c^4)


def check_corpus(study, members, controls):
    config, inputs = study.config, {}
    for path in sorted(glob.glob(config["corpus"]["documents"])):
        text = zstd(path).decode() if path.endswith(".zst") else open(path, encoding="utf-8").read()
        for line in text.split("\n"):
            if line.strip():
                d = json.loads(line)
                inputs[d["id"]] = d["text"]
    held = {d[2] for d in controls.documents if d[3] != "planted"}
    kept = {d[2] for d in members.documents if d[3] != "planted"}
    check("every input document is a member or held out, none both", held | kept == set(inputs) and not held & kept)
    check("no held-out document's text is a member document", not {inputs[i] for i in held} & {inputs[i] for i in kept})
    share = float(config["corpus"]["held_out"].rstrip("%")) / (100 if "%" in config["corpus"]["held_out"] else 1)
    spread = 4 * (share * (1 - share) * len(inputs)) ** 0.5
    check("the share held out is what was asked for", abs(len(held) - share * len(inputs)) <= spread,
          f"{len(held)} of {len(inputs)}")
    tokenizer = Tokenizer.from_file(study.stage.get("tokenizer", "") + "/tokenizer.json" if "tokenizer" in study.stage
                                    else config["corpus"]["tokenizer"])
    wrong = [i for c, ids in ((members, kept), (controls, held)) for i in sorted(ids)
             if tokenizer.encode(inputs[i], add_special_tokens=False).ids != c.of(c.by_id[i]).tolist()]
    check("the library's tokenizer gives the tokens of the shards", not wrong, wrong[:3] or "")

    per_level = int(config["inject"]["sequences"].split()[0])
    copies = study.numbers("inject", "duplicates") if per_level else []
    families = {}
    for d in members.documents:
        if d[3] == "planted":
            families.setdefault(d[4], []).append(members.of(d))
    good = len(families) == per_level * len(copies)
    for level, count in enumerate(copies):
        for number in range(per_level):
            texts = families.get(f"planted/{level}/{number}", [])
            good &= len(texts) == count and all((t == texts[0]).all() for t in texts)
            good &= len(texts) > 0 and len(members.find(texts[0])) == count and not controls.find(texts[0])
    check(f"{len(families)} planted sequences have exactly the planned copies", good)
    twins = [d for d in controls.documents if d[3] == "planted"]
    check(f"{len(twins)} planted twins, none in a member", len(twins) == per_level * len(copies) and
          not any(members.find(controls.of(d)) for d in twins))


def check_probes(study, members, controls):
    """Counts, buckets and the rules of the sample, from all windows of the corpus in a dictionary."""
    windows = {}  # bytes -> [count, first position]
    length = study.length
    for first, n, *_ in members.documents:
        for at in range(first, first + n - length + 1):
            windows.setdefault(members.bytes[4 * at:4 * (at + length)], [0, at])[0] += 1
    census = {}
    for count, _ in windows.values():
        c = census.setdefault(bucket_of(count), [0, 0])
        c[0] += 1
        c[1] += count
    rows = {int(r["bucket"]): [int(r["distinct"]), int(r["occurrences"])]
            for r in table(study.stage["census and probes"] + "/census.csv") if int(r["distinct"])}
    check(f"census of {len(windows)} distinct windows by bucket", rows == census, "" if rows == census else census)

    good = dict.fromkeys(("counts", "places", "buckets", "controls"), True)
    taken = {}
    for p, window in zip(study.probes, study.windows):
        corpus, member, bucket = (members, True, int(p["bucket"])) if p["is_member"] == "1" else (controls, False,
                                                                                                  int(p["bucket"]))
        found = members.find(window)
        good["counts"] &= int(p["duplicates"]) == len(found)
        good["counts"] &= int(p["documents"]) == len({members.document_at(f) for f in found})
        d = corpus.by_id[p["doc_id"]]
        at = d[0] + int(p["offset"])
        good["places"] &= d[3] == p["source"] and int(p["offset"]) + length <= d[1] and int(p["length"]) == length
        good["places"] &= bool((corpus.tokens[at:at + length] == window).all())
        if member:
            good["buckets"] &= len(found) > 0 and bucket == bucket_of(len(found))
        else:
            good["controls"] &= not found
        taken.setdefault((bucket if member else p["source"], member), []).append(at)
    check("duplicates and documents of every probe by brute force", good["counts"])
    check("every probe stands where its row says", good["places"])
    check("buckets are floor(4 log2 duplicates)", good["buckets"])
    check("no control occurs in the member corpus", good["controls"])
    check("no two members of a bucket and no two controls of a source overlap",
          all(b - a >= length for places in taken.values() for a, b in zip(sorted(places), sorted(places)[1:])))
    check("all probes are different windows", len({w.tobytes() for w in study.windows}) == len(study.windows))
    per_bucket, full = int(study.config["probe"]["per_bucket"]), True
    for key in census:
        places = np.array(sorted(taken.get((key, True), [])))
        full &= len(places) <= per_bucket
        if len(places) < per_bucket:  # then none is left that could be taken
            full &= len(places) > 0 and all(np.abs(places - at).min() < length
                                            for count, at in windows.values() if bucket_of(count) == key)
    check(f"a bucket has {per_bucket} members, or no further window that overlaps none", full)
    need = {}
    for p in study.probes:
        need.setdefault((p["bucket"], p["source"]), [0, 0])[p["is_member"] == "0"] += 1
    check("no bucket and source has more controls than members", all(c <= m for m, c in need.values()))
    families, label = {}, []
    for p in study.probes:
        corpus = members if p["is_member"] == "1" else controls
        label.append(families.setdefault((p["is_member"], corpus.by_id[p["doc_id"]][4]), len(families)))
    check("sequence_id tells texts apart", label == [int(p["sequence_id"]) for p in study.probes])
    tell_limits(study, members)


def tell_limits(study, members):
    """What the tables cannot show: parts of windows that occur more often, and occurrences that training cut."""
    shortest = min(study.contexts) + study.suffix
    more = part = controls = 0
    for p, window in zip(study.probes, study.windows):
        count = len(members.find(window[-shortest:]))
        if p["is_member"] == "1":
            more += count > int(p["duplicates"])
        else:
            controls += 1
            part += count > 0
    print(f"note  {more} members and {part} of {controls} controls whose last {shortest} tokens occur more often than "
          f"the whole {study.length}")
    for model in study.models:
        section = study.config[f"model.{model}"]
        if section["train"] != "yes":
            continue
        context, whole, total = int(section["context"]), 0, 0
        for p, window in zip(study.probes, study.windows):
            if p["is_member"] == "1":
                places = members.find(window)
                total += len(places)
                # a training window predicts tokens w context + 1 .. (w + 1) context
                whole += sum(at // context == (at + study.length - 2) // context for at in places)
        print(f"note  {model}: {100 * whole / total:.0f} % of the members' occurrences lie within one training window "
              f"of {context} tokens")


def measures(logits, targets):
    """(first_mismatch, matched, logp, rank_max, margin_min) in the precision of the logits, (suffix, vocab)."""
    own = logits.gather(1, targets[:, None])[:, 0]
    ids = torch.arange(logits.shape[1])
    rank = ((logits > own[:, None]) | ((logits == own[:, None]) & (ids[None] < targets[:, None]))).sum(1)
    others = logits.scatter(1, targets[:, None], float("-inf")).max(1).values
    wrong = (rank > 0).nonzero()
    return (int(wrong[0]) if len(wrong) else len(targets), int((rank == 0).sum()),
            float((own - logits.logsumexp(1)).sum()), int(rank.max()), float((own - others).min()),
            (own - others).double())


class Comparison:
    """Records against measures. A verdict may differ at positions whose margin is below `blur`."""

    def __init__(self, blur):
        self.blur, self.n, self.excused, self.wrong = blur, 0, 0, []
        self.worst = {"logp": 0.0, "margin": 0.0, "entropy": 0.0}

    def add(self, r, m, suffix):
        first, matched, logp, rank, margin, margins = m
        self.n += 1
        if r["matched"] == "":  # measure = verdict
            if (int(r["first_mismatch"]), int(r["exact"])) != (first, first == suffix):
                if (margins.abs() < self.blur).any():
                    self.excused += 1
                else:
                    self.wrong.append((r["model"], r["arm"], r["context"], r["probe_id"]))
            return
        near = int((margins.abs() < self.blur).sum())
        verdict = (int(r["first_mismatch"]), int(r["matched"]), int(r["exact"])) == (first, matched, first == suffix)
        if not verdict and near and abs(int(r["matched"]) - matched) <= near:
            self.excused += 1
        elif not verdict or (int(r["rank_max"]) != rank and abs(int(r["rank_max"]) - rank) > 1 + rank // 50):
            self.wrong.append((r["model"], r["arm"], r["context"], r["probe_id"]))
        pairs = {"logp": (float(r["logp_suffix"]), logp), "margin": (float(r["margin_min"]), margin),
                 "entropy": (float(r["entropy_bits"]), -logp / suffix / np.log(2))}
        for key, (ours, theirs) in pairs.items():
            self.worst[key] = max(self.worst[key], 0 if ours == theirs else abs(ours - theirs))  # equal infinities

    def tell(self, what, bound):
        good = self.n > 0 and not self.wrong and all(w < bound for w in self.worst.values())
        worst = ", ".join(f"{k} {w:.1e}" for k, w in self.worst.items())
        check(what, good, f"{self.n} records, largest differences: {worst}; {self.excused} within rounding; "
              f"wrong: {self.wrong[:3]}")


def sample_of(study, n, seed):
    """Probes of every bucket and kind, members first where there are hits."""
    rng, groups = np.random.default_rng(seed), {}
    for i, p in enumerate(study.probes):
        groups.setdefault((p["bucket"], p["is_member"]), []).append(i)
    per = max(1, n // len(groups))
    return sorted(int(i) for g in groups.values() for i in rng.choice(g, min(per, len(g)), replace=False))


def generated(model, context, suffix):
    model.generation_config.eos_token_id = None
    with torch.no_grad():
        out = model.generate(context[None], attention_mask=torch.ones_like(context[None]), max_new_tokens=suffix,
                             do_sample=False, pad_token_id=0)
    return out[0, len(context):].tolist()


def key_hook(model, kept):
    """Keys and queries: what the last layer's MLP reads, after its norm."""
    def keep(_, inputs):
        kept[:] = [inputs[0][0]]

    return model.gpt_neox.layers[-1].mlp.register_forward_pre_hook(keep)


def check_model(study, name, record, sample):
    single = GPTNeoXForCausalLM.from_pretrained(study.checkpoint(name), dtype=torch.float32).eval()
    double = GPTNeoXForCausalLM.from_pretrained(study.checkpoint(name), dtype=torch.float64).eval()
    embeddings = {id(e.weight) for e in (single.get_input_embeddings(), single.get_output_embeddings())}
    params = sum(p.numel() for p in single.parameters() if id(p) not in embeddings)
    rates = [r for r in table(f"{study.results}/rates.csv") if r["model"] == name]
    check(f"{name}: params", all(int(r["params"]) == params for r in rates), params)
    by32, by64, bad, runs = Comparison(1e-3), Comparison(1e-3), [], 0
    for i in sample:
        for context in study.contexts:
            window = torch.tensor(study.windows[i][-(context + study.suffix):].astype(np.int64))
            r = record[name, "bare", context, i]
            for model, comparison in ((single, by32), (double, by64)):
                with torch.no_grad():
                    logits = model(window[None, :-1]).logits[0, context - 1:]
                m = measures(logits, window[context:])
                comparison.add(r, m, study.suffix)
            text, first = generated(single, window[:context], study.suffix), 0
            while first < study.suffix and text[first] == window[context + first]:
                first += 1
            runs += 1
            if first != int(r["first_mismatch"]) and not (m[5].abs() < 1e-3).any():
                bad.append((context, i, first))
    by32.tell(f"{name}: decoding in single precision", 2e-3)
    by64.tell(f"{name}: decoding in double precision", 2e-3)
    check(f"{name}: generate() stops where first_mismatch says", not bad, f"{runs} texts {bad[:3] or ''}")
    return single, double


def check_store(study, name, folder, model, members):
    meta = json.load(open(f"{folder}/meta.json"))
    n, width, context, stride = meta["entries"], meta["width"], meta["context"], meta["stride"]
    keys = np.memmap(f"{folder}/keys.f32", "<f4", "r", shape=(n, width))
    values, positions = np.fromfile(f"{folder}/values.u32", "<u4"), np.fromfile(f"{folder}/positions.i64", "<i8")
    expected = np.concatenate([np.arange(d[0] + 1, d[0] + d[1] + 1, stride) for d in members.documents])
    check(f"{name}: {n} entries, one a token with what follows it", np.array_equal(expected, positions) and
          np.array_equal(members.tokens[positions], values))
    kept, worst = [], 0.0
    hook = key_hook(model, kept)
    for d in [members.documents[i] for i in np.random.default_rng(5).choice(len(members.documents), 20)]:
        start = int(np.searchsorted(positions, d[0] + 1))
        rows = []
        for at in range(0, d[1], context):
            piece = torch.tensor(members.of(d)[at:at + context].astype(np.int64))
            with torch.no_grad():
                model(piece[None])
            rows.append(kept[0].numpy())
        theirs = np.concatenate(rows)[::stride] if rows else np.zeros((0, width))
        worst = max(worst, float(np.abs(theirs - keys[start:start + len(theirs)]).max(initial=0)))
    hook.remove()
    check(f"{name}: keys of 20 documents", worst < 1e-3, f"largest difference {worst:.1e}")
    return keys, values


def nearest(keys, queries, k):
    """Squared distances in double precision of the k nearest, from candidates found in single."""
    best_d, best_i = torch.zeros(len(queries), 0), torch.zeros(len(queries), 0, dtype=torch.int64)
    q = torch.tensor(queries)
    for at in range(0, len(keys), 1 << 16):
        block = torch.tensor(np.asarray(keys[at:at + (1 << 16)]))
        d = torch.cdist(q, block, compute_mode="use_mm_for_euclid_dist_if_necessary")
        near = d.topk(min(2 * k, d.shape[1]), largest=False)
        best_d, best_i = torch.cat((best_d, near.values), 1), torch.cat((best_i, near.indices + at), 1)
        keep = best_d.topk(min(2 * k, best_d.shape[1]), largest=False)
        best_d, best_i = keep.values, best_i.gather(1, keep.indices)
    exact = ((np.asarray(keys)[best_i.numpy()].astype(np.float64) - queries[:, None].astype(np.float64)) ** 2).sum(2)
    order = np.lexsort((best_i.numpy(), exact), axis=1)[:, :k]
    return np.take_along_axis(exact, order, 1), np.take_along_axis(best_i.numpy(), order, 1)


def check_memory(study, name, memory, record, models, members, sample):
    section = study.config[f"memory.{memory}"]
    folder = study.stage.get(f"store {name} {memory}") or next(f for s, f in study.stage.items()
                                                               if s.startswith(f"store {name} "))
    keys, values = check_store(study, name, folder, models[0], members)
    lambdas, temperature = study.numbers(f"memory.{memory}", "lambda", float), float(section["temperature"])
    comparison, kept = {x: Comparison(3e-3) for x in lambdas}, []
    hook = key_hook(models[0], kept)
    for i in sample:
        for context in (min(study.contexts), max(study.contexts)):
            window = torch.tensor(study.windows[i][-(context + study.suffix):].astype(np.int64))
            with torch.no_grad():
                p = models[0](window[None, :-1]).logits[0, context - 1:].double().softmax(1)
            d, near = nearest(keys, kept[0][context - 1:].numpy(), int(section["k"]))
            weight = np.exp(-(d - d[:, :1]) / temperature)
            weight /= weight.sum(1, keepdims=True)
            memory_p = torch.zeros_like(p).scatter_add_(1, torch.tensor(values[near].astype(np.int64)),
                                                        torch.tensor(weight))
            for x in lambdas:
                arm = f"{memory}:lambda={x:g}"
                m = measures(((1 - x) * p + x * memory_p).log(), window[context:])
                comparison[x].add(record[name, arm, context, i], m, study.suffix)
    hook.remove()
    for x in lambdas:
        comparison[x].tell(f"{name}: {memory} at lambda {x:g}", 2e-2)
    if 0 in lambdas:
        arm = f"{memory}:lambda=0"
        check(f"{name}: {memory} at lambda 0 is the bare model", all(
            {**record[name, arm, c, i], "arm": ""} == {**record[name, "bare", c, i], "arm": ""}
            for c in study.contexts for i in range(len(study.probes))))


def effective_n(hits, clusters):
    """n / design effect: one-way ANOVA by group means (Donner 1986); clusters are counted where nothing varies."""
    hits, groups = np.array(hits, float), [np.array(clusters) == c for c in sorted(set(clusters))]
    n, k = len(hits), len(groups)
    if k == n or k == 1 or hits.min() == hits.max():
        return k
    sizes, means = np.array([g.sum() for g in groups]), np.array([hits[g].mean() for g in groups])
    between = (sizes * (means - hits.mean()) ** 2).sum() / (k - 1)
    within = sum(((hits[g] - m) ** 2).sum() for g, m in zip(groups, means)) / (n - k)
    size = (n - (sizes ** 2).sum() / n) / (k - 1)
    rho = max(0, (between - within) / (between + (size - 1) * within))
    return min(max(n / (1 + ((sizes ** 2).sum() / n - 1) * rho), k), n)


def rates_of(study, alpha):
    """rates.csv from records and probes alone."""
    groups = {}
    for r in study.records:
        p = study.probes[int(r["probe_id"])]
        groups.setdefault((r["model"], r["arm"], r["context"], int(p["bucket"])), []).append((p, int(r["exact"])))
    for key, rows in groups.items():
        member, control = ([(p, e) for p, e in rows if p["is_member"] == f] for f in "10")
        n, hits, cn, chits = len(member), sum(e for _, e in member), len(control), sum(e for _, e in control)
        low, high = proportion_confint(hits, n, alpha, "wilson")
        cp = proportion_confint(hits, n, alpha, "beta")
        clusters = [int(p["sequence_id"]) for p, _ in member]
        row = {"n": n, "hits": hits, "control_n": cn, "control_hits": chits, "rate": hits / n, "ci_lo": low,
               "ci_hi": high, "cp_lo": cp[0], "cp_hi": cp[1], "n_eff": effective_n([e for _, e in member], clusters),
               "dup_mean": float(scipy.stats.gmean([int(p["duplicates"]) for p, _ in member]))}
        if cn:
            net = confint_proportions_2indep(hits, n, chits, cn, method="newcomb", compare="diff", alpha=alpha)
            row.update(control_rate=chits / cn, net=hits / n - chits / cn, net_lo=net[0], net_hi=net[1])
        yield key, row


def check_rates(study, alpha):
    published = {(r["model"], r["arm"], r["context"], int(r["bucket"])): r
                 for r in table(f"{study.results}/rates.csv")}
    mine, wrong = dict(rates_of(study, alpha)), []
    for key, row in mine.items():
        for column in ("n", "hits", "control_n", "control_hits", "rate", "ci_lo", "ci_hi", "cp_lo", "cp_hi", "n_eff",
                       "dup_mean", "control_rate", "net", "net_lo", "net_hi"):
            text = published.get(key, {}).get(column, "missing")
            good = text == "" if column not in row else text not in ("", "missing") and same(float(text), row[column])
            if not good:
                wrong.append((key, column, text, row.get(column)))
    check(f"rates.csv: {len(mine)} rows by statsmodels", not wrong and len(published) == len(mine), wrong[:3] or "")
    return mine


def check_fits(study, rates, alpha):
    params = {r["model"]: int(r["params"]) for r in table(f"{study.results}/rates.csv")}
    largest, longest = max(params, key=params.get), str(max(study.contexts))

    def pooled(model, arm, context):
        rows = [r for k, r in rates.items() if k[:3] == (model, arm, context) and k[3] >= 4]
        return [sum(r[c] for r in rows) for c in ("hits", "n", "control_hits", "control_n")]

    wrong, expected, published = [], 0, table(f"{study.results}/fits.csv")
    for arm in dict.fromkeys(k[1] for k in rates):
        points = {"parameters": [(params[m], pooled(m, arm, longest)) for m in params],
                  "duplicates": [(r["dup_mean"], [r["hits"], r["n"], r["control_hits"], r["control_n"]])
                                 for k, r in rates.items() if k[:3] == (largest, arm, longest)],
                  "context": [(c, pooled(largest, arm, str(c))) for c in study.contexts]}
        for response in ("rate", "net"):
            for factor, all_points in points.items():
                use = [(np.log10(x), h / n - (ch / cn if response == "net" else 0))
                       for x, (h, n, ch, cn) in all_points if n and (cn or response == "rate")]
                if len(use) < 3 or len({x for x, _ in use}) < 2:
                    continue
                expected += 1
                x, y = np.array(use).T
                row = [r for r in published if (r["arm"], r["response"], r["factor"]) == (arm, response, factor)]
                fit = sm.OLS(y, sm.add_constant(x)).fit()
                interval = fit.conf_int(alpha)[1]
                flat = np.ptp(y) < 1e-12
                values = {"n": len(y), "intercept": fit.params[0], "slope": fit.params[1], "slope_se": fit.bse[1],
                          "ci_lo": interval[0], "ci_hi": interval[1], "r2": fit.rsquared, "p": fit.pvalues[1]}
                exact = flat or 1 - fit.rsquared < 1e-12  # no scatter: nothing is claimed
                empty = ("slope_se", "ci_lo", "ci_hi", "p") * int(exact) + ("r2",) * int(flat)
                for column, value in values.items():
                    text = row[0][column] if row else "missing"
                    if column in empty:
                        good = text == ""
                    else:
                        good = text not in ("", "missing") and abs(float(text) - value) < 1e-6 * abs(value) + 1e-9
                    if not good:
                        wrong.append((arm, response, factor, column, text, value))
    check(f"fits.csv: {expected} lines by statsmodels", not wrong and len(published) == expected, wrong[:3] or "")


def main():
    if not 2 <= len(sys.argv) <= 3:
        sys.exit(__doc__)
    study, alpha = Study(sys.argv[1]), None
    alpha = float(study.config["probe"]["alpha"])
    n = int(sys.argv[2]) if len(sys.argv) > 2 else 24
    torch.set_num_threads(2)
    logging.disable_progress_bar()
    rates = check_rates(study, alpha)
    check_fits(study, rates, alpha)
    members, controls = (Corpus(f"{study.stage['ingest']}/{half}") for half in ("members", "controls"))
    check_corpus(study, members, controls)
    check_probes(study, members, controls)
    record = {(r["model"], r["arm"], int(r["context"]), int(r["probe_id"])): r for r in study.records}
    check("a record for every probe, context, model and arm, and no other", len(record) == len(study.records) ==
          len({k[:2] for k in record}) * len(study.contexts) * len(study.probes))
    arms = {k[:2] for k in record}
    for number, name in enumerate(study.models):
        sample = sample_of(study, n, number)
        models = check_model(study, name, record, sample)
        for memory in study.memories:
            if any(model == name and arm.startswith(f"{memory}:lambda=") for model, arm in arms):
                few = sample[::max(1, len(sample) // 12)]
                check_memory(study, name, memory, record, models, members, few)
    print(f"{failures} checks failed" if failures else "everything agrees")
    sys.exit(failures > 0)


main()
