"""Bandits that keep a count and a mean for each arm."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ._learner import Learner, Seed
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

    def _untried(self) -> int | None:
        """The first arm without any cost yet; None where there is none left."""
        if np.count_nonzero(self._n) == len(self._n):
            return None
        return int(self._n.argmin())
