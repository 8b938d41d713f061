"""Restarts."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from itertools import accumulate
from typing import ClassVar

import numpy as np

from .._checks import whole
from .._lengths import Length, lengths
from ..schedule import Array, Schedule, operand

MOST_PHASES = 2**40
"""So many phases a float64 position tells apart."""


@dataclass(frozen=True)
class Repeat(Schedule):
    """Run a schedule several times over, one phase after another.

    m(t, T) = base(t - s_k, P_k) in phase k, which starts at s_k and is P_k long. The start of a
    phase belongs to it, so the last update of a phase of P updates reads its base at P - 1: a
    restart comes as near to the end value as any run does, which ends at T - 1.

    Args:
        base: The schedule of every phase.
        times: Number of equal phases, from 1 to 2^40; or
        lengths: the phases' lengths: fractions or counts, which together fill the run.

    Raises:
        ValueError: neither or both of ``times`` and ``lengths``; on a call, where the lengths do
            not fill the run.

    Example:
        >>> from ritard.schedules import Linear
        >>> [Linear().repeat(2)(t, total_steps=8) for t in (0, 3, 4, 7, 8)]
        [1.0, 0.25, 1.0, 0.25, 0.0]

    Source: UBA's K phases (arXiv:2505.24452); SGDR's restarts (arXiv:1608.03983).
    """

    name: ClassVar[str] = "repeat"
    _lengths: ClassVar[tuple[str, ...]] = ("lengths",)

    base: Schedule
    times: int | None = None
    lengths: tuple[Length, ...] | None = None

    def __post_init__(self) -> None:
        if (self.times is None) == (self.lengths is None):
            raise ValueError(
                f"times={self.times!r}, lengths={self.lengths!r}: expected exactly one of them"
            )
        self._settle(base=operand("base", self.base))
        if self.times is not None:
            self._settle(times=whole("times", self.times, low=1, high=MOST_PHASES))
            return
        self._settle(lengths=lengths("lengths", self.lengths))
        if not self.lengths:
            raise ValueError("lengths=(): expected at least one phase")

    def _at(self, t: Array, T: float) -> Array:
        edges = self._edges(T) if self.times is None else self._edges_near(t, T)
        phase = np.clip(np.searchsorted(edges, t, side="right") - 1, 0, len(edges) - 2)
        values = np.empty_like(t)
        for k in np.unique(phase):
            start, end, inside = float(edges[k]), float(edges[k + 1]), phase == k
            values[inside] = self.base._at(np.minimum(t[inside] - start, end - start), end - start)
        return values

    def _edges(self, T: float) -> Array:
        """Starts of the phases of given lengths and the end of the last, summed exactly."""
        run = Fraction(T)
        parts = [
            Fraction(p) if isinstance(p, int) else Fraction(repr(p)) * run
            for p in self.lengths or ()
        ]
        edges = [Fraction(0), *accumulate(parts)]
        if abs(edges[-1] - run) > run / 10**9:
            raise ValueError(
                f"repeat lengths={self.lengths!r}: they add up to {float(edges[-1]):g}, "
                f"the run is {T:g} long"
            )
        return np.array([float(edge) for edge in edges])

    def _edges_near(self, t: Array, T: float) -> Array:
        """Edges of those of the equal phases in which positions lie, and of their neighbours."""
        assert self.times is not None
        run, times = Fraction(T), self.times
        part = t / T if T > 0 else np.ones_like(t)
        # Off by one at most, which the neighbours make good.
        guess = np.unique(np.floor(part * times).astype(np.int64))
        near = np.unique(np.clip(guess[:, None] + np.arange(-1, 3), 0, times))
        return np.array([float(run * k / times) for k in near.tolist()])
