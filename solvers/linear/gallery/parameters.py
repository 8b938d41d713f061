"""Distributions of the parameter that sets the systems of a family apart."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from ....schedules._checks import number
from .family import Vector, keep


class Parameters(Protocol):
    """What a family draws its parameters from."""

    def draw(self, rng: np.random.Generator, count: int) -> Vector:
        """That many independent parameters (count,)."""
        ...

    def context(self, parameter: float) -> float:
        """The number that tuners are shown for a parameter."""
        ...

    @property
    def context_range(self) -> tuple[float, float]:
        """Least and largest context."""
        ...


@dataclass(frozen=True)
class Beta:
    """low + (high - low) B, where B has the density of Beta(a, b) on (0, 1).

    The context is the parameter itself.
    """

    a: float
    b: float
    low: float = 0.0
    high: float = 1.0

    def __post_init__(self) -> None:
        keep(self, a=number("a", self.a, low=0, open_low=True), low=number("low", self.low))
        keep(self, b=number("b", self.b, low=0, open_low=True))
        keep(self, high=number("high", self.high, low=self.low))

    def draw(self, rng: np.random.Generator, count: int) -> Vector:
        """Independent draws."""
        return self.low + (self.high - self.low) * rng.beta(self.a, self.b, count)

    def context(self, parameter: float) -> float:
        """The parameter."""
        return float(parameter)

    @property
    def context_range(self) -> tuple[float, float]:
        """The ends of the support."""
        return self.low, self.high


@dataclass(frozen=True)
class LogUniform:
    """10^u with u uniform in [log10 low, log10 high]; the context is u."""

    low: float
    high: float

    def __post_init__(self) -> None:
        keep(self, low=number("low", self.low, low=0, open_low=True))
        keep(self, high=number("high", self.high, low=self.low))

    def draw(self, rng: np.random.Generator, count: int) -> Vector:
        """Independent draws."""
        return 10 ** rng.uniform(*self.context_range, count)

    def context(self, parameter: float) -> float:
        """Its decimal logarithm."""
        return math.log10(parameter)

    @property
    def context_range(self) -> tuple[float, float]:
        """Logarithms of the ends."""
        return math.log10(self.low), math.log10(self.high)


LOW_VARIANCE = Beta(2, 6, -0.15, 0.45)
"""The shifts -.15 + .6 Beta(2, 6) of Learning to Relax (arXiv:2310.02246), section 2."""

HIGH_VARIANCE = Beta(0.5, 1.5, -0.15, 0.45)
"""The shifts -.15 + .6 Beta(1/2, 3/2) of the same."""
