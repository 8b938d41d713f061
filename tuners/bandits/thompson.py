"""Thompson sampling with Gaussian means."""

from __future__ import annotations

import numpy as np

from ._means import Means


class ThompsonSampling(Means):
    """Each arm's mean cost is drawn from its posterior; the arm of the least draw is played.

    The posterior of arm i is normal with its mean cost and variance v / n_i, v the variance of
    costs about their arm's mean, pooled over the arms; each arm is played once first. The
    probability of a choice has no closed form and is given as 1.

    Args:
        arms: What can be chosen.
        seed: Of the draws.
        cost_min: Least possible cost.

    Source: Thompson (1933); Agrawal & Goyal (2017), J. ACM 64(5), for the normal prior.
    """

    def _draw(self, x: float) -> tuple[int, float, tuple[float, ...]]:
        d = len(self.arms)
        noise = self._rng.standard_normal(d)
        arm = self._untried()
        if arm is None:
            v = self._squares.sum() / max(self._costs.count - d, 1)
            arm = int((self._mean + np.sqrt(v / self._n) * noise).argmin())
        return arm, 1.0, ()
