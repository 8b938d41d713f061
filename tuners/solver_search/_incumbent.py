"""The best sampler so far, as validation sees it."""

from __future__ import annotations

import math

from ...solvers.diffusion.saved import Sampler
from .evaluator import Evaluator
from .refiner import NewBest


class Incumbent:
    """Keeps the better of what it is offered, starting from a given sampler.

    Args:
        sampler: The first; evaluated at once.
        validation: What decides.
        callback: Called with each new best and its score.

    Raises:
        ValueError: the first sampler diverges.
    """

    def __init__(self, sampler: Sampler, validation: Evaluator, callback: NewBest | None) -> None:
        self.sampler, self.score = sampler, validation(sampler)
        self.misses = 0
        self._validation, self._callback = validation, callback
        if not math.isfinite(self.score):
            raise ValueError(f"sampler: its score on validation is {self.score}; nothing to refine")

    def offer(self, sampler: Sampler) -> bool:
        """Evaluate a candidate; whether it is the new best. ``misses`` counts those in a row."""
        score = self._validation(sampler)
        if not score < self.score:
            self.misses += 1
            return False
        self.sampler, self.score, self.misses = sampler, score, 0
        if self._callback:
            self._callback(sampler, score)
        return True
