"""Cost of one ``scheduler.step()``: ScheduleLR against torch's schedulers of the same values.

Run it: ``python experiments/benchmarks/scheduler_step.py`` (ten seconds; ``--help`` for options).
All candidates run in one process, a block of steps each in turn; a ratio compares blocks of the
same round, so that a busy moment of the machine strikes both. A block is long enough to hold
ScheduleLR's reading ahead once. Goal: <= 1.0 of the cheapest torch scheduler.
"""

from __future__ import annotations

import argparse
import math
import os
import platform
import statistics
import time
import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

import torch

# pyright does not see the mapping of an editable install.
from ritard.schedules import Cosine, ScheduleLR  # pyright: ignore[reportMissingImports]
from torch.optim import SGD, Optimizer
from torch.optim.lr_scheduler import CosineAnnealingLR, LambdaLR, LinearLR, SequentialLR

BLOCK, ROUNDS = 512, 40
T, WARM = BLOCK * ROUNDS, 500
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


FAMILIES: list[dict[str, Build]] = [
    {
        "ScheduleLR(Cosine())": ours(Cosine()),
        "CosineAnnealingLR": lambda optimizer: CosineAnnealingLR(optimizer, T),
        "LambdaLR": lambda optimizer: LambdaLR(optimizer, half_cosine),
    },
    {
        f"ScheduleLR(Cosine().warmup({WARM}))": ours(Cosine().warmup(WARM)),
        "SequentialLR(LinearLR, CosineAnnealingLR)": sequential,
    },
]


def build(make: Build, groups: int) -> Any:
    """A scheduler of an optimizer of that many groups."""
    optimizer = SGD([{"params": [torch.nn.Parameter(torch.zeros(1))]} for _ in range(groups)], 0.1)
    scheduler = make(optimizer)
    optimizer.step()
    return scheduler


def check_same_values(makers: list[Build]) -> None:
    """Raise where the rates differ by more than the rounding of torch's recursions."""
    schedulers = [build(make, 1) for make in makers]
    for _ in range(T):
        first, *others = (scheduler.optimizer.param_groups[0]["lr"] for scheduler in schedulers)
        assert all(abs(first - other) < 1e-9 for other in others), (first, others)
        for scheduler in schedulers:
            scheduler.step()


def block_cost(scheduler: Any) -> float:
    """Microseconds per step, over the next block."""
    start = time.perf_counter()
    for _ in range(BLOCK):
        scheduler.step()
    return (time.perf_counter() - start) / BLOCK * 1e6


def quartiles(values: list[float]) -> str:
    """The median and, in brackets, the quartiles."""
    low, middle, high = statistics.quantiles(values, n=4)
    return f"{middle:.2f} [{low:.2f}, {high:.2f}]"


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--groups", type=int, nargs="+", default=[1, 10, 100])
    numbers: list[int] = parser.parse_args().groups
    torch.set_num_threads(1)
    warnings.simplefilter("error")
    print(f"{platform.platform()}, {os.cpu_count()} cores")
    print(f"Python {platform.python_version()}, torch {torch.__version__}")
    print("microseconds per step: median [quartiles]; ratio: ours / theirs, likewise\n")
    print(f"{'groups':>6}  {'scheduler':<42}{'us per step':>24}{'ratio':>22}")
    for makers in FAMILIES:
        check_same_values(list(makers.values()))
        for groups in numbers:
            schedulers = [build(make, groups) for make in makers.values()]
            rows = [[block_cost(s) for s in schedulers] for _ in range(ROUNDS)]
            for i, name in enumerate(makers):
                cost = quartiles([row[i] for row in rows])
                ratio = quartiles([row[0] / row[i] for row in rows]) if i else ""
                print(f"{groups:>6}  {name:<42}{cost:>24}{ratio:>22}")
        print()


if __name__ == "__main__":
    main()
