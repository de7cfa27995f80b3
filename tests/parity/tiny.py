#!/usr/bin/env python3
"""Tiny random models, adapters, chats and a training step, with what transformers, PEFT and gguf make of them.

Writes tests/engine/tiny/ (committed: the Rust tests read it and need no Python):
  qwen2-f32/           tied head, config.json in the old spelling, template inside tokenizer_config.json, one file
  qwen2-sharded-bf16/  own head, new spelling, sharded with an index
  llama-f16/           tied head, new spelling, one file
  llama.gguf           llama-f16 as llama.cpp converts it: q and k rows permuted, F16, Q8_0, Q4_1, Q4_0
  qwen2.gguf           qwen2-f32 likewise: nothing permuted, biases in F32, F16 and Q8_0
  adapters/            PEFT adapters for qwen2-f32; adapters/refused/ holds configs that are not to be loaded
  reference.json       texts, their tokens, last-position logits in f32 of every model and adapter
  chat.json            chat templates and their renderings (tiny_chat.py)
  sft.json             a batch, its completion-only loss and the gradients of adapters/plain
Biases and norms are random too, so that none can go missing unnoticed; the Qwen2 tokenizer has fewer tokens than the
embedding has rows, as the real one. The Qwen2 models are half as wide as the Llama, to keep the folder small.

Held against each other on the way (a difference ends the run): ids of AutoTokenizer and of the bare tokenizer.json;
GGUF weights read here and by transformers' own reader; adapters in memory and reloaded, merged and not; the loss of
transformers and of torch. The GGUF files go with the ids of the folders they come from: transformers' own tokenizers
for them (5.24) lack SmolLM's splitting of digits and Qwen2's NFC.

Set up (no GPU; Python 3.10 or newer; outside the repository):
  python3 -m venv /tmp/parity && /tmp/parity/bin/pip install torch transformers peft gguf

Run (ten seconds); it overwrites, with the same bytes while the packages and the processor's rounding are the same:
  OMP_NUM_THREADS=1 /tmp/parity/bin/python tests/parity/tiny.py [--out FOLDER]

Made with torch 2.15, transformers 5.24, peft 0.21, gguf 0.19, tokenizers 0.23.
"""

import argparse
import json
import os
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

# Before the imports that read it: nothing is to be looked up.
os.environ["HF_HUB_OFFLINE"] = "1"
# Nor is a cache of tiny_chat to lie among the tests.
sys.dont_write_bytecode = True

import gguf
import numpy as np
import torch
from gguf import GGMLQuantizationType as Quant
from peft import LoraConfig, PeftModel, get_peft_model
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedModel,
    PreTrainedTokenizerFast,
    Qwen2Config,
    Qwen2ForCausalLM,
)
from transformers.utils import logging

import tiny_chat

SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
MERGES = 50
# Merges that show wrong splitting: both tokenizers part digits from each other and from a space before them; only
# Qwen's keeps a line's end with the sign before it, and finds 'LL in capitals.
TRAPS = [("1", "2"), ("0", "9"), ("\u0120", "1"), ("\u0120", "\u00c2"), (".", "\u010a"), ("'", "L")]
BASE = "qwen2-f32"
CLOSE = 1e-4

QWEN_SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)

CORPUS = [
    '[2026-01-04T09:12:33Z] L1-0 src=sysmon type=process_create host=ws-114 user="j.doe" image=powershell.exe',
    "[2026-01-04T09:12:41Z] L1-1 src=firewall type=net_conn host=ws-114 dst_ip=203.0.113.77 bytes=48211",
    '[2026-01-04T09:13:02Z] L1-2 src=auth type=login_failed host=srv-2 user="svc-backup" count=14',
    "The user has logged in to the host; the process and the address are in the alert.\n"
    "Action: dismiss\nCitedLog: L1-0",
    "severity=high | category=malware | action=escalate | rationale: the hash is on the list of the host",
]

