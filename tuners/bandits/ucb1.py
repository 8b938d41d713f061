"""UCB1, for costs: the arm whose mean might be least."""

from __future__ import annotations

import math

import numpy as np

from ._means import Means


class UCB1(Means):
    """The arm of least mean / K - sqrt(2 ln t / n), K the largest cost above the least so far.

    Each arm is played once first; nothing is drawn. Untold asks give the same arm again.

    Args:
        arms: What can be chosen.
        seed: Not used; taken so that all bandits are made alike.
        cost_min: Least possible cost.

    Source: Auer, Cesa-Bianchi & Fischer (2002), Machine Learning 47, fig. 1.
    """

    def _draw(self, x: float) -> tuple[int, float, tuple[float, ...]]:
        arm = self._untried()
        if arm is None:
            t, K = self._costs.count, self._costs.worst or 1.0
            arm = int((self._mean / K - np.sqrt(2.0 * math.log(t) / self._n)).argmin())
        return arm, 1.0, ()
