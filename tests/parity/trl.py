#!/usr/bin/env python3
"""Writes what TRL's own code makes of a few fixed batches: losses, gradients, logged metrics, advantages.

Needs (no GPU, no model, no network once installed; Python 3.10 or newer, outside the repository):
  python3 -m venv /tmp/parity && /tmp/parity/bin/pip install torch trl==1.16.0

Run, from the repository root (seconds, nearly all of them importing):
  /tmp/parity/bin/python tests/parity/trl.py > tests/engine/trl.json

No formula of TRL's stands here. A GRPOTrainer is made without its __init__ and given only the attributes that its
methods read; then, per case, these methods of it run as released:
  _generate_and_score_completions   advantages and reward metrics; the completion mask (with mask_truncated_completions),
                                    num_items_in_batch, and whether old log-probabilities are kept at all
  split_tensor_dict (trl.trainer.utils)   the step's rollouts into micro-batches, as _prepare_inputs does after a shuffle
  compute_loss, _compute_loss       loss, metrics, and by autograd the gradients
Replaced are only what would need a model: _generate (gives the batch's completions) and
_get_per_token_logps_and_entropies (gives the batch's tensors). The accelerator is that of one process.

Everything is computed in float64, except what TRL casts itself: rewards, clip ratios and shares pass through float32, so
hold those to 1e-6. Inputs are multiples of 1/64: exact in float32, and never near a clip bound.

"loss" cases:
  config     options of GRPOConfig that matter for the case; without importance_sampling_level it is "token", without delta
             there is none
  batch      one micro-batch, padded with 0; "mask" is 1 on every token of a response, "truncated" says that its last token
             is neither EOS nor padding (what TRL goes by); "old" is null where TRL keeps none (num_iterations 1);
             "num_items_in_batch" is TRL's count of the whole step, after masking; "accumulation_steps" is the number of
             micro-batches of the step, all with as many responses
  expected   "loss" is what is differentiated, the rest is what the method appended to TRL's metrics, null where it
             appended nothing or NaN; "loss_tokens" counts the tokens of this micro-batch left after masking;
             gradients are with respect to the padded tensors
  note       how TRL scales, where that needs saying
"advantages" cases: consecutive runs of "group" rewards belong to one prompt.
"""

import json
import sys
from collections import defaultdict
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Iterator

# This file has the package's name, and Python looks into a script's own folder first.
HERE = Path(__file__).resolve().parent
sys.path = [entry for entry in sys.path if Path(entry).resolve() != HERE]

import torch  # noqa: E402
import trl  # noqa: E402
from trl.trainer.grpo_trainer import GRPOTrainer  # noqa: E402
from trl.trainer.utils import split_tensor_dict  # noqa: E402

VERSION = "1.16.0"
LOSS_TYPES = ("grpo", "bnpo", "dr_grpo", "dapo")
RESPONSES, LONGEST, GROUP = 8, 9, 8
GRID = 64
EOS, PAD, WORD = 1, 0, 2
REFERENCE_MODEL = "reference"
LOGGED = (
    "kl", "entropy", "policy_loss", "clip_ratio/low_mean", "clip_ratio/high_mean", "clip_ratio/region_mean",
    "clip_ratio/low_min", "clip_ratio/high_max",
)

PLAIN = {
    "loss_type": "dapo", "epsilon": 0.2, "epsilon_high": None, "beta": 0.0, "use_bias_correction_kl": True,
    "num_iterations": 1, "max_completion_length": 16, "mask_truncated_completions": False, "entropy_coef": 0.0,
}

