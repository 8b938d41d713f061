"""ChebCB: contextual bandit on Chebyshev fits of the cost of each arm."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ...schedules._checks import whole
from ._context import ContextRange
from ._learner import Array, Learner, Seed, loops
from .choice import Choice

KERNELS = "._cheb_kernels"


class ChebCB(Learner):
    """SquareCB with follow-the-leader fits of Chebyshev polynomials in the context.

    Each arm's cost, divided by K N, is fitted by theta with |theta_0| <= 1/N and
    |theta_j| <= 2/(N j), N = 2 + 4 (1 + log m), K the largest cost above the least so far; the
    box says that costs are Lipschitz in the context with constant K / (high - low). With s the
    predictions, p_i = 1 / (d + eta (s_i - min s)) and the best arm takes the rest;
    eta = 2 t sqrt(d t / (R + 2 a^2 t)), R the squared error of the predictions so far.

    As in the authors' code and unlike the paper, eta has the factor t (without it the mean cost
    is three times as high) and the Lipschitz constant is K / (high - low). Unlike the code, the
    arms' Gram matrices are kept instead of the history, so that a step costs the same at any t,
    and costs above the least are used in R as in the fit.

    Args:
        arms: What can be chosen.
        seed: Of the draws.
        low: Least context.
        high: Largest context; contexts outside are clipped, with one warning.
        features: Chebyshev polynomials T_0, ..., T_{m-1}, m >= 1.
        cost_min: Least possible cost.

    Example:
        >>> tuner = ChebCB(arms=(1.0, 1.9), seed=0, low=0.0, high=1.0, features=2)
        >>> for t in range(300):
        ...     choice = tuner.ask(context=t % 2)
        ...     tuner.tell(choice, 9.0 if (choice.value > 1.5) == (t % 2 == 0) else 5.0)
        >>> [int(tuner.probabilities(c).argmax()) for c in (0.0, 1.0)]
        [0, 1]

    Source: Khodak et al. (2024), arXiv:2310.02246, Algorithms 3 and 7; inverse-gap weighting:
    Foster & Rakhlin (2020), arXiv:2002.04926.
    """

    ARRAYS = ("_G", "_h", "_theta", "_active", "_sums")

    def __init__(
        self,
        arms: Sequence[Any],
        seed: Seed,
        low: float,
        high: float,
        features: int = 6,
        cost_min: float = 0.0,
    ) -> None:
        loops(KERNELS)
        super().__init__(arms, seed, cost_min)
        d, m = len(self.arms), whole("features", features, low=1)
        self._range = ContextRange(low, high)
        self._G, self._h, self._sums = np.zeros((d, m, m)), np.zeros((d, m)), np.zeros(3)
        self._theta, self._active = np.zeros((2, d, m))
        self._f, self._p = np.zeros(m), np.zeros(d)
        self._N = 2.0 + 4.0 * (1.0 + math.log(m))
        self._box = np.array([1.0, *(2.0 / j for j in range(1, m))]) / self._N
        # a_m of the paper with L (high - low) = K: the error of the best polynomial.
        self._a = (math.pi + 2.0 / math.pi * math.log(2 * m + 1)) / (2.0 * self._N * (m + 1))

    def probabilities(self, context: float) -> Array:
        """The chances of the arms at a context in the next round, shape (d,)."""
        self._ask(self._range.place(context), 0.0)
        return self._p.copy()

    def _eta(self) -> float:
        t, scale = self._costs.count, self._scale()
        square, product, costs = self._sums.tolist()
        R = square - 2.0 * product / scale + costs / scale**2
        return (
            2.0 * t * math.sqrt(len(self.arms) * t / (max(R, 0.0) + 2.0 * self._a**2 * t + 1e-300))
        )

    def _scale(self) -> float:
        """K N; any will do while every cost was the least."""
        return self._N * (self._costs.worst or 1.0)

    def _place(self, context: Any) -> float:
        return self._range.place(context)

    def _ask(self, x: float, u: float) -> int:
        return loops(KERNELS).cheb_ask(x, self._theta, self._eta(), u, self._f, self._p)

    def _draw(self, x: float) -> tuple[int, float, tuple[float, ...]]:
        arm = self._ask(x, self._rng.random())
        return arm, float(self._p[arm]), ()

    def _learn(self, choice: Choice, x: float, excess: float) -> None:
        every = excess >= self._costs.worst  # K has changed: so have all fits
        loops(KERNELS).cheb_tell(
            x, choice.arm, excess, self._G, self._h, self._theta,
            self._active, self._sums, self._box, self._scale(), every, self._f,
        )  # fmt: skip

    def settings(self) -> dict[str, Any]:
        """Kind, arms, least cost, interval of contexts and number of features."""
        here = {"low": self._range.low, "high": self._range.high, "features": len(self._f)}
        return super().settings() | here
