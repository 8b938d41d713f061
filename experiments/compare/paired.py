"""Paired comparison: two schedules over the same seeds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

LEVEL = 0.95

RESOLUTION = 1e-6
"""Relative differences below this are rounding: metrics come in single precision."""


@dataclass(frozen=True)
class Paired:
    """Metric of a schedule minus that of the reference; below zero the schedule is better.

    Attributes:
        n: Seeds.
        difference: Mean difference; inf or -inf where one of them diverged, nan where both did.
        half_width: Of the 95 % t-interval, and so the smallest difference that these seeds can
            show; nan where one seed, or differences without spread, tell nothing.
        verdict: "better", "worse" or "no difference seen".
    """

    n: int
    difference: float
    half_width: float
    verdict: str

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % interval of the mean difference."""
        return self.difference - self.half_width, self.difference + self.half_width


def compare_pairs(ours: Sequence[float], reference: Sequence[float]) -> Paired:
    """Compare metrics of the same seeds in the same order; lower is better.

    A schedule that diverged where the reference did not is worse, whatever the other seeds.

    Example:
        >>> compare_pairs([1.0, 1.2, 0.9], [3.0, 3.1, 3.0]).verdict
        'better'
    """
    n = len(ours)
    lost, lost_reference = _diverged(ours), _diverged(reference)
    if lost or lost_reference:
        both = lost and lost_reference
        difference = math.nan if both else math.inf if lost else -math.inf
        verdict = "no difference seen" if both else "worse" if lost else "better"
        return Paired(n, difference, math.nan, verdict)
    differences = np.subtract(ours, reference)
    noise = RESOLUTION * max(abs(metric) for metric in (*ours, *reference))
    mean, half = float(differences.mean()), _half_width(differences, noise)
    shown = abs(mean) > half  # False for nan
    verdict = "no difference seen" if not shown else "better" if mean < 0 else "worse"
    return Paired(n, mean, half, verdict)


def _half_width(differences: np.ndarray, noise: float) -> float:
    """Student's t times the standard error of the mean; nan where the spread is but noise."""
    from scipy.stats import t

    n = len(differences)
    spread = float(differences.std(ddof=1)) if n > 1 else 0.0
    if spread <= noise:
        return math.nan
    return float(t.ppf((1 + LEVEL) / 2, n - 1)) * spread / math.sqrt(n)


def _diverged(metrics: Sequence[float]) -> bool:
    return not all(math.isfinite(metric) for metric in metrics)
