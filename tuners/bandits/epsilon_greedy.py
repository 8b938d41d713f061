"""Epsilon-greedy: the best mean so far, and now and then any arm."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...schedules._checks import number
from ._learner import Seed
from ._means import Means


class EpsilonGreedy(Means):
    """With probability ``epsilon`` any arm, else the one of least mean cost; each arm once first.

    Args:
        arms: What can be chosen.
        seed: Of the draws.
        epsilon: In [0, 1].
        cost_min: Least possible cost.

    Example:
        >>> tuner = EpsilonGreedy(arms=(1.0, 1.5), seed=0, epsilon=0.0)
        >>> for _ in range(2):
        ...     choice = tuner.ask()
        ...     tuner.tell(choice, 10 - choice.value)
        >>> tuner.ask().value
        1.5

    Source: Sutton & Barto (2018), Reinforcement Learning, sec. 2.2.
    """

    def __init__(
        self, arms: Sequence[Any], seed: Seed, epsilon: float = 0.1, cost_min: float = 0.0
    ) -> None:
        super().__init__(arms, seed, cost_min)
        self.epsilon = number("epsilon", epsilon, low=0, high=1)

    def _draw(self, x: float) -> tuple[int, float, tuple[float, ...]]:
        untried = self._untried()
        if untried is not None:
            return untried, 1.0, ()
        d, best = len(self.arms), int(self._mean.argmin())
        arm = int(self._rng.integers(d)) if self._rng.random() < self.epsilon else best
        return arm, self.epsilon / d + (1 - self.epsilon) * (arm == best), ()

    def settings(self) -> dict[str, Any]:
        """Kind, arms, least cost and epsilon."""
        return super().settings() | {"epsilon": self.epsilon}
