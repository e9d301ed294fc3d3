#!/usr/bin/env python3
"""Speed beside PyTorch on one core (needs torch and transformers, in a virtual environment of their own).

    speed.py [SHAPE...]      BUILD names the build folder

For the shapes of GPT-2 small and Pythia-160M with random weights: memprobe's probe engine against
  - one fp32 forward of the same windows by PyTorch, with log-softmax and argmax at the same positions;
  - greedy `generate` of 50 tokens after 50, one prompt at a time and in batches of 8 and 32, as exact-match extraction
    is usually done.
All on the same core, one thread; CPU seconds, loading not counted. memprobe batches as it always does, 2048 tokens at a
time. Forwards take turns, medians of three; generate, which takes long, runs once for each size of batch, on fewer
probes where that is small.

generate needs the same time for every probe, `measure = verdict` does not, so it is timed on three mixes of windows:
  - random: 1 in 8 ends in what the model itself generates, the others in random tokens;
  - text: 1 in 8 likewise, the others follow the model for j tokens with probability 0.6 x 0.4^j, as text does for a
    model that guesses two of five tokens;
  - half: every second window ends in what the model generates, the others in that with one token changed, at a place
    that moves over the whole suffix. Hardly a study is like this one, which leaves the least to be saved.
`measure = all` takes the same time for any of them. All verdicts must be those of generate; only that decides the exit
status, speed is printed. With `precision = bf16` they may differ, and with random weights, whose logits lie close
together, many do; how many is printed.
"""
import csv
import os
import statistics
import subprocess
import sys
import tempfile
import time

