"""What the benchmarks should reach: one table of all goals."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from measure import Row


@dataclass(frozen=True)
class Goal:
    """The most that a row may show.

    Attributes:
        limit: At most this,
        of: in the ratio, or in ours itself,
        why: because of what.
    """

    limit: float
    of: Literal["ratio", "ours"] = "ratio"
    why: str = ""

    def met(self, row: Row) -> bool:
        """Whether the median is within the limit."""
        value = row.ratio.median if self.of == "ratio" else row.ours.median
        return value <= self.limit and not math.isnan(value)

    def text(self, row: Row) -> str:
        """The limit as the table shows it."""
        number = f"{self.limit:.3g}"
        return f"ratio ≤ {number}" if self.of == "ratio" else f"≤ {number} {row.unit}".rstrip()


GOALS = {
    "ScheduleLR.step": Goal(1.0, why="the cheapest torch scheduler that computes the same values"),
    "GradNormRecorder.record": Goal(0.01, why="one per cent of a training step"),
    "refine": Goal(300, "ours", why="a million norms"),
    "bound": Goal(50, "ours", why="a million updates"),
    "SOR sweep": Goal(1 / 1.6, why="1.6 times as fast, the residual's norm included"),
    "solve, an iteration": Goal(1.0, "ours", why="about a microsecond at 100 unknowns"),
    "ssor_cg": Goal(1 / 3, why="3 times as fast at a good omega"),
    "bandit.ask": Goal(5.0, "ours", why="20 arms"),
    "bandit.tell": Goal(5.0, "ours", why="20 arms"),
    "tune_sequence": Goal(0.01, why="one per cent of the solves, 10,000 unknowns"),
    "sample, time": Goal(1.0, why="diffusers' scheduler of the same solver"),
    "sample, memory": Goal(1.0, why="diffusers' scheduler of the same solver"),
    "Snapshot.restore": Goal(0.15, why="of a training step"),
    "RateSearch.ask": Goal(5.0, "ours", why="a suggestion"),
    "RateSearch, regret": Goal(0.004, "ours", why="mean over bowls, 10 evaluations, noise .01"),
}
"""By subject; what has no goal is not here."""
