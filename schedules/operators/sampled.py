"""Sample and hold."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import ClassVar

import numpy as np

from .._lengths import Length, length, lengths
from ..schedule import Array, Schedule, operand
from ..shapes.step import ascending


@dataclass(frozen=True)
class Sampled(Schedule):
    """Read a profile only at some positions and hold the value in between.

    m(t, T) = base(t_k, T), t_k the last reading position <= t; the first is 0. REX's sampling
    rates are ``every=0.01`` (1-100), ``every=0.1`` (10-10) and ``at=(0.5, 0.75)`` (50-75).
    Positions are exact: 29 % of 100 is 29.

    Args:
        base: The profile.
        every: Distance of the readings: a fraction in (0, 1) or a count (int >= 1); or
        at: the reading positions after 0, ascending: fractions or counts.

    Raises:
        ValueError: neither or both of ``every`` and ``at``.

    Example:
        >>> from ritard.schedules import REX
        >>> held = REX().sampled(at=(0.5, 0.75))
        >>> [round(held(t, total_steps=100), 4) for t in (0, 49, 50, 74, 75)]
        [1.0, 1.0, 0.6667, 0.6667, 0.4]

    Source: Chen, Wolfe & Kyrillidis (2022), arXiv:2107.04197 ("sampling rate"). The hold of the
    value at 0 until the first position is our reading.
    """

    name: ClassVar[str] = "sampled"
    _lengths: ClassVar[tuple[str, ...]] = ("every", "at")

    base: Schedule
    every: Length | None = None
    at: tuple[Length, ...] | None = None

    def __post_init__(self) -> None:
        if (self.every is None) == (self.at is None):
            raise ValueError(f"every={self.every!r}, at={self.at!r}: expected exactly one of them")
        self._settle(base=operand("base", self.base))
        if self.at is not None:
            self._settle(at=lengths("at", self.at))
            return
        self._settle(every=length("every", self.every, low=1))

    def _at(self, t: Array, T: float) -> Array:
        return self.base._at(np.minimum(self._reading(t, T), T), T)

    def _reading(self, t: Array, T: float) -> Array:
        """The last reading position <= t."""
        if self.at is not None:
            points = np.concatenate([np.zeros(1), ascending("at", self.at, T)])
            return points[np.searchsorted(points, t, side="right") - 1]
        if T <= 0:
            return t
        if isinstance(self.every, int):
            return np.floor(t / self.every) * self.every
        part = Fraction(repr(self.every))
        if float(part * Fraction(T)) < np.spacing(T):  # finer than positions are
            return t
        # As a ratio of integers: whole positions divide without rounding.
        k = np.floor(t * part.denominator / (part.numerator * T))
        return k * part.numerator * T / part.denominator
