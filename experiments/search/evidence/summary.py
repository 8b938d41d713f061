"""What the cells say together: one row for each testbed, NFE and method."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from itertools import pairwise

import numpy as np
import torch

from .bootstrap import Ratio, geometric_ratio, rms_ratio
from .errors import Errors
from .judged import Distances
from .study import Outcome

FIXED, FIXED_RMSE = "fixed", "fixed-rmse"
"""The best fixed solver on the validation noises, by geometric mean and by RMSE."""


@dataclass(frozen=True)
class Row:
    """A method at one NFE, over its seeds.

    Attributes:
        nfe: Network evaluations of a sample.
        method: Its name.
        label: The solver, where it is a fixed one.
        seeds: Searches.
        errors: Of the test noises, geometric mean over the seeds.
        to_fixed: Geometric mean of the errors over that of the best fixed solver, on the same
            noises; None for it itself.
        by_seed: The same ratio of each seed.
        rmse_to_fixed: RMSE over that of the fixed solver that is best in RMSE.
        distances: From held-out data and from exact samples, mean over the seeds.
        evaluations: True evaluations of a search, mean.
        seconds: Wall time of a search, mean.
        forwards: Samples through the network in a search, mean; references apart.
    """

    nfe: int
    method: str
    label: str
    seeds: int
    errors: Errors
    to_fixed: Ratio | None
    by_seed: tuple[float, ...]
    rmse_to_fixed: Ratio | None
    distances: Distances
    evaluations: float
    seconds: float
    forwards: float


def summarise(outcomes: Sequence[Outcome]) -> list[Row]:
    """Rows of one testbed, by NFE and in the order in which methods first appear.

    NFEs without a fixed solver to compare with are left out.
    """
    groups: dict[tuple[int, str], list[Outcome]] = {}
    for outcome in outcomes:
        groups.setdefault((outcome.cell.nfe, outcome.cell.method), []).append(outcome)
    nfes = sorted({nfe for nfe, method in groups if method == FIXED})
    order = list(dict.fromkeys(method for _, method in groups))
    return [
        _row(groups[nfe, method], groups[nfe, FIXED][0], groups.get((nfe, FIXED_RMSE)))
        for nfe in nfes
        for method in order
        if (nfe, method) in groups
    ]


def _row(found: Sequence[Outcome], fixed: Outcome, rmse: Sequence[Outcome] | None) -> Row:
    each = torch.stack([outcome.each for outcome in found])
    method, itself = found[0].cell.method, found[0].cell.method == FIXED
    by_rmse = (rmse or [fixed])[0].each
    costs = [outcome.found for outcome in found]
    return Row(
        nfe=found[0].cell.nfe,
        method=method,
        label=found[0].found.origin if len(found) == 1 else "",
        seeds=len(found),
        errors=_together([outcome.errors for outcome in found]),
        to_fixed=None if itself else geometric_ratio(each, fixed.each),
        by_seed=tuple(geometric_ratio(row, fixed.each, resamples=1).value for row in each),
        rmse_to_fixed=None if method == FIXED_RMSE else rms_ratio(each, by_rmse),
        distances=_mean([outcome.distances for outcome in found]),
        evaluations=float(np.mean([sum(cost.evaluations.values()) for cost in costs])),
        seconds=float(np.mean([cost.seconds for cost in costs])),
        forwards=float(np.mean([cost.forwards for cost in costs])),
    )


def _together(errors: Sequence[Errors]) -> Errors:
    """Geometric means over the seeds; the flip rate's mean is arithmetic, for it may be 0."""

    def over(name: str) -> float:
        values = [getattr(e, name) for e in errors]
        if name == "flips":
            return float(np.mean(values))
        return float(np.exp(np.mean(np.log(values)))) if min(values) > 0 else 0.0

    return Errors(**{field.name: over(field.name) for field in fields(Errors)})


def _mean(distances: Sequence[Distances]) -> Distances:
    names = [name for name in distances[0] if all(name in found for found in distances)]
    return {name: float(np.mean([found[name] for found in distances])) for name in names}


@dataclass(frozen=True)
class Payback:
    """When a search has paid for itself.

    Attributes:
        nfe: Evaluations that the best fixed solver needs for the same error; infinite where none
            of those that were run reaches it.
        tried: The most that were run.
        images: Samples after which the search and its references have been saved; infinite where
            nothing is saved, and an upper bound where ``nfe`` is infinite.
    """

    nfe: float
    tried: int
    images: float


def payback(row: Row, fixed: Mapping[int, float], forwards: float) -> Payback:
    """From the fixed solvers' errors by NFE, between which logarithms are interpolated.

    Args:
        row: What was found.
        fixed: Geometric mean error of the best fixed solver, by NFE.
        forwards: Samples through the network until it was found, references included.
    """
    tried, nfe = max(fixed), math.inf
    known = sorted(fixed)
    if row.errors.geometric >= fixed[known[0]]:
        nfe = float(known[0])
    else:
        for low, high in pairwise(known):
            if fixed[high] <= row.errors.geometric < fixed[low]:
                part = math.log(fixed[low] / row.errors.geometric)
                nfe = low + math.ceil((high - low) * part / math.log(fixed[low] / fixed[high]))
                break
    saved = min(nfe, tried) - row.nfe
    return Payback(nfe, tried, forwards / saved if saved > 0 else math.inf)
