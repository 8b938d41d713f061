"""Which of many starting schedules to evaluate where there are more than the budget allows.

Fixed solvers on fixed grids are a table: decisions by times. A first panel spreads over its rows
and columns; a fit of one effect per row and one per column then says which of the rest promise
most.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import product

import numpy as np

from ...solvers.diffusion.schedule import SolverSchedule
from .canonical import key


def spread(seeds: Sequence[SolverSchedule], count: int) -> list[SolverSchedule]:
    """That many of the seeds, as evenly over their times and their decisions as can be."""
    if count >= len(seeds):
        return list(seeds)
    rows, columns = _groups(seeds)
    held = dict(zip(zip(rows, columns, strict=True), seeds, strict=True))
    height, width = max(rows) + 1, max(columns) + 1
    diagonals = [((c + turn) % height, c) for turn, c in product(range(height), range(width))]
    order = [held[place] for place in diagonals if place in held]
    if count < width:  # a part of the first diagonal: every so many, not the first ones
        return [order[i] for i in np.linspace(0, width - 1, count).round().astype(int)]
    return order[:count]


def promising(
    seeds: Sequence[SolverSchedule], costs: Mapping[str, float], count: int
) -> list[SolverSchedule]:
    """That many of the seeds without a cost, the lowest by the additive fit of log costs first."""
    rows, columns = map(np.array, _groups(seeds))
    logs = _logs([costs.get(key(seed), math.nan) for seed in seeds])
    known = ~np.isnan(logs)
    if not known.any():
        return list(seeds[:count])
    mean = logs[known].mean()
    by_row, by_column = np.zeros(rows.max() + 1), np.zeros(columns.max() + 1)
    for _ in range(20):  # backfitting, each effect drawn a little towards none
        rest = logs - mean - by_column[columns]
        by_row = _effects(rest, rows, known, len(by_row))
        by_column = _effects(logs - mean - by_row[rows], columns, known, len(by_column))
    fitted = mean + by_row[rows] + by_column[columns]
    order = np.argsort(np.where(known, math.inf, fitted), kind="stable")
    return [seeds[i] for i in order if not known[i]][:count]


def _groups(seeds: Sequence[SolverSchedule]) -> tuple[list[int], list[int]]:
    """Number of each seed's times, and of its decisions, in order of appearance."""
    times: dict[object, int] = {}
    decisions: dict[object, int] = {}
    rows = [times.setdefault(seed.times, len(times)) for seed in seeds]
    columns = [decisions.setdefault((seed.steps, seed.first), len(decisions)) for seed in seeds]
    return rows, columns


def _logs(costs: Sequence[float]) -> np.ndarray:
    """Logs; a cost without one is a little worse than the worst that has."""
    finite = [math.log(c) for c in costs if 0 < c < math.inf]
    worst = max(finite, default=0.0) + 1
    low = min(finite, default=0.0)
    return np.array(
        [c if math.isnan(c) else low if c <= 0 else min(math.log(c), worst) for c in costs]
    )


def _effects(rest: np.ndarray, groups: np.ndarray, known: np.ndarray, count: int) -> np.ndarray:
    sums = np.bincount(groups[known], rest[known], count)
    return sums / (np.bincount(groups[known], minlength=count) + 0.5)
