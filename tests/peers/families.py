#!/usr/bin/env python3
"""Checkpoints of all families against transformers (needs torch and transformers, in a virtual environment of their own).

    families.py make DIR [NAME...]   writes the golden checkpoints and their logits (the first two are in
                                     tests/golden/neox, the others in tests/golden/families)
    families.py check [NAME...]      compares live, both ways: checkpoints written by transformers read by memprobe, and
                                     ones written by memprobe read by transformers
    families.py back [NAME...]       checkpoints written by transformers, read and written again by memprobe, read by
                                     transformers: the same logits, and every tensor bit by bit
    families.py folders DIR...       checkpoints that memprobe has written (trained, say) read by transformers

BUILD names the build folder.
"""
import csv
import json
import os
import shutil
import subprocess
import sys
import tempfile

import torch
import transformers
from transformers import AutoConfig, AutoModelForCausalLM

BF16, F16, F32 = torch.bfloat16, torch.float16, torch.float32

LLAMA3 = dict(rope_type="llama3", rope_theta=900.0, factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0,
              original_max_position_embeddings=16)


def rope(theta, **more):
    return dict(rope_type="default", rope_theta=theta, **more)


# Small models that differ in everything a family's format allows. Sizes are no multiples of a panel on purpose. `old`
# writes config.json as transformers 4 did, `bare` saves the decoder without its head, as GPT-2 is on the hub.
# Those of GOLDEN are committed with their logits.
MODELS = {
    "parallel-bf16": dict(
        family="gpt_neox", dtype=BF16, vocab_size=61, hidden_size=32, num_hidden_layers=2, num_attention_heads=4,
        intermediate_size=64, max_position_embeddings=32, use_parallel_residual=True, tie_word_embeddings=False,
        hidden_act="gelu", rope_parameters=rope(10000.0, partial_rotary_factor=0.25)),
    "serial-f16": dict(
        family="gpt_neox", dtype=F16, shard="20KB", old=True, vocab_size=50, hidden_size=40, num_hidden_layers=3,
        num_attention_heads=2, intermediate_size=36, max_position_embeddings=24, use_parallel_residual=False,
        tie_word_embeddings=True, layer_norm_eps=1e-3, hidden_act="gelu",
        rope_parameters=rope(500.0, partial_rotary_factor=0.5)),
    "neox-head80": dict(
        family="gpt_neox", dtype=F32, shard="300KB", vocab_size=1031, hidden_size=240, num_hidden_layers=2,
        num_attention_heads=3, intermediate_size=500, max_position_embeddings=300, tie_word_embeddings=False,
        hidden_act="gelu_fast", layer_norm_eps=0.02, rope_parameters=rope(10000.0, partial_rotary_factor=1.0)),
    "gpt2": dict(
        family="gpt2", dtype=F16, bare=True, vocab_size=53, n_embd=24, n_layer=3, n_head=3, n_inner=None,
        n_positions=28, layer_norm_epsilon=1e-3),
    "gpt2-head80": dict(
        family="gpt2", dtype=F32, shard="300KB", vocab_size=1031, n_embd=240, n_layer=2, n_head=3, n_inner=333,
        n_positions=300, tie_word_embeddings=False, layer_norm_epsilon=0.02),
    "gpt2-head24": dict(
        family="gpt2", dtype=BF16, vocab_size=1031, n_embd=120, n_layer=4, n_head=5, n_positions=100,
        activation_function="gelu"),
    "llama": dict(
        family="llama", dtype=BF16, vocab_size=53, hidden_size=36, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, head_dim=8, intermediate_size=50, max_position_embeddings=64, rms_norm_eps=1e-3,
        tie_word_embeddings=True, rope_parameters=LLAMA3),
    "llama-old": dict(
        family="llama", dtype=F16, old=True, shard="200KB", vocab_size=1031, hidden_size=120, num_hidden_layers=3,
        num_attention_heads=5, num_key_value_heads=1, intermediate_size=170, max_position_embeddings=200,
        rms_norm_eps=0.03, attention_bias=True, mlp_bias=True, rope_parameters=LLAMA3),
    "llama-head80": dict(
        family="llama", dtype=F32, shard="500KB", vocab_size=1031, hidden_size=240, num_hidden_layers=2,
        num_attention_heads=6, num_key_value_heads=3, head_dim=80, intermediate_size=300, max_position_embeddings=300,
        rms_norm_eps=1e-6, rope_parameters=rope(500000.0)),
    "olmo": dict(
        family="olmo", dtype=F16, vocab_size=53, hidden_size=32, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, intermediate_size=44, max_position_embeddings=28, clip_qkv=0.7,
        rope_parameters=rope(10000.0)),
    "olmo-head80": dict(
        family="olmo", dtype=F32, shard="300KB", vocab_size=1031, hidden_size=240, num_hidden_layers=2,
        num_attention_heads=3, intermediate_size=300, max_position_embeddings=300, tie_word_embeddings=True,
        rope_parameters=rope(500.0)),
    "olmo-old": dict(
        family="olmo", dtype=BF16, old=True, vocab_size=1031, hidden_size=120, num_hidden_layers=3,
        num_attention_heads=5, intermediate_size=200, max_position_embeddings=100, clip_qkv=1.5, attention_bias=True,
        rope_parameters=rope(10000.0)),
    "olmo2": dict(
        family="olmo2", dtype=BF16, vocab_size=53, hidden_size=32, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, intermediate_size=44, max_position_embeddings=28, rms_norm_eps=1e-3,
        rope_parameters=rope(500.0)),
    "olmo2-head80": dict(
        family="olmo2", dtype=F32, shard="300KB", vocab_size=1031, hidden_size=240, num_hidden_layers=2,
        num_attention_heads=3, intermediate_size=300, max_position_embeddings=300, tie_word_embeddings=True,
        rms_norm_eps=1e-6, rope_parameters=rope(500000.0)),
    "olmo2-old": dict(
        family="olmo2", dtype=F16, old=True, vocab_size=1031, hidden_size=120, num_hidden_layers=3,
        num_attention_heads=5, num_key_value_heads=1, intermediate_size=200, max_position_embeddings=100,
        rms_norm_eps=0.05, attention_bias=True, rope_parameters=rope(10000.0)),
    "gpt_neo": dict(
        family="gpt_neo", dtype=F16, vocab_size=53, hidden_size=24, num_layers=3, num_heads=3,
        attention_types=[[["global"], 1], [["local", "global"], 1]], intermediate_size=None, window_size=5,
        max_position_embeddings=28, layer_norm_epsilon=1e-3),
    "gpt_neo-head80": dict(
        family="gpt_neo", dtype=F32, shard="300KB", vocab_size=1031, hidden_size=240, num_layers=2, num_heads=3,
        attention_types=[[["global", "local"], 1]], intermediate_size=333, window_size=100,
        max_position_embeddings=700, layer_norm_epsilon=0.02),
    "gpt_neo-head24": dict(
        family="gpt_neo", dtype=BF16, vocab_size=1031, hidden_size=120, num_layers=4, num_heads=5,
        attention_types=[[["global", "local"], 2]], window_size=256, max_position_embeddings=600),
    "gpt_neo-untied": dict(
        family="gpt_neo", dtype=F32, vocab_size=1031, hidden_size=72, num_layers=3, num_heads=3, intermediate_size=100,
        attention_types=[[["local"], 2], [["global"], 1]], window_size=7, max_position_embeddings=60,
        tie_word_embeddings=False, activation_function="gelu"),
}
GOLDEN = ["parallel-bf16", "serial-f16", "gpt2", "llama", "olmo", "olmo2", "gpt_neo"]
OUR_WORDS = ["family", "dtype", "shard", "old", "bare"]


