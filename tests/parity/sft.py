#!/usr/bin/env python3
"""Writes what TRL's SFTTrainer makes of a few examples: tokens, losses, metrics, gradients, and the adapter after each step.

Needs (no GPU, no network once installed; Python 3.10 or newer, outside the repository):
  python3 -m venv /tmp/parity && /tmp/parity/bin/pip install torch trl==1.16.0 peft

Run, from the repository root (half a minute, nearly all of it importing; one thread gives the same bytes every time):
  OMP_NUM_THREADS=1 /tmp/parity/bin/python tests/parity/sft.py > tests/engine/sft.json

No formula of TRL's, PEFT's or transformers' stands here, and nothing of them is replaced: SFTTrainer.train() runs as
released, over the tiny models of tests/engine/tiny (tests/parity/tiny.py) with an adapter of PEFT on all seven projections.
So these methods of it run:
  _prepare_dataset        tokens and labels: of text (EOS added), of conversations (the completion mask), and with
                          assistant_only_loss (the assistant mask of TRL's own training template for Qwen2.5)
  DataCollatorForLanguageModeling   padding
  get_batch_samples       num_items_in_batch, the labels of all micro-batches of a step
  compute_loss            the loss and entropy of a micro-batch
  training_step, log      accumulation over micro-batches, clipping, AdamW, the schedule, what a step is said to have been
A subclass reads what passes through them: each micro-batch's loss and metrics, the gradients when the last one is in, and
the adapter's weights after the optimiser.

Models and adapter are in float64, the fused head of TRL as it is. Weights of the adapter come from a formula (`weights`),
which tests/engine/sft.rs repeats. The greatest learning rate comes with the first step: TRL's first has 0 under a warm-up.

"runs": per model and way of giving examples
  options    of SFTConfig that matter here
  rows       input_ids, and where of them the labels begin; what follows the labels, if anything, is masked again
  steps      "parts" are micro-batches: rows, loss, entropy; "items" is num_items_in_batch; "logged" is what TRL logged of the
             step; per tensor of the adapter, in the order of "tensors", the norm of its gradient before clipping with the
             first, middle and last of its values, and the same of its weights after the step
Left out are two metrics of a step: mean_token_accuracy, which opensoc does not keep, and the entropy, of which TRL takes
the mean over micro-batches and opensoc that over tokens.
"schedules": learning rates of transformers' get_scheduler, as shares of the greatest
"""

import contextlib
import json
import os
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

# Before the imports that read it: nothing is to be looked up.
os.environ["HF_HUB_OFFLINE"] = "1"
# This file's neighbour has the package's name, and Python looks into a script's own folder first.
HERE = Path(__file__).resolve().parent
sys.path = [entry for entry in sys.path if Path(entry).resolve() != HERE]

import torch  # noqa: E402
import trl  # noqa: E402
from datasets import Dataset, disable_progress_bars  # noqa: E402
from peft import LoraConfig, PeftModel, get_peft_model  # noqa: E402
from transformers import AutoModelForCausalLM, AutoTokenizer, TrainerCallback, get_scheduler  # noqa: E402
from trl import SFTConfig, SFTTrainer  # noqa: E402

VERSION = "1.16.0"
TINY = HERE.parent / "engine" / "tiny"
TEMPLATES = Path(trl.__file__).parent / "chat_templates"
RANK, ALPHA = 3, 6
SCHEDULED = {"steps": 10, "warmup": 3}
PROJECTIONS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]

SYSTEM = "You answer alerts."
EXAMPLES = [
    ("Alert on ws-114: powershell", "Action: escalate"),
    ("Login failed 14 times for svc-backup, then it's in.\nWhat now?", "Action: monitor\nCitedLog: L1-2"),
    ("ok?", "Action: dismiss\nCitedLog: L1-0\nRationale: 'the list' \u00bd"),
    ("Alert on ws-114: powershell, again", "Action: dismiss"),
    ("Alert on srv-2: 48211 bytes", "Action: escalate\nCitedLog: L1-1\nRationale: the address is in the alert."),
    ("ok", "Action: monitor"),
    ("Gr\u00fc\u00dfe from db-04", "Action: monitor\nCitedLog: L2-17"),
    ("Why did the user of the host start it at 09:12, and not she?", "Action: dismiss\nCitedLog: L1-2\nRationale: seen."),
]