TEXTS = [
    '[2026-03-17T23:05:09Z] L2-17 src=auth host="db-04" user="o\'neil" failed=1284 msg="can\'t log in"',
    "Grüße aus Zürich\u00a0– cafe\u0301, Ⅷ ½ ٣ 東京 🚨👩\u200d💻 said <|im_end|>\r\n\t<|im_start|>system  ok ",
    CORPUS[0] + "\n\nWhy did the host's user start it at 09:12, and not she? WE'LL see  in 12 ..\n",
]

SFT = [
    ("Alert on ws-114: powershell", "Action: escalate"),
    ("Login failed 14 times for svc-backup, then it's in.\nWhat now?", "Action: monitor\nCitedLog: L1-2"),
    ("ok?", "Action: dismiss\nCitedLog: L1-0\nRationale: 'the list' ½"),
]

ALL_SEVEN = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
ADAPTERS: dict[str, dict[str, Any]] = {
    "plain": {"r": 4, "lora_alpha": 8, "target_modules": ALL_SEVEN},
    "rslora": {"r": 3, "lora_alpha": 5, "target_modules": ALL_SEVEN, "use_rslora": True},
    # Keys sorted, as the saved file has them: the first that matches counts.
    "patterns": {
        "r": 4,
        "lora_alpha": 8,
        "target_modules": ["q_proj", "v_proj", "up_proj", "down_proj"],
        "rank_pattern": {"layers.1.mlp.down_proj": 2, "q_proj": 6},
        "alpha_pattern": {"layers.0.self_attn.v_proj": 20, "layers.1.self_attn.q_proj": 10, "q_proj": 3},
    },
    "subset": {"r": 2, "lora_alpha": 4, "target_modules": ["q_proj", "v_proj"]},
    "regex": {"r": 2, "lora_alpha": 6, "target_modules": r"model\.layers\.\d+\.self_attn\.(q|k|v|o)_proj"},
    "all-linear": {"r": 1, "lora_alpha": 2, "target_modules": "all-linear"},
    "layers-to-transform": {"r": 2, "lora_alpha": 6, "target_modules": ALL_SEVEN, "layers_to_transform": [1]},
}
REFUSED: dict[str, dict[str, Any]] = {
    "dora": {"use_dora": True},
    "bias-all": {"bias": "all"},
    "modules-to-save": {"modules_to_save": ["lm_head"]},
}

# Tensor types by the name's last part but one, in turn for the layers.
TensorTypes = dict[str, list[Quant]]
LLAMA_TYPES: TensorTypes = {
    "token_embd": [Quant.Q8_0],
    "attn_q": [Quant.Q4_0, Quant.Q8_0],
    "attn_k": [Quant.Q4_1, Quant.F16],
    "attn_v": [Quant.Q8_0, Quant.Q4_1],
    "attn_output": [Quant.F16, Quant.Q4_0],
    "ffn_gate": [Quant.Q4_0, Quant.Q4_1],
    "ffn_up": [Quant.Q4_1, Quant.Q4_0],
    "ffn_down": [Quant.Q8_0, Quant.Q4_1],
}
QWEN_TYPES: TensorTypes = {
    "token_embd": [Quant.F16],
    "attn_q": [Quant.Q8_0, Quant.F16],
    "attn_k": [Quant.F16, Quant.Q8_0],
    "attn_v": [Quant.Q8_0],
    "attn_output": [Quant.Q8_0],
    "ffn_gate": [Quant.Q8_0],
    "ffn_up": [Quant.F16, Quant.Q8_0],
    "ffn_down": [Quant.Q8_0],
}
GGUF_NAMES = {
    "model.embed_tokens": "token_embd",
    "model.norm": "output_norm",
    "lm_head": "output",
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}