def random_model(name):
    """Weights wide enough that no part of the forward pass is lost in the rounding of another, and attention sharp."""
    spec = MODELS[name]
    torch.manual_seed(sum(map(ord, name)))
    config = AutoConfig.for_model(spec["family"], **{k: v for k, v in spec.items() if k not in OUR_WORDS})
    config.bos_token_id = config.eos_token_id = 0
    config.pad_token_id = None
    config._attn_implementation = "eager"
    model = AutoModelForCausalLM.from_config(config)
    for key, p in model.named_parameters():
        norm = ("norm" in key or "ln_" in key) and key.endswith("weight")
        spread = 0.25 if spec["family"] == "gpt_neox" or p.ndim < 2 else 1.2 / min(p.shape) ** 0.5
        if spec["family"] == "gpt_neox" and p.ndim == 2 and min(p.shape) > 100:
            spread = 0.1
        p.data = (torch.randn_like(p) * spread + (1.0 if norm else 0.0)).to(spec["dtype"])
    return model.eval()


def tokens_of(config):
    generator = torch.Generator().manual_seed(7)
    return torch.randint(0, config.vocab_size, (config.max_position_embeddings - 4,), generator=generator)


def logits_of(model, tokens):
    """In double precision where transformers computes in it, from the weights as they are in the file."""
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


