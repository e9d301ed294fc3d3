"""memprobe complete against transformers: greedy text and the texts of beam searches, of random checkpoints whose
choices are clear. Usage: complete.py MEMPROBE"""
import subprocess
import sys
import tempfile

import torch
from tokenizers import Tokenizer
from transformers import GPT2Config, GPT2LMHeadModel, GPTNeoXConfig, GPTNeoXForCausalLM, LlamaConfig, LlamaForCausalLM

memprobe = sys.argv[1]
PROMPTS = ["In the beginning", "permission notice shall be", "the", "no warranty; not even"]
TOKENS = 12


def run(*args):
    done = subprocess.run([memprobe, *args], capture_output=True)
    if done.returncode:
        sys.exit(done.stderr.decode())
    return done.stdout.decode("utf-8", "replace")


def models(vocab):
    shape = dict(vocab_size=vocab, eos_token_id=0, bos_token_id=0)
    torch.manual_seed(1)
    yield GPTNeoXForCausalLM(GPTNeoXConfig(rotary_pct=0.5, hidden_size=48, num_hidden_layers=2, num_attention_heads=4,
                                           intermediate_size=96, max_position_embeddings=64, initializer_range=0.6, **shape))
    yield GPT2LMHeadModel(GPT2Config(n_embd=48, n_layer=2, n_head=4, n_positions=64, initializer_range=0.6, **shape))
    yield LlamaForCausalLM(LlamaConfig(hidden_size=48, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
                                       intermediate_size=96, max_position_embeddings=64, initializer_range=0.6, **shape))


def main():
    compared = 0
    with tempfile.TemporaryDirectory() as dir:
        run("tokenizer", "train", "--vocab", "400", "--out", f"{dir}/tokenizer.json", "text:/usr/share/common-licenses/GPL-3")
        tokenizer = Tokenizer.from_file(f"{dir}/tokenizer.json")
        for model in models(tokenizer.get_vocab_size()):
            model.eval().save_pretrained(dir)
            for prompt in PROMPTS:
                ids = torch.tensor([tokenizer.encode(prompt, add_special_tokens=False).ids])
                for beams in (1, 2, 3, 5, 8):
                    out = model.generate(ids, num_beams=beams, num_return_sequences=beams, do_sample=False,
                                         max_new_tokens=TOKENS, length_penalty=1.0, early_stopping=False,
                                         eos_token_id=0, pad_token_id=0)
                    theirs = [prompt + tokenizer.decode([t for t in row[ids.shape[1]:].tolist() if t != 0],
                                                        skip_special_tokens=False) for row in out]
                    args = ["complete", "--model", dir, "--tokens", str(TOKENS), "--beam", str(beams)]
                    text = run(*args, *(["--samples", str(beams)] if beams > 1 else []), prompt)
                    ours = [part.split("\n", 1)[1] for part in ("\n" + text).split("\n--- ")[1:]] if beams > 1 else [text[:-1]]
                    ours = [t.rstrip("\n") for t in ours]
                    theirs = [t.rstrip("\n") for t in theirs]
                    if ours != theirs:
                        print(f"{model.config.model_type}, {beams} beams, {prompt!r}:")
                        for a, b in zip(ours, theirs):
                            print("  same" if a == b else f"  ours   {a!r}\n  theirs {b!r}")
                        sys.exit(1)
                    compared += beams
    print(f"complete: {compared} texts of greedy and beam searches are those of transformers")


main()