def same(what: str, a: torch.Tensor, b: torch.Tensor) -> None:
    """Ends the run when two tensors are not close."""
    difference = (a.detach() - b.detach()).abs().max().item()
    print(f"{what}: greatest difference {difference:.1e}")
    if not difference <= CLOSE:
        raise SystemExit(f"{what} differ")


def write_json(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")


def write_compact(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, ensure_ascii=False, separators=(",", ":")) + "\n", encoding="utf-8")


def read_json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def rounded(values: torch.Tensor) -> list[float]:
    """Seven significant digits: what an f32 holds."""
    return [float(f"{value:.7g}") for value in values.detach().flatten().tolist()]


# Tokenizers


def qwen_tokenizer() -> Tokenizer:
    """Splits as Qwen2.5 does; special tokens come after the vocabulary."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.NFC()
    split = pre_tokenizers.Split(Regex(QWEN_SPLIT), behavior="isolated", invert=False)
    bytes_only = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([split, bytes_only])
    tokenizer.post_processor = processors.ByteLevel(add_prefix_space=False, trim_offsets=False, use_regex=False)
    tokenizer.decoder = decoders.ByteLevel(add_prefix_space=False, trim_offsets=False, use_regex=False)
    train(tokenizer, [])
    tokenizer.add_special_tokens([AddedToken(token, normalized=False, special=True) for token in SPECIAL])
    return tokenizer


def smol_tokenizer() -> Tokenizer:
    """Splits as SmolLM does: each digit, then GPT-2's pattern; special tokens open the vocabulary."""
    tokenizer = Tokenizer(models.BPE())
    digits = pre_tokenizers.Digits(individual_digits=True)
    gpt2 = pre_tokenizers.ByteLevel(add_prefix_space=False, trim_offsets=True, use_regex=True)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([digits, gpt2])
    tokenizer.decoder = decoders.ByteLevel(add_prefix_space=True, trim_offsets=True, use_regex=True)
    train(tokenizer, SPECIAL)
    return tokenizer


def train(tokenizer: Tokenizer, special: list[str]) -> None:
    trainer = trainers.BpeTrainer(
        vocab_size=256 + MERGES + len(special),
        special_tokens=special,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(CORPUS, trainer)
    trained = json.loads(tokenizer.to_str())["model"]
    vocabulary = trained["vocab"] | {left + right: len(trained["vocab"]) + i for i, (left, right) in enumerate(TRAPS)}
    tokenizer.model = models.BPE(vocab=vocabulary, merges=[tuple(pair) for pair in trained["merges"]] + TRAPS)


def save_tokenizer(folder: Path, tokenizer: Tokenizer, template: str, **special: str) -> None:
    """As transformers 5 saves it: the template in a file of its own."""
    wrapped = PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_max_length=256, **special)
    wrapped.chat_template = template
    wrapped.save_pretrained(folder)
    # The same JSON without its white space, a fifth of the size.
    write_compact(folder / "tokenizer.json", read_json(folder / "tokenizer.json"))


# Models


def randomise(model: PreTrainedModel, seed: int, dtype: torch.dtype) -> PreTrainedModel:
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in sorted(model.named_parameters()):
            noise = torch.randn(parameter.shape, generator=generator)
            if "norm" in name:
                parameter.copy_(1 + 0.2 * noise)
            elif "layers" not in name or name.endswith(".bias"):
                parameter.copy_(0.3 * noise)
            else:
                parameter.copy_(1.4 * noise / parameter.shape[1] ** 0.5)
    return model.to(dtype).eval()