def to_old_spelling(config, family):
    """As transformers 4 wrote it, in whose files the published checkpoints are."""
    rope = config.pop("rope_parameters")
    theta = rope.pop("rope_theta")
    share = rope.pop("partial_rotary_factor", 1.0)
    config["torch_dtype"] = config.pop("dtype", "float16")
    if family == "gpt_neox":
        config.update(rotary_pct=share, rotary_emb_base=theta)
    else:
        config.update(rope_theta=theta, rope_scaling=None if rope["rope_type"] == "default" else rope)


def save(model, name, folder):
    spec = MODELS[name]
    (model.base_model if spec.get("bare") else model).save_pretrained(folder, max_shard_size=spec.get("shard", "1GB"))
    path = os.path.join(folder, "generation_config.json")
    if os.path.exists(path):
        os.remove(path)
    if spec.get("old"):
        path = os.path.join(folder, "config.json")
        config = json.load(open(path))
        to_old_spelling(config, spec["family"])
        json.dump(config, open(path, "w"), indent=2, sort_keys=True)


def make(folder, names):
    for name in names or GOLDEN:
        to = os.path.join(folder, name)
        shutil.rmtree(to, ignore_errors=True)
        os.makedirs(to)
        model = random_model(name)
        save(model, name, to)
        tokens = tokens_of(model.config)
        write_logits(os.path.join(to, "logits.csv"), tokens, logits_of(model, tokens))


def compare(what, ours, theirs):
    largest = theirs.abs().max()
    error = ((ours - theirs).abs().max() / largest).item()
    best = theirs.topk(2, dim=1).values
    clear = best[:, 0] - best[:, 1] > 1e-4 * largest
    agree = ours.argmax(1) == theirs.argmax(1)
    print(f"{what:44} largest difference {error:.2e} of the largest logit, {100 * agree.double().mean():.0f} % of "
          f"argmaxes agree, {(clear & ~agree).sum()} of {clear.sum()} clear ones do not")
    return error < 1e-4 and not (clear & ~agree).any()


def to_memprobe(tool, top, name):
    model, folder, ours = random_model(name), os.path.join(top, name), os.path.join(top, "ours.csv")
    save(model, name, folder)
    tokens = tokens_of(model.config)
    subprocess.run([tool, "load", folder, ours] + [str(t) for t in tokens.tolist()], check=True)
    return compare(f"{name}: transformers to memprobe", read_logits(ours)[1], logits_of(model, tokens))


def read_by_transformers(what, folder):
    """In float, and whether every tensor of the file, and no other, found its place."""
    model, report = AutoModelForCausalLM.from_pretrained(folder, output_loading_info=True, dtype=torch.float32,
                                                         attn_implementation="eager")
    report = {k: v for k, v in report.items() if v}
    if report:
        print(f"{what}: transformers reports {report}")
    return model.eval(), not report


def to_transformers(tool, top, kind):
    folder, ours = os.path.join(top, "made-" + kind), os.path.join(top, "ours.csv")
    os.makedirs(folder)
    subprocess.run([tool, kind, folder, ours] + [str(t) for t in range(3, 40)], check=True)
    model, whole = read_by_transformers("made-" + kind, folder)
    tokens, logits = read_logits(ours)
    return compare(f"{kind}: memprobe to transformers", logits, logits_of(model, tokens)) and whole


def same_tensors(name, ours, theirs):
    """Halves are widened exactly, so that all of them are compared as floats, as bits."""
    ours, theirs = ours.state_dict(), theirs.float().state_dict()
    bad = sorted(ours.keys() ^ theirs.keys())
    bad += [key for key in ours.keys() & theirs.keys() if ours[key].shape != theirs[key].shape
            or not torch.equal(ours[key].view(torch.int32), theirs[key].view(torch.int32))]
    if bad:
        print(f"{name}: tensors that differ: {bad}")
    return not bad


