"""What the results say together: ranks and paired differences."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from ...schedules import bound
from ..compare.paired import LEVEL, Paired, compare_pairs
from ..compare.ranks import Share, rank_shares
from .suite import NAMES, REFERENCE, SCHEDULES, Result

Metric = Literal["gaps", "errors"]
METRICS: tuple[Metric, ...] = ("gaps", "errors")


@dataclass(frozen=True)
class Rank:
    """How a schedule stands over several sets.

    Attributes:
        mean: Its mean rank, 1 the best; equal metrics share their ranks.
        share: In how many % of the sets it was first, and among the first three.
    """

    mean: float
    share: Share


def means(result: Result, metric: Metric) -> list[float]:
    """The mean over the seeds for each schedule, in the order of NAMES."""
    tuned = [result.tuned[name] for name in NAMES]
    return [t.gap if metric == "gaps" else t.error for t in tuned]


def ranks(results: Sequence[Result], metric: Metric) -> dict[str, Rank]:
    """Ranks over sets; empty without sets."""
    from scipy.stats import rankdata

    if not results:
        return {}
    table = [means(result, metric) for result in results]
    average = np.mean([rankdata(row) for row in table], axis=0).tolist()
    shares = rank_shares({100.0: table})["overall"]
    return {name: Rank(m, s) for name, m, s in zip(NAMES, average, shares, strict=True)}


def paired(result: Result, name: str, metric: Metric = "gaps") -> Paired:
    """A schedule against linear decay over the same seeds."""
    ours, linear = result.tuned[name], result.tuned[REFERENCE]
    return compare_pairs(getattr(ours, metric), getattr(linear, metric))


def agreement(result: Result) -> float:
    """Kendall's correlation between gaps and bounds of the schedules known in advance, in [-1, 1].

    The bounds are those under constant norms, which need no run.
    """
    from scipy.stats import kendalltau

    bounds = [bound(schedule, result.steps).value for schedule in SCHEDULES.values()]
    found: Any = kendalltau(bounds, [result.tuned[name].gap for name in SCHEDULES])
    return float(found.statistic)


def smallest_difference(result: Result, name: str, seeds: int) -> float:
    """What so many seeds can show of ``name`` against linear decay, in % of linear's gap."""
    from scipy.stats import t

    linear = np.array(result.tuned[REFERENCE].gaps)
    spread = np.std(np.array(result.tuned[name].gaps) - linear, ddof=1)
    half = t.ppf((1 + LEVEL) / 2, seeds - 1) * spread / math.sqrt(seeds)
    return float(100 * half / linear.mean())