os.environ["OPENBLAS_NUM_THREADS"] = os.environ["OMP_NUM_THREADS"] = "1"
os.environ.pop("OPENBLAS_CORETYPE", None)
os.environ.update(OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1")
CORE = max(os.sched_getaffinity(0))
os.sched_setaffinity(0, {CORE})  # inherited by what is started from here

import torch  # noqa: E402
import transformers  # noqa: E402
from transformers import AutoConfig, AutoModelForCausalLM  # noqa: E402

CONTEXT = SUFFIX = 50
PROBES, ROUNDS = 32, 3
GENERATED = {1: 4, 8: 16, 32: 32}  # batch: probes
RUNS = [("half", "all", "fp32")] + [(mix, "verdict", p) for p in ("fp32", "bf16") for mix in ("random", "text", "half")]
SHAPES = {
    "gpt2-124m": dict(family="gpt2"),
    "pythia-160m": dict(
        family="gpt_neox", vocab_size=50304, hidden_size=768, num_hidden_layers=12, num_attention_heads=12,
        intermediate_size=3072, max_position_embeddings=2048, use_parallel_residual=True, tie_word_embeddings=False,
        rope_parameters=dict(rope_type="default", rope_theta=10000.0, partial_rotary_factor=0.25)),
}


def make_model(name, folder):
    torch.manual_seed(5)
    shape = dict(SHAPES[name])
    model = AutoModelForCausalLM.from_config(AutoConfig.for_model(shape.pop("family"), **shape))
    for key, p in model.named_parameters():
        p.data = torch.randn_like(p) * (0.06 if p.ndim == 2 else 0.02) + (p.ndim == 1 and key.endswith("weight"))
    model.eval().save_pretrained(folder)
    return model


def memprobe(folder, windows, context, suffix, top, runs=1, measure="all", precision="fp32"):
    """CPU seconds of each run, and (first_mismatch, matched, logp) of each window."""
    tool = os.path.join(os.environ.get("BUILD", "build/out"), "peers", "speed")
    path, out = os.path.join(top, "windows"), os.path.join(top, "records.csv")
    windows.numpy().astype("<i4").tofile(path)
    done = subprocess.run([tool, folder, path, str(context), str(suffix), str(runs), measure,
                           precision, out], check=True, stdout=subprocess.PIPE, text=True)
    rows = list(csv.DictReader(open(out)))
    return ([float(x) for x in done.stdout.split()],
            [(int(r["first_mismatch"]), int(r["matched"]), float(r["logp"])) for r in rows])


def forward(model, windows, context):
    """The same by PyTorch: hidden states of all positions, the head at those of the suffix only."""
    start = time.process_time()
    with torch.inference_mode():
        hidden = model.base_model(windows[:, :-1], use_cache=False).last_hidden_state[:, context - 1:]
        logits = model.get_output_embeddings()(hidden)
        target = windows[:, context:, None]
        logp = torch.log_softmax(logits, -1).gather(2, target)[..., 0].double().sum(1)
        hit = logits.argmax(-1) == target[..., 0]
    seconds = time.process_time() - start
    return seconds, [(first_miss(h), int(h.sum()), float(p)) for h, p in zip(hit, logp)]


def first_miss(hit):
    return int(hit.long().cumprod(0).sum())


def generate(model, contexts, batch):
    start, parts = time.process_time(), []
    for part in contexts.split(batch):
        parts.append(model.generate(part, attention_mask=torch.ones_like(part), max_new_tokens=SUFFIX, do_sample=False,
                                    num_beams=1, use_cache=True, pad_token_id=0, eos_token_id=None)[:, CONTEXT:])
    return time.process_time() - start, torch.cat(parts)


def compare_forward(name, model, folder, top, context, suffix, count):
    windows = torch.randint(0, model.config.vocab_size, (count, context + suffix),
                            generator=torch.Generator().manual_seed(3))
    ours, theirs = [], []
    forward(model, windows, context)
    for _ in range(ROUNDS):
        seconds, found = memprobe(folder, windows, context, suffix, top)
        ours += seconds
        seconds, expected = forward(model, windows, context)
        theirs.append(seconds)
    good = all(a[:2] == b[:2] and abs(a[2] - b[2]) <= 1e-4 * abs(b[2]) for a, b in zip(found, expected, strict=True))
    ours, theirs = statistics.median(ours), statistics.median(theirs)
    tokens = count * (context + suffix - 1)
    print(f"{name:12} forward of {count:2} x {context + suffix}:    memprobe {tokens / ours:6.0f} tokens/s, PyTorch "
          f"{tokens / theirs:6.0f}, ratio {theirs / ours:5.2f} (aim 1); same measures: {good}", flush=True)
    return good


def cut(text, vocab, places):
    """The text with one token changed at each place (SUFFIX: none)."""
    text = text.clone()
    for i, place in enumerate(places):
        if place < SUFFIX:
            text[i, place] = (text[i, place] + 1 + i) % vocab
    return text


def make_mixes(text, vocab):
    draw = torch.Generator().manual_seed(6)
    random = torch.randint(0, vocab, text.shape, generator=draw)
    random[::8] = text[::8]
    follows = (torch.rand(len(text), SUFFIX, generator=draw) < 0.4).long().cumprod(1).sum(1)
    follows[::8] = SUFFIX
    half = [SUFFIX if i % 2 == 0 else 7 * i % SUFFIX for i in range(len(text))]
    return {"random": random, "text": cut(text, vocab, follows.tolist()), "half": cut(text, vocab, half)}


def compare_generate(name, model, folder, top):
    vocab, good = model.config.vocab_size, True
    contexts = torch.randint(0, vocab, (PROBES, CONTEXT), generator=torch.Generator().manual_seed(4))
    theirs, text = {}, None
    for batch in sorted(GENERATED, reverse=True):
        seconds, found = generate(model, contexts[:GENERATED[batch]], batch)
        theirs[batch] = GENERATED[batch] / seconds
        text = found if text is None else text
        if not torch.equal(found, text[:len(found)]):
            print(f"note: {name}: generate in batches of {batch} differs from that in batches of {max(GENERATED)}")
    print(f"{name:12} 50 + 50, generate by " + ", ".join(f"{b}: {r:.2f}" for b, r in sorted(theirs.items())) +
          " probes/s")
    mixes = make_mixes(text, vocab)
    for mix, measure, precision in RUNS:
        verdicts = [first_miss(t == s) for t, s in zip(text, mixes[mix])]
        windows = torch.cat([contexts, mixes[mix]], 1)
        seconds, found = memprobe(folder, windows, CONTEXT, SUFFIX, top, 2, measure, precision)
        ours = PROBES / min(seconds)
        same = sum(f[0] == v for f, v in zip(found, verdicts, strict=True))
        good = good and (same == PROBES or precision == "bf16")
        print(f"{name:12}   {mix:6} {measure:7} {precision}: {ours:5.1f} probes/s, ratio to generate by " +
              ", ".join(f"{b}: {ours / r:4.1f}" for b, r in sorted(theirs.items())) +
              f"{' (aim 20)' if precision == 'fp32' else ''}; same verdicts: {same} of {PROBES}", flush=True)
    return good


def main():
    torch.set_num_threads(1)
    good = []
    print(f"speed: one core ({CORE}), torch {torch.__version__}, transformers {transformers.__version__}")
    for name in sys.argv[1:] or SHAPES:
        with tempfile.TemporaryDirectory() as top:
            folder = os.path.join(top, name)
            model = make_model(name, folder)
            good.append(compare_forward(name, model, folder, top, 50, 50, 20))
            good.append(compare_forward(name, model, folder, top, 448, 64, 4))
            good.append(compare_generate(name, model, folder, top))
    return 0 if all(good) else 1


if __name__ == "__main__":
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    sys.exit(main())
