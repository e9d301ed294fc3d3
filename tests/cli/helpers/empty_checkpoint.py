"""empty_checkpoint.py TYPE FOLDER: a GPT-2 of 30 million weights that are all zero, as a file that takes no room."""
import json
import os
import struct
import sys

WIDTH, LAYERS, VOCAB, CONTEXT = 512, 6, 20000, 64


def main(dtype, folder):
    n = WIDTH
    shapes = {"wte.weight": [VOCAB, n], "wpe.weight": [CONTEXT, n], "ln_f.weight": [n], "ln_f.bias": [n]}
    for i in range(LAYERS):
        for name, shape in [("ln_1", [n]), ("ln_2", [n]), ("attn.c_attn", [n, 3 * n]), ("attn.c_proj", [n, n]),
                            ("mlp.c_fc", [n, 4 * n]), ("mlp.c_proj", [4 * n, n])]:
            shapes[f"h.{i}.{name}.weight"] = shape
            shapes[f"h.{i}.{name}.bias"] = shape[-1:]
    header, at = {}, 0
    for name, shape in shapes.items():
        size = {"F32": 4, "BF16": 2}[dtype]
        for number in shape:
            size *= number
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [at, at + size]}
        at += size
    text = json.dumps(header).encode()
    os.makedirs(folder)
    with open(os.path.join(folder, "model.safetensors"), "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text)
        f.truncate(8 + len(text) + at)
    with open(os.path.join(folder, "config.json"), "w") as f:
        json.dump({"model_type": "gpt2", "n_embd": n, "n_layer": LAYERS, "n_head": 8, "n_positions": CONTEXT,
                   "vocab_size": VOCAB, "activation_function": "gelu_new", "eos_token_id": 0}, f)


main(*sys.argv[1:])
