"""memprobe complete against transformers. Texts: greedy and of beam searches, of random checkpoints whose choices are
clear, with end tokens that end some early, and after prompts longer than a piece that is fed at once. Drawing: the
tokens that temperature, top-k and top-p leave, and their probabilities. Usage: complete.py MEMPROBE"""
import os
import subprocess
import sys
import tempfile

import torch
from tokenizers import Tokenizer
from transformers import GPT2Config, GPT2LMHeadModel, GPTNeoXConfig, GPTNeoXForCausalLM, LlamaConfig, LlamaForCausalLM
from transformers.generation.logits_process import TemperatureLogitsWarper, TopKLogitsWarper, TopPLogitsWarper

memprobe = sys.argv[1]
LICENCE = "/usr/share/common-licenses/GPL-3"
PROMPTS = ["In the beginning", "permission notice shall be", "the", "no warranty; not even"]
TOKENS = 12


def run(*args):
    done = subprocess.run(args, capture_output=True)
    if done.returncode:
        sys.exit(done.stderr.decode())
    return done.stdout.decode("utf-8", "replace")


def models(vocab):
    shape = dict(vocab_size=vocab, eos_token_id=0, bos_token_id=0)
    torch.manual_seed(1)
    yield GPTNeoXForCausalLM(GPTNeoXConfig(rotary_pct=0.5, hidden_size=48, num_hidden_layers=2, num_attention_heads=4,
                                           intermediate_size=96, max_position_embeddings=1024, initializer_range=0.6, **shape))
    yield GPT2LMHeadModel(GPT2Config(n_embd=48, n_layer=2, n_head=4, n_positions=1024, initializer_range=0.6, **shape))
    yield LlamaForCausalLM(LlamaConfig(hidden_size=48, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
                                       intermediate_size=96, max_position_embeddings=1024, initializer_range=0.6, **shape))


def cut(tokens, end):
    ends = end if isinstance(end, list) else [end]
    return tokens[:next((i for i, token in enumerate(tokens) if token in ends), len(tokens))]


def generate(model, ids, beams, end):
    out = model.generate(ids, num_beams=beams, num_return_sequences=beams, do_sample=False, max_new_tokens=TOKENS,
                         length_penalty=1.0, early_stopping=False, eos_token_id=end, pad_token_id=0)
    return [cut(row[ids.shape[1]:].tolist(), end) for row in out]


def compare_texts(model, tokenizer, folder, prompt, beams, end):
    """The number of texts, and how many of them the end token ended."""
    ids = torch.tensor([tokenizer.encode(prompt, add_special_tokens=False).ids])
    tokens = generate(model, ids, beams, end)
    theirs = [(prompt + tokenizer.decode(row, skip_special_tokens=False)).rstrip("\n") for row in tokens]
    text = run(memprobe, "complete", "--model", folder, "--tokens", str(TOKENS), "--beam", str(beams),
               *(["--samples", str(beams)] if beams > 1 else []), prompt)
    ours = [part.split("\n", 1)[1] for part in ("\n" + text).split("\n--- ")[1:]] if beams > 1 else [text]
    ours = [t.rstrip("\n") for t in ours]
    if ours != theirs:
        print(f"{model.config.model_type}, {beams} beams, end token {end}, {prompt[:40]!r}:")
        for a, b in zip(ours, theirs):
            print("  same" if a == b else f"  ours   {a[-80:]!r}\n  theirs {b[-80:]!r}")
        sys.exit(1)
    return len(ours), sum(len(row) < TOKENS for row in tokens)


