"""Exponential decay over the run."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from .._checks import number
from ..schedule import Array, Schedule
from ._progress import progress


@dataclass(frozen=True)
class Exponential(Schedule):
    """Exponential decay whose rate is stated for the whole run.

    m(t, T) = exp(gamma t/T) for 0 <= t <= T; 1 before, exp(gamma) after.

    Args:
        gamma: Logarithm of the final multiplier, <= 0. The default is the best that the REX
            paper found. (torch's ExponentialLR has a factor per step: gamma = T ln(factor).)

    Example:
        >>> round(Exponential()(100, total_steps=100), 4)
        0.0498

    Source: Chen, Wolfe & Kyrillidis (2022), REX, arXiv:2107.04197, schedules compared.
    """

    name: ClassVar[str] = "exponential"

    gamma: float = -3.0

    def __post_init__(self) -> None:
        self._settle(gamma=number("gamma", self.gamma, high=0))

    def _at(self, t: Array, T: float) -> Array:
        return np.exp(self.gamma * progress(t, T))
