"""random_checkpoint.py FAMILY VOCAB TOKENIZER DIR: a Hugging Face folder of a tiny model of the family with random weights,
written from the names and shapes of that family's files, by nothing of memprobe."""
import json
import os
import random
import shutil
import struct
import sys

LAYERS, WIDTH, HEADS, KV, HEAD, FFN, CONTEXT = 2, 24, 4, 2, 6, 40, 64
LLAMA = dict(hidden_size=WIDTH, num_hidden_layers=LAYERS, num_attention_heads=HEADS, num_key_value_heads=KV,
             intermediate_size=FFN, max_position_embeddings=CONTEXT, hidden_act="silu", rope_theta=10000.0,
             tie_word_embeddings=False)
CONFIG = {
    "gpt_neox": dict(hidden_size=WIDTH, num_hidden_layers=LAYERS, num_attention_heads=HEADS, intermediate_size=FFN,
                     max_position_embeddings=CONTEXT, rotary_pct=1.0, hidden_act="gelu", tie_word_embeddings=True),
    "gpt2": dict(n_embd=WIDTH, n_layer=LAYERS, n_head=HEADS, n_positions=CONTEXT, n_inner=FFN,
                 activation_function="gelu_new"),
    "gpt_neo": dict(hidden_size=WIDTH, num_layers=LAYERS, num_heads=HEADS, intermediate_size=FFN, window_size=6,
                    attention_types=[[["global", "local"], 1]], max_position_embeddings=CONTEXT,
                    activation_function="gelu_new"),
    "llama": dict(LLAMA, rms_norm_eps=1e-5, rope_scaling=dict(
        rope_type="llama3", factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0,
        original_max_position_embeddings=16)),
    "olmo": dict(LLAMA, clip_qkv=0.5),
    "olmo2": dict(LLAMA, rms_norm_eps=1e-5),
}


def affine(name):
    return {name + ".weight": [WIDTH], name + ".bias": [WIDTH]}


def linear(name, out, inner, bias=True, transposed=False):
    shape = [inner, out] if transposed else [out, inner]
    return {name + ".weight": shape, **({name + ".bias": [out]} if bias else {})}


def gpt2(vocab):
    # As on the hub: no prefix, and the mask among the weights.
    t = {"wte.weight": [vocab, WIDTH], "wpe.weight": [CONTEXT, WIDTH], **affine("ln_f")}
    for i in range(LAYERS):
        h = f"h.{i}."
        t.update({**affine(h + "ln_1"), **affine(h + "ln_2"), **linear(h + "attn.c_attn", 3 * WIDTH, WIDTH, True, True),
                  **linear(h + "attn.c_proj", WIDTH, WIDTH, True, True), **linear(h + "mlp.c_fc", FFN, WIDTH, True, True),
                  **linear(h + "mlp.c_proj", WIDTH, FFN, True, True), h + "attn.bias": [1, 1, CONTEXT, CONTEXT]})
    return t


def gpt_neo(vocab):
    t = {"transformer.wte.weight": [vocab, WIDTH], "transformer.wpe.weight": [CONTEXT, WIDTH],
         **affine("transformer.ln_f")}
    for i in range(LAYERS):
        h = f"transformer.h.{i}."
        t.update({**affine(h + "ln_1"), **affine(h + "ln_2"), **linear(h + "mlp.c_fc", FFN, WIDTH),
                  **linear(h + "mlp.c_proj", WIDTH, FFN), **linear(h + "attn.attention.out_proj", WIDTH, WIDTH),
                  h + "attn.attention.masked_bias": [1]})
        for part in "qkv":
            t.update(linear(h + f"attn.attention.{part}_proj", WIDTH, WIDTH, False))
    return t


def gpt_neox(vocab):
    t = {"gpt_neox.embed_in.weight": [vocab, WIDTH], **affine("gpt_neox.final_layer_norm")}
    for i in range(LAYERS):
        h = f"gpt_neox.layers.{i}."
        t.update({**affine(h + "input_layernorm"), **affine(h + "post_attention_layernorm"),
                  **linear(h + "attention.query_key_value", 3 * WIDTH, WIDTH),
                  **linear(h + "attention.dense", WIDTH, WIDTH), **linear(h + "mlp.dense_h_to_4h", FFN, WIDTH),
                  **linear(h + "mlp.dense_4h_to_h", WIDTH, FFN)})
    return t


def llama(vocab, family):
    t = {"model.embed_tokens.weight": [vocab, WIDTH], "lm_head.weight": [vocab, WIDTH]}
    norms = {"llama": ["input_layernorm", "post_attention_layernorm"], "olmo": [],
             "olmo2": ["post_attention_layernorm", "post_feedforward_layernorm"]}[family]
    if norms:
        t["model.norm.weight"] = [WIDTH]
    for i in range(LAYERS):
        h = f"model.layers.{i}."
        for name, out, inner in [("self_attn.q_proj", HEADS * HEAD, WIDTH), ("self_attn.k_proj", KV * HEAD, WIDTH),
                                 ("self_attn.v_proj", KV * HEAD, WIDTH), ("self_attn.o_proj", WIDTH, HEADS * HEAD),
                                 ("mlp.gate_proj", FFN, WIDTH), ("mlp.up_proj", FFN, WIDTH),
                                 ("mlp.down_proj", WIDTH, FFN)]:
            t.update(linear(h + name, out, inner, False))
        t.update({h + name + ".weight": [WIDTH] for name in norms})
        if family == "olmo2":
            t.update({h + "self_attn.q_norm.weight": [HEADS * HEAD], h + "self_attn.k_norm.weight": [KV * HEAD]})
    return t


def main(family, vocab, tokenizer, folder):
    random.seed(family)
    vocab = int(vocab)
    maker = {"gpt2": gpt2, "gpt_neo": gpt_neo, "gpt_neox": gpt_neox}.get(family)
    tensors = maker(vocab) if maker else llama(vocab, family)
    os.makedirs(folder)
    header, data, at = {}, [], 0
    for name, shape in tensors.items():
        n = 1
        for size in shape:
            n *= size
        data += [random.gauss(1.0 if "n" in name and name.endswith("weight") and len(shape) == 1 else 0.0, 0.25)
                 for _ in range(n)]
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [at, at + 4 * n]}
        at += 4 * n
    text = json.dumps(header).encode()
    with open(os.path.join(folder, "model.safetensors"), "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text + struct.pack(f"<{len(data)}f", *data))
    with open(os.path.join(folder, "config.json"), "w") as f:
        json.dump(dict(CONFIG[family], model_type=family, vocab_size=vocab, eos_token_id=0), f)
    shutil.copy(tokenizer, os.path.join(folder, "tokenizer.json"))


main(*sys.argv[1:])
