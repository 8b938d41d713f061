"""Cost of one ``scheduler.step()``: ScheduleLR against torch's schedulers of the same values.

Run it: ``python experiments/benchmarks/scheduler_step.py`` (ten seconds; ``--help`` for options).
A turn is a block of steps that is long enough to hold ScheduleLR's reading ahead once.
"""

from __future__ import annotations

import argparse
import math
import warnings
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import report
import torch
from measure import Row, ratio
from ritard.schedules import Cosine, ScheduleLR
from torch.optim import SGD, Optimizer
from torch.optim.lr_scheduler import CosineAnnealingLR, LambdaLR, LinearLR, SequentialLR

BLOCK, ROUNDS = 512, 40
T, WARM = BLOCK * (ROUNDS + 1), 500
Build = Callable[[Optimizer], Any]


def half_cosine(t: int) -> float:
    """What LambdaLR is given to compute the same values."""
    return (1 + math.cos(math.pi * t / T)) / 2


def ours(schedule: Any) -> Build:
    """ScheduleLR with that schedule."""
    return partial(ScheduleLR, schedule=schedule, total_steps=T)


def sequential(optimizer: Optimizer) -> SequentialLR:
    """Torch's way to write the same."""
    warmup = LinearLR(optimizer, 1 / (WARM + 1), total_iters=WARM)
    return SequentialLR(optimizer, [warmup, CosineAnnealingLR(optimizer, T - WARM)], [WARM])


FAMILIES: dict[str, tuple[Build, dict[str, Build]]] = {
    "cosine": (
        ours(Cosine()),
        {
            "CosineAnnealingLR": lambda optimizer: CosineAnnealingLR(optimizer, T),
            "LambdaLR": lambda optimizer: LambdaLR(optimizer, half_cosine),
        },
    ),
    f"cosine+warmup({WARM})": (
        ours(Cosine().warmup(WARM)),
        {"SequentialLR(LinearLR, CosineAnnealingLR)": sequential},
    ),
}
"""Ours, and torch's schedulers of the same values."""


def build(make: Build, groups: int) -> Any:
    """A scheduler of an optimizer of that many groups."""
    optimizer = SGD([{"params": [torch.nn.Parameter(torch.zeros(1))]} for _ in range(groups)], 0.1)
    scheduler = make(optimizer)
    optimizer.step()
    return scheduler


def check_same_values(makers: Sequence[Build]) -> None:
    """Raise where the rates differ by more than the rounding of torch's recursions."""
    schedulers = [build(make, 1) for make in makers]
    for _ in range(T):
        first, *others = (scheduler.optimizer.param_groups[0]["lr"] for scheduler in schedulers)
        assert all(abs(first - other) < 1e-9 for other in others), (first, others)
        for scheduler in schedulers:
            scheduler.step()


def measure(given: argparse.Namespace) -> Iterator[Row]:
    """A row for each shape, number of groups and peer."""
    warnings.simplefilter("error")
    for shape, (mine, peers) in FAMILIES.items():
        check_same_values([mine, *peers.values()])
        for groups in given.groups:
            for peer, make in peers.items():
                names = ("ScheduleLR.step", f"{shape}, groups: {groups}", peer)
                steps = build(mine, groups).step, build(make, groups).step
                yield ratio(names, "us", *steps, given.repeats, calls=BLOCK)


if __name__ == "__main__":
    parser = report.options(__doc__, repeats=ROUNDS)
    parser.add_argument("--groups", type=int, nargs="+", default=[1, 10, 100])
    report.main(measure, parser)