def save_qwen_f32(folder: Path, tokenizer: Tokenizer) -> None:
    """The layout of the days before transformers 5."""
    ids = special_ids(tokenizer)
    config = Qwen2Config(
        **sizes(320, 32, 64), tie_word_embeddings=True, rope_parameters=rope(1e6), rms_norm_eps=1e-6, **ids
    )
    randomise(Qwen2ForCausalLM(config), 1, torch.float32).save_pretrained(folder)
    written = read_json(folder / "config.json")
    for new in ("rope_parameters", "dtype", "layer_types"):
        del written[new]
    old = {"rope_theta": 1000000.0, "torch_dtype": "float32", "sliding_window": 32768, "transformers_version": "4.46.3"}
    write_json(folder / "config.json", dict(sorted((written | old).items())))
    save_tokenizer(folder, tokenizer, tiny_chat.QWEN_LIKE, eos_token="<|im_end|>", pad_token="<|endoftext|>")
    (folder / "chat_template.jinja").unlink()
    fields = {
        "add_prefix_space": False,
        "bos_token": None,
        "chat_template": tiny_chat.QWEN_LIKE,
        "clean_up_tokenization_spaces": False,
        "eos_token": "<|im_end|>",
        "model_max_length": 256,
        "pad_token": "<|endoftext|>",
        "tokenizer_class": "Qwen2Tokenizer",
        "unk_token": None,
    }
    write_json(folder / "tokenizer_config.json", fields)


def save_qwen_bf16(folder: Path, tokenizer: Tokenizer) -> None:
    ids = special_ids(tokenizer)
    config = Qwen2Config(
        **sizes(320, 32, 96), tie_word_embeddings=False, rope_parameters=rope(5e5), rms_norm_eps=1e-6, **ids
    )
    model = randomise(Qwen2ForCausalLM(config), 2, torch.bfloat16)
    model.save_pretrained(folder, max_shard_size="40KB")
    save_tokenizer(folder, tokenizer, tiny_chat.QWEN_LIKE, eos_token="<|im_end|>", pad_token="<|endoftext|>")


def save_llama_f16(folder: Path, tokenizer: Tokenizer) -> None:
    ids = special_ids(tokenizer) | {"bos_token_id": tokenizer.token_to_id("<|im_start|>")}
    size = tokenizer.get_vocab_size()
    config = LlamaConfig(
        **sizes(size, 64, 96), tie_word_embeddings=True, rope_parameters=rope(1e5), rms_norm_eps=1e-5, **ids
    )
    randomise(LlamaForCausalLM(config), 3, torch.float16).save_pretrained(folder)
    special = {"bos_token": "<|im_start|>", "eos_token": "<|im_end|>", "pad_token": "<|endoftext|>"}
    save_tokenizer(folder, tokenizer, tiny_chat.SMOL_LIKE, unk_token="<|endoftext|>", **special)


def sizes(vocabulary: int, hidden: int, inner: int) -> dict[str, int]:
    return {
        "vocab_size": vocabulary,
        "hidden_size": hidden,
        "intermediate_size": inner,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 256,
    }


def rope(theta: float) -> dict[str, Any]:
    return {"rope_type": "default", "rope_theta": theta}


def special_ids(tokenizer: Tokenizer) -> dict[str, int | None]:
    ends = {"eos_token_id": "<|im_end|>", "pad_token_id": "<|endoftext|>"}
    return {"bos_token_id": None} | {field: tokenizer.token_to_id(token) for field, token in ends.items()}


def load(folder: Path) -> PreTrainedModel:
    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()


# GGUF


def gguf_name(name: str) -> str:
    """`model.layers.1.mlp.up_proj.weight` is called `blk.1.ffn_up.weight`."""
    stem, kind = name.rsplit(".", 1)
    layer = re.fullmatch(r"model\.layers\.(\d+)\.(.+)", stem)
    return f"blk.{layer[1]}.{GGUF_NAMES[layer[2]]}.{kind}" if layer else f"{GGUF_NAMES[stem]}.{kind}"


def interleaved(weight: np.ndarray, heads: int) -> np.ndarray:
    """Each head's rows in the order 0, n/2, 1, n/2 + 1, ..: rope of llama.cpp turns neighbours, not halves."""
    half = weight.shape[0] // heads // 2
    return weight.reshape(heads, 2, half, -1).swapaxes(1, 2).reshape(weight.shape)