MICRO_NOTES = {
    "grpo": "mean over this micro-batch's responses of each one's token mean, divided by accumulation_steps",
    "bnpo": "mean over this micro-batch's tokens, divided by accumulation_steps: tokens of different micro-batches weigh "
            "differently",
    "dr_grpo": "sum over tokens / (this micro-batch's responses x max_completion_length), divided by accumulation_steps",
    "dapo": "sum over tokens / num_items_in_batch, which counts the whole step: not divided by accumulation_steps again "
            "(TRL multiplies by accumulation_steps / steps_per_generation, 1 here)",
}
UPDATES_NOTE = (
    "four slices of one generation, two to an update: num_items_in_batch counts the whole generation, and TRL takes "
    "accumulation_steps / steps_per_generation of it for an update, whatever tokens the update holds itself; the other loss "
    "types divide as in an update alone"
)
MICRO_TAIL = (
    "; the entropy bonus is the mean over this micro-batch's tokens / accumulation_steps, whatever the loss type; "
    "policy_loss is logged before any division by accumulation_steps; the loss of a step is the sum over its micro-batches"
)
MASKED_NOTES = {
    "grpo": "truncated responses lose every token but still count in the mean over responses, with 0",
    "bnpo": "truncated responses lose every token, in the numerator and in the token count",
    "dr_grpo": "truncated responses lose every token but still count in responses x max_completion_length",
    "dapo": "truncated responses lose every token, in the numerator and in num_items_in_batch",
}
SEQUENCE_NOTE = (
    "one ratio a response, of the mean of its tokens' log-ratios: clip shares are over responses, those without tokens left "
    "(whose ratio is 1) among them; kl and entropy stay means over tokens"
)
DELTA_NOTE = "delta bounds the ratio before the surrogate and the clip shares, after the divergence's correction"
MASKED_TAIL = "; kl, entropy and clip means are over the tokens left, low_min and high_max over the responses left"


@dataclass(frozen=True)
class Batch:
    """A step's rollouts and what a model would say of them; tensors are [responses, LONGEST]."""

    lengths: list[int]
    log_probs: torch.Tensor
    old: torch.Tensor
    reference: torch.Tensor
    entropies: torch.Tensor
    advantages: torch.Tensor
    truncated: list[bool]

    def mask(self) -> torch.Tensor:
        return (torch.arange(LONGEST) < torch.tensor(self.lengths).unsqueeze(1)).long()


@dataclass(frozen=True)
class Case:
    name: str
    batch: Batch
    config: dict[str, Any] = field(default_factory=dict)
    micro_batches: int = 1
    updates: int = 1
    note: str | None = None


def uniform(draw: torch.Generator, shape: tuple[int, ...], low: float, high: float) -> torch.Tensor:
    """Multiples of 1 / GRID from `low` to `high`."""
    return torch.randint(round(low * GRID), round(high * GRID) + 1, shape, generator=draw).double() / GRID


def random_batch(seed: int, zero_advantages: int) -> Batch:
    draw = torch.Generator().manual_seed(seed)
    lengths = torch.randint(3, LONGEST + 1, (RESPONSES,), generator=draw).tolist()
    lengths[seed % RESPONSES] = LONGEST
    shape = (RESPONSES, LONGEST)
    log_probs = uniform(draw, shape, -3.0, -0.1)
    advantages = uniform(draw, (RESPONSES,), 0.2, 1.8)
    advantages[1::2] *= -1
    advantages[:zero_advantages] = 0
    batch = Batch(
        lengths=lengths,
        log_probs=log_probs,
        old=log_probs + uniform(draw, shape, -0.6, 0.6),
        reference=log_probs + uniform(draw, shape, -0.8, 0.8),
        entropies=uniform(draw, shape, 0.05, 2.5),
        advantages=advantages,
        truncated=[at in (2, 5) for at in range(RESPONSES)],
    )
    mask = batch.mask()
    padded = {name: getattr(batch, name) * mask for name in ("log_probs", "old", "reference", "entropies")}
    return replace(batch, **padded)


def all_clipped_low(batch: Batch) -> Batch:
    """Without a response whose low clip ratio is 0, which is else the minimum over responses."""
    less_likely_now = batch.log_probs + (batch.old - batch.log_probs).abs()
    return replace(batch, old=less_likely_now, advantages=-batch.advantages.abs())


def accelerator() -> SimpleNamespace:
    """One process: what is gathered or reduced is what it has."""
    return SimpleNamespace(
        device=torch.device("cpu"), num_processes=1, process_index=0, is_main_process=True, sync_gradients=True,
        gather=lambda tensor: tensor, reduce=lambda tensor, reduction: tensor,
    )


