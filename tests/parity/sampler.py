"""Prints what transformers' logits processors leave of one row of logits: the numbers of `penalty_and_filters_are_those_of_
transformers` in src/model/sampler.rs.

    python tests/parity/sampler.py        (transformers 5.24, torch)
"""

import torch
from transformers import (
    LogitsProcessorList,
    MinPLogitsWarper,
    RepetitionPenaltyLogitsProcessor,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

LOGITS = torch.tensor([[1.5, -0.75, 0.25, 2.0, -2.0, 0.5]])
BEFORE = torch.tensor([[0, 1, 1, 4]])
PENALTY = 1.3
# temperature, top-k, top-p, min-p; 0, 1 and 0 keep all
CASES = [
    (1.0, 0, 1.0, 0.0),
    (0.7, 3, 1.0, 0.0),
    (1.3, 0, 0.8, 0.0),
    (0.7, 4, 0.6, 0.0),
    (1.0, 0, 1.0, 0.2),
    (0.9, 5, 0.9, 0.15),
]

for temperature, top_k, top_p, min_p in CASES:
    processors = [RepetitionPenaltyLogitsProcessor(PENALTY), TemperatureLogitsWarper(temperature)]
    if top_k > 0:
        processors.append(TopKLogitsWarper(top_k))
    if top_p < 1:
        processors.append(TopPLogitsWarper(top_p))
    if min_p > 0:
        processors.append(MinPLogitsWarper(min_p))
    left = LogitsProcessorList(processors)(BEFORE, LOGITS.clone()).softmax(-1)[0]
    print((temperature, top_k, top_p, min_p), [round(p, 6) for p in left.tolist()])
