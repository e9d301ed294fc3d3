#!/usr/bin/env python3
"""Speed beside PyTorch on one core (needs torch and transformers, in a virtual environment of their own).

    speed.py [SHAPE...]      BUILD names the build folder

For the shapes of GPT-2 small and Pythia-160M with random weights: memprobe's probe engine against
  - one fp32 forward of the same windows by PyTorch, with log-softmax and argmax at the same positions;
  - greedy `generate` of 50 tokens after 50, in batches of 8 and 32, as exact-match extraction is usually done.
All on the same core, one thread; CPU seconds, loading not counted. Forwards take turns, medians of three; generate, which
takes long, runs once for each size of batch. The verdicts must agree: half of
the windows end in what the model itself generates, the others in that with one token changed. Only they decide the exit
status; speed is printed.
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


def memprobe(folder, windows, context, suffix, top, runs=1):
    """CPU seconds of each run, and (first_mismatch, matched, logp) of each window."""
    tool = os.path.join(os.environ.get("BUILD", "build/out"), "peers", "speed")
    path, out = os.path.join(top, "windows"), os.path.join(top, "records.csv")
    windows.numpy().astype("<i4").tofile(path)
    done = subprocess.run([tool, folder, path, str(context), str(suffix), str(runs), out], check=True,
                          stdout=subprocess.PIPE, text=True)
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


def altered(text, vocab):
    """Every second row with one token changed, at a place that moves; the places (SUFFIX: none)."""
    places = torch.full((len(text),), SUFFIX)
    text = text.clone()
    for i in range(1, len(text), 2):
        places[i] = 7 * i % SUFFIX
        text[i, places[i]] = (text[i, places[i]] + 1 + i) % vocab
    return text, places.tolist()


def compare_generate(name, model, folder, top):
    vocab = model.config.vocab_size
    contexts = torch.randint(0, vocab, (PROBES, CONTEXT), generator=torch.Generator().manual_seed(4))
    runs = {batch: generate(model, contexts, batch) for batch in (32, 8)}
    suffix, places = altered(runs[32][1], vocab)
    seconds, found = memprobe(folder, torch.cat([contexts, suffix], 1), CONTEXT, SUFFIX, top, ROUNDS)
    ours, good = statistics.median(seconds), True
    for batch, (theirs, text) in runs.items():
        verdicts = [first_miss(t == s) for t, s in zip(text, suffix)]
        same = [f[0] for f in found] == verdicts
        good = good and same
        print(f"{name:12} 50 + 50, generate by {batch:2}: memprobe {PROBES / ours:6.1f} probes/s, generate "
              f"{PROBES / theirs:6.1f}, ratio {theirs / ours:5.2f} (aim 20); same verdicts: {same}, as made: "
              f"{verdicts == places}", flush=True)
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