def texts(folder):
    compared = ended = 0
    run(memprobe, "tokenizer", "train", "--vocab", "400", "--out", f"{folder}/tokenizer.json", f"text:{LICENCE}")
    tokenizer = Tokenizer.from_file(f"{folder}/tokenizer.json")
    long = tokenizer.decode(tokenizer.encode(open(LICENCE).read()[:6000]).ids[:1000])
    assert 700 < len(tokenizer.encode(long).ids) <= 1000
    for model in models(tokenizer.get_vocab_size()):
        model.eval()
        # Such models end no text by themselves: a token that they like ends it.
        first = generate(model, torch.tensor([tokenizer.encode(PROMPTS[0]).ids]), 1, 0)[0]
        for end in (0, first[TOKENS // 2], [0, first[TOKENS // 2], first[TOKENS // 3]]):
            model.config.eos_token_id = model.generation_config.eos_token_id = end
            model.save_pretrained(folder)
            for prompt, beams in [(p, b) for p in PROMPTS for b in (1, 2, 3, 5, 8)] + [(long, 1), (long, 2)]:
                n, early = compare_texts(model, tokenizer, folder, prompt, beams, end)
                compared += n
                ended += early
    assert ended > 10, ended
    print(f"complete: {compared} texts of greedy and beam searches are those of transformers, {ended} of them ended early")


def kept_by_them(logits, temperature, top_k, top_p):
    """Of each row the probability of every token, 0 for those that are left out; in doubles, as memprobe has it."""
    scores = logits.double()
    if temperature != 1:
        scores = TemperatureLogitsWarper(temperature)(None, scores)
    if top_k:
        scores = TopKLogitsWarper(top_k)(None, scores)
    if top_p < 1:
        scores = TopPLogitsWarper(top_p)(None, scores)
    return torch.softmax(scores, -1)


def kept_by_us(folder, logits, temperature, top_k, top_p):
    path = f"{folder}/logits"
    logits.float().numpy().tofile(path)
    out = run(os.path.join(os.path.dirname(memprobe), "peers/draw"), path, str(logits.shape[1]), repr(temperature),
              str(top_k), repr(top_p))
    result = torch.zeros(logits.shape, dtype=torch.float64)
    for row, line in zip(result, out.splitlines()):
        for pair in line.split():
            token, p = pair.split(":")
            row[int(token)] = float(p)
    return result


SETTINGS = [(1.0, 0, 1.0), (0.7, 0, 1.0), (1.0, 5, 1.0), (1.3, 50, 1.0), (1.0, 0, 0.9), (0.5, 0, 0.95), (1.0, 40, 0.5),
            (2.0, 3, 0.8), (1.0, 1, 1.0), (1.0, 5000, 0.3), (1.0, 0, 1e-6)]


def drawing(folder):
    torch.manual_seed(2)
    # 1. No ties: the same tokens with the same probabilities.
    logits = torch.randn(300, 997) * 4
    for setting in SETTINGS:
        ours, theirs = kept_by_us(folder, logits, *setting), kept_by_them(logits, *setting)
        assert ((ours > 0) == (theirs > 0)).all(), f"{setting}: other tokens are kept"
        assert torch.allclose(ours, theirs, rtol=1e-9, atol=0), f"{setting}: other probabilities"
    # 2. Many ties. Top-k: we keep K tokens, they keep all that tie with the K-th; top-p: as many of the same logits, and
    # of those that tie at the border we take the smaller ids, they those that their sort leaves at the end.
    tied = (torch.randn(300, 97) * 2).round()
    differ = 0
    for k in (1, 2, 5, 20, 96):
        ours, theirs = kept_by_us(folder, tied, 1.0, k, 1.0) > 0, kept_by_them(tied, 1.0, k, 1.0) > 0
        assert (ours.sum(1) == k).all() and (theirs | ~ours).all()
        for row, we, they in zip(tied, ours, theirs):
            border = row[we].min()
            assert (row[they] >= border).all() and they.sum() == (row >= border).sum()
            at_border = ((row == border) & they).nonzero()[:, 0].tolist()
            assert [t for t in at_border if we[t]] == at_border[:int((we & (row == border)).sum())]
            differ += int(they.sum() != k)
    assert differ > 100, differ
    for p in (0.1, 0.5, 0.77, 0.9):
        ours, theirs = kept_by_us(folder, tied, 1.0, 0, p) > 0, kept_by_them(tied, 1.0, 0, p) > 0
        for row, we, they in zip(tied, ours, theirs):
            assert row[we].sort().values.equal(row[they].sort().values), p
    # 3. Top-p reached exactly: N tokens of probability 1 / N, a power of two; both stop there.
    for n in (2, 8, 64, 1024):
        even = torch.zeros(1, n)
        for quarters in (1, 2, 3):
            if n * quarters % 4 == 0:
                ours, theirs = kept_by_us(folder, even, 1.0, 0, quarters / 4), kept_by_them(even, 1.0, 0, quarters / 4)
                assert (ours > 0).sum() == (theirs > 0).sum() == n * quarters // 4, (n, quarters)
    print(f"complete: the tokens drawn from are those of transformers' warpers, but for ties at the border of top-k, "
          f"all of which they keep ({differ} rows of {5 * len(tied)})")


with tempfile.TemporaryDirectory() as scratch:
    drawing(scratch)
    texts(scratch)
