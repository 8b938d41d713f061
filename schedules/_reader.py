"""Reading one schedule step by step, cheaply."""

from __future__ import annotations

import numpy as np

from .budget import Budget
from .schedule import Schedule

_BLOCK = 512


class Reader:
    """The multipliers of one schedule in one run.

    Whole positions, which training asks for one after another, are computed a block at a time:
    array calls equal scalar calls bit for bit, so this changes the cost and nothing else.
    """

    def __init__(self, schedule: Schedule, budget: Budget) -> None:
        self.schedule = schedule
        self._in_positions = schedule.in_units_of(budget)
        self._total = float(budget.total)
        self._start = 0
        self._block: list[float] = []
        self._check()

    def __call__(self, position: float) -> float:
        """The multiplier at a position of the run."""
        if type(position) is not int:
            inside = np.array([min(max(position, 0.0), self._total)], dtype=np.float64)
            return self._in_positions._at(inside, self._total).item()
        offset = position - self._start
        if not 0 <= offset < len(self._block):
            block = np.arange(position, position + _BLOCK, dtype=np.float64)
            self._block = self._in_positions(block, self._total).tolist()
            self._start, offset = position, 0
        return self._block[offset]

    def _check(self) -> None:
        """Refuse what does not fit the run, and multipliers that are not finite and >= 0."""
        positions = np.linspace(0.0, self._total, 1025)
        values = self._in_positions(positions, self._total)
        bad = np.flatnonzero(~(np.isfinite(values) & (values >= 0)))
        if bad.size:
            raise ValueError(
                f"schedule {self.schedule}: multiplier {values[bad[0]]} at position "
                f"{positions[bad[0]]:g} of {self._total:g}; expected finite numbers >= 0"
            )
