#!/usr/bin/env python3
"""GPT-NeoX against transformers (needs torch and transformers, in a virtual environment of their own).

    neox.py make DIR      writes the golden checkpoints and their logits (tests/golden/neox)
    neox.py check         compares live, both ways: a checkpoint written by transformers read by memprobe, and one
                          written by memprobe read by transformers; BUILD names the build folder
"""
import csv
import json
import os
import shutil
import subprocess
import sys
import tempfile

import torch
from transformers import AutoModelForCausalLM, GPTNeoXConfig, GPTNeoXForCausalLM

# Two tiny models that differ in everything the format allows. Head sizes are no multiples of a panel on purpose.
MODELS = {
    "parallel-bf16": dict(
        config=dict(vocab_size=61, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64,
                    max_position_embeddings=32, use_parallel_residual=True, tie_word_embeddings=False),
        rope=dict(rope_type="default", rope_theta=10000.0, partial_rotary_factor=0.25), dtype=torch.bfloat16, shard="1GB",
    ),
    "serial-f16": dict(
        config=dict(vocab_size=50, hidden_size=40, num_hidden_layers=3, num_attention_heads=2, intermediate_size=36,
                    max_position_embeddings=24, use_parallel_residual=False, tie_word_embeddings=True,
                    layer_norm_eps=1e-3),
        rope=dict(rope_type="default", rope_theta=500.0, partial_rotary_factor=0.5), dtype=torch.float16, shard="20KB",
    ),
}


def random_model(name):
    """Weights wide enough that no part of the forward pass is lost in the rounding of another."""
    spec = MODELS[name]
    torch.manual_seed(sum(map(ord, name)))
    config = GPTNeoXConfig(**spec["config"], rope_parameters=spec["rope"], hidden_act="gelu")
    config.bos_token_id = config.eos_token_id = 0
    model = GPTNeoXForCausalLM(config)
    for key, p in model.named_parameters():
        gain = "norm" in key and key.endswith("weight")
        p.data = (torch.randn_like(p) * 0.25 + (1.0 if gain else 0.0)).to(spec["dtype"])
    return model.eval()


def tokens_of(config):
    generator = torch.Generator().manual_seed(7)
    return torch.randint(0, config.vocab_size, (config.max_position_embeddings - 4,), generator=generator)


def logits_of(model, tokens):
    """In double precision, from the weights as they are in the file."""
    with torch.no_grad():
        return model.double()(tokens[None]).logits[0].double()


def write_logits(path, tokens, logits):
    with open(path, "w", newline="") as f:
        out = csv.writer(f, lineterminator="\n")
        out.writerow(["token"] + [f"l{i}" for i in range(logits.shape[1])])
        for token, row in zip(tokens.tolist(), logits.tolist()):
            out.writerow([token] + [f"{x:.9g}" for x in row])


def read_logits(path):
    rows = list(csv.reader(open(path)))[1:]
    return torch.tensor([int(r[0]) for r in rows]), torch.tensor([[float(x) for x in r[1:]] for r in rows]).double()


def save(model, name, folder):
    model.save_pretrained(folder, max_shard_size=MODELS[name]["shard"])
    path = os.path.join(folder, "generation_config.json")
    if os.path.exists(path):
        os.remove(path)
    if name == "serial-f16":  # the spelling of transformers 4, in which the published checkpoints are written
        path = os.path.join(folder, "config.json")
        config = json.load(open(path))
        rope = config.pop("rope_parameters")
        config.update(rotary_pct=rope["partial_rotary_factor"], rotary_emb_base=rope["rope_theta"],
                      torch_dtype=config.pop("dtype", "float16"))
        json.dump(config, open(path, "w"), indent=2, sort_keys=True)


def make(folder):
    for name in MODELS:
        to = os.path.join(folder, name)
        shutil.rmtree(to, ignore_errors=True)
        os.makedirs(to)
        model = random_model(name)
        save(model, name, to)
        tokens = tokens_of(model.config)
        write_logits(os.path.join(to, "logits.csv"), tokens, logits_of(model, tokens))


def compare(what, ours, theirs):
    error = ((ours - theirs).abs().max() / theirs.abs().max()).item()
    agree = (ours.argmax(1) == theirs.argmax(1)).double().mean().item()
    print(f"{what:44} largest difference {error:.2e} of the largest logit, {100 * agree:.0f} % of argmaxes agree")
    return error < 1e-4 and agree == 1


def check():
    tool = os.path.join(os.environ.get("BUILD", "build/out"), "peers", "neox_logits")
    good = True
    with tempfile.TemporaryDirectory() as top:
        for name in MODELS:
            model, folder = random_model(name), os.path.join(top, name)
            save(model, name, folder)
            tokens = tokens_of(model.config)
            ours = os.path.join(top, "ours.csv")
            subprocess.run([tool, "load", folder, ours] + [str(t) for t in tokens.tolist()], check=True)
            good &= compare(f"{name}: transformers to memprobe", read_logits(ours)[1], logits_of(model, tokens))
        for kind in ["parallel", "serial", "tied"]:
            folder, ours = os.path.join(top, "made-" + kind), os.path.join(top, "ours.csv")
            os.makedirs(folder)
            subprocess.run([tool, kind, folder, ours] + [str(t) for t in range(3, 40)], check=True)
            model, report = AutoModelForCausalLM.from_pretrained(folder, output_loading_info=True, dtype=torch.float32)
            bad = {k: v for k, v in report.items() if v and k != "missing_keys"}
            missing = set(report["missing_keys"]) - ({"embed_out.weight"} if kind == "tied" else set())
            if bad or missing:
                print(f"made-{kind}: transformers reports {bad} {missing}")
                good = False
            tokens, logits = read_logits(ours)
            good &= compare(f"{kind}: memprobe to transformers", logits, logits_of(model, tokens))
    return 0 if good else 1


if __name__ == "__main__":
    if sys.argv[1:2] == ["make"] and len(sys.argv) == 3:
        make(sys.argv[2])
    elif sys.argv[1:] == ["check"]:
        sys.exit(check())
    else:
        sys.exit(__doc__)