def bare_trainer(config: dict[str, Any], micro_batches: int = 1, updates: int = 1) -> GRPOTrainer:
    """A trainer with the attributes that scoring and loss read, and nothing to generate with. A generation is cut into
    `updates` optimiser steps of `micro_batches` each: TRL's `steps_per_generation` counts all of these."""
    slices = micro_batches * updates
    trainer = object.__new__(GRPOTrainer)
    above = config["epsilon_high"]
    trainer.__dict__.update(
        args=SimpleNamespace(
            delta=config.get("delta"), gradient_accumulation_steps=micro_batches, gradient_checkpointing_kwargs=None,
            per_device_train_batch_size=RESPONSES // slices, report_to=[], steps_per_generation=slices,
            use_bias_correction_kl=config["use_bias_correction_kl"],
        ),
        accelerator=accelerator(),
        model=SimpleNamespace(training=True, is_gradient_checkpointing=False),
        ref_model=REFERENCE_MODEL,
        state=SimpleNamespace(global_step=0),
        loss_type=config["loss_type"],
        beta=config["beta"],
        epsilon_low=config["epsilon"],
        epsilon_high=config["epsilon"] if above is None else above,
        num_iterations=config["num_iterations"],
        max_completion_length=config["max_completion_length"],
        mask_truncated_completions=config["mask_truncated_completions"],
        entropy_coef=config["entropy_coef"],
        _entropy_bonus_enabled=config["entropy_coef"] != 0.0,
        use_adaptive_entropy=False,
        current_gradient_accumulation_steps=micro_batches,
        importance_sampling_level=config.get("importance_sampling_level", "token"),
        top_entropy_quantile=1.0,
        off_policy_mask_threshold=None,
        use_vllm=False,
        vllm_importance_sampling_correction=False,
        aux_loss_enabled=False,
        tools=None,
        environments=None,
        environment_factories=None,
        log_multimodal=False,
        pad_to_multiple_of=None,
        eos_token_ids=[EOS],
        _tokenizer=SimpleNamespace(pad_token_id=PAD),
        num_generations=GROUP,
        scale_rewards="group",
        multi_objective_aggregation="sum_then_normalize",
        reward_weights=torch.ones(1),
        reward_func_names=["verifier"],
        reward_processing_classes=[None],
        _metrics={"train": defaultdict(list)},
        _logs=defaultdict(list, rewards=defaultdict(list), extra=defaultdict(list)),
        _pending_extra_logs=defaultdict(list),
        _pending_metrics=defaultdict(list),
    )
    return trainer


def rollouts(trainer: GRPOTrainer, completions: list[list[int]], rewards: list[float]) -> dict[str, torch.Tensor]:
    """TRL's scoring of given completions and rewards. Each prompt is the response's number, which the stub of a model
    reads back; conversational or not makes no difference here."""
    prompts = [[at] for at in range(len(completions))]
    texts = [""] * len(completions)
    trainer._generate = lambda _: (prompts, completions, None, texts, None, {}, None, None)
    trainer.reward_funcs = [lambda **_: rewards]
    return trainer._generate_and_score_completions([{"prompt": ""} for _ in completions])


def completions_of(batch: Batch) -> list[list[int]]:
    ends = [WORD if truncated else EOS for truncated in batch.truncated]
    return [[WORD] * (length - 1) + [end] for length, end in zip(batch.lengths, ends)]


def answer_with(trainer: GRPOTrainer, batch: Batch, log_probs: torch.Tensor, entropies: torch.Tensor) -> None:
    """Lets the trainer's forward passes give the batch's tensors: with entropies for the policy in the loss, and else for
    the reference or the policy that sampled."""

    def scores(model: Any, input_ids: torch.Tensor, *_: Any, compute_entropy: bool = False, **__: Any) -> tuple:
        rows = input_ids[:, 0]
        if compute_entropy:
            return log_probs[rows], entropies[rows], None
        return (batch.reference if model == REFERENCE_MODEL else batch.old)[rows], None, None

    trainer._get_per_token_logps_and_entropies = scores


def run_loss(case: Case) -> Iterator[dict[str, Any]]:
    """The fixture's entries of a case, one per micro-batch of each update."""
    config = PLAIN | case.config
    batch = case.batch
    trainer = bare_trainer(config, case.micro_batches, case.updates)
    log_probs = batch.log_probs.clone().requires_grad_()
    entropies = batch.entropies.clone().requires_grad_()
    answer_with(trainer, batch, log_probs, entropies)
    step = rollouts(trainer, completions_of(batch), [0.0] * RESPONSES)
    # The advantages that TRL makes of rewards have cases of their own.
    step["advantages"] = batch.advantages
    slices = case.micro_batches * case.updates
    for at, inputs in enumerate(split_tensor_dict(step, slices)):
        trainer._metrics["train"].clear()
        loss = trainer.compute_loss(trainer.model, inputs)
        gradients = torch.autograd.grad(loss, [log_probs, entropies], allow_unused=True)
        name = case.name if slices == 1 else f"{case.name}_part{at + 1}"
        entry = {
            "name": name,
            "config": config,
            "batch": given(case, inputs),
            "expected": {"loss": loss.item()} | outcome(trainer, inputs, gradients),
        }
        yield entry | ({"note": case.note} if case.note else {})


