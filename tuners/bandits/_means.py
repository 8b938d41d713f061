"""Bandits that keep a count and a mean for each arm."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._learner import Array, Learner, Seed
from .choice import Choice


class Means(Learner):
    """Counts, means and sums of squared deviations of the costs above the least, for each arm."""

    ARRAYS = ("_n", "_mean", "_squares")

    def __init__(self, arms: Sequence[Any], seed: Seed, cost_min: float = 0.0) -> None:
        super().__init__(arms, seed, cost_min)
        self._n, self._mean, self._squares = np.zeros((3, len(self.arms)))

    def _learn(self, choice: Choice, x: float, excess: float) -> None:
        i = choice.arm
        self._n[i] += 1
        off = excess - self._mean[i]
        self._mean[i] += off / self._n[i]
        self._squares[i] += off * (excess - self._mean[i])

    def _untried(self) -> NDArray[np.intp]:
        """Numbers of the arms without any cost yet."""
        return np.flatnonzero(self._n == 0)

    def _least(self, index: Array) -> tuple[int, float, tuple[float, ...]]:
        """The arm of least index, untried arms first, in their order."""
        untried = self._untried()
        return int(untried[0] if len(untried) else np.argmin(index)), 1.0, ()
