#!/usr/bin/env python3
"""Tiny models whose config.json is spelt in ways that are easily misread, with the logits transformers gives.

Writes tests/engine/forms/ (committed: tests/engine/forms.rs reads it and needs no Python):
  own-head/          tie_word_embeddings: true, but an lm_head.weight that is not the embedding: it counts
  same-head/         the same with the embedding again as lm_head.weight
  theta-in-scaling/  the base of the rotary angles in rope_scaling, as some saves between versions have it
  biased-llama/      attention_bias: true, on queries, keys, values and outputs
  idle-window/       use_sliding_window: true, from a layer on that the model does not have
  wide-window/       use_sliding_window: true, and a window of as many tokens as there are positions
  reference.json     tokens, and the logits after them of every model

Set up and run as tiny.py, whose packages it was made with:
  OMP_NUM_THREADS=1 /tmp/parity/bin/python tests/parity/forms.py
"""

import json
import os
import sys
from pathlib import Path
from typing import Any

os.environ["HF_HUB_OFFLINE"] = "1"
sys.dont_write_bytecode = True

import torch
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM, PreTrainedModel, Qwen2Config, Qwen2ForCausalLM

OUT = Path(__file__).parent.parent / "engine" / "forms"
TOKENS = [3, 1, 4, 1, 5, 9, 2, 6, 5, 35, 8, 9, 7, 9, 3, 23, 8, 4, 6, 26]
SIZES: dict[str, Any] = {
    "vocab_size": 40,
    "hidden_size": 16,
    "intermediate_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 64,
    "rope_parameters": {"rope_type": "default", "rope_theta": 1e4},
}
# What a model is made with, and what its config.json then says in another way; None takes a field out.
Form = tuple[type[PreTrainedModel], dict[str, Any], dict[str, Any]]
THETA = {"rope_type": "default", "rope_theta": 1e6}
FORMS: dict[str, Form] = {
    "own-head": (Qwen2ForCausalLM, {"tie_word_embeddings": False}, {"tie_word_embeddings": True}),
    "same-head": (Qwen2ForCausalLM, {"tie_word_embeddings": True}, {}),
    "theta-in-scaling": (
        Qwen2ForCausalLM,
        {"tie_word_embeddings": True, "rope_parameters": THETA},
        {"rope_parameters": None, "rope_scaling": THETA},
    ),
    "biased-llama": (LlamaForCausalLM, {"tie_word_embeddings": False, "attention_bias": True}, {}),
    "idle-window": (
        Qwen2ForCausalLM,
        {"tie_word_embeddings": True, "use_sliding_window": True, "sliding_window": 4, "max_window_layers": 2},
        {"layer_types": None},
    ),
    "wide-window": (
        Qwen2ForCausalLM,
        {"tie_word_embeddings": True, "use_sliding_window": True, "sliding_window": 64, "max_window_layers": 0},
        {},
    ),
}


def randomised(model: PreTrainedModel, seed: int) -> PreTrainedModel:
    """Biases and norms too, so that none can go missing unnoticed; in f16, as the files are."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in sorted(model.named_parameters()):
            noise = torch.randn(parameter.shape, generator=generator)
            spread = 1.4 / parameter.shape[-1] ** 0.5 if "layers" in name and parameter.dim() == 2 else 0.4
            parameter.copy_((spread * noise + ("norm" in name)).half().float())
    return model.eval()


def save(name: str, form: Form, seed: int) -> None:
    kind, made_with, said = form
    config_class = LlamaConfig if kind is LlamaForCausalLM else Qwen2Config
    model = randomised(kind(config_class(**(SIZES | made_with))), seed)
    folder = OUT / name
    model.save_pretrained(folder)
    tensors = {key: tensor.half().contiguous() for key, tensor in model.state_dict().items()}
    if name != "same-head" and model.config.tie_word_embeddings:
        del tensors["lm_head.weight"]
    save_file({key: tensor.clone() for key, tensor in tensors.items()}, folder / "model.safetensors", {"format": "pt"})
    (folder / "generation_config.json").unlink(missing_ok=True)
    path = folder / "config.json"
    config = json.loads(path.read_text(encoding="utf-8")) | said
    kept = {field: value for field, value in config.items() if said.get(field, True) is not None}
    path.write_text(json.dumps(kept, indent=2) + "\n", encoding="utf-8")


def logits(folder: Path) -> list[float]:
    """Of the last token, in f32, by the model as it is read back."""
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()
    with torch.no_grad():
        last = model(torch.tensor([TOKENS])).logits[0, -1]
    return [float(f"{value:.7g}") for value in last.tolist()]


def main() -> None:
    for seed, (name, form) in enumerate(FORMS.items()):
        save(name, form, seed)
    models = {name: logits(OUT / name) for name in FORMS}
    reference = {"tokens": TOKENS, "logits": models}
    text = json.dumps(reference, separators=(",", ":"))
    (OUT / "reference.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