def given(case: Case, inputs: dict[str, torch.Tensor]) -> dict[str, Any]:
    batch = case.batch
    rows = inputs["prompt_ids"][:, 0]

    def listed(key: str) -> Any:
        return inputs[key].tolist() if key in inputs else None

    return {
        "log_probs": batch.log_probs[rows].tolist(),
        "old": listed("old_per_token_logps"),
        "reference": listed("ref_per_token_logps"),
        "entropies": batch.entropies[rows].tolist(),
        "mask": batch.mask()[rows].tolist(),
        "advantages": listed("advantages"),
        "truncated": [batch.truncated[row] for row in rows],
        "num_items_in_batch": listed("num_items_in_batch"),
        "accumulation_steps": case.micro_batches,
    } | ({"updates": case.updates} if case.updates > 1 else {})


def outcome(
    trainer: GRPOTrainer, inputs: dict[str, torch.Tensor], gradients: tuple[torch.Tensor | None, ...]
) -> dict[str, Any]:
    rows = inputs["prompt_ids"][:, 0]
    of_log_probs, of_entropies = (None if g is None else g[rows].tolist() for g in gradients)
    metrics = trainer._metrics["train"]
    logged = {key: metrics[key][0] if key in metrics else None for key in LOGGED}
    tokens = inputs["completion_mask"].sum().item()
    return {"grad_log_probs": of_log_probs, "grad_entropies": of_entropies, "loss_tokens": tokens} | logged


def loss_cases() -> Iterator[Case]:
    first, second, third = random_batch(11, 0), random_batch(12, 1), random_batch(13, 2)
    for loss_type in LOSS_TYPES:
        masked = MASKED_NOTES[loss_type] + MASKED_TAIL
        of_type = {"loss_type": loss_type}
        later = of_type | {"num_iterations": 2}
        yield Case(f"{loss_type}_first_pass", first, of_type)
        yield Case(f"{loss_type}_clipped", second, later)
        yield Case(f"{loss_type}_clip_higher_kl", third, later | {"epsilon_high": 0.28, "beta": 0.04})
        yield Case(
            f"{loss_type}_kl_uncorrected_masked", first,
            later | {"beta": 0.04, "use_bias_correction_kl": False, "mask_truncated_completions": True}, note=masked,
        )
        yield Case(f"{loss_type}_first_pass_kl_entropy", second, of_type | {"beta": 0.04, "entropy_coef": 0.01})
        yield Case(
            f"{loss_type}_clip_higher_entropy_masked", third,
            later | {"epsilon_high": 0.28, "entropy_coef": 0.01, "mask_truncated_completions": True}, note=masked,
        )
        yield Case(
            f"{loss_type}_micro", first, later | {"beta": 0.04, "entropy_coef": 0.01}, micro_batches=2,
            note=MICRO_NOTES[loss_type] + MICRO_TAIL,
        )
        yield Case(
            f"{loss_type}_updates", second, of_type | {"beta": 0.04, "entropy_coef": 0.01}, micro_batches=2, updates=2,
            note=UPDATES_NOTE,
        )
    yield from sequence_cases(first, second, third)
    yield from delta_cases(second, third)
    yield Case("dapo_every_response_clipped", all_clipped_low(first), {"num_iterations": 2})
    yield Case(
        "dapo_everything_masked", replace(second, truncated=[True] * RESPONSES),
        {"num_iterations": 2, "mask_truncated_completions": True},
        note="no token is left: divisors are at least 1, so the loss is 0; low_min and high_max are NaN",
    )