def halved(weight: np.ndarray, heads: int) -> np.ndarray:
    """What undoes `interleaved`."""
    half = weight.shape[0] // heads // 2
    return weight.reshape(heads, half, 2, -1).swapaxes(1, 2).reshape(weight.shape)


def permuted_heads(config: Any, name: str) -> int | None:
    """How many heads the rows of a tensor belong to, if its rows are permuted."""
    if config.model_type == "llama" and ".attn_q." in name:
        return config.num_attention_heads
    if config.model_type == "llama" and ".attn_k." in name:
        return config.num_key_value_heads
    return None


def tensor_type(name: str, types: TensorTypes) -> Quant:
    parts = name.split(".")
    if parts[-2] not in types or parts[-1] == "bias":
        return Quant.F32
    layer = int(parts[1]) if parts[0] == "blk" else 0
    return types[parts[-2]][layer % len(types[parts[-2]])]


def write_gguf(path: Path, source: Path, pre: str, file_type: gguf.LlamaFileType, types: TensorTypes) -> None:
    model = load(source)
    writer = gguf.GGUFWriter(path, model.config.model_type)
    writer.add_type("model")
    writer.add_name(source.name)
    add_sizes(writer, model.config)
    writer.add_file_type(file_type)
    add_vocabulary(writer, source, model.config, pre)
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
    for name, tensor in model.state_dict().items():
        if name == "lm_head.weight" and model.config.tie_word_embeddings:
            continue
        name, data = gguf_name(name), tensor.numpy()
        heads = permuted_heads(model.config, name)
        kind = tensor_type(name, types)
        data = gguf.quants.quantize(interleaved(data, heads) if heads else data, kind)
        writer.add_tensor(name, data, raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def add_sizes(writer: gguf.GGUFWriter, config: Any) -> None:
    writer.add_block_count(config.num_hidden_layers)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_rope_freq_base(config.rope_parameters["rope_theta"])
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    if config.model_type == "llama":
        writer.add_vocab_size(config.vocab_size)
        writer.add_rope_dimension_count(config.hidden_size // config.num_attention_heads)


def add_vocabulary(writer: gguf.GGUFWriter, source: Path, config: Any, pre: str) -> None:
    tokenizer = read_json(source / "tokenizer.json")
    if config.model_type == "llama":
        writer.add_add_space_prefix(False)
    writer.add_add_bos_token(False)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(pre)
    names, kinds = zip(*token_rows(tokenizer, config.vocab_size))
    writer.add_token_list(names)
    writer.add_token_types(kinds)
    writer.add_token_merges([" ".join(pair) for pair in tokenizer["model"]["merges"]])
    if config.bos_token_id is not None:
        writer.add_bos_token_id(config.bos_token_id)
    writer.add_eos_token_id(config.eos_token_id)
    writer.add_pad_token_id(config.pad_token_id)
    writer.add_chat_template(AutoTokenizer.from_pretrained(source).chat_template)


def token_rows(tokenizer: Any, rows: int) -> Iterable[tuple[str, gguf.TokenType]]:
    """Name and type of every row of the embedding; llama.cpp's converter names those beyond the vocabulary too."""
    known = {index: (name, gguf.TokenType.NORMAL) for name, index in tokenizer["model"]["vocab"].items()}
    known |= {token["id"]: (token["content"], gguf.TokenType.CONTROL) for token in tokenizer["added_tokens"]}
    for index in range(rows):
        yield known.get(index, (f"[PAD{index}]", gguf.TokenType.UNUSED))


def load_gguf(path: Path, source: Path) -> PreTrainedModel:
    """The model of the dequantised tensors, held against the one that transformers reads from the file."""
    model = load(source)
    stored = {}
    for tensor in gguf.GGUFReader(path).tensors:
        data = gguf.quants.dequantize(tensor.data, tensor.tensor_type).astype(np.float32)
        heads = permuted_heads(model.config, tensor.name)
        stored[tensor.name] = torch.from_numpy((halved(data, heads) if heads else data).copy())
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.copy_(stored.pop(gguf_name(name)))
    if stored:
        raise SystemExit(f"{path.name}: {sorted(stored)} belong nowhere")
    theirs = AutoModelForCausalLM.from_pretrained(path.parent, gguf_file=path.name, dtype=torch.float32).eval()
    for name, parameter in theirs.named_parameters():
        difference = (parameter - model.get_parameter(name)).abs().max().item()
        if difference > 1e-6:
            raise SystemExit(f"{path.name}: transformers reads {name} differently, by {difference:.1e}")
    probe = torch.arange(5, 105).unsqueeze(0)
    same(f"{path.name} and transformers' reading of it", model(probe).logits, theirs(probe).logits)
    return model


# References


def encode(folder: Path, text: str) -> list[int]:
    """Ids of the text in which special tokens are ordinary characters."""
    auto = AutoTokenizer.from_pretrained(folder)
    tokens = auto.encode(text, add_special_tokens=False, split_special_tokens=True)
    bare = Tokenizer.from_file(str(folder / "tokenizer.json"))
    bare.encode_special_tokens = True
    special = {bare.token_to_id(token) for token in SPECIAL}
    if tokens != bare.encode(text, add_special_tokens=False).ids or special & set(tokens):
        raise SystemExit(f"{folder.name}: ids of {text!r} are not certain")
    # Else the text would not show the difference.
    if "<|im_end|>" in text and not special & set(auto.encode(text, add_special_tokens=False)):
        raise SystemExit(f"{folder.name}: {text!r} holds no special token")
    return tokens


def last_logits(model: torch.nn.Module, tokens: list[int]) -> torch.Tensor:
    with torch.no_grad():
        return model(torch.tensor([tokens])).logits[0, -1]


def reference(model: PreTrainedModel, tokenizer: Path) -> dict[str, Any]:
    tokens = [encode(tokenizer, text) for text in TEXTS]
    print(f"{tokenizer.name}: {[len(row) for row in tokens]} tokens")
    return {"tokens": tokens, "logits": [rounded(last_logits(model, row)) for row in tokens]}


# Adapters


def adapter_config(**fields: Any) -> LoraConfig:
    return LoraConfig(task_type="CAUSAL_LM", lora_dropout=0.0, **fields)


def settle(folder: Path) -> None:
    """What PEFT writes differently from run to run, or from machine to machine."""
    (folder / "README.md").unlink(missing_ok=True)
    config = read_json(folder / "adapter_config.json")
    config["base_model_name_or_path"] = BASE
    if isinstance(config["target_modules"], list):
        config["target_modules"].sort()
    write_json(folder / "adapter_config.json", config)


def save_adapter(base: Path, folder: Path, seed: int, fields: dict[str, Any]) -> PeftModel:
    model = get_peft_model(load(base), adapter_config(**fields)).eval()
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in sorted(model.named_parameters()):
            if "lora_" in name:
                parameter.copy_(0.3 * torch.randn(parameter.shape, generator=generator))
    model.save_pretrained(folder, save_embedding_layers=False)
    settle(folder)
    return model


def adapters(out: Path) -> dict[str, Any]:
    tokens = encode(out / BASE, TEXTS[0])
    plain = last_logits(load(out / BASE), tokens)
    references = {}
    for seed, (name, fields) in enumerate(ADAPTERS.items()):
        folder = out / "adapters" / name
        made = save_adapter(out / BASE, folder, 100 + seed, fields)
        loaded = PeftModel.from_pretrained(load(out / BASE), folder).eval()
        logits = last_logits(loaded, tokens)
        same(f"adapter {name} in memory and reloaded", last_logits(made, tokens), logits)
        if (logits - plain).abs().max() < 0.1:
            raise SystemExit(f"adapter {name} changes next to nothing")
        references[name] = {"text": 0, "logits": rounded(logits)}
        if name == "plain":
            merged = last_logits(loaded.merge_and_unload(), tokens)
            same(f"adapter {name} merged and not", merged, logits)
            references[name]["merged"] = rounded(merged)
    for name, fields in REFUSED.items():
        folder = out / "adapters" / "refused" / name
        config = adapter_config(r=4, lora_alpha=8, target_modules=ALL_SEVEN, inference_mode=True, **fields)
        config.save_pretrained(folder)
        settle(folder)
    return references


# SFT


def padded(rows: Iterable[list[int]], fill: int) -> torch.Tensor:
    return torch.nn.utils.rnn.pad_sequence([torch.tensor(row) for row in rows], batch_first=True, padding_value=fill)


def sft(out: Path) -> dict[str, Any]:
    """One batch as TRL trains on it: the mean over all completion tokens, prompts and padding left out."""
    model = PeftModel.from_pretrained(load(out / BASE), out / "adapters" / "plain", is_trainable=True).eval()
    config = model.get_base_model().config
    batch = [
        {"prompt": encode(out / BASE, prompt), "completion": [*encode(out / BASE, answer), config.eos_token_id]}
        for prompt, answer in SFT
    ]
    rows = [row["prompt"] + row["completion"] for row in batch]
    labels = padded([[-100] * len(row["prompt"]) + row["completion"] for row in batch], -100)
    mask = padded([[1] * len(row) for row in rows], 0)
    count = sum(len(row["completion"]) for row in batch)
    inputs = padded(rows, config.pad_token_id)
    answer = model(input_ids=inputs, attention_mask=mask, labels=labels, num_items_in_batch=count)
    shifted = answer.logits[:, :-1].flatten(0, 1), labels[:, 1:].flatten()
    same("losses of transformers and torch", answer.loss, torch.nn.functional.cross_entropy(*shifted))
    answer.loss.backward()
    return {
        "model": BASE,
        "adapter": "adapters/plain",
        "batch": batch,
        "completion_tokens": count,
        "loss": rounded(answer.loss)[0],
        "gradients": dict(gradients(model)),
    }


def gradients(model: PeftModel) -> Iterable[tuple[str, dict[str, Any]]]:
    """Under the names that the adapter's file has."""
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            gradient = parameter.grad
            first = rounded(gradient.flatten()[:4])
            yield name.replace(".default.", "."), {"norm": rounded(gradient.norm())[0], "first": first}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=tiny_chat.DEFAULT_OUT)
    out = parser.parse_args().out.resolve()
    torch.set_num_threads(1)
    logging.disable_progress_bar()

    save_qwen_f32(out / BASE, qwen_tokenizer())
    save_qwen_bf16(out / "qwen2-sharded-bf16", qwen_tokenizer())
    save_llama_f16(out / "llama-f16", smol_tokenizer())
    write_gguf(out / "llama.gguf", out / "llama-f16", "smollm", gguf.LlamaFileType.MOSTLY_Q4_1, LLAMA_TYPES)
    write_gguf(out / "qwen2.gguf", out / BASE, "qwen2", gguf.LlamaFileType.MOSTLY_Q8_0, QWEN_TYPES)

    folders = [BASE, "qwen2-sharded-bf16", "llama-f16"]
    references = {name: reference(load(out / name), out / name) for name in folders}
    for name, source in [("llama.gguf", "llama-f16"), ("qwen2.gguf", BASE)]:
        references[name] = reference(load_gguf(out / name, out / source), out / source)
    write_compact(out / "reference.json", {"texts": TEXTS, "models": references, "adapters": adapters(out)})
    write_compact(out / "sft.json", sft(out))
    tiny_chat.write(out)


if __name__ == "__main__":
    sys.exit(main())
