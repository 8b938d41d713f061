"""Tiny Shakespeare, character by character, with a small GPT."""

from functools import cache, partial

import numpy as np
import torch

from ..data import tinyshakespeare
from .batches import Dataset, Examples
from .gpt import GPT
from .objectives import LIKELIHOOD
from .task import Task

_CHARACTERS, _ALPHABET = 1_115_394, 65
_CONTEXT = 64
_BATCH, _EPOCHS = 32, 4
_TRAIN = _CHARACTERS * 9 // 10
_VAL = (_CHARACTERS - _TRAIN) // 2


def _windows(codes: torch.Tensor) -> Examples:
    """Windows that follow each other: 64 characters, and the same moved on by one."""
    windows = codes.unfold(0, _CONTEXT + 1, _CONTEXT)
    return Examples(windows[:, :-1].contiguous(), windows[:, 1:].contiguous())


@cache
def _dataset() -> Dataset:
    text = np.frombuffer(tinyshakespeare().encode("ascii"), np.uint8)
    codes = torch.from_numpy(np.unique(text, return_inverse=True)[1])
    train, val, test = codes.split([_TRAIN, _VAL, _CHARACTERS - _TRAIN - _VAL])
    return Dataset(_windows(train), _windows(val), _windows(test))


SHAKESPEARE = Task(
    name="shakespeare",
    metric="loss",
    total_steps=_EPOCHS * ((_TRAIN - 1) // _CONTEXT // _BATCH),
    batch_size=_BATCH,
    base_lrs={"sgd": 0.1, "adamw": 0.003},
    network=partial(GPT, tokens=_ALPHABET, context=_CONTEXT, width=64, layers=2, heads=4),
    dataset=_dataset,
    objective=LIKELIHOOD,
)
"""The metric is in nats a character; the first 90 % of the text train, then 5 % and 5 %.

Four epochs of 490 updates of 32 windows of 64 characters.
"""
