"""The contract of a refiner: a better sampler at the same cost."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from ...solvers.diffusion.saved import Sampler
from .evaluator import Evaluator

NewBest = Callable[[Sampler, float], None]
"""Called with each new best sampler and its score on validation."""


class Refiner(Protocol):
    """Makes a sampler better without changing what it costs."""

    def __call__(
        self,
        sampler: Sampler,
        train: Evaluator,
        validation: Evaluator,
        evaluations: int,
        callback: NewBest | None = None,
    ) -> Sampler:
        """The refined sampler, never worse on validation than the one given.

        Args:
            sampler: Where to start.
            train: What it is fitted to.
            validation: What it is chosen on.
            evaluations: How many evaluations it may cost, of both together.
            callback: ``callback(sampler, score)`` at each new best on validation, so that an
                interrupted run leaves something.
        """
        ...


class Allowance:
    """Evaluations that some judges may still do together.

    Args:
        evaluations: How many from now on.
        judges: Those whose evaluations count.
    """

    def __init__(self, evaluations: int, *judges: Evaluator) -> None:
        self._judges = judges
        for judge in judges:
            judge.settle()
        self._end = self._done() + evaluations

    @property
    def left(self) -> int:
        """How many there still are; below 0 where more were done."""
        return self._end - self._done()

    def _done(self) -> int:
        return sum(judge.cost.evaluations for judge in self._judges)