# Two steps of two micro-batches of two rows; gradients are long enough to be clipped.
OPTIONS = {
    "learning_rate": 0.01, "lr_scheduler_type": "linear", "warmup_steps": 0, "weight_decay": 0.1, "max_grad_norm": 1.0,
    "adam_beta1": 0.8, "adam_beta2": 0.95, "adam_epsilon": 1e-4,
}
RUNS = [
    ("qwen2-f32", "text", {}),
    ("qwen2-f32", "assistant", {"assistant_only_loss": True, "max_grad_norm": 0.5}),
    ("llama-f16", "text", {"weight_decay": 0.0}),
    ("llama-f16", "conversation", {"lr_scheduler_type": "cosine"}),
]


class Watched(SFTTrainer):
    """Notes what the released methods give."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.parts: list[dict[str, Any]] = []
        self.items: int | None = None
        self.gradients: list[dict[str, Any]] = []
        super().__init__(*args, **kwargs)

    def compute_loss(self, model: Any, inputs: Any, return_outputs: bool = False, num_items_in_batch: Any = None) -> Any:
        rows = len(inputs["input_ids"])
        loss = super().compute_loss(model, inputs, return_outputs, num_items_in_batch)
        metrics = self._metrics["train"]
        self.parts.append({"rows": rows, "loss": loss.item(), "entropy": metrics["entropy"][-1]})
        self.items = int(num_items_in_batch)
        return loss

    def training_step(self, *args: Any, **kwargs: Any) -> Any:
        loss = super().training_step(*args, **kwargs)
        # The last of a step's micro-batches leaves the sum here, before it is clipped.
        self.gradients = [summary(parameter.grad) for _, parameter in trained(self.model)]
        return loss


class Steps(TrainerCallback):
    """Cuts what was noted into optimiser steps."""

    def __init__(self) -> None:
        self.trainer: Watched | None = None
        self.steps: list[dict[str, Any]] = []

    def on_optimizer_step(self, *_: Any, **__: Any) -> None:
        trainer = self.trainer
        weights = [summary(parameter.data) for _, parameter in trained(trainer.model)]
        step = {"items": trainer.items, "parts": trainer.parts, "gradients": trainer.gradients, "weights": weights}
        self.steps.append(step)
        trainer.parts = []

    def on_log(self, _: Any, state: Any, *__: Any, logs: dict[str, Any], **___: Any) -> None:
        if "loss" in logs:
            wanted = ("loss", "grad_norm", "learning_rate", "num_tokens")
            self.steps[state.global_step - 1]["logged"] = {key: float(logs[key]) for key in wanted}


def trained(model: PeftModel) -> list[tuple[str, torch.nn.Parameter]]:
    """What trains, under the names that the adapter's file has, sorted by them."""
    named = [(name.replace(".default.", "."), p) for name, p in model.named_parameters() if p.requires_grad]
    return sorted(named, key=lambda pair: pair[0])


