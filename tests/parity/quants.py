#!/usr/bin/env python3
"""A block of 256 weights of every quantised type that a GGUF file may hold, and what gguf makes of it.

Writes tests/engine/quants.json (committed: the Rust test reads it and needs no Python): for each type its bytes and, as
f32 in little-endian hexadecimal, the weights that gguf's own reader (llama.cpp's, in numpy) finds in them. Bytes are
drawn at random, but for the scales, which are set so that weights are of the size of a model's.

Set up as for tiny.py. Run (a second); it overwrites with the same bytes:
  /tmp/parity/bin/python tests/parity/quants.py

Made with gguf 0.19, numpy 2.4.
"""

import json
from pathlib import Path

import gguf
import numpy as np
from gguf import GGMLQuantizationType as Quant

OUT = Path(__file__).resolve().parent.parent / "engine" / "quants.json"
WEIGHTS = 256

# Places of the half-precision scales in a block, and their values.
SCALES: dict[Quant, dict[int, float]] = {
    Quant.Q4_0: {0: 0.005},
    Quant.Q4_1: {0: 0.005, 2: -0.04},
    Quant.Q5_0: {0: 0.003},
    Quant.Q5_1: {0: 0.003, 2: -0.05},
    Quant.Q8_0: {0: 4e-4},
    Quant.Q2_K: {80: 2e-3, 82: 3e-3},
    Quant.Q3_K: {108: 4e-4},
    Quant.Q4_K: {0: 2e-4, 2: 1e-3},
    Quant.Q5_K: {0: 1e-4, 2: 1e-3},
    Quant.Q6_K: {208: 2e-5},
}


def drawn(kind: Quant, rng: np.random.Generator) -> np.ndarray:
    """The bytes of 256 weights."""
    per_block, size = gguf.GGML_QUANT_SIZES[kind]
    blocks = rng.integers(0, 256, (WEIGHTS // per_block, size), dtype=np.uint8)
    for place, scale in SCALES[kind].items():
        blocks[:, place : place + 2] = np.array([scale], np.float16).view(np.uint8)
    return blocks.reshape(1, -1)


def main() -> None:
    rng = np.random.default_rng(1)
    fixture = {}
    for kind in SCALES:
        raw = drawn(kind, rng)
        weights = gguf.quants.dequantize(raw, kind).astype("<f4")
        assert weights.size == WEIGHTS and np.isfinite(weights).all() and 1e-4 < np.abs(weights).mean() < 1
        fixture[kind.name] = {"raw": raw.tobytes().hex(), "weights": weights.tobytes().hex()}
    OUT.write_text(json.dumps(fixture, indent=1) + "\n")


if __name__ == "__main__":
    main()
