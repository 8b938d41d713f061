"""A heat equation under every tuner, on a table of costs; totals of what learns nothing."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ...schedules._checks import whole
from ...solvers.linear.gallery import HeatEquation
from ...tuners.bandits import GPThompson
from ..records import read_json, write_json
from .play import Played
from .tabulate import CostTable, Solver
from .tuners import Arms, make_tuner

TUNERS = ("thompson", "tsallis-iw", "tsallis", "tsallis-cb", "chebcb", "thompson-arms", "gp")
LOG_CONTEXT = "gp on log k"
OFFSET = 0.01
"""Added to k before the logarithm: k falls to 0 twice in a unit of time."""


@dataclass(frozen=True)
class Totals:
    """Iterations over all steps.

    Attributes:
        name: Of the tuner.
        mean: Over the seeds.
        spread: Standard deviation between seeds; 0 for one.
        seeds: How many.
    """

    name: str
    mean: float
    spread: float
    seeds: int


def plain_total(family: HeatEquation, method: Any, omega: float, flip: bool, path: Path) -> int:
    """Iterations of one omega on its own trajectory, each step starting from its last solution.

    Args:
        family: With a matrix that is its own flip, if ``flip``.
        method: "cg" or "ssor_cg".
        omega: Unused by "cg".
        flip: Solve in the reverse order of unknowns, whose forward-backward sweeps are the
            backward-forward ones of the paper's authors.
        path: JSON file in which totals are kept.

    Raises:
        ValueError: the file is damaged.
    """
    key = json.dumps([method, omega, flip, asdict(family)])
    held: dict[str, int] = read_json(path, _totals) if path.exists() else {}
    if key not in held:
        held[key] = _walk(family, Solver(method), omega, -1 if flip else 1)
        write_json(path, held)
    return held[key]


def _totals(data: Any) -> dict[str, int]:
    return {key: whole(key, total, low=1) for key, total in data.items()}


def _walk(family: HeatEquation, solver: Solver, omega: float, order: int) -> int:
    walk, x, total = family.systems(), family.before(0), 0
    system = next(walk)
    for step in range(len(family)):
        solution = solver(system.A, system.b[::order], omega, x[::order])
        x, total = solution.x[::order], total + solution.iterations
        if step + 1 < len(family):
            system = walk.send(x)
    return total


def play_all(table: CostTable, family: HeatEquation, seeds: int) -> dict[str, list[Played]]:
    """Every tuner on the table, by name: one Played a seed.

    Args:
        table: Of the omegas of ``Arms()``.
        family: Whose costs they are.
        seeds: 0, 1, ...
    """
    makers: dict[str, tuple[CostTable, Callable[[int], Any]]] = {
        name: (table, _by_name(name, family)) for name in TUNERS
    }
    logs = replace(table, contexts=np.log(table.contexts.clip(0) + OFFSET))
    low, high = np.log(np.array(family.context_range) + OFFSET).tolist()
    makers[LOG_CONTEXT] = (
        logs,
        lambda seed: GPThompson(Arms().omegas, [seed, 1], low, high),
    )
    return {
        name: [held.play(make(seed)) for seed in range(seeds)]
        for name, (held, make) in makers.items()
    }


def _by_name(name: str, family: HeatEquation) -> Callable[[int], Any]:
    return lambda seed: make_tuner(name, family, Arms(), seed)


def totals(played: Mapping[str, Sequence[Played]]) -> list[Totals]:
    """Totals of each tuner."""
    found: list[Totals] = []
    for name, runs in played.items():
        sums = [int(run.costs.sum()) for run in runs]
        spread = float(np.std(sums, ddof=1)) if len(sums) > 1 else 0.0
        found.append(Totals(name, float(np.mean(sums)), spread, len(sums)))
    return found