def summary(values: torch.Tensor) -> list[float]:
    """The norm, then first, middle and last of the values."""
    flat = values.detach().flatten()
    return [flat.norm().item(), *flat[[0, len(flat) // 2, -1]].tolist()]


def weights(tensor: int, count: int) -> torch.Tensor:
    """Multiples of 1/64, of both signs, in no order, for the `tensor`th of the adapter's."""
    at = torch.arange(count, dtype=torch.int64)
    return ((at * at * 3 + at * 7 + tensor * 13) % 31 - 15).double() / 64


def adapted(folder: Path) -> PeftModel:
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float64)
    config = LoraConfig(task_type="CAUSAL_LM", r=RANK, lora_alpha=ALPHA, lora_dropout=0.0, target_modules=PROJECTIONS)
    model = get_peft_model(model, config)
    with torch.no_grad():
        for tensor, (_, parameter) in enumerate(trained(model)):
            parameter.copy_(weights(tensor, parameter.numel()).view(parameter.shape))
    return model


def examples(kind: str, tokenizer: Any) -> Iterable[dict[str, Any]]:
    """Prompts and completions; as text, the prompt is what the template makes of the conversation."""
    for user, answer in EXAMPLES:
        prompt = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": user}]
        if kind == "text":
            text = tokenizer.apply_chat_template(prompt, tokenize=False, add_generation_prompt=True)
            yield {"prompt": text, "completion": answer}
        else:
            yield {"prompt": prompt, "completion": [{"role": "assistant", "content": answer}]}


def row(example: dict[str, Any]) -> dict[str, Any]:
    learned = [at for at, label in enumerate(example["labels"]) if label != -100]
    first, last = learned[0], learned[-1]
    tokens = example["input_ids"]
    if [label for label in example["labels"] if label != -100] != tokens[first : last + 1]:
        raise SystemExit("labels are no one stretch of the tokens")
    return {"tokens": tokens, "labels": [first, last + 1]}


def run(name: str, kind: str, options: dict[str, Any], out: str) -> dict[str, Any]:
    folder = TINY / name
    tokenizer = AutoTokenizer.from_pretrained(folder)
    if kind == "assistant":
        # TRL knows a model's training template by its chat template.
        tokenizer.chat_template = (TEMPLATES / "qwen2_5.jinja").read_text(encoding="utf-8")
    options = OPTIONS | options
    config = SFTConfig(
        out, per_device_train_batch_size=2, gradient_accumulation_steps=2, num_train_epochs=1, logging_steps=1,
        train_sampling_strategy="sequential", save_strategy="no", report_to=[], use_cpu=True, bf16=False,
        gradient_checkpointing=False, dataloader_pin_memory=False, disable_tqdm=True, **options,
    )
    steps = Steps()
    data = Dataset.from_list(list(examples(kind, tokenizer)))
    model = adapted(folder)
    trainer = Watched(model, config, train_dataset=data, processing_class=tokenizer, callbacks=[steps])
    steps.trainer = trainer
    trainer.train()
    return {
        "model": name,
        "kind": kind,
        "options": options,
        "rows": [row(example) for example in trainer.train_dataset],
        "steps": steps.steps,
        "tensors": [name for name, _ in trained(model)],
    }


def schedule(name: str) -> list[float]:
    """The shares by which transformers multiplies the learning rate of each step."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    scheduler = get_scheduler(name, optimizer, SCHEDULED["warmup"], SCHEDULED["steps"])
    shares = []
    for _ in range(SCHEDULED["steps"]):
        shares.append(scheduler.get_last_lr()[0])
        optimizer.step()
        scheduler.step()
    return shares


def rounded(value: Any) -> Any:
    """Seven significant digits: what an f32 holds."""
    if isinstance(value, dict):
        return {key: rounded(of) for key, of in value.items()}
    if isinstance(value, list):
        return [rounded(of) for of in value]
    if not isinstance(value, float):
        return value
    short = float(f"{value:.7g}")
    return int(short) if short.is_integer() else short


def compact(value: Any) -> str:
    return json.dumps(rounded(value), separators=(",", ":"))


def run_lines(entry: dict[str, Any]) -> str:
    """A line a step, so that a change shows where it is."""
    head = {key: value for key, value in entry.items() if key != "steps"}
    return f'{compact(head)[:-1]},"steps":[\n' + ",\n".join(map(compact, entry["steps"])) + "\n]}"


def main() -> int:
    if trl.__version__ != VERSION:
        print(f"trl {VERSION} is needed, {trl.__version__} is installed", file=sys.stderr)
        return 2
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    disable_progress_bars()
    # A trainer prints what it logs.
    with tempfile.TemporaryDirectory() as out, contextlib.redirect_stdout(sys.stderr):
        runs = [run(name, kind, options, out) for name, kind, options in RUNS]
    schedules = {name: schedule(name) for name in ("constant_with_warmup", "linear", "cosine")}
    head = {"trl": VERSION, "rank": RANK, "alpha": ALPHA, "schedules": SCHEDULED | schedules}
    head |= {"system": SYSTEM, "examples": [list(example) for example in EXAMPLES]}
    print(compact(head)[:-1] + ',"runs":[\n' + ",\n".join(map(run_lines, runs)) + "\n]}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
