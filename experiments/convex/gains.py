"""Predicted gain of refining against the gain found: does the free diagnostic tell?"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from ...schedules import GradNorms, predicted_gain
from ..compare.paired import LEVEL, compare_pairs
from ..records import read_json
from .problem import FAR
from .suite import REFERENCE, REFINED, Result, profile

NETWORK = "network, test metric"
GROUPS = ("convex, from zero", "convex, from far", NETWORK)

RESAMPLES = 4_000


@dataclass(frozen=True)
class Gain:
    """Refining on one problem.

    Attributes:
        name: The problem.
        group: One of GROUPS.
        data: Its data set: problems on the same data are not independent.
        predicted: From the norms of one run of linear decay.
        measured: Mean metric of linear decay over that of the refined schedule.
        stderr: Of the ratio.
        early: Filtered norm at the start over the median of the second half of the run.
        late: Largest over least filtered norm in the second half.
        verdict: Of the paired comparison: "better", "worse" or "no difference seen".
    """

    name: str
    group: str
    data: str
    predicted: float
    measured: float
    stderr: float
    early: float
    late: float
    verdict: str


@dataclass(frozen=True)
class Correlation:
    """A rank correlation (Spearman's), and its 95 % interval over resampled data sets."""

    n: int
    value: float
    low: float
    high: float


def of_result(result: Result) -> Gain:
    """The gain on a set of the convex suite, by the training objective."""
    data = result.name.removesuffix(FAR)
    group = GROUPS[result.name != data]
    linear, refined = (result.tuned[name].gaps for name in (REFERENCE, REFINED))
    where = (result.name, group, data)
    return _gain(where, result.predicted_gain, result.norms, linear, refined)


def of_task(folder: Path) -> Gain:
    """The gain on a task, by the test metric, from the files of ``refinement.py``.

    Raises:
        OSError: they are not there.
        ValueError: they are damaged, or no linear and refined schedule is among them, or one
            of the two diverged.
    """
    table: list[Any] = read_json(folder / "report.json", lambda data: data["table"])
    norms = GradNorms.load(folder / "norms.jsonl")
    linear, refined = (_tests(table, name, folder) for name in (REFERENCE, REFINED))
    name = str(table[0]["task"])
    where = (name, NETWORK, name.partition(":")[0])
    return _gain(where, predicted_gain(norms), profile(norms), linear, refined)


def ratio(linear: Sequence[float], refined: Sequence[float]) -> tuple[float, float]:
    """Ratio of two means over the same seeds, and its standard error to first order."""
    a, b = np.array(linear), np.array(refined)
    gain = float(a.mean() / b.mean())
    relative = a / a.mean() - b / b.mean()
    return gain, gain * float(relative.std(ddof=1)) / math.sqrt(len(b))


def correlation(gains: Sequence[Gain], seed: int = 0) -> Correlation:
    """How well the order of the predicted gains is that of the measured ones.

    The interval is the bootstrap's, from drawing data sets with all their problems.

    Args:
        gains: Of the problems, at least one.
        seed: Of the bootstrap.

    Raises:
        ValueError: no gains.
    """
    if not gains:
        raise ValueError("gains=[]: expected at least one")
    names = sorted({gain.data for gain in gains})
    by_data = [[gain for gain in gains if gain.data == name] for name in names]
    draw = np.random.default_rng(seed)
    picks = draw.integers(len(names), size=(RESAMPLES, len(names)))
    found = np.array([_spearman([g for i in pick for g in by_data[i]]) for pick in picks])
    low, high = np.nanquantile(found, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Correlation(len(gains), _spearman(gains), float(low), float(high))


def by_prediction(
    gains: Sequence[Gain], edges: Sequence[float]
) -> list[tuple[float, float, list[Gain]]]:
    """Gains by what was predicted: (low, high] from 1, inclusive, over the edges to infinity."""
    bounds = [1.0, *edges, math.inf]
    return [
        (low, high, [g for g in gains if low < g.predicted <= high or low == g.predicted == 1])
        for low, high in pairwise(bounds)
    ]


def _spearman(gains: Sequence[Gain]) -> float:
    from scipy.stats import rankdata

    ranks = [rankdata([g.predicted for g in gains]), rankdata([g.measured for g in gains])]
    if any(len(set(one)) == 1 for one in ranks):
        return math.nan
    return float(np.corrcoef(ranks)[0, 1])


def _gain(
    where: tuple[str, str, str],
    predicted: float,
    norms: Sequence[float],
    linear: Sequence[float],
    refined: Sequence[float],
) -> Gain:
    half = np.array(norms[len(norms) // 2 :])
    early, late = float(norms[0] / np.median(half)), float(half.max() / half.min())
    verdict = compare_pairs(refined, linear).verdict
    return Gain(*where, predicted, *ratio(linear, refined), early, late, verdict)


def _tests(table: Sequence[Any], name: str, folder: Path) -> list[float]:
    """Test metrics of ``linear`` or of ``refined(FILE#DIGEST)``."""
    for cell in table:
        if re.fullmatch(rf"{name}(\(.*\))?", cell["schedule"]):
            if None in cell["tests"]:
                raise ValueError(f"{folder}: {cell['schedule']} diverged; there is no ratio")
            return cell["tests"]
    raise ValueError(f"{folder}: expected {name} in report.json")