def sequence_cases(first: Batch, second: Batch, third: Batch) -> Iterator[Case]:
    """GSPO. Means vary less than tokens do, so the clip range is narrower."""
    narrow = {"importance_sampling_level": "sequence", "epsilon": 0.03, "epsilon_high": 0.05}
    for loss_type in LOSS_TYPES:
        of_type = narrow | {"loss_type": loss_type}
        later = of_type | {"num_iterations": 2}
        yield Case(f"{loss_type}_sequence_first_pass", first, of_type | {"beta": 0.04}, note=SEQUENCE_NOTE)
        yield Case(f"{loss_type}_sequence_clipped", second, later, note=SEQUENCE_NOTE)
        yield Case(f"{loss_type}_sequence_kl", third, later | {"beta": 0.04}, note=SEQUENCE_NOTE)
        yield Case(
            f"{loss_type}_sequence_kl_masked", first, later | {"beta": 0.04, "mask_truncated_completions": True},
            note=SEQUENCE_NOTE,
        )
        yield Case(
            f"{loss_type}_sequence_micro", first, later | {"beta": 0.04, "entropy_coef": 0.01}, micro_batches=2,
            note=SEQUENCE_NOTE,
        )
    yield Case(
        "dapo_sequence_kl_uncorrected", third, narrow | {"num_iterations": 2, "beta": 0.04, "use_bias_correction_kl": False},
        note=SEQUENCE_NOTE,
    )


def delta_cases(second: Batch, third: Batch) -> Iterator[Case]:
    """Two-sided clipping: at the level of tokens and of responses, and below the upper clip bound too."""
    later = {"num_iterations": 2, "beta": 0.04}
    for loss_type in LOSS_TYPES:
        yield Case(f"{loss_type}_delta", second, later | {"loss_type": loss_type, "delta": 1.3}, note=DELTA_NOTE)
    yield Case("dapo_delta_tight", third, later | {"epsilon_high": 0.28, "delta": 1.1}, note=DELTA_NOTE)
    yield Case(
        "dapo_delta_sequence", third,
        later | {"importance_sampling_level": "sequence", "epsilon": 0.03, "epsilon_high": 0.05, "delta": 1.06},
        note=DELTA_NOTE,
    )


def reward_sets() -> dict[str, list[float]]:
    draw = torch.Generator().manual_seed(21)
    mixed = uniform(draw, (GROUP,), -1.0, 2.0).tolist()
    close = [0.5 + at / GRID for at in (0, 1, 0, 0, 1, 0, 0, 0)]
    ties = [1.0, 0.25, 0.25, 1.0, 1.0, 0.25, 1.0, 1.0]
    return {
        "mixed_flat_ties": mixed + [0.75] * GROUP + ties,
        "all_flat": [0.5] * GROUP + [0.0] * GROUP + [0.5] * GROUP,
        "mixed_close_ties": mixed + close + ties,
    }


def run_advantages(name: str, rewards: list[float], scale: str) -> dict[str, Any]:
    trainer = bare_trainer(PLAIN)
    trainer.scale_rewards = scale
    advantages = rollouts(trainer, [[WORD, EOS]] * len(rewards), rewards)["advantages"].tolist()
    metrics = trainer._metrics["train"]
    logged = {key: metrics[key][0] for key in ("reward", "reward_std", "frac_reward_zero_std")}
    expected = {"advantages": advantages} | logged
    asked = {"name": f"{name}_{scale}", "rewards": rewards, "group": GROUP, "scale_rewards": scale}
    return asked | {"expected": expected}


def rounded(value: Any) -> Any:
    """Nine significant digits; NaN, which JSON has none of, as null."""
    if isinstance(value, dict):
        return {key: rounded(of) for key, of in value.items()}
    if isinstance(value, list):
        return [rounded(of) for of in value]
    if not isinstance(value, float):
        return value
    if value != value:
        return None
    short = float(f"{value:.9g}")
    return int(short) if short.is_integer() else short


def lines(entries: list[dict[str, Any]]) -> str:
    """One entry a line, so that a change shows where it is."""
    return ",\n".join(json.dumps(rounded(entry), separators=(",", ":")) for entry in entries)


def main() -> int:
    if trl.__version__ != VERSION:
        print(f"trl {VERSION} is needed, {trl.__version__} is installed", file=sys.stderr)
        return 2
    torch.set_default_dtype(torch.float64)
    losses = [entry for case in loss_cases() for entry in run_loss(case)]
    advantages = [
        run_advantages(name, rewards, scale)
        for name, rewards in reward_sets().items()
        for scale in ("group", "batch", "none")
    ]
    print(f'{{"trl":"{VERSION}",\n"loss":[\n{lines(losses)}\n],\n"advantages":[\n{lines(advantages)}\n]}}')
    return 0


if __name__ == "__main__":
    sys.exit(main())
