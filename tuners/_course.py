"""The course of a run's rate: straight lines to zero, one after the other."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..schedules import Tabulated
from ..schedules._checks import number, whole

POINTS = 10_000
"""Most intervals of the table that :meth:`Course.table` gives."""

Line = tuple[int, float, float]
"""From an update on the multiplier is factor (1 - t/T): the update, the factor, T."""


class Course:
    """The multiplier over a run: factor (1 - t/T), with another factor or T from time to time.

    It begins with factor 1.
    """

    def __init__(self, total: float) -> None:
        self._lines: list[Line] = [(0, 1.0, float(total))]

    @property
    def factor(self) -> float:
        """The present factor."""
        return self._lines[-1][1]

    def turn(self, update: int, factor: float, total: float) -> None:
        """Take another line from an update on; what was to come after it is forgotten."""
        first, *lines = self._lines
        self._lines = [first, *(line for line in lines if line[0] < update)]
        self._lines.append((update, factor, float(total)))

    def table(self, total: float) -> Tabulated:
        """The course over a run of ``total`` as a schedule; exact at whole updates up to POINTS."""
        t = np.linspace(0, total, min(math.ceil(total), POINTS) + 1)
        values = np.zeros_like(t)
        for start, factor, end in self._lines:
            later = t >= start
            values[later] = factor * np.maximum(0.0, 1.0 - t[later] / end)
        return Tabulated(values)

    def state_dict(self) -> list[list[float]]:
        """Plain values."""
        return [list(line) for line in self._lines]

    def load_state_dict(self, state: Sequence[Sequence[Any]]) -> None:
        """Go on from saved lines; TypeError or ValueError, before any change, for others."""
        lines = [_line(*line) for line in state]
        if not lines:
            raise ValueError("course: no lines")
        self._lines = lines


def _line(start: Any, factor: Any, total: Any) -> Line:
    total = number("course: total", total, low=0, open_low=True)
    return whole("course: start", start), float(number("course: factor", factor, low=0)), total
