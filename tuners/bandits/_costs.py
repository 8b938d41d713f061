"""Costs as bandits see them: above a known least, finite, with the scale seen so far."""

from __future__ import annotations

import math
from typing import Any

from ...schedules._checks import finite_or_not, number, whole
from ...schedules._state import reading

LARGEST, SMALLEST = 1e140, 1e-140
"""Excess that counts as no larger, and below which it counts as 0: squares stay in range."""


class Costs:
    """Running mean and maximum of cost - cost_min.

    Every bandit here measures costs against what it has seen, never against a constant, so that
    iterations (tens) and seconds (1e-4) are learned alike: costs times a power of two give the
    same choices. A cost below ``cost_min`` counts as ``cost_min``. NaN and infinity count as the
    worst cost seen; before any finite cost was seen they teach nothing.

    Attributes:
        count: Costs counted.
        mean: Mean excess.
        worst: Largest excess.
    """

    def __init__(self, cost_min: float) -> None:
        self.cost_min = number("cost_min", cost_min)
        self.count, self.mean, self.worst = 0, 0.0, 0.0

    def add(self, cost: Any) -> float | None:
        """Count a cost; returns its excess, or None where it says nothing.

        Raises:
            TypeError: not a number.
        """
        excess = self.excess(cost)
        if excess is not None:
            self.count += 1
            self.mean += (excess - self.mean) / self.count
            self.worst = max(self.worst, excess)
        return excess

    def excess(self, cost: Any) -> float | None:
        """What a cost counts, without counting it."""
        cost = finite_or_not(cost)
        if not math.isfinite(cost):
            return self.worst if self.count else None
        excess = min(cost - self.cost_min, LARGEST)
        return excess if excess >= SMALLEST else 0.0

    @property
    def scale(self) -> float:
        """Mean excess; 1 while every cost was the least, when any scale is as good."""
        return self.mean or 1.0

    def state_dict(self) -> dict[str, float]:
        """Plain values."""
        return {"count": self.count, "mean": self.mean, "worst": self.worst}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from a saved state; ValueError, with nothing changed, where it is none."""
        with reading("costs"):
            count = whole("count", state_dict["count"])
            mean, worst = (number(name, state_dict[name], low=0) for name in ("mean", "worst"))
        self.count, self.mean, self.worst = count, mean, worst
