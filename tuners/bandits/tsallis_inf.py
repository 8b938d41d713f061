"""Tsallis-INF: the context-free bandit that is optimal against adversaries and at random."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from ...schedules._checks import number
from ._learner import Array, Learner, Seed, loops
from .choice import Choice

KERNELS = "._tsallis_kernels"


@dataclass(frozen=True)
class Estimator:
    """How the costs of all arms are estimated from that of one.

    k_i grows by 1{i = drawn} (cost - B_i) / p_i + B_i, which is unbiased for any B that is fixed
    before the draw; B_i = ``baseline`` times the scale of costs where p_i >= eta_t^2, else 0.

    Attributes:
        rate: eta_t = rate / sqrt(t), > 0.
        baseline: In [0, 1]; 0 is plain importance weighting.
    """

    rate: float
    baseline: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "rate", number("rate", self.rate, low=0, open_low=True))
        object.__setattr__(self, "baseline", number("baseline", self.baseline, low=0, high=1))


IMPORTANCE_WEIGHTED = Estimator(rate=2.0, baseline=0.0)
"""The paper's: less to explain."""

REDUCED_VARIANCE = Estimator(rate=4.0, baseline=0.5)
"""Zimmert and Seldin's: the better one in practice."""


class TsallisINF(Learner):
    """Follow the regularised leader with the Tsallis entropy of order 1/2.

    p = argmin over the simplex of <k / scale, p> - (4 / eta_t) sum_i sqrt(p_i), with k the
    estimated sums of costs; one arm is drawn from p. Context is not looked at.

    The reference normalises by 20 unguarded Newton steps, which leaves the probabilities
    unnormalised in nine steps of ten, and divides by a running mean that may be 0; here they are
    exact to 1e-13 per arm for any history, the same p serves draw and weight, and nothing finite
    makes the state non-finite.

    Args:
        arms: What can be chosen.
        seed: Of the draws.
        estimator: REDUCED_VARIANCE or IMPORTANCE_WEIGHTED, or another Estimator.
        cost_min: Least possible cost.
        cost_max: Largest possible cost, if known: the scale is then K = cost_max - cost_min as
            the theory has it, and the expected regret of IMPORTANCE_WEIGHTED is at most
            4 K sqrt(d T) + 1; a larger cost counts as cost_max. By default the scale is the mean
            seen so far, which is the better choice in practice (a third to a half fewer
            iterations in the paper's problem) and has no proof.

    Example:
        >>> tuner = TsallisINF(arms=("slow", "fast"), seed=0)
        >>> for _ in range(200):
        ...     choice = tuner.ask()
        ...     tuner.tell(choice, 3.0 if choice.value == "slow" else 1.0)
        >>> bool(tuner.probabilities()[1] > 0.9)
        True

    Source: Zimmert & Seldin (2021), JMLR 22(28), arXiv:1807.07623; Khodak et al. (2024),
    arXiv:2310.02246, Algorithms 2 and 4.
    """

    ARRAYS = ("_k",)

    def __init__(
        self,
        arms: Sequence[Any],
        seed: Seed,
        estimator: Estimator = REDUCED_VARIANCE,
        cost_min: float = 0.0,
        cost_max: float | None = None,
    ) -> None:
        loops(KERNELS)
        super().__init__(arms, seed, cost_min)
        if not isinstance(estimator, Estimator):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(f"estimator={estimator!r}: expected an Estimator")
        self.estimator = estimator
        if cost_max is not None:
            cost_max = number("cost_max", cost_max, low=cost_min, open_low=True)
        self.cost_max = cost_max
        self._k, self._p, self._B = np.zeros((3, len(self.arms)))

    @property
    def scale(self) -> float:
        """What costs above the least are divided by."""
        return self._costs.scale if self.cost_max is None else self.cost_max - self._costs.cost_min

    def probabilities(self) -> Array:
        """The chances of the arms in the next round, shape (d,)."""
        self._ask(0.0)
        return self._p.copy()

    def _ask(self, u: float) -> int:
        kind = self.estimator
        t = self._costs.count + 1.0
        return loops(KERNELS).tsallis_ask(
            self._k, self.scale, t, kind.rate, kind.baseline, u, self._p, self._B
        )

    def _draw(self, x: float) -> tuple[int, float, tuple[float, ...]]:
        arm = self._ask(self._rng.random())
        baselines = tuple(self._B.tolist()) if self.estimator.baseline else ()
        return arm, float(self._p[arm]), baselines

    def _learn(self, choice: Choice, x: float, excess: float) -> None:
        if self.cost_max is not None:
            excess = min(excess, self.scale)
        k, i, foreseen = self._k, choice.arm, 0.0
        if choice.baselines:
            k += choice.baselines
            foreseen = choice.baselines[i]
        k[i] = min(k[i] + (excess - foreseen) / choice.probability, 1e300)

    def settings(self) -> dict[str, Any]:
        """Kind, arms, least cost, estimator and scale."""
        return super().settings() | {"estimator": asdict(self.estimator), "cost_max": self.cost_max}
