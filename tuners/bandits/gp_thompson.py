"""Thompson sampling with a Gaussian process over arms and contexts, on the log of the cost."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ...schedules._checks import number, whole
from ._context import ContextRange
from ._learner import Learner, Seed, loops
from .choice import Choice

KERNELS = "._gp_kernels"

NOISE = 0.1
"""Scatter of log cost that is expected at first: ten per cent."""

LEVEL = 9.0
"""Prior variance of what all arms have in common, in log cost: a factor of exp(3) either way."""

WEIGHT = 10.0
"""Observations that the expected scatter is worth."""


class GPThompson(Learner):
    """Learns log cost as a smooth function of arm and context; plays the least of a random draw.

    Assumption: the arms are listed in an order in which neighbours cost alike (a grid of omegas,
    or policies by their parameter), and the log of an arm's cost is smooth in the context.

    log cost = sum_j theta_ij T_j(x) + noise, x the context mapped to [-1, 1]. The prior couples
    the arms, Cov(theta_ij, theta_kj) = (9 + exp(-|i - k| / (reach d))) / (1 + j), beside noise of
    variance 0.01; the posterior is exact, and the noise is learned beside it (normal-inverse-gamma,
    worth 10 observations of the prior's). The logarithm makes relative gains count, and what one
    arm shows is believed of its neighbours, which is why it needs a tenth of the trials of ChebCB.

    A step costs O(d^2 m^2), whatever the number of rounds: some ten microseconds for d = 20. The
    probability of a choice has no closed form and is given as 1.

    Args:
        arms: What can be chosen, in their order.
        seed: Of the draws.
        low: Least context.
        high: Largest context; contexts outside are clipped, with one warning.
        features: Chebyshev polynomials T_0, ..., T_{m-1}; with 1 the context is not looked at.
        reach: Part of the list of arms over which costs stay alike, >= 0; 0 makes the arms
            independent: linear Thompson sampling for each.
        cost_min: Least possible cost; 0 for iterations too, as the logarithm is taken.

    Example:
        >>> tuner = GPThompson(arms=[1 + i / 10 for i in range(10)], seed=0, low=0.0, high=1.0)
        >>> for t in range(60):
        ...     choice = tuner.ask(context=t % 2)
        ...     tuner.tell(choice, 10 + 100 * abs(choice.value - 1.3 - 0.4 * (t % 2)))
        >>> [tuner.ask(context=c).value for c in (0.0, 1.0)]
        [1.3, 1.7]

    Source: Chowdhury & Gopalan (2017), arXiv:1704.00445 (GP-TS); Agrawal & Goyal (2013),
    arXiv:1209.3352 for independent arms.
    """

    ARRAYS = ("_mean", "_blocks", "_noise", "_origin")

    def __init__(
        self,
        arms: Sequence[Any],
        seed: Seed,
        low: float = 0.0,
        high: float = 1.0,
        features: int = 8,
        reach: float = 0.25,
        cost_min: float = 0.0,
    ) -> None:
        loops(KERNELS)
        super().__init__(arms, seed, cost_min)
        d, m = len(self.arms), whole("features", features, low=1)
        self.reach = number("reach", reach, low=0)
        self._range = ContextRange(low, high)
        self._f, self._s = np.zeros(m), np.zeros(d)
        self._mean = np.zeros((m, d))
        between = np.abs(np.subtract.outer(np.arange(d), np.arange(d)))
        prior = (LEVEL + np.exp(-between / (reach * d)) if reach else LEVEL * np.eye(d)) / NOISE**2
        a, b = np.triu_indices(m)  # the order of the blocks in _gp_kernels
        self._blocks = np.where(a == b, 1.0 / (1.0 + a), 0.0)[:, None, None] * prior
        self._noise = np.array([WEIGHT, WEIGHT])  # observations, and their squares over NOISE^2
        self._origin = np.zeros(1)

    def _place(self, context: Any) -> float:
        return self._range.place(context) if len(self._f) > 1 else 0.0

    def _draw(self, x: float) -> tuple[int, float, tuple[float, ...]]:
        count, squares = self._noise.tolist()
        sigma = NOISE * math.sqrt(squares / count)
        normal = self._rng.standard_normal(len(self.arms))
        arm = loops(KERNELS).gp_ask(x, self._mean, self._blocks, sigma, normal, self._f, self._s)
        return arm, 1.0, ()

    def _learn(self, choice: Choice, x: float, excess: float) -> None:
        if not self._costs.mean:
            return  # every cost was the least: there is no arm to prefer
        y = math.log(max(excess, 1e-3 * self._costs.mean))
        if self._noise[0] == WEIGHT:
            self._origin[0] = y
        square = loops(KERNELS).gp_tell(
            x, choice.arm, y - self._origin[0],
            self._mean, self._blocks, self._f,
        )  # fmt: skip
        self._noise += (1.0, square / NOISE**2)

    def settings(self) -> dict[str, Any]:
        """Kind, arms, least cost, interval of contexts, number of features and reach."""
        here = {"low": self._range.low, "high": self._range.high, "features": len(self._f)}
        return super().settings() | here | {"reach": self.reach}
