"""A fixed factor at given points of the run."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from .._checks import number
from .._lengths import Length, fit, lengths
from ..schedule import Array, Schedule


@dataclass(frozen=True)
class Step(Schedule):
    """The rate falls by one factor at each of the given points.

    m(t, T) = factor^k, k the number of points that are <= t.

    Args:
        factor: In (0, 1].
        at: Points of the run, ascending: fractions in (0, 1) or counts (int >= 0).

    Example:
        >>> [round(Step()(t, total_steps=100), 4) for t in (0, 49, 50, 75)]
        [1.0, 1.0, 0.1, 0.01]

    Source: the defaults are those of the REX paper (arXiv:2107.04197): x0.1 at T/2 and 3T/4.
    """

    name: ClassVar[str] = "step"
    _lengths: ClassVar[tuple[str, ...]] = ("at",)

    factor: float = 0.1
    at: tuple[Length, ...] = (0.5, 0.75)

    def __post_init__(self) -> None:
        factor = number("factor", self.factor, low=0, high=1, open_low=True)
        self._settle(factor=factor, at=lengths("at", self.at))

    def _at(self, t: Array, T: float) -> Array:
        points = ascending("at", self.at, T)
        return np.power(float(self.factor), np.searchsorted(points, t, side="right"))


def ascending(name: str, points: tuple[Length, ...], T: float) -> Array:
    """Positions of the points in a run of length T; ValueError where they do not ascend."""
    found = np.array([fit(name, point, T) for point in points], dtype=np.float64)
    if np.any(np.diff(found) < 0):
        raise ValueError(f"{name}={points!r}: expected ascending points of a run of {T:g}")
    return found
