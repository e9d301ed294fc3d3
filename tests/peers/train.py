#!/usr/bin/env python3
"""Ten steps of training against PyTorch (needs torch and transformers, in a virtual environment of their own).

    train.py make DIR     writes tests/golden/train.csv from what `test_train peer DIR` has left in DIR
    train.py check        runs `test_train peer` in a folder of its own and compares; BUILD names the build folder

From the same first weights and the same batches: GPTNeoXForCausalLM in double precision, torch.optim.AdamW (decay on
matrices only), clip_grad_norm_, warm-up and half a cosine. The settings are those of peer_run in tests/mpi/test_train.c.
"""
import csv
import math
import os
import subprocess
import sys
import tempfile

import torch
from transformers import GPTNeoXForCausalLM

LR, LR_END, WARMUP, BETAS, EPS, DECAY, CLIP = 1e-2, 1e-3, 0.2, (0.9, 0.95), 1e-8, 0.1, 1.0


def read_batches(path):
    steps = {}
    with open(path) as f:
        for line in f:
            step, *numbers = map(int, line.split(","))
            steps.setdefault(step, []).append(numbers)
    return [torch.tensor(steps[s]).chunk(2, dim=1) for s in sorted(steps)]


def learning_rate(step, steps):
    rise = math.floor(WARMUP * steps + 0.5)
    if step < rise:
        return LR * (step + 1) / rise
    return LR_END + (LR - LR_END) * 0.5 * (1 + math.cos(math.pi * (step - rise) / (steps - 1 - rise)))


def train(folder):
    """(step, lr, loss, norm of the gradient before clipping) of each step."""
    model = GPTNeoXForCausalLM.from_pretrained(os.path.join(folder, "start"), dtype=torch.float64).train()
    parameters = list(model.parameters())
    optimizer = torch.optim.AdamW(
        [{"params": [p for p in parameters if p.dim() >= 2], "weight_decay": DECAY},
         {"params": [p for p in parameters if p.dim() < 2], "weight_decay": 0.0}], betas=BETAS, eps=EPS)
    batches, rows = read_batches(os.path.join(folder, "batches.csv")), []
    for step, (tokens, targets) in enumerate(batches):
        lr = learning_rate(step, len(batches))
        for group in optimizer.param_groups:
            group["lr"] = lr
        optimizer.zero_grad()
        logits = model(tokens).logits
        loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten(), ignore_index=-1)
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(parameters, CLIP)
        optimizer.step()
        rows.append((step + 1, lr, loss.item(), norm.item()))
    return rows


def check():
    program = os.path.join(os.environ.get("BUILD", "build/out"), "mpi", "test_train")
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([program, "peer", folder], check=True)
        expected = train(folder)
        with open(os.path.join(folder, "loss.csv")) as f:
            ours = list(csv.DictReader(f))
    assert len(ours) == len(expected), (len(ours), len(expected))
    worst = [max(abs(float(row[key]) - value[column]) for row, value in zip(ours, expected))
             for key, column in (("lr", 1), ("loss", 2), ("grad_norm", 3))]
    print("train: %d steps, largest differences: lr %.1e, loss %.1e, norm %.1e" % (len(ours), *worst))
    assert worst[0] < 1e-12 and worst[1] < 1e-4 and worst[2] < 1e-3


def make(folder):
    with open("tests/golden/train.csv", "w", newline="") as f:
        out = csv.writer(f, lineterminator="\n")
        out.writerow(("step", "lr", "loss", "grad_norm"))
        for step, *numbers in train(folder):
            out.writerow([step] + ["%.10g" % x for x in numbers])


if __name__ == "__main__":
    if sys.argv[1:] == ["check"]:
        check()
    elif len(sys.argv) == 3 and sys.argv[1] == "make":
        make(sys.argv[2])
    else:
        sys.exit(__doc__)
