"""The books of a search at one number of network evaluations."""

from __future__ import annotations

import math
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from ...solvers.diffusion.saved import Sampler
from .canonical import key
from .cost import Cost
from .evaluator import Evaluator
from .fixed import Scored


class Books:
    """What was scored on train, the best of it, and what each phase has cost."""

    def __init__(self, nfe: int) -> None:
        self.nfe = nfe
        self.fixed: list[Scored] = []
        self.names: dict[str, str] = {}
        self.costs: dict[str, Cost] = {}
        self.history: list[tuple[int, float]] = []
        self.told: dict[str, Scored] = {}
        self.best = math.inf
        self.count = 0
        self._fixed_scores: dict[str, float] = {}

    def take_fixed(self, ranked: Sequence[Scored]) -> None:
        """The fixed samplers with their scores; a search that asks for one is told that."""
        self.fixed = list(ranked)
        self.names = {key(s.sampler): s.name for s in ranked}
        self._fixed_scores = {key(s.sampler): s.score for s in ranked}

    def score(self, train: Evaluator, sampler: Sampler) -> float:
        """A sampler's score on train, evaluated if it is not known."""
        name = key(sampler)
        if name in self.told:
            score = self.told[name].score
        elif (known := self._fixed_scores.get(name)) is not None:
            score = known
        else:
            score = train(sampler, min(self.best, self.fixed[0].score if self.fixed else math.inf))
        self.take(sampler, score)
        return score

    def take(self, sampler: Sampler, score: float) -> None:
        """A sampler's score on train, as the search is told it."""
        name = key(sampler)
        self.count += 1
        self.told[name] = Scored(self.names.get(name, "search"), sampler, score)
        if score < self.best:
            self.best = score
            self.history.append((self.count, score))

    def top(self, count: int) -> list[Scored]:
        """The best that the search was told."""
        finite = [s for s in self.told.values() if math.isfinite(s.score)]
        return sorted(finite, key=lambda s: s.score)[:count]

    @contextmanager
    def spending(self, phase: str, *judges: Evaluator) -> Generator[None]:
        """Book what happens inside under a phase: what the judges did, and all wall time."""
        before, began = [judge.cost for judge in judges], time.perf_counter()
        try:
            yield
        finally:
            spent = sum((j.cost - b for j, b in zip(judges, before, strict=True)), Cost())
            spent = replace(spent, seconds=time.perf_counter() - began)
            self.costs[phase] = self.costs.get(phase, Cost()) + spent
