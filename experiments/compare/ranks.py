"""Rank shares, as in Table 1 of the REX paper: how often a schedule is among the best."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

HIGH_BUDGET = 25.0
"""Budgets below this % of the task's steps are low, the others high."""


@dataclass(frozen=True)
class Share:
    """Percentages of experiments in which a schedule came first, and among the first three.

    Attributes:
        experiments: How many experiments there were.
        top1: % in which it had the best metric.
        top3: % in which it was among the best three.
    """

    experiments: int
    top1: float
    top3: float


def credits(metrics: Sequence[float], k: int) -> list[float]:
    """How much of a place among the best ``k`` each metric takes in one experiment.

    Equal metrics share the places that they take together, so that all credits sum to ``k``.
    What diverged (inf) has the worst rank and takes no place.

    Example:
        >>> credits([1.0, 1.0, 2.0, math.inf], k=1)
        [0.5, 0.5, 0.0, 0.0]
    """
    given = list[float]()
    for metric in metrics:
        before = sum(other < metric for other in metrics)
        same = sum(other == metric for other in metrics)
        given.append(min(max(k - before, 0), same) / same if math.isfinite(metric) else 0.0)
    return given


def rank_shares(
    experiments: Mapping[float, Sequence[Sequence[float]]],
) -> dict[str, list[Share]]:
    """The shares of each schedule over low, high and all budgets.

    Args:
        experiments: For each budget its experiments; each is the metrics of all schedules.

    Returns:
        For "low", "high" and "overall" one share a schedule; a group without experiments is
        left out.
    """
    low = [e for budget, found in experiments.items() if budget < HIGH_BUDGET for e in found]
    high = [e for budget, found in experiments.items() if budget >= HIGH_BUDGET for e in found]
    groups = {"low": low, "high": high, "overall": low + high}
    return {name: _shares(group) for name, group in groups.items() if group}


def _shares(experiments: Sequence[Sequence[float]]) -> list[Share]:
    n = len(experiments)
    top = [[credits(metrics, k) for metrics in experiments] for k in (1, 3)]
    percents = [[100 * sum(column) / n for column in zip(*rows, strict=True)] for rows in top]
    return [Share(n, top1, top3) for top1, top3 in zip(*percents, strict=True)]