def same_config(name, ours, theirs):
    """Every word of config.json that transformers knows, but for those of files and of training, and for names of one
    and the same function. GPT-Neo's attention has two spellings, of which the longer one is unique."""
    silent = {"dtype", "torch_dtype", "architectures", "transformers_version", "_name_or_path", "_attn_implementation",
              "hidden_act", "activation_function", "initializer_range", "attention_types", "pad_token_id"}
    ours, theirs = ours.to_dict(), theirs.to_dict()
    for key in ("n_inner", "intermediate_size"):
        if key in theirs and theirs[key] is None:
            theirs[key] = 4 * (theirs.get("n_embd") or theirs.get("hidden_size"))
    if ours.get("head_dim") and theirs.get("head_dim") is None:
        theirs["head_dim"] = theirs["hidden_size"] // theirs["num_attention_heads"]
    bad = {k: (ours.get(k), theirs.get(k)) for k in (ours.keys() | theirs.keys()) - silent
           if ours.get(k) != theirs.get(k)}
    if bad:
        print(f"{name}: config.json says otherwise (memprobe, transformers): {bad}")
    return not bad


def back(tool, top, name):
    model, folder, ours = random_model(name), os.path.join(top, name), os.path.join(top, "ours.csv")
    again = folder + "-again"
    save(model, name, folder)
    os.makedirs(again)
    tokens = tokens_of(model.config)
    subprocess.run([tool, "again:" + folder, again, ours] + [str(t) for t in tokens.tolist()], check=True)
    reloaded, whole = read_by_transformers(name, again)
    same = same_tensors(name, reloaded, model)
    # Not to the bit: gelu_fast has a constant of ten digits, and the name that memprobe writes has all of them.
    before, after = logits_of(model, tokens), logits_of(reloaded, tokens)
    exact = (after - before).abs().max() <= 1e-9 * before.abs().max()
    if not exact:
        print(f"{name}: transformers computes other logits from what memprobe has written than from what it wrote")
    good = compare(f"{name}: through memprobe and back", read_logits(ours)[1], after)
    return good and whole and same and exact and same_config(name, reloaded.config, model.config)


def back_all(names):
    tool = os.path.join(os.environ.get("BUILD", "build/out"), "peers", "logits")
    with tempfile.TemporaryDirectory() as top:
        good = [back(tool, top, name) for name in names or MODELS]
    print(f"back: {sum(good)} of {len(good)} models are the same after memprobe has read and written them")
    return 0 if all(good) else 1


def folders(paths):
    tool, good = os.path.join(os.environ.get("BUILD", "build/out"), "peers", "logits"), []
    with tempfile.TemporaryDirectory() as top:
        for path in paths:
            ours = os.path.join(top, "ours.csv")
            model, whole = read_by_transformers(path, path)
            tokens = tokens_of(model.config)
            subprocess.run([tool, "load", path, ours] + [str(t) for t in tokens.tolist()], check=True)
            name = os.path.basename(os.path.normpath(path))
            good.append(compare(f"{name}: trained, to transformers", read_logits(ours)[1], logits_of(model, tokens))
                        and whole)
    return 0 if good and all(good) else 1


def check(names):
    tool = os.path.join(os.environ.get("BUILD", "build/out"), "peers", "logits")
    with tempfile.TemporaryDirectory() as top:
        good = [to_memprobe(tool, top, name) for name in names or MODELS]
        if not names:
            good += [to_transformers(tool, top, kind) for kind in ["parallel", "serial", "tied"]]
    return 0 if all(good) else 1


if __name__ == "__main__":
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    if sys.argv[1:2] == ["make"] and len(sys.argv) >= 3:
        make(sys.argv[2], sys.argv[3:])
    elif sys.argv[1:2] == ["check"]:
        sys.exit(check(sys.argv[2:]))
    elif sys.argv[1:2] == ["back"]:
        sys.exit(back_all(sys.argv[2:]))
    elif sys.argv[1:2] == ["folders"]:
        sys.exit(folders(sys.argv[2:]))
    else:
        sys.exit(__doc__)
